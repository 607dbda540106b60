"""The bar that shows on a terminal how a run goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from panel.cli.output import err
from panel.engines.base import RunStats


@contextmanager
def progress_bar(cells: int) -> Iterator[Callable[[RunStats], None]]:
    """Show a bar on stderr while the block runs; it is moved by what is given."""
    columns = (
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[state]}"),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("asking", total=cells, rate="", state="loading")

        def progress(stats: RunStats) -> None:
            speed = bar.tasks[0].speed
            state = f"{stats.ships} ship, {stats.skips} skip"
            if stats.abstains or stats.errors:
                state += f", {stats.abstains} abstained, {stats.errors} errors"
            state += f", {stats.prompt_tokens + stats.completion_tokens:,} tokens"
            rate = f"{speed * 60:.0f}/min" if speed else ""
            total = cells + stats.added
            bar.update(task, completed=stats.asked, total=total, rate=rate, state=state)

        yield progress
