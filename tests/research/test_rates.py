"""Rates, exact intervals and clustered means, against independent libraries and a known truth."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from panel.errors import UsageError
from panel.research.extras import needed
from panel.research.rates import clustered_mean, rate_over, tool_rate
from panel.stats import Interval
from tests.support.reference import EXACT, REFERENCE
from tests.support.simulated_panels import Design, simulate

TRUTH = REFERENCE["simulated_truth"]


def ends(interval: Interval | None) -> list[float]:
    assert interval is not None
    return [interval.low / 100, interval.high / 100]


def test_the_catalog_has_the_mean_and_cluster_t_interval_of_the_reference() -> None:
    table = REFERENCE["clustered_mean"]
    found = tool_rate([np.mean(votes) for votes in table["votes"]])
    assert found.value == pytest.approx(100 * table["mean"], abs=100 * EXACT)
    assert found.standard_error == pytest.approx(100 * table["se_tool_means"], abs=100 * EXACT)
    assert ends(found.interval) == pytest.approx(table["cluster_t_ci"], abs=EXACT)
    assert (found.n, found.of) == (6, "tools")


def test_votes_clustered_by_tool_have_the_standard_error_of_the_reference() -> None:
    table = REFERENCE["clustered_mean"]
    found = clustered_mean(np.ravel(table["votes"]), np.repeat(np.arange(6), 5))
    assert found.mean == pytest.approx(table["mean"], abs=EXACT)
    assert found.standard_error == pytest.approx(table["se_cr1"], abs=EXACT)
    assert found.df == 5


@pytest.mark.parametrize("design", TRUTH["catalog_mean_coverage"])
def test_cluster_t_holds_the_true_mean_as_often_as_the_reference_says(design: str) -> None:
    tools, repeats = map(int, design.split("x"))
    means = simulate(Design(tools, repeats), 2000).tool_means[:, :, 0]
    truth = 100 * TRUTH["true_catalog_mean"]
    found = [tool_rate(each).interval for each in means]
    held = np.mean([each is not None and each.holds(truth) for each in found])
    assert held == pytest.approx(TRUTH["catalog_mean_coverage"][design]["cluster_t"], abs=0.015)
    assert 0.935 <= held <= 0.965


@pytest.mark.parametrize(
    ("means", "why"),
    [
        ([], "the catalog's rate takes two tools with votes, and there is none"),
        ([0.5], "the catalog's rate takes two tools with votes, and there is 1"),
        ([0.5, math.nan], "the catalog's rate takes two tools with votes, and there is 1"),
    ],
)
def test_below_two_tools_nothing_is_said_of_the_catalog(means: list[float], why: str) -> None:
    found = tool_rate(means)
    assert (found.value, found.interval, found.standard_error) == (None, None, None)
    assert found.why == why


@pytest.mark.parametrize(("share", "low", "high"), [(1.0, 69.15, 100), (0.0, 0, 30.85)])
def test_tools_that_are_all_shipped_or_all_skipped_have_an_exact_interval_and_not_one_of_no_width(
    share: float, low: float, high: float
) -> None:
    found = tool_rate([share] * 10)
    assert found.value == 100 * share
    assert [100 * end for end in ends(found.interval)] == pytest.approx([low, high], abs=0.01)
    assert "exact" in found.method


def test_tools_that_all_have_the_same_middling_share_have_no_interval() -> None:
    found = tool_rate([0.5] * 10)
    assert (found.value, found.interval) == (50, None)
    assert found.why == "every tool has the same share, so their spread says nothing"


def test_an_interval_of_a_rate_ends_at_0_and_100_percent() -> None:
    found = tool_rate([1, 1, 1, 0.5])
    assert found.interval is not None and found.interval.high == 100


def test_two_kinds_of_clusters_add_their_variances_less_that_of_both() -> None:
    values = np.array([[0.2, 0.4], [0.5, 0.9], [0.3, 0.1]])
    tools, models = np.indices(values.shape)
    rest = values - values.mean()
    by_tool = 3 / 2 * (rest.sum(axis=1) ** 2).sum() / 36
    by_model = 2 / 1 * (rest.sum(axis=0) ** 2).sum() / 36
    by_both = 6 / 5 * (rest**2).sum() / 36
    found = clustered_mean(values.ravel(), tools.ravel(), models.ravel())
    summed = by_tool + by_model - by_both
    assert found.standard_error**2 == pytest.approx(max(summed, by_tool, by_model))
    assert found.df == 1


@pytest.mark.parametrize(("tools", "models"), [(20, 3), (40, 8)])
def test_a_rate_over_models_and_tools_holds_the_truth_at_least_as_often_as_it_says(
    tools: int, models: int
) -> None:
    draw, held = np.random.default_rng(3), 0
    kinds = {"tools": np.repeat(np.arange(tools), models), "models": [*range(models)] * tools}
    for _ in range(400):
        shares = draw.normal(0, 0.17, (tools, 1)) + draw.normal(0, 0.14, (1, models))
        shares = 0.5 + shares + draw.normal(0, 0.1, (tools, models))
        found = rate_over(shares.ravel(), "", kinds)
        held += found.interval is not None and found.interval.holds(50)
    assert held / 400 >= 0.935


def test_over_models_takes_two_of_them_and_says_so() -> None:
    found = rate_over([0.1, 0.9], "", {"tools": [1, 2], "models": [1, 1]})
    assert (found.value, found.interval) == (None, None)
    assert found.why == "it takes two models or two prompts, and there is one of each"


@pytest.mark.parametrize("labels", [[], [[1, 1, 1]]])
def test_a_clustered_mean_needs_two_clusters_of_each_kind(labels: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="takes two of each kind"):
        clustered_mean([0.1, 0.2, 0.3], *labels)


def test_a_missing_library_is_one_line_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(
        UsageError, match=r"'scipy.special'.*pip install 'reviewer-panel\[research\]'"
    ):
        needed("scipy.special")
    assert needed("math") is math
