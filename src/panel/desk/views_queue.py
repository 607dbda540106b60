"""The queue: takes by tool, and what is done with many of them at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from panel.decisions import ConflictError, Decision, Pair
from panel.desk.bulk import BulkPlan, bulk_plan
from panel.desk.filters import PER_PAGE, STATES, Filter, counts
from panel.desk.forms import Form, read_form
from panel.desk.last import stands_last
from panel.desk.pages import DeskPages, take_path
from panel.desk.reasons import REASONS
from panel.desk.snapshot import DeskSnapshot
from panel.errors import UsageError
from panel.results.entries import Entry
from panel.text import counted
from panel.workspace.tools import Tool

MOST_PICKED = 500  # takes named one by one
MOST_FIELDS = MOST_PICKED + 50  # of a form that names them


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of a tool. approved: how many of its ``of`` takes have words that are published.

    stale: they wait only for somebody to say whether the published words still stand.
    """

    tool: Tool
    approved: int
    of: int
    rows: list[Entry]
    stale: bool


@dataclass(frozen=True, slots=True)
class Many:
    """Takes that are to be approved at once.

    picks: named one by one, as tool/persona. everything: all that the filter shows. notes: those
    with notes, too.
    """

    filter: Filter
    picks: tuple[str, ...]
    everything: bool
    notes: bool

    @classmethod
    def of(cls, fields: Mapping[str, str], picks: tuple[str, ...]) -> Many:
        """Read them from the fields of an address or a form."""
        wanted = Filter.of_query(fields.get("filter", ""))
        picks = picks[:MOST_PICKED]
        return cls(wanted, picks, fields.get("all") == "1", fields.get("notes") == "1")


class Queueing(DeskPages):
    """Answers for the queue and for many takes at once."""

    def queue(self, request: Request) -> Response:
        """Show the takes that match the filter, those of a tool together."""
        snapshot, wanted = self.desk.snapshot(), Filter.parse(request.query_params)
        found = self.matching(snapshot, wanted)
        pages = max(1, -(-len(found) // PER_PAGE))
        page = min(wanted.page, pages)
        shown = found[(page - 1) * PER_PAGE : page * PER_PAGE]
        for entry in shown:
            self.desk.findings(entry)
        plan = bulk_plan(found, self.sight(snapshot))
        unchecked = sum(self.desk.counted(entry) is None for entry in snapshot.entries)
        return self.page(
            "queue",
            snapshot=snapshot,
            filter=wanted,
            counts=counts(snapshot.entries, self.sight(snapshot)),
            states=list(STATES),
            groups=_grouped(snapshot, shown, wanted.state == "waiting"),
            findings=self.desk.findings,
            found=len(found),
            clean=len(plan.approve),
            noted=len(plan.noted),
            found_stale=sum(entry.stands_or_falls for entry in found),
            page=page,
            pages=pages,
            flips=sum(entry.flips for entry in snapshot.entries),
            unchecked=unchecked,
            choices=_choices(snapshot),
            done=self.done(request, snapshot),
            batch=self.batch(request.query_params.get("batch", "")),
            told={name: _number(request, name) for name in ("undone", "late", "given")},
            turned=self.turned(request),
        )

    def batch(self, first: str) -> dict[str, object] | None:
        """Return the approvals made at once a moment ago, so that the page can offer an undo."""
        made = self.desk.batches.get(first)
        return None if made is None else {"id": first, "many": len(made)}

    def bulk(self, request: Request) -> Response:
        """Show what approving many takes would do, before anything is done."""
        asked = request.query_params
        picks = () if asked.get("all") == "1" else tuple(asked.getlist("pick"))
        return self._shown(self.desk.snapshot(), Many.of(asked, picks))

    async def bulk_named(self, request: Request) -> Response:
        """Show it for takes that a form names: too many for an address."""
        form = await read_form(request, MOST_FIELDS)
        picks = () if form["all"] == "1" else form.picks
        return await run_in_threadpool(
            lambda: self._shown(self.desk.snapshot(), Many.of(form.fields, picks))
        )

    def _shown(self, snapshot: DeskSnapshot, many: Many, changed: bool = False) -> Response:
        return self.page(
            "bulk",
            409 if changed else 200,
            filter=many.filter,
            plan=self._plan(snapshot, many),
            asked=many,
            changed=changed,
            sign_off=snapshot.workspace.settings.desk.sign_off,
        )

    def _plan(self, snapshot: DeskSnapshot, many: Many) -> BulkPlan:
        if many.everything:
            chosen = self.matching(snapshot, many.filter)
        else:
            chosen = _picked(snapshot, many.picks)
            for entry in chosen:
                self.desk.findings(entry)
        return bulk_plan(chosen, self.sight(snapshot), many.notes)

    async def approve_many(self, request: Request) -> Response:
        """Approve the takes that were shown, if they are still as they were."""
        form = await read_form(request)
        return await run_in_threadpool(self._approve_many, form)

    def _approve_many(self, form: Form) -> Response:
        snapshot, many = self.desk.snapshot(), Many.of(form.fields, tuple(form["picks"].split()))
        wanted, plan = many.filter, self._plan(snapshot, many)
        if plan.seen != form["seen"]:
            return self._shown(snapshot, many, changed=True)
        if not plan.approve:
            raise UsageError("none of these takes can be approved at once. Open them one by one.")
        try:
            made = self.desk.decide_all(plan.decisions(self.desk.editor))
        except ConflictError:
            snapshot = self.desk.snapshot()
            return self._shown(snapshot, many, changed=True)
        first = made[0].decision_id
        self.desk.batches[first] = [each.decision_id for each in made]
        return _to_queue(wanted, f"batch={first}")

    async def undo_many(self, request: Request) -> Response:
        """Take the approvals made at once back, but for those that something has come after.

        Or bring them back, where the batch is one of undos.
        """
        form = await read_form(request)
        return await run_in_threadpool(self._undo_many, form)

    def _undo_many(self, form: Form) -> Response:
        chosen = [self.desk.made[name] for name in self.desk.batches.get(form["batch"], [])]
        snapshot, editor = self.desk.snapshot(), self.desk.editor
        undos = [
            Decision(
                *each.pair, "undo", editor, follows=entry.review.latest, undoes=each.decision_id
            )
            for each in chosen
            if (entry := snapshot.entry(*each.pair)) and stands_last(each, snapshot)
        ]
        made = self.desk.decide_all(undos) if undos else []
        late = f"late={len(chosen) - len(made)}"
        if chosen and chosen[0].action == "undo":  # they are brought back
            first = next(
                (name for name, ids in self.desk.batches.items() if chosen[0].undoes in ids), ""
            )
            return _to_queue(form.filter, f"batch={first}&{late}")
        if made:
            self.desk.batches[made[0].decision_id] = [each.decision_id for each in made]
        return _to_queue(form.filter, f"undone={len(made)}&{late}")

    async def assign(self, request: Request) -> Response:
        """Give takes to an editor, or to nobody."""
        form = await read_form(request, MOST_FIELDS)
        return await run_in_threadpool(self._assign, form)

    def _assign(self, form: Form) -> Response:
        snapshot = self.desk.snapshot()
        chosen = [entry.pair for entry in _picked(snapshot, form.picks)]
        if not chosen:
            raise UsageError("no take is selected. Select some, then give them to an editor.")
        before = {pair: snapshot.assigned.get(pair) for pair in chosen}
        self.desk.assign(chosen, form["assignee"].strip() or None)
        after = self.desk.latest().assigned
        to = form["assignee"].strip() or "nobody"
        back = take_path(chosen[0]) if form["stay"] == "1" else "/"
        given = {pair: (before[pair], after.get(pair)) for pair in chosen}
        self.did(f"{counted(len(chosen), 'take')} given to {to}", back, given=given)
        if form["stay"] == "1":
            return RedirectResponse(f"{take_path(chosen[0])}?{form.filter.query()}", 303)
        return _to_queue(form.filter, f"given={len(chosen)}")


def _number(request: Request, name: str) -> int | None:
    """Return a small number that an address carries; None without one."""
    given = request.query_params.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 7 else None


def _to_queue(wanted: Filter, more: str) -> Response:
    return RedirectResponse("/?" + "&".join(filter(None, [wanted.query(), more])), 303)


def _choices(snapshot: DeskSnapshot) -> list[tuple[str, str, list[tuple[str, str]], str]]:
    """Return the lesser filters: label, field, (value, what it is called), what none is called."""
    files = snapshot.workspace
    categories = sorted({tool.category for tool in files.tools})
    findings = [("any", "some"), ("errors", "errors"), ("none", "none")]
    return [
        ("Category", "category", [(each, each) for each in categories], "every category"),
        ("Persona", "persona", [(each.id, each.name) for each in files.personas], "every persona"),
        ("Findings", "findings", findings, "with or without"),
        ("Decided by", "editor", [(each, each) for each in snapshot.editors], "anybody"),
        ("Rejected for", "reason", [*REASONS.items()], "any reason"),
    ]


def _grouped(snapshot: DeskSnapshot, shown: Sequence[Entry], apart: bool) -> list[Group]:
    """Return the rows of each tool. apart: published and stale ones are others."""

    def key(entry: Entry) -> tuple[str, bool]:
        return entry.tool.slug, apart and entry.stands_or_falls

    wanted = {entry.tool.slug for entry in shown}
    of, approved = Counter[str](), Counter[str]()
    for entry in snapshot.entries:
        if entry.tool.slug in wanted:
            of[entry.tool.slug] += 1
            approved[entry.tool.slug] += entry.review.published is not None
    return [
        Group(rows[0].tool, approved[slug], of[slug], rows, stale)
        for (slug, stale), found in groupby(shown, key=key)
        for rows in ([*found],)
    ]


def _picked(snapshot: DeskSnapshot, picks: Sequence[str]) -> list[Entry]:
    """Return the takes that a form names as tool/persona, in the order of the queue."""
    named: set[Pair] = set()
    for pick in picks:
        tool, _, persona = pick.partition("/")
        named.add((unquote(tool), unquote(persona)))
    places = sorted(snapshot.places[pair] for pair in named if pair in snapshot.places)
    return [snapshot.entries[place] for place in places]
