"""What all jobs share that ask a model: replicas, an end that all of them heed, and counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from panel.cells.journal import JournalWriter
from panel.endpoint.client import Client
from panel.endpoint.faults import Fault
from panel.endpoint.memory import Memory
from panel.endpoint.output_modes import RequestProfile
from panel.endpoint.served_models import surely_lacks
from panel.endpoint.servers import Server, listed_models
from panel.engines.base import RunStats
from panel.engines.commits import GroupCommit
from panel.engines.opening import EMBEDDED, in_flight_kept
from panel.engines.replica import Replica
from panel.workspace.endpoints import Endpoint
from panel.workspace.validation import nearest

MODELS_SHOWN = 12


class Asking:
    """A job under way, at one replica of its model or at several.

    size: how many cells and tools the job has. commits: the run's journal.
    """

    def __init__(
        self,
        writer: JournalWriter,
        memory: Memory,
        notice: Callable[[str], None],
        size: tuple[int, int],
    ) -> None:
        self.stats = RunStats()
        self.commits = GroupCommit(writer)
        self.replicas: list[Replica] = []
        self.ended: list[BaseException | None] = []  # how the workers ended
        self.memory = memory
        self._notice = notice
        self._size = size

    async def recognised(self, client: Client, endpoint: Endpoint) -> tuple[Server, RequestProfile]:
        """Return which server answers for a model, and how it is asked.

        endpoint: with the model, which may be another than the client's: jobs share clients.
        """
        known = EMBEDDED if endpoint.embedded else await self.memory.recognise(client, endpoint)
        return known, self.memory.recall(endpoint, known)

    def add(self, endpoint: Endpoint, server: Server, client: Client | None) -> Replica:
        """Take one more server into the job."""
        replica = Replica(endpoint, server, client, self._size, self._notice)
        self.replicas.append(replica)
        return replica

    def stop(self, stopped: str, why: str) -> None:
        """End the job early; the first reason counts."""
        if self.stats.stopped is None:
            self.stats.stopped, self.stats.why = stopped, why
            self._close()

    def give_up(self, replica: Replica, fault: Fault) -> None:
        """Ask a replica no more; where it was the last one, the job ends."""
        if replica.closed:
            return
        replica.fault = fault
        replica.close()
        if self.others(replica):
            where = replica.endpoint.base_url
            self._notice(f"{where} is given up; the others go on. {fault.sentence()}")
        else:
            self.stop("endpoint", fault.sentence())

    def others(self, replica: Replica) -> list[Replica]:
        """Return the other replicas that are still asked."""
        return [each for each in self.replicas if each is not replica and not each.closed]

    def elsewhere(self, replica: Replica, fault: Fault) -> bool:
        """Whether a cell that ends with this fault should rather be asked of another replica."""
        others = self.others(replica)
        if fault.action == "stop":
            return bool(others)
        alive = any(not each.health.alone for each in others)
        return alive and not fault.replied and (replica.closed or replica.health.alone)

    async def why_given_up(self) -> None:
        """Where a model is not there, say which ones are."""
        for replica in self.replicas:
            if self.stats.stopped == "endpoint" and replica.fault and replica.client:
                if replica.fault.label == "not_found":
                    self.stats.why = await _not_there(replica.fault, replica)
                else:
                    self.stats.why = replica.fault.sentence()

    def refuse_missing(self) -> None:
        """Give up the servers that surely lack their model, before anything is asked of them."""
        for replica in self.replicas:
            if replica.client and surely_lacks(replica.server, replica.endpoint.model):
                said = f"{replica.server.name} has no model {replica.endpoint.model!r}"
                named = "Name one that is there with --model."
                self.give_up(replica, Fault("stop", "not_found", said, remedy=named))
        self.stats.unknown_model = self.stats.stopped == "endpoint"

    def interrupt(self) -> None:
        """Let the calls in flight finish; drop them the second time."""
        if self.stats.stopped == "interrupted":
            for replica in self.replicas:
                replica.drop()
            return
        self.stats.stopped = "interrupted"
        self._close()
        if flying := sum(replica.limiter.in_flight for replica in self.replicas):
            self._notice(in_flight_kept(flying))

    def result(self) -> RunStats:
        """Return the counts; raises what a worker ended with."""
        self.stats.concurrency = _history(self.replicas)
        names = dict.fromkeys(replica.server.name for replica in self.replicas)
        versions = dict.fromkeys(each.server.version for each in self.replicas)
        self.stats.server = ", ".join(names)
        self.stats.server_version = ", ".join(filter(None, versions)) or None
        for end in self.ended:
            if isinstance(end, Exception):
                raise end
        return self.stats

    def _close(self) -> None:
        for replica in self.replicas:
            replica.close()


def _history(replicas: Sequence[Replica]) -> list[tuple[float, int, str]]:
    """Return the changes of every limit, in order; of several replicas with their addresses."""
    if len(replicas) == 1:
        return replicas[0].limiter.history
    return sorted(
        (seconds, limit, f"{replica.endpoint.base_url}: {why}")
        for replica in replicas
        for seconds, limit, why in replica.limiter.history
    )


async def _not_there(fault: Fault, replica: Replica) -> str:
    """Return the sentence of a model that is not there, with those that its server lists."""
    models = replica.server.models
    if not models and replica.client:
        models = await listed_models(replica.client)
    if not models:
        return fault.sentence()
    model = replica.endpoint.model
    if model in models:
        listed = f"The server lists {model!r}: look at base_url, and at what the key may use."
        return replace(fault, remedy=listed).sentence()
    more = len(models) - MODELS_SHOWN
    names = ", ".join(models[:MODELS_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
    if near := nearest(model, models):
        fault = replace(fault, remedy=f"Did you mean {near!r}? Name it with --model.")
    return fault.sentence(f". Models there: {names}")
