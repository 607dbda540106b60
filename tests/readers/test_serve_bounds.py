"""What clients may take of the two web programs: room, time, heads and bodies."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import socket
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import h11
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from panel.desk.guard import BODY_LIMIT, LOGIN_LIMIT
from panel.desk.serving import Place
from panel.readers.serve.connections import REFUSED, Bounds, Connections, Group
from panel.readers.serve.guard import LONGEST_BODY
from panel.readers.serve.heads import LONGEST_HEAD, LONGEST_LINE, MOST_HEADERS
from panel.readers.serve.protocol import BoundedProtocol
from panel.readers.serve.proxies import TrustedProxies, parse_address
from panel.readers.serve.server import bind, make_server, narrate, once_a_minute
from panel.readers.serve.wire import Wire
from tests.support.desk_session import desk_open
from tests.support.raw_client import GET, answered, asked, heard, opened, wait_until_cut
from tests.support.readers_server import Served, running, serving
from tests.support.space import Space

TOKEN = "a long enough token"
PATIENT = Bounds(8, 4, *[600.0] * 2, answer_seconds=600.0, linger_seconds=600.0)
HASTY = Bounds(
    head_seconds=0.4, body_seconds=0.4, answer_seconds=0.4, answer_bytes=1, linger_seconds=0.4
)
BIG = 8 * 1024 * 1024
POST = (
    b"POST /login HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)

Open = Callable[[Bounds], contextlib.AbstractContextManager[int]]
OpenSite = Callable[[Bounds], contextlib.AbstractContextManager[Served]]


@pytest.fixture(params=["serve", "desk"])
def program(request: pytest.FixtureRequest) -> Open:
    """Start one of the two programs with bounds; gives its port."""
    name, fixture = request.param, request.getfixturevalue

    @contextlib.contextmanager
    def started(bounds: Bounds) -> Iterator[int]:
        if name == "serve":
            with serving(fixture("tmp_path"), bounds=bounds) as site:
                yield site.port
        else:
            place = Place("127.0.0.1", 0, TOKEN, bounds=bounds)
            with desk_open(fixture("asked").root, place=place) as session:
                yield int(session.base.rsplit(":", 1)[1])

    return started


def post(port: int, rest: bytes) -> bytes:
    return POST % (port, port) + rest


def slow(port: int) -> dict[str, bytes]:
    """Return beginnings of requests that never end, by what is slow in them."""
    return {
        "silence": b"",
        "head": GET % port + b"X-A: b\r\n",
        "body": post(port, b"Content-Length: 10\r\n\r\nab"),
        "idle": GET.replace(b"/ ", b"/login ") % port + b"\r\n",
    }


@pytest.mark.sample(8)
@pytest.mark.parametrize("kind", slow(0))
@pytest.mark.parametrize("one", [True, False])
def test_clients_that_wait_make_room_for_others_also_from_their_own_address(
    program: Open, kind: str, one: bool
) -> None:
    with program(PATIENT) as port, contextlib.ExitStack() as held:
        addresses = ["127.0.0.9" if one else f"127.0.1.{turn}" for turn in range(1, 21)]
        for address in addresses:
            held.enter_context(opened(port, slow(port)[kind], address))
        assert answered(port, "127.0.0.9") and answered(port, "127.0.0.3")


@pytest.mark.parametrize("kind", slow(0))
def test_what_never_comes_is_given_up(program: Open, kind: str) -> None:
    with program(HASTY) as port, opened(port, slow(port)[kind]) as client:
        answer = heard(client)
        assert (b" 408 " in answer[:20]) == (kind == "body")


def test_a_head_that_trickles_is_given_up(program: Open) -> None:
    with (
        program(HASTY) as port,
        opened(port, GET % port) as client,
        pytest.raises(OSError, match=r"reset|pipe|closed"),
    ):
        while True:
            time.sleep(0.05)
            client.sendall(b"X-A: b\r\n")


@pytest.fixture
def big(tmp_path: Path) -> OpenSite:
    """Start a site with a file that no buffer of a socket holds."""

    @contextlib.contextmanager
    def started(bounds: Bounds) -> Iterator[Served]:
        with serving(tmp_path, bounds=bounds) as site:
            (site.folder / "big.txt").write_bytes(b"x" * BIG)
            yield site

    return started


BIG_FILE = GET.replace(b"/ ", b"/big.txt ")


def test_answers_that_nobody_reads_make_room_for_others(big: OpenSite) -> None:
    with big(PATIENT) as site, contextlib.ExitStack() as held:
        for turn in range(1, 21):
            reader = opened(site.port, BIG_FILE % site.port + b"\r\n", f"127.0.1.{turn}", 4096)
            held.enter_context(reader).recv(1)
        assert answered(site.port, "127.0.0.3")


@pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"])
def test_an_answer_that_does_not_move_is_cut(big: OpenSite, close: bytes) -> None:
    request = BIG_FILE + close + b"\r\n"
    with big(HASTY) as site:
        with opened(site.port, request % site.port, room=4096) as client:
            wait_until_cut(client)
        with opened(site.port, request.replace(b"GET", b"HEAD") % site.port) as client:
            assert client.recv(9).startswith(b"HTTP/1.1 ")


@pytest.mark.slow
def test_the_end_of_an_answer_that_nobody_reads_is_cut_as_well(
    big: OpenSite,
) -> None:
    with big(HASTY) as site:
        for kilobytes in (256, 320, 384, 448, 512):  # one of them waits in the server's own buffer
            (site.folder / "big.txt").write_bytes(b"x" * kilobytes * 1024)
            with opened(site.port, BIG_FILE % site.port + b"\r\n", room=4096) as client:
                wait_until_cut(client)


def test_an_answer_that_is_read_slowly_but_surely_comes_whole(big: OpenSite) -> None:
    with big(HASTY) as site:
        request = BIG_FILE % site.port + b"Connection: close\r\n\r\n"
        with opened(site.port, request, room=65536) as client:
            found = 0
            while piece := client.recv(65536):
                found += len(piece)
                time.sleep(0.002)
        assert found > BIG


def test_a_client_that_ends_its_side_after_its_request_is_answered(program: Open) -> None:
    with program(PATIENT) as port:
        with opened(port, slow(port)["idle"]) as client:
            client.shutdown(socket.SHUT_WR)
            assert heard(client).startswith((b"HTTP/1.1 200", b"HTTP/1.1 404"))
        with opened(port, slow(port)["head"]) as client:
            client.shutdown(socket.SHUT_WR)
            assert heard(client) == b""


# Behind a proxy


def test_behind_a_proxy_clients_are_bounded_and_the_proxy_is_not(tmp_path: Path) -> None:
    body = b"X-Forwarded-For: 10.9.9.9, %s\r\nContent-Length: 10\r\n\r\nab"

    def posted(client: bytes) -> contextlib.AbstractContextManager[socket.socket]:
        return opened(site.port, post(site.port, body % client), "127.0.0.2")

    bounds = Bounds(40, 4, 600.0, 600.0)
    with (
        serving(tmp_path, bounds=bounds, trust_proxy=["127.0.0.2"]) as site,
        contextlib.ExitStack() as held,
    ):
        others = [held.enter_context(posted(b"192.0.%d.1" % turn)) for turn in range(20)]
        greedy = [held.enter_context(posted(b"198.51.100.7")) for _ in range(10)]
        for client in greedy[:6]:
            assert heard(client) == b""  # cut, the oldest first
        for client in [*others, *greedy[6:]]:
            client.sendall(b"01234567")
            assert client.recv(9) == b"HTTP/1.1 "


def test_a_network_of_ipv6_has_more_room_the_wider_it_is() -> None:
    bounds = Bounds(one_address=10)
    assert bounds.networks("2001:db8:1:2:3::4") == (
        Group("2001:db8:1:2::/64", 10),
        Group("2001:db8:1::/56", 20),
        Group("2001:db8:1::/48", 40),
    )
    assert bounds.networks("192.0.2.1") == bounds.networks("::ffff:192.0.2.1")
    assert bounds.networks("192.0.2.1") == (Group("192.0.2.1/32", 10), Group("192.0.2.0/24", 40))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1:8080 ", "192.0.2.1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", None),
        ("unknown", None),
        ("192.0.2.1.5", None),
        ("_hidden", None),
    ],
)
def test_addresses_are_read_as_proxies_write_them(text: str, address: str | None) -> None:
    found = parse_address(text)
    assert (found and str(found)) == address


@pytest.mark.parametrize("made_up", ["2002:7f00:1::1", "64:ff9b::7f00:1", "::127.0.0.1", ""])
def test_only_the_address_itself_is_trusted_and_none_that_stands_for_it(made_up: str) -> None:
    proxies = TrustedProxies.parse(["127.0.0.0/8", "::1"])
    assert proxies.trust("127.3.2.1") and proxies.trust("::1") and proxies.trust("::ffff:127.0.0.1")
    assert not proxies.trust(made_up)


class Still:
    """A connection that waits since a moment, or works (None)."""

    def __init__(self, since: float | None) -> None:
        self.since, self.ended = since, False

    def waits_since(self) -> float | None:
        return self.since

    def cut(self) -> None:
        self.ended = True


def test_the_one_that_waits_longest_makes_room_and_one_that_works_never_does() -> None:
    house, small, wide = Connections(), Group("small", 2), Group("wide", 3)
    assert not house.crowded(wide)
    works, old, older = Still(None), Still(5.0), Still(3.0)
    assert all(house.enter(each, [wide]) for each in (works, old, older))
    newest = Still(None)
    assert house.enter(newest, [small, wide]) and older.ended and not old.ended
    assert house.enter(Still(None), [small, wide]) and old.ended
    refused = Still(None)
    assert not house.enter(refused, [small]) and not house.enter(refused, [wide])
    house.leave(newest)
    assert house.enter(refused, [small, wide])


# Heads and bodies


def head(port: int, longest: int, path: bytes = b"/login") -> bytes:
    """Return a request whose head is exactly so many bytes."""
    begun = GET.replace(b"/ ", path + b" ") % port + b"Connection: close\r\nX-Long: "
    return begun + b"x" * (longest - len(begun) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_heads_are_bounded_exactly_however_they_come(program: Open, pieces: int) -> None:
    line = len(b"GET  HTTP/1.1\r")
    with program(Bounds()) as port:
        start = GET.replace(b"/ ", b"/login ") % port + b"Connection: close\r\n"
        padded = start + b"X-A:" + b" " * LONGEST_HEAD + b"b\r\n\r\n"
        many = [start + b"X-A: b\r\n" * (MOST_HEADERS - 2 + more) + b"\r\n" for more in (0, 1)]
        paths = [b"/" + b"a" * (LONGEST_LINE - line - 1 + more) for more in (0, 1)]
        cases = [
            (head(port, LONGEST_HEAD), None),
            (head(port, LONGEST_HEAD + 1), 431),
            (head(port, 10 * LONGEST_HEAD), 431),
            (padded, 431),
            (many[0], None),
            (many[1], 431),
            (start.replace(b"/login", paths[0]) + b"\r\n", None),
            (start.replace(b"/login", paths[1]) + b"\r\n", 414),
            (start.replace(b"/login", b"/" + b"a" * LONGEST_HEAD * 4), 414),
            (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),  # TLS spoken to a plain port
            (b"GET / HTTP/1.1\r\n\r\n", 400),
        ]
        for said, refused in cases:
            with opened(port) as client:
                size = -(-len(said) // pieces)
                for place in range(0, len(said), size):
                    with contextlib.suppress(ConnectionError):
                        client.sendall(said[place : place + size])
                    if pieces > 1:
                        time.sleep(0.002)
                status = int(heard(client)[9:12])
            assert status == refused if refused else status in (200, 303, 404), said[:80]


def test_a_second_head_on_a_connection_is_bounded_as_well(program: Open) -> None:
    with program(Bounds()) as port:
        first = GET.replace(b"/ ", b"/login ") % port + b"\r\n"
        for said in (first + head(port, LONGEST_HEAD + 1), first + head(port, 20 * LONGEST_HEAD)):
            assert b"HTTP/1.1 431 " in asked(port, said)


@pytest.mark.parametrize(
    ("program", "longest"), [("serve", LONGEST_BODY), ("desk", LOGIN_LIMIT)], indirect=["program"]
)
def test_a_body_over_the_bound_is_refused_and_the_client_reads_why(
    program: Open, longest: int
) -> None:
    with program(Bounds()) as port:
        for size, refused in ((longest, False), (longest + 1, True), (1 << 22, True)):
            close = b"Connection: close\r\n"
            said = post(port, close + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
            assert (b" 413 " in asked(port, said)[:20]) == refused


def test_before_the_token_bodies_are_small_and_after_it_as_long_as_a_take(asked: Space) -> None:
    assert LOGIN_LIMIT < BODY_LIMIT
    with desk_open(asked.root, place=Place("127.0.0.1", 0, TOKEN)) as session:
        large = {"text": "x" * (LOGIN_LIMIT + 1)}
        assert session.post("/take/anvil/builder/preview", large)[0] == 413
        headers = session.log_in(TOKEN)
        assert session.post("/take/anvil/builder/preview", large, headers)[0] == 200


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST"])
@pytest.mark.parametrize("more", [b"", b"Content-Length: 5\r\n", b"transfer-encoding: gzip\r\n"])
def test_a_body_in_chunks_is_refused_and_nothing_of_it_is_read(
    program: Open, method: bytes, more: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = list[type]()

    def next_event(conn: h11.Connection) -> object:
        read.append(type(event := take(conn)))
        return event

    take = h11.Connection.next_event
    with program(Bounds()) as port:
        monkeypatch.setattr(h11.Connection, "next_event", next_event)
        head = post(port, more + b"Transfer-Encoding: chunked\r\n\r\n").replace(b"POST", method)
        answer = asked(port, head + b"1\r\nx\r\n" * 8190 + b"0\r\n\r\n" + GET % port + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 411 ") and answer.count(b"HTTP/1.1") == 1
    assert h11.Request not in read and h11.Data not in read


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_a_request_to_read_that_has_a_body_is_refused_and_nothing_behind_it_is_read(
    program: Open, method: bytes
) -> None:
    with program(Bounds()) as port:
        head = GET.replace(b"GET", method) % port
        answer = asked(port, head + b"Content-Length: 3\r\n\r\nabc" + GET % port + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1") == 1
        assert answered(port)
        empty = b"Content-Length: 0\r\nConnection: close\r\n\r\n"
        assert asked(port, GET.replace(b"/ ", b"/login ") % port + empty)[9:12] in (b"200", b"404")


@pytest.mark.parametrize("target", [b"?a=b", b"login", b"login/", b"http://localhost/", b"*"])
def test_what_is_no_path_is_refused_and_leads_nowhere(program: Open, target: bytes) -> None:
    with program(Bounds()) as port:
        answer = asked(port, GET.replace(b"/ ", target + b" ") % port + b"\r\n").lower()
        assert answer.startswith(b"http/1.1 400 ") and b"\nlocation:" not in answer


@contextlib.contextmanager
def narrated(clock: Callable[[], float] = time.monotonic) -> Iterator[list[str]]:
    """Give what is narrated until the block ends."""
    said: list[str] = []
    loggers = [logging.getLogger(name) for name in ("uvicorn", "asyncio")]
    before = [(each.handlers, each.level, each.propagate) for each in loggers]
    try:
        narrate(said.append, clock)
        yield said
    finally:
        for logger, kept in zip(loggers, before, strict=True):
            logger.handlers, logger.level, logger.propagate = kept


@pytest.mark.parametrize("what", [b"websocket", b"h2c"])
def test_who_asks_for_another_protocol_gets_http_and_the_operator_no_advice(
    program: Open, what: bytes
) -> None:
    with narrated() as said, program(Bounds()) as port:
        wish = b"Connection: close, Upgrade\r\nUpgrade: %s\r\n\r\n" % what
        answer = asked(port, GET.replace(b"/ ", b"/login ") % port + wish)
        assert answer[9:12] in (b"200", b"404") and said == []


def test_the_same_line_is_narrated_once_a_minute() -> None:
    now = [0.0]
    with narrated(lambda: now[0]) as said:
        for turn in range(1000):
            logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
            no_room = OSError(24, "Too many open files")
            logging.getLogger("asyncio").error("no room", exc_info=no_room)
            now[0] = turn / 10
        logging.getLogger("uvicorn.error").warning("another\nline")
    room = "no room OSError(24, 'Too many open files')"
    assert said == ["Invalid HTTP request received.", room] * 2 + ["another line"]


def test_what_the_program_itself_says_is_narrated_once_a_minute_too() -> None:
    said, now = list[str](), [0.0]
    log = once_a_minute(said.append, lambda: now[0])
    for turn in range(1000):
        log("The outbox is full.")
        now[0] = turn / 10
    assert said == ["The outbox is full."] * 2


@pytest.mark.slow
def test_connections_fit_into_the_descriptors_that_there_are() -> None:
    program = (
        "import resource, sys\n"
        "from panel.readers.serve.server import with_room\n"
        "from panel.readers.serve.connections import Bounds\n"
        "hard = int(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (hard // 2, hard))\n"
        "print(with_room(Bounds()).connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"
    )
    for hard, connections in ((4096, 512), (1024, 202)):
        run = [sys.executable, "-c", program, str(hard)]
        done = subprocess.run(run, check=True, capture_output=True, text=True)
        found, soft = map(int, done.stdout.split())
        assert found == connections and 3 * found < soft <= hard


class Reset(asyncio.Transport):
    """A transport whose other side is gone."""

    def is_closing(self) -> bool:
        """Return that it has not been told yet."""
        return False

    def write_eof(self) -> None:
        """Find out."""
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    def resume_reading(self) -> None:
        """Have nothing to read."""


def test_a_connection_that_is_reset_as_it_ends_is_no_error() -> None:
    async def ended() -> bool:
        wire = Wire(Reset(), h11.Connection(h11.SERVER))
        wire.end()
        return wire.is_closing()

    assert asyncio.run(ended())


def test_a_crowd_gets_one_answer_a_connection(tmp_path: Path) -> None:
    with serving(tmp_path, bounds=replace(PATIENT, connections=4)) as site:
        request = GET.replace(b"/ ", b"/-/vote.js ") % site.port + b"\r\n"
        with contextlib.ExitStack() as held:
            for turn in range(1, 4):
                held.enter_context(opened(site.port, b"", f"127.0.1.{turn}"))
            answer = asked(site.port, request * 5, "127.0.0.3")
        assert answer.count(b"HTTP/1.1 200") == 1 and b"connection: close" in answer.lower()


@contextlib.contextmanager
def working(bounds: Bounds | None = None) -> Iterator[tuple[int, Callable[[], None]]]:
    """Serve an application that answers nobody before the call that is given with its port."""
    done = threading.Event()

    async def answer(_request: Request) -> Response:
        while not done.is_set():
            await asyncio.sleep(0.01)
        return PlainTextResponse("done")

    bound = bind("127.0.0.1", 0)
    with running(make_server(Starlette(routes=[Route("/", answer)]), bounds), bound):
        try:
            yield bound.getsockname()[1], done.set
        finally:
            done.set()


def test_who_finds_no_room_reads_why_though_the_request_comes_later() -> None:
    with (
        working(replace(PATIENT, one_address=1)) as (port, _finish),
        contextlib.ExitStack() as held,
    ):
        held.enter_context(opened(port, GET % port + b"\r\n"))
        refused = held.enter_context(opened(port))
        answer = heard(refused)
        for said in (GET % port, b"\r\n"):  # a connection that is reset takes no second word
            refused.sendall(said)
            time.sleep(0.05)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 5" in answer
        for _ in range(REFUSED.most):
            held.enter_context(opened(port))
        wait_until_cut(refused)


def test_what_is_written_is_sent_at_once(program: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    options = list[int]()

    def made(connection: BoundedProtocol, transport: asyncio.Transport) -> None:
        accepted = transport.get_extra_info("socket")
        options.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        before(connection, transport)

    before = BoundedProtocol.connection_made
    monkeypatch.setattr(BoundedProtocol, "connection_made", made)
    with program(Bounds()) as port:
        assert answered(port)
    assert options and all(options)


def open_protocols() -> int:
    return sum(type(each) is BoundedProtocol for each in gc.get_objects())


def test_a_connection_that_is_gone_is_forgotten_without_the_garbage_collector(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as site:
        site.get("/")
        gc.collect()
        gc.disable()
        try:
            junk = b"x" * (1 << 17)
            said = (GET % site.port + b"\r\n" + junk, b"", junk, post(site.port, b"\r\n"))
            for each in said:
                with opened(site.port, each) as client:
                    reset = struct.pack("ii", 1, 0)  # closing it resets the connection
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            asked(site.port, post(site.port, b"Content-Length: 9999999\r\n\r\n") + junk)
            until = time.monotonic() + 20
            while open_protocols():
                assert time.monotonic() < until, "some are kept"
                time.sleep(0.05)
        finally:
            gc.enable()


def test_a_client_that_leaves_a_long_answer_is_no_fault(big: OpenSite) -> None:
    with narrated() as said, big(PATIENT) as site:
        for _ in range(3):
            with opened(site.port, BIG_FILE % site.port + b"\r\n", room=4096) as client:
                client.recv(1)
        assert site.get("/").status == 200
        until = time.monotonic() + 20
        while open_protocols():
            assert time.monotonic() < until, "some are answered still"
            gc.collect()
            time.sleep(0.05)
    assert said == site.said == []


def test_little_is_read_of_a_client_before_its_turn_comes() -> None:
    with working() as (port, _finish), contextlib.ExitStack() as held:
        junk, many = b"x" * (1 << 22), 8
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(many):
                client = held.enter_context(opened(port, GET % port + b"\r\n"))
                client.settimeout(0.2)
                with contextlib.suppress(TimeoutError):
                    client.sendall(junk)  # until neither the kernel nor the server takes more
            taken = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert taken < many * 90_000


def test_little_is_held_of_a_client_that_sends_many_requests_ahead_of_the_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = list[int]()

    def data_received(protocol: BoundedProtocol, data: bytes) -> None:
        before(protocol, data)
        body = protocol.cycle.body if protocol.cycle else b""
        held.append(len(protocol.conn.trailing_data[0]) + len(body))

    before = BoundedProtocol.data_received
    monkeypatch.setattr(BoundedProtocol, "data_received", data_received)
    with serving(tmp_path) as site:
        vote = post(site.port, b"Content-Length: 16\r\n\r\ntool=x&vote=ship").replace(
            b"login", b"vote"
        )
        with opened(site.port) as client:
            client.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                client.sendall(vote * ((1 << 20) // len(vote)))
            client.settimeout(30)
            answers = b""
            while answers.count(b"HTTP/1.1 ") < 60:
                answers += client.recv(65536)
    assert max(held) < 80 * 1024
