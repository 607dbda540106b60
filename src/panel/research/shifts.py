"""The mean of differences over tools: its t interval, and whether it is inside a margin.

All in points of ship percentage.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from panel.stats import Interval
from panel.stats.intervals import standard_error, t_below, t_interval
from panel.text import counted

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Shift:
    """A mean of differences over n units, in points.

    interval: 95 %, Student's t with n - 1 degrees of freedom; None (not estimable) for one unit,
    and where all moved by the same. error: the standard error; None for one unit.
    """

    n: int
    points: float
    interval: Interval | None
    error: float | None


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A p-value that Holm (1979) adjusted over a family of so many tests."""

    p: float
    of: int


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Two one-sided t tests (Schuirmann 1987) that the mean is inside plus and minus the margin.

    p: the larger of the two; None (not estimable) where all tools moved by the same. holm: the same
    in a family, where it decides; None for a comparison of its own. shown: p <= 0.05, which alone
    is that the 90 % interval is inside. decides: whether it may show anything.
    """

    margin: float
    p: float | None
    interval: Interval | None
    holm: Adjusted | None = None
    decides: bool = True

    @property
    def shown(self) -> bool:
        """Whether the mean is shown to be inside the margin."""
        p = self.holm.p if self.holm else self.p
        return self.decides and p is not None and p <= ALPHA

    @property
    def sentence(self) -> str:
        """What is shown of it."""
        what = f"unchanged within ±{self.margin:g} points"
        if self.p is None:
            return f"Not estimable: {what}, since every tool moved by the same. Ask more often."
        said = "Shown" if self.shown else "Not shown"
        return f"{said}: {what} (TOST {p_values(self.p, self.holm)})."


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def p_values(value: float, holm: Adjusted | None) -> str:
    """Return a p-value in words, and beside it what it is in a family of more than one."""
    if holm is None or holm.of == 1:
        return _p(value)
    return f"{_p(value)}; {_p(holm.p)} by Holm over {counted(holm.of, 'comparison')}"


def shift(points: Sequence[float]) -> Shift:
    """Return the mean of differences, with Student's t interval over the units."""
    n, mean = len(points), math.fsum(points) / len(points)
    if n < 2:
        return Shift(n, mean, None, None)
    error = standard_error(points)
    interval = t_interval(mean, error, n - 1).cut(-100, 100) if error else None
    return Shift(n, mean, interval, error)


def equivalence(points: Sequence[float], margin: float) -> Equivalence:
    """Test whether the mean of differences lies inside plus and minus a margin.

    Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15:657-680. Raises
    ValueError for fewer than two differences.
    """
    found = shift(points)
    if found.error is None:
        raise ValueError("one difference has no spread to test")
    if not found.error:
        return Equivalence(margin, None, None)
    outside = (abs(found.points) - margin) / found.error
    p = t_below(outside, found.n - 1)
    return Equivalence(margin, p, t_interval(found.points, found.error, found.n - 1, 0.9))
