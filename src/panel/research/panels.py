"""The statistics of one panel: the votes of its personas with one model and one prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from panel.research.agreement import AgreementFigures, agreement_figures
from panel.research.extras import needed
from panel.research.influence import PersonaInfluence, persona_influences
from panel.research.rates import THIS_TOOL, Estimate, tool_rate
from panel.research.table import Grid
from panel.research.variance import Projection, VarianceSplit, projections, variance_split
from panel.stats import ENOUGH, Interval, PanelResult, Said, Tally, combine, health_of
from panel.text import counted

SAID: tuple[Said, ...] = ("", "tie", "skip", "ship")
LEAST, MOST = 10, 90  # percent: outside, a catalog's rate tells hardly one tool from another
DEMO_WHY = "a demo model's verdicts are no judgement"
WILSON = "Wilson, personas of equal weight"
ONE_MODEL = {
    "model": "there is one model: ask another to see what the model does",
    "prompt": "there is one prompt: ask with another to see what the wording does",
}


@dataclass(frozen=True, slots=True)
class BaseRate:
    """How often a persona ships, and whether it says the same of every tool (of a demo: False)."""

    persona: str
    rate: Estimate
    constant: bool


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
    return PanelStatistics(
        grid,
        _of_ships(grid, tool_rate(grid.tool_means)),
        _tool_rates(grid),
        _base_rates(grid),
        agreement_figures(grid, said, health_of(grid.personas, said, grid.demo)),
        variance_split(grid.ships, grid.votes, ("tool", "persona"), ONE_MODEL),
        projections(grid.ships, grid.votes),
        persona_influences(grid.personas, said),
    )


def _of_ships(grid: Grid, found: Estimate) -> Estimate:
    """Return a share of ships; without any number where the votes are a demo model's."""
    if not grid.demo:
        return found
    return replace(found, value=None, interval=None, standard_error=None, why=DEMO_WHY)


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
    return _result(grid.ships[row].tolist(), grid.votes[row].tolist(), grid.demo)


def _result(ships: Sequence[int], votes: Sequence[int], demo: bool = False) -> PanelResult:
    return combine([Tally(k, n - k, demo=demo) for k, n in zip(ships, votes, strict=True)])


def _tool_rates(grid: Grid) -> ToolRates:
    """Sum up each tool's rate; tools with the same votes are worked out once."""
    np = needed("numpy")
    if grid.demo:
        return summed_up(THIS_TOOL, WILSON, ())
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
        rates.append(BaseRate(persona, _of_ships(grid, rate), bool(constant) and not grid.demo))
    return tuple(rates)


def base_rate_alarms(
    panel: PanelStatistics, names: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Say which base rates tell hardly one tool from another. names: of personas, by id."""
    catalog, shown = panel.catalog, names or {}
    found = [
        f"{shown.get(each.persona, each.persona)} {'ships' if each.rate.value else 'skips'} every "
        f"one of {counted(each.rate.n, 'tool')}: it tells none from another."
        for each in panel.base_rates
        if each.constant and each.rate.n >= ENOUGH
    ]
    if catalog.value is not None and not LEAST <= catalog.value <= MOST:
        found.append(
            f"The panel ships {catalog.value:.1f} % of {counted(catalog.n, 'tool')}, outside "
            f"{LEAST} to {MOST} %: a rate that hardly varies says little of a tool."
        )
    return tuple(found)
