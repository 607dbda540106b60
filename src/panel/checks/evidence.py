"""Finds the quotes of a verdict in all that the persona was shown of a tool.

One search serves everybody: the check, the desk that shows where a quote stands, and whoever
publishes. So a quote that the check calls invented is published by nobody.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz

from panel.checks.findings import Finding, Severity, Span, Subject, whole
from panel.checks.folding import folded
from panel.checks.shown import ShownSource, shown_source
from panel.checks.source import ById
from panel.checks.wordings import differs, kept
from panel.workspace.passages import picked
from panel.workspace.reading import MAY_ANSWER_NO, SENTENCE_END, Reading, page_reading, quoted, torn
from panel.workspace.tools import Tool

CLOSE = 85.0  # percent of letters in common that make two passages the same one
SAME = 95.0  # percent above which other words are a slip of the pen
WITHIN = 600  # characters between the first and the last part of a quote with an ellipsis
SHORT = 12  # characters; shorter quotes must match letter for letter
NEAR = 100  # characters before a quote that are searched for a "not"
PLACES = 20  # of one quote that are tried for one without a "not" before it
WORK = 100_000_000  # steps to find one quote's nearest place among all: a tenth of a second
PIECE = 3  # words of a line that is quoted beside another, unless it has its label

_ELLIPSIS = re.compile(r"[\[(]?(?:\. ?\. ?\.|…|⋯)[\])]?")
_EDGES = " .,;:!?'\"()[]*_-"
_DENIED = re.compile(r"\b(?:not?|non|never|none|nor|without|cannot|hardly|\w+n't)\b")
# What of a sentence before a quote may deny it, or say nothing.
_DENIES = re.compile(
    r"\b(?:not?|nor|non|never|neither|without|cannot)\b|n\Wt\b|\b(?:do|does|did|is|are|ca|wo)nt\b"
    r"|[^\x00-\x7f–—“”’…•€£]|[*~\\<]|\[ \]|(?:^|\0)\W+$"
)
# One of these is in all of that.
_HINTS = ("no", "ne", "nt ", "n't", "n`t", "without", "[ ]", *"*~\\<\0")
_BLANK, _STOPS = ("", " "), ".,;:!?"
_LABELS = "Name|Tagline|Category|Entry price|Plan|Released"
_LINES = re.compile(rf"[\n;|]|[.,]? (?=(?:{_LABELS}): )")
_LABEL = re.compile(r"[ *]*(?P<label>[^\W\d][\w ]{0,30}?)[ *]*:[ *]+(?P<value>\S.*)", re.S)


@dataclass(frozen=True, slots=True)
class FoundQuote:
    """Where a quote stands in the source, and what the source says there.

    spans: places in ``ShownSource.text``, one for each part between ellipses. words: what may be
    published: the quote, or the source's own words where the letters differ. exact: the words
    agree. altered: the source says something else there (another number, a "not").
    """

    spans: tuple[Span, ...]
    words: str
    exact: bool
    altered: bool

    @property
    def span(self) -> Span:
        """The place from the first part to the last."""
        return self.spans[0][0], self.spans[-1][1]


def find_quote(quote: str, tool: Tool) -> FoundQuote | None:
    """Return where a quote stands in all that was shown of a tool; None where it does not.

    Word for word in the description, else in the other fields or over several of them, else
    with small slips; see ``locate_evidence``.
    """
    source = shown_source(tool)
    reading = _reading(source)
    for start in (source.description.start, 0):
        if stands := _stands(quote, reading, start, near=False):
            stands = _undenied(quote, reading, stands)
            if listed := _with_its_no(stands):
                return _as_shown(listed, exact=True, altered=_cut_out(listed))
            return _found(quote, stands)
    if stands := _lines(quote, source):
        altered = any(_cut_out([stand]) for stand in stands)
        return _as_shown(stands, exact=True, altered=altered)
    stands = _stands(quote, reading, 0, near=True)
    return _found(quote, stands) if stands else None


def _reading(source: ShownSource) -> Reading:
    start = source.description.start
    return page_reading(source.text, start, start + len(source.description.text))


def published_quotes(quotes: tuple[str, ...], tool: Tool) -> tuple[str, ...]:
    """Return the quotes that may be shown to readers as the vendor's words, each once.

    Those that stand in what was shown of the tool, without another number or a "not"; one
    whose letters differ comes in the source's own words.
    """
    found = (find_quote(quote, tool) for quote in quotes)
    return tuple(dict.fromkeys(each.words for each in found if each and not each.altered))


def locate_evidence(quote: str, description: str) -> Span | None:
    """Return the (start, end) of a quote in a description; None where it is not there.

    Case, marks, markup, accents, blanks and line breaks do not count. An ellipsis stands for
    words left out. Small slips are forgiven. A quote with a changed number or an added "not"
    is still located; ``check_evidence`` reports it.
    """
    stands = _stands(quote, page_reading(description), 0, near=True)
    return (stands[0].span[0], stands[-1].span[1]) if stands else None


@dataclass(frozen=True, slots=True)
class _Stand:
    """One part of a quote, and the words of the source that it stands for."""

    given: tuple[str, ...]
    reading: Reading
    first: int
    last: int

    @property
    def span(self) -> Span:
        return self.reading.back(self.first, self.last)

    @property
    def shown(self) -> str:
        return self.reading.shown(self.first, self.last)

    @property
    def words(self) -> tuple[str, ...]:
        return self.reading.words[self.first : self.last]


def _letter_for_letter(quote: str, line: str) -> bool:
    """Whether a line plainly has a quote: whole words, no "not" before them, no number to cut."""
    start = line.find(quote)
    if start < 0 or not any(map(str.isalnum, quote)):
        return False
    end = start + len(quote)
    before, after = line[max(0, start - NEAR) : start], line[end : end + NEAR]
    whole_words = before[-1:] in _BLANK and (
        after[:1] in _BLANK or (after[0] in _STOPS and after[1:2] in _BLANK)
    )
    if not whole_words or _may_deny(before) or MAY_ANSWER_NO.match(after):
        return False
    return not torn(before, quote, after)


def _may_deny(before: str) -> bool:
    sentence = before.rpartition(". ")[2].lower()
    if (
        sentence.isascii()
        and sentence[:1].isalnum()
        and not any(map(sentence.__contains__, _HINTS))
    ):
        return False
    return _DENIES.search(sentence) is not None


def _found(quote: str, stands: list[_Stand]) -> FoundQuote:
    exact = all(stand.given == stand.words for stand in stands)
    altered = _cut_out(stands) or any(differs(stand.given, stand.words) for stand in stands)
    text = folded(stands[0].reading.page.text).text
    parts = (folded(part).text.strip(_EDGES) for part in _ELLIPSIS.split(quote))
    if exact and all(part in text for part in parts):
        return FoundQuote(tuple(stand.span for stand in stands), quote, exact, altered)
    return _as_shown(stands, exact, altered)


def _as_shown(stands: list[_Stand], exact: bool, altered: bool) -> FoundQuote:
    """Return what was found in the words of the page."""
    words = " … ".join(stand.shown for stand in stands)
    return FoundQuote(tuple(stand.span for stand in stands), words, exact, altered)


def _cut_out(stands: list[_Stand]) -> bool:
    """Whether a quote is cut so that it says something else: out of a number, or without a "not".

    Such a "not" stands before the first word of a part, in its sentence; or a "no" behind a part.
    A part of a single word stands beside no other sentence.
    """
    reading = stands[0].reading
    if any(reading.torn(stand.first, stand.last) for stand in stands):
        return True
    for one, two in itertools.pairwise(stands):
        *ended, gap = SENTENCE_END.split(reading.gap(one.last, two.first))
        if _DENIED.search(folded(gap).text):
            return True
        if ended and min(len(one.given), len(two.given)) == 1:  # a sentence of one's own
            return True
    return any(reading.denied(one.first) or reading.answered_no(one.last) for one in stands)


def _with_its_no(stands: list[_Stand]) -> list[_Stand]:
    """Return where a quote of a list of denials ("API, no server") stands with its first "no"."""
    one = stands[0]
    if not one.reading.denied(one.first) or one.reading.words[one.first - 1] != "no":
        return []
    if "no" not in one.given:
        return []
    return [_Stand(("no", *one.given), one.reading, one.first - 1, one.last), *stands[1:]]


def _undenied(quote: str, reading: Reading, stands: list[_Stand]) -> list[_Stand]:
    """Return where a quote stands that is not cut out so, if anywhere; else ``stands``."""
    found = stands
    for _ in range(PLACES if found else 0):
        if not _cut_out(found):
            return found
        before, found = found, _stands(quote, reading, found[0].span[1], near=False)
        if not found or found[0].span[0] <= before[0].span[0]:
            break
    return stands


def _stands(quote: str, source: Reading, begin: int, near: bool) -> list[_Stand]:
    """Return where the parts of a quote stand in a text, in order; [] where one is missing."""
    parts = [quoted(part) for part in _ELLIPSIS.split(quote)]
    ways = dict.fromkeys(
        tuple(words for part in parts if (words := part[number])) for number in (0, -1)
    )
    work, start = WORK // len(parts) if near else 0, source.after(begin)
    for given in ways:
        stands: list[_Stand] = []
        for words in given:
            stand = _part(words, source, stands[-1].last if stands else start, work)
            if stand is None:
                break
            stands.append(stand)
        if not stands or len(stands) < len(given):
            continue
        if stands[-1].span[1] - stands[0].span[0] <= len(quote) + WITHIN:
            return stands
    return []


def _part(given: tuple[str, ...], source: Reading, begin: int, work: int) -> _Stand | None:
    exact = source.find(given, begin)
    if exact is not None:
        return _Stand(given, source, exact, exact + len(given))
    wanted = " ".join(given)
    if not work or len(wanted) < SHORT or begin >= len(source.words):
        return None
    start, end = source.start(begin), len(source.text)
    most = work // (len(wanted) * (1 + len(wanted) // 64))  # characters that are searched
    if end - start > most:
        # Of a long text only the part that has the most of the quote's rare words.
        start = max(start, source.start(source.likeliest(given, begin)) - len(wanted))
        end = min(end, start + 3 * len(wanted))
        if end - start > most:  # nobody slips in so long a quote
            return None
    rest = source.text[start:end]
    best = fuzz.partial_ratio_alignment(wanted, rest, score_cutoff=CLOSE)
    if len(rest) < SHORT or best is None or best.dest_end - best.dest_start < len(wanted) // 2:
        return None
    first, last = source.at(start + best.dest_start), source.at(start + best.dest_end - 1) + 1
    before, after = kept(given, source.words[first:last])
    return _Stand(given, source, first + before, last - after)


def _lines(quote: str, source: ShownSource) -> list[_Stand]:
    """Return where a quote's lines or labelled fields stand, each for itself; [] where not."""
    lines = [line for line in _LINES.split(quote) if line.strip(_EDGES)]
    found: list[_Stand] = []
    for line in lines:
        labelled = _LABEL.fullmatch(line)
        stands = _field(labelled["value"], source) if labelled else []
        if not stands and len(lines) > 1 and (labelled or len(line.split()) >= PIECE):
            reading = _reading(source)
            stands = _undenied(line, reading, _stands(line, reading, 0, near=False))[:1]
        if not stands:
            return []
        found += stands
    return sorted(found, key=lambda stand: stand.span)


def _field(value: str, source: ShownSource) -> list[_Stand]:
    """Return the place of a value at the start of a field, whatever its label is."""
    words, reading = quoted(value)[-1], _reading(source)
    for field in source.fields:
        first = reading.after(field.start)
        last = first + len(words)
        if words and reading.words[first:last] == words:
            stand = _Stand(words, reading, first, last)
            if stand.span[1] <= field.start + len(field.text):
                return [stand]
    return []


def check_evidence(subject: Subject) -> list[Finding]:
    """Find quotes that are not in what was shown of the tool, or that read differently there.

    Where a model picked the sentences of a take, each of those is a quote.
    """
    if not subject.evidence:
        if not subject.beats:  # an editor's words need not carry quotes
            return []
        says = ("the verdict has no quote", "Ask again, or quote the words it rests on.")
        return [whole("evidence-missing", "warning", says)]
    quotes = [*subject.evidence, *(map(picked, subject.beats.values()) if subject.picked else ())]
    found = (_quote(quote, subject.tool) for quote in dict.fromkeys(quotes))
    return [finding for finding in found if finding is not None]


def _quote(quote: str, tool: Tool) -> Finding | None:
    return _judged(quote, ById(tool))


@lru_cache(maxsize=1024)
def _judged(quote: str, key: ById[Tool]) -> Finding | None:
    """Find what is wrong with a quote; several personas give the same, so the latest are kept."""
    tool = key.thing
    if _letter_for_letter(" ".join(quote.split()), shown_source(tool).line):
        return None  # as for most
    found = find_quote(quote, tool)
    if found is None:
        says = (
            "this quote is nowhere in what the reviewer was shown, so it is not published",
            "Remove it, or quote the description word for word; see whether the verdict needs it.",
        )
        return whole("evidence-not-found", "error", says, quote)
    source = shown_source(tool)
    stands = source.text[slice(*found.span)]
    if not found.altered and (found.exact or _ELLIPSIS.search(quote)):
        return None
    given, there = (" ".join(quoted(text)[-1]) for text in (quote, found.words))
    if not found.altered and fuzz.ratio(given, there) >= SAME:
        return None
    severity: Severity = "error" if found.altered else "note"
    says = (
        f"the source says it differently: “{' '.join(stands.split())}”",
        "Quote the source word for word; see whether the verdict still follows.",
    )
    place = source.description.cut(found.span)
    return Finding("evidence-altered", severity, None, quote, *says, source_span=place)
