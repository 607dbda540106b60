"""The confidence that answers state, drawn against what their cell's other repeats say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from panel.stats import ENOUGH, Interval
from panel.stats.calibration import Repeats
from panel.stats.intervals import mean_interval

BINS = ((0, 50), (50, 60), (60, 70), (70, 80), (80, 90), (90, 101))  # stated percent: from, below
EQUAL = 1e-9  # percentages that differ by no more than rounding


@dataclass(frozen=True, slots=True)
class Stated:
    """Answers whose stated confidence lies from ``low`` to under ``below``, in percent.

    stated, seen: the mean confidence, and the mean share of the cell's other votes that say the
    same, over tools of equal weight, in percent. interval: of ``seen``, t over tools; None where
    it cannot be estimated: below five tools, and where all are equal.
    """

    low: int
    below: int
    answers: int
    tools: int
    stated: float
    seen: float
    interval: Interval | None


def stated_and_seen(cells: Sequence[Repeats]) -> tuple[Stated, ...]:
    """Sort the answers of cells with two votes or more by the confidence that they stated."""
    found: dict[tuple[int, int], dict[str, list[tuple[float, float]]]] = {
        each: defaultdict(list) for each in BINS
    }
    for cell in cells:
        others = len(cell.y) - 1
        for p, ship in zip(cell.p, cell.y, strict=True) if others > 0 else ():
            confidence = round(100 * (p if ship else 1 - p), 6)
            agreeing = cell.y.count(ship) - 1
            place = next(each for each in BINS if each[0] <= confidence < each[1])
            found[place][cell.tool].append((confidence, 100 * agreeing / others))
    return tuple(_stated(*place, by_tool) for place, by_tool in found.items() if by_tool)


def _stated(low: int, below: int, by_tool: dict[str, list[tuple[float, float]]]) -> Stated:
    means = [tuple(map(fmean, zip(*each, strict=True))) for each in by_tool.values()]
    seen = [mean[1] for mean in means]
    return Stated(
        low,
        below,
        sum(map(len, by_tool.values())),
        len(means),
        fmean(mean[0] for mean in means),
        fmean(seen),
        _spread(seen),
    )


def _spread(seen: Sequence[float]) -> Interval | None:
    if len(seen) < ENOUGH or max(seen) - min(seen) < EQUAL:
        return None
    found = mean_interval(seen)
    return found and found.cut(0, 100)
