"""The editors' side: what is waiting, what was decided on it, and deciding.

A decision counts once it is on disk in a journal. Between reading the latest decision and
appending the next there is a lock on a file, so that of two editors who saw the same take
only one writes, and the other is told what came between.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock

from panel.cells.answers import Answer
from panel.cells.journal import JournalWriter, journal_line, new_run_id, utc_after
from panel.decisions import (
    ON_WORDS,
    ConflictError,
    Decision,
    ReviewState,
    Revision,
    redoable,
    replay,
    same_editor,
    same_to_readers,
    undoable,
)
from panel.desk.limits import FEWEST_WORDS, FieldError, checked
from panel.errors import StoreBusyError, UsageError
from panel.store.connection import Connection
from panel.store.decisions import chains, decisions_on, with_answers
from panel.store.ingest import ingest, opened
from panel.store.queries import answers_of
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.scaffold import make_runs

LOCK = ".deciding"  # in runs/


@dataclass(frozen=True, slots=True)
class Made:
    """A decision as it was written, and where it leaves its take."""

    decision: Decision
    review: ReviewState


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
    and ``evidence`` its quotes, None for those that the words have now. ``verdict`` is the
    editor's, with ``verdict_reason`` where it is another than the answer's; None for the one that
    the words have now. Of confirm all of these are the published words', and ``question``
    is what they are confirmed for. ``writer``: the journal of a session; None writes one of its
    own. Raises ConflictError where ``follows`` is not the latest decision any more, UsageError
    for a decision that cannot be, JournalError, StoreError.
    """
    return decide_all(workspace, [decision], writer)[0].decision


def decide_all(
    workspace: WorkspaceFiles, decisions: Sequence[Decision], writer: JournalWriter | None = None
) -> list[Made]:
    """Write decisions on different takes down, all of them or none; as ``decide``."""
    wanted = [checked(decision) for decision in decisions]
    journal = writer or JournalWriter(workspace.runs, new_run_id())
    try:
        with deciding(workspace.runs):
            with opened(workspace.runs) as connection:
                made = _worked_out(connection, wanted, workspace, journal.run_id)
            journal.append_all(journal_line("decision", asdict(each.decision)) for each in made)
            with suppress(StoreBusyError):  # it is on disk; the next reader brings it in
                ingest(workspace.runs)
    finally:
        if writer is None:
            journal.close()
    return made


def _worked_out(
    connection: Connection, wanted: Sequence[Decision], workspace: WorkspaceFiles, run_id: str
) -> list[Made]:
    """Complete decisions by what the store has; raises as ``decide``."""
    known = chains(connection, (each.tool for each in wanted))
    answers = answers_of(connection, {each.attempt_id or "" for each in wanted})
    after, made = {}, []
    for each in wanted:
        chain = known.get(each.pair, [])
        decision = _completed(each, chain, answers, workspace.settings.desk.sign_off)
        decision = replace(
            decision,
            decision_id=f"{run_id}-{secrets.token_hex(4)}",
            decided_at=utc_after(chain[-1].decided_at if chain else ""),
        )
        made.append(decision)
        after[decision.pair] = replay([*chain, decision])
    told = with_answers(connection, after)
    return [Made(decision, told[decision.pair]) for decision in made]


def _completed(
    decision: Decision, chain: list[Decision], answers: Mapping[str, Answer], sign_off: int
) -> Decision:
    latest, review = chain[-1] if chain else None, replay(chain)
    if decision.action == "confirm":
        _refuse_late(decision, latest)
        return _confirming(decision, review.published)
    decision = _answered(decision, answers.get(decision.attempt_id or ""), review)
    _refuse_late(decision, latest)
    if decision.action == "undo":
        _refuse_deeper(decision, chain)
    if decision.action == "approve" and sign_off > 1:
        decision = replace(decision, sign_off=sign_off)
        _refuse_twice(decision, chain, review)
    return decision


def _refuse_twice(decision: Decision, chain: list[Decision], review: ReviewState) -> None:
    """Of two editors who have to approve, the second is another one."""
    first = review.revision
    if review.state != "signed" or first is None or not same_editor(first.editor, decision.editor):
        return
    again = replace(decision, decision_id="-", decided_at=utc_after(chain[-1].decided_at))
    words = replay([*chain, again]).revision
    if words is not None and same_to_readers(words, first):
        raise UsageError(
            f"{first.editor} has approved these words already. They are published when another "
            "editor approves them, too."
        )


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
        verdict_reason=published.verdict_reason,
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
    words = _decided_on(decision, found, review)
    evidence = words.evidence if words else found.evidence
    decision = replace(
        decision,
        fingerprint=found.fingerprint,
        model_identity=found.model_identity,
        repeat=found.repeat,
        confidence=found.confidence,
        evidence=evidence if decision.evidence is None else decision.evidence,
    )
    return _ruled(decision, found, words)


def _decided_on(decision: Decision, found: Answer, review: ReviewState) -> Revision | None:
    """Return the words that a decision is on, as an editor left them; None for the answer's own."""
    known = [each for each in (review.revision, review.published) if each is not None]
    here = [each for each in known if each.fingerprint == found.fingerprint]
    same = [each for each in here if each.text == decision.text] or here
    return same[0] if same else None


def _ruled(decision: Decision, found: Answer, words: Revision | None) -> Decision:
    """Give a decision its verdict: the editor's, that of the words so far, or the answer's."""
    if decision.action not in ON_WORDS:
        return replace(decision, verdict=found.verdict, verdict_reason=None)
    verdict, why = decision.verdict, decision.verdict_reason
    if verdict is None and words is not None:
        verdict, why = words.verdict, words.verdict_reason
    if verdict in (None, found.verdict):
        verdict, why = found.verdict, None
    elif len((why or "").split()) < FEWEST_WORDS:
        raise FieldError(
            "verdict_reason",
            f"the reviewer said {found.verdict}. Say in a few words why the verdict is {verdict}.",
        )
    confidence = decision.confidence if why is None else None  # it is of the answer's verdict
    return replace(decision, verdict=verdict, verdict_reason=why, confidence=confidence)


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


def history(workspace: WorkspaceFiles, tool: str, persona: str) -> list[Decision]:
    """Return every decision on a tool × persona, oldest first, those taken back included."""
    with opened(workspace.runs) as connection:
        return decisions_on(connection, tool, persona)
