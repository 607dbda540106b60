"""The server process: a socket and uvicorn, with deadlines and without logs of visitors."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from panel.errors import UsageError

HEAD_SECONDS = 15.0  # for a request's head, from the connection or from the last answer
MOST_CONNECTIONS = 512
LONGEST_HEAD = 16384  # bytes


class PunctualProtocol(H11Protocol):
    """Closes connections on which no complete request head arrives in time.

    uvicorn's own timeout ends with the first byte, so a client that sends a byte now and
    then could hold a connection for ever.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._start_clock()

    def on_response_complete(self) -> None:
        """Start the clock for the next request."""
        super().on_response_complete()
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _start_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._time_is_up)

    def _time_is_up(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


def bind(host: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 takes any free port. Raises UsageError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError) as error:  # OverflowError: a port above 65535
        bound.close()
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"cannot listen on {host} port {port}: {reason}. Name another with --host or --port."
        ) from None
    return bound


def make_server(app: ASGIApp) -> uvicorn.Server:
    """Return a server for the application; ``server.run(sockets=[...])`` serves until a signal."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=PunctualProtocol,
            ws="none",
            lifespan="on",
            access_log=False,  # it would hold addresses
            log_config=None,
            proxy_headers=False,  # the application reads them itself, if told to
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=5,
            h11_max_incomplete_event_size=LONGEST_HEAD,
        )
    )


def narrate(log: Callable[[str], None]) -> None:
    """Pass the errors of uvicorn and the application to ``log``, one line each."""

    class Narrator(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            line = record.getMessage()
            if record.exc_info and record.exc_info[1] is not None:
                line += f" {record.exc_info[1]!r}"
            log(" ".join(line.split()))

    logger = logging.getLogger("uvicorn")
    logger.handlers = [Narrator(level=logging.WARNING)]
    logger.setLevel(logging.WARNING)
    logger.propagate = False
