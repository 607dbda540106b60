"""The desk's pages and what they send back. Text comes in by forms, goes out escaped."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl, quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from panel import __version__
from panel.decisions import ConflictError, Decision, Pair
from panel.desk.filters import PER_PAGE, STATES, Filter, counts
from panel.desk.marking import pieces, word_changes, word_count
from panel.desk.snapshot import Desk, Snapshot
from panel.desk.take import describe, take_page
from panel.editorial import Entry, history
from panel.errors import PanelError, StoreBusyError, UsageError
from panel.hashing import text_hash
from panel.report import comparison
from panel.scorecard import Comparison, published
from panel.selection import Selection, prepare
from panel.site.comparison import render_comparison
from panel.site.formats import clean, percent
from panel.store.queries import opened
from panel.store.replies import exchanges

ASSETS = {
    "desk.css": "text/css",
    "desk.js": "text/javascript",
    "login.js": "text/javascript",
    "htmx.min.js": "text/javascript",
}
# The page of readers has its style inside; it runs nothing and leads nowhere.
PREVIEW_POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox",
    "X-Frame-Options": "SAMEORIGIN",
}
KEYS = (
    ("j / k", "next or previous take; in the queue, next or previous row"),
    ("Enter", "open the row"),
    ("a", "approve the words shown, go on to the next"),
    ("r", "reject the take, go on to the next"),
    ("e", "edit the words (Ctrl+Enter saves, Ctrl+Shift+Enter saves and approves)"),
    ("g", "ask the reviewer again, with a note (Ctrl+Enter sends)"),
    ("u", "undo the last decision"),
    ("U", "undo the undo"),
    ("f", "next finding"),
    ("s", "prompt and raw reply"),
    ("h", "history of the take"),
    ("c", "compare with another tool"),
    ("q", "back to the queue"),
    ("/", "filter by tool"),
    ("Esc", "leave a field, close this"),
    ("?", "show these keys"),
)


def _finalize(value: Any) -> Any:
    return clean(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@functools.cache
def environment() -> Environment:
    """Return the templates' environment; it escapes, and a misspelt name is an error."""
    made = Environment(
        loader=PackageLoader("panel.desk"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        percent=percent,
        words=word_count,
        hash=text_hash,
        pieces=pieces,
        address=lambda text: quote(text, safe=""),
        moment=lambda text: str(text)[:16].replace("T", " "),
    )
    made.globals.update(keys=KEYS, version=__version__, changes=word_changes)
    return made


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a POST, line ends made plain, and the filter it came from."""

    fields: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")

    @property
    def filter(self) -> Filter:
        """The filter under which the take was opened."""
        return Filter.of_query(self["filter"])


async def _form(request: Request) -> Form:
    body = (await request.body()).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=30)
    except ValueError:
        raise UsageError("the form has too many fields.") from None
    return Form({name: value.replace("\r\n", "\n") for name, value in pairs})


class Pages:
    """Answers each address of the desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def _page(self, name: str, status: int = 200, **context: Any) -> HTMLResponse:
        fields = {"editor": self._desk.editor, "done": None, "busy": self._desk.asker.under_way()}
        template = environment().get_template(f"{name}.html.j2")
        return HTMLResponse(template.render(**(fields | context)), status)

    def _done(self, request: Request, snapshot: Snapshot) -> dict[str, Any] | None:
        """Return what was decided a moment ago, to say so and offer to undo it."""
        made = self._desk.made.get(request.query_params.get("done", ""))
        entry = snapshot.entry(*made.pair) if made else None
        if made is None or entry is None:
            return None
        last = entry.standing.latest == made.decision_id
        return {"decision": made, "entry": entry, "undoable": last}

    def queue(self, request: Request) -> Response:
        """Show the takes that match the filter."""
        snapshot, wanted = self._desk.snapshot(), Filter.parse(request.query_params)
        found = self._matching(snapshot, wanted)
        pages = max(1, -(-len(found) // PER_PAGE))
        page = min(wanted.page, pages)
        shown = found[(page - 1) * PER_PAGE : page * PER_PAGE]
        unchecked = sum(self._desk.counted(entry) is None for entry in snapshot.entries)
        return self._page(
            "queue",
            snapshot=snapshot,
            filter=wanted,
            counts=counts(snapshot.entries),
            states=list(STATES),
            rows=[(entry, self._desk.findings(entry)) for entry in shown],
            found=len(found),
            page=page,
            pages=pages,
            flips=sum(entry.flips for entry in snapshot.entries),
            unchecked=unchecked,
            done=self._done(request, snapshot),
        )

    def _matching(self, snapshot: Snapshot, wanted: Filter) -> list[Entry]:
        counted = self._desk.counted
        return [entry for entry in snapshot.entries if wanted.matches(entry, counted)]

    def _entry(self, request: Request) -> tuple[Snapshot, Entry]:
        snapshot = self._desk.snapshot()
        pair = request.path_params["tool"], request.path_params["persona"]
        entry = snapshot.entry(*pair)
        if entry is None:
            raise _NotFoundError
        return snapshot, entry

    def take(self, request: Request) -> Response:
        """Show one take with everything an editor needs to decide."""
        snapshot, entry = self._entry(request)
        return self._take(request, snapshot, entry, Filter.parse(request.query_params))

    def _take(
        self,
        request: Request,
        snapshot: Snapshot,
        entry: Entry,
        wanted: Filter,
        **more: Any,
    ) -> HTMLResponse:
        chain = history(snapshot.workspace, *entry.pair)
        before, after = self._neighbours(snapshot, entry, wanted)
        words = next(
            (
                each.text
                for each in chain
                if each.decision_id == request.query_params.get("words") and each.text
            ),
            None,
        )
        context = {
            "snapshot": snapshot,
            "filter": wanted,
            "before": before,
            "after": after,
            "asked": self._desk.asker.on(entry.pair),
            "done": self._done(request, snapshot),
            "draft": words,
            "error": None,
            "note": "",
            **take_page(entry, self._desk.findings(entry), chain),
        }
        return self._page("take", **(context | more))

    def _neighbours(
        self, snapshot: Snapshot, entry: Entry, wanted: Filter
    ) -> tuple[Entry | None, Entry | None]:
        """Return the takes before and after one that match the filter, wherever it is itself."""
        place = snapshot.places[entry.pair]
        counted = self._desk.counted
        after = (each for each in snapshot.entries[place + 1 :] if wanted.matches(each, counted))
        before = (
            each for each in reversed(snapshot.entries[:place]) if wanted.matches(each, counted)
        )
        return next(before, None), next(after, None)

    async def decide(self, request: Request) -> Response:
        """Write an editor's decision down, and go on."""
        form = await _form(request)
        return await run_in_threadpool(self._decide, request, form)

    def _decide(self, request: Request, form: Form) -> Response:
        snapshot, entry = self._entry(request)
        wanted = form.filter
        try:
            made = self._desk.decide(self._decision(entry, form))
        except ConflictError as error:
            return self._conflict(snapshot, entry, form, error)
        except UsageError as error:
            note = form["note"] or None
            kept = {"draft": form["text"] or None, "note": note or "", "error": str(error)}
            return self._take(request, snapshot, entry, wanted, status=422, **kept)
        if made.action == "ask_again":
            self._desk.ask(made.pair)
        fresh = self._desk.snapshot()
        target: Entry | None = fresh.entry(*entry.pair)
        if made.action in ("approve", "reject") and form["stay"] != "1":
            target = self._neighbours(fresh, entry, wanted)[1]
        query = "&".join(filter(None, [wanted.query(), f"done={made.decision_id}"]))
        path = "/" if target is None else take_path(target.pair)
        return RedirectResponse(f"{path}?{query}", 303)

    def _decision(self, entry: Entry, form: Form) -> Decision:
        """Make a decision of a form; raises ConflictError if the words seen are not there now."""
        action, answer = form["action"], entry.answer
        attempt, text = answer.attempt_id if answer else None, form["text"] or None
        if action == "withdraw":
            standing = entry.standing.published
            if standing is None or text_hash(standing.text) != form["seen"]:
                raise ConflictError("What is published has changed since you opened this take.")
            action, attempt, text = "reject", standing.attempt_id, standing.text
        elif action in ("approve", "reject", "edit"):
            if form["attempt"] != (attempt or ""):
                raise ConflictError("A new answer has come in since you opened this take.")
            if text is None and action != "edit":
                if text_hash(entry.text) != form["seen"]:
                    raise self._overtaken(entry, form)
                text = entry.text
        elif action not in ("ask_again", "undo"):
            raise UsageError("that is no decision. Load the take again.")
        return Decision(
            *entry.pair,
            action,  # type: ignore[arg-type]
            self._desk.editor,
            follows=form["follows"] or None,
            attempt_id=attempt,
            text=text,
            note=form["note"] or None,
            undoes=form["undoes"] or None,
        )

    def _overtaken(self, entry: Entry, form: Form) -> ConflictError:
        chain = history(self._desk.snapshot().workspace, *entry.pair)
        latest = chain[-1] if chain else None
        if latest is None or latest.decision_id == form["follows"]:
            return ConflictError("The words of this take have changed since you opened it.")
        return ConflictError(
            f"{latest.editor} has decided on this take since you opened it.", latest
        )

    def _conflict(
        self, snapshot: Snapshot, entry: Entry, form: Form, error: ConflictError
    ) -> Response:
        """Show both: what the other did and what this editor meant to do."""
        current = self._desk.snapshot().entry(*entry.pair) or entry
        mine = form["text"] or form["shown"] or None
        return self._page(
            "conflict",
            409,
            snapshot=snapshot,
            entry=current,
            filter=form.filter,
            message=str(error),
            other=error.other,
            theirs=(error.other.text if error.other and error.other.text else current.text),
            action=form["action"],
            mine=mine,
            note=form["note"],
        )

    async def preview(self, request: Request) -> Response:
        """Check the words in the edit field and set them against the model's."""
        form = await _form(request)
        return await run_in_threadpool(self._preview, request, form)

    def _preview(self, request: Request, form: Form) -> Response:
        snapshot, entry = self._entry(request)
        text = form["text"].strip()
        found = self._desk.findings(entry, text) if text else []
        preview = {"text": text, **describe(entry, text, found)}
        if request.headers.get("hx-request") == "true":
            return self._page("preview", entry=entry, preview=preview)
        kept = {"draft": form["text"], "preview": preview}
        return self._take(request, snapshot, entry, form.filter, **kept)

    async def ask(self, request: Request) -> Response:
        """Ask what is pending of a take, in the background."""
        form = await _form(request)
        _snapshot, entry = await run_in_threadpool(self._entry, request)
        self._desk.ask(entry.pair)
        return RedirectResponse(f"{take_path(entry.pair)}?{form.filter.query()}", 303)

    def asked(self, request: Request) -> Response:
        """Say how asking again goes; once it is done, have the page loaded anew."""
        _snapshot, entry = self._entry(request)
        asked = self._desk.asker.on(entry.pair)
        answer = self._page("asked", entry=entry, asked=asked)
        if asked is not None and not asked.under_way:
            answer.headers["HX-Refresh"] = "true"
        return answer

    def source(self, request: Request) -> Response:
        """Show what the model was shown and what it replied."""
        snapshot, entry = self._entry(request)
        with opened(snapshot.workspace.runs) as connection:
            found = exchanges(connection, *entry.pair)
        wanted = entry.answer.attempt_id if entry.answer else None
        wanted = request.query_params.get("attempt", wanted)
        shown = next((each for each in found if each.attempt_id == wanted), None)
        return self._page(
            "source",
            snapshot=snapshot,
            entry=entry,
            exchange=shown,
            exchanges=found,
            filter=Filter.parse(request.query_params),
        )

    def history(self, request: Request) -> Response:
        """Show every decision and every answer, oldest first."""
        snapshot, entry = self._entry(request)
        with opened(snapshot.workspace.runs) as connection:
            found = exchanges(connection, *entry.pair)
        chain = history(snapshot.workspace, *entry.pair)
        events = [(each.decided_at, "decision", each) for each in chain]
        events += [(each.finished_at, "answer", each) for each in found]  # type: ignore[misc]
        return self._page(
            "history",
            snapshot=snapshot,
            entry=entry,
            events=sorted(events, key=lambda event: event[0]),
            filter=Filter.parse(request.query_params),
        )

    def compare(self, request: Request) -> Response:
        """Choose two tools and see their page."""
        snapshot, asked = self._desk.snapshot(), request.query_params
        chosen = [asked.get("a", "")[:200], asked.get("b", "")[:200]]
        slugs = {tool.slug for tool in snapshot.workspace.tools}
        problem = None
        if all(chosen):
            unknown = [slug for slug in chosen if slug not in slugs]
            if unknown:
                problem = f"There is no tool {unknown[0]!r}."
            elif chosen[0] == chosen[1]:
                problem = "Name two tools."
        return self._page(
            "compare",
            snapshot=snapshot,
            a=chosen[0],
            b=chosen[1],
            drafts=asked.get("drafts") == "1",
            problem=problem,
            ready=all(chosen) and problem is None,
        )

    def compare_page(self, request: Request) -> Response:
        """Return the comparison page itself, as readers would get it."""
        snapshot, asked = self._desk.snapshot(), request.query_params
        left, right = asked.get("a", ""), asked.get("b", "")
        chosen = snapshot.prepared
        prepared = prepare(
            snapshot.workspace,
            Selection([left, right], [], [], chosen.endpoint.name, chosen.endpoint.model),
        )
        drafts = asked.get("drafts") == "1"
        pair = comparison(snapshot.workspace, prepared, left, right, published=not drafts)
        cards = (published(pair.left, drafts), published(pair.right, drafts))
        page = render_comparison(
            Comparison(*cards, pair.model, pair.embedded), datetime.now(UTC), __version__
        )
        return HTMLResponse(page, headers=PREVIEW_POLICY)

    def login(self, request: Request) -> Response:
        """Ask for the token of a desk that is open beyond loopback."""
        return self._page("login", wrong=request.query_params.get("wrong") == "1")

    def asset(self, request: Request) -> Response:
        """Return a stylesheet or script of the desk."""
        kind = ASSETS.get(request.path_params["name"])
        if kind is None:
            raise _NotFoundError
        body = _asset(request.path_params["name"])
        headers = {"Cache-Control": "private, max-age=300"}
        return Response(body, media_type=kind, headers=headers)

    def failed(self, request: Request, error: Exception) -> Response:
        """Say in one sentence what went wrong."""
        if isinstance(error, _NotFoundError):
            return self._page("failed", 404, message="There is no such page or take.")
        status = 503 if isinstance(error, StoreBusyError) else 422
        return self._page("failed", status, message=str(error))


class _NotFoundError(Exception):
    """Nothing stands at this address."""


@functools.cache
def _asset(name: str) -> bytes:
    return (resources.files("panel.desk") / "assets" / name).read_bytes()


def take_path(pair: Pair) -> str:
    """Return the address of a take."""
    return f"/take/{quote(pair[0], safe='')}/{quote(pair[1], safe='')}"


def application(desk: Desk) -> Starlette:
    """Make the web application of a desk; ``guard.Guard`` belongs around it."""
    pages = Pages(desk)
    take = "/take/{tool}/{persona}"
    handled: Callable[..., Awaitable[Response]] | Callable[..., Response] = pages.failed
    return Starlette(
        routes=[
            Route("/", pages.queue),
            Route(take, pages.take),
            Route(f"{take}/decide", pages.decide, methods=["POST"]),
            Route(f"{take}/preview", pages.preview, methods=["POST"]),
            Route(f"{take}/ask", pages.ask, methods=["POST"]),
            Route(f"{take}/asked", pages.asked),
            Route(f"{take}/source", pages.source),
            Route(f"{take}/history", pages.history),
            Route("/compare", pages.compare),
            Route("/compare/page", pages.compare_page),
            Route("/login", pages.login),
            Route("/assets/{name}", pages.asset),
        ],
        exception_handlers={PanelError: handled, _NotFoundError: handled, 404: _nowhere(pages)},
    )


def _nowhere(pages: Pages) -> Callable[[Request, Exception], Response]:
    return lambda request, _error: pages.failed(request, _NotFoundError())
