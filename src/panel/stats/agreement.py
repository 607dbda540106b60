"""How far raters agree on many units, with and without what chance would give: always together.

Units are tools and raters personas, but any labels will do. Alpha and kappa alone punish a panel
that ships nearly everything, AC1 alone calls coins that agree by chance substantial, and raw
agreement knows no chance at all: so one function returns all of them, beside the marginal.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass

Ratings = tuple[tuple[Hashable, int], ...]  # of one unit: each category given, and how often


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of raters on units, 1 when they always agree; ratings may be missing.

    units: with a rating at all; units_with_two: with two or more, on which agreement is counted.
    ratings: all of them. marginal: each category's share of them, 0 to 1.
    raw: the chance that two ratings of one unit are the same, the mean over units.
    alpha: Krippendorff's, nominal; fleiss: Fleiss' kappa as Gwet generalises it to missing
    ratings; ac1: Gwet's. None where it is not estimable: without a unit of two ratings, and, of
    alpha and fleiss, where only one category was ever given, since then nothing tells agreement
    from chance.
    """

    units: int
    units_with_two: int
    ratings: int
    raw: float | None
    alpha: float | None
    fleiss: float | None
    ac1: float | None
    marginal: Mapping[Hashable, float]

    @property
    def why(self) -> str | None:
        """Why something is not estimable; None where all is."""
        if not self.units_with_two:
            return "no unit has two ratings"
        if self.alpha is None or self.fleiss is None:
            return "only one category was ever given, and nothing tells agreement from chance"
        return None


def agreement_of_ratings(units: Iterable[Iterable[Hashable | None]]) -> Agreement:
    """Work out the agreement of ratings: a row for each unit, None for a missing rating."""
    return agreement_of_counts(rating_counts(units))


def rating_counts(units: Iterable[Iterable[Hashable | None]]) -> Counter[Ratings]:
    """Count units that were rated alike: which raters they were plays no part."""
    return Counter(
        tuple(sorted(Counter(each for each in unit if each is not None).items(), key=repr))
        for unit in units
    )


def agreement_of_counts(counts: Mapping[Ratings, float]) -> Agreement:
    """Work out the agreement of units that were counted by their ratings.

    With n_uk ratings of category k on unit u, n_u of all categories:
    raw = mean over units with n_u >= 2 of sum_k n_uk (n_uk - 1) / (n_u (n_u - 1)).
    alpha: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C; units with
    one rating are left out. fleiss and ac1: Gwet (2014), Handbook of Inter-Rater Reliability,
    chapter 3 (after Fleiss 1971, Psychological Bulletin 76:378-382, and Gwet 2008, BJMSP
    61:29-48): both take raw and a chance term of pi_k, the mean over all rated units of n_uk/n_u,
    which is sum_k pi_k^2 for fleiss and sum_k pi_k (1 - pi_k) / (q - 1) of q categories for ac1.
    """
    rated = {ratings: many for ratings, many in counts.items() if ratings and many}
    paired = {ratings: many for ratings, many in rated.items() if _total(ratings) >= 2}
    marginal = _shares(rated, lambda n, _total: n)
    pairs = sum(paired.values())
    raw = alpha = fleiss = ac1 = None
    if pairs:
        raw = sum(many * _alike(ratings) for ratings, many in paired.items()) / pairs
        alpha = _alpha(paired)
        chance = list(_shares(rated, lambda n, total: n / total).values())
        if len(chance) > 1:
            expected = sum(share * share for share in chance)
            fleiss = (raw - expected) / (1 - expected)
        expected = sum(share * (1 - share) for share in chance) / max(1, len(chance) - 1)
        ac1 = (raw - expected) / (1 - expected)
    return Agreement(
        round(sum(rated.values())),
        round(pairs),
        round(sum(many * _total(ratings) for ratings, many in rated.items())),
        raw,
        alpha,
        fleiss,
        ac1,
        marginal,
    )


def jackknife(
    counts: Mapping[Ratings, int], statistic: Callable[[Agreement], float | None]
) -> float | None:
    """Return the standard error of one figure of an agreement, units being a sample.

    Each unit is left out once (Efron and Stein 1981, Annals of Statistics 9:586-596); units
    that were rated alike are worked out once. None where the figure is not estimable without some
    unit, or there is one unit only.
    """
    rated = {ratings: many for ratings, many in counts.items() if ratings and many}
    total = sum(rated.values())
    without = []
    for ratings, many in rated.items():
        left = statistic(agreement_of_counts({**rated, ratings: many - 1}))
        if left is None:
            return None
        without.append((left, many))
    if total < 2:
        return None
    mean = sum(value * many for value, many in without) / total
    spread = sum(many * (value - mean) ** 2 for value, many in without)
    return math.sqrt((total - 1) / total * spread)


def _total(ratings: Ratings) -> int:
    return sum(n for _category, n in ratings)


def _alike(ratings: Ratings) -> float:
    total = _total(ratings)
    return sum(n * (n - 1) for _category, n in ratings) / (total * (total - 1))


def _shares(
    counts: Mapping[Ratings, float], weight: Callable[[int, int], float]
) -> dict[Hashable, float]:
    """Return each category's share, where ``weight`` makes one of n ratings of a unit's total."""
    summed: dict[Hashable, float] = {}
    for ratings, many in counts.items():
        total = _total(ratings)
        for category, n in ratings:
            summed[category] = summed.get(category, 0.0) + many * weight(n, total)
    whole = sum(summed.values())
    return {category: summed[category] / whole for category in sorted(summed, key=repr)}


def _alpha(paired: Mapping[Ratings, float]) -> float | None:
    """Return alpha from the coincidences of units with two ratings or more."""
    given: defaultdict[Hashable, float] = defaultdict(float)
    observed = 0.0  # pairs that differ, each unit's weighed by 1 / (n_u - 1)
    for ratings, many in paired.items():
        total = _total(ratings)
        for category, n in ratings:
            given[category] += many * n
        observed += many * sum(n * (total - n) for _category, n in ratings) / (total - 1)
    if len(given) < 2:
        return None
    whole = sum(given.values())
    expected = sum(n * (whole - n) for n in given.values()) / (whole - 1)
    return 1 - observed / expected
