"""A run that is written into a file shows signs of life, and not too many."""

from __future__ import annotations

import pytest

from panel.cli.follow import LINE_SECONDS, lines
from panel.engines.base import RunStats


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
    assert told.err.splitlines() == ["3 of 8 cells asked ...", "6 of 8 cells asked, 1 error ..."]
