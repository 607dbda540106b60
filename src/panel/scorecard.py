"""Scorecards: one tool's numbers across the panel, side by side, and as readers see them.

Pure: no store, no files. The percentages come from panel.stats.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from panel.decisions import State
from panel.stats import Outcome, PanelResult, Tally, combine


@dataclass(frozen=True, slots=True)
class Take:
    """What one persona wrote about one tool in its newest repeat, with its verdict.

    outcome: verdict, abstain or error. verdict, confidence, take and evidence are
    None or empty unless the outcome is a verdict; reason says why not.
    beats: (label, text) in order. stale: the files have changed since it was asked.
    state: what editors decided; ``take`` of an approved one is the published wording.
    editor: who decided last, None where nobody has.
    """

    outcome: Outcome
    verdict: Literal["ship", "skip"] | None
    confidence: int | None
    take: str
    beats: tuple[tuple[str, str], ...]
    evidence: tuple[str, ...]
    reason: str | None
    asked_at: str
    output_mode: str
    stale: bool
    state: State = "draft"
    editor: str | None = None


@dataclass(frozen=True, slots=True)
class PersonaLine:
    """One row of a scorecard: a persona, its tally, its newest take (None: never asked)."""

    persona: str
    name: str
    motto: str
    tally: Tally
    take: Take | None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """One tool's numbers across the panel, for one model identity.

    community_percent: share of ship among readers' votes, None when there are none.
    """

    tool: str
    name: str
    tagline: str
    category: str
    entry_price: str
    description: str
    url: str | None
    model: str
    lines: tuple[PersonaLine, ...]
    result: PanelResult
    community_percent: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two scorecards side by side: the same model, the same personas in the same order."""

    left: Scorecard
    right: Scorecard
    model: str
    embedded: bool

    def pairs(self) -> list[tuple[PersonaLine, PersonaLine]]:
        """Return the personas' rows, left and right together."""
        return list(zip(self.left.lines, self.right.lines, strict=True))

    @property
    def difference_shown(self) -> bool | None:
        """Whether the two intervals do not overlap; None when a side has no votes."""
        a, b = self.left.result.interval, self.right.result.interval
        if a is None or b is None:
            return None
        return a.high < b.low or b.high < a.low


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """A persona's verdict on a tool changed. before: None for its first verdict.

    changed_at: ISO time in UTC. reason: what had changed in the question, in the words of
    ``panel plan``. model: the model identity that answered.
    """

    tool: str
    persona: str
    before: Literal["ship", "skip"] | None
    after: Literal["ship", "skip"]
    changed_at: str
    reason: str
    model: str


def published(card: Scorecard, drafts: bool = False) -> Scorecard:
    """Return the scorecard as readers may see it: one vote for each published take.

    A take is published once it is approved or, with ``drafts``, unless it is rejected. A
    persona without a published take has no vote. An abstention has no words to approve: it is
    counted as one, without its reason. Other repeats are not votes here, since nobody approved
    them.
    """
    lines = tuple(_published_line(line, drafts) for line in card.lines)
    return replace(card, lines=lines, result=combine([line.tally for line in lines]))


def _published_line(line: PersonaLine, drafts: bool) -> PersonaLine:
    take = line.take
    if take is not None and take.outcome == "abstain":
        return replace(line, tally=Tally(abstains=1), take=replace(take, reason=None))
    if take is None or take.outcome != "verdict" or not is_published(take, drafts):
        return replace(line, tally=Tally(), take=None)
    return replace(line, tally=Tally().plus("verdict", take.verdict))


def is_published(take: Take, drafts: bool = False) -> bool:
    """Whether readers may see a take's words."""
    return take.state == "approved" or (drafts and take.state != "rejected")
