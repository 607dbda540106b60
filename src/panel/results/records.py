"""Results as plain JSON types: what ``--json`` prints, and what ``panel mcp`` answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import TypedDict  # that of Python 3.11 has no schema

from panel.scorecard import Comparison, PersonaLine, Scorecard
from panel.stats import ends

if TYPE_CHECKING:  # a scorecard is shown without loading the checks
    from panel.checks import Finding


class PersonaRecord(TypedDict):
    """One persona of a scorecard; what is None was not asked, or is no verdict."""

    persona: str
    ships: int
    skips: int
    abstains: int
    errors: int
    superseded: int
    outcome: str | None
    verdict: str | None
    verdict_reason: str | None
    confidence: int | None
    demo: bool | None
    take: str | None
    picked: bool | None
    evidence: list[str]
    stale: bool | None


class CardRecord(TypedDict):
    """A scorecard. interval: its ends in percent; ship_percent and it are None of a demo model."""

    tool: str
    name: str
    category: str
    model: str
    demo: bool
    ship_percent: float | None
    ships: int
    skips: int
    n: int
    interval: list[float] | None
    undecided: bool | None
    split: bool | None
    abstains: int
    errors: int
    superseded: int
    superseded_wordings: int
    personas: list[PersonaRecord]


class ComparisonRecord(TypedDict):
    """Two scorecards; difference: the ends of its interval, in points of ship percentage."""

    left: CardRecord
    right: CardRecord
    difference: list[float] | None
    difference_shown: bool | None


class FindingRecord(TypedDict):
    """What an editor should look at. span: where in the take; source_span: in the description."""

    check: str
    severity: str
    span: tuple[int, int] | None
    quote: str
    message: str
    remedy: str
    source_span: tuple[int, int] | None
    tools: tuple[str, ...]


def card_record(card: Scorecard) -> CardRecord:
    """Return a scorecard as plain JSON types."""
    result = card.result
    return {
        "tool": card.tool,
        "name": card.name,
        "category": card.category,
        "model": card.model,
        "demo": card.demo,
        "ship_percent": result.ship_percent,
        "ships": result.ships,
        "skips": result.skips,
        "n": result.n,
        "interval": ends(result.interval),
        "undecided": result.undecided,
        "split": result.split,
        "abstains": result.abstains,
        "errors": result.errors,
        "superseded": card.superseded.answers,
        "superseded_wordings": card.superseded.wordings,
        "personas": [_persona(line) for line in card.lines],
    }


def _persona(line: PersonaLine) -> PersonaRecord:
    return {
        "persona": line.persona,
        "ships": line.tally.ships,
        "skips": line.tally.skips,
        "abstains": line.tally.abstains,
        "errors": line.tally.errors,
        "superseded": line.superseded.answers,
        "outcome": line.take.outcome if line.take else None,
        "verdict": line.take.verdict if line.take else None,
        "verdict_reason": line.take.verdict_reason if line.take else None,
        "confidence": line.take.confidence if line.take else None,
        "demo": line.take.demo if line.take else None,
        "take": line.take.take if line.take else None,
        "picked": line.take.picked if line.take else None,
        "evidence": list(line.take.evidence) if line.take else [],
        "stale": line.take.stale if line.take else None,
    }


def comparison_record(pair: Comparison) -> ComparisonRecord:
    """Return two scorecards and their difference as plain JSON types."""
    return {
        "left": card_record(pair.left),
        "right": card_record(pair.right),
        "difference": ends(pair.difference),
        "difference_shown": pair.difference_shown,
    }


def finding_record(finding: Finding) -> FindingRecord:
    """Return a finding as plain JSON types."""
    return {
        "check": finding.check,
        "severity": finding.severity,
        "span": finding.span,
        "quote": finding.quote,
        "message": finding.message,
        "remedy": finding.remedy,
        "source_span": finding.source_span,
        "tools": finding.tools,
    }
