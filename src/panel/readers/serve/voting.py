"""Votes over HTTP: as JSON for the script, as a form with a redirect without it."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from panel.cells.journal import utc_now
from panel.errors import PanelError
from panel.readers.community.votes import share_record, shares_etag
from panel.readers.serve.forms import BadForm, own_path, read_fields
from panel.readers.serve.site import Notice, notice, site_of, too_often
from panel.readers.serve.visitors import Visitor, address_of, is_secure, remember, visitor_of
from panel.stats import Tally
from panel.workspace.verdict import SHIP, SKIP

UNSAVED = "The vote could not be saved. Try again later."


class _Refused(Exception):  # noqa: N818 - named after what happened to the vote
    """A vote that does not count; wait: seconds until another try, None where that is no use."""

    def __init__(self, status: int, message: str, wait: float | None = None) -> None:
        self.status, self.message, self.wait = status, message, wait
        super().__init__(message)


async def _cast(request: Request, allowed: frozenset[str]) -> tuple[dict[str, str], Visitor]:
    """Count the vote of a request; return its fields and who sent it. Raises _Refused."""
    site = site_of(request)
    address = address_of(request)
    wait = site.limits.votes.wait(address)
    if wait is not None:
        raise _Refused(429, "Too many votes from your network.", wait)
    try:
        fields = await read_fields(request, allowed)
    except BadForm as error:
        raise _Refused(error.status, str(error)) from None
    tool, vote = fields.get("tool", ""), fields.get("vote", "")
    if vote not in (SHIP, SKIP):
        raise _Refused(400, f"Send vote={SHIP} or vote={SKIP}.")
    if not await run_in_threadpool(site.tools.__contains__, tool):
        raise _Refused(404, "There is no such tool.")
    visitor = visitor_of(request, site.secret)
    if visitor.new:
        wait = site.limits.new_visitors.wait(f"{address} {tool}")
        if wait is not None:
            raise _Refused(429, "Too many new visitors from your network voted on this.", wait)
    try:
        await run_in_threadpool(site.votes.record, visitor.hash, tool, vote, utc_now())
    except PanelError as error:
        site.mail_queue.log(str(error))
        raise _Refused(503, UNSAVED) from None
    return fields, visitor


async def vote_by_script(request: Request) -> Response:
    """POST /api/vote {tool, vote}: count the vote and answer with the tool's share."""
    site = site_of(request)
    try:
        fields, visitor = await _cast(request, frozenset({"tool", "vote"}))
    except _Refused as error:
        headers = {"Cache-Control": "no-store"}
        if error.wait is not None:
            headers["Retry-After"] = str(max(1, round(error.wait)))
        return JSONResponse({"error": error.message}, error.status, headers)
    share = share_record(fields["tool"], await run_in_threadpool(site.votes.tally, fields["tool"]))
    response = JSONResponse(
        {**share, "vote": fields["vote"]}, headers={"Cache-Control": "no-store"}
    )
    remember(response, visitor, is_secure(request))
    return response


async def vote_by_form(request: Request) -> Response:
    """POST /vote {tool, vote, next}: count the vote and go back to a page of this site."""
    try:
        fields, visitor = await _cast(request, frozenset({"tool", "vote", "next"}))
    except _Refused as error:
        if error.wait is not None:
            return too_often(error.wait)
        return notice(Notice("Not counted", error.message), error.status)
    response = RedirectResponse(
        own_path(fields.get("next", "/")), 303, {"Cache-Control": "no-store"}
    )
    remember(response, visitor, is_secure(request))
    return response


async def share(request: Request) -> Response:
    """GET /api/votes/<tool>.json: ships, skips, n, percentage and interval."""
    site, tool = site_of(request), request.path_params["tool"]
    if not await run_in_threadpool(site.tools.__contains__, tool):
        return JSONResponse({"error": "There is no such tool."}, 404)
    tally = await run_in_threadpool(site.votes.tally, tool)
    return _tagged(request, share_record(tool, tally))


async def shares(request: Request) -> Response:
    """GET /api/votes.json: the same for every tool that has votes."""
    counts = await run_in_threadpool(site_of(request).votes.counts)
    records = [share_record(tool, Tally(*pair)) for tool, pair in counts.items()]
    return _tagged(request, {"votes": records})


def _tagged(request: Request, records: dict[str, Any]) -> Response:
    tag = shares_etag(records)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    asked = request.headers.get("if-none-match", "")
    if tag in [each.strip().removeprefix("W/") for each in asked.split(",")]:
        return Response(status_code=304, headers=headers)
    return JSONResponse(records, headers=headers)
