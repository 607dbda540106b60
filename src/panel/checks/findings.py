"""What the checks work on and report: a take under check, and a finding in it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from panel.workspace.personas import Persona
from panel.workspace.tools import Tool

Severity = Literal["error", "warning", "note"]
Span = tuple[int, int]

# Worst first. An error is almost always right, a warning should be looked at, a note is optional.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


class Finding(NamedTuple):
    """One thing in a take that an editor should look at; a tuple, which is made and sent quickly.

    check: stable id of the rule. span: (start, end), characters of the take's text, end
    excluded; None for the take as a whole. quote: ``text[start:end]``; without a span the
    words concerned (an evidence quote, say) or "". message: what is wrong; remedy: how to
    fix it. source_span: (start, end) in the tool's description, None without a place to show.
    tools: slugs of the tools whose takes share what is found, this one among them.
    """

    check: str
    severity: Severity
    span: Span | None
    quote: str
    message: str
    remedy: str
    source_span: Span | None = None
    tools: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        """0 for an error, 1 for a warning, 2 for a note."""
        return SEVERITIES.index(self.severity)


@dataclass(frozen=True, slots=True)
class Subject:
    """One take under check.

    text: the take as shown (the beats joined, or an editor's words). beats: id → text in
    order, empty when an editor rewrote it. confidence: 0-100, None where unknown. picked: a model
    picked the vendor's sentences, so that there is no author whose writing could be judged.
    """

    tool: Tool
    persona: Persona
    text: str
    verdict: Literal["ship", "skip"]
    confidence: int | None = None
    beats: Mapping[str, str] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    picked: bool = False

    def parts(self) -> list[Span]:
        """Return the spans of the beats in the text; the whole text where there are none."""
        found: list[Span] = []
        position = 0
        for part in [part for part in self.beats.values() if part] or [self.text]:
            start = self.text.find(part, position)
            if start >= 0:
                position = start + len(part)
                found.append((start, position))
        return found


def at(text: str, span: Span, check: str, severity: Severity, says: tuple[str, str]) -> Finding:
    """Make a finding on a span of the take; ``says`` is (message, remedy)."""
    return Finding(check, severity, span, text[span[0] : span[1]], *says)


def whole(check: str, severity: Severity, says: tuple[str, str], quote: str = "") -> Finding:
    """Make a finding on the take as a whole."""
    return Finding(check, severity, None, quote, *says)


class Spans:
    """Spans of a text, to ask whether another one shares a character with any of them."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._starts: list[int] = []  # of what they cover, in pieces that do not touch
        self._ends: list[int] = []
        for span in sorted(spans):
            if self._ends and span[0] < self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], span[1])
            else:
                self._starts.append(span[0])
                self._ends.append(span[1])

    def add(self, span: Span) -> None:
        """Add one, which may overlap others."""
        start, end = span
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last], self._ends[first:last] = [start], [end]

    def touch(self, span: Span) -> bool:
        """Whether a span shares a character with one of these."""
        return bisect_right(self._ends, span[0]) < bisect_left(self._starts, span[1])


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Sort by place (the whole take first), then the worst first."""
    return sorted(findings, key=lambda one: (one.span or (-1, -1), one.rank, one.check))
