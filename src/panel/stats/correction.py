"""A panel's ship rate, corrected by what people said: Rogan-Gladen, and prediction-powered.

All rates here are shares from 0 to 1, and so are the intervals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from panel.stats.votes import Z_95, Interval, wilson


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the panel said of questions with a known answer.

    said_ship of ships: those that people ship. said_skip of skips: those that people skip.
    """

    said_ship: int
    ships: int
    said_skip: int
    skips: int

    @property
    def sensitivity(self) -> float | None:
        """The share of the ships that the panel ships, too; None without a ship."""
        return self.said_ship / self.ships if self.ships else None

    @property
    def specificity(self) -> float | None:
        """The share of the skips that the panel skips, too; None without a skip."""
        return self.said_skip / self.skips if self.skips else None


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected ship rate.

    estimate: as the formula gives it, which may lie outside of 0 to 1. interval: 95 %, cut to 0
    and 1. se: the standard error; None where the interval is not made from one.
    """

    estimate: float
    interval: Interval
    se: float | None = None

    @property
    def rate(self) -> float:
        """The estimate, cut to 0 and 1."""
        return _cut(self.estimate)


def rogan_gladen(ships: int, n: int, gold: Calibration) -> Corrected | None:
    """Correct a rate of ``ships`` in ``n`` by what the panel said where the answer is known.

    Rogan and Gladen (1978), Estimating prevalence from the results of a screening test, American
    Journal of Epidemiology 107:71-76: (p + specificity - 1) / (sensitivity + specificity - 1).
    The variance (delta method) has a part for each of the three samples. None where it cannot be
    estimated: without votes, ships or skips, or where the panel is no better than chance
    (sensitivity + specificity <= 1).
    """
    q1, q0 = gold.sensitivity, gold.specificity
    if not n or q1 is None or q0 is None or q0 + q1 <= 1:
        return None
    estimate, se = _corrected((ships / n, n), (q1, gold.ships), (q0, gold.skips))
    return Corrected(estimate, _around(estimate, se), se)


def rogan_gladen_adjusted(ships: int, n: int, gold: Calibration) -> Corrected | None:
    """Correct as ``rogan_gladen``, with an interval that also holds for small samples.

    Lang and Reiczigel (2014), Confidence limits for prevalence of disease adjusted for estimated
    sensitivity and specificity, Preventive Veterinary Medicine 113:13-22; for judges Lee et al.
    (arXiv 2511.21140). Each sample is enlarged (z² votes, two labels of each kind), so that a
    panel which made no mistake among few labels is not taken for one that makes none. The
    estimate is the plain one; se is None.
    """
    plain = rogan_gladen(ships, n, gold)
    more, m1, m0 = n + Z_95**2, gold.ships + 2, gold.skips + 2
    q1, q0 = (gold.said_ship + 1) / m1, (gold.said_skip + 1) / m0
    if plain is None or q0 + q1 <= 1:
        return None
    centre, se = _corrected(((ships + Z_95**2 / 2) / more, more), (q1, m1), (q0, m0))
    shift = centre * q1 * (1 - q1) / m1 - (1 - centre) * q0 * (1 - q0) / m0
    return Corrected(plain.estimate, _around(centre + 2 * Z_95**2 * shift, se))


def _corrected(
    said: tuple[float, float], right: tuple[float, float], left: tuple[float, float]
) -> tuple[float, float]:
    """Return the corrected rate and its standard error; each pair is a share and its n."""
    (p, n), (q1, m1), (q0, m0) = said, right, left
    scale = q0 + q1 - 1
    theta = (p + q0 - 1) / scale
    variance = (
        p * (1 - p) / n + theta**2 * q1 * (1 - q1) / m1 + (1 - theta) ** 2 * q0 * (1 - q0) / m0
    )
    return theta, math.sqrt(variance) / scale


def _around(centre: float, se: float) -> Interval:
    return Interval(_cut(centre - Z_95 * se), _cut(centre + Z_95 * se))


def _cut(share: float) -> float:
    return min(1.0, max(0.0, share))


@dataclass(frozen=True, slots=True)
class Stratum:
    """The questions on which the panel gave one verdict, and what people said to some of them.

    size: how many there are. ship: whether the panel ships them. labels: of each question that
    was drawn and labelled, whether people ship it, and the chance with which it was drawn.
    """

    size: int
    ship: bool
    labels: Sequence[tuple[bool, float]]


def prediction_powered(strata: Sequence[Stratum]) -> Corrected | None:
    """Return the ship rate of all questions as people would give it; None without a label.

    The panel's rate over all questions, plus what it is wrong by on average: the mean of label
    minus verdict, each label weighted by one over its chance to be drawn. Angelopoulos et al.
    (2023), Prediction-powered inference, Science 382:669-674; in strata by the panel's verdict:
    Fisch et al. (arXiv 2406.04291). Inside such a stratum the verdict is a constant, so what is
    uncertain is the people's rate there: its Wilson interval, with the labels' effective number
    (Kish) and the finite population's correction. The strata's intervals are put together by the
    squares of their arms (Zou and Donner 2008, Statistics in Medicine 27:1693-1702), which holds
    where no label contradicts the panel, and where a Wald interval would have no width. A verdict
    without a label counts as the panel gave it, with an interval of all that is possible.
    """
    whole = sum(each.size for each in strata)
    if not any(each.labels for each in strata):
        return None
    estimate = low = high = 0.0
    for each in strata:
        share, mean, span = each.size / whole, *_people(each)
        estimate += share * (each.ship + (mean - each.ship))
        low += (share * (mean - span.low)) ** 2
        high += (share * (span.high - mean)) ** 2
    interval = Interval(_cut(estimate - math.sqrt(low)), _cut(estimate + math.sqrt(high)))
    return Corrected(estimate, interval)


def _people(stratum: Stratum) -> tuple[float, Interval]:
    """Return the people's ship share in a stratum, and its interval."""
    weights = [1 / chance for _ship, chance in stratum.labels]
    if not weights:
        return float(stratum.ship), Interval(0, 1)
    pairs = zip(stratum.labels, weights, strict=True)
    mean = _cut(sum(weight for (ship, _chance), weight in pairs if ship) / sum(weights))
    left = 1 - len(weights) / stratum.size
    if left <= 0:  # every question was labelled
        return mean, Interval(mean, mean)
    n = sum(weights) ** 2 / sum(weight * weight for weight in weights) / left
    span = wilson(mean * n, n)
    assert span is not None  # n > 0
    return mean, Interval(span.low / 100, span.high / 100)


def cohen_kappa(both_ship: int, only_one: int, only_other: int, both_skip: int) -> float | None:
    """Return Cohen's kappa of two who answer the same questions; None where it is not estimable.

    Cohen (1960), Educational and Psychological Measurement 20:37-46. Not estimable: without a
    question, or where both give one and the same answer to all.
    """
    n = both_ship + only_one + only_other + both_skip
    if not n:
        return None
    one, other = (both_ship + only_one) / n, (both_ship + only_other) / n
    chance = one * other + (1 - one) * (1 - other)
    if chance >= 1:
        return None
    return ((both_ship + both_skip) / n - chance) / (1 - chance)
