"""The server process: a socket and uvicorn, with bounds and without logs of visitors."""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import replace

import uvicorn
from starlette.types import ASGIApp

from panel.errors import UsageError
from panel.readers.serve.connections import REFUSED, Bounds, Connections, Unwelcome
from panel.readers.serve.door import AT_ONCE, MOST_WAITING, QUEUE, Door
from panel.readers.serve.heads import LONGEST_HEAD
from panel.readers.serve.protocol import BoundedProtocol
from panel.readers.serve.proxies import TrustedProxies

OTHER_DESCRIPTORS = 64  # files of the workspace, the database, the event loop
SEND_BUFFER = 128 * 1024  # bytes: what the kernel takes of an answer, and so hides whether it moves
SAME_LINE_SECONDS = 60.0
MOST_LINES = 100  # remembered


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes any free port. Raises UsageError.

    Who connects from now on waits in its backlog until a server runs.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # By its protocol asyncio knows a connection that is to send at once what is written. Else the
    # end of each answer waits until the client has confirmed its beginning, some 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    try:
        bound.bind((host, port))
        bound.listen(QUEUE)
    except (OSError, OverflowError) as error:  # OverflowError: a port above 65535
        bound.close()
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"cannot listen on {host} port {port}: {reason}. Name another with --host or --port."
        ) from None
    return bound


def with_room(bounds: Bounds) -> Bounds:
    """Return bounds whose connections fit into the descriptors that the process may open.

    A connection takes up to three: itself, the file that is sent on it, and as much again while
    one that was cut is being cleared away. The system's soft limit is raised as far as they need
    it and the hard one allows.
    """
    try:
        import resource  # noqa: PLC0415 - there is none on Windows
    except ModuleNotFoundError:
        return bounds
    others = MOST_WAITING + AT_ONCE + REFUSED.most + OTHER_DESCRIPTORS
    needed = 3 * bounds.connections + others
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft not in (resource.RLIM_INFINITY, -1) and soft < needed:
        soft = needed if hard in (resource.RLIM_INFINITY, -1) else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < needed:
            fitting = max(8, (soft - others) // 3)
            return replace(bounds, connections=fitting)
    return bounds


class BoundedServer(uvicorn.Server):
    """A server with a ``Door``, which looks at its connections' deadlines ten times a second."""

    def __init__(self, config: uvicorn.Config, bounds: Bounds, proxies: TrustedProxies) -> None:
        super().__init__(config)
        self._door = Door(self._protocol, bounds, proxies)

    def _protocol(self) -> asyncio.BaseProtocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and let clients in by the door instead of uvicorn's own servers."""
        await super().startup(sockets=[])
        for listening in sockets or []:
            self._door.open(listening)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in any more, and end."""
        await self._door.close()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Cut the connections that are late."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, BoundedProtocol):
                connection.sweep()
        return await super().on_tick(counter)


def make_server(
    app: ASGIApp,
    bounds: Bounds | None = None,
    proxies: TrustedProxies | None = None,
    unwelcome: Unwelcome = lambda _client, _server: None,
) -> uvicorn.Server:
    """Return a server for the application; ``server.run(sockets=[...])`` serves until a signal.

    unwelcome: says of a connection why it is not answered; None if it is.
    """
    bounds, proxies = with_room(bounds or Bounds()), proxies or TrustedProxies()
    protocol = functools.partial(
        BoundedProtocol, bounds=bounds, proxies=proxies, connections=Connections(unwelcome)
    )
    return BoundedServer(
        uvicorn.Config(
            app,
            http=protocol,  # type: ignore[arg-type]
            ws="none",
            lifespan="on",
            access_log=False,  # it would hold addresses
            log_config=None,
            proxy_headers=False,  # the protocol reads them itself, if told to
            server_header=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=3,
            h11_max_incomplete_event_size=LONGEST_HEAD,
        ),
        bounds,
        proxies,
    )


def once_a_minute(
    log: Callable[[str], None], clock: Callable[[], float] = time.monotonic
) -> Callable[[str], None]:
    """Return a log that passes the same line on once a minute at most.

    So what anybody may send fills no disk.
    """
    said: dict[str, float] = {}

    def passed(line: str) -> None:
        now = clock()
        if now - said.get(line, -SAME_LINE_SECONDS) < SAME_LINE_SECONDS:
            return
        said.pop(line, None)
        said[line] = now
        if len(said) > MOST_LINES:
            del said[next(iter(said))]
        log(line)

    return passed


def narrate(log: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
    """Pass the errors of uvicorn, asyncio and the application to ``log``, once a minute each."""
    passed = once_a_minute(log, clock)

    class Narrator(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            line = record.getMessage()
            if record.exc_info and record.exc_info[1] is not None:
                line += f" {record.exc_info[1]!r}"
            passed(" ".join(line.split()))

    narrator = Narrator(level=logging.WARNING)
    for name in ("uvicorn", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [narrator], False
        logger.setLevel(logging.WARNING)
