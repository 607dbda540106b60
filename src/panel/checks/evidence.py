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
from panel.checks.folding import Folded, folded
from panel.checks.source import ById
from panel.workspace.tools import Tool

CLOSE = 85.0  # percent of letters in common that make two passages the same one
WITHIN = 600  # characters between the first and the last part of a quote with an ellipsis
SHORT = 12  # characters; shorter quotes must match letter for letter

_ELLIPSIS = re.compile(r"\[?(?:\.\.\.|…)\]?")
_EDGES = " .,;:!?'\"()[]*_-"
# What turns a quote into another one, however alike the letters are.
_TELLING = re.compile(
    r"""
    \d+(?:[.,]\d+)* | [%$€£]                              # figures, percent, money
    | \b(?:
        not?|never|none|without|nor|cannot                # negations
        |only|every|all|any|most|up|least                 # "up to", "at least"
        |un\w+|in(?: able|accurate|complete|compatible )  # prefixes that deny
        |\w+n't
      )\b
    """,
    re.X,
)
_DENIED = re.compile(r"\b(?:not?|never|none|nor|without|cannot|hardly|\w+n't)\b")
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)")

DESCRIPTION = "Description"


@dataclass(frozen=True, slots=True)
class ShownField:
    """One field of a tool as its reviewers are shown it; ``start``: its place in the source."""

    label: str
    text: str
    start: int

    def cut(self, span: Span) -> Span | None:
        """Return the part of a span of the source that lies in this field, as places in it."""
        start, end = max(0, span[0] - self.start), min(len(self.text), span[1] - self.start)
        return (start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class ShownSource:
    """All that reviewers are shown of a tool: one text, and the fields in it."""

    text: str
    fields: tuple[ShownField, ...]


@dataclass(frozen=True, slots=True)
class FoundQuote:
    """Where a quote stands in the source, and what the source says there.

    spans: places in ``ShownSource.text``, one for each part between ellipses. words: what may be
    published: the quote, or the source's own words where the quote has slips. exact: the letters
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


def shown_source(tool: Tool) -> ShownSource:
    """Return all that reviewers are shown of a tool; cached for the latest tools.

    In the order and with the labels of the shipped template ``prompts/review.md.j2``. What
    only another template shows (tags, links, address) stands after the description.
    """
    return _source(ById(tool))


@lru_cache(maxsize=4096)
def _source(key: ById) -> ShownSource:
    tool, text, placed = key.tool, "", []
    plans = ((plan.name, plan.price, plan.includes) for plan in tool.pricing.plans)
    fields = [
        ("Name", tool.name),
        ("Tagline", tool.tagline),
        ("Category", tool.category),
        ("Entry price", tool.pricing.entry),
        *(("Plan", ", ".join(filter(None, plan))) for plan in plans),
        *([("Released", tool.released.isoformat())] if tool.released else []),
        (DESCRIPTION, tool.description),
        *([("Tags", ", ".join(tool.tags))] if tool.tags else []),
        *tool.links.items(),
        *([("Address", tool.url)] if tool.url else []),
    ]
    for label, shown in fields:
        text += f"{label}: " if label != DESCRIPTION else ""
        placed.append(ShownField(label, shown, len(text)))
        text += shown + "\n\n"
    return ShownSource(text, tuple(placed))


def find_quote(quote: str, tool: Tool) -> FoundQuote | None:
    """Return where a quote stands in all that was shown of a tool; None where it does not.

    Letter for letter in the description, else in the other fields, else with small slips in
    any of them; see ``locate_evidence``.
    """
    parts, source = _parts(quote), shown_source(tool)
    text = folded(source.text)
    description = next(field for field in source.fields if field.label == DESCRIPTION)
    own = folded(description.text)
    if spans := _spans(quote, parts, own, near=False):
        places = tuple(own.back(*span) for span in spans)
        moved = tuple((a + description.start, b + description.start) for a, b in places)
        return FoundQuote(moved, quote, exact=True, altered=_denial_left_out(own, spans))
    for near in (False, True):
        if spans := _spans(quote, parts, text, near):
            altered = _denial_left_out(text, spans)
            places = tuple(text.back(*span) for span in spans)
            if not near:
                return FoundQuote(places, quote, exact=True, altered=altered)
            stands = [text.text[start:end] for start, end in spans]
            altered = altered or _telling(parts) != _telling(stands)
            words = " … ".join(" ".join(source.text[a:b].split()) for a, b in places)
            return FoundQuote(places, words, exact=False, altered=altered)
    return None


def published_quotes(quotes: tuple[str, ...], tool: Tool) -> tuple[str, ...]:
    """Return the quotes that may be shown to readers as the vendor's words, each once.

    Those that stand in what was shown of the tool, without another number or a "not"; one
    with slips comes in the source's own words.
    """
    found = (find_quote(quote, tool) for quote in quotes)
    return tuple(dict.fromkeys(each.words for each in found if each and not each.altered))


def _telling(parts: list[str]) -> list[str]:
    return [word for part in parts for word in _TELLING.findall(part)]


def _denial_left_out(source: Folded, spans: list[Span]) -> bool:
    """Whether an ellipsis swallows a "not" of the sentence that is quoted."""
    gaps = (source.text[one[1] : two[0]] for one, two in itertools.pairwise(spans))
    return any(_DENIED.search(gap) and not _SENTENCE_END.search(gap) for gap in gaps)


def _parts(quote: str) -> list[str]:
    return [part for raw in _ELLIPSIS.split(quote) if (part := folded(raw).text.strip(_EDGES))]


def _spans(quote: str, parts: list[str], source: Folded, near: bool) -> list[Span]:
    """Return the places of a quote's parts in a folded text, in order; [] where one is missing."""
    spans: list[Span] = []
    for part in parts:
        found = _part(part, source, spans[-1][1] if spans else 0, near)
        if found is None:
            return []
        spans.append(found)
    apart = spans[-1][1] - spans[0][0] if spans else 0
    return [] if apart > len(quote) + WITHIN else spans


def locate_evidence(quote: str, description: str) -> Span | None:
    """Return the (start, end) of a quote in a description; None where it is not there.

    Case, quotation marks, dashes, blanks and the punctuation at the quote's ends do not
    count. An ellipsis stands for words left out. Small slips are forgiven. A quote with a
    changed number or an added "not" is still located; ``check_evidence`` reports it.
    """
    source = folded(description)
    spans = _spans(quote, _parts(quote), source, near=True)
    return source.back(spans[0][0], spans[-1][1]) if spans else None


def _part(part: str, source: Folded, begin: int, near: bool) -> Span | None:
    exact = _exact(part, source.text, begin)
    if exact is not None:
        return exact
    rest = source.text[begin:]
    if not near or len(part) < SHORT or len(rest) < SHORT:
        return None
    best = fuzz.partial_ratio_alignment(part, rest, score_cutoff=CLOSE)
    if best is None or best.dest_end - best.dest_start < len(part) // 2:
        return None
    return _whole_words(source.text, begin + best.dest_start, begin + best.dest_end)


def _exact(part: str, text: str, begin: int) -> Span | None:
    """Return where a part stands letter for letter, no word cut at its ends."""
    place = text.find(part, begin)
    while place >= 0:
        end = place + len(part)
        if not (_in_word(text[place - 1 : place]) or _in_word(text[end : end + 1])):
            return place, end
        place = text.find(part, place + 1)
    return None


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _whole_words(text: str, start: int, end: int) -> Span | None:
    while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    while start < end and text[start] == " ":
        start += 1
    while end > start and text[end - 1] == " ":
        end -= 1
    return (start, end) if start < end else None


def check_evidence(subject: Subject) -> list[Finding]:
    """Find quotes that are not in what was shown of the tool, or that read differently there."""
    if not subject.evidence:
        if not subject.beats:  # an editor's words need not carry quotes
            return []
        says = ("the verdict has no quote", "Ask again, or quote the words it rests on.")
        return [whole("evidence-missing", "warning", says)]
    found = (_quote(quote, subject.tool) for quote in dict.fromkeys(subject.evidence))
    return [finding for finding in found if finding is not None]


def _quote(quote: str, tool: Tool) -> Finding | None:
    found = find_quote(quote, tool)
    if found is None:
        says = (
            "this quote is nowhere in what the reviewer was shown, so it is not published",
            "Remove it, or quote the description word for word; see whether the verdict needs it.",
        )
        return whole("evidence-not-found", "error", says, quote)
    source = shown_source(tool)
    stands = source.text[slice(*found.span)]
    if not found.altered:
        given, there = (_ELLIPSIS.sub(" ", folded(text).text) for text in (quote, found.words))
        same = found.exact or fuzz.ratio(given.strip(_EDGES), there.strip(_EDGES)) >= CLOSE + 10
        if same or _ELLIPSIS.search(quote):
            return None
    severity: Severity = "error" if found.altered else "note"
    says = (
        f"the source says it differently: “{' '.join(stands.split())}”",
        "Quote the source word for word; see whether the verdict still follows.",
    )
    description = next(field for field in source.fields if field.label == DESCRIPTION)
    place = description.cut(found.span)
    return Finding("evidence-altered", severity, None, quote, *says, source_span=place)
