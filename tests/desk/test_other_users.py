"""The other users of a machine, and a desk without a token."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
import threading
import urllib.parse
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from panel.desk import own_user
from panel.desk.own_user import other_user
from panel.desk.serving import Place, listen, server
from panel.desk.session import Desk
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
LOOP = "0100007F"
MAPPED = f"0000000000000000FFFF0000{LOOP}"
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2080 00000000:0000 0A 00000000:00000000 00:00000000 0  1000        0 7173
   1: {client}:{port:04X} {server}:2080 01 00000000:00000000 00:00000000 0 {user:5} 0 {inode}
"""


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


def request(port: int, path: str = "/", form: dict[str, str] | None = None) -> bytes:
    """Return a request as a page of the desk sends it."""
    body = urllib.parse.urlencode(form or {})
    head = (
        f"{'POST' if form else 'GET'} {path} HTTP/1.1\r\nHost: localhost:{port}\r\n"
        f"Origin: http://localhost:{port}\r\nConnection: close\r\n"
    )
    length = f"Content-Length: {len(body)}\r\n" if form else ""
    return f"{head}{length}\r\n{body}".encode()


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


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what writes the table of connections to a desk of the user 1000 at port 8320."""
    file = tmp_path / "tcp"
    monkeypatch.setattr(own_user, "TABLES", (file, tmp_path / "tcp6"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def write(
        user: int, inode: int = 9, port: int = 5000, client: str = LOOP, server: str = LOOP
    ) -> None:
        row = {"user": user, "inode": inode, "port": port, "client": client, "server": server}
        file.write_text(TABLE.format(**row))

    return write


CLIENT, SERVER = ("127.0.0.1", 5000), ("127.0.0.1", 8320)


def test_the_owner_and_root_are_answered(table: Callable[..., None]) -> None:
    for user in (1000, 0):
        table(user)
        assert other_user(CLIENT, SERVER) is None


def test_an_ipv6_socket_may_stand_for_an_ipv4_address(table: Callable[..., None]) -> None:
    table(1001, client=MAPPED, server=MAPPED)
    assert other_user(CLIENT, SERVER)
    table(1000, client=MAPPED, server=MAPPED)
    assert other_user(CLIENT, SERVER) is None


def test_others_and_who_has_left_are_not_answered(table: Callable[..., None]) -> None:
    table(1001)
    assert other_user(CLIENT, SERVER)
    table(0, inode=0)
    assert other_user(CLIENT, SERVER), "what was left is said to be root's, whosever it was"
    table(1000, port=5001)
    assert other_user(CLIENT, SERVER)
    assert other_user(None, SERVER)


def test_where_the_system_does_not_tell_everybody_is_answered(table: Callable[..., None]) -> None:
    assert other_user(CLIENT, SERVER) is None, "there is no table"
    table(1001)
    assert other_user(CLIENT, ("127.0.0.1", 8321)) is None, "it is a table of something else"
