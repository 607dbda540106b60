"""The arithmetic of a panel, against values worked out elsewhere."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from panel.stats import (
    Interval,
    Rate,
    Tally,
    at_least,
    beta_binomial,
    combine,
    newcombe,
    ships_probability,
    tally,
    wilson,
)
from tests.support.reference import EXACT, REFERENCE

counts = st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))

outcomes = st.sampled_from(
    [("verdict", "ship"), ("verdict", "skip"), ("abstain", None), ("error", None)]
)


@pytest.mark.parametrize(
    ("ships", "n", "low", "high"),
    [
        (4, 4, 51.01, 100),
        (3, 4, 30.06, 95.44),
        (12, 12, 75.75, 100),
        (0, 10, 0, 27.75),
        (81, 263, 25.53, 36.62),  # Newcombe (1998), Statistics in Medicine 17:857-872, table I
        (15, 148, 6.24, 16.05),
        (0, 20, 0, 16.11),
        (1, 29, 0.61, 17.18),
    ],
)
def test_wilson_gives_the_published_intervals(ships: int, n: int, low: float, high: float) -> None:
    interval = wilson(ships, n)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.006)


@given(counts)
def test_wilson_holds_the_rate_and_stays_between_0_and_100(count: tuple[int, int]) -> None:
    ships, n = count
    interval = wilson(ships, n)
    assert interval is not None
    assert interval.holds(100 * ships / n)
    assert 0 <= interval.low < interval.high <= 100


@given(counts.filter(lambda count: count[0] < count[1]))
def test_one_more_ship_moves_both_ends_up(count: tuple[int, int]) -> None:
    ships, n = count
    before, after = wilson(ships, n), wilson(ships + 1, n)
    assert before is not None and after is not None
    assert (before.low < after.low and before.high < after.high) or after.high == 100


@given(counts)
def test_wilson_of_the_other_side_is_the_mirror_image(count: tuple[int, int]) -> None:
    ships, n = count
    one, other = wilson(ships, n), wilson(n - ships, n)
    assert one is not None and other is not None
    assert (one.low, one.high) == pytest.approx((100 - other.high, 100 - other.low))


@pytest.mark.parametrize(("ships", "n"), [(5, 4), (-1, 4), (0, -1)])
def test_wilson_refuses_counts_that_cannot_be(ships: int, n: int) -> None:
    with pytest.raises(ValueError, match="need 0 <= successes <= n"):
        wilson(ships, n)


@pytest.mark.parametrize("empty", [Tally(), Tally(abstains=3), Tally(errors=2)])
def test_without_a_vote_there_is_no_percentage_and_never_0(empty: Tally) -> None:
    result = combine([empty, empty])
    assert empty.ship_percent is None and empty.interval is None and empty.majority is None
    assert (result.ship_percent, result.interval, result.undecided, result.split) == (None,) * 4
    assert result.n == 0
    assert wilson(0, 0) is None and combine([]).ship_percent is None


def test_only_skips_are_0_percent_and_not_nothing() -> None:
    assert Tally(skips=2).ship_percent == combine([Tally(skips=2)]).ship_percent == 0


def test_every_persona_weighs_the_same_however_often_it_was_asked() -> None:
    result = combine([Tally(ships=1), Tally(skips=9)])
    assert result.ship_percent == 50
    assert (result.ships, result.skips, result.n) == (1, 9, 10)


def test_unequal_repeats_widen_the_interval_to_kishs_effective_size() -> None:
    result = combine([Tally(ships=1), Tally(skips=9)])
    effective = 2**2 / (1 / 1 + 1 / 9)  # 3.6 of 10 votes
    assert result.interval == wilson(effective / 2, effective)


@given(
    st.integers(1, 9).flatmap(
        lambda r: st.lists(st.integers(0, r), min_size=1).map(lambda s: (r, s))
    )
)
def test_with_equal_repeats_the_panel_is_plain_wilson_on_all_votes(
    drawn: tuple[int, list[int]],
) -> None:
    repeats, ships = drawn
    result = combine([Tally(s, repeats - s) for s in ships])
    pooled = wilson(sum(ships), repeats * len(ships))
    assert result.interval is not None and pooled is not None and result.ship_percent is not None
    assert result.ship_percent == pytest.approx(100 * sum(ships) / (repeats * len(ships)))
    assert result.interval.low == pytest.approx(pooled.low, abs=1e-6)
    assert result.interval.high == pytest.approx(pooled.high, abs=1e-6)


def test_a_persona_that_only_abstained_or_failed_does_not_count() -> None:
    voted = [Tally(ships=1), Tally(skips=1)]
    with_others = combine([*voted, Tally(abstains=1), Tally(errors=1)])
    alone = combine(voted)
    assert with_others == replace(alone, abstains=1, errors=1)


@pytest.mark.parametrize(
    ("ships", "skips", "undecided"),
    [(4, 0, False), (3, 1, True), (1, 0, True), (0, 1, True), (1, 1, True), (19, 1, False)],
)
def test_undecided_means_that_the_interval_holds_half(
    ships: int, skips: int, undecided: bool
) -> None:
    tallies = [Tally(ships=1)] * ships + [Tally(skips=1)] * skips
    assert combine(tallies).undecided is undecided


@pytest.mark.parametrize(
    ("tallies", "split"),
    [
        ([Tally(ships=4), Tally(skips=4)], True),  # each with a probability of 0.969
        ([Tally(ships=3), Tally(skips=3)], False),  # 0.9375
        ([Tally(ships=4), Tally(skips=3)], False),  # one side alone is sure
        ([Tally(ships=3), Tally(skips=4)], False),
        ([Tally(ships=4), Tally(ships=2, skips=2)], False),
        ([Tally(ships=20), Tally(ships=20)], False),
        ([Tally(ships=1), Tally(skips=1)], False),  # nobody is sure of a single answer
    ],
)
def test_split_means_that_one_surely_ships_and_another_surely_skips(
    tallies: list[Tally], split: bool
) -> None:
    assert combine(tallies).split is split


@pytest.mark.parametrize("repeats", [4, 5, 10, 100])
def test_a_truly_split_panel_is_called_so_at_any_number_of_repeats(repeats: int) -> None:
    """Two personas at 95 % ship and two at 5 %, 500 panels; "contested" fell from 87 to 20 %."""
    draw = random.Random(repeats)
    found = 0
    for _ in range(500):
        ships = [
            sum(draw.random() < rate for _ in range(repeats)) for rate in (0.95, 0.95, 0.05, 0.05)
        ]
        found += combine([Tally(each, repeats - each) for each in ships]).split is True
    assert found >= 0.9 * 500


# -- the interval of a difference --


Votes = Sequence[tuple[int, int]]  # ships and votes of each persona


def rate_of(votes: Votes) -> Rate:
    rate = combine([Tally(ships, n - ships) for ships, n in votes]).rate
    assert rate is not None
    return rate


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [  # worked out from Wilson intervals by an independent library
        ([(5, 5), (2, 5), (5, 5), (4, 5)], [(3, 5), (0, 5), (5, 5), (1, 5)], 5.017999, 57.589966),
        ([(5, 5), (3, 5), (5, 5), (5, 5)], [(3, 5), (0, 5), (5, 5), (2, 5)], 11.592991, 61.327103),
        ([(1, 1)] * 4, [(0, 1)] * 4, 30.718974, 100),
        ([(1, 1), (1, 1), (1, 1), (0, 1)], [(1, 1)] * 4, -69.935816, 28.082728),
        ([(4, 5), (3, 4), (5, 5), (0, 1)], [(1, 5), (2, 5), (4, 5), (2, 3)], -24.420968, 42.977144),
        (
            [(10, 20), (2, 20), (18, 20), (9, 20)],
            [(4, 20), (0, 20), (15, 20), (6, 20)],
            2.325054,
            31.589305,
        ),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(
    one: Votes, other: Votes, low: float, high: float
) -> None:
    made, back = newcombe(rate_of(one), rate_of(other)), newcombe(rate_of(other), rate_of(one))
    assert (made.low, made.high) == (pytest.approx(low, abs=1e-5), pytest.approx(high, abs=1e-5))
    assert (back.reversed.low, back.reversed.high) == (
        pytest.approx(made.low),
        pytest.approx(made.high),
    )


@pytest.mark.parametrize(
    ("other", "told_apart"),
    [
        ((0.95, 0.6, 0.9, 0.8), (0.01, 0.05)),  # the same tool: false alarms
        ((0.8, 0.4, 0.7, 0.3), (0.35, 0.5)),
        ((0.6, 0.2, 0.8, 0.4), (0.45, 0.65)),
    ],
)
def test_the_interval_of_a_difference_covers_it_and_tells_more_apart_than_two_intervals(
    other: Sequence[float], told_apart: tuple[float, float]
) -> None:
    """Four personas, five repeats, 2,000 times: 97 % covered, 3 % false alarms, twice the power."""
    draw, one = random.Random(7), (0.95, 0.6, 0.9, 0.8)
    difference = 100 * (sum(one) - sum(other)) / 4

    def asked(rates: Sequence[float]) -> Rate:
        return rate_of([(sum(draw.random() < rate for _ in range(5)), 5) for rate in rates])

    held = shown = overlap_broken = 0
    for _ in range(2000):
        left, right = asked(one), asked(other)
        interval = newcombe(left, right)
        held += interval.holds(difference)
        shown += not interval.holds(0)
        overlap_broken += left.interval.low > right.interval.high
    assert 0.95 <= held / 2000 <= 0.985
    assert told_apart[0] <= shown / 2000 <= told_apart[1]
    assert shown >= 2 * overlap_broken


@given(st.lists(st.lists(outcomes, max_size=6), max_size=6))
def test_nothing_is_lost_or_counted_twice(cells: list[list[tuple[str, str | None]]]) -> None:
    tallies = [tally(persona) for persona in cells]  # type: ignore[arg-type]
    result = combine(tallies)
    flat = [cell for persona in cells for cell in persona]
    assert result.ships == flat.count(("verdict", "ship"))
    assert result.skips == flat.count(("verdict", "skip"))
    assert result.abstains == flat.count(("abstain", None))
    assert result.errors == flat.count(("error", None))
    assert (result.ship_percent is None) == (result.n == 0)
    if result.ship_percent is not None and result.interval is not None:
        assert result.interval.holds(round(result.ship_percent, 9))


@pytest.mark.parametrize(
    ("ships", "skips", "majority"), [(2, 1, "ship"), (1, 2, "skip"), (1, 1, None)]
)
def test_majority_is_none_on_a_tie(ships: int, skips: int, majority: str | None) -> None:
    assert Tally(ships, skips).majority == majority


def test_an_interval_holds_its_own_ends() -> None:
    assert Interval(10, 20).holds(10) and Interval(10, 20).holds(20)
    assert not Interval(10, 20).holds(20.01)


def beta_above_half(a: int, b: int, steps: int = 20_000) -> float:
    """Return the mass of Beta(a, b) above 1/2, its density summed up by Simpson's rule."""
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)

    def density(x: float) -> float:
        if x in (0, 1):
            return math.exp(scale) * (b == 1 if x == 1 else a == 1)
        return math.exp(scale + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))

    width = 0.5 / steps
    inner = (density(0.5 + n * width) * (4 if n % 2 else 2) for n in range(1, steps))
    return width / 3 * (density(0.5) + density(1) + math.fsum(inner))


@pytest.mark.slow
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 7, 10, 25, 100])
def test_the_probability_of_a_majority_is_the_mass_of_a_beta_density(n: int) -> None:
    for ships in range(n + 1):
        expected = beta_above_half(ships + 1, n - ships + 1)
        assert ships_probability(ships, n) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("ships", "n", "probability"),
    [(0, 0, 1 / 2), (1, 1, 3 / 4), (0, 1, 1 / 4), (2, 2, 7 / 8), (3, 3, 15 / 16), (4, 4, 31 / 32)],
)
def test_the_probability_of_a_majority_of_few_votes_is_worked_out_by_hand(
    ships: int, n: int, probability: float
) -> None:
    assert ships_probability(ships, n) == probability


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@example((0, 1023))
@example((1000, 2000))
def test_the_two_sides_majorities_share_certainty(count: tuple[int, int]) -> None:
    ships, n = count
    assert ships_probability(ships, n) + ships_probability(n - ships, n) == pytest.approx(1)
    assert 0 <= ships_probability(ships, n) <= 1


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))))
def test_another_ship_makes_a_majority_of_ships_more_likely(count: tuple[int, int]) -> None:
    ships, n = count
    assert ships_probability(ships - 1, n) < ships_probability(ships, n) or n > 50


@pytest.mark.parametrize(("ships", "n"), [(5, 4), (-1, 4), (1, 0)])
def test_the_probability_of_counts_that_cannot_be_is_refused(ships: int, n: int) -> None:
    with pytest.raises(ValueError, match="need 0 <= ships <= n"):
        ships_probability(ships, n)


@pytest.mark.parametrize(
    ("n", "alpha", "beta", "chances"),
    [
        (3, 1, 1, [1 / 4, 1 / 4, 1 / 4, 1 / 4]),  # a uniform rate: every count is as likely
        (1, 0.5, 1.5, [3 / 4, 1 / 4]),
        (2, 0.5, 1.5, [5 / 8, 1 / 4, 1 / 8]),  # both: 1/4 · (3/2)/3
        (2, 1e5, 1e5, [1 / 4, 1 / 2, 1 / 4]),  # a known rate: a binomial
        (0, 2, 3, [1]),
    ],
)
def test_a_beta_binomial_gives_known_values(
    n: int, alpha: float, beta: float, chances: list[float]
) -> None:
    assert beta_binomial(n, alpha, beta) == pytest.approx(chances, rel=1e-5)


@given(st.integers(0, 300), st.floats(0.01, 50), st.floats(0.01, 50))
def test_a_beta_binomial_is_a_distribution_with_the_mean_of_its_rate(
    n: int, alpha: float, beta: float
) -> None:
    chances = beta_binomial(n, alpha, beta)
    assert sum(chances) == pytest.approx(1) and min(chances) >= 0
    mean = sum(k * chance for k, chance in enumerate(chances))
    assert mean == pytest.approx(n * alpha / (alpha + beta))


@given(st.lists(st.lists(st.floats(0.01, 1), min_size=1, max_size=4), max_size=4))
def test_the_chance_of_at_least_so_many_is_that_of_all_combinations(
    weights: list[list[float]],
) -> None:
    counts = [[each / sum(some) for each in some] for some in weights]
    found = at_least(counts)
    for k, chance in enumerate(found):
        combined = sum(
            math.prod(count[each] for count, each in zip(counts, picked, strict=True))
            for picked in product(*(range(len(count)) for count in counts))
            if sum(picked) >= k
        )
        assert chance == pytest.approx(combined) and chance <= 1
    assert len(found) == 1 + sum(len(count) - 1 for count in counts)


# -- what independent libraries give --


@pytest.mark.parametrize("row", REFERENCE["rate_intervals"]["rows"])
def test_wilson_is_that_of_the_reference(row: dict[str, Any]) -> None:
    found = wilson(row["k"], row["n"])
    assert found is not None
    assert [found.low / 100, found.high / 100] == pytest.approx(row["wilson"], abs=EXACT)


@pytest.mark.parametrize("row", REFERENCE["wilson_exact_coverage"]["rows"])
def test_wilson_covers_as_often_as_enumeration_says(row: dict[str, Any]) -> None:
    n, p = row["n"], row["p"]
    held = 0.0
    for k in range(n + 1):
        interval = wilson(k, n)
        assert interval is not None
        if interval.holds(100 * p):
            held += math.comb(n, k) * p**k * (1 - p) ** (n - k)
    assert held == pytest.approx(row["coverage"], abs=EXACT)


@pytest.mark.parametrize("row", REFERENCE["panel_interval"]["rows"])
def test_a_panel_of_equal_weights_has_the_interval_of_the_reference(row: dict[str, Any]) -> None:
    tallies = [Tally(k, n - k) for k, n in zip(row["ships"], row["n"], strict=True)]
    rate = combine(tallies).rate
    assert rate is not None
    assert rate.percent == pytest.approx(row["ship_percent"], abs=EXACT)
    assert rate.interval.low == pytest.approx(row["low"], abs=EXACT)
    assert rate.interval.high == pytest.approx(row["high"], abs=EXACT)


@pytest.mark.parametrize("row", REFERENCE["majority_posterior"]["rows"])
def test_how_sure_a_majority_is_stands_in_the_reference(row: dict[str, Any]) -> None:
    assert ships_probability(row["k"], row["n"]) == pytest.approx(row["p"], abs=EXACT)


@pytest.mark.parametrize("row", REFERENCE["two_tools_exact"]["rows"])
def test_the_difference_of_two_tools_has_the_interval_of_the_reference(row: dict[str, Any]) -> None:
    one, other = (
        combine([Tally(ships, n - ships) for ships, n in row[side]]).rate for side in "ab"
    )
    assert one is not None and other is not None
    found = newcombe(one, other)
    assert found.low == pytest.approx(row["newcombe_low"], abs=EXACT)
    assert found.high == pytest.approx(row["newcombe_high"], abs=EXACT)
