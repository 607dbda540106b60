"""The page from which an editor publishes: what would change, before it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from panel.desk.forms import Form, read_form
from panel.desk.pages import DeskPages
from panel.desk.previews import KeptCards, is_held
from panel.desk.prices import overdue, today
from panel.desk.publishing import Progress, Publisher
from panel.desk.session import Desk
from panel.desk.snapshot import DeskSnapshot
from panel.errors import UsageError
from panel.site.build import Plan
from panel.site.publication import in_part

PICTURES = ("og/", "media/")


class Publishing(DeskPages):
    """Answers what writes the site."""

    def __init__(self, desk: Desk, cards: KeptCards, gated: bool = False) -> None:
        super().__init__(desk, gated)
        self.publisher = Publisher(desk.root, cards)

    def publish(self, request: Request) -> Response:
        """Show what publishing would change, how far it is, or what it has changed."""
        if request.query_params.get("again") == "1":
            self.publisher.look(self.desk.snapshot(), again=True)
            return RedirectResponse("/publish", 303)
        return self._publish()

    def progress(self, _request: Request) -> Response:
        """Say how far it is; once it has ended, make the page reload."""
        now = self.publisher.now()
        answer = self.page("publish_progress", now=now)
        if not now.under_way:
            answer.headers["HX-Refresh"] = "true"
        return answer

    async def publish_now(self, request: Request) -> Response:
        """Write the site as the page said."""
        form = await read_form(request)
        return await run_in_threadpool(self._publish_now, form)

    def _publish_now(self, form: Form) -> Response:
        try:
            self.publisher.publish(self.desk.snapshot(), form["plan"], form["remove"] == "1")
        except UsageError as error:
            return self._publish(status=409, error=str(error))
        return RedirectResponse("/publish", 303)

    def _publish(self, status: int = 200, error: str = "") -> Response:
        snapshot = self.desk.snapshot()
        now = self.publisher.look(snapshot)
        day = today()
        published = {each.tool.slug for each in now.publication.tools} if now.publication else set()
        context: dict[str, Any] = {
            "snapshot": snapshot,
            "folder": self.publisher.folder(snapshot),
            "now": now,
            "error": error,
            "parts": _parts(now),
            "titles": _titles(now, snapshot),
            "stale": sum(
                each.published_stale for each in snapshot.entries if each.tool.slug in published
            ),
            "waiting": sum(entry.waits for entry in snapshot.entries),
            "in_part": in_part(now.publication.partial)
            if now.publication and now.publication.partial
            else "",
            "held": [each for each in snapshot.workspace.tools if is_held(each, day)],
            "dear": [each for each in overdue(snapshot.workspace, day) if each.slug in published],
        }
        return self.page("publish", status, **context)


def _parts(now: Progress) -> list[tuple[str, list[str], list[str], int]]:
    """Return for added, changed and removed: pages, pictures, and how many other files."""
    found: Plan | None = now.plan
    if found is None:
        return []
    sorts: Sequence[tuple[str, tuple[str, ...]]] = (
        ("added", found.added),
        ("changed", found.changed),
        ("removed", found.removed),
    )
    return [
        (
            word,
            [path for path in paths if path.endswith(".html")],
            [path for path in paths if path.startswith(PICTURES)],
            sum(not path.endswith(".html") and not path.startswith(PICTURES) for path in paths),
        )
        for word, paths in sorts
    ]


def _titles(now: Progress, snapshot: DeskSnapshot) -> dict[str, str]:
    """Return for each file of a plan what its page is about; "" where its name says it."""
    found: Plan | None = now.plan
    names = {tool.slug: tool.name for tool in snapshot.workspace.tools}
    for each in now.publication.tools if now.publication else ():
        names[each.tool.slug] = each.tool.name
    paths = (*found.added, *found.changed, *found.removed) if found else ()
    return {path: _title(path, names) for path in paths}


def _title(path: str, names: Mapping[str, str]) -> str:
    folder, _, file = path.removesuffix(".html").partition("/")
    if folder == "tools":
        return names.get(file, "")
    parts = file.split("-vs-") if folder == "compare" else []
    for place in range(1, len(parts)):  # a slug may hold "-vs-" itself
        left, right = "-vs-".join(parts[:place]), "-vs-".join(parts[place:])
        if left in names and right in names:
            return f"{names[left]} vs {names[right]}"
    return ""
