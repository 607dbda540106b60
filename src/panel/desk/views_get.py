"""The pages that only show: take, history, prompt and reply."""

from __future__ import annotations

import functools
from importlib import resources

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from panel.desk.decide import history
from panel.desk.filters import Filter
from panel.desk.pages import DeskPages, NotFoundError
from panel.site.assets import FONTS, font, font_faces, palette, prose
from panel.site.media import MediaFolder, picture, rendered, survey
from panel.store.ingest import opened
from panel.store.replies import exchanges

BRIEFLY = {"Cache-Control": "private, max-age=300"}
ASSETS = {
    "desk.css": "text/css",
    "desk.js": "text/javascript",
    "drafts.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    **dict.fromkeys(FONTS, "font/woff2"),
    "sheets.js": "text/javascript",
}
WHY_LOGIN = {
    "wrong": "That is not the token of this desk.",
    "late": "You are not logged in any more, so nothing was saved. What you typed is kept in "
    "this browser: log in and open the take again.",
    "out": "You are logged out.",
}


@functools.cache
def _asset(name: str) -> bytes:
    if name in FONTS:
        return font(name)
    content = (resources.files("panel.desk") / "assets" / name).read_bytes()
    if name.endswith(".css"):
        return (font_faces() + palette() + prose()).encode() + content
    return content


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
        start, name = request.path_params["start"], request.path_params["name"]
        kind = ASSETS.get(name)
        if kind is None or start != self.desk.start:
            raise NotFoundError
        body = _asset(name)
        return Response(body, media_type=kind, headers=BRIEFLY)
