"""Scorecards: one tool's numbers across the panel, side by side, and as readers see them.

Pure: no store, no files. The percentages come from panel.stats.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from panel.decisions import State
from panel.stats import (
    Interval,
    Outcome,
    PanelHealth,
    PanelResult,
    ShipOrSkip,
    Tally,
    combine,
    newcombe,
    panel_health,
)
from panel.text import clean

PICKED = "Sentences picked from the vendor’s text by a demo model"
NOT_JUDGEMENT = (
    "A demo model only picks sentences from the vendor's text: it shows the machinery. Its "
    "verdicts are no judgement, and no percentage is made of them."
)
EDITED = "an editor's verdict"  # reason of a change in which an editor overruled a reviewer
REAL_MODEL = "Ask a real model: 'panel setup' finds or fetches one."


def no_judgement(models: Sequence[str]) -> str:
    """Say that nothing is worked out of the verdicts of these demo models, and whom to ask."""
    what = "a demo model" if len(models) == 1 else "demo models"
    return (
        f"verdicts of {' and '.join(models)}, {what}, are no judgement, and nothing is worked out "
        f"of them. {REAL_MODEL}"
    )


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """An editor asked a persona again, with a note in the question.

    asked_at: ISO time in UTC. before, after: what the persona had said until then, and what it
    said to the question with the note; None where it gave no verdict, or nobody knows.
    """

    note: str
    editor: str
    asked_at: str
    before: ShipOrSkip | None
    after: ShipOrSkip | None


@dataclass(frozen=True, slots=True)
class Take:
    """What one persona wrote about one tool: the take that speaks for it, with its verdict.

    outcome: verdict, abstain or error. verdict, confidence, take and evidence are
    None or empty unless the outcome is a verdict; reason says why not.
    beats: (label, text) in order. stale: the files have changed since it was asked.
    state: what editors decided; ``take`` of an approved one is the published wording.
    demo: the verdict is a demo model's, and no judgement; picked: the words are the sentences that
    it picked, and no editor's. editor: who decided last, None where nobody has. overturned: the
    persona says something else now than where this take comes from. verdict_reason: why the
    verdict is the editor's own, and not what the persona said, which is the other one.
    attempt_id: of the answer that it comes from. decided_at: when the editor decided, ISO time in
    UTC, "" where nobody has. asked_again: the notes with which editors had asked until then, where
    one is in its question. author: the editor who wrote the words, None where nobody knows.
    confirmed: the editor said that the words still stand, and somebody had approved them before.
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
    overturned: bool = False
    demo: bool = False
    picked: bool = False
    verdict_reason: str | None = None
    attempt_id: str = ""
    decided_at: str = ""
    asked_again: tuple[AskedAgain, ...] = ()
    author: str | None = None
    rewritten: bool = False
    confirmed: bool = False

    @property
    def answered(self) -> Literal["ship", "skip"] | None:
        """What the persona itself said, whatever the editor made of it."""
        if self.verdict_reason is None or self.verdict is None:
            return self.verdict
        return "skip" if self.verdict == "ship" else "ship"

    @property
    def written(self) -> str:
        """The words as the model wrote them; "" where the store has them no more."""
        return " ".join(text for _label, text in self.beats)

    @property
    def edited(self) -> bool:
        """Whether the words are an editor's, and not the model's; other spaces edit nothing."""
        words = clean(self.written).split()
        changed = words not in ([], clean(self.take).split())
        return self.outcome == "verdict" and (changed or self.rewritten)


@dataclass(frozen=True, slots=True)
class Superseded:
    """Answers that are not counted: to how many earlier wordings, and how many answers."""

    wordings: int = 0
    answers: int = 0


@dataclass(frozen=True, slots=True)
class PersonaLine:
    """One row of a scorecard: a persona, its votes, its take (None: never asked).

    tally: of the answers to the present question alone; superseded: those left out.
    """

    persona: str
    name: str
    motto: str
    tally: Tally
    take: Take | None
    superseded: Superseded = Superseded()

    @property
    def demo(self) -> bool:
        """Whether a demo model's votes or take are what it shows."""
        return self.tally.demo or (self.take is not None and self.take.demo)

    @property
    def confirmed(self) -> bool:
        """Whether its words stand by an editor's word: nobody has answered the present question."""
        take = self.take
        worded = take is not None and take.outcome == "verdict" and not take.stale
        return worded and not self.tally.n


@dataclass(frozen=True, slots=True)
class Scorecard:
    """One tool's numbers across the panel, for one model identity."""

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

    @property
    def demo(self) -> bool:
        """Whether a demo model's votes or takes are among what it shows."""
        return self.result.demo or any(line.demo for line in self.lines)

    @property
    def asked(self) -> bool:
        """Whether anybody was ever asked."""
        return any(line.take for line in self.lines)

    @property
    def superseded(self) -> Superseded:
        """What is not counted: the most wordings of a persona, and the answers of all."""
        left = [line.superseded for line in self.lines]
        return Superseded(
            max((each.wordings for each in left), default=0), sum(each.answers for each in left)
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two scorecards side by side: the same model, the same personas in the same order.

    confidence: whether a page may print the confidence that the model stated.
    """

    left: Scorecard
    right: Scorecard
    model: str
    confidence: bool = False

    @property
    def demo(self) -> bool:
        """Whether either side shows what a demo model said."""
        return self.left.demo or self.right.demo

    def pairs(self) -> list[tuple[PersonaLine, PersonaLine]]:
        """Return the personas' rows, left and right together."""
        return list(zip(self.left.lines, self.right.lines, strict=True))

    @property
    def difference(self) -> Interval | None:
        """Newcombe's 95 % interval of left minus right in points; None when a side has no votes."""
        left, right = self.left.result.rate, self.right.result.rate
        return newcombe(left, right) if left and right else None

    @property
    def difference_shown(self) -> bool | None:
        """Whether that interval leaves out 0; None when a side has no votes."""
        difference = self.difference
        return None if difference is None else not difference.holds(0)


def health(cards: Iterable[Scorecard]) -> PanelHealth:
    """Return what the votes on many tools say of the panel: how often each ships, who agrees.

    It counts what the cards count: answers to the present question, or what readers see of them.
    Tools that were never asked are left out.
    """
    return panel_health(
        {line.persona: line.tally for line in card.lines} for card in cards if card.asked
    )


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """The published verdict of a persona on a tool changed. before: None for the first one.

    changed_at: when it was approved, ISO time in UTC. reason: what had changed in the question,
    in the words of ``panel plan``. model: the model identity that answered. demo: it is a demo
    model, whose verdict is no judgement. editor: who turned it, where it was an editor; said: what
    the persona said then. asked_again: the notes with which editors had asked since the verdict
    before, where one is in the question that was answered.
    """

    tool: str
    persona: str
    before: Literal["ship", "skip"] | None
    after: Literal["ship", "skip"]
    changed_at: str
    reason: str
    model: str
    demo: bool = False
    editor: str | None = None
    said: Literal["ship", "skip"] | None = None
    asked_again: tuple[AskedAgain, ...] = ()

    @property
    def edited(self) -> bool:
        """Whether it is an editor who turned the verdict, and not the persona."""
        return self.reason == EDITED


def published(card: Scorecard, drafts: bool = False) -> Scorecard:
    """Return the scorecard as readers may see it.

    A take is published once it is approved or, with ``drafts``, unless it is rejected. The votes
    are those of every answer to the present question, as everywhere. A persona without a published
    take has none here unless ``drafts``. An abstention has no words to approve: it is counted,
    without its reason.
    """
    lines = tuple(_published_line(line, drafts) for line in card.lines)
    return replace(card, lines=lines, result=combine([line.tally for line in lines]))


def _published_line(line: PersonaLine, drafts: bool) -> PersonaLine:
    take = line.take
    if take is not None and take.outcome == "abstain":
        return replace(line, take=replace(take, reason=None))
    if take is not None and take.outcome == "verdict" and is_published(take, drafts):
        return line
    return replace(line, tally=line.tally if drafts else Tally(), take=None)


def is_published(take: Take, drafts: bool = False) -> bool:
    """Whether readers may see a take's words."""
    return take.state == "approved" or (drafts and take.state != "rejected")
