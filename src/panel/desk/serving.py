"""Serves the desk on loopback, or with a token on another address."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn

from panel.desk.app import application
from panel.desk.guard import guarded, is_loopback, own_hosts
from panel.desk.session import Desk
from panel.errors import UsageError
from panel.readers.serve.server import BACKLOG, bind, make_server

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - recognised, not bound
TOKEN_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where the desk listens; port 0 takes a free port. token: what visitors must know."""

    host: str = "127.0.0.1"
    port: int = 8320
    token: str | None = None

    def check(self) -> None:
        """Raise UsageError for a desk open to others without a token, or with a weak one."""
        if self.token is not None and len(self.token) < TOKEN_LENGTH:
            raise UsageError(
                f"the token is shorter than {TOKEN_LENGTH} characters. Make one: "
                "python -c 'import secrets; print(secrets.token_urlsafe())'"
            )
        if self.token is None and not is_loopback(self.host):
            raise UsageError(
                f"{self.host} is reached from other machines, so the desk needs --token TOKEN "
                "there. Without --host it is on loopback and needs none."
            )


def listen(place: Place) -> socket.socket:
    """Open the socket; raises UsageError when the address cannot be listened on."""
    place.check()
    opened = bind(place.host, place.port)
    opened.listen(BACKLOG)
    return opened


def address(place: Place, port: int) -> str:
    """Return the address to open in a browser."""
    host = "127.0.0.1" if place.host in EVERYWHERE else place.host
    shown = f"[{host}]" if ":" in host else host
    secret = f"login#token={place.token}" if place.token else ""
    return f"http://{shown}:{port}/{secret}"


def server(desk: Desk, place: Place, port: int) -> uvicorn.Server:
    """Return the server of a desk; ``run(sockets=[...])`` serves until it is told to stop."""
    hosts = own_hosts(place.host, port)
    if place.host in EVERYWHERE:
        hosts = own_hosts("127.0.0.1", port) | {f"{socket.gethostname().lower()}:{port}"}
    app = guarded(application(desk), hosts, place.host in EVERYWHERE, place.token)
    return make_server(app)


def serve(desk: Desk, place: Place, opened: Callable[[str], None]) -> None:
    """Serve until interrupted; calls ``opened`` with the address once the socket listens."""
    with listen(place) as listening:
        port = listening.getsockname()[1]
        opened(address(place, port))
        desk.check_all()
        try:
            server(desk, place, port).run(sockets=[listening])
        except KeyboardInterrupt:
            pass
        finally:
            desk.close()
