"""The pages that only show: take, history, prompt and reply, comparison."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from panel import __version__
from panel.desk.decide import history
from panel.desk.filters import Filter
from panel.desk.pages import DeskPages, NotFoundError
from panel.results.confidence import may_be_shown
from panel.results.publication import as_readers_see, public_panel
from panel.results.scorecards import comparison, scorecards
from panel.site.assets import FONTS, font, font_faces, palette, prose
from panel.site.comparison import render_comparison
from panel.site.facts import fact_table_of
from panel.site.media import MediaFolder, picture, rendered, survey
from panel.store.decisions import guidance_notes
from panel.store.ingest import opened
from panel.store.replies import exchanges
from panel.workspace.tools import Tool

BRIEFLY = {"Cache-Control": "private, max-age=300"}
OFFERED = 12  # tools to compare one with
ASSETS = {
    "desk.css": "text/css",
    "desk.js": "text/javascript",
    "drafts.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    **dict.fromkeys(FONTS, "font/woff2"),
}
WHY_LOGIN = {
    "wrong": "That is not the token of this desk.",
    "late": "You are not logged in any more, so nothing was saved. What you typed is kept in "
    "this browser: log in and open the take again.",
    "out": "You are logged out.",
}
# The comparison page has its style inside. The sandbox keeps it from running or sending anything.
PREVIEW_POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox",
    "X-Frame-Options": "SAMEORIGIN",
}


@functools.cache
def _asset(name: str) -> bytes:
    if name in FONTS:
        return font(name)
    content = (resources.files("panel.desk") / "assets" / name).read_bytes()
    if name.endswith(".css"):
        return (font_faces() + palette() + prose()).encode() + content
    return content


def _alike(tools: Sequence[Tool], slug: str) -> list[Tool]:
    """Return tools to compare one with: of its category first; none for an unknown slug."""
    this = next((tool for tool in tools if tool.slug == slug), None)
    others = [tool for tool in tools if this and tool.slug != slug]
    return sorted(others, key=lambda tool: this is None or tool.category != this.category)[:OFFERED]


class Looking(DeskPages):
    """Answers every GET."""

    def take(self, request: Request) -> Response:
        """Show one take with everything an editor needs to decide."""
        snapshot, entry = self.entry(request)
        return self.take_of(request, snapshot, entry, Filter.parse(request.query_params))

    def asked(self, request: Request) -> Response:
        """Say how asking again goes; once it is done, make the page reload."""
        _snapshot, entry = self.entry(request)
        asked = self.desk.asker.on(entry.pair)
        answer = self.page("asked", entry=entry, asked=asked)
        if asked is not None and not asked.under_way:
            answer.headers["HX-Refresh"] = "true"
        return answer

    def source(self, request: Request) -> Response:
        """Show what the model was shown and what it replied."""
        snapshot, entry = self.entry(request)
        with opened(snapshot.workspace.runs) as connection:
            found = exchanges(connection, *entry.pair)
        wanted = entry.answer.attempt_id if entry.answer else None
        wanted = request.query_params.get("attempt", wanted)
        shown = next((each for each in found if each.answer.attempt_id == wanted), None)
        return self.page(
            "source",
            snapshot=snapshot,
            entry=entry,
            exchange=shown,
            exchanges=found,
            filter=Filter.parse(request.query_params),
        )

    def history(self, request: Request) -> Response:
        """Show every decision and every answer, newest first."""
        snapshot, entry = self.entry(request)
        with opened(snapshot.workspace.runs) as connection:
            found = exchanges(connection, *entry.pair)
        chain = history(snapshot.workspace, *entry.pair)
        events = [(each.decided_at, "decision", each) for each in chain]
        events += [(each.finished_at, "answer", each.answer) for each in found]  # type: ignore[misc]
        return self.page(
            "history",
            snapshot=snapshot,
            entry=entry,
            events=sorted(events, key=lambda event: event[0]),
            filter=Filter.parse(request.query_params),
        )

    def compare(self, request: Request) -> Response:
        """Show a form for two tools, and their comparison once both are chosen."""
        snapshot, asked = self.desk.snapshot(), request.query_params
        chosen = [asked.get("a", "")[:200], asked.get("b", "")[:200]]
        slugs = {tool.slug for tool in snapshot.workspace.tools}
        problem = None
        if all(chosen):
            unknown = [slug for slug in chosen if slug not in slugs]
            if unknown:
                problem = f"There is no tool {unknown[0]!r}."
            elif chosen[0] == chosen[1]:
                problem = "Name two tools."
        return self.page(
            "compare",
            snapshot=snapshot,
            a=chosen[0],
            b=chosen[1],
            drafts=asked.get("drafts") == "1",
            problem=problem,
            ready=all(chosen) and problem is None,
            offered=_alike(snapshot.workspace.tools, chosen[0]) if not chosen[1] else [],
        )

    def compare_page(self, request: Request) -> Response:
        """Return the comparison page itself; with ``drafts=1`` it includes unapproved takes."""
        snapshot, asked = self.desk.snapshot(), request.query_params
        left, right = asked.get("a", ""), asked.get("b", "")
        workspace, drafts = snapshot.workspace, asked.get("drafts") == "1"
        with opened(workspace.runs) as connection:
            target = replace(
                snapshot.target,
                tools=workspace.select_tools([left, right], []),
                guidance=guidance_notes(connection),
            )
            cards = scorecards(target, connection, published=not drafts)
            site = workspace.settings.site
            personas = public_panel(site, target, connection, cards if drafts else None)
            told = may_be_shown(connection, str(target.model))
        pair = comparison(workspace, cards, target, left, right)
        left_card, right_card = (
            as_readers_see(card, personas, drafts) for card in (pair.left, pair.right)
        )
        now = datetime.now(UTC)
        page = render_comparison(
            replace(pair, left=left_card, right=right_card, confidence=told),
            now,
            __version__,
            fact_table_of(workspace.tools, pair, now.date(), site.stale_price_days),
        )
        return HTMLResponse(page, headers=PREVIEW_POLICY)

    def login(self, request: Request) -> Response:
        """Ask for the token of a desk that is open beyond loopback."""
        why = next((each for each in WHY_LOGIN if request.query_params.get(each) == "1"), "")
        return self.page("login", why=WHY_LOGIN.get(why, ""), wrong=why == "wrong")

    def logo(self, request: Request) -> Response:
        """Return a tool's logo, encoded anew."""
        workspace, slug = self.desk.snapshot().workspace, request.path_params["tool"]
        name = next((tool.logo for tool in workspace.tools if tool.slug == slug), None)
        files, _unfit = survey(workspace.root, [name] if name else [])
        media = MediaFolder(workspace.root, files)
        shown = picture(media, name, "logo")
        if name is None or shown is None:
            raise NotFoundError
        body = rendered(media, name, "logo", shown.renditions[0].size)
        return Response(body, media_type="image/webp", headers=BRIEFLY)

    def name(self, _request: Request) -> Response:
        """Ask who decides, on a desk that was opened without a name."""
        if self.desk.editor:
            return RedirectResponse("/", 303)
        return self.page("name", problem="")

    def asset(self, request: Request) -> Response:
        """Return a stylesheet or script of the desk."""
        kind = ASSETS.get(request.path_params["name"])
        if kind is None:
            raise NotFoundError
        body = _asset(request.path_params["name"])
        return Response(body, media_type=kind, headers=BRIEFLY)
