"""Votes over HTTP: as JSON for the script, as a form with a redirect without it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from panel.cells.journal import utc_now
from panel.errors import PanelError
from panel.readers.community.networks import Address, networks_of
from panel.readers.community.quota import Exceeded
from panel.readers.community.votes import share_json, share_record
from panel.readers.serve.files import has_tag
from panel.readers.serve.forms import BadForm, own_path, read_fields
from panel.readers.serve.site import Notice, Site, from_now, notice, retry_after, site_of
from panel.readers.serve.visitors import Visitor, address_of, remember, visitor_of
from panel.workspace.verdict import SHIP, SKIP

CHANGING = 10  # voters who change their votes as often as they may, from one address
UNKNOWN = "There is no such tool"
UNSAVED = "The vote could not be saved. Try again later."


class _Refused(Exception):  # noqa: N818 - named after what happened to the vote
    """A vote that does not count; wait: seconds until another try, None where that is no use."""

    def __init__(self, status: int, message: str, wait: float | None = None) -> None:
        self.status, self.wait = status, wait
        self.message = message if wait is None else f"{message} Try again {from_now(wait)}."
        self.headers = {} if wait is None else retry_after(wait)
        super().__init__(self.message)


async def _cast(request: Request, allowed: frozenset[str]) -> tuple[dict[str, str], Visitor, str]:
    """Count the vote of a request; return its fields, who sent it and the tool's slug.

    The field tool is the vote id that a page holds. Raises _Refused.
    """
    site = site_of(request)
    try:
        fields = await read_fields(request, allowed)
    except BadForm as error:
        raise _Refused(error.status, str(error)) from None
    if fields.get("vote") not in (SHIP, SKIP):
        raise _Refused(400, f"Send vote={SHIP} or vote={SKIP}.")
    slug = await run_in_threadpool(site.tools.voted_on, fields.get("tool", ""))
    if slug is None:
        text = f"{UNKNOWN}, or it has just got another name. Reload the page."
        raise _Refused(404, text)
    visitor = visitor_of(request, site.secret)
    address = address_of(request)
    try:
        await site.writing(_count, site, visitor.hash, fields, address)
    except (PanelError, OSError) as error:
        site.mail_queue.log(str(error))
        raise _Refused(503, UNSAVED) from None
    return fields, visitor, slug


def _count(site: Site, visitor: str, fields: Mapping[str, str], address: Address | None) -> None:
    """Record a vote. Raises _Refused, and PanelError where it cannot be saved.

    Whoever has a vote on the tool may change it, whatever others of the same network vote. The
    changes from one address are bounded too, so that nobody fills the disk with them.
    """
    tool, networks = fields["tool"], networks_of(address)
    if site.votes.voted(visitor, tool):
        changes = site.limits.changes
        many = [(name, share * CHANGING) for name, share in networks]
        wait = changes.wait(visitor) or changes.wait_for(many)
        if wait is not None:
            raise _Refused(429, "This vote was changed very often.", wait)
    else:
        wait = site.limits.votes.wait_for(networks)
        if wait is not None:
            raise _Refused(429, "There were many votes from your network.", wait)
    bounds = [(f"vote {tool} {name}", share * site.votes_per_address) for name, share in networks]
    try:
        site.votes.record(
            visitor, tool, fields["vote"], utc_now(), lambda: site.quota.taking(*bounds)
        )
    except Exceeded as error:
        text = "As many new votes on this tool as count in a day have come from your network."
        raise _Refused(429, text, error.wait) from None


async def vote_by_script(request: Request) -> Response:
    """POST /api/vote {tool, vote}: count the vote and answer with the tool's share."""
    site = site_of(request)
    try:
        fields, visitor, slug = await _cast(request, frozenset({"tool", "vote"}))
    except _Refused as error:
        headers = {"Cache-Control": "no-store"} | error.headers
        return JSONResponse({"error": error.message}, error.status, headers)
    share = share_record(slug, await run_in_threadpool(site.votes.tally, fields["tool"]))
    response = JSONResponse(
        {**share, "vote": fields["vote"]}, headers={"Cache-Control": "no-store"}
    )
    remember(response, request, visitor)
    return response


async def vote_by_form(request: Request) -> Response:
    """POST /vote {tool, vote, next}: count the vote and go back to a page of this site."""
    try:
        fields, visitor, _slug = await _cast(request, frozenset({"tool", "vote", "next"}))
    except _Refused as error:
        return notice(Notice("Not counted", error.message), error.status, **error.headers)
    response = RedirectResponse(
        own_path(fields.get("next", "/")), 303, {"Cache-Control": "no-store"}
    )
    remember(response, request, visitor)
    return response


async def share(request: Request) -> Response:
    """GET /api/votes/<tool>.json, by vote id or slug: ships, skips, n, percentage and interval."""
    site = site_of(request)
    found = await run_in_threadpool(site.tools.find, request.path_params["tool"])
    if found is None:
        return JSONResponse({"error": f"{UNKNOWN}."}, 404)
    slug, vote_id = found
    tally = await run_in_threadpool(site.votes.tally, vote_id)
    return _answer(request, *_tagged(share_json(slug, tally.ships, tally.skips)))


async def shares(request: Request) -> Response:
    """GET /api/votes.json: the same for every tool that has votes, and may be voted on."""
    return _answer(request, *await run_in_threadpool(_shares, site_of(request)))


def _shares(site: Site) -> tuple[bytes, str]:
    def made() -> tuple[bytes, str]:
        slugs = site.tools.listed(counts := site.votes.counts())
        found = (share_json(slug, *counts[each]) for slug, each in sorted(slugs.items()))
        return _tagged(b'{"votes":[' + b",".join(found) + b"]}")

    def state() -> object:
        pages = site.tools.state()
        return pages and (pages, site.votes.state())

    return site.shares.get(state, made)


def _tagged(body: bytes) -> tuple[bytes, str]:
    return body, f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


def _answer(request: Request, body: bytes, tag: str) -> Response:
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if has_tag(request.headers, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
