"""What every way to ask an endpoint begins with: a place to ask at, and signals that are heeded."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from panel.cells.cells import Cell
from panel.endpoint.client import Client
from panel.endpoint.embedded import Served, serve
from panel.endpoint.servers import Server
from panel.text import counted
from panel.workspace.endpoints import Endpoint

EMBEDDED = Server("llama.cpp (embedded)")


@contextmanager
def opened_endpoint(
    endpoint: Endpoint, cells: Iterable[Cell] | None = None
) -> Iterator[list[Served]]:
    """Give the addresses and the key of an endpoint; the embedded model is served meanwhile.

    cells: what will be asked, where that is known; the embedded model has room for it.
    """
    if endpoint.embedded:
        with serve(endpoint, None if cells is None else longest_question(cells)) as served:
            yield [served]
    else:
        key = endpoint.api_key() or ""
        yield [Served(address, key) for address in endpoint.addresses]


def longest_question(cells: Iterable[Cell]) -> int:
    """Return the bytes of the longest prompt of these cells.

    Of each persona, the one with the longest question is rendered; a description in another
    alphabet has more bytes than characters.
    """
    longest: dict[str, tuple[int, Cell]] = {}
    for cell in cells:
        described = cell.tool.description
        more = 0 if described.isascii() else len(described.encode()) - len(described)
        size = cell.prompt_characters + more
        if size > longest.get(cell.persona.id, (-1, cell))[0]:
            longest[cell.persona.id] = (size, cell)
    return max(
        (
            sum(len(content.encode()) for _role, content in cell.messages)
            for _size, cell in longest.values()
        ),
        default=0,
    )


@asynccontextmanager
async def opened_clients(
    endpoint: Endpoint, served: Sequence[Served]
) -> AsyncIterator[list[Client]]:
    """Give a client for each address of an endpoint."""
    async with AsyncExitStack() as stack:
        clients = []
        for each in served:
            base_url = None if endpoint.embedded else each.base_url
            client = Client(each.base_url, each.key, endpoint.at(base_url))
            clients.append(await stack.enter_async_context(client))
        yield clients


@contextmanager
def interruptible(interrupt: Callable[[], None]) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM call ``interrupt`` in the running loop while the block runs."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can handle signals
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler or signal.SIG_DFL)


def in_flight_kept(many: int) -> str:
    """Say what becomes of the calls in flight after a first Ctrl-C."""
    calls = counted(many, "call in flight", "calls in flight")
    return f"Stopping: {calls} will be kept. Ctrl-C again drops {'it' if many == 1 else 'them'}."
