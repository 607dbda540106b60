"""Who may use the desk: its own pages and, beyond loopback, who knows the token."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from panel.desk.login import TokenGate
from panel.desk.own_user import UserOf
from panel.readers.serve import guard
from panel.readers.serve.connections import Bounds
from panel.readers.serve.guard import POLICY, Guard, GuardRules, content_policy

BODY_LIMIT = 1_500_000  # bytes of a POST: a description of 100,000 characters, percent-encoded
LOGIN_LIMIT = 4096  # bytes of a POST by somebody who has not logged in

HEADERS = guard.HEADERS | {
    POLICY: f"{content_policy()}; frame-src 'self'",  # the preview of a comparison
    "Cache-Control": "no-store",
}


# What a browser gets that asks for the script of a service worker. The desk has none: whoever had
# its address before it has left one there, which would see and change all of its pages.
NO_WORKER = """\
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(registration.unregister()));
"""
ANYWHERE = {"Service-Worker-Allowed": "/"}  # wherever its script was


def is_address(host: str) -> bool:
    """Whether a Host header is a bare address, and so not a name that DNS could rebind."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def guarded(
    app: ASGIApp,
    known: Callable[[str], bool],
    token: str | None,
    bounds: Bounds,
    user_of: UserOf,
) -> Guard:
    """Return the desk's application behind its guard.

    known: whether a Host header names this desk. token: what a visitor must know; None for a
    desk that only this machine reaches. user_of: whose program has connected.
    """
    gate = None if token is None else TokenGate(app, token, user_of)
    worker = Response(NO_WORKER, media_type="text/javascript", headers=ANYWHERE)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == "http" and "service-worker" in Headers(scope=scope)
        await (worker if asked else gate or app)(scope, receive, send)

    def longest(scope: Scope) -> int:
        return BODY_LIMIT if gate is None or gate.admit(scope) else LOGIN_LIMIT

    rules = GuardRules(
        known=known,
        unknown_host="This desk is not known by that host name. Use the address it printed, or "
        "name it: --allow-host.",
        longest_body=longest,
        headers=HEADERS,
        bounds=bounds,
    )
    return Guard(answer, rules)
