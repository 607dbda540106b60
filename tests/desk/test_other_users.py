"""The other users of a machine, and a desk without a token."""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import struct
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from panel.desk import own_user
from panel.desk.own_user import Address, UserOf, by_question, by_table, unless_own, who_tells
from panel.desk.serving import Place, listen, server
from panel.desk.session import Desk
from panel.readers.serve.proxies import TrustedProxies
from tests.support.desk_session import desk_open, stands
from tests.support.raw_client import heard
from tests.support.space import Space

NOBODY = 65534
TOKEN = "a long enough token"
TAKE = "/take/anvil/builder"
BECOMES_NOBODY = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0,
    reason="Linux alone says whose a connection is, and root alone can become another user",
)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone says whose a connection is")


def as_nobody(port: int, said: bytes, host: str = "127.0.0.1") -> socket.socket:
    """Connect and say something as another user, whom one thread alone becomes."""
    found: list[socket.socket] = []

    def connect() -> None:
        ctypes.CDLL(None).setfsuid(NOBODY)
        client = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        client.settimeout(30)
        client.connect((host, port))
        client.sendall(said)
        found.append(client)

    thread = threading.Thread(target=connect)
    thread.start()
    thread.join()
    return found[0]


def request(
    port: int,
    path: str = "/",
    form: dict[str, str] | None = None,
    host: str = "127.0.0.1",
    more: str = "",
) -> bytes:
    """Return a request as a page of the desk sends it."""
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    body = urllib.parse.urlencode(form or {})
    head = (
        f"{'POST' if form else 'GET'} {path} HTTP/1.1\r\nHost: {name}\r\n"
        f"Origin: http://{name}\r\nConnection: close\r\n"
    )
    length = f"Content-Length: {len(body)}\r\n" if form else ""
    return f"{head}{more}{length}\r\n{body}".encode()


def port_of(base: str) -> int:
    return int(base.rsplit(":", 1)[1])


@BECOMES_NOBODY
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_desk_without_a_token_answers_its_own_user_alone(asked: Space, host: str) -> None:
    with desk_open(asked.root, place=Place(host, 0)) as session:
        port = port_of(session.base)
        with closing(as_nobody(port, request(port), host)) as client:
            answer = heard(client).decode()
        assert answer.startswith("HTTP/1.1 403 ") and "--token-file" in answer
        assert "anvil" not in answer
        assert session.get(TAKE)[0] == 200


@BECOMES_NOBODY
def test_a_form_of_another_user_who_has_left_before_the_answer_decides_nothing(
    asked: Space,
) -> None:
    with desk_open(asked.root) as session:
        form = session.form("anvil", "builder", action="reject", reason="wrong")
    for abruptly in (False, True):
        desk, place = Desk(asked.root, "Ada"), Place(port=0)
        with listen(place) as listening:
            port = listening.getsockname()[1]
            client = as_nobody(port, request(port, f"{TAKE}/decide", form))
            if abruptly:  # with a reset
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            running = server(desk, place, port)
            thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
            thread.start()
            with closing(socket.create_connection(("127.0.0.1", port), 30)) as own:
                own.sendall(request(port, TAKE))
                assert b"HTTP/1.1 200 " in heard(own)
            running.should_exit = True
            thread.join(20)
        desk.close()
    with desk_open(asked.root) as session:
        assert stands(session) is None


@BECOMES_NOBODY
def test_a_desk_with_a_token_lets_other_users_log_in(asked: Space) -> None:
    with desk_open(asked.root, place=Place(port=0, token=TOKEN)) as session:
        port = port_of(session.base)
        with closing(as_nobody(port, request(port, "/login", {"token": TOKEN}))) as client:
            answer = heard(client).decode()
    assert answer.startswith("HTTP/1.1 303 ") and "set-cookie" in answer.lower()


@BECOMES_NOBODY
@pytest.mark.parametrize("proxied", [False, True])
def test_a_session_answers_only_the_user_of_this_machine_who_logged_in(
    asked: Space, proxied: bool
) -> None:
    proxies = TrustedProxies.parse(["127.0.0.1"] if proxied else [])
    with desk_open(asked.root, place=Place("127.0.0.1", 0, TOKEN, proxies=proxies)) as session:
        port, sent = port_of(session.base), {"X-Forwarded-For": "192.0.2.1"}
        cookie = session.log_in(TOKEN)["Cookie"]
        more = f"Cookie: {cookie}\r\nX-Forwarded-For: 192.0.2.1\r\n"
        own = {"Host": session.base[7:], "Cookie": cookie} | sent
        for path, form in ((TAKE, None), (f"{TAKE}/decide", {"action": "reject"})):
            with closing(as_nobody(port, request(port, path, form, more=more))) as client:
                answer = heard(client).decode()
            assert answer.startswith(("HTTP/1.1 303 ", "HTTP/1.1 401 ")) and "anvil" not in answer
            assert session.raw("GET", TAKE, own).status == 200, "it goes on for who began it"
        assert stands(session) is None


@contextmanager
def connected(host: str) -> Iterator[tuple[Address, Address, socket.socket]]:
    """Connect on loopback; yields the ends' addresses as the server has them, and the client.

    A server on ``::ffff:127.0.0.1`` has IPv6 sockets, and clients with IPv4 ones.
    """
    mapped = host.startswith("::ffff:")
    with (
        socket.create_server(
            (host, 0),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            dualstack_ipv6=mapped,
        ) as listening,
        closing(
            socket.create_connection((host.removeprefix("::ffff:"), listening.getsockname()[1]))
        ) as client,
    ):
        accepted, _ = listening.accept()
        with accepted:
            yield accepted.getpeername()[:2], accepted.getsockname()[:2], client


@LINUX
@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("ask", [by_question, by_table])
def test_the_user_of_one_connection_is_told_and_of_no_other(ask: UserOf, host: str) -> None:
    with connected(host) as (client, server, end):
        assert ask(client, server) == os.geteuid()
        assert ask((client[0], 1), server) is None
        assert ask(server, (client[0], 1)) is None, "whoever listens there has not connected"
        assert ask(None, server) is None and ask(client, None) is None
        end.close()
        assert ask(client, server) is None, "it was left, and is said to be root's"


@BECOMES_NOBODY
def test_another_user_is_not_answered_whatever_the_table_of_connections_lacks(
    asked: Space, no_tables: None
) -> None:
    with desk_open(asked.root) as session:
        port = port_of(session.base)
        with closing(as_nobody(port, request(port))) as client:
            assert heard(client).startswith(b"HTTP/1.1 403 ")
        assert session.get(TAKE)[0] == 200


@LINUX
def test_where_the_kernel_takes_no_questions_a_row_that_is_missing_is_nobodys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(socket, "AF_NETLINK")
    assert (told := who_tells()) is by_table
    with connected("127.0.0.1") as (client, server, _end):
        assert unless_own(told)(client, server) is None
        monkeypatch.setattr(own_user, "TABLES", (tmp_path / "tcp",))
        assert unless_own(told)(client, server)


def test_where_the_system_does_not_tell_everybody_is_answered(
    asked: Space, no_tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "AF_NETLINK", raising=False)
    assert who_tells() is None
    with desk_open(asked.root) as session:
        assert session.get(TAKE)[0] == 200


@LINUX
def test_who_cannot_be_looked_up_for_want_of_descriptors_is_not_answered() -> None:
    told = who_tells()
    assert told is not None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with connected("127.0.0.1") as (client, server, end):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(end.fileno(), 3), hard))
            refused = unless_own(told)(client, server)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert refused
        assert unless_own(told)(client, server) is None


@pytest.fixture
def no_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system have no tables of connections."""
    monkeypatch.setattr(own_user, "TABLES", (tmp_path / "tcp",))
