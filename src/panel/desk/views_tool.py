"""The pages of tools: all of them, one with its takes and its form, and prices that are due."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from panel.decisions import ConflictError, Decision
from panel.desk.forms import Form, read_form
from panel.desk.pages import DeskPages, NotFoundError
from panel.desk.prices import overdue, today
from panel.desk.session import DoubtError
from panel.desk.snapshot import DeskSnapshot
from panel.desk.tool_form import (
    MOST_FIELDS,
    checked_tool,
    edited,
    refuse_unfit_pictures,
    tool_fields,
)
from panel.desk.tool_page import drifted, entries_of, form_context, written
from panel.desk.written_files import ChangedMeanwhileError, FileAsRead, write_file
from panel.errors import PanelError, Problem, UsageError, WorkspaceError
from panel.hashing import text_hash
from panel.results.entries import Entry
from panel.site.markdown import render_markdown
from panel.store.costs import cost_so_far
from panel.store.ingest import opened
from panel.workspace.front_matter import Changes, edit_front_matter
from panel.workspace.tools import Tool

PER_PAGE = 100


def tool_address(slug: str) -> str:
    """Return the address of a tool's page."""
    return f"/tool/{quote(slug, safe='')}"


class AboutTools(DeskPages):
    """Answers what is about tools and not about one take."""

    def tools(self, request: Request) -> Response:
        """List the tools with what stands of each; ``q``: a part of a name, slug or category."""
        snapshot = self.desk.snapshot()
        wanted = request.query_params.get("q", "").strip()[:200]
        found = [each for each in snapshot.workspace.tools if _matches(each, wanted.casefold())]
        shown, page, pages = paged(request, found)
        with opened(snapshot.workspace.runs) as connection:
            cost = cost_so_far(connection)
        return self.page(
            "tools",
            snapshot=snapshot,
            wanted=wanted,
            rows=[(tool, entries_of(snapshot, tool.slug)) for tool in shown],
            found=len(found),
            page=page,
            pages=pages,
            cost=cost,
            day=today(),
        )

    def prices(self, request: Request) -> Response:
        """List the prices that are due, each with a button that says it was checked today."""
        snapshot = self.desk.snapshot()
        due = overdue(snapshot.workspace, today())
        shown, page, pages = paged(request, due)
        checked = self._named(snapshot, request.query_params.get("checked", ""))
        return self.page(
            "prices",
            snapshot=snapshot,
            rows=[(tool, written(self.desk.root, tool)) for tool in shown],
            found=len(due),
            page=page,
            pages=pages,
            checked=checked,
            turned=self.turned(request),
            day=today(),
        )

    def tool(self, request: Request) -> Response:
        """Show a tool: its takes, its facts and the form of its file."""
        snapshot, tool = self.named_tool(request)
        asked = request.query_params
        checked = tool if asked.get("checked") == "1" else None
        saved, stood = asked.get("saved") == "1", asked.get("stood", "")
        return self._tool(
            snapshot,
            tool,
            saved=saved,
            checked=checked,
            stood=int(stood) if stood.isascii() and stood.isdigit() and len(stood) < 4 else 0,
            turned=self.turned(request),
        )

    async def edit_tool(self, request: Request) -> Response:
        """Write what a form says into the tool's file."""
        form = await read_form(request, MOST_FIELDS)
        return await run_in_threadpool(self._edit, request, form)

    async def tool_checked(self, request: Request) -> Response:
        """Write today into the tool's file as the day on which its price was checked."""
        form = await read_form(request)
        changes: Changes = {("pricing", "verified"): today()}
        return await run_in_threadpool(self._change, request, form, changes)

    async def hold_tool(self, request: Request) -> Response:
        """Hold a tool's page back from readers, or let it go."""
        form = await read_form(request)
        changes: Changes = {("hold",): True if form["hold"] == "1" else None}
        return await run_in_threadpool(self._change, request, form, changes)

    async def tool_stands(self, request: Request) -> Response:
        """Confirm the published words of a tool's reviewers, one or several."""
        form = await read_form(request)
        return await run_in_threadpool(self._stands, request, form)

    def named_tool(self, request: Request) -> tuple[DeskSnapshot, Tool]:
        """Return the tool that an address names; raises NotFoundError."""
        snapshot = self.desk.snapshot()
        tool = self._named(snapshot, request.path_params["tool"])
        if tool is None:
            raise NotFoundError
        return snapshot, tool

    @staticmethod
    def _named(snapshot: DeskSnapshot, slug: str) -> Tool | None:
        return next((each for each in snapshot.workspace.tools if each.slug == slug), None)

    def _tool(self, snapshot: DeskSnapshot, tool: Tool, status: int = 200, **more: Any) -> Response:
        entries, where = entries_of(snapshot, tool.slug), written(self.desk.root, tool)
        with opened(snapshot.workspace.runs) as connection:
            cost = cost_so_far(connection, tool.slug)
        context = {
            "snapshot": snapshot,
            "tool": tool,
            "written": where,
            "seen": where.seen,
            "entries": entries,
            "stale": [each for each in entries if each.stale],
            "drifted": drifted(snapshot, entries),
            "cost": cost,
            "categories": sorted({each.category for each in snapshot.workspace.tools}),
            "said": snapshot.workspace.editorial.tools.get(tool.slug),
            "day": today(),
            "description": render_markdown(tool.description),
            "saved": False,
            "checked": None,
            "stood": 0,
            "error": None,
            "doubted": False,
            **form_context(tool_fields(tool)),
        }
        return self.page("tool", status, **(context | more))

    def _edit(self, request: Request, form: Form) -> Response:
        snapshot, tool = self.named_tool(request)
        where = self._editable(tool)
        try:
            text = edited(where.text or "", tool, form.fields, where.file)
            if text != where.text:
                changed = checked_tool(text, where.file)
                if changed.slug != tool.slug:
                    raise UsageError("the slug of a tool is not changed here.")
                refuse_unfit_pictures(changed, self.desk.root, where.file)
            write_file(self.desk.root, where.file, form["seen"], text)
            self._wrote(where, text, f"{tool.name} edited", tool_address(tool.slug))
        except ChangedMeanwhileError as error:
            return self._conflict(snapshot, tool, form, error.now)
        except (UsageError, WorkspaceError) as error:
            told = form_context(form.fields, problems_of(error, where))
            told["seen"] = form["seen"]  # of the file under these fields, whatever it is now
            return self._tool(snapshot, tool, 422, **told)
        return RedirectResponse(f"{tool_address(tool.slug)}?saved=1", 303)

    def _conflict(
        self, snapshot: DeskSnapshot, tool: Tool, form: Form, now: FileAsRead
    ) -> Response:
        """Show the file as it is beside what this editor wanted to write."""
        problem, mine = "", now.text or ""
        try:
            mine = edited(
                now.text or "", checked_tool(now.text or "", now.file), form.fields, now.file
            )
        except PanelError as error:
            problem = str(error)
        return self.page(
            "file_conflict",
            409,
            title=tool.name,
            back=tool_address(tool.slug),
            action=tool_address(tool.slug),
            place=str(now.file.relative_to(self.desk.root)),
            now=now,
            mine=mine,
            problem=problem,
            kept={name: value for name, value in form.fields.items() if name != "seen"},
        )

    def _change(self, request: Request, form: Form, changes: Changes) -> Response:
        snapshot, tool = self.named_tool(request)
        where = self._editable(tool)
        try:
            text = edit_front_matter(where.text or "", changes, where.file)
            checked_tool(text, where.file)
            write_file(self.desk.root, where.file, form["seen"], text)
            listed = form["back"] == "prices"
            back = "/prices" if listed else tool_address(tool.slug)
            self._wrote(where, text, f"{tool.name}: {_said(changes)}", back)
        except ChangedMeanwhileError as error:
            fresh = self.desk.snapshot()
            there = self._named(fresh, tool.slug) or tool
            return self._tool(fresh, there, 409, error=str(error))
        except (UsageError, WorkspaceError) as error:
            return self._tool(snapshot, tool, 422, error=str(error))
        return RedirectResponse(_after_change(tool, form, ("pricing", "verified") in changes), 303)

    def _wrote(self, was: FileAsRead, text: str, says: str, back: str) -> None:
        if text != was.text:
            self.did(says, back, file=was.file, before=was.text, after=text)

    def _editable(self, tool: Tool) -> FileAsRead:
        where = written(self.desk.root, tool)
        if where.read is None:
            raise UsageError(where.why)
        return where.read

    def _stands(self, request: Request, form: Form) -> Response:
        snapshot, tool = self.named_tool(request)
        told: list[str] = []
        doubted, stood = False, 0
        for entry in entries_of(snapshot, tool.slug):
            name = entry.persona.id
            if not form[f"question-{name}"] or form["only"] not in ("", name):
                continue
            try:
                self.desk.decide(self._confirmation(entry, form))
                stood += 1
            except DoubtError as error:
                doubted = True
                told.append(f"{entry.persona.name}: {error}")
            except (ConflictError, UsageError) as error:
                told.append(f"{entry.persona.name}: {error}")
        if told:
            fresh, status = self.desk.snapshot(), 422 if doubted else 409
            return self._tool(fresh, tool, status, error=" ".join(told), doubted=doubted)
        return RedirectResponse(f"{tool_address(tool.slug)}?stood={stood}", 303)

    def _confirmation(self, entry: Entry, form: Form) -> Decision:
        """Return the decision that published words still stand; raises ConflictError."""
        name, published = entry.persona.id, entry.review.published
        if published is None or text_hash(published.text) != form[f"seen-{name}"]:
            raise ConflictError("What is published has changed since you opened this page.")
        if entry.question != form[f"question-{name}"]:
            raise ConflictError("The question has changed since you opened this page.")
        return Decision(
            *entry.pair,
            "confirm",
            self.desk.editor,
            follows=form[f"follows-{name}"] or None,
            attempt_id=published.attempt_id,
            text=published.text,
            question=entry.question,
            note=form["note"] or None,
        )


def _said(changes: Changes) -> str:
    """Return what a change of a tool's file is called."""
    if ("hold",) in changes:
        return "held back" if changes["hold",] else "not held back any more"
    return "price checked today"


def _after_change(tool: Tool, form: Form, checked: bool) -> str:
    """Return where a change of a tool's file leads. checked: its price was checked."""
    if not checked:
        return f"{tool_address(tool.slug)}?saved=1"
    if form["back"] == "prices":
        return f"/prices?checked={quote(tool.slug, safe='')}"
    return f"{tool_address(tool.slug)}?checked=1"


def paged(request: Request, found: list[Tool]) -> tuple[list[Tool], int, int]:
    """Return the tools of the page that an address asks for, its number, and how many there are."""
    asked, pages = request.query_params.get("page", ""), max(1, -(-len(found) // PER_PAGE))
    number = int(asked[:9]) if asked.isascii() and asked.isdigit() else 1
    page = min(max(1, number), pages)
    return found[(page - 1) * PER_PAGE : page * PER_PAGE], page, pages


def _matches(tool: Tool, word: str) -> bool:
    return any(word in each for each in (tool.name.casefold(), tool.slug, tool.category.casefold()))


def problems_of(error: PanelError, where: FileAsRead) -> list[Problem]:
    """Return what is wrong with a file that was to be written."""
    if isinstance(error, WorkspaceError):
        return error.problems
    words, _, remedy = str(error).partition(". ")
    return [Problem(where.file, None, "", words.rstrip("."), remedy)]
