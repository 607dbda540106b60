"""What so many calls can show: simulation of the very test that decides.

Catalogs are drawn from a pilot's spread (``panel.research.pilot``), both arms are asked, and the
sign-flip test of ``panel.stats.paired`` is counted, as ``panel compare-arms`` runs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from panel.errors import UsageError
from panel.research.extras import needed
from panel.research.frame import Frame, frame_of
from panel.research.paired import FEWEST
from panel.research.pilot import Components, components
from panel.research.shifts import ALPHA
from panel.stats import Interval
from panel.stats.paired import sign_flip
from panel.text import counted

SEED = 20261127
CATALOGS = 2000  # the standard error of a power is at most 0.011
REPEATS = (1, 2, 3, 5, 8, 10, 20)
RESAMPLES = 25
WANTED = 0.8  # the power that is usually asked for
MOST_TOOLS = 2000  # looked at for it
MOST_REPEATS = 100
_AT_ONCE = 4_000_000  # rates drawn at once: bounds the memory
_EXACT = 200_000  # tools × votes a side: beyond it the sign-flip test is its normal limit


@dataclass(frozen=True, slots=True)
class Aim:
    """What a comparison is to show, with 5 % of wrong alarms.

    effect: the true shift in points; None for none. margin: in points; then power is the chance
    that "unchanged within the margin" is shown, and else that a difference is. comparisons: how
    many are made, among which the 5 % are shared out (Bonferroni): the first step of Holm's method,
    by which they are decided.
    """

    effect: float | None = None
    margin: float | None = None
    comparisons: int = 1

    @property
    def alpha(self) -> float:
        """The largest p-value that shows something in one comparison."""
        return ALPHA / self.comparisons


@dataclass(frozen=True, slots=True)
class Design:
    """One way to spend calls. calls: all of them; power: 0 to 1, and its standard error."""

    tools: int
    repeats: int
    calls: int
    power: float
    error: float


@dataclass(frozen=True, slots=True)
class Budget:
    """How many calls there are, and for how many arms.

    tools: so many are at hand, which is one more way to split. asked: answers that the first arm
    has already to each question on these tools; they cost nothing.
    """

    calls: int
    arms: int = 2
    tools: int | None = None
    asked: int = 0

    def cost(self, personas: int, tools: int, repeats: int) -> int:
        """Return the calls that a design takes."""
        there = min(tools, self.tools or 0) * min(repeats, self.asked)
        return personas * (self.arms * tools * repeats - there)


@dataclass(frozen=True, slots=True)
class Enough:
    """What a power of 0.8 takes, about. more_tools: with one repeat, and as many tools as it takes.

    more_repeats: on the tools at hand, and as many repeats. None where that does not reach it.
    """

    more_tools: Design | None
    more_repeats: Design | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The ways to spend a budget, the best one first, and what they are judged by.

    pilot, tools, votes: the source of the spread, and its size. spread: how far the power of the
    best way may be off, since the pilot is small: the middle 80 %.
    """

    pilot: str
    tools: int
    votes: int
    panel: Components
    budget: Budget
    aim: Aim
    designs: tuple[Design, ...]
    spread: Interval
    enough: Enough | None


def plan(frame: Frame, budget: Budget, aim: Aim, reaction: float | None = None) -> Plan:
    """Rank the ways to spend a budget by a pilot's spread; raises UsageError as its parts do.

    It does so for a demo model's votes as well.
    """
    frame.refuse_demo()
    panel = components(frame, reaction)
    found = designs(panel, budget, aim)
    spread = power_range(frame, reaction, found[0], aim)
    tools = len(frame.tool_means())
    return Plan(
        frame.source,
        tools,
        frame.votes,
        panel,
        budget,
        aim,
        tuple(found),
        spread,
        None if found[0].power >= WANTED else enough(panel, budget, aim),
    )


def enough(panel: Components, budget: Budget, aim: Aim) -> Enough:
    """Find about how many tools, or else repeats, give a power of 0.8, whatever they cost."""

    def least(size: int, most: int, design: Callable[[int], tuple[int, int]]) -> Design | None:
        def reached(size: int) -> bool:
            return power(panel, *design(size), aim, CATALOGS // 10) >= WANTED

        below = size - 1
        while not reached(size):
            if size == most:
                return None
            below, size = size, min(2 * size, most)
        while size - below > max(1, size // 20):
            middle = (below + size) // 2
            below, size = (below, middle) if reached(middle) else (middle, size)
        return _design(panel, budget, aim, design(size))

    tools = budget.tools or 0
    return Enough(
        least(FEWEST, MOST_TOOLS, lambda size: (size, 1)),
        least(1, MOST_REPEATS, lambda size: (tools, size)) if tools >= FEWEST else None,
    )


def _design(panel: Components, budget: Budget, aim: Aim, size: tuple[int, int]) -> Design:
    share = power(panel, *size, aim)
    error = math.sqrt(share * (1 - share) / CATALOGS)
    return Design(*size, budget.cost(len(panel.biases), *size), share, error)


def answers_each(frame: Frame) -> int:
    """Return how many answers every question of a pilot has: the fewest that any of them has."""
    return min((row.n + row.abstains for row in frame.rows), default=0)


def power(panel: Components, tools: int, repeats: int, aim: Aim, catalogs: int = CATALOGS) -> float:
    """Return the power of one comparison of two arms of so many tools and repeats, 0 to 1.

    Seeded. Needs numpy, and scipy for a margin. Raises UsageError for fewer than six tools and
    for an effect beyond 0 or 100 %.
    """
    if tools < FEWEST:
        raise UsageError(f"{counted(tools, 'tool')} can show nothing: a comparison takes {FEWEST}.")
    shift = panel.logits(aim.effect) if aim.effect else 0.0
    shown = sum(
        _shown(differences, repeats * len(panel.biases), aim)
        for differences in _differences(panel, tools, repeats, shift, catalogs)
    )
    return shown / catalogs


def designs(panel: Components, budget: Budget, aim: Aim) -> list[Design]:
    """Return the ways to split a budget over tools and repeats, by their power.

    Raises UsageError where it does not pay for six tools.
    """
    personas = len(panel.biases)

    def most(cost: Callable[[int], int]) -> int:
        """Return the largest size, 0 for none, that the calls pay for."""
        low, high = 0, budget.calls + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if cost(middle) <= budget.calls else (low, middle)
        return low

    splits = {
        (most(partial(budget.cost, personas, repeats=repeats)), repeats) for repeats in REPEATS
    }
    if at_hand := budget.tools:
        splits.add((at_hand, most(partial(budget.cost, personas, at_hand))))
    kept = [(tools, repeats) for tools, repeats in splits if tools >= FEWEST and repeats]
    if not kept:
        raise UsageError(
            f"{counted(budget.calls, 'call does', 'calls do')} not pay for a comparison: {FEWEST} "
            f"tools take {budget.cost(personas, FEWEST, 1):,}."
        )
    found = [_design(panel, budget, aim, each) for each in kept]
    return sorted(found, key=lambda each: (-each.power, each.calls))


def power_range(frame: Frame, reaction: float | None, design: Design, aim: Aim) -> Interval:
    """Return how far a power may be off, since its pilot is small, 0 to 1.

    The middle 80 % over pilots whose tools are drawn again, with replacement, from this one's.
    Seeded. Needs numpy. Raises UsageError as ``components`` does.
    """
    np = needed("numpy")
    random = np.random.default_rng(SEED)
    by_tool = {tool: [row for row in frame.rows if row.tool == tool] for tool in frame.tools}
    found = []
    for _ in range(RESAMPLES):
        drawn = random.choice(frame.tools, len(frame.tools))
        rows = [
            replace(row, tool=f"{at:06}")
            for at, tool in enumerate(drawn)
            for row in by_tool[str(tool)]
        ]
        panel = components(frame_of(frame.source, rows), reaction)
        try:
            found.append(power(panel, design.tools, design.repeats, aim, CATALOGS // 10))
        except UsageError:  # of a pilot near 0 or 100 % the effect is out of reach
            continue
    return Interval(*map(float, np.quantile(found or [design.power], [0.1, 0.9])))


def _differences(
    panel: Components, tools: int, repeats: int, shift: float, catalogs: int
) -> Iterator[Any]:
    """Draw catalogs; yields arrays of [catalog, tool]: ships of B less those of A."""
    np = needed("numpy")
    random = np.random.default_rng(SEED)
    block = max(1, _AT_ONCE // (tools * 2 * len(panel.biases)))
    for start in range(0, catalogs, block):
        many = min(block, catalogs - start)
        rates = panel.rates(random, (many, tools), (0.0, shift))
        ships = random.binomial(repeats, rates).sum(axis=-1)
        yield ships[..., 1] - ships[..., 0]


def _shown(differences: Any, votes: int, aim: Aim) -> int:
    """Count the catalogs in which the aim is shown. votes: of a side, on one tool."""
    if aim.margin is not None:
        return _equivalent(100 * differences / votes, aim)
    if differences.shape[1] ** 2 * votes <= _EXACT:
        return sum(sign_flip(each).p <= aim.alpha for each in differences.tolist())
    np, stats = needed("numpy"), needed("scipy.stats")
    spread = np.sqrt((differences**2).sum(axis=1))
    # Sums of sign patterns lie two steps apart, so half of that is the continuity correction.
    beyond = np.maximum(0.0, np.abs(differences.sum(axis=1)) - 1) / np.maximum(spread, 1e-9)
    return int((2 * stats.norm.sf(beyond) <= aim.alpha).sum())


def _equivalent(points: Any, aim: Aim) -> int:
    """Count the catalogs whose mean difference is shown to lie inside the margin."""
    np, stats = needed("numpy"), needed("scipy.stats")
    n = points.shape[1]
    error = points.std(axis=1, ddof=1) / math.sqrt(n)
    outside = (np.abs(points.mean(axis=1)) - aim.margin) / np.maximum(error, 1e-9)
    return int(((stats.t.cdf(outside, n - 1) <= aim.alpha) & (error > 0)).sum())
