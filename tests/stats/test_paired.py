"""Two sets of votes on the same tools, against reference values of independent libraries."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.stats import Rate, Tally, combine, newcombe, ships_probability
from panel.stats.paired import (
    benjamini_hochberg,
    fisher_repeats,
    holm,
    mcnemar,
    power_fisher,
    power_mcnemar,
    sign_flip,
    stratified_exact,
)
from tests.support.reference import EXACT, REFERENCE


def near(value: float) -> object:
    return pytest.approx(value, abs=EXACT)


def brute(differences: list[float]) -> float:
    """Return the two-sided p-value from every sign pattern, one after another."""
    seen = sum(differences)
    sums = [
        sum(sign * each for sign, each in zip(signs, differences, strict=True))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    more = sum(each >= seen - 1e-9 for each in sums) / len(sums)
    less = sum(each <= seen + 1e-9 for each in sums) / len(sums)
    return min(1, 2 * min(more, less))


def test_the_sign_flip_test_equals_the_reference() -> None:
    one = REFERENCE["paired_tool_means"]
    found = sign_flip([a - b for a, b in zip(one["A"], one["B"], strict=True)])
    assert found.p == near(one["sign_flip_p"])
    assert found.n == 12


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=9), st.sampled_from([1, 3, 12, 20]))
def test_differences_on_a_grid_have_the_p_value_of_all_sign_patterns(
    steps: list[int], denominator: int
) -> None:
    differences = [step / denominator for step in steps]
    assert sign_flip(differences).p == pytest.approx(brute(differences))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9))
def test_differences_on_no_grid_have_the_p_value_of_all_sign_patterns(sizes: list[float]) -> None:
    sizes = [round(size, 7) for size in sizes]
    assert sign_flip(sizes).p == pytest.approx(brute(sizes))


def test_many_differences_on_no_grid_are_tested_too() -> None:
    draw = random.Random(3)
    drawn = [draw.gauss(0.1, 0.5) for _ in range(60)]
    rounded = sign_flip(drawn).p
    sums = [sum(draw.choice((1, -1)) * each for each in drawn) for _ in range(20_000)]
    share = sum(abs(each) >= abs(sum(drawn)) for each in sums) / len(sums)
    assert rounded == pytest.approx(share, abs=0.012)


def test_one_sided_p_values_are_of_the_side_they_name() -> None:
    found = sign_flip([0.25] * 6)
    assert (found.more, found.less, found.p) == (1 / 64, 1.0, 1 / 32)
    turned = sign_flip([-0.25] * 6)
    assert (turned.more, turned.less) == (1.0, 1 / 64)


def test_five_tools_cannot_show_a_difference_and_six_can() -> None:
    assert sign_flip([1.0] * 5).p == 2 / 32
    assert sign_flip([1.0] * 6).p == 2 / 64


def test_differences_that_are_all_zero_show_nothing() -> None:
    assert sign_flip([0.0, 0.0]).p == 1.0
    assert sign_flip([1e-9] * 30).p == 1.0  # below what the test rounds to
    assert sign_flip([]).p == 1.0


def test_mcnemar_equals_the_reference() -> None:
    for row in REFERENCE["mcnemar"]["rows"]:
        assert mcnemar(row["b"], row["c"]) == near(row["exact_p"]), row
    assert mcnemar(0, 0) == 1.0


def test_adjusted_p_values_equal_the_reference_in_any_order() -> None:
    known = REFERENCE["multiplicity"]
    assert benjamini_hochberg(known["p"]) == [near(each) for each in known["bh"]]
    assert holm(known["p"]) == [near(each) for each in known["holm"]]
    turned = known["p"][::-1]
    assert benjamini_hochberg(turned) == [near(each) for each in known["bh"][::-1]]
    assert holm(turned) == [near(each) for each in known["holm"][::-1]]
    assert benjamini_hochberg([]) == holm([]) == []


def test_the_stratified_exact_test_equals_the_reference() -> None:
    one = REFERENCE["stratified_two_tools"]
    a, b = ([(ships, one["repeats"]) for ships in one[side]] for side in ("ships_a", "ships_b"))
    assert stratified_exact(a, b) == near(one["exact_p"])


def test_two_tools_equal_the_reference() -> None:
    for row in REFERENCE["two_tools_exact"]["rows"]:
        a, b = ([tuple(pair) for pair in row[side]] for side in ("a", "b"))
        assert stratified_exact(a, b) == near(row["exact_p"]), row
        rates: list[Rate] = []
        for side in (a, b):
            rate = combine([Tally(ships, votes - ships) for ships, votes in side]).rate
            assert rate is not None
            rates.append(rate)
        interval = newcombe(*rates)
        assert (interval.low, interval.high) == (
            near(row["newcombe_low"]),
            near(row["newcombe_high"]),
        )


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="ships <= votes"):
        stratified_exact([(3, 2)], [(0, 2)])
    with pytest.raises(ValueError, match="discordant"):
        power_mcnemar(10, 0.1, 0.2)


def test_the_certainty_of_a_majority_equals_the_reference() -> None:
    for row in REFERENCE["majority_posterior"]["rows"]:
        assert ships_probability(row["k"], row["n"]) == near(row["p"]), row


def test_the_power_of_fishers_test_equals_the_reference() -> None:
    for row in REFERENCE["power_fisher"]["rows"]:
        assert power_fisher(row["p1"], row["p2"], row["n"]) == near(row["power"]), row


def test_the_votes_that_fishers_test_needs_are_the_fewest_with_its_power() -> None:
    assert [fisher_repeats(*rates) for rates in ((1, 0), (0.95, 0.05), (0.9, 0.5))] == [4, 5, 23]
    assert fisher_repeats(0.9, 0.8, most=20) is None


@pytest.mark.slow
def test_the_power_of_mcnemars_test_equals_the_reference() -> None:
    for row in REFERENCE["power_mcnemar"]["rows"]:
        found = power_mcnemar(row["cells"], row["discordant"], row["net"])
        assert found == near(row["power"]), row
    assert power_mcnemar(100, 0.0, 0.0) == 0.0
    assert power_mcnemar(3000, 0.5, 0.1) == pytest.approx(1, abs=1e-3)
