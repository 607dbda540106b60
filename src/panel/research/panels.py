"""The statistics of one panel: the votes of its personas with one model and one prompt."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from panel.research.extras import needed
from panel.research.influence import PersonaInfluence, persona_influences
from panel.research.rates import THIS_TOOL, Estimate, tool_rate
from panel.research.table import Grid
from panel.research.variance import Projection, VarianceSplit, projections, variance_split
from panel.stats import (
    ENOUGH,
    SHIPS,
    Agreement,
    Interval,
    PanelHealth,
    PanelResult,
    Said,
    Tally,
    agreement_of_counts,
    combine,
    health_of,
    jackknife,
    rating_counts,
)
from panel.stats.intervals import t_interval

SAID: tuple[Said, ...] = ("", "tie", "skip", "ship")
LEAST, MOST = 10, 90  # percent: outside, a catalog's rate tells hardly one tool from another
JACKKNIFE = "jackknife over tools, t interval"
SPREAD = 10  # tools; from fewer, an interval of agreement holds the truth 78 to 89 % of the time
WILSON = "Wilson, personas of equal weight"
ONE_MODEL = {
    "model": "there is one model: ask another to see what the model does",
    "prompt": "there is one prompt: ask with another to see what the wording does",
}


@dataclass(frozen=True, slots=True)
class BaseRate:
    """How often a persona ships, and whether it says the same of every tool."""

    persona: str
    rate: Estimate
    constant: bool


@dataclass(frozen=True, slots=True)
class AgreementFigures:
    """The agreement of the personas' majorities on tools: its figures always together.

    raw, alpha, fleiss and ac1 are from -1 to 1, not in percent. ships: the marginal, the share of
    these votes that ship, 0 to 1; None without votes. flips: how often an answer flips, in percent.
    effective: as how many independent votes the personas count, in votes.
    """

    ratings: int
    ships: float | None
    raw: Estimate
    alpha: Estimate
    fleiss: Estimate
    ac1: Estimate
    flips: Estimate
    effective: Estimate


@dataclass(frozen=True, slots=True)
class ToolRates:
    """Each tool's rate, summed up.

    tools: with a rate; spread: those of them with an interval (the others' shares are all the
    same). width: the median width of these intervals, in points; undecided: how many hold 50 %.
    intervals: how they are made.
    """

    estimates: str
    intervals: str
    tools: int
    spread: int
    width: float | None
    undecided: int


def summed_up(
    estimates: str, intervals: str, rates: Iterable[tuple[Interval | None, int]]
) -> ToolRates:
    """Sum up tools' rates: of each interval how many tools have it, None for no interval."""
    np, found = needed("numpy"), list(rates)
    known = [(span, many) for span, many in found if span is not None]
    widths = [span.high - span.low for span, many in known for _ in range(many)]
    return ToolRates(
        estimates,
        intervals,
        sum(many for _span, many in found),
        len(widths),
        float(np.median(widths)) if widths else None,
        sum(many for span, many in known if span.holds(50)),
    )


@dataclass(frozen=True)
class PanelStatistics:
    """All that the votes of one panel say, with one model and prompt. grid: those votes."""

    grid: Grid
    catalog: Estimate
    tool_rates: ToolRates
    base_rates: tuple[BaseRate, ...]
    agreement: AgreementFigures
    variance: VarianceSplit
    projections: tuple[Projection, ...]
    influence: tuple[PersonaInfluence, ...]

    @property
    def alarms(self) -> tuple[str, ...]:
        """Which base rates tell hardly one tool from another."""
        return base_rate_alarms(self)


def panel_statistics(grid: Grid) -> PanelStatistics:
    """Work out the statistics of one panel."""
    said = _said(grid)
    health = health_of(grid.personas, said)
    return PanelStatistics(
        grid,
        tool_rate(grid.tool_means),
        _tool_rates(grid),
        _base_rates(grid),
        _agreement(grid, said, health),
        variance_split(grid.ships, grid.votes, ("tool", "persona"), ONE_MODEL),
        projections(grid.ships, grid.votes),
        persona_influences(grid.personas, said),
    )


def _said(grid: Grid) -> Counter[tuple[Said, ...]]:
    """Count the tools of which the personas say the same, by their majorities."""
    np = needed("numpy")
    more, none = 2 * grid.ships - grid.votes, grid.votes == 0
    codes = np.select([none, more == 0, more < 0], [0, 1, 2], 3)  # places in SAID
    patterns, counts = np.unique(codes.astype(np.int8), axis=0, return_counts=True)
    return Counter(
        {
            tuple(SAID[code] for code in pattern): int(many)
            for pattern, many in zip(patterns.tolist(), counts, strict=True)
        }
    )


def tool_result(grid: Grid, tool: str) -> PanelResult | None:
    """Return one tool's rate by this panel; None where the panel was not asked about it."""
    if tool not in grid.tools:
        return None
    row = grid.tools.index(tool)
    return _result(grid.ships[row].tolist(), grid.votes[row].tolist())


def _result(ships: Sequence[int], votes: Sequence[int]) -> PanelResult:
    return combine([Tally(k, n - k) for k, n in zip(ships, votes, strict=True)])


def _tool_rates(grid: Grid) -> ToolRates:
    """Sum up each tool's rate; tools with the same votes are worked out once."""
    np = needed("numpy")
    base = int(grid.votes.max(initial=0)) + 1
    alike = np.sort(grid.ships * base + grid.votes, axis=1)  # which personas they are is no matter
    patterns, counts = np.unique(alike, axis=0, return_counts=True)
    results = [_result((each // base).tolist(), (each % base).tolist()) for each in patterns]
    rates = zip((each.interval for each in results), counts.tolist(), strict=True)
    return summed_up(THIS_TOOL, WILSON, (rate for rate in rates if rate[0] is not None))


def _base_rates(grid: Grid) -> tuple[BaseRate, ...]:
    np, shares = needed("numpy"), grid.shares
    rates = []
    for place, persona in enumerate(grid.personas):
        own = shares[:, place]
        voted = own[~np.isnan(own)]
        rate = tool_rate(
            own, f"how often {persona} ships: tools are the sample", f"{persona}'s rate"
        )
        constant = bool(len(voted)) and voted.min() == voted.max() and voted[0] in (0, 1)
        rates.append(BaseRate(persona, rate, bool(constant)))
    return tuple(rates)


def _agreement(
    grid: Grid, said: Counter[tuple[Said, ...]], health: PanelHealth
) -> AgreementFigures:
    counts: Counter[Any] = Counter()
    for pattern, many in said.items():
        for unit in rating_counts([[each if each in SHIPS else None for each in pattern]]):
            counts[unit] += many
    found = agreement_of_counts(counts)

    def figure(
        what: str, statistic: Callable[[Agreement], float | None], least: float = -1
    ) -> Estimate:
        value, error = statistic(found), jackknife(counts, statistic)
        known = Estimate(what, value, None, error, found.units_with_two, "tools", JACKKNIFE)
        if value is None:
            return replace(known, standard_error=None, why=found.why)
        if found.units_with_two < SPREAD:
            return replace(known, why=f"its interval takes {SPREAD} tools with two votes or more")
        if not error:
            return replace(known, why="every tool says the same, so their spread says nothing")
        span = t_interval(value, error, found.units_with_two - 1)
        return replace(known, interval=span.cut(least, 1))

    # With missing votes Gwet's form of Fleiss' kappa has no least value.
    fleiss_least = -1 if found.units == found.units_with_two else -math.inf
    return AgreementFigures(
        found.ratings,
        found.marginal.get("ship", 0.0) if found.ratings else None,
        figure("chance that two personas say the same of a tool", lambda each: each.raw, 0),
        figure("Krippendorff's alpha, nominal", lambda each: each.alpha),
        figure("Fleiss' kappa (Gwet's form)", lambda each: each.fleiss, fleiss_least),
        figure("Gwet's AC1", lambda each: each.ac1),
        _flips(grid),
        _effective(health),
    )


def _flips(grid: Grid) -> Estimate:
    """Estimate how often two repeats of a cell disagree, over cells with two votes or more."""
    np = needed("numpy")
    k, n = grid.ships, grid.votes
    again = n > 1
    pairs = np.where(again, n * (n - 1), 1)
    many = again.sum(axis=1)
    means = np.full(len(n), np.nan)
    flips = np.where(again, 2 * k * (n - k) / pairs, 0).sum(axis=1)
    np.divide(flips, many, out=means, where=many > 0)
    found = tool_rate(means, "chance that an answer flips when it is asked again", "a flip rate")
    if not many.any():
        return replace(found, why="each cell was answered once: ask again with --repeats")
    return found


def _effective(health: PanelHealth) -> Estimate:
    why = None
    if health.effective is None:
        why = (
            f"it takes {ENOUGH} tools with a vote of every persona, and there are {health.complete}"
            if health.complete < ENOUGH
            else "no two personas vary on the same tools"
        )
    return Estimate(
        "independent votes that the personas count as",
        health.effective,
        health.interval,
        None,
        health.complete,
        "tools",
        "Kish k / (1 + (k - 1) rho), rho the mean phi; Bayesian bootstrap over tools",
        why,
    )


def base_rate_alarms(
    panel: PanelStatistics, names: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Say which base rates tell hardly one tool from another. names: of personas, by id."""
    catalog, shown = panel.catalog, names or {}
    found = [
        f"{shown.get(each.persona, each.persona)} {'ships' if each.rate.value else 'skips'} every "
        f"one of {each.rate.n:,} tools: it tells none from another."
        for each in panel.base_rates
        if each.constant and each.rate.n >= ENOUGH
    ]
    if catalog.value is not None and not LEAST <= catalog.value <= MOST:
        found.append(
            f"The panel ships {catalog.value:.1f} % of {catalog.n:,} tools, outside {LEAST} to "
            f"{MOST} %: a rate that hardly varies says little of a tool."
        )
    return tuple(found)
