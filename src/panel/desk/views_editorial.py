"""The editors' own words: a list of them, and a form for each."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from panel.desk.editorial_form import (
    MOST_FIELDS,
    About,
    checked_words,
    correction_rows,
    edited_words,
    editorial_fields,
)
from panel.desk.forms import Form, read_form
from panel.desk.pages import DeskPages, NotFoundError
from panel.desk.prices import today
from panel.desk.snapshot import DeskSnapshot
from panel.desk.views_tool import problems_of
from panel.desk.written_files import ChangedMeanwhileError, FileAsRead, read_file, write_file
from panel.errors import PanelError, UsageError, WorkspaceError
from panel.site.markdown import render_markdown
from panel.workspace.editorial import BETWEEN, DIGEST, FRONT, PAIRS, TOOLS, Editorial


class Editing(DeskPages):
    """Answers what is about the editors' own words."""

    def editorial(self, request: Request) -> Response:
        """List what is written, with forms that lead to what is not yet."""
        snapshot, asked = self.desk.snapshot(), request.query_params
        problem = None
        if asked.get("kind"):
            try:
                about = self._wanted(snapshot, asked.get("kind", ""), asked.getlist("of"))
                return RedirectResponse(address_of(about), 303)
            except UsageError as error:
                problem = str(error)
        return self.page(
            "editorial",
            422 if problem else 200,
            snapshot=snapshot,
            problem=problem,
            lists=_listed(snapshot),
            names={tool.slug: tool.name for tool in snapshot.workspace.tools},
            day=today().isoformat(),
        )

    def words(self, request: Request) -> Response:
        """Show the form for one."""
        snapshot, about = self._about(request)
        return self._words(
            snapshot,
            about,
            saved=request.query_params.get("saved") == "1",
            turned=self.turned(request),
        )

    async def write_words(self, request: Request) -> Response:
        """Write what a form says into its file."""
        form = await read_form(request, MOST_FIELDS)
        return await run_in_threadpool(self._write, request, form)

    async def preview_words(self, request: Request) -> Response:
        """Render the Markdown of a form as readers would see it."""
        form = await read_form(request, MOST_FIELDS)
        return HTMLResponse(await run_in_threadpool(_rendered, form["text"]))

    def _wanted(self, snapshot: DeskSnapshot, kind: str, of: list[str]) -> About:
        """Return what a form names, by slugs or names; raises UsageError."""
        if kind in (TOOLS, PAIRS):
            tools = snapshot.workspace.select_tools([word for word in of if word], [])
            if not any(of) or len(tools) != {TOOLS: 1, PAIRS: 2}[kind]:
                raise UsageError("name two tools." if kind == PAIRS else "name a tool.")
            return About(kind, tuple(tool.slug for tool in tools))
        about = About.named(kind, of[0] if of else "", ())
        if about is None:
            raise UsageError("name the first day of the digest: 2026-11-20.")
        return about

    def _about(self, request: Request) -> tuple[DeskSnapshot, About]:
        snapshot, parts = self.desk.snapshot(), request.path_params
        slugs = {tool.slug for tool in snapshot.workspace.tools}
        about = About.named(parts["kind"], parts.get("of", ""), slugs)
        if about is None:
            raise NotFoundError
        return snapshot, about

    def _words(
        self, snapshot: DeskSnapshot, about: About, status: int = 200, **more: Any
    ) -> HTMLResponse:
        file = about.file(self.desk.root)
        read = read_file(self.desk.root, file)
        if "fields" not in more:
            said = self._said(snapshot, about, read)
            more["fields"] = editorial_fields(said)
            if said is None:
                more["fields"] |= {"by": self.desk.editor, "date": today().isoformat()}
        fields = more["fields"]
        names = {tool.slug: tool.name for tool in snapshot.workspace.tools}
        context = {
            "snapshot": snapshot,
            "about": about,
            "here": address_of(about),
            "title": _title(about, names),
            "page_link": _page_link(about),
            "place": str(file.relative_to(self.desk.root)),
            "seen": fields.get("seen", read.seen),  # of the file under these fields
            "rows": correction_rows(fields),
            "rendered": _rendered(fields.get("text", "")),
            "beside": {},
            "wrong": [],
            "saved": False,
        }
        return self.page("words", status, **(context | more))

    def _said(self, snapshot: DeskSnapshot, about: About, read: FileAsRead) -> Editorial | None:
        """Return what a file says: not as it was when the whole workspace was read last."""
        slugs = {tool.slug for tool in snapshot.workspace.tools}
        return checked_words(read.text, about, self.desk.root, slugs)

    def _write(self, request: Request, form: Form) -> Response:
        snapshot, about = self._about(request)
        root, slugs = self.desk.root, {tool.slug for tool in snapshot.workspace.tools}
        file = about.file(root)
        if form["look"] == "1":
            return self._words(snapshot, about, fields=form.fields)
        now = read_file(root, file)
        try:
            said = self._said(snapshot, about, now)
            text = edited_words(now.text, said, _by_slug(snapshot, form.fields), file)
            if text is not None and text != now.text:
                checked_words(text, about, root, slugs)
            write_file(root, file, form["seen"], text)
            if text != now.text:
                title = _title(about, {tool.slug: tool.name for tool in snapshot.workspace.tools})
                says = f"editorial of {title[:1].lower() + title[1:] if not about.of else title}"
                self.did(says, address_of(about), file=file, before=now.text, after=text)
        except ChangedMeanwhileError as error:
            return self._conflict(snapshot, about, form, error.now)
        except (UsageError, WorkspaceError) as error:
            beside, rest = _beside(error, now)
            return self._words(snapshot, about, 422, fields=form.fields, beside=beside, wrong=rest)
        return RedirectResponse(f"{address_of(about)}?saved=1", 303)

    def _conflict(
        self, snapshot: DeskSnapshot, about: About, form: Form, now: FileAsRead
    ) -> Response:
        problem, mine = "", now.text or ""
        try:
            said = self._said(snapshot, about, now)
            mine = edited_words(now.text, said, form.fields, now.file) or ""
        except PanelError as error:
            problem = str(error)
        return self.page(
            "file_conflict",
            409,
            title=_title(about, {tool.slug: tool.name for tool in snapshot.workspace.tools}),
            back=address_of(about),
            action=address_of(about),
            place=str(now.file.relative_to(self.desk.root)),
            now=now,
            mine=mine,
            problem=problem,
            kept={name: value for name, value in form.fields.items() if name != "seen"},
        )


def address_of(about: About) -> str:
    """Return the address of the form for these words."""
    of = quote(BETWEEN.join(about.of), safe="")
    return f"/editorial/{about.kind}/{of}" if of else f"/editorial/{about.kind}"


def _listed(snapshot: DeskSnapshot) -> dict[str, list[tuple[About, Any]]]:
    files = snapshot.workspace.editorial
    pairs = ((tuple(sorted(pair)), said) for pair, said in files.pairs.items())
    return {
        FRONT: [(About(FRONT), files.front)] if files.front else [],
        TOOLS: [(About(TOOLS, (slug,)), said) for slug, said in sorted(files.tools.items())],
        PAIRS: [
            (About(PAIRS, pair), said) for pair, said in sorted(pairs, key=lambda each: each[0])
        ],
        DIGEST: [
            (About(DIGEST, (day,)), said)
            for day, said in sorted(files.digests.items(), reverse=True)
        ],
    }


def _title(about: About, names: dict[str, str]) -> str:
    if about.kind == FRONT:
        return "The front page"
    if about.kind == DIGEST:
        return f"The digest that begins on {about.of[0]}"
    return " vs ".join(names.get(slug, slug) for slug in about.of)


def _page_link(about: About) -> str | None:
    """Return the preview of the page that the words stand on; None for one without a preview."""
    if about.kind == FRONT:
        return "/preview/front"
    if about.kind not in (TOOLS, PAIRS):
        return None
    kind = "tool" if about.kind == TOOLS else "compare"
    return f"/preview/{kind}/{'/'.join(quote(slug, safe='') for slug in about.of)}"


def _by_slug(snapshot: DeskSnapshot, fields: dict[str, str]) -> dict[str, str]:
    """Return the fields of a form with the slug of the tool that leads, where it was named."""
    try:
        (tool,) = snapshot.workspace.select_tools([fields.get("lead", "").strip()], [])
    except UsageError:  # the checks say so beside the field
        return fields
    return fields | {"lead": tool.slug}


def _rendered(text: str) -> str:
    return render_markdown(text) if text.strip() else ""


def _beside(error: PanelError, now: FileAsRead) -> tuple[dict[str, list[str]], list[str]]:
    """Return what is wrong by the field that it stands beside, and what stands nowhere."""
    beside: dict[str, list[str]] = {}
    rest: list[str] = []
    for problem in problems_of(error, now):
        words = f"{problem.message[:1].upper()}{problem.message[1:]}. {problem.remedy}"
        kind, _, after = problem.field.partition(".")
        place, _, part = after.partition(".")
        if kind == "corrections" and place.isdigit():
            beside.setdefault(f"corrections-{int(place) + 1}-{part or 'note'}", []).append(words)
        elif problem.field in ("headline", "standfirst", "why", "by", "date", "text", "lead"):
            beside.setdefault(problem.field, []).append(words)
        else:
            rest.append(words)
    return beside, rest
