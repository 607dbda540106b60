"""Serves the desk on loopback, or with a token on another address."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from panel.desk.app import application
from panel.desk.guard import guarded, is_address
from panel.desk.own_user import unless_own, who_tells
from panel.desk.session import Desk
from panel.errors import UsageError
from panel.readers.serve.connections import Bounds
from panel.readers.serve.guard import host_name
from panel.readers.serve.proxies import TrustedProxies, parse_address
from panel.readers.serve.server import bind, make_server, narrate
from panel.workspace.addresses import is_loopback

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - recognised, not bound
TOKEN_LENGTH = 12
TOKEN_VARIABLE = "PANEL_DESK_TOKEN"  # noqa: S105 - its name


@dataclass(frozen=True, slots=True)
class Place:
    """Where the desk listens; port 0 takes a free port. token: what visitors must know.

    names: host names by which a proxy in front is reached; proxies: whom to believe what
    X-Forwarded-* say; bounds: what clients may take.
    """

    host: str = "127.0.0.1"
    port: int = 8320
    token: str | None = field(default=None, repr=False)
    names: frozenset[str] = frozenset()
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    bounds: Bounds = field(default_factory=Bounds)

    def check(self) -> None:
        """Raise UsageError for a desk open to others without a token, or with a weak one."""
        if self.token is not None and len(self.token) < TOKEN_LENGTH:
            raise UsageError(
                f"the token is shorter than {TOKEN_LENGTH} characters. Make one: "
                "python -I -c 'import secrets; print(secrets.token_urlsafe())'"
            )
        others = self.names or self.proxies.networks
        if self.token is None and (others or not is_loopback(self.host)):
            raise UsageError(
                f"{'behind a proxy' if others else f'on {self.host}'} the desk is reached from "
                f"other machines, so it needs a token: set {TOKEN_VARIABLE}, or name the file "
                "that holds it with --token-file. On loopback alone it needs none."
            )

    @property
    def listens(self) -> str:
        """The host to listen on. ``localhost`` leads to 127.0.0.1, and to ``::1`` as well."""
        return str(parse_address(self.host) or "127.0.0.1") if is_loopback(self.host) else self.host

    @property
    def shown(self) -> str:
        """The host of the address to open in a browser."""
        host = "127.0.0.1" if self.host in EVERYWHERE else self.listens
        return f"[{host}]" if ":" in host else host

    def known(self, port: int) -> Callable[[str], bool]:
        """Return what says whether a Host header names the desk that listens on ``port``.

        No name does that nobody allowed. A name can lead elsewhere, too, and a page from there
        would be of one origin with the desk.
        """
        hosts = {f"{self.shown}:{port}", *([self.shown] if port == 80 else [])}
        return lambda host: (
            host.lower() in hosts
            or host_name(host) in self.names
            or (self.host in EVERYWHERE and is_address(host))
        )


def read_token(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """Return the token of a file or of PANEL_DESK_TOKEN, None without both; raises UsageError.

    Never of the command line: every user of a machine sees the arguments of every process.
    """
    if file is None:
        return environment.get(TOKEN_VARIABLE, "").strip() or None
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"the token cannot be read from {file}: {reason}.") from None
    if not token:
        raise UsageError(f"{file} is empty. Write the token into it.")
    return token


def listen(place: Place) -> socket.socket:
    """Open the socket; raises UsageError when the address cannot be listened on."""
    place.check()
    return bind(place.listens, place.port)


def address(place: Place, port: int) -> str:
    """Return the address to open in a browser."""
    return f"http://{place.shown}:{port}/"


def server(desk: Desk, place: Place, port: int) -> uvicorn.Server:
    """Return the server of a desk; ``run(sockets=[...])`` serves until it is told to stop."""
    pages = application(desk, gated=place.token is not None)
    told = who_tells()
    user_of = told or (lambda _client, _server: None)
    app = guarded(pages, place.known(port), place.token, place.bounds, user_of)
    if place.token is None and told is not None:
        return make_server(app, place.bounds, place.proxies, unless_own(told))
    return make_server(app, place.bounds, place.proxies)


def serve(
    desk: Desk, place: Place, opened: Callable[[str], None], log: Callable[[str], None]
) -> None:
    """Serve until interrupted; calls ``opened`` with the address once the socket listens."""
    narrate(log)
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
