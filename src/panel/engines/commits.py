"""Group commits: many attempts that end at once share one fsync."""

from __future__ import annotations

import asyncio

from panel.cells.journal import JournalWriter
from panel.errors import PanelError


class GroupCommit:
    """Appends journal lines in groups: one fsync serves every attempt that waits for it."""

    def __init__(self, writer: JournalWriter) -> None:
        self._writer = writer
        self._buffer = bytearray()
        self._waiting: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._failure: PanelError | None = None

    async def append(self, lines: bytes) -> None:
        """Return once the lines are on disk; raises JournalError when they cannot be written.

        Nothing is written after the first failure: later lines may refer to messages that
        were lost with it.
        """
        if self._failure is not None:
            raise self._failure
        done = asyncio.get_running_loop().create_future()
        self._buffer += lines
        self._waiting.append(done)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        await done

    async def _drain(self) -> None:
        while self._buffer:
            lines, self._buffer = bytes(self._buffer), bytearray()
            waiting, self._waiting = self._waiting, []
            try:
                if self._failure is None:
                    await asyncio.to_thread(self._writer.append, lines)
            except PanelError as error:
                self._failure = error
            for done in waiting:
                if done.done():  # its worker was cancelled; the lines are on disk all the same
                    continue
                if self._failure is None:
                    done.set_result(None)
                else:
                    done.set_exception(self._failure)

    async def close(self) -> None:
        """Wait until everything handed over is on disk."""
        if self._task is not None:
            await self._task
