"""The desk's forms: decisions, words to check, and reviewers to ask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from panel.decisions import ConflictError, Decision
from panel.desk.checking import Wording
from panel.desk.decide import DONE, history
from panel.desk.diffing import pieces
from panel.desk.forms import Form, read_form
from panel.desk.limits import FieldError
from panel.desk.pages import DeskPages, take_path
from panel.desk.reasons import reason_note
from panel.desk.session import DoubtError
from panel.desk.snapshot import DeskSnapshot
from panel.desk.take import describe, named_by_facts, source_words, wording_hash
from panel.desk.typed import from_fields, is_doubt, is_edit, unsaved_fields
from panel.errors import UsageError
from panel.hashing import text_hash
from panel.results.entries import Entry
from panel.store.editors_notes import Draft


class Deciding(DeskPages):
    """Answers every POST."""

    async def decide(self, request: Request) -> Response:
        """Record an editor's decision and show the next take."""
        form = await read_form(request, decides=True)
        return await run_in_threadpool(self._decide, request, form)

    def _decide(self, request: Request, form: Form) -> Response:
        snapshot, entry = self.entry(request)
        wanted = form.filter
        try:
            made = self.desk.decide(self._decision(entry, form))
        except ConflictError as error:
            self._keep(entry, form)
            return self._conflict(snapshot, entry, form, error)
        except DoubtError as error:
            return self._doubt(entry, form, error)
        except UsageError as error:
            bad = error.field if isinstance(error, FieldError) else ""
            return self._again(request, snapshot, entry, form, error=str(error), bad=bad)
        self._decided(made, form)
        if made.action == "ask_again":
            self.desk.ask(made.pair)
        fresh = self.desk.latest()
        target: Entry | None = fresh.entry(*entry.pair)
        if made.action in ("approve", "reject", "confirm") and form["stay"] != "1":
            target = self.place(fresh, fresh.entry(*entry.pair) or entry, wanted).after
        query = "&".join(filter(None, [wanted.query(), f"done={made.decision_id}"]))
        path = "/" if target is None else take_path(target.pair)
        return RedirectResponse(f"{path}?{query}", 303)

    def _keep(self, entry: Entry, form: Form) -> Draft | None:
        """Keep what a form holds and nobody has decided; returns all that is kept of the take.

        A form without the words, or without the note, leaves these as they were.
        """
        notes, editor = self.desk.notes, self.desk.editor
        draft = notes.drafts(editor).get(entry.pair)
        held = dict(draft.typed) if draft else {}
        sent = {name: value for name, value in form.fields.items() if is_edit(name)}
        if sent and form["quotes"]:
            held = {name: value for name, value in held.items() if not is_edit(name)}
        if form["action"] in ("", "ask_again") and "note" in form.fields:
            sent["note"] = form["note"]
        if "doubt" in form.fields:
            sent["doubt"] = form["doubt"]
        return notes.keep(entry.pair, editor, unsaved_fields(entry, held | sent))

    def _decided(self, made: Decision, form: Form) -> None:
        """Forget what was typed and is decided now."""
        notes, editor = self.desk.notes, self.desk.editor
        if made.action == "ask_again":
            notes.drop(made.pair, editor, lambda name: name == "note")
        else:
            worded = made.action in ("approve", "edit") and bool(form["text"])
            done = is_edit if worded else is_doubt
            notes.drop(made.pair, editor, lambda name: done(name) or is_doubt(name))

    def _again(
        self, request: Request, snapshot: DeskSnapshot, entry: Entry, form: Form, **more: Any
    ) -> Response:
        """Show the take again with what was typed, which is kept."""
        self._keep(entry, form)
        fields = {name: value for name, value in form.fields.items() if is_edit(name)}
        note = form["note"] if form["action"] == "ask_again" else ""
        shown = from_fields(entry, fields, note)
        if form.evidence is not None:
            shown = replace(shown, quotes=form.evidence)
        more = {"typed": shown, "editing": shown.unsaved, "status": 422} | more
        return self.take_of(request, snapshot, entry, form.filter, **more)

    async def draft(self, request: Request) -> Response:
        """Keep what an editor has typed, or forget it."""
        form = await read_form(request, decides=True)
        return await run_in_threadpool(self._draft, request, form)

    def _draft(self, request: Request, form: Form) -> Response:
        _snapshot, entry = self.entry(request)
        if form["discard"] == "1":
            self.desk.notes.keep(entry.pair, self.desk.editor, {})
        else:
            draft = self._keep(entry, form)
            if request.headers.get("accept") == "application/json":
                return JSONResponse({"saved_at": draft.saved_at if draft else None})
        return RedirectResponse(f"{take_path(entry.pair)}?{form.filter.query()}", 303)

    def _decision(self, entry: Entry, form: Form) -> Decision:
        """Read a decision from a form; raises ConflictError if the words have changed since."""
        action, answer = form["action"], entry.answer
        attempt, text = answer.attempt_id if answer else None, form["text"] or None
        evidence, question, note = form.evidence, None, form["note"] or None
        if action == "reject" and note is None:
            note = reason_note(form["reason"], form["why"])
        if form["remove"] or form["correct"]:
            action, evidence = "edit", _corrected(entry, form)
        if action in ("withdraw", "confirm"):
            published = entry.review.published
            if published is None or text_hash(published.text) != form["seen"]:
                raise ConflictError("What is published has changed since you opened this take.")
            if action == "confirm":
                question = entry.question
                if question is None or question != form["question"]:
                    raise ConflictError("The question has changed since you opened this take.")
            else:
                action, evidence = "reject", published.evidence
            attempt, text = published.attempt_id, published.text
        elif action in ("approve", "reject", "edit"):
            if form["attempt"] != (attempt or ""):
                raise ConflictError("A new answer has come in since you opened this take.")
            if text is None and action != "edit":
                if wording_hash(entry) != form["seen"]:
                    raise self._overtaken(entry, form)
                text, evidence = entry.text, entry.evidence
        elif action not in ("ask_again", "undo"):
            raise UsageError("that is not a decision. Load the take again.")
        return Decision(
            *entry.pair,
            action,  # type: ignore[arg-type]
            self.desk.editor,
            follows=form["follows"] or None,
            attempt_id=attempt,
            text=text,
            evidence=evidence,
            question=question,
            note=note,
            undoes=form["undoes"] or None,
            verdict=form.verdict if action in ("approve", "edit", "reject") else None,
            verdict_reason=form["verdict_reason"] or None,
        )

    def _overtaken(self, entry: Entry, form: Form) -> ConflictError:
        chain = history(self.desk.snapshot().workspace, *entry.pair)
        latest = chain[-1] if chain else None
        if latest is None or latest.decision_id == form["follows"]:
            return ConflictError("The words of this take have changed since you opened it.")
        said = f"{latest.editor} has {DONE[latest.action]} since you opened it."
        return ConflictError(said, latest)

    def _doubt(self, entry: Entry, form: Form, error: DoubtError) -> Response:
        """Show the errors in the words and ask why they are to stand all the same."""
        draft, shown = self._keep(entry, form), form["text"] or entry.text
        if form["action"] == "confirm" and entry.review.published:
            shown = entry.review.published.text
        kept = {name: value for name, value in form.fields.items() if name != "note"}
        return self.page(
            "doubt",
            422,
            entry=entry,
            filter=form.filter,
            message=str(error),
            errors=named_by_facts(error.errors, entry.tool),
            pieces=pieces(shown, [(each.span, "error") for each in error.errors if each.span]),
            kept=kept,
            action=form["action"],
            doubt=draft.typed.get("doubt", "") if draft else "",
        )

    def _conflict(
        self, snapshot: DeskSnapshot, entry: Entry, form: Form, error: ConflictError
    ) -> Response:
        """Show what the other editor did beside what this editor wanted to do."""
        current = self.desk.snapshot().entry(*entry.pair) or entry
        mine = form["text"] or form["shown"] or None
        return self.page(
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
            quotes=form.evidence,
            verdict=form.verdict,
            verdict_reason=form["verdict_reason"],
            note=form["note"],
        )

    async def preview(self, request: Request) -> Response:
        """Check the words in the edit field and compare them with the model's."""
        form = await read_form(request, decides=True)
        return await run_in_threadpool(self._preview, request, form)

    def _preview(self, request: Request, form: Form) -> Response:
        snapshot, entry = self.entry(request)
        text = form["text"].strip()
        quotes = entry.evidence if form.evidence is None else form.evidence
        words = Wording(text, quotes, form.verdict or entry.verdict)
        found = self.desk.findings(entry, words) if text else []
        preview = {"text": text, **describe(entry, text, quotes, found)}
        if request.headers.get("hx-request") == "true":
            return self.page("preview", entry=entry, preview=preview)
        return self._again(
            request, snapshot, entry, form, preview=preview, editing=True, status=200
        )

    async def be_named(self, request: Request) -> Response:
        """Take the name of whoever opened the desk, once."""
        form = await read_form(request)
        try:
            self.desk.be_named(form["name"])
        except UsageError:
            return self.page("name", 422, problem="Write a name of up to 200 characters.")
        return RedirectResponse("/", 303)

    async def ask(self, request: Request) -> Response:
        """Ask the pending questions of a take in the background."""
        form = await read_form(request)
        _snapshot, entry = await run_in_threadpool(self.entry, request)
        self.desk.ask(entry.pair)
        return RedirectResponse(f"{take_path(entry.pair)}?{form.filter.query()}", 303)


def _corrected(entry: Entry, form: Form) -> tuple[str, ...] | None:
    """Return the quotes in the fields; the one to correct in the words of the source."""
    wrong = form[f"quote-{form['correct']}"]
    quotes = form.evidence or ()
    right = source_words(wrong, entry.tool)
    return tuple(right if quote == wrong and form["correct"] else quote for quote in quotes)
