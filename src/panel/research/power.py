"""What so many calls can show: simulation of the very test that decides.

Catalogs are drawn from a pilot's spread (``panel.research.pilot``), both arms are asked, and the
sign-flip test of ``panel.stats.paired`` is counted, as ``panel compare-arms`` runs it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from panel.errors import UsageError
from panel.research.extras import needed
from panel.research.frame import Frame, frame_of
from panel.research.paired import FEWEST
from panel.research.pilot import Components, components
from panel.research.shifts import ALPHA
from panel.stats import Interval
from panel.stats.paired import sign_flip

SEED = 20261127
CATALOGS = 2000  # the standard error of a power is at most 0.011
REPEATS = (1, 2, 3, 5, 8, 10, 20)
RESAMPLES = 25
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

    asked: of the arms, those that cost nothing, since their answers are in the store. tools: so
    many are at hand, which is one more way to split.
    """

    calls: int
    arms: int = 2
    asked: int = 0
    tools: int | None = None


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


def plan(frame: Frame, budget: Budget, aim: Aim, reaction: float | None = None) -> Plan:
    """Rank the ways to spend a budget by a pilot's spread; raises UsageError as its parts do."""
    panel = components(frame, reaction)
    found = designs(panel, budget, aim)
    spread = power_range(frame, reaction, found[0], aim)
    tools = len(frame.tool_means())
    return Plan(frame.source, tools, frame.votes, panel, budget, aim, tuple(found), spread)


def power(panel: Components, tools: int, repeats: int, aim: Aim, catalogs: int = CATALOGS) -> float:
    """Return the power of one comparison of two arms of so many tools and repeats, 0 to 1.

    Seeded. Needs numpy, and scipy for a margin. Raises UsageError for fewer than six tools and
    for an effect beyond 0 or 100 %.
    """
    if tools < FEWEST:
        raise UsageError(f"{tools} tool(s) can show nothing: a comparison takes {FEWEST}.")
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
    a_tool = len(panel.biases) * (budget.arms - budget.asked)
    splits = {(budget.calls // (a_tool * repeats), repeats) for repeats in REPEATS}
    if budget.tools:
        splits.add((budget.tools, budget.calls // (a_tool * budget.tools)))
    kept = [(tools, repeats) for tools, repeats in splits if tools >= FEWEST and repeats]
    if not kept:
        raise UsageError(
            f"{budget.calls:,} calls do not pay for a comparison: {FEWEST} tools take "
            f"{FEWEST * a_tool:,}."
        )
    found = []
    for tools, repeats in kept:
        share = power(panel, tools, repeats, aim)
        error = math.sqrt(share * (1 - share) / CATALOGS)
        found.append(Design(tools, repeats, tools * repeats * a_tool, share, error))
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
