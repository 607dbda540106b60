"""The arithmetic of a panel: ship percentages, intervals, scorecards, comparisons.

Pure functions over counts; the only place in the program that computes a percentage.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Z_95 = 1.959963984540054  # the standard normal's 97.5 % point

Outcome = Literal["verdict", "abstain", "error"]
ShipOrSkip = Literal["ship", "skip"]
State = Literal["draft", "edited", "approved", "rejected"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval in percent, 0 to 100."""

    low: float
    high: float

    def holds(self, percent: float) -> bool:
        """Whether a percentage lies inside."""
        return self.low <= percent <= self.high


def wilson(successes: float, n: float, z: float = Z_95) -> Interval | None:
    """Return the Wilson score interval of a rate, in percent; None when n is 0.

    Wilson (1927), Probable Inference, the Law of Succession, and Statistical
    Inference, JASA 22:209-212. ``successes`` and ``n`` may be fractional (an
    effective sample size). Raises ValueError unless 0 <= successes <= n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"need 0 <= successes <= n, got {successes!r} of {n!r}")
    if n == 0:
        return None
    rate = successes / n
    scale = 1 + z * z / n
    centre = (rate + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    # At 0 and at n the bound is exact; rounding would put it a hair beside.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(100 * low, 100 * high)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one persona on one tool, over its repeats. Three outcomes, never merged."""

    ships: int = 0
    skips: int = 0
    abstains: int = 0
    errors: int = 0

    @property
    def n(self) -> int:
        """How many voted: ships + skips."""
        return self.ships + self.skips

    @property
    def ship_percent(self) -> float | None:
        """100·ships/(ships+skips); None when nobody voted, never 0."""
        return 100 * self.ships / self.n if self.n else None

    @property
    def interval(self) -> Interval | None:
        """The Wilson 95 % interval of the ship percentage."""
        return wilson(self.ships, self.n)

    @property
    def majority(self) -> Literal["ship", "skip"] | None:
        """What most repeats said; None on a tie or when nobody voted."""
        if self.ships == self.skips:
            return None
        return "ship" if self.ships > self.skips else "skip"

    def plus(self, outcome: Outcome, verdict: str | None) -> Tally:
        """Return the tally with one more cell counted."""
        return Tally(
            self.ships + (outcome == "verdict" and verdict == "ship"),
            self.skips + (outcome == "verdict" and verdict == "skip"),
            self.abstains + (outcome == "abstain"),
            self.errors + (outcome == "error"),
        )


def tally(cells: Iterable[tuple[Outcome, str | None]]) -> Tally:
    """Count (outcome, verdict) pairs."""
    counted = Tally()
    for outcome, verdict in cells:
        counted = counted.plus(outcome, verdict)
    return counted


@dataclass(frozen=True, slots=True)
class PanelResult:
    """A panel's numbers on one tool: every persona that voted weighs the same.

    ships, skips, abstains, errors: pooled counts; n: ships + skips.
    ship_percent: mean of the personas' ship percentages, None when nobody voted.
    interval: Wilson on the effective sample size m²/Σ(1/nᵢ) of m equally weighted
    personas with nᵢ votes each (Kish's weighting formula). With equal nᵢ that is
    plain Wilson on the pooled votes; it is conservative for a fixed panel.
    contested: both sides have votes and the interval holds 50 %; None without votes.
    """

    ships: int
    skips: int
    abstains: int
    errors: int
    n: int
    ship_percent: float | None
    interval: Interval | None
    contested: bool | None


def combine(tallies: Sequence[Tally]) -> PanelResult:
    """Combine the personas' tallies of one tool, with equal weight per persona that voted."""
    ships, skips = sum(t.ships for t in tallies), sum(t.skips for t in tallies)
    voted = [t for t in tallies if t.n]
    percent = interval = contested = None
    if voted:
        rate = sum(t.ships / t.n for t in voted) / len(voted)
        effective = len(voted) ** 2 / sum(1 / t.n for t in voted)
        percent = 100 * rate
        interval = wilson(rate * effective, effective)
        contested = bool(ships and skips and interval and interval.holds(50))
    return PanelResult(
        ships,
        skips,
        sum(t.abstains for t in tallies),
        sum(t.errors for t in tallies),
        ships + skips,
        percent,
        interval,
        contested,
    )


SURE = 0.95  # from here on, a majority is more than the panel's own noise


def ships_probability(ships: int, n: int) -> float:
    """Return P(more than half would ship | ``ships`` of ``n`` did), from a uniform prior.

    The posterior of the rate is Beta(ships + 1, n - ships + 1); its mass above 1/2 is that of
    a fair binomial: P(Bin(n + 1, 1/2) <= ships) (Abramowitz and Stegun, 26.5.24).
    """
    if not 0 <= ships <= n:
        raise ValueError(f"need 0 <= ships <= n, got {ships!r} of {n!r}")
    below = ways = 1
    for k in range(ships):  # of n + 1 fair coins, those with at most ``ships`` heads
        ways = ways * (n + 1 - k) // (k + 1)
        below += ways
    return below / (1 << (n + 1))


@dataclass(frozen=True, slots=True)
class PublishOutcome:
    """What to publish of a persona on a tool.

    verdict: None where there is nothing to publish. contested: the votes do not settle it.
    certainty: P(the majority is what most of the votes say); None without votes or majority.
    """

    verdict: Literal["ship", "skip"] | None
    contested: bool
    certainty: float | None


def publish_rule(published: Literal["ship", "skip"] | None, votes: Tally) -> PublishOutcome:
    """Say what to publish after new votes: what is published stands until it is overturned.

    A published verdict changes only if P(the majority is the other) >= 0.95: with a uniform
    prior that takes 4 of 4, 5 of 5, 6 of 7 ... and never a single answer. A first verdict is
    the majority; on a tie it is ship or skip as the first vote was, which the caller knows.
    """
    majority = votes.majority
    certainty = None
    if majority is not None:
        for_majority = votes.ships if majority == "ship" else votes.skips
        certainty = ships_probability(for_majority, votes.n)
    sure = certainty is not None and certainty >= SURE
    split = bool(votes.ships and votes.skips)
    if published is None:
        return PublishOutcome(majority, split and not sure, certainty)
    if majority is None or majority == published:
        return PublishOutcome(published, not sure and (split or not votes.n), certainty)
    return PublishOutcome(majority if sure else published, not sure, certainty)


MOST_EXACT = 20  # differences up to which all sign flips are counted out


def sign_flip(differences: Sequence[float]) -> float | None:
    """Return the two-sided p-value of the sign-flip test that the mean difference is zero.

    One difference per tool, since a tool's answers go together (Fisher 1935, The Design of
    Experiments, section 21). Zeros carry nothing; None where none is left. Exact up to 20
    differences; beyond, 20,000 flips drawn with a fixed seed: the same votes, the same p.
    """
    moved = [difference for difference in differences if difference]
    if not moved:
        return None
    seen = abs(math.fsum(moved)) - 1e-9
    if len(moved) <= MOST_EXACT:
        sums = [0.0]
        for difference in moved[1:]:  # the first sign is fixed: the other half mirrors it
            sums = [total + sign * difference for total in sums for sign in (1, -1)]
        hits = sum(abs(total + moved[0]) >= seen for total in sums)
        return hits / len(sums)
    draw = random.Random(1)  # noqa: S311 - a permutation test, no secret
    hits = 0
    for _ in range(DRAWS):
        signs = draw.getrandbits(len(moved))
        total = math.fsum(d if signs >> n & 1 else -d for n, d in enumerate(moved))
        hits += abs(total) >= seen
    return (hits + 1) / (DRAWS + 1)


DRAWS = 20_000


@dataclass(frozen=True, slots=True)
class Take:
    """What one persona wrote on one tool, the newest repeat's, with its verdict.

    outcome: verdict, abstain or error; verdict, confidence, take and evidence are
    None or empty unless the outcome is a verdict; reason says why otherwise.
    beats: (label, text) in order. stale: the files have changed since it was asked.
    state: where an editor has it; of an approved take, ``take`` is the published wording.
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
    """Two scorecards side by side, judged by the same model, personas in the same order."""

    left: Scorecard
    right: Scorecard
    model: str
    embedded: bool

    def pairs(self) -> list[tuple[PersonaLine, PersonaLine]]:
        """Return the personas' rows, left and right together."""
        return list(zip(self.left.lines, self.right.lines, strict=True))

    @property
    def difference_shown(self) -> bool | None:
        """Whether the two intervals lie apart; None when a side has no votes."""
        a, b = self.left.result.interval, self.right.result.interval
        if a is None or b is None:
            return None
        return a.high < b.low or b.high < a.low


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """One persona's verdict on one tool became another; ``before`` is None for its first.

    changed_at: ISO time in UTC; reason: what had changed in the question, in the words of
    ``panel plan``; model: the model identity that answered.
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

    A take is published once approved; with ``drafts``, unless rejected. A persona without
    one has no take and no vote. An abstention has no words to approve: it is counted apart
    as always, without its reason. Repeats are not votes here, since nobody approved them.
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
