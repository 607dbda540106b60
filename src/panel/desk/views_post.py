"""The desk's forms: decisions, words to check, and reviewers to ask."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from panel.decisions import ConflictError, Decision
from panel.desk.decide import DONE, history
from panel.desk.pages import DeskPages, Form, read_form, take_path
from panel.desk.session import DeskSnapshot, DoubtError
from panel.desk.take import describe, source_words, wording_hash
from panel.errors import UsageError
from panel.hashing import text_hash
from panel.results.entries import Entry


class Deciding(DeskPages):
    """Answers every POST."""

    async def decide(self, request: Request) -> Response:
        """Record an editor's decision and show the next take."""
        form = await read_form(request)
        return await run_in_threadpool(self._decide, request, form)

    def _decide(self, request: Request, form: Form) -> Response:
        snapshot, entry = self.entry(request)
        wanted = form.filter
        try:
            made = self.desk.decide(self._decision(entry, form))
        except ConflictError as error:
            return self._conflict(snapshot, entry, form, error)
        except DoubtError as error:
            return self._doubt(entry, form, error)
        except UsageError as error:
            kept = {"draft": form["text"] or None, "note": form["note"], "error": str(error)}
            quotes = entry.evidence if form.evidence is None else form.evidence
            return self.take_of(request, snapshot, entry, wanted, status=422, **kept, quotes=quotes)
        if made.action == "ask_again":
            self.desk.ask(made.pair)
        fresh = self.desk.snapshot()
        target: Entry | None = fresh.entry(*entry.pair)
        if made.action in ("approve", "reject", "confirm") and form["stay"] != "1":
            target = self.neighbours(fresh, entry, wanted)[1]
        query = "&".join(filter(None, [wanted.query(), f"done={made.decision_id}"]))
        path = "/" if target is None else take_path(target.pair)
        return RedirectResponse(f"{path}?{query}", 303)

    def _decision(self, entry: Entry, form: Form) -> Decision:
        """Read a decision from a form; raises ConflictError if the words have changed since."""
        action, answer = form["action"], entry.answer
        attempt, text = answer.attempt_id if answer else None, form["text"] or None
        evidence, question = form.evidence, None
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
            note=form["note"] or None,
            undoes=form["undoes"] or None,
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
        shown = form["text"] or entry.text
        if form["action"] == "confirm" and entry.review.published:
            shown = entry.review.published.text
        kept = {name: value for name, value in form.fields.items() if name != "note"}
        return self.page(
            "doubt",
            422,
            entry=entry,
            filter=form.filter,
            message=str(error),
            errors=error.errors,
            shown=shown,
            kept=kept,
            action=form["action"],
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
            note=form["note"],
        )

    async def preview(self, request: Request) -> Response:
        """Check the words in the edit field and compare them with the model's."""
        form = await read_form(request)
        return await run_in_threadpool(self._preview, request, form)

    def _preview(self, request: Request, form: Form) -> Response:
        snapshot, entry = self.entry(request)
        text = form["text"].strip()
        quotes = entry.evidence if form.evidence is None else form.evidence
        found = self.desk.findings(entry, text, quotes) if text else []
        preview = {"text": text, **describe(entry, text, quotes, found)}
        if request.headers.get("hx-request") == "true":
            return self.page("preview", entry=entry, preview=preview)
        kept = {"draft": form["text"], "quotes": quotes, "preview": preview}
        return self.take_of(request, snapshot, entry, form.filter, **kept)

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
