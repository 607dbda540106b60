"""What each persona's vote does to the majority of its panel."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from panel.stats.health import Votes


@dataclass(frozen=True, slots=True)
class Influence:
    """What one persona's vote does to the majority, over the tools on which anybody votes.

    The majority of some votes is 1 for ship, 0 for skip, and 1/2 on a tie and without votes.
    tools: how many; votes: on how many of them the persona has one (elsewhere it has no influence).
    left_out: tools whose majority changes without it; pivotal: tools whose majority changes if it
    votes the other way. shapley: the mean over tools of its Shapley value, the average change of
    the majority as it joins the others in a random order: above 0 it pulls towards ship. Those of
    all personas sum to the mean majority less 1/2. deviation: the standard deviation of its
    Shapley value over tools; None below two tools.
    """

    tools: int
    votes: int
    left_out: int
    pivotal: int
    shapley: float
    deviation: float | None


def influences(tools: Iterable[Sequence[bool | None]]) -> tuple[Influence, ...]:
    """Return each persona's influence: a row of votes for each tool, None where there is none."""
    return influences_of(Counter(map(tuple, tools)))


def influences_of(patterns: Mapping[Votes, int]) -> tuple[Influence, ...]:
    """Return each persona's influence, from how many tools have which votes."""
    known = {votes: many for votes, many in patterns.items() if set(votes) != {None} and many}
    width = max(map(len, patterns), default=0)
    return tuple(_influence(known, persona) for persona in range(width))


def _influence(patterns: Mapping[Votes, int], persona: int) -> Influence:
    tools, voted, left_out, pivotal = sum(patterns.values()), 0, 0, 0
    values: Counter[float] = Counter()
    for votes, many in patterns.items():
        own = votes[persona]
        if own is None:
            values[0.0] += many
            continue
        ships, skips = votes.count(True) - own, votes.count(False) - (not own)
        whole = _majority(ships + own, skips + (not own))
        voted += many
        left_out += many * (_majority(ships, skips) != whole)
        pivotal += many * (_majority(ships + (not own), skips + own) != whole)
        values[shapley(ships, skips) if own else -shapley(skips, ships)] += many
    mean = sum(value * many for value, many in values.items()) / tools if tools else 0.0
    deviation = None
    if tools > 1:
        spread = sum(many * (value - mean) ** 2 for value, many in values.items())
        deviation = math.sqrt(spread / (tools - 1))
    return Influence(tools, voted, left_out, pivotal, mean, deviation)


def _majority(ships: int, skips: int) -> float:
    return 0.5 if ships == skips else float(ships > skips)


@lru_cache(maxsize=4096)
def shapley(ships: int, skips: int) -> float:
    """Return the Shapley value of a vote to ship beside so many others, on the majority: exact.

    The mean, over all orders in which the voters join, of how much the majority changes when this
    one does (Shapley 1953, A Value for n-Person Games). Only counts matter: before it come i of
    the others that ship and j of those that skip, in C(a, i) C(b, j) of C(a + b, i + j) equally
    likely ways, and every i + j from 0 to a + b is equally likely. One to skip is its mirror.
    """
    others = ships + skips
    total = 0.0
    for i in range(ships + 1):
        for j in range(skips + 1):
            change = _majority(i + 1, j) - _majority(i, j)
            if change:
                ways = math.comb(ships, i) * math.comb(skips, j) / math.comb(others, i + j)
                total += ways * change
    return total / (others + 1)
