"""The bars that show on a terminal how a run or a download goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from panel.cli.output import err
from panel.engines.base import RunStats
from panel.text import counted, time_left


@contextmanager
def progress_bar(cells: int, demo: bool = False) -> Iterator[Callable[[RunStats], None]]:
    """Show a bar on stderr while the block runs; it is moved by what is given."""
    columns = (
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[state]}"),
    )
    began = time.monotonic()
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("asking", total=cells, rate="", left="", state="loading")

        def progress(stats: RunStats) -> None:
            seconds = time.monotonic() - began
            state = f"{stats.ships} ship, {stats.skips} skip"
            if demo:
                state = counted(stats.ships + stats.skips, "demo verdict")
            if stats.abstains or stats.errors:
                state += f", {stats.abstains} abstained, {counted(stats.errors, 'error')}"
            state += f", {counted(stats.prompt_tokens + stats.completion_tokens, 'token')}"
            rate = f"{60 * stats.asked / seconds:.1f}/min" if stats.asked and seconds else ""
            total = cells + stats.added
            left = time_left(stats.asked, total, seconds)
            bar.update(task, completed=stats.asked, total=total, rate=rate, left=left, state=state)

        yield progress


@contextmanager
def download_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr while the block runs; it is given the bytes here, of how many."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(name, total=None)

        def progress(done: int, total: int) -> None:
            if bar.tasks[0].total is None:  # what is here already is not counted into the speed
                bar.reset(task, total=total, completed=done)
            bar.update(task, completed=done)

        yield progress
