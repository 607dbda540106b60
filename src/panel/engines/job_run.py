"""One job under way: its cells, its workers, and what they count."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import replace

from panel.cells.cells import Cell
from panel.cells.lines import Attempt
from panel.endpoint.cell_runner import CellRunner, OverBudget, Settled
from panel.endpoint.client import Client, CompletionClient
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
from panel.engines.queue import CellQueue
from panel.errors import PanelError

CHECKPOINT_SECONDS = 5.0
MODELS_SHOWN = 12
EMBEDDED = Server("llama.cpp (embedded)")


async def _models_there(client: Client) -> str:
    """Return a sentence that names the models of the server, "" where it lists none."""
    models = await listed_models(client)
    if not models:
        return ""
    more = len(models) - MODELS_SHOWN
    names = ", ".join(models[:MODELS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f". Models there: {names}"


class JobRun:
    """One job under way.

    budget: of several jobs that share one; None for the job's own.
    """

    _runner: CellRunner
    _server: Server

    def __init__(self, job: Job, budget: Budget | None = None) -> None:
        self.job = job
        self.stats = RunStats()
        bounds = job.budget
        self.budget = budget or Budget(bounds.max_calls, bounds.max_tokens, bounds.max_cost)
        self._memory = Memory(job.memory)
        self._ended: list[BaseException | None] = []  # how the workers ended
        self._queue = CellQueue(())
        self._recorder = job.recorder
        self._commits = GroupCommit(job.writer)
        self._workers: list[asyncio.Task[None]] = []
        self._limiter = ConcurrencyLimiter(1)
        self._health = EndpointHealth(job.endpoint.attempts, job.endpoint.timeout_seconds)
        self._fault: Fault | None = None  # what the endpoint was given up for
        self._led = asyncio.Event()  # the model has replied to something
        self._doubted = asyncio.Event()  # the first request failed: a second cell may tell more
        self._halt = asyncio.Event()

    async def open(self, client: Client, stack: AsyncExitStack) -> None:
        """Recognise the server, and make ready what asks it."""
        endpoint = self.job.endpoint
        self._server = (
            EMBEDDED if endpoint.embedded else await self._memory.recognise(client, endpoint)
        )
        profile = self._memory.recall(endpoint, self._server)
        asker = stack.enter_context(self._recorded(client, self._server, profile))
        self._runner = self._made_runner(asker, self._server, profile)

    def open_recording(self, recording: ReplayClient) -> None:
        """Let a recording answer in the server's place."""
        runner = self._made_runner(recording, recording.server, recording.request_profile)
        runner.patience.pause, runner.limiter.holds = self._no_pause, False
        self._runner = runner

    async def take_turn(self, number: int, rounds: int) -> None:
        """Ask the cells of one of so many rounds, counted from 0."""
        many = len(self.job.cells)
        begin, end = (many * each // rounds for each in (number, number + 1))
        if begin < end:
            self._queue.add(self.job.cells[begin:end])
            self._ended += await self._ask(self._runner)

    async def close(self, client: Client | None) -> None:
        """Have everything on disk; of a server, say why it was given up and remember the rest."""
        await self._commits.close()
        if client is None:
            return
        if self._fault is not None:
            more = await _models_there(client) if self._fault.label == "not_found" else ""
            self.stats.why = self._fault.sentence(more)
        if self._runner.heard:
            server = self._server
            if self._fault is not None:  # it may be another by now: the next run looks again
                server = replace(server, seen_at="")
            self._memory.keep(self.job.endpoint, server, self._runner.request_profile)

    def result(self) -> RunStats:
        """Return the counts; raises what a worker ended with."""
        self.stats.concurrency = self._limiter.history
        for end in self._ended:
            if isinstance(end, Exception):
                raise end
        return self.stats

    @contextmanager
    def _recorded(
        self, client: Client, server: Server, profile: RequestProfile
    ) -> Iterator[CompletionClient]:
        if self.job.record is None:
            yield client
            return
        recording = RecordingClient(client, self.job.record, server, profile)
        try:
            yield recording
        finally:
            recording.close()

    async def _ask(self, runner: CellRunner) -> list[BaseException | None]:
        """Let the workers ask until no cell is left; return how each of them ended."""
        checkpoints = asyncio.create_task(self._checkpoints())
        # Twice as many as may be in flight: a cell that waits to try again holds no slot.
        many = 2 * self.job.endpoint.concurrency
        self._workers = [asyncio.create_task(self._work(runner, n)) for n in range(many)]
        for worker in self._workers:
            worker.add_done_callback(lambda _worker: self._open())
        ended = await asyncio.gather(*self._workers, return_exceptions=True)
        checkpoints.cancel()
        # The ingest at the end meets the error of a failed checkpoint again, and reports it.
        await asyncio.gather(checkpoints, return_exceptions=True)
        return ended

    def _made_runner(
        self, client: CompletionClient, server: Server, profile: RequestProfile
    ) -> CellRunner:
        job, endpoint = self.job, self.job.endpoint
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
        self.stats.server, self.stats.server_version = server.name, server.version
        return CellRunner(
            client,
            endpoint,
            Patience(endpoint.name, self._limiter, self._health, self._pause, job.notice),
            profile,
            self.budget,
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
        stats, usage = self.stats, runner.usage
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
        stats = self.stats
        stats.asked += 1
        if cell.key in self.job.canaries:
            stats.canaries += 1
        else:
            word = settled.verdict.verdict if settled.verdict else None
            stats.count(settled.outcome, word, settled.reason)
            more = self.job.more(cell, settled.outcome, word)
            stats.added += len(more)
            self._queue.add(more)  # before the canaries
        if settled.stop is not None:
            self._stop_asking(settled.stop)
        self.job.progress(stats)

    def _stop_asking(self, fault: Fault) -> None:
        if self.stats.stopped is None:
            self._fault = fault
        self._stop("endpoint", fault.sentence())

    def _stop(self, stopped: str, why: str) -> None:
        if self.stats.stopped is None:
            self.stats.stopped, self.stats.why = stopped, why
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
            await asyncio.to_thread(self.job.checkpoint)

    def interrupt(self) -> None:
        """Let the calls in flight finish; drop them the second time."""
        if self.stats.stopped == "interrupted":
            for worker in self._workers:
                worker.cancel()
            return
        self.stats.stopped = "interrupted"
        self._close()
        if flying := self._limiter.in_flight:
            self.job.notice(
                f"Stopping: {flying} call(s) in flight are paid for and will be kept. "
                "Ctrl-C again drops them."
            )
