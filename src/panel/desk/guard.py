"""Who may use the desk: its own pages and, beyond loopback, who knows the token."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

import anyio
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from panel.readers.serve import guard
from panel.readers.serve.guard import LOOPBACK, POLICY, Guard, GuardRules, content_policy

COOKIE = "panel_desk"
BODY_LIMIT = 256 * 1024  # bytes of a POST
WRONG_TOKEN_SECONDS = 1.0

HEADERS = guard.HEADERS | {
    POLICY: f"{content_policy()}; frame-src 'self'",  # the preview of a comparison
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
    """Return the Host headers that name a desk which listens at ``host`` and ``port``."""
    names = LOOPBACK if is_loopback(host) else {f"[{host}]" if ":" in host else host}
    return frozenset(f"{name}:{port}" for name in names) | (names if port == 80 else frozenset())


def _is_address(host: str) -> bool:
    """Whether a Host header is a bare address, and so not a name that DNS could rebind."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def guarded(app: ASGIApp, hosts: frozenset[str], any_address: bool, token: str | None) -> Guard:
    """Return the desk's application behind its guard.

    hosts: the Host headers it is known by. any_address: also any bare address, for a desk
    that listens on all of them. token: what a visitor must know; None on loopback.
    """
    rules = GuardRules(
        known=lambda host: host.lower() in hosts or (any_address and _is_address(host)),
        unknown_host="This desk is not known by that host name. Use the address it printed.",
        longest_body=lambda _scope: BODY_LIMIT,
        headers=HEADERS,
    )
    return Guard(app if token is None else TokenGate(app, token), rules)


class TokenGate:
    """Asks each browser once for the token, then recognises it by a random cookie."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token
        self._sessions: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        app = self._app
        if scope["type"] == "http":
            if scope["path"] == "/login" and scope["method"] == "POST":
                app = await self._login(Request(scope, receive))
            elif not self._admitted(scope):
                app = (
                    RedirectResponse("/login", 303)
                    if scope["method"] == "GET"
                    else PlainTextResponse("Log in first: open the address with its token.", 401)
                )
        await app(scope, receive, send)

    def _admitted(self, scope: Scope) -> bool:
        path = scope["path"]
        if path == "/login" or path.startswith("/assets/"):
            return True
        jar = SimpleCookie()
        try:
            jar.load(Headers(scope=scope).get("cookie", ""))
        except CookieError:
            return False
        held = jar[COOKIE].value if COOKIE in jar else ""
        return any(hmac.compare_digest(held.encode(), known.encode()) for known in self._sessions)

    async def _login(self, request: Request) -> Response:
        body = (await request.body()).decode("utf-8", "replace")
        said = parse_qs(body).get("token", [""])[0]
        if not hmac.compare_digest(said.encode(), self._token.encode()):
            await anyio.sleep(WRONG_TOKEN_SECONDS)
            return RedirectResponse("/login?wrong=1", 303)
        session = secrets.token_urlsafe(32)
        self._sessions.add(session)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, session, httponly=True, samesite="strict", path="/")
        return answer
