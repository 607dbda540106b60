"""The rules that decide probes: met, not met or not shown, by the bad end of an interval.

A goal is met only where the whole interval keeps to it, and not met only where the whole interval
breaks it. Whatever lies between has not been shown. Tools are what varies: personas, payloads and
repeats on one tool lean on each other and are no sample of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from panel.stats.intervals import exact, mean_interval, t_quantile
from panel.stats.votes import Interval
from panel.text import counted

Verdict = Literal["met", "not met", "not shown"]
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


def within(span: Interval, margin: float) -> Verdict:
    """Decide whether a shift stays inside ±margin."""
    if span.low >= -margin and span.high <= margin:
        return "met"
    return "not met" if span.low > margin or span.high < -margin else "not shown"


def at_most(span: Interval, threshold: float) -> Verdict:
    """Decide whether a rate stays at or below a threshold."""
    if span.high <= threshold:
        return "met"
    return "not met" if span.low > threshold else "not shown"


def more_than(span: Interval, threshold: float) -> Verdict:
    """Decide whether a rate lies above a threshold."""
    if span.low > threshold:
        return "met"
    return "not met" if span.high <= threshold else "not shown"


FEWEST = 6  # tools: of fewer, votes are too coarse for t to keep its promise


def _span(values: Sequence[float], tail: float) -> Interval | None:
    """Return the interval of a mean over tools, in points; None for too few of them.

    Where all tools move alike, t would have no width. As many as chance may have kept out of the
    sample (Clopper and Pearson 1934) could then move in any other way, by 100 points at most.
    """
    if len(values) < FEWEST:
        return None
    span = mean_interval(values, 1 - 2 * tail)
    if span is not None:
        return span
    unseen, same = exact(0, len(values), tail), values[0]
    assert unseen is not None  # there are tools
    others = unseen.high / 100
    return Interval(same - others * (100 + same), same + others * (100 - same))


def _too_few(values: Sequence[float]) -> str:
    return f"It takes {FEWEST} tools with votes in every arm, and there are {len(values)}."


def decide_shift(differences: Sequence[float], margin: float) -> Decision:
    """Decide whether a change of the question shifts the ship percentage by less than a margin.

    differences: of each tool, the mean over personas of one arm minus the other, in points.
    The interval is that of two one-sided tests at 5 % (Schuirmann 1987, Journal of
    Pharmacokinetics and Biopharmaceutics 15:657-680).
    """
    span = _span(differences, ONE_SIDED)
    if span is None:
        return _unshown(len(differences), T_METHOD, _too_few(differences))
    verdict = within(span, margin)
    said = {
        "met": f"The shift stays within ±{margin:g} points.",
        "not met": f"The shift is larger than {margin:g} points.",
        "not shown": f"The interval does not say on which side of {margin:g} points the shift is.",
    }[verdict]
    return Decision(
        verdict, fmean(differences), span.low, span.high, len(differences), "tools", T_METHOD, said
    )


def decide_mean(values: Sequence[float], threshold: float, *, above: bool) -> Decision:
    """Decide whether the mean over tools lies above a threshold (or, not ``above``, keeps below).

    values: one for each tool, in points.
    """
    span = _span(values, SKEWED)
    if span is None:
        return _unshown(len(values), SKEWED_METHOD, _too_few(values))
    verdict = (more_than if above else at_most)(span, threshold)
    side = {"met": above, "not met": not above}.get(verdict)
    said = f"The interval includes {threshold:g} points or touches it."
    if side is not None:
        said = f"It is {'above' if side else 'not above'} {threshold:g} points."
    return Decision(
        verdict, fmean(values), span.low, span.high, len(values), "tools", SKEWED_METHOD, said
    )


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
    paid = (t_quantile(1 - ONE_SIDED, cases - 1) / t_quantile(1 - ONE_SIDED, g - 1)) ** 2
    return cases / (1 + (k - 1) * flip_icc(groups)) * paid


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
    span = exact(rate * n, n, ONE_SIDED)
    assert span is not None  # n > 0
    verdict = at_most(span, threshold)
    if verdict == "not met" and span.low <= threshold + noise:
        verdict = "not shown"
    said = {
        "met": f"At most {threshold:g} % of cases flip.",
        "not met": f"More than {threshold:g} % of cases flip.",
        "not shown": f"The interval does not say on which side of {threshold:g} % the flips are.",
    }[verdict]
    method = (
        f"{FLIP_METHOD}; {counted(cases, 'case')} on "
        f"{counted(len(groups), 'tool')} counted as {n:.0f}"
    )
    return Decision(verdict, 100 * rate, span.low, span.high, len(groups), "tools", method, said)


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
    span = exact(right, n, ONE_SIDED)
    assert span is not None  # n > 0
    verdict = more_than(span, threshold)
    against = sum(each < 0 for each in moved)
    said = (
        f"{right} of {counted(n, 'pair')} moved as predicted, {against} the other way, "
        f"{n - right - against} not at all."
    )
    return Decision(verdict, 100 * right / n, span.low, span.high, n, "pairs", SIGN_METHOD, said)


def _unshown(n: int, method: str, why: str, units: str = "tools") -> Decision:
    return Decision("not shown", None, None, None, n, units, method, why)
