"""What every page of the desk uses: templates, forms, and finding the take."""

from __future__ import annotations

import functools
import re
from typing import Any
from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from panel import __version__
from panel.decisions import Pair, undoable
from panel.desk.checking import Wording
from panel.desk.decide import history
from panel.desk.diffing import pieces, word_count
from panel.desk.filters import Filter, Place, Sight, place_among
from panel.desk.keys import KEYS
from panel.desk.last import Change, last_made, last_undone, newest
from panel.desk.prices import checked_in_words, overdue, today
from panel.desk.reasons import REASONS
from panel.desk.session import Desk
from panel.desk.since import since
from panel.desk.snapshot import DeskSnapshot
from panel.desk.take import describe, take_page, wording_hash
from panel.desk.tool_page import field_label
from panel.desk.typed import Typed, holds_words, typed
from panel.hashing import text_hash
from panel.results.entries import Entry
from panel.scorecard import PICKED
from panel.site.differences import word_changes
from panel.site.formats import initial, percent, web_address
from panel.site.pillow import available
from panel.text import clean, counted, in_quotes, in_words


def _finalize(value: Any) -> Any:
    return clean(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _sentence(text: str) -> str:
    """Return a message with a capital letter, unless it begins with a name or a path."""
    return re.sub(r"^[a-z](?=[a-z]*[ ,])", lambda first: first[0].upper(), text)


@functools.cache
def environment() -> Environment:
    """Return the templates' environment; it escapes strings and rejects unknown names."""
    made = Environment(
        # The marks of the personas are the site's; what both have is the desk's own.
        loader=ChoiceLoader([PackageLoader("panel.desk"), PackageLoader("panel.site")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        percent=percent,
        initial=initial,
        words=word_count,
        hash=text_hash,
        wording_hash=wording_hash,
        pieces=pieces,
        address=lambda text: quote(text, safe=""),
        moment=lambda text: str(text)[:16].replace("T", " "),
    )
    made.filters.update(
        sentence=_sentence,
        field_label=field_label,
        counted=counted,
        in_words=in_words,
        in_quotes=in_quotes,
    )
    made.filters["web_address"] = web_address
    made.globals.update(
        has_logos=available(),
        portraits={},
        PICKED=PICKED,
        keys=KEYS,
        version=__version__,
        changes=word_changes,
        reasons=REASONS,
        checked_in_words=checked_in_words,
        today=today,
    )
    return made


class NotFoundError(Exception):
    """There is nothing at this address."""


def take_path(pair: Pair) -> str:
    """Return the address of a take."""
    return f"/take/{quote(pair[0], safe='')}/{quote(pair[1], safe='')}"


class DeskPages:
    """Renders pages of a desk."""

    def __init__(self, desk: Desk, gated: bool = False) -> None:
        self.desk, self.gated = desk, gated

    def page(self, name: str, status: int = 200, **context: Any) -> HTMLResponse:
        """Render a template of the desk."""
        fields = {
            "editor": self.desk.editor,
            # In a browser another desk may have had this address: another editor's, or workspace's.
            "mark": text_hash(f"{self.desk.root.resolve()}\0{self.desk.editor}"),
            # New with each desk: the browser may keep scripts of whoever had this address before.
            "assets": f"/assets/{self.desk.start}",
            "gated": self.gated,
            "done": None,
            "batch": None,
            "busy": self.desk.asker.under_way(),
            "unsaved": self._unsaved() if self.desk.editor else [],
            "called": self._called,
            **self._last(),
            "overdue": len(overdue(self.desk.files, today())),
        }
        template = environment().get_template(f"{name}.html.j2")
        return HTMLResponse(template.render(**(fields | context)), status)

    def _unsaved(self) -> list[Pair]:
        """Return the takes of which the editor has typed words that are not decided."""
        drafts = self.desk.notes.drafts(self.desk.editor)
        return sorted(pair for pair, draft in drafts.items() if holds_words(draft))

    def _called(self, pair: Pair) -> str:
        """Return how a take is called: its tool and its persona by their names."""
        entry = self.desk.latest().entry(*pair)
        return f"{entry.tool.name} × {entry.persona.name}" if entry else " × ".join(pair)

    def _last(self) -> dict[str, object]:
        """Return what ``u`` and ``U`` are about where a page has nothing of its own."""
        desk, made, undone = self.desk, None, None
        if desk.made:
            snapshot = desk.latest()
            made = last_made(desk.made, desk.batches, snapshot)
            undone = last_undone(desk.made, desk.batches, snapshot)
        changes = desk.changes
        return {
            "last_made": newest(made, changes.standing),
            "last_undone": newest(undone, changes.taken),
            "turned": None,
        }

    def turned(self, request: Request) -> dict[str, object] | None:
        """Return the change taken back or brought back a moment ago, so that the page says so."""
        for name, taken in (("undone", True), ("redone", False)):
            found = self.desk.changes.find(request.query_params.get(name, ""))
            if found is not None and found[1] != taken:
                return {"change": found[0], "taken": taken}
        return None

    def did(self, says: str, back: str, **more: Any) -> None:
        """Remember what this editor has done beside decisions, so that it can be undone."""
        self.desk.changes.did(Change(says, back, at=len(self.desk.made), **more))

    def done(self, request: Request, snapshot: DeskSnapshot) -> dict[str, Any] | None:
        """Return the decision made a moment ago, so that the page can offer to undo it."""
        made = self.desk.made.get(request.query_params.get("done", ""))
        entry = snapshot.entry(*made.pair) if made else None
        if made is None or entry is None:
            return None
        chain = history(snapshot.workspace, *made.pair)
        target = next((each for each in chain if each.decision_id == made.undoes), None)
        redone = target is not None and target.action == "undo"
        back = undoable(chain) if redone else made
        return {
            "decision": made,
            "entry": entry,
            "undoable": entry.review.latest == made.decision_id and back is not None,
            "undoes": back.decision_id if back else "",
            "redone": redone,
            "undone": target.action if target is not None and not redone else "",
            "key": "U" if made.action == "undo" and not redone else "u",
        }

    def sight(self, snapshot: DeskSnapshot) -> Sight:
        """Return what a filter has to know beside the takes."""
        return Sight(self.desk.counted, snapshot.assigned, self.desk.editor)

    def matching(self, snapshot: DeskSnapshot, wanted: Filter) -> list[Entry]:
        """Return the entries that a filter shows, in the order of the queue."""
        return wanted.shown(snapshot.entries, self.sight(snapshot))

    def entry(self, request: Request) -> tuple[DeskSnapshot, Entry]:
        """Return the take that an address names; raises NotFoundError."""
        pair = request.path_params["tool"], request.path_params["persona"]
        # First: an answer that arrives between the two is told with the next look, not as one
        # that the page shows.
        request.state.asked = self.desk.asker.on(pair)
        snapshot = self.desk.snapshot()
        entry = snapshot.entry(*pair)
        if entry is None:
            raise NotFoundError
        return snapshot, entry

    def take_of(
        self,
        request: Request,
        snapshot: DeskSnapshot,
        entry: Entry,
        wanted: Filter,
        **more: Any,
    ) -> HTMLResponse:
        """Render the page of a take; ``more``: the fields of a form that failed."""
        chain = history(snapshot.workspace, *entry.pair)
        asked = request.query_params
        words = next((e for e in chain if e.decision_id == asked.get("words") and e.text), None)
        draft = self.desk.notes.drafts(self.desk.editor).get(entry.pair)
        fields = typed(entry, words, draft)
        wants = {"1": True, "0": False}.get(asked.get("edit", ""))
        shown = take_page(entry, self.desk.findings(entry), chain)
        context = {
            "snapshot": snapshot,
            "filter": wanted,
            "place": self.place(snapshot, entry, wanted),
            "asked": request.state.asked,
            "done": self.done(request, snapshot),
            "turned": self.turned(request),
            "typed": fields,
            "kept": draft if holds_words(draft) else None,
            "editing": entry.has_words and (fields.unsaved if wants is None else wants),
            "since": since(snapshot, entry),
            "assignee": snapshot.assigned.get(entry.pair),
            "sign_off": snapshot.workspace.settings.desk.sign_off,
            "error": None,
            "bad": "",
            **shown,
            "preview": {"text": fields.text, **(self._checked(entry, fields) or shown)},
        }
        return self.page("take", **(context | more))

    def _checked(self, entry: Entry, fields: Typed) -> dict[str, Any] | None:
        """Return what is found in words that are typed and not saved; None for those saved."""
        if not (fields.unsaved and entry.has_words):
            return None
        verdict = fields.verdict if fields.verdict in ("ship", "skip") else entry.verdict
        text = fields.text.strip()
        words = Wording(text, fields.quotes, verdict)  # type: ignore[arg-type]
        return describe(entry, text, fields.quotes, self.desk.findings(entry, words))

    def place(self, snapshot: DeskSnapshot, entry: Entry, wanted: Filter) -> Place:
        """Return where a take stands among those that match the filter, even if it does not."""
        return place_among(snapshot.entries, entry, wanted, self.sight(snapshot))
