"""Finds the quotes of a verdict in the tool's description, or says that they are not there."""

from __future__ import annotations

import re

from rapidfuzz import fuzz

from panel.checks.findings import Finding, Severity, Span, Subject, whole
from panel.checks.folding import Folded, folded
from panel.checks.source import source_of

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


def locate_evidence(quote: str, description: str) -> Span | None:
    """Return the (start, end) of a quote in a description; None where it is not there.

    Case, quotation marks, dashes, blanks and the punctuation at the quote's ends do not
    count. An ellipsis stands for words left out. Small slips are forgiven. A quote with a
    changed number or an added "not" is still located; ``check_evidence`` reports it.
    """
    source = folded(description)
    parts = [part for raw in _ELLIPSIS.split(quote) if (part := folded(raw).text.strip(_EDGES))]
    if not parts or not source.text:
        return None
    spans: list[Span] = []
    for part in parts:
        found = _part(part, source, spans[-1][1] if spans else 0)
        if found is None:
            return None
        spans.append(found)
    if spans[-1][1] - spans[0][0] > len(quote) + WITHIN:
        return None
    return source.back(spans[0][0], spans[-1][1])


def _part(part: str, source: Folded, begin: int) -> Span | None:
    exact = re.compile(rf"(?<!\w){re.escape(part)}(?!\w)").search(source.text, begin)
    if exact is not None:
        return exact.span()
    rest = source.text[begin:]
    if len(part) < SHORT or len(rest) < SHORT:
        return None
    near = fuzz.partial_ratio_alignment(part, rest, score_cutoff=CLOSE)
    if near is None or near.dest_end - near.dest_start < len(part) // 2:
        return None
    return _whole_words(source.text, begin + near.dest_start, begin + near.dest_end)


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
    """Find quotes that are not in the description, or that read differently there."""
    if not subject.evidence:
        if not subject.beats:  # an editor's words need not carry quotes
            return []
        says = ("the verdict has no quote", "Ask again, or quote the words it rests on.")
        return [whole("evidence-missing", "warning", says)]
    found = (_quote(quote, subject) for quote in dict.fromkeys(subject.evidence))
    return [finding for finding in found if finding is not None]


def _quote(quote: str, subject: Subject) -> Finding | None:
    description = subject.tool.description
    span = locate_evidence(quote, description)
    if span is None:
        if locate_evidence(quote, source_of(subject.tool).text) is not None:
            return None  # the tagline, a plan or a tag: the persona was shown those, too
        says = (
            "this quote is not in the description",
            "Remove it, or quote the description word for word; see whether the verdict needs it.",
        )
        return whole("evidence-not-found", "error", says, quote)
    given = _ELLIPSIS.sub(" ", folded(quote).text)
    stands = folded(description[span[0] : span[1]]).text
    here, there = _TELLING.findall(given), _TELLING.findall(stands)
    if here == there or (_ELLIPSIS.search(quote) and set(here) <= set(there)):
        if fuzz.ratio(given.strip(_EDGES), stands.strip(_EDGES)) >= CLOSE + 10:
            return None
        if _ELLIPSIS.search(quote):
            return None
        severity: Severity = "note"
    else:
        severity = "error"
    says = (
        f"the description says it differently: “{description[span[0] : span[1]]}”",
        "Quote the description word for word; see whether the verdict still follows.",
    )
    return Finding("evidence-altered", severity, None, quote, *says, source_span=span)
