"""How far the personas of one panel agree, and as how many independent votes they count."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from panel.research.extras import needed
from panel.research.rates import Estimate, tool_rate
from panel.research.table import Grid
from panel.stats import (
    ENOUGH,
    SHIPS,
    Agreement,
    PanelHealth,
    PersonaRate,
    Said,
    agreement_of_counts,
    jackknife,
    rating_counts,
)
from panel.stats.intervals import t_interval
from panel.text import counted

JACKKNIFE = "jackknife over tools, t interval"
SPREAD = 10  # tools; from fewer, an interval of agreement holds the truth 78 to 89 % of the time


@dataclass(frozen=True, slots=True)
class AgreementFigures:
    """The agreement of the personas' majorities on tools: its figures always together.

    raw, alpha, fleiss and ac1 are from -1 to 1, not in percent. ships: the marginal, the share of
    these votes that ship, 0 to 1; None without votes, and of a demo model's. flips: how often an
    answer flips, in percent.
    effective: as how many independent votes the personas count, in votes. alone: majorities that
    are the only one on their tool, which agree with none. ties: tool × persona with as many ships
    as skips, which have no majority. uncounted: personas that no correlation is defined for.
    """

    ratings: int
    ships: float | None
    raw: Estimate
    alpha: Estimate
    fleiss: Estimate
    ac1: Estimate
    flips: Estimate
    effective: Estimate
    alone: int
    ties: int
    uncounted: tuple[PersonaRate, ...]


def agreement_figures(
    grid: Grid, said: Counter[tuple[Said, ...]], health: PanelHealth
) -> AgreementFigures:
    """Work out the agreement of one panel. said: of how many tools its personas say the same.

    health: of the same majorities.
    """
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
        found.marginal.get("ship", 0.0) if found.ratings and not grid.demo else None,
        figure("chance that two personas say the same of a tool", lambda each: each.raw, 0),
        figure("Krippendorff's alpha, nominal", lambda each: each.alpha),
        figure("Fleiss' kappa (Gwet's form)", lambda each: each.fleiss, fleiss_least),
        figure("Gwet's AC1", lambda each: each.ac1),
        _flips(grid),
        _effective(health),
        found.units - found.units_with_two,
        sum(each.ties for each in health.personas),
        health.uncounted if health.effective is not None else (),
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
        _kish(health),
        why,
    )


def _kish(health: PanelHealth) -> str:
    known = [pair for pair in health.pairs if pair.phi is not None]
    said = "Kish k / (1 + (k - 1) rho)"
    if health.effective is not None:
        tools = sorted({pair.n for pair in known})
        said += (
            f", k = {counted(len(health.counted), 'persona')}, rho = {health.mean_phi:.3f}, the "
            f"mean phi of {counted(len(known), 'pair')} on "
            f"{' to '.join(f'{n:,}' for n in dict.fromkeys((tools[0], tools[-1])))} tools"
        )
    return f"{said}; Bayesian bootstrap over tools"
