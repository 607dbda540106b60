"""One of the servers that answer a job: its limits, its health, and the workers that ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from panel.endpoint.client import Client
from panel.endpoint.faults import Fault
from panel.endpoint.health import EndpointHealth
from panel.endpoint.limits import ConcurrencyLimiter
from panel.endpoint.patience import Patience
from panel.endpoint.servers import ONE_CACHE, STARTS, Server
from panel.workspace.endpoints import Endpoint


class Replica:
    """A server of a job's model, and whoever asks it. Most jobs have one.

    client: None where a recording answers. fault: what it was given up for, None while it is
    asked.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        server: Server,
        client: Client | None,
        size: tuple[int, int],
        notice: Callable[[str], None],
    ) -> None:
        """Make ready for a job of so many cells and tools (``size``)."""
        self.endpoint, self.server, self.client = endpoint, server, client
        self.fault: Fault | None = None
        # More requests than slots would wait there, and take the caches of others.
        slots = endpoint.concurrency if endpoint.embedded else server.slots
        self.limiter = ConcurrencyLimiter(
            min(endpoint.concurrency, slots or endpoint.concurrency),
            STARTS.get(server.name, 2),
            endpoint.rpm,
            endpoint.tpm,
            alone=True,
            longest=endpoint.longest_wait_seconds,
            spread=slots is not None or server.name in ONE_CACHE,
        )
        cells, tools = size
        self.health = EndpointHealth(
            endpoint.attempts, loading_seconds=endpoint.timeout_seconds, cells=cells, tools=tools
        )
        self.patience = Patience(endpoint.name, self.limiter, self.health, self._pause, notice)
        self._workers: list[asyncio.Task[None]] = []
        self._led = asyncio.Event()  # the model has replied to something
        self._doubted = asyncio.Event()  # the first request failed: a second cell may tell more
        self._halt = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Whether nothing more is asked of it."""
        return self._halt.is_set()

    async def work(
        self, many: int, work: Callable[[], Awaitable[None]]
    ) -> list[BaseException | None]:
        """Let so many workers work; return how each of them ended, None for well.

        One goes ahead of the rest: a schema or key is then refused only once, and a server that
        caches prompt prefixes has this one ready for the others. Where it fails, a second one
        goes along: what one cell meets says little about the endpoint.
        """
        self._workers = [asyncio.create_task(self._in_turn(work, n)) for n in range(many)]
        for worker in self._workers:
            worker.add_done_callback(lambda _worker: self.open())
        return await asyncio.gather(*self._workers, return_exceptions=True)

    async def _in_turn(self, work: Callable[[], Awaitable[None]], number: int) -> None:
        if number:
            await (self._doubted if number == 1 else self._led).wait()
        await work()

    def open(self) -> None:
        """Let all workers ask."""
        self._led.set()
        self._doubted.set()

    def doubt(self) -> None:
        """Let a second worker ask."""
        self._doubted.set()

    def close(self) -> None:
        """Send away whoever waits; what is in flight goes on."""
        self._halt.set()
        self.limiter.close()
        self.open()

    def drop(self) -> None:
        """Give up what is in flight, too."""
        for worker in self._workers:
            worker.cancel()

    def without_waiting(self) -> None:
        """Wait for nothing: a recording answers."""
        self.patience.pause, self.limiter.holds = self._no_pause, False

    async def _pause(self, seconds: float) -> None:
        """Wait before a retry; once the replica is closed, leave the cell to others."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._halt.wait(), seconds)
            raise asyncio.CancelledError

    async def _no_pause(self, _seconds: float) -> None:
        await self._pause(0)
