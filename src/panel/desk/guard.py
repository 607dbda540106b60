"""Who may speak to the desk: the right host, the right origin and, beyond loopback, a token.

A page elsewhere can make a browser send requests to loopback, and a name that resolves to
loopback can make it read the answers. So every request must name a host that this desk is
known by, and every POST must come from one of its own pages.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

import anyio
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "panel_desk"
BODY_LIMIT = 256 * 1024  # bytes of a POST
WRONG_TOKEN_SECONDS = 1.0

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; frame-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_hosts(host: str, port: int) -> frozenset[str]:
    """Return the Host headers that a desk listening there is known by."""
    names = {host} if not is_loopback(host) else {"127.0.0.1", "localhost", "[::1]"}
    shown = {f"[{name}]" if ":" in name and not name.startswith("[") else name for name in names}
    return frozenset(f"{name}:{port}" for name in shown) | (shown if port == 80 else set())


def _is_address(host: str) -> bool:
    """Whether a Host header is a bare address: no name that could be made to lead here."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class Guard:
    """Lets through what may pass, and puts the headers on every answer.

    hosts: Host headers known. any_address: also any bare address, for a desk that listens
    on all of them. token: what a visitor must know; None on loopback.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Iterable[str],
        any_address: bool = False,
        token: str | None = None,
    ) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._any_address = any_address
        self._token = token
        self._sessions: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _value in message["headers"]}
                message["headers"] += [
                    (name.lower().encode(), value.encode())
                    for name, value in HEADERS.items()
                    if name.lower().encode() not in there
                ]
            await send(message)

        headers = Headers(scope=scope)
        refused = self._refusal(scope, headers)
        if refused is not None:
            await refused(scope, receive, marked)
            return
        if self._token is not None and scope["path"] == "/login" and scope["method"] == "POST":
            answer = await self._login(scope, receive)
            await answer(scope, receive, marked)
            return
        await self._app(scope, receive, marked)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._known(hosts[0]):
            return PlainTextResponse(
                "This desk is not known by that host name. Use the address it printed.", 421
            )
        if scope["method"] == "POST":
            if not self._own(headers, hosts[0]):
                return PlainTextResponse(
                    "Refused: the request does not come from a page of this desk.", 403
                )
            length = headers.get("content-length", "")
            if not length.isdigit() or int(length) > BODY_LIMIT:
                return PlainTextResponse("The form is too large.", 413)
        elif scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("Only GET and POST are answered.", 405)
        if self._token is not None and not self._admitted(scope, headers):
            if scope["method"] == "GET":
                return RedirectResponse("/login", 303)
            return PlainTextResponse("Log in first: open the address with its token.", 401)
        return None

    def _known(self, host: str) -> bool:
        return host.lower() in self._hosts or (self._any_address and _is_address(host))

    @staticmethod
    def _own(headers: Headers, host: str) -> bool:
        """Whether a browser says that one of this desk's own pages sends the request.

        Both marks must agree; a client that sends neither is refused.
        """
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is None and origin is None:
            return False
        own = (f"http://{host}".lower(), f"https://{host}".lower())
        same = origin is None or origin.lower() in own
        return same and site in (None, "same-origin")

    def _admitted(self, scope: Scope, headers: Headers) -> bool:
        path = scope["path"]
        if path == "/login" or path.startswith("/assets/"):
            return True
        jar = SimpleCookie()
        try:
            jar.load(headers.get("cookie", ""))
        except CookieError:
            return False
        held = jar[COOKIE].value if COOKIE in jar else ""
        return any(hmac.compare_digest(held.encode(), known.encode()) for known in self._sessions)

    async def _login(self, scope: Scope, receive: Receive) -> Response:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body") or len(body) > BODY_LIMIT:
                break
        said = parse_qs(body.decode("utf-8", "replace"), max_num_fields=4).get("token", [""])[0]
        assert self._token is not None
        if not hmac.compare_digest(said.encode(), self._token.encode()):
            await anyio.sleep(WRONG_TOKEN_SECONDS)
            return RedirectResponse("/login?wrong=1", 303)
        session = secrets.token_urlsafe(32)
        self._sessions.add(session)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, session, httponly=True, samesite="strict", path="/")
        return answer
