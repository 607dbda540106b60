"""What every request passes before anything looks at it, and what every answer carries."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_BODY = 8192  # bytes
BODY_SECONDS = 10.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
# A mail provider unsubscribes for its user from a machine that is no browser (RFC 8058); the
# signed token in the address is all the right it needs, and all there is to protect.
WITHOUT_ORIGIN = frozenset({"/unsubscribe"})
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(:[0-9]{1,5})?")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src {styles}; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": browsers would then send "Origin: null" with this site's own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def content_policy(*style_hashes: str) -> str:
    """Return the Content-Security-Policy; inline styles only with one of these hashes."""
    return POLICY.format(styles=" ".join(["'self'", *(f"'{each}'" for each in style_hashes)]))


def host_name(host: str) -> str | None:
    """Return the name in a Host header, in lower case and without its port; None if malformed."""
    found = _HOST.fullmatch(host.strip().lower())
    return found[1].rstrip(".") if found else None


class Guard:
    """Refuses foreign Hosts and cross-site POSTs, bounds bodies, sets the security headers.

    hosts: the names under which the site may be asked for, without ports. A page of another
    site that points its own name here (DNS rebinding) sends that name, and is refused.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                _seal(message)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None and scope["method"] == "POST":
            body = await _body(Headers(scope=scope), receive)
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
        if len(hosts) != 1 or host_name(hosts[0]) not in self._hosts:
            return 400, "This host name is not served here. The operator adds it: --allow-host."
        if scope["method"] in ("GET", "HEAD"):
            return None
        if scope["method"] != "POST":
            return 405, "Only GET, HEAD and POST are answered."
        if not _same_origin(headers, hosts[0], scope["path"] in WITHOUT_ORIGIN):
            return 403, "This form was sent from another site, and is refused."
        return None


def _same_origin(headers: Headers, host: str, without: bool) -> bool:
    """Whether a POST comes from a page of this very site: scheme aside, same name and port."""
    sites, origins = headers.getlist("sec-fetch-site"), headers.getlist("origin")
    if not sites and not origins:
        return without
    if any(site != "same-origin" for site in sites):
        return False
    return all(_is_origin(origin, host) for origin in origins)


def _is_origin(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.strip().lower()


async def _body(headers: Headers, receive: Receive) -> bytes | tuple[int, str]:
    too_long = 413, f"The body is longer than {LONGEST_BODY} bytes."
    announced = headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > LONGEST_BODY:
        return too_long
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return 400, "The body broke off."
                body += message.get("body", b"")
                if len(body) > LONGEST_BODY:
                    return too_long
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        return 408, f"The body did not arrive within {BODY_SECONDS:g} s."


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


def _seal(message: Message) -> None:
    headers = MutableHeaders(raw=message["headers"])
    message["headers"] = headers.raw
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if message["status"] != 304:  # it would replace the one kept with the page
        headers.setdefault("Content-Security-Policy", content_policy())
