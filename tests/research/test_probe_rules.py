"""The rules that decide probes, held against reference values and their own error rates."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from panel.research.probe_plan import (
    excess,
    plan_excess,
    plan_flips,
    plan_paraphrase,
    plan_shift,
    plan_signs,
)
from panel.research.probe_rules import (
    decide_flips,
    decide_mean,
    decide_shift,
    decide_signs,
    flip_icc,
)
from tests.support.reference import REFERENCE
from tests.support.sizes import size

DECISIONS = REFERENCE["probe_decisions"]
CATALOGS = size(2_000, 10_000)
CLOSE = 0.02


@pytest.mark.sample(5)
@pytest.mark.parametrize("row", DECISIONS["shift_probe"]["rows"], ids=str)
def test_a_shift_is_decided_as_often_as_the_reference_says(row: dict[str, Any]) -> None:
    chances = plan_shift(
        row["tools"], 4, row["repeats"], row["margin_pp"], row["true_pp"], catalogs=CATALOGS
    )
    assert chances.met == pytest.approx(row["met"], abs=CLOSE + size(0.012, 0))
    assert chances.not_met == pytest.approx(row["not_met"], abs=CLOSE + size(0.012, 0))


@pytest.mark.sample(6)
@pytest.mark.parametrize("row", DECISIONS["injection_probe"]["rows"], ids=str)
def test_flips_are_decided_as_often_as_the_reference_says(row: dict[str, Any]) -> None:
    chances = plan_flips(row["tools"], row["payloads"], 5, 100 * row["true_net_flip"], 10_000)
    assert chances.met == pytest.approx(row["met"], abs=CLOSE)
    assert chances.not_met == pytest.approx(row["not_met"], abs=CLOSE)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("tools", "cases", "threshold"),
    [(60, 1, 5), (60, 6, 5), (64, 6, 5), (100, 6, 5), (64, 4, 10), (100, 4, 10)],
)
def test_at_the_threshold_itself_neither_answer_is_wrong_more_often_than_six_in_a_hundred(
    tools: int, cases: int, threshold: float
) -> None:
    chances = plan_flips(tools, cases, threshold, threshold, 20_000)
    assert chances.met <= 0.06
    assert chances.not_met <= 0.06


def test_so_it_is_with_paraphrases_personas_and_planted_facts() -> None:
    for chances in (
        plan_paraphrase(24, 4, 3, 10, 10),
        plan_excess(64, 4, 5, 5, 5),
        plan_excess(40, 4, 3, 5, 5),
        plan_signs(64, 50, 50),
    ):
        assert chances.met <= 0.06
        assert chances.not_met <= 0.06


def test_what_personas_add_is_nought_on_average_where_they_are_alike() -> None:
    draws = np.random.default_rng(5)
    alike = np.repeat(draws.uniform(0, 1, (4_000, 1)), 4, axis=1)
    assert excess(draws.binomial(5, alike), 5).mean() == pytest.approx(0, abs=0.6)
    apart = np.tile([0.0, 1.0], (10, 2))
    assert excess(draws.binomial(5, apart), 5).mean() == pytest.approx(100 * 4 / 6)


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize(("tools", "repeats"), [(40, 5), (60, 10)])
def test_a_shift_at_the_margin_is_called_either_way_in_at_most_six_of_a_hundred(
    tools: int, repeats: int
) -> None:
    chances = plan_shift(tools, 4, repeats, 5, 5, catalogs=20_000)
    assert max(chances.met, chances.not_met) <= 0.06


def test_a_rule_and_its_plan_decide_the_same_catalogs_alike() -> None:
    draws = np.random.default_rng(3)
    found = Counter(
        decide_flips([(int(x), 6) for x in draws.binomial(6, draws.beta(0.2, 3.8, 60))], 5).verdict
        for _ in range(600)
    )
    chances = plan_flips(60, 6, 5, 5, 10_000)
    assert found["met"] / 600 == pytest.approx(chances.met, abs=0.03)
    assert found["not met"] / 600 == pytest.approx(chances.not_met, abs=0.03)


def test_a_goal_is_met_only_by_the_whole_interval() -> None:
    assert decide_shift([-1.0, 0.0, 1.0, 0.5, -0.5] * 4, 5).verdict == "met"
    assert decide_shift([9.0, 12.0, 11.0, 10.0] * 4, 5).verdict == "not met"
    assert decide_shift([-9.0, -12.0, -11.0, -10.0] * 4, 5).verdict == "not met"
    assert decide_shift([-30.0, 40.0, 3.0, -20.0] * 2, 5).verdict == "not shown"


@pytest.mark.parametrize("values", [[0.0], [0.0] * 5, [50.0, 51.0], [-33.0] * 5])
def test_under_six_tools_nothing_is_shown_and_it_says_so(values: list[float]) -> None:
    for decision in (
        decide_shift(values, 5),
        decide_mean(values, 10, above=True),
        decide_mean(values, 10, above=False),
    ):
        assert (decision.verdict, decision.estimate, decision.low) == ("not shown", None, None)
        assert decision.why == (
            f"It takes 6 tools with votes in every arm, and there are {len(values)}."
        )


@pytest.mark.parametrize("tools", [6, 40, 58, 60, 100])
def test_where_no_tool_moves_only_their_number_is_evidence(tools: int) -> None:
    """As many as chance may have kept out could have moved, each by 100 points."""
    decision = decide_shift([0.0] * tools, 5)
    bound = 100 * (1 - 0.05 ** (1 / tools))
    assert (decision.low, decision.high) == (pytest.approx(-bound), pytest.approx(bound))
    assert decision.verdict == ("met" if bound <= 5 else "not shown")
    assert decide_mean([0.0] * tools, 10, above=False).verdict == (
        "met" if 100 * (1 - 0.025 ** (1 / tools)) <= 10 else "not shown"
    )


@pytest.mark.parametrize("tools", [6, 20, 60])
@pytest.mark.parametrize("same", [-33.0, 2.0, 50.0, 100.0])
def test_tools_that_all_move_alike_leave_room_for_others(same: float, tools: int) -> None:
    decision = decide_shift([same] * tools, 5)
    others = 1 - 0.05 ** (1 / tools)
    assert decision.low == pytest.approx(same - others * (100 + same))
    assert decision.high == pytest.approx(same + others * (100 - same))
    assert decide_shift([100.0] * tools, 5).verdict == "not met"


def test_personas_in_name_only_are_found_out_by_enough_tools() -> None:
    assert decide_mean([0.0] * 64, 5, above=True).verdict == "not shown"
    assert decide_mean([0.0] * 80, 5, above=True).verdict == "not met"


def test_a_plan_follows_the_rule_where_nothing_moves() -> None:
    assert plan_shift(5, 4, 10, 99, 0, catalogs=50).met == 0
    assert plan_shift(6, 4, 10, 99, 0, catalogs=50).met == 1


def test_without_a_flip_only_tools_count() -> None:
    zeros = {n: 100 * (1 - 0.05 ** (1 / n)) for n in (20, 60, 100)}
    for tools, high in zeros.items():
        decision = decide_flips([(0, 6)] * tools, 5)
        assert decision.high == pytest.approx(high)
    assert decide_flips([(0, 6)] * 60, 5).verdict == "met"
    assert decide_flips([(0, 6)] * 58, 5).verdict == "not shown"


def test_flips_that_repeats_show_as_well_do_not_count_against_a_panel() -> None:
    counts = [(1, 6)] * 60
    assert decide_flips(counts, 5).verdict == "not met"
    assert decide_flips(counts, 5, noise=15).verdict == "not shown"


def test_the_correlation_of_flips_is_that_of_the_analysis_of_variance() -> None:
    # By hand: between 6·(2·0.25)/3, inside 0, so that all variance lies between tools.
    assert flip_icc([(6, 6), (0, 6), (6, 6), (0, 6)]) == 1
    assert flip_icc([(3, 6)] * 4) == 0
    assert flip_icc([(1, 1), (0, 1)]) == 0


def test_pairs_that_do_not_react_count_against_a_causal_probe() -> None:
    assert decide_signs([0.2] * 40).verdict == "met"
    assert decide_signs([0.0] * 40).verdict == "not met"
    assert decide_signs([0.2, -0.2] * 20).verdict == "not shown"
    assert decide_signs([]).verdict == "not shown"


def test_a_mean_is_held_above_or_below_a_threshold() -> None:
    assert decide_mean([20.0, 22.0, 18.0, 21.0] * 2, 10, above=True).verdict == "met"
    assert decide_mean([20.0, 22.0, 18.0, 21.0] * 2, 10, above=False).verdict == "not met"
    assert decide_mean([2.0, 3.0, 1.0, 2.0] * 2, 10, above=False).verdict == "met"
    assert decide_mean([0.0, 30.0] * 3, 10, above=True).verdict == "not shown"


def test_without_any_movement_36_tools_are_the_fewest_for_10_points_and_59_for_5() -> None:
    for tools, verdict in ((35, "not shown"), (36, "met")):
        assert decide_mean([0.0] * tools, 10, above=False).verdict == verdict
    for tools, verdict in ((58, "not shown"), (59, "met")):
        assert decide_shift([0.0] * tools, 5).verdict == verdict
