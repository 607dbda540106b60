"""The confidence that answers state, held against the other repeats."""

from __future__ import annotations

import pytest

from panel.research.calibration import Stated, calibrate

pytest.importorskip("scipy")


def test_nothing_is_said_without_a_cell_of_two_votes() -> None:
    assert calibrate([]) is None


def test_the_brier_score_is_that_of_the_textbook() -> None:
    # One answer that says 80 % and has two of four others with it: (2·0.2² + 2·0.8²)/4 = 0.34.
    found = calibrate([Stated("anvil", 80, 1, 0.5)])
    assert found and found.brier == pytest.approx(0.34)
    assert found.base == pytest.approx(0.25)  # of saying the mean, 50 %
    assert found.interval is None  # one tool says nothing of others


def test_a_confidence_that_knows_more_than_the_base_rate_gains_beyond_its_interval() -> None:
    rows = [
        Stated(f"tool-{n}", said, 20, 20 * said / 100 + shift * (said - 75) / 20)
        for n, shift in enumerate((-1, 0, 1, -1, 0, 1))
        for said in (55, 95)
    ]
    found = calibrate(rows)
    assert found and found.interval and found.interval.low > 0 and found.brier < found.base
    assert [(each.low, each.answers, each.tools) for each in found.bins] == [
        (50, 120, 6),
        (90, 120, 6),
    ]
    assert found.bins[0].seen == pytest.approx(55)


def test_a_confidence_that_is_always_100_loses_where_answers_flip() -> None:
    rows = [Stated(f"tool-{n}", 100, 10, 5 + n % 2) for n in range(6)]
    found = calibrate(rows)
    assert found and found.interval and found.interval.high < 0
    assert found.bins[-1].low == 90


def test_tools_that_all_say_the_same_have_no_interval_of_no_width() -> None:
    found = calibrate([Stated(f"tool-{n}", 90, 4, 4) for n in range(6)])
    assert found and found.bins[0].seen == 100 and found.bins[0].interval is None
