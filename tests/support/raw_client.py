"""A client that speaks HTTP byte by byte, from any address of this machine."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"


@contextmanager
def opened(
    port: int, said: bytes = b"", address: str = "127.0.0.1", room: int = 0
) -> Iterator[socket.socket]:
    """Connect and say something; ``room``: bytes of the receive buffer, 0 as usual."""
    with socket.socket() as client:
        if room:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        client.settimeout(30)
        client.bind((address, 0))
        client.connect(("127.0.0.1", port))
        with contextlib.suppress(ConnectionError, BrokenPipeError):
            client.sendall(said)
        yield client


def heard(client: socket.socket) -> bytes:
    """Return all that comes until the server ends the connection."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := client.recv(65536):
            found += piece
    return found


def asked(port: int, said: bytes, address: str = "127.0.0.1") -> bytes:
    """Say something on a connection of its own; return all that comes."""
    with opened(port, said, address) as client:
        return heard(client)


def wait_until_cut(client: socket.socket) -> None:
    """Return once the server has dropped the connection, without reading from it."""
    with contextlib.suppress(ConnectionError, BrokenPipeError):
        while True:
            client.sendall(b"x")
            time.sleep(0.02)


def answered(port: int, address: str = "127.0.0.1") -> bool:
    """Whether a plain request is answered soon; one that finds no room is sent again."""
    request = GET.replace(b"/ ", b"/login ") % port + b"Connection: close\r\n\r\n"
    for _ in range(100):
        answer = asked(port, request, address)
        if answer and b" 503 " not in answer[:20]:
            return answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 404 "))
        time.sleep(0.05)
    return False
