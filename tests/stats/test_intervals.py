"""Exact intervals of counts and t intervals of means, held against reference values and scipy."""

from __future__ import annotations

import math
from typing import Any

import pytest
import scipy  # its parts come when they are used

from panel.stats.intervals import exact, mean_interval, t_below, t_interval, t_quantile
from panel.stats.votes import Interval
from tests.support.reference import EXACT, REFERENCE

FREEDOM = (1, 2, 3, 4.7, 9, 39.5, 1000, 99_999)


def ends(interval: Interval | None) -> list[float]:
    assert interval is not None
    return [interval.low / 100, interval.high / 100]


@pytest.mark.parametrize("row", REFERENCE["rate_intervals"]["rows"])
def test_the_exact_interval_is_that_of_clopper_and_pearson(row: dict[str, Any]) -> None:
    assert ends(exact(row["k"], row["n"])) == pytest.approx(row["beta"], abs=EXACT)


@pytest.mark.parametrize("row", REFERENCE["zero_successes"]["rows"])
def test_none_of_many_has_the_upper_bound_of_the_reference(row: dict[str, Any]) -> None:
    assert ends(exact(0, row["n"], 0.05)) == pytest.approx([0, row["upper"]], abs=EXACT)


def test_an_exact_end_leaves_the_tail_that_it_was_asked_for() -> None:
    p = ends(exact(3, 40, 0.05))[1]
    tail = sum(math.comb(40, k) * p**k * (1 - p) ** (40 - k) for k in range(4))
    assert tail == pytest.approx(0.05)
    assert ends(exact(3, 20, 0.05)) == pytest.approx([0.0422, 0.3437], abs=5e-5)
    assert ends(exact(5, 5))[1] == 1
    assert exact(0, 0) is None


def test_of_a_fractional_number_of_cases_the_ends_are_those_of_the_beta_distribution() -> None:
    for k, n in ((0.4, 7.5), (2.25, 7.5), (7.1, 7.5), (321.5, 4_000.25), (1e-3, 50)):
        wanted = [
            scipy.stats.beta.ppf(0.025, k, n - k + 1),
            scipy.stats.beta.ppf(0.975, k + 1, n - k),
        ]
        assert ends(exact(k, n)) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(("k", "n"), [(3, 2), (-1, 4)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="need 0 <= k <= n"):
        exact(k, n)


@pytest.mark.parametrize("df", FREEDOM)
def test_points_and_chances_of_students_t_are_those_of_scipy(df: float) -> None:
    for chance in (0.6, 0.95, 0.975, 0.995):
        assert t_quantile(chance, df) == pytest.approx(scipy.stats.t.ppf(chance, df), rel=1e-8)
    for t in (-40.0, -3.0, -0.2, 0.0, 1.5, 8.0):
        assert t_below(t, df) == pytest.approx(scipy.stats.t.cdf(t, df), rel=1e-8)


@pytest.mark.parametrize(
    ("df", "point"), [(5, 2.570581836), (6, 2.446911851), (24, 2.063898562), (99, 1.984216952)]
)
def test_points_of_students_t_are_those_of_the_tables(df: int, point: float) -> None:
    assert t_quantile(0.975, df) == pytest.approx(point, abs=1e-8)


def test_a_mean_has_the_t_interval_of_its_values() -> None:
    values = [3.0, 4.5, 4.0, 8.5]
    found = mean_interval(values, 0.9)
    wanted = scipy.stats.t.interval(0.9, 3, 5, scipy.stats.sem(values))
    assert found is not None
    assert [found.low, found.high] == pytest.approx(wanted)
    assert mean_interval([3.0]) is None
    assert t_interval(5, 0, 3) == Interval(5, 5)


def test_an_interval_is_cut_to_what_its_figure_can_be() -> None:
    assert Interval(-0.2, 1.3).cut(0, 1) == Interval(0, 1)
    assert Interval(0.2, 0.3).cut(0, 1) == Interval(0.2, 0.3)
