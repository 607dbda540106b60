"""Two sets of votes: the difference, what decides, what noise makes, whose change it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from panel.errors import UsageError
from panel.research.canaries import split
from panel.research.flips import expected_flips
from panel.research.frame import Frame, VoteCount, frame_of
from panel.research.paired import compare, family
from panel.research.shifts import equivalence, shift
from panel.stats.paired import sign_flip
from tests.support.reference import EXACT, REFERENCE
from tests.support.simulated_panels import Design, frame_of_panel, simulate

TRUTH = REFERENCE["simulated_truth"]
CATALOGS = 2000


def votes(source: str, *shares: tuple[int, int]) -> Frame:
    """Make a frame of one persona: (ships, votes) of each tool."""
    return frame_of(
        source,
        [
            VoteCount(f"tool-{at:02}", "builder", "mock/one", "p1", "", ships, n - ships)
            for at, (ships, n) in enumerate(shares)
        ],
    )


def arms(design: Design, catalog: int = 0, seed: int = 1) -> tuple[Frame, Frame]:
    """Return both arms of a simulated catalog as two frames."""
    both = frame_of_panel(simulate(design, catalog + 1, seed), catalog)
    one, other = (
        frame_of(arm, [replace(row, arm="") for row in both.rows if row.arm == arm])
        for arm in ("a", "b")
    )
    return one, other


def test_the_difference_and_its_tests_equal_the_reference() -> None:
    known = REFERENCE["paired_tool_means"]
    a, b = (
        votes(side, *((round(100 * share), 100) for share in known[side])) for side in ("B", "A")
    )
    found = compare(a, b, margin=15)
    assert found.shift.points == pytest.approx(100 * known["mean_difference"], abs=1e-4)
    assert found.shift.n - 1 == known["df"]
    assert found.shift.interval is not None
    ends = [found.shift.interval.low, found.shift.interval.high]
    assert ends == pytest.approx([100 * each for each in known["t_ci"]], abs=1e-4)
    assert found.p == pytest.approx(known["sign_flip_p"], abs=EXACT)
    points = [tool.points for tool in found.tools]
    for margin, p in known["tost_p_by_margin"].items():
        assert equivalence(points, 100 * float(margin)).p == pytest.approx(p, abs=EXACT)
    assert found.equivalence is not None and not found.equivalence.shown


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize("size", sorted(TRUTH["type_one_a_vs_b"]["rows"]))
def test_the_deciding_test_rejects_as_often_as_it_may_where_nothing_differs(size: str) -> None:
    tools, repeats = map(int, size.split("x"))
    share = rejected(Design(tools, repeats, (0.0, 0.0)))
    assert share <= 0.06
    assert share == pytest.approx(TRUTH["type_one_a_vs_b"]["rows"][size]["sign_flip"], abs=0.015)


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize("case", sorted(TRUTH["power_a_vs_b"]))
def test_the_deciding_test_has_the_power_of_the_reference(case: str) -> None:
    size, _, logits = case.partition(" shift logit ")
    tools, repeats = map(int, size.split("x"))
    share = rejected(Design(tools, repeats, (0.0, float(logits))))
    assert share == pytest.approx(TRUTH["power_a_vs_b"][case]["sign_flip"], abs=0.015)


@pytest.mark.sample(2)
@pytest.mark.parametrize("size", ["40x1", "40x5", "100x5"])
@pytest.mark.parametrize("at", ["no_difference", "at_margin"])
def test_unchanged_is_declared_as_often_as_in_the_reference(size: str, at: str) -> None:
    known = TRUTH["equivalence_margin_10pp"]
    tools, repeats = map(int, size.split("x"))
    logits = known["logit_shift_at_margin"] if at == "at_margin" else 0.0
    means = simulate(Design(tools, repeats, (0.0, logits)), CATALOGS).tool_means
    points = 100 * (means[:, :, 1] - means[:, :, 0])
    share = np.mean([equivalence(list(map(float, each)), 10).shown for each in points])
    assert share == pytest.approx(known["P(declared unchanged)"][size][at], abs=0.015)


def rejected(design: Design) -> float:
    """Return the share of catalogs in which the sign-flip test sees a difference."""
    ships = simulate(design, CATALOGS).ships.sum(axis=3)
    return float(
        np.mean([sign_flip(list(map(int, d))).p <= 0.05 for d in ships[:, :, 1] - ships[:, :, 0]])
    )


def test_fewer_than_six_tools_are_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match=r"5 tools in common.* 2/32 = 0.0625"):
        compare(votes("a", *[(0, 1)] * 5), votes("b", *[(1, 1)] * 5))
    with pytest.raises(UsageError, match=r"0 tools in common"):
        compare(votes("a", *[(0, 0)] * 7), votes("b", *[(1, 1)] * 7))
    assert compare(votes("a", *[(0, 1)] * 6), votes("b", *[(1, 1)] * 6)).shown


def test_a_test_that_shows_nothing_is_not_called_no_difference() -> None:
    same = [(1, 2)] * 8
    said = compare(votes("a", *same), votes("b", *same)).sentence
    assert said.startswith("Not shown: that b and a differ (sign-flip p = 1.000")
    assert "no sign that they are the same" in said
    moved = [(51, 100)] * 4 + [(50, 100)] * 4
    within = compare(votes("a", *[(50, 100)] * 8), votes("b", *moved), margin=5)
    assert within.sentence.endswith("Shown: unchanged within ±5 points (TOST p < 0.001).")


def test_tools_that_all_moved_by_the_same_have_no_interval_and_are_not_called_unchanged() -> None:
    found = compare(votes("a", *[(1, 1)] * 8), votes("b", *[(1, 1)] * 8), margin=5)
    assert (found.shift.points, found.shift.interval) == (0, None)
    assert found.equivalence is not None
    assert (found.equivalence.p, found.equivalence.shown) == (None, False)
    assert "Not estimable: unchanged within ±5 points" in found.sentence
    parts = split(found, ["tool-00", "tool-01", "tool-02"])
    assert parts is not None and parts.rest.interval is None
    assert "not estimable" in parts.sentence


def test_what_a_family_of_comparisons_shows_is_what_holm_leaves_of_it() -> None:
    # Of six tools that all moved p is 2/64; of seven 2/128.
    weak, strong = (
        compare(votes("a", *[(0, 1)] * n), votes(f"b{n}", *[(1, 1)] * n), margin=5) for n in (6, 7)
    )
    nothing = compare(votes("a", *[(50, 100)] * 7), votes("c", *[(50, 100)] * 6, (51, 100)), 5)
    assert weak.shown and strong.shown
    assert nothing.equivalence is not None and nothing.equivalence.shown
    first, second, third = family([weak, strong, nothing])
    assert [each.holm and each.holm.p for each in (first, second, third)] == [4 / 64, 6 / 128, 1.0]
    assert (first.shown, second.shown, third.shown) == (False, True, False)
    assert first.sentence.startswith(
        "Not shown: that b6 and a differ (sign-flip p = 0.031; p = 0.062 by Holm over 3 comparisons"
    )
    assert (first.p, first.shift) == (weak.p, weak.shift)  # what is estimated stays as it is
    # One TOST is estimable, and so it is alone in its family.
    assert third.equivalence is not None and third.equivalence.holm is not None
    assert (third.equivalence.holm.p, third.equivalence.holm.of) == (nothing.equivalence.p, 1)


def test_margins_are_a_family_of_their_own() -> None:
    a = votes("a", *[(50, 100)] * 6)
    moved = [(50, 100), (52, 100), (51, 100), (49, 100), (50, 100), (53, 100)]
    near = compare(a, votes("b", *moved), margin=2.2)
    assert near.equivalence is not None and near.equivalence.p is not None
    assert near.equivalence.p == pytest.approx(0.04, abs=0.01)
    assert near.equivalence.shown
    for both in family([near, near]), family([near], to_come=[2.2]):
        same = both[0].equivalence
        assert same is not None and same.holm is not None and same.holm.of == 2
        assert same.holm.p == pytest.approx(2 * near.equivalence.p) and not same.shown
        assert "by Holm over 2 comparisons)" in same.sentence
    [other] = family([near], to_come=[None])  # it counts among the differences alone
    assert other.holm is not None and other.holm.of == 2
    assert other.equivalence is not None and other.equivalence.shown


def test_a_comparison_that_is_alone_in_its_family_is_decided_as_one_of_its_own() -> None:
    alone = compare(votes("a", *[(0, 1)] * 6), votes("b", *[(1, 1)] * 6))
    [decided] = family([alone])
    assert decided.shown and decided.sentence == alone.sentence
    assert family([]) == []
    same = compare(votes("a", *[(1, 2)] * 6), votes("b", *[(1, 2)] * 6))
    assert "--margin POINTS tests that" in same.sentence
    assert "margin in its [[compare]] table tests that" in family([same])[0].sentence


def test_what_is_expected_is_tested_on_one_side_alone() -> None:
    less, more = votes("a", *[(0, 1)] * 6, (1, 1)), votes("b", *[(1, 1)] * 7)
    assert compare(less, more, expect="more").p == 1 / 64
    wrong = compare(less, more, expect="fewer")
    assert (wrong.p, wrong.shown) == (1.0, False)
    assert wrong.sentence.startswith("Not shown: that b ships less often than a")


def test_only_what_both_sides_voted_on_is_compared_and_the_rest_is_named() -> None:
    a = votes("a", *[(1, 1)] * 8)
    extra = VoteCount("tool-00", "skeptic", "mock/one", "p1", "", 0, 1)
    silent = VoteCount("tool-09", "builder", "mock/one", "p1", "", 0, 0, 1)
    other = VoteCount("tool-07", "skeptic", "mock/one", "p1", "", 1, 0)
    b = frame_of("b", [*votes("b", *[(1, 1)] * 7).rows, extra, silent, other])
    found = compare(a, b)
    assert [tool.tool for tool in found.tools] == [f"tool-{at:02}" for at in range(7)]
    assert found.left_out == {
        "tool-07": "no persona voted on both sides",
        "tool-09": "no vote in a and b",
    }
    assert found.cells_left_out == 1
    assert found.tools[0].b == 100  # the skeptic of one side alone has no part


def test_flips_are_of_majorities_and_ties_have_none() -> None:
    a = votes("a", (4, 4), (4, 4), (2, 4), (0, 4), (4, 4), (4, 4), (4, 4))
    b = votes("b", (0, 4), (3, 4), (0, 4), (4, 4), (4, 4), (4, 4), (4, 4))
    found = compare(a, b)
    assert [tool.tool for tool in found.flips] == ["tool-00", "tool-03"]
    assert (found.cells.n, found.cells.to_skip, found.cells.to_ship) == (6, 1, 1)
    assert found.tools[0].p == pytest.approx(1 / 35)
    assert found.tools[0].q == pytest.approx(7 / 2 / 35)


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("repeats", [3, 5, 11])
def test_the_flips_that_noise_makes_are_those_of_two_equal_panels(repeats: int) -> None:
    noise = expected_flips(compare(*arms(Design(300, repeats, (0.0, 0.0)))))
    assert noise is not None
    known = TRUTH["null_flip_share_of_majorities"][str(repeats)]
    assert noise.cells / 1200 == pytest.approx(known, abs=0.02)
    assert noise.of == ("a", "b")
    drawn = simulate(Design(300, repeats, (0.0, 0.0), arm_by_tool=0.0), 40)
    panels = np.sign(np.round(drawn.tool_means - 0.5, 9))
    flips = (panels[:, :, 0] * panels[:, :, 1] < 0).sum(axis=1)
    assert noise.tools == pytest.approx(flips.mean(), rel=0.12)


def test_the_flips_that_noise_makes_take_repeats() -> None:
    once, often = votes("a", *[(1, 1)] * 8), votes("b", *[(4, 5)] * 8)
    assert expected_flips(compare(once, once)) is None
    noise = expected_flips(compare(once, often))
    assert noise is not None and noise.of == ("b",)
    assert noise.tools_range.low <= noise.tools <= noise.tools_range.high


def test_unchanged_tools_show_the_models_part_of_a_shift() -> None:
    rng = np.random.default_rng(5)
    a = votes("a", *[(50, 100)] * 18)
    moved = [int(each) for each in rng.normal(0, 3, 18).round()]
    b = votes("b", *((60 + m + 20 * (at >= 12), 100) for at, m in enumerate(moved)))
    found = compare(a, b)
    parts = split(found, [f"tool-{at:02}" for at in range(12)])
    assert parts is not None
    assert (len(parts.canaries), parts.changed.n, parts.rest.n) == (12, 6, 6)
    assert parts.model.interval is not None and parts.rest.interval is not None
    assert parts.model.interval.holds(10) and parts.rest.interval.holds(20)
    assert not parts.rest.interval.holds(0)
    assert parts.rest.points == pytest.approx(parts.changed.points - parts.model.points)
    assert parts.sentence == ("A shift of the model is shown; one by the change itself is shown.")


def test_a_single_changed_tool_is_held_against_how_much_unchanged_ones_vary() -> None:
    a = votes("a", *[(50, 100)] * 13)
    b = votes("b", *[(45 + 2 * (at % 6), 100) for at in range(12)], (70, 100))
    parts = split(compare(a, b), [f"tool-{at:02}" for at in range(12)])
    assert parts is not None and parts.changed.interval is None
    unchanged = shift([float(-5 + 2 * (at % 6)) for at in range(12)])
    assert parts.rest.points == pytest.approx(20 - unchanged.points)
    assert parts.rest.error == pytest.approx((unchanged.error or 0) * 13**0.5)
    assert "model is not shown; one by the change itself is shown" in parts.sentence


def test_canaries_that_cannot_tell_are_refused() -> None:
    found = compare(votes("a", *[(1, 2)] * 8), votes("b", *[(1, 2)] * 8))
    with pytest.raises(UsageError, match="'tool-99' is not among the tools"):
        split(found, ["tool-99"])
    with pytest.raises(UsageError, match="takes 3"):
        split(found, ["tool-00", "tool-01"])
    assert split(found, []) is None
    assert split(found, [f"tool-{at:02}" for at in range(8)]) is None


def test_the_two_parts_of_a_shift_hold_the_truth_as_often_as_they_say() -> None:
    """Eight unchanged tools and eight that a change moves by 10 points, with noise."""
    rng, held = np.random.default_rng(7), 0
    for _ in range(200):
        moved = rng.normal([5] * 8 + [15] * 8, 6).round()
        b = votes("b", *((50 + int(m), 100) for m in moved))
        parts = split(compare(votes("a", *[(50, 100)] * 16), b), [f"tool-{t:02}" for t in range(8)])
        assert parts is not None and parts.rest.interval is not None
        held += parts.rest.interval.holds(10)
    assert held / 200 == pytest.approx(0.95, abs=0.04)


def test_no_interval_of_a_shift_goes_beyond_a_hundred_points() -> None:
    found = shift([-100.0, -100.0, -100.0, -100.0, -80.0])
    assert found.interval is not None
    assert (found.points, found.interval.low) == (-96, -100)
    assert found.interval.high > -90
