"""The local engine: one process, asyncio, as many cells in flight as the endpoint can serve."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from panel.cells.cells import Cell
from panel.cells.journal import utc_now
from panel.cells.lines import Attempt
from panel.endpoint import detect
from panel.endpoint.allowance import OverBudget
from panel.endpoint.cell_runner import CellRunner, Settled
from panel.endpoint.client import Client, CompletionClient
from panel.endpoint.detect import Diagnosis
from panel.endpoint.embedded import Served
from panel.endpoint.faults import REFUSALS, Fault
from panel.endpoint.health import EndpointHealth
from panel.endpoint.limits import Budget, ConcurrencyLimiter
from panel.endpoint.memory import Memory
from panel.endpoint.output_modes import RequestProfile
from panel.endpoint.patience import MustWait, Patience
from panel.endpoint.prompt_counts import PromptCounts
from panel.endpoint.recording import RecordingClient, ReplayClient
from panel.endpoint.servers import STARTS, Server, listed_models
from panel.engines.base import Job, RunStats
from panel.engines.commits import GroupCommit
from panel.engines.opening import EMBEDDED, in_flight_kept, interruptible, opened_endpoint
from panel.engines.queue import CellQueue
from panel.errors import PanelError
from panel.workspace.endpoints import Endpoint

CHECKPOINT_SECONDS = 5.0
MODELS_SHOWN = 12


def ask_all(job: Job) -> RunStats:
    """Ask every cell, journal every attempt; see Engine.ask_all.

    The first Ctrl-C (or SIGTERM) lets the calls in flight finish, since they are paid
    for. The second drops them. Raises EndpointError, JournalError.
    """
    if job.replay is not None:
        return asyncio.run(_Run(job).replay(ReplayClient(job.replay)))
    with opened_endpoint(job.endpoint) as served:
        return asyncio.run(_Run(job).go(served))


def diagnose(endpoint: Endpoint, memory: Path) -> Diagnosis:
    """Diagnose one endpoint; see Engine.diagnose. Raises EndpointError."""

    async def look(served: Served) -> Diagnosis:
        async with Client(served.base_url, served.key, endpoint) as client:
            found, profile = await detect.diagnose(client, endpoint)
        if found.output_mode is not None:
            server = Server(found.server, found.version, seen_at=utc_now())
            server = EMBEDDED if endpoint.embedded else server
            Memory(memory).keep(endpoint, server, profile)
        return found

    with opened_endpoint(endpoint) as served:
        return asyncio.run(look(served))


async def _models_there(client: Client) -> str:
    """Return a sentence that names the models of the server, "" where it lists none."""
    models = await listed_models(client)
    if not models:
        return ""
    more = len(models) - MODELS_SHOWN
    names = ", ".join(models[:MODELS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f". Models there: {names}"


class _Run:
    """One job under way."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._stats = RunStats()
        self._queue = CellQueue(job.cells)
        self._recorder = job.recorder
        self._commits = GroupCommit(job.writer)
        self._workers: list[asyncio.Task[None]] = []
        self._limiter = ConcurrencyLimiter(1)
        self._health = EndpointHealth(job.endpoint.attempts, job.endpoint.timeout_seconds)
        self._fault: Fault | None = None  # what the endpoint was given up for
        self._led = asyncio.Event()  # the model has replied to something
        self._doubted = asyncio.Event()  # the first request failed: a second cell may tell more
        self._halt = asyncio.Event()

    async def go(self, served: Served) -> RunStats:
        endpoint, memory = self._job.endpoint, Memory(self._job.memory)
        async with Client(served.base_url, served.key, endpoint) as client:
            with interruptible(self._interrupt):
                server = EMBEDDED if endpoint.embedded else await memory.recognise(client, endpoint)
                profile = memory.recall(endpoint, server)
                with self._recorded(client, server, profile) as asker:
                    runner = self._runner(asker, server, profile)
                    ended = await self._ask(runner)
            await self._commits.close()
            if self._fault is not None:
                more = await _models_there(client) if self._fault.label == "not_found" else ""
                self._stats.why = self._fault.sentence(more)
        if runner.heard:
            if self._fault is not None:  # it may be another by now: the next run looks again
                server = replace(server, seen_at="")
            memory.keep(endpoint, server, runner.request_profile)
        return self._ended(ended)

    async def replay(self, recording: ReplayClient) -> RunStats:
        """Let a recording answer: nothing is sent, waited for or remembered."""
        with interruptible(self._interrupt):
            runner = self._runner(recording, recording.server, recording.request_profile)
            runner.patience.pause, runner.limiter.holds = self._no_pause, False
            ended = await self._ask(runner)
        await self._commits.close()
        return self._ended(ended)

    def _ended(self, ended: list[BaseException | None]) -> RunStats:
        self._stats.concurrency = self._limiter.history
        for end in ended:
            if isinstance(end, Exception):
                raise end
        return self._stats

    @contextmanager
    def _recorded(
        self, client: Client, server: Server, profile: RequestProfile
    ) -> Iterator[CompletionClient]:
        if self._job.record is None:
            yield client
            return
        recording = RecordingClient(client, self._job.record, server, profile)
        try:
            yield recording
        finally:
            recording.close()

    async def _ask(self, runner: CellRunner) -> list[BaseException | None]:
        """Let the workers ask until no cell is left; return how each of them ended."""
        checkpoints = asyncio.create_task(self._checkpoints())
        # Twice as many as may be in flight: a cell that waits to try again holds no slot.
        many = 2 * self._job.endpoint.concurrency
        self._workers = [asyncio.create_task(self._work(runner, n)) for n in range(many)]
        for worker in self._workers:
            worker.add_done_callback(lambda _worker: self._open())
        ended = await asyncio.gather(*self._workers, return_exceptions=True)
        checkpoints.cancel()
        # The ingest at the end meets the error of a failed checkpoint again, and reports it.
        await asyncio.gather(checkpoints, return_exceptions=True)
        return ended

    def _runner(
        self, client: CompletionClient, server: Server, profile: RequestProfile
    ) -> CellRunner:
        job, endpoint = self._job, self._job.endpoint
        self._limiter = ConcurrencyLimiter(
            endpoint.concurrency,
            STARTS.get(server.name, 2),
            endpoint.rpm,
            endpoint.tpm,
            alone=True,
            longest=endpoint.longest_wait_seconds,
        )
        self._health = EndpointHealth(
            endpoint.attempts,
            loading_seconds=endpoint.timeout_seconds,
            cells=len(job.cells),
            tools=len({cell.tool.slug for cell in job.cells}),
        )
        self._stats.server, self._stats.server_version = server.name, server.version
        budget = Budget(job.budget.max_calls, job.budget.max_tokens, job.budget.max_cost)
        return CellRunner(
            client,
            endpoint,
            Patience(endpoint.name, self._limiter, self._health, self._pause, job.notice),
            profile,
            budget,
            counts=PromptCounts(server.context),
        )

    async def _work(self, runner: CellRunner, number: int) -> None:
        # One cell goes ahead of the rest: a schema or key is then refused only once, and a
        # server that caches prompt prefixes has this one ready for the others. Where it fails, a
        # second one goes along: what one cell meets says little about the endpoint.
        if number:
            await (self._doubted if number == 1 else self._led).wait()
        while await self._queue.more():
            cell = self._queue.take(self._health.suspects)
            try:
                settled = await runner.settle(cell, self._record)
            except OverBudget:
                self._stop("budget", f"{runner.budget.exceeded} is reached")
                return
            except MustWait as asked:
                self._stop_asking(asked.fault)
                return
            except PanelError as error:
                self._stop("journal", str(error))
                raise
            finally:
                self._sum_up(runner)
                self._queue.ended()
            self._count(cell, settled)

    async def _record(self, attempt: Attempt) -> None:
        await self._commits.append(self._recorder.attempt_lines(attempt))
        if not self._health.alone:
            self._open()
        elif not attempt.final and attempt.reason not in REFUSALS:
            self._doubted.set()

    def _open(self) -> None:
        """Let all workers ask."""
        self._led.set()
        self._doubted.set()

    async def _pause(self, seconds: float) -> None:
        """Wait before a retry; once the run is stopped, leave the cell for the next run."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._halt.wait(), seconds)
            raise asyncio.CancelledError

    async def _no_pause(self, _seconds: float) -> None:
        await self._pause(0)

    def _sum_up(self, runner: CellRunner) -> None:
        stats, usage = self._stats, runner.usage
        stats.requests = usage.requests
        stats.prompt_tokens = usage.prompt_tokens
        stats.completion_tokens = usage.completion_tokens
        stats.cached_tokens = usage.cached_tokens
        stats.cost_usd = usage.cost_usd
        stats.degraded = usage.degraded
        stats.miscounted = runner.counts.unbelieved
        stats.models = usage.models
        stats.output_mode = runner.request_profile.output_mode
        stats.adapted = runner.request_profile.adapted()

    def _count(self, cell: Cell, settled: Settled) -> None:
        stats = self._stats
        stats.asked += 1
        if cell.key in self._job.canaries:
            stats.canaries += 1
        else:
            word = settled.verdict.verdict if settled.verdict else None
            stats.count(settled.outcome, word, settled.reason)
            more = self._job.more(cell, settled.outcome, word)
            stats.added += len(more)
            self._queue.add(more)  # before the canaries
        if settled.stop is not None:
            self._stop_asking(settled.stop)
        self._job.progress(stats)

    def _stop_asking(self, fault: Fault) -> None:
        if self._stats.stopped is None:
            self._fault = fault
        self._stop("endpoint", fault.sentence())

    def _stop(self, stopped: str, why: str) -> None:
        if self._stats.stopped is None:
            self._stats.stopped, self._stats.why = stopped, why
            self._close()

    def _close(self) -> None:
        """Send away whoever waits."""
        self._halt.set()
        self._queue.close()
        self._limiter.close()
        self._open()

    async def _checkpoints(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            await asyncio.to_thread(self._job.checkpoint)

    def _interrupt(self) -> None:
        if self._stats.stopped == "interrupted":
            for worker in self._workers:
                worker.cancel()
            return
        self._stats.stopped = "interrupted"
        self._close()
        if flying := self._limiter.in_flight:
            self._job.notice(in_flight_kept(flying))
