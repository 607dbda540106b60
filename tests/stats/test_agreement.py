"""Agreement, flips and influence, against values of independent libraries."""

from __future__ import annotations

import math
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.stats import (
    agreement_of_counts,
    agreement_of_ratings,
    jackknife,
    rating_counts,
)
from tests.support.reference import EXACT, REFERENCE

TABLES: dict[str, Any] = REFERENCE["agreement"]
VOTES = TABLES["votes_20x4"]["input"]

votes = st.lists(
    st.lists(st.sampled_from([True, False, None]), min_size=4, max_size=4), min_size=1, max_size=12
)


@pytest.mark.parametrize("name", TABLES)
def test_every_coefficient_is_that_of_the_reference_libraries(name: str) -> None:
    found, expected = agreement_of_ratings(TABLES[name]["input"]), TABLES[name]["expected"]
    assert (found.units, found.units_with_two) == (expected["units"], expected["units_with_two"])
    for value, key in (
        (found.raw, "raw_agreement"),
        (found.alpha, "alpha_nominal"),
        (found.fleiss, "fleiss_kappa"),
        (found.ac1, "gwet_ac1"),
    ):
        known = expected[key]
        assert value == (None if known is None else pytest.approx(known, abs=EXACT)), key
    shares = {str(category): share for category, share in found.marginal.items()}
    assert shares == pytest.approx(expected["marginal"], abs=EXACT)


def test_alpha_and_kappa_of_a_panel_that_always_ships_are_not_estimable_and_say_why() -> None:
    found = agreement_of_ratings([["ship"] * 4] * 25)
    assert (found.raw, found.ac1, found.alpha, found.fleiss) == (1, 1, None, None)
    assert found.why == "only one category was ever given, and nothing tells agreement from chance"


@pytest.mark.parametrize("rows", [[], [[None, None]], [["ship", None], [None, "skip"]]])
def test_without_a_unit_of_two_ratings_no_coefficient_is_estimable(rows: list[Any]) -> None:
    found = agreement_of_ratings(rows)
    assert (found.raw, found.alpha, found.fleiss, found.ac1) == (None, None, None, None)
    assert found.why == "no unit has two ratings"


@given(votes)
def test_raters_may_change_places_and_a_unit_without_ratings_changes_nothing(
    rows: list[list[bool | None]],
) -> None:
    turned = [[None] * 4, *(list(reversed(row)) for row in reversed(rows))]
    found, expected = agreement_of_ratings(turned), agreement_of_ratings(rows)
    assert (found.units, found.ratings) == (expected.units, expected.ratings)
    for name in ("raw", "alpha", "fleiss", "ac1", "marginal"):
        value = getattr(expected, name)
        assert getattr(found, name) == (None if value is None else pytest.approx(value)), name


def test_weights_of_a_half_say_the_same_as_counts_twice_as_large_but_for_the_sample_size() -> None:
    counts = rating_counts(VOTES)
    halves = agreement_of_counts({unit: many / 2 for unit, many in counts.items()})
    assert halves.ac1 == pytest.approx(agreement_of_counts(counts).ac1)


def test_the_jackknife_is_that_of_leaving_out_one_tool_after_the_other() -> None:
    left = [
        agreement_of_ratings(VOTES[:place] + VOTES[place + 1 :]).alpha
        for place in range(len(VOTES))
    ]
    known = [each for each in left if each is not None]
    spread = sum((each - fmean(known)) ** 2 for each in known) * (len(known) - 1) / len(known)
    found = jackknife(rating_counts(VOTES), lambda each: each.alpha)
    assert found == pytest.approx(math.sqrt(spread))


def test_the_jackknife_of_raw_agreement_is_the_standard_error_of_a_mean_over_tools() -> None:
    single = [agreement_of_ratings([row]).raw or 0 for row in VOTES]
    variance = sum((each - fmean(single)) ** 2 for each in single) / (len(single) - 1)
    found = jackknife(rating_counts(VOTES), lambda each: each.raw)
    assert found == pytest.approx(math.sqrt(variance / len(single)))


def test_the_jackknife_says_nothing_where_one_tool_alone_carries_the_figure() -> None:
    counts = rating_counts([["ship", "ship"], ["ship", "ship"], ["ship", "skip"]])
    assert jackknife(counts, lambda each: each.alpha) is None
    assert jackknife(rating_counts([["ship", "ship"]]), lambda each: each.raw) is None
