"""The votes on one tool: tallies, intervals, and how sure a majority is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

Z_95 = 1.959963984540054  # the standard normal's 97.5 % point
DEMO = "demo"  # stands where a ship percentage would, of a demo model's votes
SURE = 0.95  # from this probability on, a majority is more than a persona's own noise


Outcome = Literal["verdict", "abstain", "error"]


ShipOrSkip = Literal["ship", "skip"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval: in percent from 0 to 100, unless its place says another unit."""

    low: float
    high: float

    def holds(self, percent: float) -> bool:
        """Whether a percentage lies inside."""
        return self.low <= percent <= self.high

    def cut(self, low: float, high: float) -> Interval:
        """Return the interval without what lies below ``low`` or above ``high``."""
        return Interval(max(low, self.low), min(high, self.high))

    @property
    def reversed(self) -> Interval:
        """The interval of a difference the other way round."""
        return Interval(-self.high, -self.low)


def ends(interval: Interval | None) -> list[float] | None:
    """Return an interval as JSON has it: its lower and its upper end."""
    return [interval.low, interval.high] if interval else None


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
    # At 0 and at n the bound is exact; rounding errors would move it slightly.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(100 * low, 100 * high)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one persona on one tool over all repeats. The three outcomes are never merged.

    demo: votes of a demo model are among them, which are no judgement: no percentage is made of
    them, so that none can be quoted.
    """

    ships: int = 0
    skips: int = 0
    abstains: int = 0
    errors: int = 0
    demo: bool = False

    @property
    def n(self) -> int:
        """How many voted: ships + skips."""
        return self.ships + self.skips

    @property
    def ship_percent(self) -> float | None:
        """100·ships/(ships+skips); None when nobody voted, never 0, and of a demo model's votes."""
        return 100 * self.ships / self.n if self.n and not self.demo else None

    @property
    def interval(self) -> Interval | None:
        """The Wilson 95 % interval of the ship percentage; None where that is."""
        return None if self.demo else wilson(self.ships, self.n)

    @property
    def majority(self) -> Literal["ship", "skip"] | None:
        """What most repeats said; None on a tie or when nobody voted."""
        if self.ships == self.skips:
            return None
        return "ship" if self.ships > self.skips else "skip"

    def __add__(self, other: Tally) -> Tally:
        """Return the counts of both together."""
        return Tally(
            self.ships + other.ships,
            self.skips + other.skips,
            self.abstains + other.abstains,
            self.errors + other.errors,
            self.demo or other.demo,
        )

    def plus(self, outcome: Outcome, verdict: str | None) -> Tally:
        """Return the tally with one more cell counted."""
        return Tally(
            self.ships + (outcome == "verdict" and verdict == "ship"),
            self.skips + (outcome == "verdict" and verdict == "skip"),
            self.abstains + (outcome == "abstain"),
            self.errors + (outcome == "error"),
            self.demo,
        )


def tally(cells: Iterable[tuple[Outcome, str | None]], demo: bool = False) -> Tally:
    """Count (outcome, verdict) pairs. demo: of a demo model."""
    counted = Tally(demo=demo)
    for outcome, verdict in cells:
        counted = counted.plus(outcome, verdict)
    return counted


def newcombe(one: Rate, other: Rate) -> Interval:
    """Return the 95 % interval of the difference of two rates, one minus other, in points.

    The hybrid score interval: each rate's distance to the ends of its own Wilson interval,
    squared and added (Newcombe 1998, Statistics in Medicine 17:873-890, method 10).
    """
    difference = one.percent - other.percent
    below = math.hypot(one.percent - one.interval.low, other.interval.high - other.percent)
    above = math.hypot(one.interval.high - one.percent, other.percent - other.interval.low)
    return Interval(difference - below, difference + above)


@dataclass(frozen=True, slots=True)
class Rate:
    """A percentage and its Wilson interval."""

    percent: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class PanelResult:
    """A panel's numbers on one tool: every persona that voted weighs the same.

    ships, skips, abstains, errors: pooled counts; n: ships + skips.
    ship_percent: mean of the personas' ship percentages, None when nobody voted.
    interval: Wilson on the effective sample size m²/Σ(1/nᵢ) of m equally weighted
    personas with nᵢ votes each (Kish's weighting formula). With equal nᵢ that is
    plain Wilson on the pooled votes; it is conservative for a fixed panel.
    demo: a demo model's votes are among them, so that there is no percentage, nor what is read
    off it.
    undecided: the interval includes 50 %. split: one persona surely ships while another surely
    skips, each with a probability of at least 0.95 by its own votes (``ships_probability``).
    Both are None without votes.
    """

    ships: int
    skips: int
    abstains: int
    errors: int
    n: int
    ship_percent: float | None
    interval: Interval | None
    undecided: bool | None
    split: bool | None
    demo: bool = False

    @property
    def rate(self) -> Rate | None:
        """The ship percentage with its interval; None without votes."""
        if self.ship_percent is None or self.interval is None:
            return None
        return Rate(self.ship_percent, self.interval)


def combine(tallies: Sequence[Tally]) -> PanelResult:
    """Combine the personas' tallies of one tool, with equal weight per persona that voted."""
    ships, skips = sum(t.ships for t in tallies), sum(t.skips for t in tallies)
    voted = [t for t in tallies if t.n]
    percent = interval = undecided = split = None
    demo = any(t.demo for t in voted)
    if voted and not demo:
        rate = sum(t.ships / t.n for t in voted) / len(voted)
        effective = len(voted) ** 2 / sum(1 / t.n for t in voted)
        percent = 100 * rate
        interval = wilson(rate * effective, effective)
        undecided = interval is not None and interval.holds(50)
        likely = [ships_probability(t.ships, t.n) for t in voted]
        split = max(likely) >= SURE and min(likely) <= 1 - SURE
    return PanelResult(
        ships,
        skips,
        sum(t.abstains for t in tallies),
        sum(t.errors for t in tallies),
        ships + skips,
        percent,
        interval,
        undecided,
        split,
        demo,
    )


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


def beta_binomial(n: int, alpha: float, beta: float) -> list[float]:
    """Return P(k of n) for k = 0 ... n, where all n share a rate drawn from Beta(alpha, beta).

    Skellam (1948), Journal of the Royal Statistical Society B 10:257. The larger alpha + beta
    are, the less the n lean on each other.
    """

    def log_beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    whole = log_beta(alpha, beta)
    return [
        math.comb(n, k) * math.exp(log_beta(alpha + k, beta + n - k) - whole) for k in range(n + 1)
    ]


def at_least(counts: Iterable[Sequence[float]]) -> list[float]:
    """Return P(the sum >= k) for every k, of independent counts given by P(0), P(1), ..."""
    total = [1.0]
    for count in counts:
        summed = [0.0] * (len(total) + len(count) - 1)
        for k, known in enumerate(total):
            for more, chance in enumerate(count):
                summed[k + more] += known * chance
        total = summed
    return [min(1.0, chance) for chance in accumulate(reversed(total))][::-1]
