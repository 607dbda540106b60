"""Rates with their uncertainty: of counts, and of means whose sample are clusters.

A percentage answers one of three questions (estimands), and each has another interval:

this tool     by this panel, prompt and model: nothing but the noise of asking again is random
over models   this tool (or the catalog) as other prompts and models would have judged it
the catalog   what tools like these are given: tools are the sample, and more repeats are not
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from panel.research.extras import needed
from panel.stats import Interval
from panel.stats.intervals import exact, t_interval

THIS_TOOL = "this tool by this panel, prompt and model: only the noise of asking again"
OVER_MODELS = "over prompts and models: those asked are a sample of others"
CATALOG = "the catalog: tools are the sample"
SAMPLED = ("models", "prompts")  # a rate over them takes two of one
CLUSTER_T = "mean of tool means; t interval over tools"


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure: what it estimates, of how many, how, and how sure it is.

    estimates: in words. value and its 95 % interval: in percent, unless ``estimates`` says other.
    standard_error: in the same unit. n: the size of the sample that the interval is of, and
    ``of`` what it counts: tools, votes, models. why: why there is no value or no interval.
    """

    estimates: str
    value: float | None
    interval: Interval | None
    standard_error: float | None
    n: int
    of: str
    method: str
    why: str | None = None


def tool_rate(means: Any, estimates: str = CATALOG, what: str = "the catalog's rate") -> Estimate:
    """Estimate a rate of which tools are the sample, from each tool's own share, 0 to 1.

    The mean of tool means, with a t interval on G - 1 degrees of freedom (Miller 2024, Adding
    Error Bars to Evals, arXiv 2411.00640; Cameron, Gelbach and Miller 2008 on few clusters).
    Refused below two tools: one says nothing of others. Where every tool's share is the same, t
    has no width: of shares that are all 0 or all 1 the interval is the exact one of so many tools,
    of others there is none. Shares that are nan (no votes) are left out.
    """
    np = needed("numpy")
    values = np.asarray(means, float)
    values = values[~np.isnan(values)]
    count = len(values)
    known = Estimate(estimates, None, None, None, count, "tools", CLUSTER_T)
    if count < 2:
        found = "there is 1" if count else "there is none"
        return replace(known, why=f"{what} takes two tools with votes, and {found}")
    mean = float(100 * values.mean())
    if values.min() == values.max():
        return _of_one_value(replace(known, value=mean))
    error = float(100 * values.std(ddof=1) / math.sqrt(count))
    interval = t_interval(mean, error, count - 1).cut(0, 100)
    return replace(known, value=mean, interval=interval, standard_error=error)


def _of_one_value(known: Estimate) -> Estimate:
    """Complete an estimate of tools whose shares are all the same."""
    if known.value in (0, 100):
        interval = exact(known.n if known.value else 0, known.n)
        method = "every tool the same; exact (Clopper-Pearson) interval of so many tools"
        return replace(known, interval=interval, method=method)
    return replace(known, why="every tool has the same share, so their spread says nothing")


def count_rate(k: int, n: int, estimates: str) -> Estimate:
    """Estimate a rate of n independent tools, k of which count: the exact interval."""
    value, why = (100 * k / n, None) if n else (None, "there are no tools")
    return Estimate(estimates, value, exact(k, n), None, n, "tools", "exact (Clopper-Pearson)", why)


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """A mean, its standard error in the same unit, and the degrees of freedom of its t."""

    mean: float
    standard_error: float
    df: int


def clustered_mean(values: Sequence[float] | Any, *clusters: Sequence[Any] | Any) -> ClusteredMean:
    """Return the mean of values that are alike within clusters, of one kind or of several at once.

    clusters: of each kind (tools, models) the label of every value. Cameron, Gelbach and Miller
    (2011), Robust Inference with Multiway Clustering, JBES 29:238-249: the variances by single
    kinds are added, those by pairs of kinds subtracted, and so on, each with its G/(G - 1); the
    degrees of freedom are those of the smallest kind, less one. Where that sum is below the
    largest of a single kind, that one counts, since no further kind can make a mean more certain.
    With one kind and clusters of one size it is the standard error of cluster means. Raises
    ValueError for no kind, and for a kind with fewer than two clusters.
    """
    np = needed("numpy")
    values = np.asarray(values, float)
    coded = [np.unique(np.asarray(each), return_inverse=True)[1] for each in clusters]
    sizes = [int(each.max()) + 1 if len(each) else 0 for each in coded]
    if not sizes or min(sizes) < 2:
        raise ValueError(f"a mean over clusters takes two of each kind, got {sizes!r}")
    rest = values - values.mean()
    single = [_between(rest, each) for each in coded]
    total = sum(single)
    for many in range(2, len(coded) + 1):
        for some in combinations(coded, many):
            joint = np.unique(np.stack(some), axis=1, return_inverse=True)[1]
            total += (-1) ** (many + 1) * _between(rest, joint.ravel())
    variance = max(total, *single) if len(single) > 1 else total
    return ClusteredMean(float(values.mean()), math.sqrt(variance), min(sizes) - 1)


def _between(rest: Any, cluster: Any) -> float:
    """Return the variance of the mean of values, of which ``rest`` is left, by their clusters."""
    np = needed("numpy")
    sums = np.bincount(cluster, weights=rest)
    count = len(sums)
    return float(count / (count - 1) * (sums**2).sum() / len(rest) ** 2)


def rate_over(shares: Any, estimates: str, kinds: dict[str, Any]) -> Estimate:
    """Estimate a rate of which several things are samples at once, from shares of 0 to 1.

    kinds: of each (tools, models, prompts) the label of every share. One with a single label is
    no sample, so its part cannot be estimated, and it is left out; at least one of
    SAMPLED must have two. n counts the labels of the smallest.
    """
    sampled = {name: labels for name, labels in kinds.items() if len(set(labels)) > 1}
    method = f"mean; t interval with clusters by {' and '.join(sampled)}"
    known = Estimate(estimates, None, None, None, 0, " and ".join(SAMPLED), method)
    if not len(shares):
        return replace(known, why="there are no votes that every prompt and model share")
    if not any(name in sampled for name in SAMPLED):
        two = " or ".join(f"two {name}" for name in SAMPLED)
        return replace(known, why=f"it takes {two}, and there is one of each", method="")
    found = clustered_mean(shares, *sampled.values())
    mean, error = 100 * found.mean, 100 * found.standard_error
    smallest = min(sampled, key=lambda name: len(set(sampled[name])))
    return replace(
        known,
        value=mean,
        interval=t_interval(mean, error, found.df).cut(0, 100) if error else None,
        standard_error=error,
        n=found.df + 1,
        of=smallest,
        why=None if error else "all shares are the same, so their spread says nothing",
    )
