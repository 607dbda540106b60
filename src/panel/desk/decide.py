"""The editors' side: what is waiting, what was decided on it, and deciding.

A decision counts once it is on disk in a journal. Between reading the latest decision and
appending the next there is a lock on a file, so that of two editors who saw the same take
only one writes, and the other is told what came between.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path

from filelock import FileLock

from panel.cells.answers import Answer
from panel.cells.journal import JournalWriter, journal_line, new_run_id, utc_now
from panel.decisions import (
    ON_WORDS,
    ConflictError,
    Decision,
    ReviewState,
    Revision,
    redoable,
    replay,
    undoable,
)
from panel.errors import StoreBusyError, UsageError
from panel.store.decisions import decisions_on
from panel.store.ingest import ingest, opened
from panel.store.queries import answer_of
from panel.text import clean_text, counted
from panel.workspace.git import user_name
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.scaffold import make_runs

LOCK = ".deciding"  # in runs/
TEXT_LIMIT = 20_000  # characters of a take
QUOTE_LIMIT = 1_000  # characters of one quote
MOST_QUOTES = 20
NOTE_LIMIT = 2_000
NAME_LIMIT = 200


def editor_name(root: Path, named: str | None) -> str:
    """Return who decides: the name given, or git's user.name; raises UsageError without one."""
    name = _line(named if named is not None else user_name(root) or "")
    if not name:
        raise UsageError(
            "nobody is named as the editor. Give --editor NAME, or run "
            "'git config --global user.name NAME'."
        )
    if len(name) > NAME_LIMIT:
        raise UsageError(f"the editor's name is longer than {NAME_LIMIT} characters. Shorten it.")
    return name


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in clean_text(text)).split())


@contextmanager
def deciding(runs: Path) -> Iterator[None]:
    """Hold the lock under which decisions are read and written; waits for its turn."""
    make_runs(runs)
    with FileLock(runs / LOCK, fallback_to_soft=False):
        yield


def decide(
    workspace: WorkspaceFiles, decision: Decision, writer: JournalWriter | None = None
) -> Decision:
    """Write a decision down; returns it with its id, its time and what its answer said.

    Of approve, edit and reject ``attempt_id`` names the answer, ``text`` is the whole wording
    and ``evidence`` its quotes, None for those that the words have now; verdict and confidence
    are taken from the answer. Of confirm all of these are the published words', and ``question``
    is what they are confirmed for. ``writer``: the journal of a session; None writes one of its
    own. Raises ConflictError where ``follows`` is not the latest decision any more, UsageError
    for a decision that cannot be, JournalError, StoreError.
    """
    decision = _checked(decision)
    journal = writer or JournalWriter(workspace.runs, new_run_id())
    try:
        with deciding(workspace.runs):
            with opened(workspace.runs) as connection:
                chain = decisions_on(connection, *decision.pair)
                latest, review = chain[-1] if chain else None, replay(chain)
                if decision.action == "confirm":
                    _refuse_late(decision, latest)
                    decision = _confirming(decision, review.published)
                else:
                    found = answer_of(connection, decision.attempt_id or "")
                    decision = _answered(decision, found, review)
            _refuse_late(decision, latest)
            if decision.action == "undo":
                _refuse_deeper(decision, chain)
            decision = replace(
                decision,
                decision_id=f"{journal.run_id}-{secrets.token_hex(4)}",
                decided_at=_after(latest.decided_at if latest else ""),
            )
            journal.append(journal_line("decision", asdict(decision)))
            with suppress(StoreBusyError):  # it is on disk; the next reader brings it in
                ingest(workspace.runs)
    finally:
        if writer is None:
            journal.close()
    return decision


def _checked(decision: Decision) -> Decision:
    text = None if decision.text is None else clean_text(decision.text).strip()
    note = None if decision.note is None else clean_text(decision.note).strip() or None
    editor = _line(decision.editor)
    if not editor:
        raise UsageError("a decision needs an editor's name.")
    if decision.action in ("approve", "edit", "reject") and not text:
        raise UsageError("the take is empty. Write its words, or reject it.")
    if (decision.action == "confirm") != (decision.question is not None):
        raise UsageError("a confirmation, and nothing else, names its question. Load it again.")
    if text and len(text) > TEXT_LIMIT:
        raise UsageError(
            f"the take has {counted(len(text), 'character')}, more than {TEXT_LIMIT:,}. Shorten it."
        )
    if note and len(note) > NOTE_LIMIT:
        raise UsageError(
            f"the note has {counted(len(note), 'character')}, more than {NOTE_LIMIT:,}. Shorten it."
        )
    if decision.action == "ask_again" and not note:
        raise UsageError("asking again needs a note. Write what the reviewer is to look at.")
    evidence = _quotes(decision.evidence)
    return replace(decision, text=text, evidence=evidence, note=note, editor=editor)


def _quotes(evidence: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return quotes without the empty ones and without repetition; raises UsageError."""
    if evidence is None:
        return None
    cleaned = (clean_text(quote).strip() for quote in evidence)
    quotes = tuple(dict.fromkeys(quote for quote in cleaned if quote))
    if len(quotes) > MOST_QUOTES:
        raise UsageError(
            f"{counted(len(quotes), 'quote is', 'quotes are')} more than {MOST_QUOTES}. Remove "
            "some."
        )
    for quote in quotes:
        if len(quote) > QUOTE_LIMIT:
            raise UsageError(
                f"the quote {quote[:40]!r}... has {counted(len(quote), 'character')}, more than "
                f"{QUOTE_LIMIT:,}. Shorten it."
            )
    return quotes


def _confirming(decision: Decision, published: Revision | None) -> Decision:
    """Take over the published words; raises UsageError where nothing is published."""
    if published is None:
        raise UsageError("nothing is published here, so there is nothing to confirm.")
    return replace(
        decision,
        fingerprint=published.fingerprint,
        attempt_id=published.attempt_id,
        model_identity=published.model_identity,
        repeat=published.repeat,
        text=published.text,
        verdict=published.verdict,
        confidence=published.confidence,
        evidence=published.evidence,
    )


def _answered(decision: Decision, found: Answer | None, review: ReviewState) -> Decision:
    """Take from the answer what it said; raises UsageError where there is no such answer."""
    if decision.action not in ON_WORDS:
        decision = replace(decision, evidence=())
    if found is None:
        if decision.action in ("approve", "edit", "reject"):
            raise UsageError(
                f"there is no answer {decision.attempt_id!r} with a verdict to decide on. Load "
                "the take again."
            )
        return replace(decision, attempt_id=None)
    if decision.fingerprint not in (None, found.fingerprint):
        raise UsageError(f"the answer {decision.attempt_id!r} is to another question.")
    return replace(
        decision,
        fingerprint=found.fingerprint,
        model_identity=found.model_identity,
        repeat=found.repeat,
        verdict=found.verdict,
        confidence=found.confidence,
        evidence=_evidence(decision, found, review),
    )


def _evidence(decision: Decision, found: Answer, review: ReviewState) -> tuple[str, ...]:
    """Return the quotes of a decision: those given, or those of the words that it is on."""
    if decision.evidence is not None:
        return decision.evidence
    words = [each for each in (review.revision, review.published) if each is not None]
    here = [each for each in words if each.fingerprint == found.fingerprint]
    same = [each for each in here if each.text == decision.text] or here
    return same[0].evidence if same else found.evidence


DONE = {
    "approve": "approved this take",
    "reject": "rejected this take",
    "edit": "edited this take",
    "confirm": "confirmed the published words",
    "ask_again": "asked this reviewer again",
    "undo": "taken back the last decision",
}


def _refuse_late(decision: Decision, latest: Decision | None) -> None:
    seen = latest.decision_id if latest else None
    if decision.follows == seen:
        return
    if latest is None:
        raise ConflictError("the decision that you saw is gone. Load the take again.")
    raise ConflictError(
        f"{latest.editor} has {DONE[latest.action]} since you opened it. Look at both, then "
        "decide again.",
        latest,
    )


def _refuse_deeper(decision: Decision, chain: list[Decision]) -> None:
    """Only the newest decision in force can be taken back, or the undo that came just now."""
    allowed = [each.decision_id for each in (undoable(chain), redoable(chain)) if each]
    if decision.undoes not in allowed:
        raise UsageError("only the last decision on a take can be taken back. Load it again.")


def _after(latest: str) -> str:
    """Return the time now, or a microsecond after ``latest`` if the clock has gone back."""
    now = utc_now()
    if now > latest:
        return now
    moment = datetime.fromisoformat(latest) + timedelta(microseconds=1)
    return moment.isoformat(timespec="microseconds")


def history(workspace: WorkspaceFiles, tool: str, persona: str) -> list[Decision]:
    """Return every decision on a tool × persona, oldest first, those taken back included."""
    with opened(workspace.runs) as connection:
        return decisions_on(connection, tool, persona)
