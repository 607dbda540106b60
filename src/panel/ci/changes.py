"""What a diff is made of: changes of verdicts, of tools and of input files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from panel.cells.decided import RecordedDecision
from panel.cells.renames import Rename
from panel.ci.drift import Drift
from panel.decisions import Action
from panel.frozen.verdicts import FrozenVerdict
from panel.stats import DEMO, PanelResult
from panel.text import one_line, shortened

Kind = Literal["new", "gone", "flipped", "settled", "leaning", "decided", "rewritten"]
# The most telling first, for reports.
WEIGHT: tuple[Kind, ...] = (
    *("flipped", "settled", "leaning", "decided", "gone", "new", "rewritten"),
)
_DONE: dict[Action, str] = {
    "approve": "approved",
    "reject": "rejected",
    "edit": "edited",
    "confirm": "confirmed",
    "ask_again": "asked again",
    "undo": "a decision taken back",
}
EDITOR, DECISIONS_SAID = 60, 3  # characters of a name; decisions of one pair that are told


@dataclass(frozen=True, slots=True)
class PairChange:
    """One persona on one tool, where something differs.

    kind: new or gone; flipped: a sure verdict has become the other one, surely; settled: a
    verdict that rested on too few answers to be sure has become the other one, surely; leaning:
    newer answers speak for another verdict, or for none, and are too few to be sure of it;
    rewritten: the same verdict with another take; decided: the same take, on which editors have
    decided otherwise.
    cause: why it was asked, as in ``panel plan``, or "asked again"; None for new and gone.
    """

    tool: str
    persona: str
    kind: Kind
    cause: str | None
    before: FrozenVerdict | None
    after: FrozenVerdict | None

    @property
    def changed(self) -> bool:
        """Whether both sides publish a verdict, and not the same one."""
        before, after = self.before, self.after
        return before is not None and after is not None and before.verdict != after.verdict

    @property
    def weight(self) -> int:
        """Where a report shows it: first what is published otherwise, flips at the top."""
        return WEIGHT.index(self.kind) + (0 if self.changed else len(WEIGHT))

    @property
    def said(self) -> str:
        """What became of the published verdict, in words."""
        before = (self.before and self.before.verdict) or "no verdict"
        after = (self.after and self.after.verdict) or "no verdict"
        if self.kind == "new":
            return f"new: {after}"
        if self.kind == "gone":
            return f"gone (was {before})"
        if self.kind == "leaning" and not self.changed:
            return f"{after} kept, contested"
        if self.kind == "decided":
            return f"decided: {after}"
        if self.kind == "rewritten":
            return f"{after} reworded"
        why = {"settled": ", which few answers had left open", "leaning": ", on too few answers"}
        return f"{before} → {after}{why.get(self.kind, '')}"

    @property
    def certainty(self) -> str:
        """The votes after the change, in words."""
        after = self.after
        if after is None or not after.n:
            return "no votes"
        return f"{after.ships} of {after.n} ship"

    @property
    def decisions(self) -> tuple[list[RecordedDecision], list[RecordedDecision]]:
        """The editors' decisions that only one side has: those added, and those taken out."""
        before, after = (each.decisions if each else () for each in (self.before, self.after))
        known, left = set(before), set(after)
        return [d for d in after if d not in known], [d for d in before if d not in left]

    @property
    def decided(self) -> str:
        """What editors have decided, and who, in words; "" where nothing of it differs."""
        added, removed = self.decisions
        said = [_done(each) for each in added] + [f"without {_done(each)}" for each in removed]
        more = f" and {len(said) - DECISIONS_SAID:,} more" if len(said) > DECISIONS_SAID else ""
        told = ", ".join(said[:DECISIONS_SAID]) + more
        before, after = self.before, self.after
        if before is None or after is None or before.state == after.state:
            return told
        return ": ".join(filter(None, (f"{before.state} → {after.state}", told)))

    @property
    def details(self) -> str:
        """The votes after the change, why it was asked, and what editors decided, in words."""
        asked = ", ".join(filter(None, (self.certainty, self.cause)))
        return "; ".join(filter(None, (asked, self.decided)))

    def takes(self) -> list[tuple[str, str]]:
        """Return (label, take) for each take to show: before, after, or answered now."""
        if self.kind == "decided":
            now = self.after
            return [(f"{now.state}, {now.verdict}", now.take)] if now and now.take else []
        found = []
        if self.before is not None and self.before.take:
            found.append((f"before, {self.before.verdict}", self.before.take))
        after = self.after
        if after is not None and self.kind == "leaning" and not self.changed:
            other = (a for a in after.answers if a.verdict and a.verdict != after.verdict)
            found += [(f"answered now, {a.verdict}", a.take) for a in list(other)[:1]]
        elif after is not None and after.take:
            found.append((f"after, {after.verdict}", after.take))
        return found


def _done(decision: RecordedDecision) -> str:
    return f"{_DONE[decision.action]} by {shortened(one_line(decision.editor), EDITOR)}"


@dataclass(frozen=True, slots=True)
class ToolChange:
    """A tool where something differs: its panel before and after, and its changed personas."""

    tool: str
    before: PanelResult | None
    after: PanelResult | None
    pairs: tuple[PairChange, ...]

    @property
    def changed(self) -> bool:
        """Whether another verdict is published of any persona."""
        return any(pair.changed for pair in self.pairs)


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that people write, and the lines that differ."""

    file: str
    added: int
    removed: int


Panels = tuple[PanelResult | None, PanelResult | None]  # before, after


@dataclass(frozen=True, slots=True)
class Diff:
    """All that differs between two snapshots.

    reasons: how many pairs were asked again, by cause. tools: the most telling changes first.
    pairs: every verdict of the head, by (tool, persona). panels: every tool's panel before and
    after. abstained: the pairs with an abstention that the base does not have. renames: what has
    another name in the head, by which it is called here.
    """

    base: str
    head: str
    files: list[InputFile]
    reasons: dict[str, int]
    tools: list[ToolChange]
    drift: Drift
    pairs: dict[tuple[str, str], FrozenVerdict] = field(repr=False)
    abstained: list[tuple[str, str]] = field(default_factory=list)
    panels: dict[str, Panels] = field(default_factory=dict, repr=False)
    renames: tuple[Rename, ...] = ()

    @property
    def changes(self) -> list[PairChange]:
        """Every pair where something differs, by tool."""
        return [pair for tool in self.tools for pair in tool.pairs]

    def of_kind(self, kind: Kind) -> list[PairChange]:
        """Return the pairs of a kind."""
        return [pair for pair in self.changes if pair.kind == kind]


def ship_words(result: PanelResult | None) -> str:
    """Return a panel's ship percentage with its votes and interval; a dash where nobody voted.

    Every persona weighs the same, so with unequal numbers of answers the percentage is not that
    of the votes, and it is said.
    """
    if result is not None and result.demo:
        return f"{DEMO} (a demo model's verdicts: no judgement)"
    if result is None or result.ship_percent is None or result.interval is None:
        return "—"
    percent, low, high = result.ship_percent, result.interval.low, result.interval.high
    alike = abs(100 * result.ships / result.n - percent) < 0.5
    weighed = "" if alike else " answers, every persona alike"
    shown = "<1" if 0 < percent < 1 else ">99" if 99 < percent < 100 else f"{percent:.0f}"
    return f"{shown} % ({result.ships} of {result.n}{weighed}, {low:.0f}–{high:.0f} %)"
