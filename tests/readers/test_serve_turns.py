"""Whose request is next, when many wait."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from panel.readers.serve.connections import Bounds
from panel.readers.serve.door import MOST_WAITING
from panel.readers.serve.guard import Guard, GuardRules
from panel.readers.serve.protocol import BoundedProtocol
from panel.readers.serve.proxies import TrustedProxies
from panel.readers.serve.server import bind, make_server
from panel.readers.serve.turns import Turns
from tests.support.raw_client import GET, asked, heard, opened
from tests.support.readers_server import running

MANY = 40
Busy = tuple[int, list[str], Callable[[], None]]


@contextlib.contextmanager
def busy(
    proxies: TrustedProxies | None = None, before: Callable[[int], None] = lambda _port: None
) -> Iterator[Busy]:
    """Serve an application that notes who asks, busy with one request until it is told to go on.

    before: what is done first, given the port.
    """
    begun, working, done = list[str](), threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        asks = Request(scope).client
        if scope["path"] == "/work":
            working.set()
            done.wait(30)  # the whole server waits for this
        else:
            begun.append(asks.host if asks else "")
        await PlainTextResponse("done", headers={"Connection": "close"})(scope, receive, send)

    bound = bind("127.0.0.1", 0)
    port = bound.getsockname()[1]
    rules = GuardRules(lambda _host: True, "")
    with running(make_server(Guard(app, rules), Bounds(), proxies), bound):
        before(port)
        try:
            with opened(port, GET.replace(b"/ ", b"/work ") % port + b"\r\n"):
                assert working.wait(30)
                yield port, begun, done.set
        finally:
            done.set()


def test_who_asks_once_is_answered_before_the_rest_of_those_who_ask_often() -> None:
    with busy() as (port, begun, go_on), contextlib.ExitStack() as held:
        request = GET % port + b"\r\n"
        clients = [
            held.enter_context(opened(port, request, address))
            for address in (*["127.0.0.66"] * MANY, "127.0.1.9", "127.0.2.9")
        ]
        go_on()
        assert all(b" 200 " in heard(client) for client in clients)
    assert len(begun) == MANY + 2 and {"127.0.1.9", "127.0.2.9"} < set(begun[:20])


def test_behind_a_proxy_too_who_asks_once_is_answered_before_the_rest() -> None:
    proxies = TrustedProxies.parse(["127.0.0.2"])
    with busy(proxies) as (port, begun, go_on), contextlib.ExitStack() as held:
        asks = GET % port + b"X-Forwarded-For: %s\r\n\r\n"
        clients = [
            held.enter_context(opened(port, asks % address, "127.0.0.2"))
            for address in (*[b"192.0.2.66"] * MANY, b"198.51.100.9")
        ]
        go_on()
        assert all(b" 200 " in heard(client) for client in clients)
    assert begun.index("198.51.100.9") <= 1


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[BoundedProtocol]:
    """Return the connections that a server has let in so far."""

    def connection_made(connection: BoundedProtocol, transport: asyncio.Transport) -> None:
        found.append(connection)
        before(connection, transport)

    found, before = list[BoundedProtocol](), BoundedProtocol.connection_made
    monkeypatch.setattr(BoundedProtocol, "connection_made", connection_made)
    return found


@pytest.mark.parametrize("proxied", [False, True])
def test_who_connects_is_let_in_before_the_rest_of_many_connections_of_another(
    made: list[BoundedProtocol], proxied: bool
) -> None:
    proxies, many = TrustedProxies.parse(["127.0.0.2"] if proxied else []), MOST_WAITING + 40
    with busy(proxies) as (port, begun, go_on), contextlib.ExitStack() as held:
        visitors = [*["127.0.0.66"] * many, "127.0.1.9"]
        clients = [
            held.enter_context(
                opened(
                    port,
                    GET % port + b"X-Forwarded-For: 192.0.2.1, %s\r\n\r\n" % visitor.encode(),
                    "127.0.0.2" if proxied else visitor,
                )
            )
            for visitor in visitors
        ]
        go_on()
        assert b" 200 " in heard(clients.pop())
        assert "127.0.1.9" in begun and len(made) < 120
        answers = [heard(client) for client in clients]
    refused = [each for each in answers if b" 200 " not in each]
    assert set(refused) == {b""} and len(refused) < 60  # more than may wait: closed at once


def test_where_too_many_wait_the_last_in_order_gives_way() -> None:
    async def order() -> list[str]:
        turns, begun = Turns(4), list[str]()

        def ask(name: str) -> asyncio.Future[None]:
            turn = turns.ask([(name[0], 1)])
            turn.add_done_callback(lambda turn: turn.cancelled() or begun.append(name))
            return turn

        await asyncio.wait([ask(name) for name in ("a1", "a2", "a3", "a4", "a5", "b1", "b2")])
        return begun

    assert asyncio.run(order()) == ["a1", "b1", "a2", "b2"]


def test_who_asks_is_answered_before_the_rest_of_many_whose_bodies_end_at_once() -> None:
    many = list[socket.socket]()

    def begin(port: int) -> None:
        form = b"POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
        for _ in range(MANY):
            client = opened(port, form + b"Content-Length: 2\r\n\r\na", "127.0.0.66")
            many.append(held.enter_context(client))
        asked(port, GET % port + b"\r\n", "127.0.0.66")  # has its turn after all of them

    with contextlib.ExitStack() as held, busy(before=begin) as (port, begun, go_on):
        begun.clear()
        for client in many:
            client.sendall(b"b")
        one = held.enter_context(opened(port, GET % port + b"\r\n", "127.0.1.9"))
        go_on()
        assert all(b" 200 " in heard(client) for client in (*many, one))
    assert len(begun) == MANY + 1
    assert begun.index("127.0.1.9") < 20


@pytest.mark.parametrize("reset", [False, True])
def test_who_leaves_before_the_turn_comes_stops_nobody_and_is_no_fault(
    caplog: pytest.LogCaptureFixture, reset: bool
) -> None:
    with busy() as (port, begun, go_on):
        for _ in range(MANY):
            with opened(port, GET % port + b"\r\n", "127.0.0.66") as client:
                linger = struct.pack("ii", reset, 0)  # closing it resets the connection
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        go_on()
        assert b" 200 " in asked(port, GET % port + b"\r\n", "127.0.1.9")
        assert begun.count("127.0.1.9") == 1 and not (reset and "" in begun)
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


@pytest.mark.parametrize("wide", [1, 4])
def test_a_network_is_behind_others_by_what_it_asks_beyond_its_share(wide: int) -> None:
    async def order() -> list[str]:
        turns, begun, each = Turns(), list[str](), list[asyncio.Future[None]]()
        wanted = [
            *(("a", [("a", 1), ("net", wide)]) for _ in range(8)),
            ("b", [("b", 1), ("net", wide)]),
            ("c", [("c", 1), ("other", wide)]),
        ]
        for name, groups in wanted:
            turn = turns.ask(groups)
            turn.add_done_callback(lambda _turn, name=name: begun.append(name))
            each.append(turn)
        each[1].set_result(None)  # gives it up
        await asyncio.wait(each)
        return begun

    begun = asyncio.run(order())
    assert begun.index("c") < begun.index("b") <= 2 + 8 // wide and len(begun) == 10
