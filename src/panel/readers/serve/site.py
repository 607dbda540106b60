"""What the handlers share: the stores, the limits, and the server's own pages."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from panel.readers.community.secret import Secret
from panel.readers.community.subscribers import Subscribers
from panel.readers.community.votes import Votes
from panel.readers.serve.limits import Bound, VisitLimiter
from panel.readers.serve.mail_queue import MailQueue
from panel.readers.serve.pages import Tools
from panel.site.assets import palette

VOTES_BOUND = Bound(burst=30, seconds=4, daily=300)
# Votes on one tool from one address by visitors without a cookie: enough for a household.
NEW_VISITORS_BOUND = Bound(burst=5, seconds=0, daily=5)
SUBSCRIBE_BOUND = Bound(burst=5, seconds=120, daily=20)
EVERYBODY_BOUND = Bound(burst=60, seconds=10, daily=5000)  # mails in total
LINKS_BOUND = Bound(burst=30, seconds=4, daily=300)


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """The limits of a running server."""

    votes: VisitLimiter
    new_visitors: VisitLimiter
    subscribe: VisitLimiter
    everybody: VisitLimiter
    links: VisitLimiter


def usual_limits() -> ServerLimits:
    """Return the limits that docs/community.md describes."""
    return ServerLimits(
        VisitLimiter(VOTES_BOUND),
        VisitLimiter(NEW_VISITORS_BOUND),
        VisitLimiter(SUBSCRIBE_BOUND),
        VisitLimiter(EVERYBODY_BOUND),
        VisitLimiter(LINKS_BOUND),
    )


@dataclass(frozen=True, slots=True)
class Site:
    """Everything a handler needs; at ``request.app.state.site``."""

    votes: Votes
    subscribers: Subscribers
    mail_queue: MailQueue
    secret: Secret
    tools: Tools
    limits: ServerLimits


def site_of(request: Request) -> Site:
    """Return the site that a request is for."""
    site: Site = request.app.state.site
    return site


@dataclass(frozen=True, slots=True)
class Notice:
    """A small page: its words, and a button with its form's address, if there is one."""

    title: str
    text: str
    action: str | None = None
    button: str = ""
    token: str = ""


def notice(shown: Notice, status: int = 200, **headers: str) -> HTMLResponse:
    """Return a small page of the server's own, which is never cached."""
    page = _environment().get_template("notice.html.j2").render(notice=shown)
    kept = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
    return HTMLResponse(page, status, kept | headers)


def subscribe_page(problem: str, status: int = 200) -> HTMLResponse:
    """Return the page with the subscription form; ``problem``: what was wrong before, or ""."""
    page = _environment().get_template("subscribe.html.j2").render(problem=problem)
    return HTMLResponse(page, status, {"Cache-Control": "no-store"})


def too_often(wait: float) -> HTMLResponse:
    """Return the answer to a client that asks too often; ``wait``: seconds until it may again."""
    seconds = max(1, round(wait))
    when = f"in {seconds} seconds" if seconds < 120 else "later"
    shown = Notice("Not so fast", f"There were many requests from your network. Try again {when}.")
    return notice(shown, 429, **{"Retry-After": str(seconds)})


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("panel.readers.serve"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@functools.cache
def asset(name: str) -> bytes:
    """Return one of the server's own files; a stylesheet begins with the palette."""
    content = (resources.files("panel.readers.serve") / "static" / name).read_bytes()
    return palette().encode() + content if name.endswith(".css") else content
