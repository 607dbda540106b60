"""A run that is written into a file shows signs of life, and not too many."""

from __future__ import annotations

import pytest

from panel.cli.follow import LINE_SECONDS, lines
from panel.engines.base import RunStats
from panel.text import time_left


def test_without_a_terminal_a_line_every_half_minute_says_how_far_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    progress = lines(8, lambda: now)
    for asked in range(1, 9):
        now += LINE_SECONDS / 3
        progress(RunStats(asked=asked, errors=asked == 6))
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "3 of 8 cells asked, about 50 s left ...",
        "6 of 8 cells asked, 1 error, about 20 s left ...",
    ]


@pytest.mark.parametrize(
    ("asked", "of", "seconds", "said"),
    [
        (0, 8, 600.0, ""),
        (2, 8, 80.0, "about 4 min left"),
        (2, 16, 80.0, "about 9 min left"),
        (1, 8, 3600.0, "about 7 h left"),
        (7, 8, 686.0, "about 2 min left"),
        (7, 8, 420.0, "about 1 min left"),
        (7, 8, 385.0, "about 55 s left"),
        (8, 8, 80.0, ""),
    ],
)
def test_the_time_left_is_told_by_the_mean_so_far(
    asked: int, of: int, seconds: float, said: str
) -> None:
    """Nothing is said before the first answer, and nothing after the last."""
    assert time_left(asked, of, seconds) == said
