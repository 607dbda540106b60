"""The application: a published folder, votes and subscriptions, behind one guard."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from panel.readers.community.ledger import FOLDER
from panel.readers.community.quota import Quota
from panel.readers.community.secret import community_secret
from panel.readers.community.subscribers import Subscribers
from panel.readers.community.votes import Votes
from panel.readers.mail.outbox import FOLDER as OUTBOX
from panel.readers.mail.settings import mail_settings
from panel.readers.serve import subscribing, voting
from panel.readers.serve.connections import Bounds
from panel.readers.serve.files import has_tag
from panel.readers.serve.guard import LOOPBACK, Guard, GuardRules, host_name
from panel.readers.serve.mail_queue import Home, MailQueue
from panel.readers.serve.pages import SiteFiles, check_folder
from panel.readers.serve.site import (
    Notice,
    ServerLimits,
    Site,
    asset,
    notice,
    site_of,
    usual_limits,
)
from panel.readers.serve.tools import Tools
from panel.site.assets import FONTS
from panel.workspace.settings import SiteSettings

# A mail provider unsubscribes for its user from a machine that is not a browser (RFC 8058). The
# signed token in the address is all the right it needs.
WITHOUT_ORIGIN = frozenset({"/unsubscribe"})
ASSETS = {
    "vote.js": "text/javascript",
    "work.js": "text/javascript",
    "community.css": "text/css",
    **dict.fromkeys(FONTS, "font/woff2"),
}


@dataclass(frozen=True, slots=True)
class Serving:
    """What is served and how.

    root: the workspace, whose community/ folder is written; folder: the published site;
    title, base_url: its name and address in mails; hosts: names it is reached by, besides
    loopback's; tools: slugs that may be voted on besides those with a page; bounds: how long
    a body may take; votes_per_address: new votes on one tool that count from one address in 24
    hours.
    """

    root: Path
    folder: Path
    base_url: str
    title: str = SiteSettings().title
    hosts: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    bounds: Bounds = field(default_factory=Bounds)
    votes_per_address: int = SiteSettings().votes_per_address
    limits: ServerLimits = field(default_factory=usual_limits)


def create_app(
    serving: Serving, environment: Mapping[str, str], log: Callable[[str], None]
) -> ASGIApp:
    """Return the ASGI application; raises UsageError for invalid settings.

    environment: PANEL_SECRET and the mail settings; log: takes one line of text.
    """
    check_folder(serving.folder)
    community = serving.root / FOLDER
    secret = community_secret(serving.root, environment)
    subscribers = Subscribers(serving.root, secret)
    quota = Quota(serving.root)
    mail_queue = MailQueue(
        subscribers,
        community / OUTBOX,
        Home(serving.title, serving.base_url),
        mail_settings(environment),
        log,
    )
    mail_queue.chores.append(quota.tidy)
    tools = Tools(serving.folder, serving.tools)
    site = Site(
        Votes(serving.root),
        subscribers,
        mail_queue,
        secret,
        tools,
        serving.limits,
        quota,
        serving.votes_per_address,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        mail_queue.start()
        yield
        mail_queue.stop()

    app = Starlette(
        routes=_routes(serving.folder),
        exception_handlers={HTTPException: _refused, OSError: _unkept, 500: _broken},
        lifespan=lifespan,
    )
    app.state.site = site
    return Guard(app, _rules(serving))


def _rules(serving: Serving) -> GuardRules:
    return GuardRules(
        known=lambda host: host_name(host) in LOOPBACK | serving.hosts,
        unknown_host="This host name is not served here. The operator adds it: --allow-host.",
        without_origin=WITHOUT_ORIGIN,
        bounds=serving.bounds,
    )


def _routes(folder: Path) -> list[Route | Mount]:
    return [
        Route("/api/vote", voting.vote_by_script, methods=["POST"]),
        Route("/api/votes.json", voting.shares, methods=["GET"]),
        Route("/api/votes/{tool}.json", voting.share, methods=["GET"]),
        Route("/vote", voting.vote_by_form, methods=["POST"]),
        Route("/subscribe", subscribing.subscribe_form, methods=["GET"]),
        Route("/subscribe", subscribing.subscribe, methods=["POST"]),
        Route("/confirm", subscribing.confirm_form, methods=["GET"]),
        Route("/confirm", subscribing.confirm, methods=["POST"]),
        Route("/unsubscribe", subscribing.leave_form, methods=["GET"]),
        Route("/unsubscribe", subscribing.leave, methods=["POST"]),
        Route("/-/{name}", _asset, methods=["GET"]),
        Mount("/", SiteFiles(folder)),
    ]


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in ASSETS:
        raise HTTPException(404)
    content = asset(name)
    tag = f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "public, max-age=3600"}
    if has_tag(request.headers, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=ASSETS[name])


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return notice(Notice("Not here", "There is no such page."), 404)
    return notice(Notice("Not done", error.detail), error.status_code, **(error.headers or {}))


async def _unkept(request: Request, error: Exception) -> Response:
    site_of(request).mail_queue.log(f"{request.url.path}: {error}")
    return notice(Notice("Not done", "It could not be saved. Try again later."), 503)


async def _broken(_request: Request, _error: Exception) -> Response:
    return notice(Notice("Something broke", "That is our fault. Try again later."), 500)
