"""Reads a text as words alone, so that a quote is found whatever marks stand between them.

Quotation marks, dashes, brackets, line breaks, table pipes, bullets, emphasis, soft hyphens and
accents do not count; figures, "%", money and signs such as "+" do. A description is read as its
page shows it, but for the tags of HTML that only format; a quote as its writer may have meant it.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from operator import itemgetter

from panel.text import clean, legible, normal, without_markup, without_tags
from panel.workspace.page_text import PageText, page_text

# Kinds of characters: w letter, d digit, c letter of a script without blanks, j part of a word
# that is not compared, m the same but between digits, ' apostrophe, n sign between digits, s sign
# that is compared.
_TOKEN = re.compile(
    r"(?:(?<![^ ])-(?=n?d))?(?:(?<![wdn'jm])n(?=d))?"
    r"[wd][wdj]*+(?:(?:'|(?<=d)n(?=d)|(?<!d)m++|m++(?!d))[wdj]++)*\#?"
    r"|c[jm]*+|s|<(?= {0,4}[ds])"
)
_KINDS = dict.fromkeys("'’ʼ‘‛`´′＇", "'") | dict.fromkeys(".,", "n") | dict.fromkeys("-−‐‒–", "-")
_KINDS |= dict.fromkeys("%‰$€£¥₹±≥≤≠≈×+°", "s") | dict.fromkeys("*~\\", "m") | {"#": "#"}
_KINDS |= dict.fromkeys("<>", "<")
SENTENCE_END = re.compile(r"[.!?](?:\s|$)|[。！？]")
# The words before a quote, each with the sign of what stands behind it (see _mark). Behind a "not"
# a comma may stand, or an aside ("not - yet - free"); a "no" denies what follows at once.
_NOT = r"(?:not|non|never|cannot|[a-z]{1,9}n't|(?:do|does|did|is|are|ca|wo)nt)"
_BETWEEN = "(?:longer|more|yet|ever|even|currently|really|actually|always|an?|the|any)"
_DENIED = re.compile(
    rf"(?:^|[ ,(|.])(?:{_NOT}[ ,(|]|(?:{_NOT}|no|nor|neither|without)[ (](?:{_BETWEEN} ){{0,2}}"
    rf"|{_NOT}[,(](?!(?:and|but|so(?! far)|or|if|it|you|we|they)\b)"
    r"(?:[^ ,(|.]+ ){0,4}[^ ,(|.]+[,(])$"
)
# Signs and words that deny what stands behind them, or what they answer: behind it, in the cell.
_CROSS = r"(?:[❌❎✗✘✖☒🚫⛔⛌🗙🅇👎🔴]\ufe0f?|\[ \])"
_CROSSED = re.compile(rf"(?:{_CROSS}\)?|(?<!\w)(?:no|not|never|nein|non)[:=])[\s*_~]{{0,9}}$", re.I)
_NO_ANSWER = (
    r"(?:no|none|nein|non|never|false|n/a|×|un(?:supported|available)|missing"
    r"|not(?: (?:yet|supported|included|available|planned|certified))?)(?!\w)"
)
_ANSWER = rf"[\s*_]{{0,9}}(?:[:|=→–—?(-]{{1,3}}[\s*_(]{{0,9}}(?:{_CROSS}|{_NO_ANSWER})|{_CROSS})"
MAY_ANSWER_NO = re.compile(_ANSWER, re.I)  # where lines are not told apart
_ANSWERED_NO = re.compile(_ANSWER + r"[\s*_]{0,9}(?:[.,;|()]|\n|$)", re.I)
_NO = re.compile(
    rf"[\s*_]{{0,9}}[:|=→–—-]{{1,3}}[\s*_]{{0,9}}(?:{_CROSS}|(?:no|none|not|never|nein|non|false)\b)"
    r"[\s*_]{0,9}(?:[.,;|)]|\n|$)",
    re.I,
)
_NO = re.compile(rf"\b(?:{_NOT}|no|nor|neither|without)\b")
_ASIDE = 7  # words before a quote that are searched for a "not"
_APART = re.compile(r"[|\t]|\n\s*\n|\n\s*[-*+•]\s")  # cells, paragraphs, items
_CLAUSE = re.compile(r"[,;:—–―…/]|(?<!\S)-+(?!\S)")
# Letters that look like those of a "not".
_ALIKE = str.maketrans({"`": "'"} | dict.fromkeys("øоοօ", "o") | {"е": "e", "т": "t", "ո": "n"})
# A cut (NUL) between a number and a sign or figures that belong to it.
_DASHES = "‐‑‒–—―−﹣－-"
_JOIN = r"(?:_|[^\w\s|()\[\]{};!?\"“”„«»&])"  # whatever stands right between two figures
_MONEY = "$¢-¥֏؋฿៛₠-⃀﷼﹩＄￠￡￥￦"
_BLANK = r",?\s{1,4}"
_TORN = re.compile(
    rf"(?:(?<![\w.])[.,]|(?<!\w)[{_DASHES}]|(?:[±≥≤≠≈<]|(?<![=-])>)=?\s?|[+×]|[{_MONEY}]\s?)\0\d"
    rf"|\d{_JOIN}?\0{_JOIN}?\d|\d\0(?:\s?[%‰]|[+°]|\s?[{_MONEY}](?!\s?\d))"
    rf"|(?<![\w.,])\d{{1,3}}(?:{_BLANK}\0|,?\0{_BLANK})\d{{3}}(?!\d)"
)
_DIGIT = re.compile(r"\d")
_FAR = 40  # characters beside a cut that are searched for these
_TAG = re.compile(r"</?[a-z!?][^<>]*>", re.I)
_MARKED = tuple("<>&[~`")  # without one of these a quote has no markup
_WITHOUT_BLANKS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "IDEOGRAPHIC")


class _Table(dict[int, str]):
    """The kind of each character, found when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = kind = _kind(chr(code))
        return kind


def _kind(character: str) -> str:
    plain = normal("NFKC", character)
    for each in (character, plain):
        if each in _KINDS:
            return "'" if each == "`" else _KINDS[each]
    if unicodedata.category(plain[:1] or character) in ("Mn", "Me", "Cf"):
        return "j"
    if plain.isdecimal():
        return "d"
    if unicodedata.name(plain[:1] or character, "").startswith(_WITHOUT_BLANKS):
        return "c" if character.isalnum() else " "
    return "w" if character.isalnum() or unicodedata.category(character) == "Mc" else " "


_TABLE = _Table()


def _folded(token: str) -> str:
    if token.isascii():
        token = token.lower()
    else:
        token = token.translate(_STRAIGHT)  # NFKD makes a blank of "´"
        token = normal("NFKD", normal("NFKD", token).casefold())
        token = "".join(
            str(unicodedata.decimal(each, each))
            for each in token
            if unicodedata.category(each) not in ("Mn", "Me", "Cf")
        )
    for mark in _LEFT_OUT:
        token = token.replace(mark, "")
    return token


_LEFT_OUT = "*~\\"
_STRAIGHT = str.maketrans(dict.fromkeys("’ʼ‘‛´′", "'") | dict.fromkeys("−‐‒–", "-"))


@dataclass(frozen=True)
class Reading:
    """The words of a text in order.

    words: folded; spots: where each stands on the page; plain: the page's text with what is left
    out of tags overwritten; page: the text that was read.
    """

    words: tuple[str, ...]
    spots: tuple[tuple[int, int], ...]
    plain: str
    page: PageText

    @cached_property
    def text(self) -> str:
        """The words, with a blank before and after each."""
        return f" {' '.join(self.words)} "

    @cached_property
    def _starts(self) -> list[int]:
        starts, place = [], 1
        for word in self.words:
            starts.append(place)
            place += len(word) + 1
        return starts

    def at(self, place: int) -> int:
        """Return which word stands at a place of ``text``."""
        return max(0, bisect_right(self._starts, place) - 1)

    def after(self, place: int) -> int:
        """Return the number of the first word that ends behind a place in the source; 0 if none."""
        if not place:
            return 0
        ends = (lambda spot: self.page.back(*spot)[1]) if self.page.parsed else itemgetter(1)
        found = bisect_right(self.spots, place, key=ends)
        return found if found < len(self.spots) else 0

    def start(self, word: int) -> int:
        """Return where a word begins in ``text``."""
        return self._starts[word]

    def likeliest(self, words: tuple[str, ...], begin: int) -> int:
        """Return the word from ``begin`` on behind which most of these words stand together.

        The fewer there are of a word in the text, the more it says.
        """
        wanted, here = set(words), self.words[begin:]
        known = Counter(here)
        told = [1 / known[word] if word in wanted else 0.0 for word in here]
        sums, width = [0.0, *accumulate(told)], min(len(words), len(here))
        most = max(range(len(here) - width + 1), key=lambda at: sums[at + width] - sums[at])
        return begin + most

    def back(self, first: int, last: int) -> tuple[int, int]:
        """Return the place in the source of the words from ``first`` to the one before ``last``."""
        return self.page.back(self.spots[first][0], self.spots[last - 1][1])

    def shown(self, first: int, last: int) -> str:
        """Return these words as readers may be shown them: one line, without signs of markup."""
        piece = self.page.text[self.spots[first][0] : self.spots[last - 1][1]]
        if self.page.parsed:
            return " ".join(without_tags(piece).replace("\u00ad", "").split())
        return legible(piece)

    def gap(self, last: int, first: int) -> str:
        """Return what stands on the page between the word before ``last`` and ``first``."""
        return self.plain[self.spots[last - 1][1] : self.spots[first][0]]

    def denied(self, word: int) -> bool:
        """Whether a "not", a "no" or a cross stands right before a word, in its sentence."""
        start = self.spots[word][0]
        if _CROSSED.search(self.plain[max(0, start - _FAR) : start]):
            return True
        before = range(max(0, word - _ASIDE), word)
        if not _NO.search(" ".join(self.words[before.start : word]).translate(_ALIKE)):
            return False  # as for most
        told = (self.words[at] + _mark(self.gap(at + 1, at + 1)) for at in before)
        return _DENIED.search("".join(told).translate(_ALIKE)) is not None

    def answered_no(self, last: int) -> bool:
        """Whether the words before the one at ``last`` are followed by a "no" of their own."""
        end = self.spots[last - 1][1]
        return _ANSWERED_NO.match(self.plain[end : end + _FAR]) is not None

    def torn(self, first: int, last: int) -> bool:
        """Whether the words from ``first`` to the one before ``last`` are cut out of a number.

        They may neither begin nor end beside a sign or figures that belong to their number.
        """
        start, end = self.spots[first][0], self.spots[last - 1][1]
        pieces = ((max(0, start - _FAR), start), (start, end), (end, end + _FAR))
        return torn(*(_TAG.sub(" ", self.plain[one:two]) for one, two in pieces))

    def find(self, words: tuple[str, ...], begin: int = 0) -> int | None:
        """Return the number of the word from which on these words stand; None where they do not."""
        if not words or begin >= len(self.words):
            return None
        place = self.text.find(f" {' '.join(words)} ", self._starts[begin] - 1)
        return self.at(place + 1) if place >= 0 else None


@lru_cache(maxsize=256)  # it takes as much as thirty times the text, which is asked for in order
def page_reading(text: str, begin: int = 0, end: int | None = None) -> Reading:
    """Return the reading of a text in which Markdown stands between two places. Cached."""
    page = page_text(text, begin, len(text) if end is None else end)
    plain = without_tags(page.text, keep_length=True)
    return Reading(*_words(plain), plain, page)


@lru_cache(maxsize=4096)
def quoted(quote: str) -> tuple[tuple[str, ...], ...]:
    """Return the words of a quote: as it is, and without markup where it has any. Cached."""
    quote = clean(quote)
    plain = without_markup(quote) if any(map(quote.__contains__, _MARKED)) else quote
    return tuple(_words(each)[0] for each in dict.fromkeys((quote, plain)))


def torn(before: str, piece: str, after: str) -> bool:
    """Whether a piece of a text is cut out of a number, by what stands before and after it."""
    begins, ends = _counted(piece[:_FAR]), _counted(piece[-_FAR:])
    if _DIGIT.search(begins[:2]) and _TORN.search(f"{_counted(before[-_FAR:])}\0{begins}"):
        return True
    if not _DIGIT.search(ends[-2:]):
        return False
    return _TORN.search(f"{ends}\0{_counted(after[:_FAR])}") is not None


def _counted(text: str) -> str:
    """Return a text without marks that do not count."""
    if text.isascii() and not any(map(text.__contains__, _LEFT_OUT)):
        return text
    return "".join(each for each in text if _TABLE[ord(each)] not in ("j", "m"))


def _mark(gap: str) -> str:
    """Return a sign for what stands between two words: the strongest of what is in it."""
    if SENTENCE_END.search(gap):
        return "."
    if _APART.search(gap):
        return "|"
    if "(" in gap or ")" in gap:
        return "("
    return "," if _CLAUSE.search(gap) else " "


def _words(text: str) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    places = tuple([token.span() for token in _TOKEN.finditer(text.translate(_TABLE))])
    if text.isascii() and not any(map(text.__contains__, _LEFT_OUT)):
        small = text.lower()
        return tuple([small[start:end] for start, end in places]), places
    return tuple(_folded(text[start:end]) for start, end in places), places
