"""One connection: uvicorn's HTTP/1.1 over h11, with the bounds on room and time that it lacks."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from panel.readers.serve.connections import READ_BYTES, REFUSED, Bounds, Connections
from panel.readers.serve.guard import NEXT_TURN
from panel.readers.serve.heads import LONGEST_HEAD, head_refusal, plain
from panel.readers.serve.proxies import TrustedProxies
from panel.readers.serve.wire import Flow, Wire

FULL = "Too many connections from your network are being answered. Try again in a few seconds."
MOST_AHEAD = LONGEST_HEAD + READ_BYTES  # bytes that have come and are in no request yet
RETRY = {"Retry-After": "5", "Connection": "close", "Cache-Control": "no-store"}


class ClientGoneError(Exception):
    """The client has closed the connection before its answer was whole.

    No OSError: the application answers those, and says that the disk is at fault.
    """


class BoundedProtocol(H11Protocol, asyncio.BufferedProtocol):
    """A connection that keeps to ``Bounds``, and believes what trusted proxies say of clients."""

    _wire: Wire

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        bounds: Bounds,
        proxies: TrustedProxies,
        connections: Connections,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._bounds, self._proxies, self._house = bounds, proxies, connections
        self._answer, self.app = self.app, self._answer_within_bounds
        self._idle_since = self._asked_at = self.loop.time()
        self._turn: asyncio.Future[None] | None = None
        self._paused_at: float | None = None
        self._fresh = True  # what it has sent already has not been read yet
        self._seen: tuple[float, int] | None = None  # when, and how many bytes had gone out

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room for the connection, or say that there is none."""
        self._wire = Wire(transport, self.conn)
        super().connection_made(self._wire)  # type: ignore[arg-type]
        self.flow = Flow(self._wire, self.conn)
        peer = self.client[0] if self.client else ""
        self._proxied = self._proxies.trust(peer)
        groups = () if self._proxied else self._bounds.networks(peer)
        words = self._house.unwelcome(self.client, self.server)
        if words is not None:
            self._turn_away(403, words)
        elif not self._house.enter(self, (*groups, self._bounds.everybody())):
            self._turn_away(503, FULL, "Retry-After: 5\r\n")
        # asyncio reads what is there in its next turn, after the calls that are due by then.
        self.loop.call_soon(self.loop.call_soon, self._read_once)

    def _turn_away(self, status: int, words: str, headers: str = "") -> None:
        # Closed at once, it would be reset by the request that comes, and tell nobody why.
        self._house.enter(self, (REFUSED,))
        self._wire.write(plain(status, words, headers))
        self._wire.end()

    def _read_once(self) -> None:
        self._fresh = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Give its place back, and all that was read."""
        self._house.leave(self)
        super().connection_lost(exc)
        # What refers to this object from its inside would keep it until the garbage collector
        # has its next full turn, thousands of connections later.
        self._unset_keepalive_if_required()
        self.app = self._answer
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)
        self._turn = None

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where asyncio puts what comes, a little at a time."""
        return self._house.arriving

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has come."""
        self.data_received(bytes(self._house.arriving[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Take bytes; throw them away once the connection is ended."""
        if self._wire.is_closing():
            return
        if len(self.conn.trailing_data[0]) > MOST_AHEAD:  # it goes on though it is not read
            self.cut()
            return
        super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer a client that has ended its side after a whole request; else close."""
        if self._between_requests() or self.cycle.more_body or self._wire.is_closing():
            return False
        self.cycle.keep_alive = False
        return True

    def handle_events(self) -> None:
        """Refuse a head that is over a bound. h11 bounds incomplete ones alone."""
        if self.conn.their_state is h11.IDLE:
            refusal = head_refusal(self.conn.trailing_data[0])
            if refusal is not None:
                self._refuse(*refusal)
                return
        super().handle_events()

    def _should_upgrade(self) -> bool:
        """No: the request is answered as HTTP/1.1 (RFC 9110, 7.8).

        uvicorn would tell the operator to install another package, whenever anybody asks.
        """
        return False

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, unless an answer has begun."""
        if self._between_requests() or not self.cycle.response_started:
            self._refuse(400, msg)
        else:
            self.cut()

    def _refuse(self, status: int, words: str) -> None:
        self._wire.write(plain(status, words))
        self._wire.end()

    def on_response_complete(self) -> None:
        """Note when the client's turn began, and read on."""
        self._idle_since = self.loop.time()
        super().on_response_complete()
        self.flow.resume_reading()

    def shutdown(self) -> None:
        """End with the server; wait for an answer that is being made, for no other client."""
        super().shutdown()
        if self._wire.ended_at is not None:
            self.cut()

    def pause_writing(self) -> None:
        """Note since when the client does not read."""
        self._paused_at = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that it reads again."""
        self._paused_at = None
        super().resume_writing()

    async def _answer_within_bounds(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._asked_at, cycle = self.loop.time(), self.cycle
        if cycle.disconnected:
            return
        self._proxies.apply(scope)
        # One that was reset before it was accepted has no address.
        networks = self._bounds.networks(scope["client"][0] if scope["client"] else "")
        groups = networks if self._proxied else ()
        if not self._house.enter(self, groups):
            await PlainTextResponse(FULL + "\n", 503, RETRY)(scope, receive, send)
            return
        crowded = self._house.crowded(self._bounds.everybody())

        async def sent(message: Message) -> None:
            if cycle.disconnected:  # uvicorn would let the rest of a long answer be made
                raise ClientGoneError
            if message["type"] == "http.response.start" and crowded:
                message["headers"] = [*message["headers"], CLOSE_HEADER]
            await send(message)

        async def next_turn() -> None:
            self._turn = turn = self._house.turns.ask(networks)
            await turn

        try:
            await next_turn()
            if cycle.more_body:
                scope["state"][NEXT_TURN] = next_turn
            if not cycle.disconnected:
                await self._answer(scope, receive, sent)
        except ClientGoneError:
            pass
        finally:
            scope["state"].pop(NEXT_TURN, None)  # it refers to this object
            self._house.leave(self, groups)

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def waits_since(self) -> float | None:
        """Return since when the client keeps the server waiting; None while the server works."""
        if self._wire.ended_at is not None:
            return self._wire.ended_at
        if self._paused_at is not None:
            return self._paused_at
        if self._fresh:
            return None
        if self._between_requests():
            return self._idle_since
        return self._asked_at if self.cycle.more_body else None

    def cut(self) -> None:
        """End the connection at once, whatever has not been sent yet."""
        self._wire.abort()

    def sweep(self) -> None:
        """Cut the connection if it is over a bound on time; called several times a second."""
        now, ended = self.loop.time(), self._wire.ended_at
        if self._wire.get_write_buffer_size():
            self._watch_answer(now)
            return
        self._seen = None
        late = self._between_requests() and now - self._idle_since > self._bounds.head_seconds
        if late or (ended is not None and now - ended > self._bounds.linger_seconds):
            self.cut()

    def _watch_answer(self, now: float) -> None:
        moved = self._wire.moved()
        since, before = self._seen or (now, moved)
        if now - since >= self._bounds.answer_seconds:
            if moved - before < self._bounds.answer_bytes:
                self.cut()
            since, before = now, moved
        self._seen = since, before
