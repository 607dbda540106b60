"""The statistics of a source: each panel by itself, and what they say over models and prompts.

Models, prompts and arms are never pooled: each combination is a panel of its own. Over models and
prompts stands an estimate that takes those asked for a sample of others. Arms are chosen, so
nothing is estimated over them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from panel.errors import UsageError
from panel.research.extras import needed
from panel.research.panels import (
    ONE_MODEL,
    PanelStatistics,
    ToolRates,
    panel_statistics,
    summed_up,
    tool_result,
)
from panel.research.rates import OVER_MODELS, Estimate, rate_over
from panel.research.table import Grid, VoteTable
from panel.research.variance import VarianceSplit, variance_split
from panel.stats import PanelResult
from panel.workspace.validation import did_you_mean

LISTED = 30  # tools that are named without being asked for
TOGETHER = "model and prompt"
OVER_METHOD = "mean; t interval with clusters by model and prompt"


@dataclass(frozen=True, slots=True)
class ToolLine:
    """One tool: its rate by each panel, in their order (None: not asked), and over all of them."""

    tool: str
    panels: tuple[PanelResult | None, ...]
    over: Estimate


@dataclass(frozen=True)
class ArmStatistics:
    """An arm (or the house): its panels, and what they say over models and prompts.

    Over models and prompts, demo models do not count.
    catalog: over prompts, models and tools at once; tool_rates: each tool over prompts and models,
    summed up. variance: over all panels; None where there is one, whose own split says it. tools:
    those that were asked for, or all of a small catalog.
    """

    arm: str
    panels: tuple[PanelStatistics, ...]
    catalog: Estimate
    tool_rates: ToolRates
    variance: VarianceSplit | None
    tools: tuple[ToolLine, ...]


@dataclass(frozen=True)
class Statistics:
    """All that ``panel stats`` says of a source."""

    source: str
    arms: tuple[ArmStatistics, ...]

    def in_order(self, names: Sequence[str]) -> Statistics:
        """Return the same with its arms in the order of ``names``; others come first."""
        place = {name: at for at, name in enumerate(names)}
        return replace(self, arms=tuple(sorted(self.arms, key=lambda a: place.get(a.arm, -1))))


def statistics_of(table: VoteTable, tools: Iterable[str] = ()) -> Statistics:
    """Work out the statistics of counted votes. tools: to be listed one by one.

    Raises UsageError for a tool that has no answers.
    """
    wanted = list(dict.fromkeys(tools))
    for tool in wanted:
        if tool not in table.names["tool"]:
            near = did_you_mean(tool, table.names["tool"])
            raise UsageError(f"{table.source} has no answers on a tool {tool!r}. {near}")
    by_arm = groupby(table.grids(), key=lambda grid: grid.arm)
    return Statistics(table.source, tuple(_arm(arm, list(grids), wanted) for arm, grids in by_arm))


def _arm(arm: str, grids: Sequence[Grid], wanted: Sequence[str]) -> ArmStatistics:
    listed = wanted
    if not listed:
        names = {tool for grid in grids for tool in grid.tools}
        listed = sorted(names) if len(names) <= LISTED else []
    judged = [grid for grid in grids if not grid.demo]
    return ArmStatistics(
        arm,
        tuple(panel_statistics(grid) for grid in grids),
        _catalog_over(judged),
        _tool_rates_over(judged),
        _variance_over(judged) if len(judged) > 1 else None,
        _lines(grids, listed),
    )


def _lines(grids: Sequence[Grid], listed: Sequence[str]) -> tuple[ToolLine, ...]:
    judged = [grid for grid in grids if not grid.demo]
    means = [_means(grid) if listed else {} for grid in judged]
    return tuple(
        ToolLine(
            tool,
            tuple(tool_result(grid, tool) for grid in grids),
            _over(judged, [each.get(tool) for each in means]),
        )
        for tool in listed
    )


def _over(grids: Sequence[Grid], shares: Sequence[float | None]) -> Estimate:
    """Estimate one tool's rate over models and prompts, from its share by each panel."""
    known = [share for share in shares if share is not None]
    asked = [grid for share, grid in zip(shares, grids, strict=True) if share is not None]
    kinds = {"models": [grid.model for grid in asked], "prompts": [grid.prompt for grid in asked]}
    return rate_over(known, f"this tool {OVER_MODELS}", kinds)


def _tool_rates_over(grids: Sequence[Grid]) -> ToolRates:
    """Sum up each tool's rate over models and prompts; equal shares are worked out once."""
    means = [_means(grid) for grid in grids]
    counts = Counter(tuple(each.get(tool) for each in means) for tool in set().union(*means))
    rates = [(_over(grids, shares), many) for shares, many in counts.items()]
    known = [(each.interval, many) for each, many in rates if each.value is not None]
    return summed_up(f"this tool {OVER_MODELS}", OVER_METHOD, known)


def _means(grid: Grid) -> dict[str, float]:
    """Return the ship share of each tool that has votes, 0 to 1."""
    both = zip(grid.tools, grid.tool_means.tolist(), strict=True)
    return {tool: mean for tool, mean in both if not math.isnan(mean)}


def _catalog_over(grids: Sequence[Grid]) -> Estimate:
    """Estimate the catalog's rate over models and prompts, on tools that every panel voted on."""
    np = needed("numpy")
    if len(grids) < 2:
        return rate_over([0.0], f"the catalog {OVER_MODELS}", {})
    means = [_means(grid) for grid in grids]
    common = sorted(set.intersection(*map(set, means)))
    shares = np.array([[each[tool] for each in means] for tool in common])
    shape = (len(common), len(grids))
    kinds = {
        "tools": np.broadcast_to(np.arange(len(common))[:, None], shape).ravel(),
        "models": np.tile([grid.model for grid in grids], len(common)),
        "prompts": np.tile([grid.prompt for grid in grids], len(common)),
    }
    return rate_over(shares.ravel(), f"the catalog {OVER_MODELS}", kinds)


def _variance_over(grids: Sequence[Grid]) -> VarianceSplit:
    """Split the variance over all panels, on the tools and personas that all of them have."""
    np = needed("numpy")
    tools = sorted(set.intersection(*(set(grid.tools) for grid in grids)))
    personas = sorted(set.intersection(*(set(grid.personas) for grid in grids)))
    models = sorted({grid.model for grid in grids})
    prompts = sorted({grid.prompt for grid in grids})
    cells = {}
    for grid in grids:
        rows = np.searchsorted(np.array(grid.tools), tools)
        columns = np.searchsorted(np.array(grid.personas), personas)
        place = np.ix_(rows.astype(int), columns.astype(int))
        cells[grid.model, grid.prompt] = (grid.ships[place], grid.votes[place])
    if len(cells) < len(models) * len(prompts):  # not crossed: their parts cannot be told apart
        stacked = list(cells.values())
        apart = "models and prompts change together, so their parts cannot be told apart"
        return variance_split(
            np.stack([ships for ships, _votes in stacked], axis=2),
            np.stack([votes for _ships, votes in stacked], axis=2),
            ("tool", "persona", TOGETHER),
            {"model": apart, "prompt": apart},
        )
    both = [
        np.stack(
            [
                np.stack([cells[model, prompt][side] for prompt in prompts], axis=-1)
                for model in models
            ],
            axis=2,
        )
        for side in (0, 1)
    ]
    names = ("tool", "persona", "model", "prompt")
    one = {
        name: ONE_MODEL[name]
        for name, many in (("model", models), ("prompt", prompts))
        if len(many) == 1
    }
    return variance_split(both[0], both[1], names, one)
