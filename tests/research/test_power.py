"""What a pilot says of a panel's spread, and what so many calls can show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from panel.errors import UsageError
from panel.research.frame import Frame, VoteCount, frame_of
from panel.research.paired import compare, family
from panel.research.pilot import Components, components
from panel.research.power import Aim, Budget, designs, enough, power
from tests.support.reference import REFERENCE
from tests.support.simulated_panels import ARM, BIAS, CELL, TOOL, Design, frame_of_panel, simulate

TRUTH = REFERENCE["simulated_truth"]
PANEL = Components(BIAS, TOOL, CELL, ARM)
CASES = {"40x1": 0.316, "40x5": 0.804, "100x1": 0.709}


def pilot(design: Design, seed: int = 3) -> Frame:
    return frame_of_panel(simulate(design, 1, seed))


def size(case: str) -> tuple[int, int]:
    tools, repeats = map(int, case.split("x"))
    return tools, repeats


def points(logits: float, panel: Components = PANEL) -> float:
    return 100 * (panel.mean(logits) - panel.mean())


def test_the_mean_of_a_panel_and_a_shift_in_points_are_those_of_the_reference() -> None:
    assert PANEL.mean() == pytest.approx(TRUTH["true_catalog_mean"], abs=0.001)
    assert PANEL.logits(10) == pytest.approx(
        TRUTH["equivalence_margin_10pp"]["logit_shift_at_margin"], abs=0.005
    )
    assert PANEL.logits(points(0.5)) == pytest.approx(0.5)


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize("case", sorted(CASES))
def test_the_power_of_a_known_panel_is_that_of_the_reference(case: str) -> None:
    found = power(PANEL, *size(case), Aim(effect=points(0.5)))
    assert found == pytest.approx(CASES[case], abs=0.03)


@pytest.mark.sample(1)
@pytest.mark.parametrize("case", sorted(CASES))
def test_the_power_from_a_pilot_with_one_arm_is_that_of_the_reference(case: str) -> None:
    panel = components(pilot(Design(400, 5)))
    assert panel.assumed
    assert power(panel, *size(case), Aim(effect=8)) == pytest.approx(CASES[case], abs=0.03)


@pytest.mark.slow
@pytest.mark.sample(3)
@pytest.mark.parametrize(("at", "effect"), [("no_difference", None), ("at_margin", 10.0)])
@pytest.mark.parametrize("case", ["40x1", "40x5", "100x5"])
def test_the_chance_to_show_unchanged_is_that_of_the_reference(
    case: str, at: str, effect: float | None
) -> None:
    known = TRUTH["equivalence_margin_10pp"]["P(declared unchanged)"][case][at]
    found = power(PANEL, *size(case), Aim(effect=effect, margin=10))
    assert found == pytest.approx(known, abs=0.03)


def test_without_an_effect_the_power_is_the_rate_of_wrong_alarms() -> None:
    assert power(PANEL, 40, 5, Aim()) <= 0.06


@pytest.mark.slow
def test_many_tools_are_tested_by_the_normal_limit_of_the_same_test() -> None:
    edge = [power(PANEL, tools, 1, Aim(effect=5)) for tools in (222, 224)]  # either side of it
    assert edge[0] == pytest.approx(edge[1], abs=0.03)
    assert power(PANEL, 1000, 1, Aim()) <= 0.06


def test_more_comparisons_share_the_wrong_alarms_out() -> None:
    alone, shared = (power(PANEL, 40, 5, Aim(effect=8, comparisons=n)) for n in (1, 4))
    assert shared < alone - 0.1


def test_what_is_planned_for_one_of_several_comparisons_is_how_the_first_is_decided() -> None:
    """Planned by Bonferroni, decided by Holm: its first step is the same."""
    one = VoteCount("", "builder", "mock/one", "p1", "", 0, 1)
    tools = [replace(one, tool=f"tool-{at}") for at in range(7)]
    base, moved = frame_of("a", tools), frame_of("b", [replace(each, ships=1) for each in tools])
    found, same = compare(base, moved), compare(base, base)
    assert found.p == 2 / 2**7
    for many in (2, 3, 4, 5):
        decided = family([found, *[same] * (many - 1)])[0]
        assert decided.shown == (found.p <= Aim(comparisons=many).alpha) == (many <= 3)


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("design", "near"),
    [
        (Design(600, 5), 0.12),
        (Design(400, 5, (0.0, 0.5)), 0.12),
        (Design(1500, 1, (0.0, 0.5)), 0.3),
    ],
)
def test_a_pilot_gives_back_the_spread_it_was_drawn_from(design: Design, near: float) -> None:
    panel = components(pilot(design))
    assert panel.tool == pytest.approx(TOOL, abs=near)
    assert panel.cell == pytest.approx(CELL, abs=near)
    assert panel.reaction == pytest.approx(ARM, abs=near)
    assert panel.assumed == (len(design.shifts) == 1)
    assert components(pilot(design), reaction=0.1).reaction == pytest.approx(0.1)


def test_models_and_prompts_are_arms_of_a_pilot_too() -> None:
    both = pilot(Design(300, 3, (0.0, 0.5)))
    models = [replace(row, model=f"mock/{row.arm}", arm="") for row in both.rows]
    assert components(frame_of("two models", models)) == components(both)


def test_what_a_pilot_cannot_say_is_refused() -> None:
    with pytest.raises(UsageError, match=r"one answer to each question.*--repeats 2"):
        components(pilot(Design(40, 1)))
    alone = [VoteCount(f"t{at}", "builder", "m", "p", "", at % 3, 2 - at % 3) for at in range(9)]
    with pytest.raises(UsageError, match="one persona with votes"):
        components(frame_of("alone", alone))
    with pytest.raises(UsageError, match="5 tool"):
        power(PANEL, 5, 1, Aim(effect=5))
    with pytest.raises(UsageError, match="out of reach"):
        power(PANEL, 40, 1, Aim(effect=60))


def test_a_panel_that_always_says_the_same_has_a_spread_all_the_same() -> None:
    rows = [VoteCount(f"t{at}", who, "m", "p", "", 3, 0) for at in range(9) for who in "abcd"]
    panel = components(frame_of("all ship", rows))
    assert panel.mean() > 0.9
    assert 0 <= power(panel, 20, 2, Aim(effect=-20)) <= 1


@pytest.mark.slow
def test_the_ways_to_spend_calls_are_ranked_and_stay_within_the_budget() -> None:
    found = designs(PANEL, Budget(1600), Aim(effect=8))
    assert [each.power for each in found] == sorted((e.power for e in found), reverse=True)
    assert found[0].repeats == 1 and found[0].tools == 200  # tools buy more than repeats
    assert all(each.calls <= 1600 and each.tools >= 6 for each in found)
    assert {each.tools * each.repeats * 8 for each in found} <= set(range(1400, 1601))
    with pytest.raises(UsageError, match="6 tools take 48"):
        designs(PANEL, Budget(40), Aim(effect=8))


@pytest.mark.slow
def test_only_the_answers_that_are_there_cost_nothing() -> None:
    budget = Budget(1600, tools=40, asked=2)
    # 4 personas: 40 tools once need the second arm alone, and every further tool both arms.
    assert [budget.cost(4, tools, 1) for tools in (10, 40, 50)] == [40, 160, 240]
    # A third repeat is asked of both arms.
    assert [budget.cost(4, 40, repeats) for repeats in (1, 2, 3)] == [160, 320, 640]
    found = designs(PANEL, budget, Aim(effect=8))
    assert max(each.tools for each in found) == 220  # (1600 - 160) / 8 more than 40
    assert all(each.calls == budget.cost(4, each.tools, each.repeats) for each in found)
    assert (40, 6) in {(each.tools, each.repeats) for each in found}


@pytest.mark.slow
@pytest.mark.parametrize("aim", [Aim(effect=8), Aim(margin=10)])
def test_it_is_said_what_a_power_of_080_takes(aim: Aim) -> None:
    found = enough(PANEL, Budget(100, tools=40), aim)
    for each in (found.more_tools, found.more_repeats):
        assert each is not None and each.calls == 8 * each.tools * each.repeats
        assert power(PANEL, each.tools, each.repeats, aim) == pytest.approx(0.8, abs=0.07)
    assert found.more_tools is not None and found.more_tools.repeats == 1
    assert found.more_repeats is not None and found.more_repeats.tools == 40


@pytest.mark.slow
def test_repeats_alone_cannot_reach_every_power() -> None:
    assert enough(PANEL, Budget(100, tools=8), Aim(margin=4)).more_repeats is None
