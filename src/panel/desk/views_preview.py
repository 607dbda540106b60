"""The previews: a frame with the page as readers will see it, the page itself, links to send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from panel.desk.forms import Form, read_form
from panel.desk.pages import DeskPages, NotFoundError
from panel.desk.previews import APPROVED, DRAFTS, FRONT, WORDS, KeptCards, Previews, Subject
from panel.desk.session import Desk
from panel.desk.sharing import DAYS, USUAL_DAYS, SharedPage, Sharing
from panel.desk.snapshot import DeskSnapshot
from panel.errors import PanelError, UsageError
from panel.readers.serve.guard import LOOPBACK, host_name
from panel.site.addresses import href
from panel.workspace.editorial import BETWEEN
from panel.workspace.tools import Tool

OFFERED = 12  # tools to compare one with
MOST_PAIRS = 200  # listed on one page
WIDTHS = ("window", "1280", "390")
# No script runs in a previewed page, and nothing in it can be sent. Of the same origin, so that it
# has its fonts; without scripts there is nothing that could make use of that.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors {}; sandbox allow-same-origin"
)
FRAMED = {"Content-Security-Policy": POLICY.format("'self'"), "X-Frame-Options": "SAMEORIGIN"}
SENT = {
    "Content-Security-Policy": POLICY.format("'none'"),
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
}
NOTHING = "This link shows nothing. It has ended, was revoked, or is not complete.\n"


class Previewing(DeskPages):
    """Answers what shows pages before they are published."""

    def __init__(self, desk: Desk, cards: KeptCards, gated: bool = False) -> None:
        super().__init__(desk, gated)
        self.previews = Previews(desk.root, cards)
        self.sharing = Sharing(desk.files.runs)

    def compare(self, request: Request) -> Response:
        """Offer the comparisons there are, and any other two tools; lead to what was chosen."""
        snapshot, asked = self.desk.snapshot(), request.query_params
        chosen = [asked.get("a", "").strip()[:200], asked.get("b", "").strip()[:200]]
        words, problem = DRAFTS if asked.get("drafts") == "1" else APPROVED, ""
        try:
            found = [snapshot.workspace.select_tools([each], [])[0] for each in chosen if each]
            slugs = tuple(tool.slug for tool in found)
            if len(set(slugs)) == 2:
                return RedirectResponse(
                    f"{_frame_address(Subject(words, slugs))}?words={words}", 303
                )
            problem = "Name two tools." if len(slugs) == 2 else ""
        except UsageError as error:
            slugs, problem = (), str(error)
        try:
            pairs = self.previews.pairs(snapshot, words)
        except UsageError:  # nothing is answered yet
            pairs = []
        first = slugs[0] if slugs else ""
        ours = [each for each in pairs if first in ("", each.left.tool.slug, each.right.tool.slug)]
        return self.page(
            "compare",
            422 if problem else 200,
            snapshot=snapshot,
            a=chosen[0],
            b=chosen[1],
            a_slug=first,
            drafts=words == DRAFTS,
            problem=problem,
            pairs=ours[:MOST_PAIRS],
            found=len(ours),
            offered=_alike(snapshot.workspace.tools, first) if first else [],
        )

    def frame(self, request: Request) -> Response:
        """Show a preview in a frame, with what an editor can change about it."""
        snapshot, subject = self._subject(request, request.query_params.get("words", APPROVED))
        return self._frame(request, snapshot, subject)

    def framed(self, request: Request) -> Response:
        """Return one file of a previewed site."""
        snapshot, subject = self._subject(request, request.path_params["words"])
        site = self.previews.site(snapshot, subject)
        made = site.content(request.path_params["path"])
        if made is None:
            raise NotFoundError
        return Response(made[0], media_type=made[1], headers=FRAMED)

    async def link(self, request: Request) -> Response:
        """Make a link to a preview that can be sent."""
        form = await read_form(request)
        return await run_in_threadpool(self._link, request, form)

    async def revoke(self, request: Request) -> Response:
        """End every link that was sent."""
        form = await read_form(request)
        snapshot, subject = await run_in_threadpool(self._subject, request, form["words"])
        await run_in_threadpool(self.sharing.revoke)
        return await run_in_threadpool(self._frame, request, snapshot, subject, revoked=True)

    def shared(self, request: Request) -> Response:
        """Show the one page of a link, or a file that it shows, to whoever has the link."""
        token, _, path = request.path_params["rest"].partition("/")
        try:
            answer = self._shared(token, path)
        except (PanelError, OSError):
            words = "This page cannot be shown now. Try again later, or ask who sent the link.\n"
            answer = PlainTextResponse(words, 503, SENT)
        return answer or PlainTextResponse(NOTHING, 404, SENT)

    def _shared(self, token: str, path: str) -> Response | None:
        found = self.sharing.read(token)
        if found is None:
            return None
        snapshot = self.desk.snapshot()
        subject = Subject.named(found.words, found.about, snapshot)
        site = self.previews.site(snapshot, subject) if subject else None
        page = site.path_of(subject) if site and subject else None
        if site is None or page is None:
            return None
        if not path:
            return RedirectResponse(f"/shared/{token}/{href(page)}", 307, SENT)
        made = site.content(path) if site.belongs(page, path) else None
        return Response(made[0], media_type=made[1], headers=SENT) if made else None

    def _subject(self, request: Request, words: str) -> tuple[DeskSnapshot, Subject]:
        snapshot, asked = self.desk.snapshot(), request.path_params
        named = BETWEEN.join(asked[name] for name in ("tool", "a", "b") if name in asked)
        about = asked.get("about") or named or FRONT
        subject = Subject.named(words if words in WORDS else APPROVED, about, snapshot)
        if subject is None:
            raise NotFoundError
        return snapshot, subject

    def _link(self, request: Request, form: Form) -> Response:
        snapshot, subject = self._subject(request, form["words"])
        days = int(form["days"]) if form["days"] in map(str, DAYS) else USUAL_DAYS
        token = self.sharing.token(SharedPage(subject.words, subject.about), days)
        return self._frame(
            request, snapshot, subject, link=f"{request.base_url}shared/{token}", days=days
        )

    def _frame(
        self, request: Request, snapshot: DeskSnapshot, subject: Subject, **more: Any
    ) -> HTMLResponse:
        site = self.previews.site(snapshot, subject)
        page = site.path_of(subject)
        width = request.query_params.get("width", "")
        tools = {each.slug: each for each in snapshot.workspace.tools if each.slug in subject.slugs}
        context: dict[str, Any] = {
            "snapshot": snapshot,
            "subject": subject,
            "tools": [tools[slug] for slug in subject.slugs],
            "here": _frame_address(subject),
            "source": page and f"/preview/page/{subject.words}/{_part(subject.about)}/{href(page)}",
            "width": width if width in WIDTHS else WIDTHS[0],
            "widths": WIDTHS,
            "drafts": subject.words == DRAFTS,
            "offered": DAYS,
            "days": USUAL_DAYS,
            "loopback": host_name(request.headers["host"]) in LOOPBACK,
            "link": None,
            "revoked": False,
        }
        return self.page("preview_frame", **(context | more))


def _alike(tools: Sequence[Tool], slug: str) -> list[Tool]:
    """Return tools to compare one with: of its category first."""
    this = next(tool for tool in tools if tool.slug == slug)
    others = [tool for tool in tools if tool.slug != slug]
    return sorted(others, key=lambda tool: tool.category != this.category)[:OFFERED]


def _frame_address(subject: Subject) -> str:
    kind = "tool" if len(subject.slugs) == 1 else "compare"
    if not subject.slugs:
        return "/preview/front"
    return f"/preview/{kind}/{'/'.join(map(_part, subject.slugs))}"


def _part(text: str) -> str:
    return quote(text, safe="")
