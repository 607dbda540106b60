"""Text for people: cleaned of invisible characters and markup, cut into sentences; dates in UTC."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal


def clean_text(text: str) -> str:
    """Replace NUL and lone surrogates with U+FFFD and leave everything else as it is."""
    if "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        text.encode()
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)
    return text


# Control characters except tab and newline, bidirectional overrides and isolates, and halves of
# surrogate pairs.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """Drop the characters that could reorder, hide or break the page's text."""
    return _UNSEEN.sub("", text)


def seen(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the places, between two, of what ``clean`` leaves of a text."""
    for sign in _UNSEEN.finditer(text, begin, end):
        yield begin, sign.start()
        begin = sign.end()
    yield begin, end


MOST_MARKS = 30  # on one letter; "stream-safe" in Unicode's words (UAX #15)
# Marks are no letters, but for two of half-width Katakana.
_SIGNS = re.compile(rf"[\W\uff9e\uff9f]{{{MOST_MARKS + 1},}}")


def few_marks(text: str) -> str:
    """Return a text without the marks (accents, vowel signs) of a letter that has very many.

    No word of any language has thirty on one. To put them in order takes the square of their
    number: 100,000 take seconds.
    """
    if len(text) <= MOST_MARKS or text.isascii():
        return text
    return _SIGNS.sub(_few_marks, text)


def _few_marks(signs: re.Match[str]) -> str:
    kept, row = [], 0
    for sign in signs[0]:
        row = row + 1 if unicodedata.combining(_apart("NFKD", sign)[0]) else 0
        if row <= MOST_MARKS:
            kept.append(sign)
    return "".join(kept)


_apart = unicodedata.normalize  # noqa: TID251 - elsewhere: normal, whose time is bounded


def normal(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
    """Return a text in one of Unicode's forms, in a time that grows in line with it."""
    return _apart(form, few_marks(text))


def composed(name: str) -> str:
    """Return a name in Unicode's form NFC, in which all names are compared.

    macOS writes "é" as two characters in file names and what is copied from them (NFD), other
    systems write one. Names pass here where they enter: from files, file names, options. Prose
    (descriptions, personas' voices) stays as its author wrote it.
    """
    return normal("NFC", name)


def letters(name: str) -> str:
    """Return the words of a name: letters of any script and digits, small, a space between words.

    Names are compared by it where case and signs are not to count.
    """
    folded = normal("NFKC", name).casefold()
    kept = (c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in folded)
    return composed(" ".join("".join(kept).split()))


# What acts on a terminal, or is not seen there: controls (C0, C1) but tab and line feed, marks and
# overrides of direction, spaces and hyphens without a width, letters that are blank, tags, line
# ends that only some take for such, halves of surrogate pairs. Joiners of letters are text.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def harmless(text: str) -> str:
    """Return untrusted text fit for a terminal: what is hidden or acts becomes U+FFFD."""
    return HIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


_JOINERS = "\u200c\u200d"  # invisible characters that Persian words and emoji need


def one_line(text: str) -> str:
    """Return untrusted text as one line: what cannot be printed, and every run of spaces, is one.

    Neither a line feed in a name nor a sequence for a terminal is left in it.
    """
    kept = (c if c.isprintable() or c in _JOINERS else " " for c in text)
    return " ".join("".join(kept).split())


_JOIN = "\u00ad"  # a soft hyphen: stands in a word, and is no part of it
# Tags that only format, with attributes that say nothing. Pages show all tags as text, so any
# other is words, as "<not>" is, and so are those that strike words out. Comments are words, too.
# An address within a site is free text ("#not"), so only whole addresses say nothing.
_ATTRIBUTES = r"""(?:\s{1,9}(?:
    (?:href|src)\s?=\s?(?P<mark>["']?)(?:https?://|mailto:)[^\s"'<>]{0,300}(?P=mark)
    |(?:width|height|border)\s?=\s?["']?\d{1,5}(?:px|%)?["']?
    |(?:v?align)\s?=\s?["']?(?:left|right|center|top|middle|bottom)["']?
    |target\s?=\s?["']?_blank["']?
    |rel\s?=\s?["'](?:\s?(?:nofollow|noopener|noreferrer|ugc)){1,4}["']
    )){0,9}\s{0,9}/?>"""
_TAGS = re.compile(
    rf"""(?P<inline></?(?:a|abbr|b|big|code|em|font|i|ins|kbd|mark|q|small|span|strong|sub|sup|tt|u
    |var|wbr){_ATTRIBUTES})
    |(?P<block></?(?:article|blockquote|br|center|dd|details|div|dl|dt|figure|footer|h[1-6]|header
    |hr|img|li|main|ol|p|pre|section|summary|table|tbody|td|tfoot|th|thead|tr|ul)
    {_ATTRIBUTES.replace("mark>", "sign>").replace("=mark", "=sign")})
    |&(?:amp|lt|gt|quot|apos|nbsp|[mn]dash|hellip|[lr][sd]quo|[lr]aquo|bull|middot);""",
    re.I | re.X,
)
# What writes it in Markdown, where a quote was copied with it.
_MARKS = re.compile(
    r"(?P<link>(?<=\])(?:\([^()\s]{0,500}(?:\ (?:\"[^\"]{0,100}\"|'[^']{0,100}'))?\)"
    r"|\[[^\[\]]{0,100}\]))"
    r"|(?P<entity>&(?:\#\d{1,7}|\#x[0-9a-f]{1,6}|[a-z]{2,8}\d{0,2});)"
    r"|(?P<struck>~~[^~\n]{1,300}~~)"
    r"|(?P<fence>(?:^|(?<=\n))\ {0,3}(?:```|~~~)[^`\n]{0,100})"
    r"|(?P<quoted>(?:^|(?<=\n))>)",
    re.I,
)


# Stars and underscores beside a word, but neither those of "2 * 3" nor a "~" that means "about",
# nor a backtick inside a word, which stands for an apostrophe there.
_EMPHASIS = re.compile(
    r"\*+(?=\S)|(?<=\S)\*+|~~+|\u00ad|(?<!\w)`|`(?!\w)|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)|\\(?=[^\w\s])"
)


def without_tags(text: str, keep_length: bool = False) -> str:
    """Return a text without the tags that only format, and with such entities as are no words."""

    def plain(tag: re.Match[str]) -> str:
        sign = "" if tag["inline"] else " " if tag["block"] else html.unescape(tag[0])
        if not keep_length:
            return sign
        return sign.ljust(len(tag[0]), _JOIN if sign != " " else " ")

    return _TAGS.sub(plain, text) if "<" in text or "&" in text else text


def without_markup(text: str) -> str:
    """Return a text without such tags, targets of links, struck words and entities."""

    def plain(mark: re.Match[str]) -> str:
        if mark["entity"]:
            return html.unescape(mark[0])
        return "" if mark["link"] else " "

    return _MARKS.sub(plain, without_tags(text))


def legible(text: str) -> str:
    """Return a piece of a source as readers may see it: one line, without markup."""
    return " ".join(_EMPHASIS.sub("", without_markup(text)).replace("|", " ").split())


_SENTENCE_END = re.compile(
    r"""
    [.!?…] (?<! [.!?…]{2} ) [.!?…]*+ [\"'”’)\]]*+   # the marks, and quotes or brackets after them
    (?> (?: [ \u00a0\u202f]? » )? )                 # as in French
    (?= \s++[^a-z] | \s*+$ )                        # then no small letter
    | [。！？｡।۔؟] (?<! [。！？｡।۔؟]{2} ) [。！？｡।۔؟]*+ [”’」』）]*+   # where no blank need follow
    """,
    re.X,
)
_ABBREVIATION = re.compile(
    r"\b(?: [a-z](?:\.[a-z]){1,3} | vs|etc|approx|no|nr|dr|mr|mrs|ms|st|prof|inc|ltd|cf|fig|vol"
    r"|bzw|ca | et\ al )\.$",
    re.I | re.X,
)


def sentence_ends(text: str) -> Iterator[int]:
    """Yield where sentences end: behind the mark and what closes a quotation.

    A decimal point, an address and an abbreviation ("e.g.", "U.S.", "Inc.") end none.
    """
    for end in _SENTENCE_END.finditer(text):
        if not _ABBREVIATION.search(text, max(0, end.start() - 8), end.start() + 1):
            yield end.end()


_PAGE = re.compile(r"<(!doctype|html|head|title|body|center|h1)\b", re.I)
_TITLE = re.compile(r"<title[^<>]*>(.*?)(</title|$)", re.I | re.S)
UNREAD = re.compile(r"<!--.*?(-->|$)|<(script|style|head)\b.*?(</\2\s*>|$)", re.I | re.S)
_TAG = re.compile(r"<[^>]*(>|$)")
PAGE_WORDS = 120  # characters of a web page that a sentence shows


def without_pages(text: str) -> str:
    """Return a message in which a web page is its title, or else its first line of text.

    Gateways put whole pages into their errors, alone or after words of their own; what follows
    the beginning of a page is part of it.
    """
    page = _PAGE.search(text)
    if page is None:
        return text
    markup = text[page.start() :]
    title = _TITLE.search(markup)
    words = one_line(html.unescape(title[1])) if title else ""
    if not words:
        lines = _TAG.sub("\n", UNREAD.sub("", markup)).split("\n")
        words = next(filter(None, (one_line(html.unescape(line)) for line in lines)), "")
    shown = f'the web page "{shortened(words, PAGE_WORDS)}"' if words else "a web page"
    return text[: page.start()] + shown


_ENDED = re.compile(r"[.!?…。！？।۔؟][\"'”’»)\]]*$")


def sentence(text: str) -> str:
    """Return a text that ends as a sentence does, so that another can follow it."""
    text = text.rstrip()
    return f"{text}." if text and not _ENDED.search(text) else text


_BLANK = "[ \u00a0\u202f]?"
_INNER = (  # what may be quoted inside a text, of which « and " need their other half
    (re.compile("„([^“”„]*)[“”]"), r"‘\1’"),
    (re.compile("“([^“”]*)”"), r"‘\1’"),
    (re.compile(f"«{_BLANK}([^«»]*?){_BLANK}»"), r"‘\1’"),
    (re.compile("»([^«»]*)«"), r"‘\1’"),
    (re.compile(r'(?<![\w"])"(?=\S)([^"]*)(?<=\S)"(?!\w)'), r"‘\1’"),
    (re.compile("[“„]"), "‘"),
    (re.compile("”"), "’"),
)


def in_quotes(text: str) -> str:
    """Return a text in quotation marks; those inside it become single ones."""
    for marks, single in _INNER:
        text = marks.sub(single, text)
    return f"“{text}”"


def unwrapped(text: str) -> str:
    """Return a text without the line breaks inside its sentences, as a quote of a file has them.

    Blank lines stay, and so do lists, headings and what begins after the end of a sentence.
    """
    return re.sub(r"(?<=[^\W_]|[,;—–-])[ \t]*\n[ \t]*(?=[^\W\d_])", " ", text)


def shortened(text: str, most: int) -> str:
    """Return cleaned text; one longer than ``most`` characters is cut after a word."""
    text = clean(text)
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    whole = cut.rsplit(None, 1)[0]
    return (whole if len(whole) > most // 2 else cut).rstrip(" ,.;:–-") + "…"


def counted(many: int, one: str, more: str | None = None) -> str:
    """Return a count with its words: 1 tool, 2 tools; ``more``: the words where it is not one."""
    return f"{many:,} {one if many == 1 else more or one + 's'}"


def how_long(seconds: float) -> str:
    """Return a span of time in words, roughly: 42 s, 6 min, 3 h, 2 days."""
    units = (("days", 86_400, 2), ("h", 3600, 2), ("min", 60, 1), ("s", 1, 0))
    unit, size = next((word, size) for word, size, least in units if seconds >= least * size)
    return f"{seconds / size:.0f} {unit}"


def time_left(done: int, of: int, seconds: float) -> str:
    """Say how long work still takes if it goes on as it did for so many seconds; "" if unknown.

    By the mean of all of it: of what takes minutes for one piece, nothing shorter tells.
    """
    left = of - done
    return f"about {how_long(seconds / done * left)} left" if done and left > 0 else ""


def in_words(label: str) -> str:
    """Return a label of the store in words: not_found is "not found", http_503 is "HTTP 503"."""
    for ours, theirs in (("http_", "HTTP "), ("tls_", "TLS "), ("_api", " API"), ("_", " ")):
        label = label.replace(ours, theirs)
    return label


def day(asked_at: str) -> str:
    """Return the UTC date of an ISO time, or the text itself if it is not one."""
    try:
        return utc(datetime.fromisoformat(asked_at)).date().isoformat()
    except ValueError:
        return asked_at


def utc(moment: datetime) -> datetime:
    """Return the moment in UTC; one without a time zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
