"""How good stated probabilities are: scores, calibration, and what chance alone would show.

Forecasts are probabilities from 0 to 1; outcomes are 1 or 0. Scores are means over forecasts, and
lower is better. A statistic that cannot be estimated is None.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from panel.stats.intervals import t_quantile

BINS = 10
NULL_SAMPLES = 2000
DRAWN_SINGLY = 400  # forecasts of a bin up to which a simulation draws each outcome of its own
FEWEST_TOOLS = 6  # under which no interval over tools is given
_TINY = 2.220446049250313e-16  # as scikit-learn clips, so that a certain forecast scores finitely
Forecasts = Sequence[float]
Outcomes = Sequence[int]


def brier(p: Forecasts, y: Outcomes) -> float | None:
    """Return the mean squared error (Brier 1950, Monthly Weather Review 78:1-3)."""
    return fmean((a - b) ** 2 for a, b in _pairs(p, y)) if p else None


def log_loss(p: Forecasts, y: Outcomes) -> float | None:
    """Return the mean negative log likelihood, in nats."""
    kept = (min(max(a if b else 1 - a, _TINY), 1 - _TINY) for a, b in _pairs(p, y))
    return -fmean(map(math.log, kept)) if p else None


def auroc(p: Forecasts, y: Outcomes) -> float | None:
    """Return how often a 1 has the higher forecast than a 0, ties half; None without both.

    The Mann-Whitney U statistic divided by the number of pairs.
    """
    pairs = sorted(_pairs(p, y))
    ones = sum(b for _a, b in pairs)
    if not 0 < ones < len(pairs):
        return None
    won, zeros = 0.0, 0
    for group in _grouped(pairs).values():
        up = sum(group)
        down = len(group) - up
        won += up * (zeros + down / 2)
        zeros += down
    return won / (ones * (len(pairs) - ones))


@dataclass(frozen=True, slots=True)
class Murphy:
    """Murphy (1973), J. Applied Meteorology 12:595-600, over distinct forecasts.

    brier = reliability - resolution + uncertainty.
    """

    reliability: float
    resolution: float
    uncertainty: float


def murphy(p: Forecasts, y: Outcomes) -> Murphy | None:
    """Split the Brier score; None without forecasts."""
    if not p:
        return None
    rate, groups = fmean(y), _grouped(_pairs(p, y))
    reliability = sum(len(g) * (value - fmean(g)) ** 2 for value, g in groups.items()) / len(y)
    resolution = sum(len(g) * (fmean(g) - rate) ** 2 for g in groups.values()) / len(y)
    return Murphy(reliability, resolution, rate * (1 - rate))


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts of one tenth: how many, their mean, the rate of ones, and its null band.

    low, high: between what 95 % of perfectly calibrated forecasters with these very forecasts
    have their rate.
    """

    n: int
    forecast: float
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins with a forecast in them, and the expected calibration error beside its null.

    null_ece: the mean of perfectly calibrated forecasters; null_high: what 95 % of them stay
    below. An ECE below it shows no miscalibration.
    """

    bins: tuple[Bin, ...]
    ece: float
    null_ece: float
    null_high: float


def ece(p: Forecasts, y: Outcomes, bins: int = BINS) -> float | None:
    """Return the expected calibration error in equal bins [i/bins, (i+1)/bins), 1 in the last."""
    return _error(_binned(p, bins), p, y) if p else None


def reliability(
    p: Forecasts, y: Outcomes, seed: int = 0, samples: int = NULL_SAMPLES, bins: int = BINS
) -> Reliability | None:
    """Bin forecasts and simulate, from a seed, what perfect calibration would show.

    In it every outcome is a draw of its own, with its forecast as the probability. The ones of a
    bin with more than DRAWN_SINGLY forecasts are drawn together, by the normal approximation.
    """
    if not p:
        return None
    binned, source = _binned(p, bins), random.Random(seed)  # noqa: S311 - a simulation
    rates: list[list[float]] = []
    errors = [0.0] * samples
    for places in binned:
        forecasts = [p[n] for n in places]
        sums, expected = _sums_of_ones(forecasts, source, samples), sum(forecasts)
        rates.append([ones / len(places) for ones in sums])
        errors = [e + abs(ones - expected) / len(p) for e, ones in zip(errors, sums, strict=True)]
    made = tuple(
        Bin(len(places), fmean(p[n] for n in places), fmean(y[n] for n in places), *_middle(seen))
        for places, seen in zip(binned, rates, strict=True)
    )
    high = sorted(errors)[math.ceil(0.95 * samples) - 1]
    return Reliability(made, _error(binned, p, y), fmean(errors), high)


@dataclass(frozen=True, slots=True)
class Repeats:
    """One cell's repeats: the forecast that each made of "ship", and whether it shipped."""

    tool: str
    p: tuple[float, ...]
    y: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How much better forecasts are than the constant base rate: ``held_out``, ``own_verdict``.

    gain: the mean over tools of the Brier score of the base rate less that of the forecasts;
    above 0 the forecasts are better. low, high: its 95 % t interval over tools; None where there
    are fewer than FEWEST_TOOLS. pairs: predictions scored; cells: those they are of.
    """

    tools: int
    cells: int
    pairs: int
    brier: float
    base_brier: float
    gain: float
    low: float | None
    high: float | None

    @property
    def beats(self) -> bool:
        """Whether even the bad end of the interval is better than the base rate."""
        return self.low is not None and self.low > 0


def held_out(cells: Sequence[Repeats]) -> HeldOut | None:
    """Predict each repeat from every other one of its cell; None where no cell has two.

    The base rate is the rate of the predicted outcomes themselves, the best constant there is:
    what beats it would beat any constant chosen beforehand. Tools are the clusters, each of equal
    weight.
    """
    many = [cell for cell in cells if len(cell.y) > 1]
    pairs = sum(len(cell.y) * (len(cell.y) - 1) for cell in many)
    return _against_base(many, pairs, _cell_scores)


def own_verdict(cells: Sequence[Repeats]) -> HeldOut | None:
    """Hold each forecast against the verdict that came with it; None without forecasts.

    It tells whether a model says what it finds probable, and nothing of another asking.
    """
    return _against_base(cells, sum(len(cell.y) for cell in cells), _own_scores)


def _against_base(
    cells: Sequence[Repeats], pairs: int, score: Callable[[Repeats, float], tuple[float, float]]
) -> HeldOut | None:
    """Compare forecasts with the base rate over tools. score: a cell's, and the base rate's."""
    if not cells:
        return None
    rates: dict[str, list[float]] = defaultdict(list)
    for cell in cells:
        rates[cell.tool].append(fmean(cell.y))
    base = fmean(fmean(each) for each in rates.values())
    scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for cell in cells:
        scores[cell.tool].append(score(cell, base))
    means = [[fmean(part) for part in zip(*each, strict=True)] for each in scores.values()]
    gains = [constant - forecast for forecast, constant in means]
    half = _half_width(gains)
    gain = fmean(gains)
    return HeldOut(
        tools=len(gains),
        cells=len(cells),
        pairs=pairs,
        brier=fmean(forecast for forecast, _constant in means),
        base_brier=fmean(constant for _forecast, constant in means),
        gain=gain,
        low=None if half is None else gain - half,
        high=None if half is None else gain + half,
    )


def _cell_scores(cell: Repeats, base: float) -> tuple[float, float]:
    """Return the mean squared errors over ordered pairs of repeats: of forecasts, of the base."""
    n, ones = len(cell.y), sum(cell.y)
    forecast = 0.0
    for p, own in zip(cell.p, cell.y, strict=True):
        up = ones - own  # among the other repeats
        forecast += up * (p - 1) ** 2 + (n - 1 - up) * p**2
    constant = fmean((base - y) ** 2 for y in cell.y)  # each is predicted equally often
    return forecast / (n * (n - 1)), constant


def _own_scores(cell: Repeats, base: float) -> tuple[float, float]:
    forecast = fmean((p - y) ** 2 for p, y in zip(cell.p, cell.y, strict=True))
    return forecast, fmean((base - y) ** 2 for y in cell.y)


def _half_width(values: Sequence[float]) -> float | None:
    if len(values) < FEWEST_TOOLS:
        return None
    return t_quantile(0.975, len(values) - 1) * stdev(values) / math.sqrt(len(values))


def _pairs(p: Forecasts, y: Outcomes) -> list[tuple[float, int]]:
    return list(zip(p, y, strict=True))


def _grouped(pairs: Sequence[tuple[float, int]]) -> dict[float, list[int]]:
    groups: dict[float, list[int]] = defaultdict(list)
    for value, outcome in pairs:
        groups[value].append(outcome)
    return groups


def _binned(p: Forecasts, bins: int) -> list[list[int]]:
    """Return the places of the forecasts of each bin that has any.

    A forecast of 0.3 belongs to the bin that begins at 0.3, although 10 * 0.3 need not be 3.
    """
    found: dict[int, list[int]] = defaultdict(list)
    for place, value in enumerate(p):
        found[min(math.floor(round(value * bins, 9)), bins - 1)].append(place)
    return [found[number] for number in sorted(found)]


def _error(binned: Sequence[Sequence[int]], p: Forecasts, y: Outcomes) -> float:
    return sum(abs(sum(p[n] - y[n] for n in places)) for places in binned) / len(p)


def _sums_of_ones(p: Forecasts, source: random.Random, samples: int) -> list[float]:
    """Draw how many outcomes are 1, again and again; each forecast is a probability."""
    if len(p) <= DRAWN_SINGLY:
        return [sum(source.random() < value for value in p) for _ in range(samples)]
    mean, width = sum(p), math.sqrt(sum(value * (1 - value) for value in p))
    return [min(max(source.gauss(mean, width), 0.0), len(p)) for _ in range(samples)]


def _middle(values: list[float]) -> tuple[float, float]:
    """Return the 2.5 % and 97.5 % points."""
    ordered = sorted(values)
    return ordered[math.floor(0.025 * len(ordered))], ordered[math.ceil(0.975 * len(ordered)) - 1]
