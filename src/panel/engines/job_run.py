"""One job under way: its cells, the workers that ask them, and what they count."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from functools import partial

from panel.cells.cells import Cell
from panel.cells.lines import Attempt
from panel.endpoint.allowance import OverBudget
from panel.endpoint.budget import Budget
from panel.endpoint.cell_runner import CellRunner, Settled
from panel.endpoint.client import Client, CompletionClient
from panel.endpoint.faults import REFUSALS
from panel.endpoint.memory import Memory
from panel.endpoint.output_modes import RequestProfile
from panel.endpoint.patience import GivenUp
from panel.endpoint.prompt_counts import PromptCounts
from panel.endpoint.recording import RecordingClient, ReplayClient
from panel.endpoint.servers import Server
from panel.endpoint.ways import Learned
from panel.engines.asking import Asking
from panel.engines.base import Job
from panel.engines.queue import CellQueue
from panel.engines.replica import Replica

CHECKPOINT_SECONDS = 5.0


class JobRun(Asking):
    """One job under way.

    budget: of several jobs that share one; None for the job's own.
    """

    def __init__(self, job: Job, budget: Budget | None = None) -> None:
        size = (len(job.cells), len({cell.tool.slug for cell in job.cells}))
        super().__init__(job.writer, Memory(job.memory), job.notice, size)
        self.job = job
        bounds = job.budget
        self.budget = budget or Budget(bounds.max_calls, bounds.max_tokens, bounds.max_cost)
        self._queue = CellQueue(())
        self._runners: list[tuple[Replica, CellRunner]] = []

    async def open(self, client: Client, stack: AsyncExitStack) -> None:
        """Recognise a server of the model, and make ready what asks it."""
        endpoint = self.job.endpoint.at(client.endpoint.base_url)
        server, profile = await self.recognised(client, endpoint)
        asker = stack.enter_context(self._recorded(client, server, profile))
        self._add(asker, self.add(endpoint, server, client), profile)

    def open_recording(self, recording: ReplayClient) -> None:
        """Let a recording answer in the server's place."""
        replica = self.add(self.job.endpoint, recording.server, None)
        replica.without_waiting()
        self._add(recording, replica, recording.request_profile)

    async def take_turn(self, number: int, rounds: int) -> None:
        """Ask the cells of one of so many rounds, counted from 0."""
        many = len(self.job.cells)
        begin, end = (many * each // rounds for each in (number, number + 1))
        if begin < end:
            self._queue.add(self.job.cells[begin:end])
            await self._ask()

    async def close(self) -> None:
        """Have everything on disk; of servers, say why they were given up and keep the rest."""
        await self.commits.close()
        await self.why_given_up()
        for replica, runner in self._runners:
            if runner.heard and replica.client:
                server = replica.server
                if replica.fault is not None:  # it may be another by now: it is looked at again
                    server = replace(server, seen_at="")
                self.memory.keep(replica.endpoint, server, runner.request_profile)

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

    def _add(self, asker: CompletionClient, replica: Replica, profile: RequestProfile) -> None:
        runner = CellRunner(
            asker,
            replica.endpoint,
            replica.patience,
            Learned(profile),
            self.budget,
            self.stats,
            PromptCounts(replica.server.context),
            partial(self.elsewhere, replica),
        )
        self._runners.append((replica, runner))

    async def _ask(self) -> None:
        """Let the workers ask until no cell is left."""
        checkpoints = asyncio.create_task(self._checkpoints())
        # Twice as many as may be in flight: a cell that waits to try again holds no slot.
        works = [
            replica.work(2 * replica.endpoint.concurrency, partial(self._work, replica, runner))
            for replica, runner in self._runners
        ]
        for ended in await asyncio.gather(*works):
            self.ended += ended
        checkpoints.cancel()
        # The ingest at the end meets the error of a failed checkpoint again, and reports it.
        await asyncio.gather(checkpoints, return_exceptions=True)

    async def _work(self, replica: Replica, runner: CellRunner) -> None:
        record = partial(self._record, replica)
        while await self._queue.more() and not replica.closed:
            lanes = 1 if self.job.drawn else replica.limiter.lanes
            cell, lane = self._queue.take(replica.health.suspects, lanes, replica)
            try:
                settled = await runner.settle(cell, record, lane.number)
            except OverBudget:
                self.stop("budget", f"{runner.budget.exceeded} is reached")
                return
            except GivenUp as given_up:
                self.give_up(replica, given_up.fault)
                self._queue.add([cell])
                return
            except asyncio.CancelledError:
                if replica.closed and self.others(replica):
                    self._queue.add([cell])
                raise
            except Exception as error:
                # Of the journal, or of the program itself: with neither anybody goes on.
                self.stop("journal", str(error))
                raise
            finally:
                self._sum_up(runner)
                self._queue.ended(lane)
            if settled.later:
                self._queue.put_off(cell)
            else:
                self._count(replica, cell, settled)

    async def _record(self, replica: Replica, attempt: Attempt) -> None:
        await self.commits.append(self.job.recorder.attempt_lines(attempt))
        if not replica.health.alone:
            replica.open()
        elif not attempt.final and attempt.reason not in REFUSALS:
            replica.doubt()

    def _sum_up(self, runner: CellRunner) -> None:
        stats = self.stats
        stats.miscounted = sum([each.counts.unbelieved for _replica, each in self._runners])
        stats.output_mode = runner.request_profile.output_mode
        stats.adapted = runner.request_profile.adapted()

    def _count(self, replica: Replica, cell: Cell, settled: Settled) -> None:
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
            self.give_up(replica, settled.stop)
        self.job.progress(stats)

    def _close(self) -> None:
        self._queue.close()
        super()._close()

    async def _checkpoints(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            await asyncio.to_thread(self.job.checkpoint)
