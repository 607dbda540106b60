"""An HTTP proxy on loopback that leads every host to one port, or refuses."""

from __future__ import annotations

import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class ProxyServer:
    """What a proxy does, and what it was asked.

    status: what it answers to everything; 200 to let everything through. leads_to: the port that
    every host is. heads: the heads of the requests, credentials and all. After a CONNECT it sees
    nothing more. address: its own.
    """

    status: int = 200
    leads_to: int = 0
    heads: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def proxy_server(status: int = 200, leads_to: int = 0) -> Iterator[ProxyServer]:
    """Serve as a proxy while the block runs."""
    made = ProxyServer(status, leads_to)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            _serve(made, self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        made.address = f"127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield made
        finally:
            server.shutdown()


def _serve(proxy: ProxyServer, client: socket.socket) -> None:
    head = b""
    while not head.endswith(b"\r\n\r\n") and (byte := client.recv(1)):
        head += byte
    if not head:
        return
    proxy.heads.append(head.decode("latin-1"))
    if proxy.status != 200:
        body = b"<html><title>Access denied</title></html>"
        lines = f"HTTP/1.1 {proxy.status} Denied\r\nContent-Length: {len(body)}\r\n"
        lines += "X-Squid-Error: ERR_ACCESS_DENIED 0\r\n"
        client.sendall(f"{lines}Connection: close\r\n\r\n".encode() + body)
        return
    with socket.create_connection(("127.0.0.1", proxy.leads_to)) as there:
        if head.startswith(b"CONNECT "):
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:  # to the origin, the target is a path
            method, target, rest = head.split(b" ", 2)
            path = b"/" + target.split(b"/", 3)[3]
            there.sendall(b" ".join((method, path, rest)))
        _join(client, there)


def _join(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until either side ends."""
    pairs = {one: other, other: one}
    while True:
        ready, _, _ = select.select([one, other], [], [])
        for source in ready:
            try:
                data = source.recv(65536)
            except OSError:
                return
            if not data:
                return
            pairs[source].sendall(data)
