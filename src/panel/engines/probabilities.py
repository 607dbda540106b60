"""Asks an endpoint about many takes at once: how probable "ship" is, given each of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from panel.cells.journal import JournalWriter
from panel.cells.lines import Reading, ShownTake
from panel.endpoint.allowance import OverBudget
from panel.endpoint.budget import Budget
from panel.endpoint.client import Client
from panel.endpoint.decision_api import FORMS, FormSearch
from panel.endpoint.embedded import Served
from panel.endpoint.memory import Memory
from panel.endpoint.patience import GivenUp
from panel.endpoint.take_reader import TakeReader
from panel.engines.asking import Asking
from panel.engines.base import NO_BUDGET, RunBudget, RunStats
from panel.engines.opening import interruptible, opened_clients, opened_endpoint
from panel.engines.replica import Replica
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


class _Readings(Asking):
    """One job under way."""

    def __init__(self, job: ReadingJob) -> None:
        size = (len(job.takes), len({take.pair[0] for take in job.takes}))
        super().__init__(job.writer, Memory(job.memory), job.notice, size)
        self._job = job
        self._takes = deque(job.takes)
        bounds = job.budget
        self._budget = Budget(bounds.max_calls, bounds.max_tokens, bounds.max_cost)

    async def go(self, served: Sequence[Served]) -> RunStats:
        async with opened_clients(self._job.endpoint, served) as clients:
            with interruptible(self.interrupt):
                for ended in await asyncio.gather(*map(self._ask, clients)):
                    self.ended += ended
            await self.commits.close()
        return self.result()

    async def _ask(self, client: Client) -> list[BaseException | None]:
        """Ask one replica until no take is left."""
        endpoint = client.endpoint
        server, profile = await self.recognised(client, endpoint)
        replica = self.add(endpoint, server, client)
        form = profile.decisions if profile.decisions in FORMS else None
        search = FormSearch(form, server.name)
        reader = TakeReader(client, endpoint, replica.patience, search, self._budget)
        if self.stats.stopped:
            return []
        ended = await replica.work(endpoint.concurrency, partial(self._work, replica, reader))
        if search.settled and profile.decisions != search.form:
            profile.decisions = search.form
            self.memory.keep(endpoint, server, profile)
        return ended

    async def _work(self, replica: Replica, reader: TakeReader) -> None:
        while self._takes and not replica.closed:
            take = self._takes.popleft()
            try:
                reading, fault = await reader.read(take, self._record)
            except OverBudget:
                self.stop("budget", f"{reader.budget.exceeded} is reached")
                return
            except GivenUp as given_up:
                self.give_up(replica, given_up.fault)
                self._takes.appendleft(take)
                return
            except asyncio.CancelledError:
                self._takes.appendleft(take)
                raise
            except PanelError as error:
                self.stop("journal", str(error))
                raise
            if reader.search.settled:
                replica.open()
            if fault is not None and fault.action == "stop":
                self.give_up(replica, fault)
                if self.others(replica):
                    self._takes.appendleft(take)
                    return
            self._count(reading)

    async def _record(self, reading: Reading) -> None:
        await self.commits.append(reading.line())
        self.stats.add(reading)

    def _count(self, reading: Reading) -> None:
        stats = self.stats
        stats.asked += 1
        if reading.p_ship is not None:
            stats.count("verdict", "ship" if reading.p_ship > 0.5 else "skip", None)
        elif reading.final:
            stats.count("abstain", None, reading.reason)
        else:
            stats.count("error", None, reading.reason)
        self._job.progress(stats)
