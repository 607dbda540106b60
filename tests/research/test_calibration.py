"""The confidence that answers state, drawn against their cell's other repeats."""

from __future__ import annotations

import pytest

from panel.research.calibration import stated_and_seen
from panel.stats.calibration import Repeats

pytest.importorskip("scipy")


def test_nothing_is_drawn_without_a_cell_of_two_votes() -> None:
    assert stated_and_seen([Repeats("anvil", (0.8,), (1,))]) == ()


def test_an_answer_is_held_against_the_other_votes_of_its_cell() -> None:
    # Two ships sure of 80 %, one skip sure of 95 %: each ship has one of two others with it.
    [ships, skip] = stated_and_seen([Repeats("anvil", (0.8, 0.8, 0.05), (1, 1, 0))])
    assert (ships.low, ships.answers, ships.stated, ships.seen) == (80, 2, 80, 50)
    assert (skip.low, skip.answers, skip.stated, skip.seen) == (90, 1, 95, 0)
    assert ships.interval is None  # one tool says nothing of others


def test_tools_weigh_the_same_however_many_answers_they_have() -> None:
    rows = [Repeats("anvil", (0.9,) * 8, (1,) * 8), Repeats("bellows", (0.9, 0.4), (1, 0))]
    [low, high] = stated_and_seen(rows)
    assert (low.low, low.seen) == (60, 0)
    assert (high.tools, high.answers, high.seen) == (2, 9, 50)


def test_tools_that_are_all_equal_have_no_interval_of_no_width() -> None:
    equal = [Repeats(f"tool-{n}", (0.9, 0.9), (1, 1)) for n in range(6)]
    assert stated_and_seen(equal)[0].interval is None
    apart = [*equal, Repeats("other", (0.9, 0.1), (1, 0))]
    interval = stated_and_seen(apart)[0].interval
    assert interval and 0 <= interval.low < 600 / 7 < interval.high == 100


def test_a_confidence_of_100_is_in_the_last_range() -> None:
    [found] = stated_and_seen([Repeats("anvil", (1.0, 1.0), (1, 1))])
    assert (found.low, found.seen) == (90, 100)
