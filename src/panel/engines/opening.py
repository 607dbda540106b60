"""What every way to ask an endpoint begins with: a place to ask at, and signals that are heeded."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from panel.endpoint.embedded import Served, serve
from panel.endpoint.servers import Server
from panel.workspace.endpoints import Endpoint

EMBEDDED = Server("llama.cpp (embedded)")


@contextmanager
def opened_endpoint(endpoint: Endpoint) -> Iterator[Served]:
    """Give the address and key of an endpoint; the embedded model is served meanwhile."""
    if endpoint.embedded:
        with serve(endpoint) as served:
            yield served
    else:
        assert endpoint.base_url is not None
        yield Served(endpoint.base_url, endpoint.api_key() or "")


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
    return (
        f"Stopping: {many} call(s) in flight are paid for and will be kept. "
        "Ctrl-C again drops them."
    )
