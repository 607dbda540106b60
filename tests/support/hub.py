"""A hub on loopback that has files, sends on to another host for their bytes, and misbehaves."""

from __future__ import annotations

import hashlib
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

REPO = "smiths/anvil-gguf"
FILE = "anvil-Q4.gguf"
COMMIT = "a" * 40


def model_bytes(size: int = 300_000, seed: int = 1) -> bytes:
    """Return bytes that begin as a GGUF file does, each seed's others."""
    block = hashlib.sha256(str(seed).encode()).digest()
    blocks = b"".join(hashlib.sha256(block + i.to_bytes(4)).digest() for i in range(size // 32 + 1))
    return (b"GGUF" + blocks)[:size]


@dataclass
class Asked:
    """One request: to the hub itself or to the host of its bytes, and its headers."""

    where: str
    method: str
    path: str
    headers: dict[str, str]


@dataclass
class FakeHub:
    """What a hub has and does.

    body: the file's bytes. sends: what the other host sends in place of them. lfs: whether the hub
    tells its SHA-256. apart: whether the bytes come from another host. cuts: after how many bytes
    each of the next answers breaks off; stall: or stays open without a byte more. statuses: what
    it answers to the next requests for bytes, with headers. refuses: what the hub itself answers
    to everything. ranges: "heed", "ignore", "wrong" or "416". length: a wrong Content-Length,
    below 0 for none. head: whether HEAD is answered. linked: whether the hub tells what a file is,
    as the real one does; told: in other
    words. chunk: bytes sent at once; pace: called before each. tls: for https.
    asked: what was asked so far.
    """

    body: bytes
    sends: bytes | None = None
    lfs: bool = True
    apart: bool = True
    commit: str = COMMIT
    cuts: list[int] = field(default_factory=list)
    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    refuses: tuple[int, dict[str, str]] | None = None
    ranges: str = "heed"
    length: int | None = None
    stall: bool = False
    head: bool = True
    linked: bool = True
    told: dict[str, str] = field(default_factory=dict)
    chunk: int = 16_384
    pace: Callable[[], None] = lambda: None
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    address: str = ""
    store: str = ""
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file, in hex."""
        return hashlib.sha256(self.body).hexdigest()

    def gets(self) -> list[Asked]:
        """Return the requests for bytes to the host that has them."""
        where = "store" if self.apart else "hub"
        return [each for each in self.asked if each.where == where and each.method == "GET"]


@contextmanager
def fake_hub(body: bytes | None = None, **how: object) -> Iterator[FakeHub]:
    """Serve as a hub, and as the host of its bytes, while the block runs."""
    hub = FakeHub(model_bytes() if body is None else body, **how)  # type: ignore[arg-type]
    scheme = "http" if hub.tls is None else "https"
    with _served(hub, "hub") as address, _served(hub, "store") as store:
        hub.address, hub.store = f"{scheme}://{address}", f"{scheme}://{store}"
        yield hub


@contextmanager
def _served(hub: FakeHub, where: str) -> Iterator[str]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked has gone
                _answer(hub, where, self)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        if hub.tls is not None:
            server.socket = hub.tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            hub.gone.set()
            server.shutdown()


def _answer(hub: FakeHub, where: str, handler: socketserver.StreamRequestHandler) -> None:
    first = handler.rfile.readline().decode("latin-1").split()
    if len(first) < 2:
        return
    headers: dict[str, str] = {}
    while (line := handler.rfile.readline().strip()) != b"":
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    asked = Asked(where, first[0], first[1], headers)
    hub.asked.append(asked)
    if where == "hub" and hub.refuses is not None:
        _head(handler, *hub.refuses)
    elif asked.method == "HEAD" and not hub.head and (where == "store" or hub.linked):
        _head(handler, 403 if where == "store" else 405, {})
    elif where == "hub" and not re.fullmatch(r"/[^/]+/[^/]+/resolve/[^/]+/.+", asked.path):
        _head(handler, 404, {"X-Error-Code": "EntryNotFound"})
    elif where == "hub" and hub.apart:
        signed = f"{hub.store}/blob?X-Amz-Signature=abc&X-Amz-Expires=3600"
        _head(handler, 302, {"Location": signed, **_told(hub)})
    elif asked.method == "HEAD":
        _head(handler, 200, {"Content-Length": str(len(hub.body)), **_told(hub)})
    else:
        _send(hub, asked, handler)


def _told(hub: FakeHub) -> dict[str, str]:
    if not hub.linked:
        return {}
    told = {"X-Repo-Commit": hub.commit, "X-Linked-Size": str(len(hub.body))}
    etag = hub.sha256 if hub.lfs else hashlib.sha1(hub.body).hexdigest()
    return told | {"X-Linked-Etag": f'"{etag}"', "ETag": f'"{etag}"'} | hub.told


def _send(hub: FakeHub, asked: Asked, handler: socketserver.StreamRequestHandler) -> None:
    if hub.statuses:
        _head(handler, *hub.statuses.pop(0))
        return
    body = hub.body if hub.sends is None else hub.sends
    start = _start(hub, asked)
    if start is not None and hub.ranges == "416":
        _head(handler, 416, {"Content-Range": f"bytes */{len(body)}"})
        return
    if start is None or hub.ranges == "ignore":
        start, status, more = 0, 200, {}
    else:
        start = start + 1 if hub.ranges == "wrong" else start
        status, more = 206, {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
    part = body[start:]
    told = len(part) if hub.length is None else hub.length
    length = {"Content-Length": "" if told < 0 else str(told)}
    _head(handler, status, {**length, "ETag": '"of-the-store"', **more})
    most = hub.cuts.pop(0) if hub.cuts else None
    part = part if most is None else part[:most]
    for begin in range(0, len(part), hub.chunk):
        hub.pace()
        handler.wfile.write(part[begin : begin + hub.chunk])
        handler.wfile.flush()
    if most is not None and hub.stall:
        hub.gone.wait(30)
    elif most is not None:
        handler.request.shutdown(socket.SHUT_RDWR)


def _start(hub: FakeHub, asked: Asked) -> int | None:
    found = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", ""))
    wanted = asked.headers.get("if-range")
    etag = hub.sha256 if hub.lfs else hashlib.sha1(hub.body).hexdigest()
    if found is None or (wanted is not None and not hub.apart and wanted != f'"{etag}"'):
        return None
    return int(found[1])


def _head(handler: socketserver.StreamRequestHandler, status: int, headers: dict[str, str]) -> None:
    lines = {"Content-Length": "0", "Connection": "close", **headers}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    handler.wfile.write(f"HTTP/1.1 {status} Told\r\n{text}\r\n".encode("latin-1"))
