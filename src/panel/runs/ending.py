"""How a run ends: the last line of its journal, and the word for what ended it early."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from panel.cells.journal import JournalWriter
from panel.cells.lines import end_line
from panel.engines.base import RunStats
from panel.errors import EndpointError, JournalError, PanelError


@dataclass(slots=True)
class Ending:
    """Ends a run's journal with its block, whatever ends that; an interrupt ends the run alone.

    stats: what was counted until then.
    """

    writer: JournalWriter
    stats: RunStats = field(default_factory=RunStats)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> bool:
        if error is not None:
            self.stats.stopped = stopped_by(error)
        end_run(self.writer, self.stats)
        return isinstance(error, KeyboardInterrupt)


def stopped_by(error: BaseException) -> str:
    """Return the word for what ended a run early."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, JournalError):
        return "journal"
    return "endpoint" if isinstance(error, EndpointError) else "error"


def end_run(writer: JournalWriter, stats: RunStats) -> None:
    """Write the last line of a journal that was begun, and close it."""
    line = end_line(
        stats.stopped,
        server=stats.server or None,
        server_version=stats.server_version,
        output_mode=stats.output_mode or None,
        concurrency=stats.concurrency,
    )
    try:
        if writer.started:
            writer.append(line)
    except PanelError:
        pass  # the reason the run ends with is already on its way up; the views show "cut off"
    finally:
        writer.close()
