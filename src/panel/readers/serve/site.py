"""What the handlers share: the stores, the limits, and the server's own pages."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from panel.readers.community.quota import Quota
from panel.readers.community.secret import Secret
from panel.readers.community.subscribers import Subscribers
from panel.readers.community.votes import Votes
from panel.readers.community.work import Challenge
from panel.readers.serve.kept import Kept
from panel.readers.serve.limits import Bound, VisitLimiter
from panel.readers.serve.mail_queue import MailQueue
from panel.readers.serve.tools import Tools
from panel.site.assets import FONTS, font, font_faces, palette
from panel.text import counted

VOTES_BOUND = Bound(burst=30, seconds=4, daily=300)
CHANGES_BOUND = Bound(burst=30, seconds=4, daily=300)  # of a vote that is there, by its visitor
# Mails without a proof of work: for one address, to one domain, in total.
SUBSCRIBE_BOUND = Bound(burst=5, seconds=120, daily=20)
DOMAIN_BOUND = Bound(burst=20, seconds=60, daily=500)
EVERYBODY_BOUND = Bound(burst=60, seconds=10, daily=5000)
LINKS_BOUND = Bound(burst=30, seconds=4, daily=300)
WRITING_THREADS = 16
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """The limits of a running server."""

    votes: VisitLimiter
    changes: VisitLimiter
    subscribe: VisitLimiter
    domains: VisitLimiter
    everybody: VisitLimiter
    links: VisitLimiter


def usual_limits() -> ServerLimits:
    """Return the limits that docs/community.md describes."""
    return ServerLimits(
        VisitLimiter(VOTES_BOUND),
        VisitLimiter(CHANGES_BOUND),
        VisitLimiter(SUBSCRIBE_BOUND),
        VisitLimiter(DOMAIN_BOUND),
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
    quota: Quota
    votes_per_address: int
    shares: Kept[tuple[bytes, str]] = field(default_factory=Kept)
    threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(WRITING_THREADS))

    async def writing(self, work: Callable[..., T], *given: Any) -> T:
        """Call what writes, in threads for that alone: it may wait for the disk and for locks.

        Pages and shares have other threads, so they are answered meanwhile.
        """
        return await to_thread.run_sync(work, *given, limiter=self.threads)


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


def work_page(address: str, challenge: Challenge, wait: float, again: bool) -> HTMLResponse:
    """Return the page that has a browser work for a subscription.

    wait: seconds until none is asked for; again: whether an answer was not accepted, so that the
    page does not send the next one by itself.
    """
    page = _environment().get_template("work.html.j2")
    shown = page.render(address=address, challenge=challenge, when=from_now(wait), again=again)
    return HTMLResponse(shown, 429, {"Cache-Control": "no-store"} | retry_after(wait))


def too_often(wait: float) -> HTMLResponse:
    """Return the answer to a client that asks too often; ``wait``: seconds until it may again."""
    text = f"There were many requests from your network. Try again {from_now(wait)}."
    return notice(Notice("Not so fast", text), 429, **retry_after(wait))


def retry_after(wait: float) -> dict[str, str]:
    """Return the header that says when to come back; ``wait``: seconds."""
    return {"Retry-After": str(max(1, math.ceil(wait)))}


def from_now(wait: float) -> str:
    """Return a time in plain words, rounded up; ``wait``: seconds from now."""
    for seconds, unit in ((3600, "hour"), (60, "minute"), (1, "second")):
        if wait > seconds or unit == "second":
            count = max(1, math.ceil(wait / seconds))
            break
    return f"in {counted(count, unit)}"


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
    if name in FONTS:
        return font(name)
    content = (resources.files("panel.readers.serve") / "static" / name).read_bytes()
    return (font_faces() + palette()).encode() + content if name.endswith(".css") else content
