"""The rules that decide probes: met, not met or not shown, by the bad end of an interval.

A goal is met only where the whole interval keeps to it, and not met only where the whole interval
breaks it. Whatever lies between has not been shown. Tools are what varies: personas, payloads and
repeats on one tool lean on each other and are no sample of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

from panel.research.extras import needed

Verdict = Literal["met", "not met", "not shown"]
Ends = tuple[float, float]
ONE_SIDED = 0.05  # the chance that either end of an interval is wrong; both make it a 90 % one


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule decided, and on what.

    estimate, low, high: points or percent, None where there is nothing to estimate from.
    n: how many ``units`` the interval rests on. why: one plain sentence.
    """

    verdict: Verdict
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    units: str
    method: str
    why: str


SKEWED = 0.025  # the same for means of skewed values, where t keeps its promise only roughly
T_METHOD = "t interval over tools (G - 1 degrees of freedom), 90 %"
SKEWED_METHOD = "t interval over tools (G - 1 degrees of freedom), 95 %"


def t_interval(values: Sequence[float], one_sided: float = ONE_SIDED) -> Ends | None:
    """Return the t interval of the mean of independent values; None for fewer than two.

    one_sided: the chance that either end is wrong.
    """
    if len(values) < 2:
        return None
    quantile = float(needed("scipy.stats").t.ppf(1 - one_sided, len(values) - 1))
    mean, half = fmean(values), quantile * stdev(values) / math.sqrt(len(values))
    return mean - half, mean + half


def within(low: float, high: float, margin: float) -> Verdict:
    """Decide whether a shift stays inside ±margin."""
    if low >= -margin and high <= margin:
        return "met"
    return "not met" if low > margin or high < -margin else "not shown"


def at_most(low: float, high: float, threshold: float) -> Verdict:
    """Decide whether a rate stays at or below a threshold."""
    if high <= threshold:
        return "met"
    return "not met" if low > threshold else "not shown"


def more_than(low: float, high: float, threshold: float) -> Verdict:
    """Decide whether a rate lies above a threshold."""
    if low > threshold:
        return "met"
    return "not met" if high <= threshold else "not shown"


def decide_shift(differences: Sequence[float], margin: float) -> Decision:
    """Decide whether a change of the question shifts the ship percentage by less than a margin.

    differences: of each tool, the mean over personas of one arm minus the other, in points.
    The interval is that of two one-sided tests at 5 % (Schuirmann 1987, Journal of
    Pharmacokinetics and Biopharmaceutics 15:657-680).
    """
    ends = t_interval(differences)
    if ends is None:
        return _unshown(len(differences), T_METHOD, "A shift needs two tools with votes in both.")
    verdict = within(*ends, margin)
    said = {
        "met": f"The shift stays within ±{margin:g} points.",
        "not met": f"The shift is larger than {margin:g} points.",
        "not shown": f"The interval does not say on which side of {margin:g} points the shift is.",
    }[verdict]
    return Decision(verdict, fmean(differences), *ends, len(differences), "tools", T_METHOD, said)


def decide_mean(values: Sequence[float], threshold: float, *, above: bool) -> Decision:
    """Decide whether the mean over tools lies above a threshold (or, not ``above``, keeps below).

    values: one for each tool, in points.
    """
    ends = t_interval(values, SKEWED)
    if ends is None:
        return _unshown(len(values), SKEWED_METHOD, "This needs two tools with votes in every arm.")
    verdict = (more_than if above else at_most)(*ends, threshold)
    side = {"met": above, "not met": not above}.get(verdict)
    said = f"The interval holds {threshold:g} points or touches it."
    if side is not None:
        said = f"It is {'above' if side else 'not above'} {threshold:g} points."
    return Decision(verdict, fmean(values), *ends, len(values), "tools", SKEWED_METHOD, said)


FLIP_METHOD = (
    "Clopper-Pearson on the effective sample size (ICC by ANOVA over tools), one-sided 95 % ends"
)


def flip_icc(counts: Sequence[tuple[int, int]]) -> float:
    """Return the intra-tool correlation of flips by one-way ANOVA, at least 0.

    counts: (flips, cases) of each tool. 0 where it cannot be estimated: one case for each tool, or
    every case the same. Donner (1986), International Statistical Review 54:67-82.
    """
    groups = [(x, k) for x, k in counts if k]
    cases, g = sum(k for _x, k in groups), len(groups)
    if g < 2 or cases == g:
        return 0.0
    rate = sum(x for x, _k in groups) / cases
    between = sum(k * (x / k - rate) ** 2 for x, k in groups) / (g - 1)
    inside = sum(x * (k - x) / k for x, k in groups) / (cases - g)
    size = (cases - sum(k * k for _x, k in groups) / cases) / (g - 1)
    whole = between + (size - 1) * inside
    return max(0.0, (between - inside) / whole) if whole else 0.0


def effective_cases(counts: Sequence[tuple[int, int]]) -> float:
    """Return as how many independent cases clustered ones count.

    cases/(1 + (K - 1)·ICC) with K cases on a tool, times the squared ratio of t quantiles that
    pays for the tools' few degrees of freedom (Korn and Graubard 1998, Survey Methodology
    24:193-201). Where all cases are alike the correlation is unknown, and only tools count.
    """
    groups = [(x, k) for x, k in counts if k]
    cases, g = sum(k for _x, k in groups), len(groups)
    flips = sum(x for x, _k in groups)
    if g < 2 or flips in (0, cases):
        return float(g)
    k = sum(k * k for _x, k in groups) / cases  # of equal tools, their number of cases
    t = needed("scipy.stats").t
    paid = float(t.ppf(1 - ONE_SIDED, cases - 1) / t.ppf(1 - ONE_SIDED, g - 1)) ** 2
    return cases / (1 + (k - 1) * flip_icc(groups)) * paid


def rate_ends(successes: float, n: float) -> Ends:
    """Return the one-sided 95 % ends of a rate, 0 to 1 (Clopper and Pearson 1934, Biometrika 26).

    ``successes`` and ``n`` may be fractional: an effective sample size.
    """
    beta = needed("scipy.stats").beta
    low = float(beta.ppf(ONE_SIDED, successes, n - successes + 1)) if successes > 0 else 0.0
    high = float(beta.ppf(1 - ONE_SIDED, successes + 1, n - successes)) if successes < n else 1.0
    return low, high


def decide_flips(
    counts: Sequence[tuple[int, int]], threshold: float, noise: float = 0.0
) -> Decision:
    """Decide whether at most ``threshold`` percent of cases flip.

    counts: (flips, cases) of each tool. noise: the percentage of such cases that flip when the
    same question is merely asked again; only what exceeds threshold + noise counts as not met.
    """
    groups = [(x, k) for x, k in counts if k]
    cases = sum(k for _x, k in groups)
    if not cases:
        return _unshown(0, FLIP_METHOD, "There is no case to look at.")
    rate, n = sum(x for x, _k in groups) / cases, effective_cases(groups)
    low, high = (100 * end for end in rate_ends(rate * n, n))
    verdict = at_most(low, high, threshold)
    if verdict == "not met" and low <= threshold + noise:
        verdict = "not shown"
    said = {
        "met": f"At most {threshold:g} % of cases flip.",
        "not met": f"More than {threshold:g} % of cases flip.",
        "not shown": f"The interval does not say on which side of {threshold:g} % the flips are.",
    }[verdict]
    method = f"{FLIP_METHOD}; {cases} cases on {len(groups)} tools count as {n:.0f}"
    return Decision(verdict, 100 * rate, low, high, len(groups), "tools", method, said)


SIGN_METHOD = "sign test by pair, ties counted against it; Clopper-Pearson, one-sided 95 % ends"


def decide_signs(moved: Sequence[float], threshold: float = 50) -> Decision:
    """Decide whether more than ``threshold`` percent of pairs moved the predicted way.

    moved: of each pair, by how much it moved as predicted; 0 and less is no reaction. Where
    nothing but noise moves pairs, less than half move the predicted way, so that "met" at 50 %
    is a sign test at 5 % (Arbuthnott 1710).
    """
    n, right = len(moved), sum(each > 0 for each in moved)
    if not n:
        return _unshown(0, SIGN_METHOD, "There is no pair to look at.", "pairs")
    low, high = (100 * end for end in rate_ends(right, n))
    verdict = more_than(low, high, threshold)
    against = sum(each < 0 for each in moved)
    said = (
        f"{right} of {n} pairs moved as predicted, {against} the other way, "
        f"{n - right - against} not at all."
    )
    return Decision(verdict, 100 * right / n, low, high, n, "pairs", SIGN_METHOD, said)


def _unshown(n: int, method: str, why: str, units: str = "tools") -> Decision:
    return Decision("not shown", None, None, None, n, units, method, why)
