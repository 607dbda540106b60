"""What each persona does to the majority, against brute force."""

from __future__ import annotations

from itertools import permutations
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.stats import influences, shapley
from tests.support.reference import EXACT, REFERENCE

VOTES = REFERENCE["agreement"]["votes_20x4"]["input"]
votes = st.lists(
    st.lists(st.sampled_from([True, False, None]), min_size=4, max_size=4), min_size=1, max_size=12
)


def as_votes(rows: list[list[Any]]) -> list[list[bool | None]]:
    return [[None if each is None else bool(each) for each in row] for row in rows]


def test_leave_one_out_pivotal_and_shapley_are_those_of_the_reference() -> None:
    found, expected = influences(as_votes(VOTES)), REFERENCE["persona_influence"]
    shares = [each.left_out / each.tools for each in found]
    assert shares == pytest.approx(expected["leave_one_out"], abs=EXACT)
    shares = [each.pivotal / each.tools for each in found]
    assert shares == pytest.approx(expected["pivotal"], abs=EXACT)
    values = [each.shapley for each in found]
    assert values == pytest.approx(expected["shapley"], abs=EXACT)
    assert sum(values) == pytest.approx(expected["sum"], abs=EXACT)


def majority(row: list[bool]) -> float:
    return 0.5 if row.count(True) * 2 == len(row) else float(row.count(True) * 2 > len(row))


@given(votes)
def test_shapley_values_are_those_of_every_order_and_sum_to_the_majority_less_a_half(
    rows: list[list[bool | None]],
) -> None:
    rows = [row for row in rows if any(each is not None for each in row)]
    expected = [0.0] * 4
    for row in rows:
        voters = [place for place, each in enumerate(row) if each is not None]
        orders = list(permutations(voters))
        for order in orders:
            before: list[bool] = []
            for place in order:
                joined = [*before, bool(row[place])]
                change = majority(joined) - majority(before)
                expected[place] += change / len(orders) / len(rows)
                before = joined
    found = [each.shapley for each in influences(rows)] or expected
    assert found == pytest.approx(expected, abs=1e-12)
    whole = (
        fmean(majority([each for each in row if each is not None]) for row in rows) if rows else 0.5
    )
    assert sum(found) == pytest.approx(whole - 0.5, abs=1e-12)


def test_a_persona_without_a_vote_has_no_influence_there() -> None:
    first, second, third = influences([[True, None, True], [False, None, True]])
    assert (second.votes, second.left_out, second.pivotal, second.shapley) == (0, 0, 0, 0)
    assert first.tools == 2
    assert third.pivotal == 2
    assert influences([]) == ()


def test_a_vote_alone_moves_the_majority_by_a_half() -> None:
    assert shapley(0, 0) == 0.5


def test_a_large_panel_costs_no_coalitions() -> None:
    rows = [[bool((place * 7 + tool) % 3) for place in range(40)] for tool in range(50)]
    values = [each.shapley for each in influences(rows)]
    expected = fmean(majority(row) for row in rows) - 0.5
    assert sum(values) == pytest.approx(expected)
