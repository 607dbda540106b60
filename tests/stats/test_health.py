"""What a panel's votes say of the panel itself, against values worked out elsewhere."""

from __future__ import annotations

import random
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.stats import (
    ENOUGH,
    PanelHealth,
    PersonaPair,
    Tally,
    effective_votes,
    health_of,
    panel_health,
    phi,
    wilson,
)
from tests.support.reference import EXACT, REFERENCE

# One tool a row, one persona a column: ships, skips, tied, no vote at all.
ANSWERS = {"1": Tally(3, 1), "0": Tally(0, 1), "t": Tally(2, 2, abstains=1), "-": Tally(errors=1)}
MOSTLY_ONE_MIND = [*["1111"] * 11, *["0000"] * 6, "1110", "1011", "0001", "1100", "0111"]


def health(*rows: str, personas: str = "abcd") -> PanelHealth:
    return panel_health(
        [{who: ANSWERS[vote] for who, vote in zip(personas, row, strict=True)} for row in rows]
    )


def pairs(found: PanelHealth) -> dict[str, PersonaPair]:
    return {pair.one + pair.other: pair for pair in found.pairs}


def random_rows(draw: random.Random, tools: int, rho: float, rate: float = 0.5) -> list[str]:
    """Return votes of four whose pairwise correlation is ``rho``: they share a rate by tool."""
    rows = []
    for _ in range(tools):
        shared = rate
        if rho:
            shared = draw.betavariate(rate * (1 - rho) / rho, (1 - rate) * (1 - rho) / rho)
        rows.append("".join("01"[draw.random() < shared] for _ in range(4)))
    return rows


# -- reference values --


def test_four_of_one_mind_give_the_figures_that_numpy_gives() -> None:
    found = health(*MOSTLY_ONE_MIND)
    assert {pair: each.agreed for pair, each in pairs(found).items()} == {
        "ab": 20, "ac": 20, "ad": 18, "bc": 20, "bd": 18, "cd": 20,
    }  # fmt: skip
    for pair, each in pairs(found).items():
        expected = 0.6071428571428571 if pair in ("ad", "bd") else 0.8035714285714286
        assert each.phi == pytest.approx(expected, abs=1e-12)
    assert found.mean_phi == pytest.approx(0.7380952380952382)
    assert found.effective == pytest.approx(1.2444444444444447)
    assert (found.tools, found.complete, found.unanimous) == (22, 22, 17)
    assert found.unanimous_percent == pytest.approx(100 * 17 / 22)
    assert found.divided_percent == pytest.approx(100 * 5 / 22)
    for rate in found.personas:
        assert (rate.votes, rate.ties, rate.unvoted) == (Tally(14, 8), 0, 0)
        assert rate.votes.interval == wilson(14, 22)


def test_the_interval_is_that_of_200_000_draws_made_with_numpy() -> None:
    interval = health(*MOSTLY_ONE_MIND).interval
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((1.0971, 1.6420), abs=0.02)


def test_missing_votes_and_ties_are_left_out_pair_by_pair_and_counted() -> None:
    found = health("1110", "1111", "0010", "1-11", "0101", "11-1", "0000", "1011", "-000",
                   "1010", "t111", "0111")  # fmt: skip
    expected = {  # numpy.corrcoef of the votes that both have
        "ab": (9, 5, 0.10), "ac": (9, 7, 0.5976143046671967), "ad": (10, 6, 1 / 6),
        "bc": (10, 6, 0.21821789023599242), "bd": (11, 9, 0.6333333333333333),
        "cd": (11, 7, 0.26087459737497554),
    }  # fmt: skip
    known = {pair: (each.n, each.agreed, each.phi) for pair, each in pairs(found).items()}
    assert known == {pair: (n, k, pytest.approx(r)) for pair, (n, k, r) in expected.items()}
    assert [(each.ties, each.unvoted) for each in found.personas] == [
        (1, 1),
        (0, 1),
        (0, 1),
        (0, 0),
    ]
    assert (found.tools, found.complete) == (12, 8)


@pytest.mark.parametrize(
    ("square", "value"),
    [
        ((5, 0, 0, 5), 1),
        ((0, 5, 5, 0), -1),
        ((2, 2, 2, 2), 0),
        ((43, 9, 44, 4), -0.1333),  # Pearson's chi squared of this table is 1.777: sqrt(1.777/100)
        ((7, 3, 0, 0), None),
        ((7, 0, 3, 0), None),
        ((0, 0, 0, 9), None),
        ((0, 0, 0, 0), None),
    ],
)
def test_phi_of_a_fourfold_table(square: tuple[int, int, int, int], value: float | None) -> None:
    assert phi(*square) == (value if value is None else pytest.approx(value, abs=1e-4))


@pytest.mark.parametrize(
    ("k", "rho", "votes"),
    [
        (4, 0.76, 1.2195121951219512),
        (4, 1, 1),
        (4, 0, 4),
        (4, -0.2, 4),
        (2, -1, 2),
        (1, 0.3, 1),
        (10, 0.05, 10 / 1.45),
    ],
)
def test_the_effective_votes_are_kishs_and_never_more_than_there_are(
    k: int, rho: float, votes: float
) -> None:
    assert effective_votes(k, rho) == pytest.approx(votes)


@pytest.mark.parametrize(("k", "rho"), [(0, 0.5), (4, 1.1), (4, -1.1), (4, float("nan"))])
def test_effective_votes_of_what_cannot_be_are_refused(k: int, rho: float) -> None:
    with pytest.raises(ValueError, match="need k >= 1 and -1 <= rho <= 1"):
        effective_votes(k, rho)


# -- what is not defined --


def test_a_persona_that_never_varies_has_no_phi_and_adds_no_vote() -> None:
    three = [*["111"] * 6, *["000"] * 4, "110", "011"]
    with_it = health(*(f"{row}1" for row in three))
    alone = health(*three, personas="abc")
    assert [pair for pair, each in pairs(with_it).items() if each.phi is None] == ["ad", "bd", "cd"]
    assert {each.constant for each in with_it.pairs} == {(), ("d",)}
    assert [rate.persona for rate in with_it.personas if rate.constant] == ["d"]
    assert (with_it.without_phi, alone.without_phi) == (3, 0)
    assert (with_it.mean_phi, with_it.effective) == (alone.mean_phi, alone.effective)
    assert with_it.interval == alone.interval


def test_where_nobody_varies_there_is_no_number_and_still_a_panel_below_half() -> None:
    found = health(*["1101"] * 9)
    assert (found.mean_phi, found.effective, found.interval) == (None, None, None)
    assert found.without_phi == 6 and found.below_half
    assert (found.unanimous, found.divided_percent) == (0, 100)


def test_a_persona_that_was_never_asked_is_not_counted_as_one_that_votes() -> None:
    found = health(*(f"{row[:3]}-" for row in MOSTLY_ONE_MIND))
    alone = health(*(row[:3] for row in MOSTLY_ONE_MIND), personas="abc")
    assert [rate.persona for rate in found.voting] == ["a", "b", "c"]
    assert (found.personas[3].votes.n, found.personas[3].unvoted) == (0, 22)
    assert (found.pairs, found.effective, found.interval, found.complete) == (
        alone.pairs, alone.effective, alone.interval, 22,
    )  # fmt: skip


@pytest.mark.parametrize(("tools", "said"), [(ENOUGH - 1, False), (ENOUGH, True)])
def test_below_five_complete_tools_nothing_is_said_of_effective_votes(
    tools: int, said: bool
) -> None:
    rows = ["1110", "0001", "1011", "0111", "1100"][:tools]
    found = health(*rows, *["111-"] * 20)
    assert found.complete == tools
    assert (found.effective is not None, found.interval is not None) == (said, said)
    assert said or not found.below_half


@pytest.mark.parametrize("rows", [[], ["----"] * 9, ["tttt"] * 9, ["1---"] * 9])
def test_without_two_that_vote_there_is_nothing_to_compare(rows: list[str]) -> None:
    found = health(*rows)
    assert found.pairs == () and found.effective is None and not found.below_half
    assert (found.unanimous_percent is None) == (found.complete == 0)


# -- properties --

panels = st.lists(st.text("10t-", min_size=4, max_size=4), max_size=20)


@given(panels, st.randoms(use_true_random=False))
def test_the_order_of_the_tools_does_not_matter(rows: list[str], draw: random.Random) -> None:
    mixed = draw.sample(rows, len(rows))
    one, other = health(*rows), health(*mixed)
    assert one.personas == other.personas and one.pairs == other.pairs
    assert (one.mean_phi, one.effective, one.interval) == (
        other.mean_phi, other.effective, other.interval,
    )  # fmt: skip


@given(panels)
def test_a_double_of_a_persona_correlates_fully_and_adds_nothing_of_its_own(
    rows: list[str],
) -> None:
    found = health(*(row + row[0] for row in rows), personas="abcdx")
    if "ax" in pairs(found):
        twin = pairs(found)["ax"]
        assert twin.agreed == twin.n
        assert twin.phi == (None if twin.constant else pytest.approx(1))
    for each in "bcd":
        if "a" + each in pairs(found):
            assert pairs(found)["a" + each].phi == pairs(found)[each + "x"].phi


@given(panels)
def test_every_figure_lies_where_it_can(rows: list[str]) -> None:
    found = health(*rows)
    for pair in found.pairs:
        assert found.complete <= pair.n <= len(rows) and 0 <= pair.agreed <= pair.n
        assert (pair.phi is None) == bool(pair.constant)
        assert pair.phi is None or -1 <= pair.phi <= 1
    assert found.unanimous <= found.complete <= found.tools == len(rows)
    for rate in found.personas:
        assert rate.votes.n + rate.ties + rate.unvoted == found.tools
    if found.effective is not None and found.interval is not None:
        assert 1 <= found.interval.low <= found.effective <= found.interval.high <= 4
        assert found.below_half == (found.effective < len(found.voting) / 2)


@pytest.mark.slow
@given(st.integers(0, 2**32))
@settings(max_examples=10)
def test_one_vote_turned_to_the_other_side_swaps_the_sign_of_its_phis(seed: int) -> None:
    rows = random_rows(random.Random(seed), 30, 0.3)
    turned = [{"0": "1", "1": "0"}[row[0]] + row[1:] for row in rows]
    one, other = pairs(health(*rows)), pairs(health(*turned))
    for pair in map("".join, combinations("abcd", 2)):
        before, after = one[pair].phi, other[pair].phi
        assert before is not None and after is not None
        assert after == pytest.approx(-before if "a" in pair else before)


def test_independent_personas_count_nearly_as_many_as_they_are() -> None:
    found = health(*random_rows(random.Random(5), 3000, 0))
    assert found.effective == pytest.approx(4, abs=0.1)
    assert found.interval is not None and found.interval.low > 3.7 and found.interval.high == 4


def test_a_panel_of_three_or_two_is_below_half_by_its_own_size() -> None:
    assert health(*["11"] * 9, *["00"] * 9, personas="ab").below_half is False  # 1 of 2
    assert health(*["111"] * 9, *["000"] * 9, personas="abc").below_half is True  # 1 of 3
    assert health(*random_rows(random.Random(5), 50, 0)).below_half is False


def test_personas_that_never_differed_on_few_tools_may_count_for_more_than_one() -> None:
    few, many = health(*["1111", "0000"] * 4), health(*["1111", "0000"] * 100)
    assert few.effective == many.effective == 1
    assert few.interval is not None and many.interval is not None
    assert few.interval.low == many.interval.low == 1
    assert few.interval.high > 1.2 > 1.05 > many.interval.high


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize("rho", [0, 0.3, 0.76, 0.95])
def test_the_interval_holds_the_truth_of_simulated_panels(rho: float) -> None:
    """Four personas on 14 tools; of 100 panels of 0.95, a plain bootstrap held 38 to 46."""
    draw, truth = random.Random(7), effective_votes(4, rho)
    held = 0
    for _ in range(60):
        interval = health(*random_rows(draw, 14, rho)).interval
        held += interval is not None and interval.holds(truth)
    assert held >= 0.85 * 60


@pytest.mark.parametrize("row", REFERENCE["effective_votes"]["rows"])
def test_effective_votes_are_those_of_kish(row: dict[str, Any]) -> None:
    assert effective_votes(row["k"], row["rho"]) == pytest.approx(row["n_eff"], abs=EXACT)


def test_the_reference_table_gives_its_correlation_and_effective_votes() -> None:
    rows = ["".join(map(str, row)) for row in REFERENCE["agreement"]["votes_20x4"]["input"]]
    found, expected = health(*rows), REFERENCE["effective_votes"]
    assert found.mean_phi == pytest.approx(expected["rho"], abs=EXACT)
    assert found.effective == pytest.approx(expected["n_eff"], abs=EXACT)


def test_a_tie_and_no_answer_are_told_apart_and_neither_is_a_vote() -> None:
    found = health_of(["a", "b"], {("ship", "tie"): 3, ("skip", ""): 2, ("", "ship"): 1})
    assert [(each.votes.n, each.ties, each.unvoted) for each in found.personas] == [
        (5, 0, 1),
        (1, 3, 2),
    ]
    assert (found.tools, found.complete) == (6, 0)
