"""Intervals of means and of counts, Student's t and Clopper-Pearson: the standard library alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import count

from panel.stats.votes import Interval

LEVEL = 0.95
_CLOSE = 1e-12  # relative
_TINY = 1e-300


def t_interval(mean: float, error: float, df: float, level: float = LEVEL) -> Interval:
    """Return Student's t interval of a mean, in its unit. error: the standard error."""
    half = t_quantile((1 + level) / 2, df) * error
    return Interval(mean - half, mean + half)


def standard_error(values: Sequence[float]) -> float:
    """Return the standard error of the mean of independent values, of which there are two."""
    n = len(values)
    mean = math.fsum(values) / n
    return math.sqrt(math.fsum((each - mean) ** 2 for each in values) / (n - 1) / n)


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Return the t interval of the mean of independent values; None for fewer than two."""
    n = len(values)
    if n < 2:
        return None
    return t_interval(math.fsum(values) / n, standard_error(values), n - 1, level)


def exact(k: float, n: float, tail: float = (1 - LEVEL) / 2) -> Interval | None:
    """Return the exact interval of k of n, in percent; None when n is 0.

    Clopper and Pearson (1934), Biometrika 26:404-413. tail: the chance that either end is wrong.
    ``k`` and ``n`` may be fractional: an effective sample size. Raises ValueError unless
    0 <= k <= n.
    """
    if not 0 <= k <= n:
        raise ValueError(f"need 0 <= k <= n, got {k!r} of {n!r}")
    if n == 0:
        return None
    low = beta_quantile(tail, k, n - k + 1) if k else 0.0
    high = 1 - beta_quantile(tail, n - k, k + 1) if k < n else 1.0
    return Interval(100 * low, 100 * high)


@lru_cache(maxsize=4096)
def t_quantile(chance: float, df: float) -> float:
    """Return the point below which Student's t lies with a chance from 1/2 on, to 1e-9."""
    share = beta_quantile(2 * chance - 1, 0.5, df / 2)
    return math.sqrt(df * share / (1 - share))


def t_below(t: float, df: float) -> float:
    """Return the chance that Student's t is at most ``t``."""
    tail = beta_below(df / (df + t * t), df / 2, 0.5) / 2
    return tail if t < 0 else 1 - tail


@lru_cache(maxsize=4096)
def beta_quantile(chance: float, a: float, b: float) -> float:
    """Return the point below which Beta(a, b) lies with a chance between 0 and 1.

    Newton's steps, and halves where one leads out of what is known to hold the point.
    """
    low, high, x = 0.0, 1.0, a / (a + b)
    while high - low > _CLOSE * high and x > _TINY:
        over = beta_below(x, a, b) - chance
        low, high = (low, x) if over > 0 else (x, high)
        step = over / _density(x, a, b) if over else 0.0
        if abs(step) <= _CLOSE * x:
            break
        x = x - step if low < x - step < high else (low + high) / 2
    return x


def beta_below(x: float, a: float, b: float) -> float:
    """Return the chance that Beta(a, b) is at most x: the regularized incomplete beta function.

    By its continued fraction (DLMF 8.17.22), evaluated by Lentz's method as modified by Thompson
    and Barnett (1986), Journal of Computational Physics 64:490-509.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges faster
        return 1 - beta_below(1 - x, b, a)
    value, above, below = 1.0, 1.0, 0.0
    for n in count(1):
        m = n // 2
        if n % 2:
            part = -(a + m) * (a + b + m) * x / ((a + n - 1) * (a + n))
        else:
            part = m * (b - m) * x / ((a + n - 1) * (a + n))
        below = 1 / (1 + part * below or _TINY)
        above = 1 + part / above or _TINY
        value *= above * below
        if abs(above * below - 1) < 1e-15:
            break
    return _density(x, a, b) * x * (1 - x) / (a * value)


def _density(x: float, a: float, b: float) -> float:
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(scale + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))
