"""The confidence that answers state, held against what the same question's other repeats say."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from panel.research.rates import t_interval, within_percent
from panel.stats import ENOUGH, Interval

BINS = ((0, 50), (50, 60), (60, 70), (70, 80), (80, 90), (90, 101))  # stated percent: from, below
EQUAL = 1e-12  # shares that differ by less than rounding


@dataclass(frozen=True, slots=True)
class Stated:
    """Answers on one tool that state one confidence, 0 to 100.

    answers: how many, each in a cell with other votes. agreeing: the sum, over these answers, of
    the share of the cell's other votes that are the same.
    """

    tool: str
    confidence: int
    answers: int
    agreeing: float

    def loss(self, chance: float) -> float:
        """Return the sum of squared errors where each answer is given this chance, 0 to 1."""
        others = self.answers - self.agreeing
        return self.agreeing * (1 - chance) ** 2 + others * chance**2


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose stated confidence lies in one range.

    stated, seen: the mean confidence and agreement of the tools, each of equal weight, in
    percent. interval: of ``seen``; None where it cannot be estimated.
    """

    low: int
    below: int
    answers: int
    tools: int
    stated: float
    seen: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well the stated confidence foretells a cell's other repeats.

    brier, base: the mean squared error of the stated confidence, and of saying the mean agreement
    each time, 0 to 1. gain: base minus brier, the mean over tools, and its interval; above 0 the
    stated confidence is the better. The interval is None where it cannot be estimated.
    """

    answers: int
    tools: int
    bins: tuple[Bin, ...]
    brier: float
    base: float
    gain: float
    interval: Interval | None


def calibrate(stated: Iterable[Stated]) -> Calibration | None:
    """Hold stated confidences against agreement; None without a cell that has two votes.

    The Brier score (Brier 1950, Monthly Weather Review 78:1-3) of "another answer to this
    question gives the same verdict". Intervals are t intervals over tools, since answers on one
    tool go together.
    """
    rows = [row for row in stated if row.answers]
    many = sum(row.answers for row in rows)
    if not many:
        return None
    mean = sum(row.agreeing for row in rows) / many
    by_tool: dict[str, list[Stated]] = defaultdict(list)
    for row in rows:
        by_tool[row.tool].append(row)
    gains = [
        sum(row.loss(mean) - row.loss(row.confidence / 100) for row in of_tool)
        / sum(row.answers for row in of_tool)
        for of_tool in by_tool.values()
    ]
    bins = [_bin(low, below, rows) for low, below in BINS]
    return Calibration(
        many,
        len(by_tool),
        tuple(each for each in bins if each),
        sum(row.loss(row.confidence / 100) for row in rows) / many,
        sum(row.loss(mean) for row in rows) / many,
        fmean(gains),
        _spread(gains),
    )


def _bin(low: int, below: int, rows: Iterable[Stated]) -> Bin | None:
    by_tool: dict[str, list[Stated]] = defaultdict(list)
    for row in rows:
        if low <= row.confidence < below:
            by_tool[row.tool].append(row)
    if not by_tool:
        return None
    sizes = [sum(row.answers for row in of_tool) for of_tool in by_tool.values()]
    seen = [
        100 * sum(row.agreeing for row in of_tool) / size
        for of_tool, size in zip(by_tool.values(), sizes, strict=True)
    ]
    said = [
        sum(row.confidence * row.answers for row in of_tool) / size
        for of_tool, size in zip(by_tool.values(), sizes, strict=True)
    ]
    found = _spread(seen)
    interval = within_percent(found) if found else None
    return Bin(low, below, sum(sizes), len(seen), fmean(said), fmean(seen), interval)


def _spread(values: Sequence[float]) -> Interval | None:
    """Return the t interval of a mean over tools; None from few tools, and where all are equal."""
    if len(values) < ENOUGH or max(values) - min(values) < EQUAL:
        return None
    return t_interval(fmean(values), stdev(values) / math.sqrt(len(values)), len(values) - 1)
