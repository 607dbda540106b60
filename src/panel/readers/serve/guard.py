"""What every request passes before a page sees it, and the headers every answer carries.

A page of another site can make a browser send requests to this one, and a name that resolves
to this machine lets such a page read the answers (DNS rebinding). So every request must name
a known host, and every POST must come from one of this site's own pages.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from panel.readers.serve.connections import Bounds
from panel.readers.serve.proxies import FORWARDED_HOST

LONGEST_BODY = 8192  # bytes
# In the state of a request whose body was not whole when it began: waits for another turn, so that
# many bodies that end at once are not all read at once.
NEXT_TURN = "next_turn"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(:[0-9]{1,5})?")

POLICY = "Content-Security-Policy"


def content_policy(*style_hashes: str) -> str:
    """Return the Content-Security-Policy; inline styles only with one of these hashes."""
    styles = " ".join(["'self'", *(f"'{each}'" for each in style_hashes)])
    return (
        f"default-src 'none'; script-src 'self'; style-src {styles}; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


HEADERS = {
    POLICY: content_policy(),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": browsers would then send "Origin: null" with this site's own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@dataclass(frozen=True, slots=True)
class GuardRules:
    """What a guard lets through.

    known: whether a Host header names this site. unknown_host: the answer to any other.
    longest_body: bytes of the body of a request. headers: set on each answer that does not set
    them itself. without_origin: paths that also take a POST from a client that is not a browser.
    bounds: how long a body may take.
    """

    known: Callable[[str], bool]
    unknown_host: str
    longest_body: Callable[[Scope], int] = lambda _scope: LONGEST_BODY
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)
    without_origin: frozenset[str] = frozenset()
    bounds: Bounds = field(default_factory=Bounds)


def host_name(host: str) -> str | None:
    """Return the name in a Host header, in lower case and without its port; None if malformed."""
    found = _HOST.fullmatch(host.strip().lower())
    return found[1].rstrip(".") if found else None


class Guard:
    """Refuses unknown hosts and cross-site POSTs, limits bodies, sets the security headers."""

    def __init__(self, app: ASGIApp, rules: GuardRules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._seal(message)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None and _has_body(scope):
            body = await _body(scope, receive, self._rules)
            if next_turn := scope.get("state", {}).get(NEXT_TURN):
                await next_turn()
            if isinstance(body, bytes):
                receive = _replay(body, receive)
            else:
                refusal = body
        if refusal is None:
            await self._app(scope, receive, sealed)
            return
        status, words = refusal
        closing = {"Connection": "close", "Cache-Control": "no-store"}
        await PlainTextResponse(words + "\n", status, closing)(scope, receive, sealed)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        # Both: a page whose name was rebound to this machine can set any header but Host.
        shown = scope.get("state", {}).get(FORWARDED_HOST, hosts[0] if hosts else "")
        if len(hosts) != 1 or not self._rules.known(hosts[0]) or not self._rules.known(shown):
            return 400, self._rules.unknown_host
        _set_host(scope, shown)
        if not scope["path"].startswith("/"):  # pages would be sent on to the Host with a slash
            return 400, "An address begins with a slash."
        if scope["method"] in ("GET", "HEAD"):
            return (400, "A request to read has no body.") if _has_body(scope) else None
        if scope["method"] != "POST":
            return 405, "Only GET, HEAD and POST are answered."
        if not _same_origin(scope, scope["path"] in self._rules.without_origin):
            return 403, "This form was sent from another site and is refused."
        return None

    def _seal(self, message: Message) -> None:
        headers = MutableHeaders(raw=message["headers"])
        message["headers"] = headers.raw
        for name, value in self._rules.headers.items():
            # With a 304 it would replace the policy that the browser keeps with the page.
            if name != POLICY or message["status"] != 304:
                headers.setdefault(name, value)


def _set_host(scope: Scope, host: str) -> None:
    others = [pair for pair in scope["headers"] if pair[0] != b"host"]
    scope["headers"] = [(b"host", host.encode("latin-1")), *others]


def _same_origin(scope: Scope, without: bool) -> bool:
    """Whether a POST comes from a page of this site: same name and port.

    The scheme may be any unless a trusted proxy says that it is https: a proxy that is not
    trusted may speak https as well. ``without``: the answer for a client that sends neither
    header, as browsers do.
    """
    headers = Headers(scope=scope)
    sites, origins = headers.getlist("sec-fetch-site"), headers.getlist("origin")
    if not sites and not origins:
        return without
    if any(site != "same-origin" for site in sites):
        return False
    schemes = ("https",) if scope["scheme"] == "https" else ("http", "https")
    return all(_is_origin(origin, headers["host"], schemes) for origin in origins)


def _is_origin(origin: str, host: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in schemes and parts.netloc.lower() == host.strip().lower()


def _has_body(scope: Scope) -> bool:
    return Headers(scope=scope).get("content-length", "0") != "0"


async def _body(scope: Scope, receive: Receive, rules: GuardRules) -> bytes | tuple[int, str]:
    """Return the whole body, or the status and words of a refusal."""
    longest, bounds = rules.longest_body(scope), rules.bounds
    too_long = 413, f"The body is longer than {longest} bytes."
    announced = Headers(scope=scope).get("content-length", "0")
    if not announced.isdecimal() or int(announced) > longest:
        return too_long
    body = bytearray()
    until = asyncio.get_running_loop().time() + bounds.body_seconds
    try:
        async with asyncio.timeout_at(until) as limit:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return 400, "The body broke off."
                body += message.get("body", b"")
                if len(body) > longest:
                    return too_long
                if not message.get("more_body"):
                    return bytes(body)
                limit.reschedule(until + len(body) / bounds.body_rate)
    except TimeoutError:
        return 408, "The body came too slowly."


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed
