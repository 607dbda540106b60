"""Tells on stderr how a run goes: by a bar on a terminal, else by a line every half minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from panel.cli.output import err, note
from panel.engines.base import RunStats
from panel.runs.run import ProgressReporter
from panel.text import counted, time_left

LINE_SECONDS = 30.0  # between two lines where there is no terminal


@contextmanager
def shown(cells: int, demo: bool = False) -> Iterator[ProgressReporter]:
    """Tell how many cells are asked while the block runs.

    demo: a demo model is asked, of which it is not said how many ship.
    """
    if not (err.is_terminal and cells):
        yield ProgressReporter(lines(cells), note)
        return
    from panel.cli.progress import progress_bar  # noqa: PLC0415 - quick where nothing is asked

    with progress_bar(cells, demo) as progress:
        yield ProgressReporter(progress, note)


def lines(cells: int, clock: Callable[[], float] = time.monotonic) -> Callable[[RunStats], None]:
    """Return what says how far a run is, at most once in LINE_SECONDS of the clock (seconds)."""
    began = said_at = clock()

    def progress(stats: RunStats) -> None:
        nonlocal said_at
        if clock() - said_at < LINE_SECONDS:
            return
        said_at = clock()
        failed = f", {counted(stats.errors, 'error')}" if stats.errors else ""
        total = cells + stats.added
        left = time_left(stats.asked, total, said_at - began)
        note(f"{stats.asked:,} of {counted(total, 'cell')} asked{failed}{left and f', {left}'} ...")

    return progress
