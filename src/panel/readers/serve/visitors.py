"""Who asks: a random number in a signed cookie, and a network address."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from panel.readers.community.networks import Address, parse_network_address
from panel.readers.community.secret import Secret

COOKIE = "panel_visitor"
PURPOSE = "visitor"
COOKIE_SECONDS = 400 * 86400  # as long as browsers keep any


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who votes: the hash they are stored as, their cookie, and whether it is new."""

    hash: str
    token: str
    new: bool


def visitor_of(request: Request, secret: Secret) -> Visitor:
    """Return the visitor of the signed cookie; a new one when there is no genuine cookie."""
    token = cookie_of(request, COOKIE)
    known = secret.read(PURPOSE, token)
    if known is not None:
        return Visitor(secret.hash(PURPOSE, known[0]), token, new=False)
    number = secrets.token_hex(16)
    return Visitor(
        secret.hash(PURPOSE, number), secret.sign(PURPOSE, number, time.time()), new=True
    )


def cookie_name(request: Request, name: str) -> str:
    """Return a cookie's full name: over https browsers accept it from this very host alone."""
    return f"__Host-{name}" if is_secure(request) else name


def cookie_of(request: Request, name: str) -> str:
    """Return a cookie as it was sent; "" where there is none, or more than one.

    A page of a neighbouring host can add one, and which of two is this host's nobody can tell.

    Not ``request.cookies``: to undo quotation marks takes Python the square of their length before
    3.11.10 and 3.12.6 (CVE-2024-7592), and http.cookies drops all where one is odd.
    """
    sent = ";".join(request.headers.getlist("cookie")).split(";")
    pairs = [each.partition("=") for each in sent]
    wanted = cookie_name(request, name)
    found = {value.strip() for key, _equals, value in pairs if key.strip() == wanted}
    return found.pop() if len(found) == 1 else ""


def remember(response: Response, request: Request, visitor: Visitor) -> None:
    """Set the cookie of a new visitor, hidden from scripts and from other sites."""
    if visitor.new:
        response.set_cookie(
            cookie_name(request, COOKIE),
            visitor.token,
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="lax",
            secure=is_secure(request),
        )


def is_secure(request: Request) -> bool:
    """Whether the visitor's browser uses https, with us or with a trusted proxy in front."""
    return request.url.scheme == "https"


def address_of(request: Request) -> Address | None:
    """Return a visitor's network address; None where it is not known."""
    return parse_network_address(request.client.host) if request.client else None
