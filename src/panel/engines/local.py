"""The local engine: one process, asyncio, as many cells in flight as the endpoint takes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from panel.endpoint import detect
from panel.endpoint.client import Client
from panel.endpoint.detect import Diagnosis
from panel.endpoint.embedded import Served, serve
from panel.endpoint.ladder import Ladder, Settled
from panel.engines import Job, Tallies
from panel.errors import PanelError
from panel.journal import Attempt, JournalWriter, Recorder
from panel.settings import Endpoint

CHECKPOINT_SECONDS = 5.0


def ask_all(job: Job) -> Tallies:
    """Ask every cell, journal every attempt; see Engine.ask_all.

    The first Ctrl-C (or SIGTERM) lets the calls in flight finish, since they are paid
    for; the second drops them. Raises EndpointError, JournalError.
    """
    with _opened(job.endpoint) as served:
        return asyncio.run(_Run(job).go(served))


def diagnose(endpoint: Endpoint) -> Diagnosis:
    """Look at one endpoint; starts the embedded one if that is it. Raises EndpointError."""

    async def look(served: Served) -> Diagnosis:
        async with Client(served.base_url, served.key, endpoint) as client:
            return await detect.diagnose(client, endpoint)

    with _opened(endpoint) as served:
        return asyncio.run(look(served))


@contextmanager
def _opened(endpoint: Endpoint) -> Iterator[Served]:
    if endpoint.embedded:
        with serve(endpoint) as served:
            yield served
    else:
        assert endpoint.base_url is not None
        yield Served(endpoint.base_url, endpoint.api_key() or "")


class _Commits:
    """Writes journal lines in groups: one fsync serves every attempt that waits for it."""

    def __init__(self, writer: JournalWriter) -> None:
        self._writer = writer
        self._buffer = bytearray()
        self._waiting: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None

    async def append(self, lines: bytes) -> None:
        """Return once the lines are on disk; raises JournalError when they cannot be."""
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
            failure: Exception | None = None
            try:
                await asyncio.to_thread(self._writer.append, lines)
            except PanelError as error:
                failure = error
            for done in waiting:
                if done.done():  # its worker was dropped; the lines are on disk all the same
                    continue
                if failure is None:
                    done.set_result(None)
                else:
                    done.set_exception(failure)

    async def close(self) -> None:
        """Wait until everything handed over is on disk."""
        if self._task is not None:
            await self._task


class _Run:
    """One job under way."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._tallies = Tallies()
        self._cells = iter(job.cells)
        self._recorder = Recorder(job.writer.run_id)
        self._commits = _Commits(job.writer)
        self._workers: list[asyncio.Task[None]] = []
        self._in_flight = 0
        self._led = asyncio.Event()  # the first request has been answered
        self._halt = asyncio.Event()

    async def go(self, served: Served) -> Tallies:
        async with Client(served.base_url, served.key, self._job.endpoint) as client:
            ladder = Ladder(client, self._job.endpoint, self._job.prompts, pause=self._pause)
            checkpoints = asyncio.create_task(self._checkpoints())
            with self._signals():
                many = min(self._job.endpoint.concurrency, len(self._job.cells))
                self._workers = [asyncio.create_task(self._work(ladder, n)) for n in range(many)]
                ended = await asyncio.gather(*self._workers, return_exceptions=True)
            checkpoints.cancel()
            # What a checkpoint failed with, the ingest at the end meets again and says.
            await asyncio.gather(checkpoints, return_exceptions=True)
            await self._commits.close()
        for end in ended:
            if isinstance(end, Exception):
                raise end
        return self._tallies

    async def _work(self, ladder: Ladder, number: int) -> None:
        # One request goes ahead of the rest: a refused schema or key is refused only once,
        # and a server that keeps prompt prefixes has this one ready for the others.
        if number:
            await self._led.wait()
        while self._tallies.stopped is None:
            cell = next(self._cells, None)
            if cell is None:
                return
            self._in_flight += 1
            try:
                settled = await ladder.settle(cell, self._record)
            except PanelError as error:
                self._stop("journal", str(error))
                raise
            finally:
                self._in_flight -= 1
                self._led.set()
            self._count(settled, ladder)

    async def _record(self, attempt: Attempt) -> None:
        await self._commits.append(self._recorder.attempt_lines(attempt))
        if not attempt.final:
            self._led.set()

    async def _pause(self, seconds: float) -> None:
        """Wait before a retry; once the run is stopped, the cell is left for the next run."""
        self._in_flight -= 1
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._halt.wait(), seconds)
                raise asyncio.CancelledError
        finally:
            self._in_flight += 1

    def _count(self, settled: Settled, ladder: Ladder) -> None:
        tallies, usage = self._tallies, ladder.usage
        tallies.asked += 1
        tallies.abstains += settled.outcome == "abstain"
        tallies.errors += settled.outcome == "error"
        if settled.verdict is not None:
            tallies.ships += settled.verdict.verdict == "ship"
            tallies.skips += settled.verdict.verdict == "skip"
        if settled.reason is not None:
            label = f"{settled.outcome}: {settled.reason}"
            tallies.reasons[label] = tallies.reasons.get(label, 0) + 1
        tallies.requests = usage.requests
        tallies.prompt_tokens = usage.prompt_tokens
        tallies.completion_tokens = usage.completion_tokens
        tallies.cached_tokens = usage.cached_tokens
        tallies.rung = ladder.rung
        if settled.stop is not None:
            self._stop("endpoint", f"{settled.stop.label}: {settled.stop.detail}")
        self._job.progress(tallies)

    def _stop(self, stopped: str, why: str) -> None:
        if self._tallies.stopped is None:
            self._tallies.stopped, self._tallies.why = stopped, why
            self._halt.set()

    async def _checkpoints(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            await asyncio.to_thread(self._job.checkpoint)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupt)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _interrupt(self) -> None:
        if self._tallies.stopped == "interrupted":
            for worker in self._workers:
                worker.cancel()
            return
        self._tallies.stopped = "interrupted"
        self._halt.set()
        if self._in_flight:
            self._job.notice(
                f"Stopping: {self._in_flight} call(s) in flight are paid for and will be kept. "
                "Ctrl-C again drops them."
            )
