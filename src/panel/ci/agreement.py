"""Whether canaries agree with the record, as far as its own noise lets them.

Only votes: where they come from is drift.py's affair.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from panel.stats import Tally, at_least, beta_binomial

MOVED_BELOW = 0.05  # below this p-value the canaries say that the model has moved
PRIOR = 0.5  # Jeffreys' prior for a rate, Beta(1/2, 1/2): in favour of a noisy panel


@dataclass(frozen=True, slots=True)
class PairVotes:
    """The votes of one persona on a canary: on record, and when asked again."""

    tool: str
    record: Tally
    again: Tally

    @property
    def differ(self) -> int:
        """How many of the votes again are against most on record; none where those are a tie."""
        return {"ship": self.again.skips, "skip": self.again.ships}.get(
            self.record.majority or "", 0
        )


@dataclass(frozen=True, slots=True)
class CanaryCount:
    """One canary: votes on record, votes when asked again, and how many of those differ.

    demo: a demo model's are among them.
    """

    tool: str
    ships: int
    n: int
    ships_again: int
    n_again: int
    differ: int = 0
    demo: bool = False


@dataclass(frozen=True, slots=True)
class Agreement:
    """What canaries say of the model.

    moved: None if they cannot tell. p: the probability that noise alone makes as many answers
    differ; None where nothing can be compared. differ: of ``compared`` answers asked again,
    those against most answers on record. expected: the most that noise explains.
    """

    moved: bool | None
    p: float | None
    differ: int
    compared: int
    expected: int
    canaries: tuple[CanaryCount, ...]


def judge(votes: Sequence[PairVotes]) -> Agreement:
    """Say whether more answers differ from the record than its own noise explains.

    Where k of n votes of a persona on a tool are against most of them, the next one is with
    probability (k + 1/2) / (n + 1): the predictive mean from Jeffreys' prior, 25 % after a single
    answer and 8 % after five that agree. The answers on one tool are not independent, so their
    count is beta-binomial: they share a rate, drawn with the weight of n + 1 votes. The tools'
    counts are added up, and p is the probability of as many as were seen, or more. The canaries
    cannot tell where half of the answers differing would be within the noise.
    """
    tools: dict[str, list[PairVotes]] = defaultdict(list)
    for pair in votes:
        tools[pair.tool].append(pair)
    groups = [group for pairs in tools.values() if (group := _noise(pairs))]
    chances = at_least(groups)
    compared, differ = len(chances) - 1, sum(pair.differ for pair in votes)
    expected = sum(chance >= MOVED_BELOW for chance in chances) - 1
    p = chances[differ] if compared else None
    moved: bool | None = differ > expected
    if not moved and 2 * expected >= compared:
        moved = None
    counts = tuple(_count(tool, pairs) for tool, pairs in sorted(tools.items()))
    return Agreement(moved, p, differ, compared, expected, counts)


def _noise(pairs: list[PairVotes]) -> list[float] | None:
    """Return P(0), P(1), ... of the answers on one tool differ by noise; None if none can."""
    decided = [pair for pair in pairs if pair.record.majority]
    again = sum(pair.again.n for pair in decided)
    if not again:
        return None
    rate = weight = 0.0
    for pair in decided:
        against, share = min(pair.record.ships, pair.record.skips), pair.again.n / again
        rate += share * (against + PRIOR) / (pair.record.n + 2 * PRIOR)
        weight += share * (pair.record.n + 2 * PRIOR)
    return beta_binomial(again, rate * weight, (1 - rate) * weight)


def _count(tool: str, pairs: list[PairVotes]) -> CanaryCount:
    return CanaryCount(
        tool,
        sum(pair.record.ships for pair in pairs),
        sum(pair.record.n for pair in pairs),
        sum(pair.again.ships for pair in pairs),
        sum(pair.again.n for pair in pairs),
        sum(pair.differ for pair in pairs),
        any(pair.record.demo for pair in pairs),
    )
