"""Asks an endpoint about many takes at once: how probable "ship" is, given each of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from panel.cells.journal import JournalWriter
from panel.cells.lines import Reading, ShownTake
from panel.endpoint.allowance import OverBudget
from panel.endpoint.client import Client
from panel.endpoint.decision_api import FORMS, FormSearch
from panel.endpoint.embedded import Served
from panel.endpoint.faults import Fault
from panel.endpoint.health import EndpointHealth
from panel.endpoint.limits import Budget, ConcurrencyLimiter
from panel.endpoint.memory import Memory
from panel.endpoint.patience import MustWait, Patience
from panel.endpoint.servers import STARTS, Server
from panel.endpoint.take_reader import TakeReader
from panel.engines.base import NO_BUDGET, RunBudget, RunStats
from panel.engines.commits import GroupCommit
from panel.engines.opening import EMBEDDED, in_flight_kept, interruptible, opened_endpoint
from panel.errors import PanelError
from panel.workspace.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class ReadingJob:
    """Takes in asking order, their endpoint and the run's journal; the rest as of a ``Job``."""

    takes: Sequence[ShownTake]
    endpoint: Endpoint
    writer: JournalWriter
    progress: Callable[[RunStats], None]
    notice: Callable[[str], None]
    memory: Path
    budget: RunBudget = NO_BUDGET


def read_takes(job: ReadingJob) -> RunStats:
    """Ask about every take, journal every request, and return the counts.

    In them, ships and skips are the takes with "ship" the more and the less probable, abstains
    those that the server would say nothing of. The first take goes alone, so that a server
    without ``/v1/decisions`` is asked once. Ctrl-C as in ``local.ask_all``. Raises EndpointError,
    JournalError.
    """
    with opened_endpoint(job.endpoint) as served:
        return asyncio.run(_Readings(job).go(served))


class _Readings:
    """One job under way."""

    def __init__(self, job: ReadingJob) -> None:
        endpoint = job.endpoint
        self._job = job
        self._stats = RunStats()
        self._takes = deque(job.takes)
        self._commits = GroupCommit(job.writer)
        self._health = EndpointHealth(
            endpoint.attempts,
            loading_seconds=endpoint.timeout_seconds,
            cells=len(job.takes),
            tools=len({take.pair[0] for take in job.takes}),
        )
        self._limiter = ConcurrencyLimiter(1)
        self._workers: list[asyncio.Task[None]] = []
        self._led = asyncio.Event()  # the server has taken a form of request
        self._halt = asyncio.Event()

    async def go(self, served: Served) -> RunStats:
        endpoint, memory = self._job.endpoint, Memory(self._job.memory)
        async with Client(served.base_url, served.key, endpoint) as client:
            with interruptible(self._interrupt):
                server = EMBEDDED if endpoint.embedded else await memory.recognise(client, endpoint)
                profile = memory.recall(endpoint, server)
                reader = self._reader(client, server, profile.decisions)
                ended = await self._ask(reader)
            await self._commits.close()
        if reader.search.settled and profile.decisions != reader.search.form:
            profile.decisions = reader.search.form
            memory.keep(endpoint, server, profile)
        self._stats.server, self._stats.server_version = server.name, server.version
        self._stats.concurrency = self._limiter.history
        for end in ended:
            if isinstance(end, Exception):
                raise end
        return self._stats

    def _reader(self, client: Client, server: Server, known: str) -> TakeReader:
        job, endpoint = self._job, self._job.endpoint
        self._limiter = ConcurrencyLimiter(
            endpoint.concurrency,
            STARTS.get(server.name, 2),
            endpoint.rpm,
            endpoint.tpm,
            alone=True,
            longest=endpoint.longest_wait_seconds,
        )
        form = known if known in FORMS else None
        return TakeReader(
            client,
            endpoint,
            Patience(endpoint.name, self._limiter, self._health, self._pause, job.notice),
            FormSearch(form, server.name),
            Budget(job.budget.max_calls, job.budget.max_tokens, job.budget.max_cost),
        )

    async def _ask(self, reader: TakeReader) -> list[BaseException | None]:
        many = self._job.endpoint.concurrency
        self._workers = [asyncio.create_task(self._work(reader, n)) for n in range(many)]
        for worker in self._workers:
            worker.add_done_callback(lambda _worker: self._led.set())
        return await asyncio.gather(*self._workers, return_exceptions=True)

    async def _work(self, reader: TakeReader, number: int) -> None:
        if number:
            await self._led.wait()
        while self._takes and not self._halt.is_set():
            try:
                reading, fault = await reader.read(self._takes.popleft(), self._record)
            except OverBudget:
                self._stop("budget", f"{reader.budget.exceeded} is reached")
                return
            except MustWait as asked:
                self._stop("endpoint", asked.fault.sentence())
                return
            except PanelError as error:
                self._stop("journal", str(error))
                raise
            if reader.search.settled:
                self._led.set()
            self._count(reading, fault)

    async def _record(self, reading: Reading) -> None:
        await self._commits.append(reading.line())
        stats = self._stats
        stats.requests += 1
        stats.prompt_tokens += reading.prompt_tokens or 0
        stats.completion_tokens += reading.completion_tokens or 0
        stats.cached_tokens += reading.cached_tokens or 0
        stats.cost_usd += reading.cost_usd or 0
        stats.models |= {reading.returned_model} if reading.returned_model else set()

    def _count(self, reading: Reading, fault: Fault | None) -> None:
        stats = self._stats
        stats.asked += 1
        if reading.p_ship is not None:
            stats.count("verdict", "ship" if reading.p_ship > 0.5 else "skip", None)
        elif reading.final:
            stats.count("abstain", None, reading.reason)
        else:
            stats.count("error", None, reading.reason)
        if fault is not None and fault.action == "stop":
            self._stop("endpoint", fault.sentence())
        self._job.progress(stats)

    async def _pause(self, seconds: float) -> None:
        """Wait before a retry; once the run is stopped, leave the take for the next run."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._halt.wait(), seconds)
            raise asyncio.CancelledError

    def _stop(self, stopped: str, why: str) -> None:
        if self._stats.stopped is None:
            self._stats.stopped, self._stats.why = stopped, why
            self._close()

    def _close(self) -> None:
        """Send away whoever waits."""
        self._halt.set()
        self._limiter.close()
        self._led.set()

    def _interrupt(self) -> None:
        if self._stats.stopped == "interrupted":
            for worker in self._workers:
                worker.cancel()
            return
        self._stats.stopped = "interrupted"
        self._close()
        if flying := self._limiter.in_flight:
            self._job.notice(in_flight_kept(flying))
