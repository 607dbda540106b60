"""Who may use the desk: its own pages and, beyond loopback, who knows the token."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from starlette.types import ASGIApp, Scope

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
    return Guard(gate or app, rules)
