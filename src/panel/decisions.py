"""Editors' decisions on takes, and the state they leave a take in. Pure: no store, no files.

The decisions on one tool × persona form a chain: each names the latest one that its editor
saw. The state is replayed from the chain alone, so the journal is enough to restore it. A
decision holds the words that were decided on; a later answer never changes them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from panel.errors import PanelError
from panel.stats import ShipOrSkip
from panel.text import normal

Action = Literal["approve", "reject", "edit", "confirm", "ask_again", "undo"]
ON_WORDS: tuple[Action, ...] = ("approve", "reject", "edit", "confirm")  # hold a whole wording
State = Literal["draft", "edited", "signed", "approved", "rejected"]  # what was decided on a take
Pair = tuple[str, str]  # tool, persona


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of an editor on a tool × persona.

    fingerprint, attempt_id, model_identity, repeat: the answer decided on, None where
    ask_again had no answer yet. text, evidence: the whole wording that was approved, written,
    rejected or confirmed, with its quotes; evidence None: those of the words decided on.
    verdict, confidence: what the answer said beside it. verdict_reason: why the verdict is the
    editor's own and not the answer's, which is the other one; None where it is the answer's.
    question: of confirm, the question (one of its fingerprints) for which the published words
    still stand. note: the guidance of ask_again, a remark, why words were rejected, or why words
    with errors were approved. sign_off: of approve, how many editors it takes; None for one.
    follows: the latest decision that the editor saw, None for none. undoes: the decision taken
    back. decision_id, decided_at (ISO time in UTC): given on writing.
    """

    tool: str
    persona: str
    action: Action
    editor: str
    follows: str | None = None
    fingerprint: str | None = None
    attempt_id: str | None = None
    model_identity: str | None = None
    repeat: int | None = None
    text: str | None = None
    verdict: ShipOrSkip | None = None
    confidence: int | None = None
    evidence: tuple[str, ...] | None = None
    question: str | None = None
    note: str | None = None
    undoes: str | None = None
    verdict_reason: str | None = None
    sign_off: int | None = None
    decision_id: str = ""
    decided_at: str = ""

    @property
    def pair(self) -> Pair:
        """The tool × persona that was decided on."""
        return (self.tool, self.persona)


class ConflictError(PanelError):
    """A take changed while an editor was deciding on it.

    other: the decision of somebody else; None where a new answer or wording came instead.
    """

    def __init__(self, message: str, other: Decision | None = None) -> None:
        self.other = other
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Revision:
    """Words that an editor decided on, with their quotes and the verdict of their answer.

    verdict_reason: why the verdict is the editor's own, None where it is the answer's.
    question: the later question for which an editor confirmed them, None where nobody did.
    beats ((label, text), in order), asked_at (ISO time in UTC), output_mode, demo (whether a demo
    model gave it): of their answer, as the store has it; empty where it has none.
    """

    text: str
    verdict: ShipOrSkip
    confidence: int | None
    evidence: tuple[str, ...]
    fingerprint: str
    attempt_id: str
    model_identity: str
    repeat: int
    editor: str
    decided_at: str
    decision_id: str
    question: str | None = None
    verdict_reason: str | None = None
    # No part of what was decided: a fresh clone may know less of the answer.
    beats: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    asked_at: str = field(default="", compare=False)
    output_mode: str = field(default="", compare=False)
    demo: bool = field(default=False, compare=False)

    @property
    def answered(self) -> ShipOrSkip:
        """What the answer itself said, whatever the editor made of it."""
        if self.verdict_reason is None:
            return self.verdict
        return "skip" if self.verdict == "ship" else "ship"

    @property
    def picked(self) -> bool:
        """Whether the words are the vendor's, picked by a demo model."""
        return self.demo and self.text == " ".join(text for _label, text in self.beats)


@dataclass(frozen=True, slots=True)
class ReviewState:
    """The state that the decisions on a tool × persona leave it in.

    revision: the words decided on last, None where no decision on words is in force. state: of
    that revision, "draft" without one; "signed": one editor has approved it, and another has to.
    An answer to another question (another fingerprint) is a draft again, beside what is
    published. published: the approved revision that is in force.
    guidance: the note in the question, None without one; guided_by: its editor. note: the
    remark of the last decision on words. latest: id of the newest decision, undos included,
    which the next must follow. in_force: ids of the decisions not taken back, oldest first.
    """

    state: State = "draft"
    revision: Revision | None = None
    published: Revision | None = None
    guidance: str | None = None
    guided_by: str | None = None
    note: str | None = None
    latest: str | None = None
    in_force: tuple[str, ...] = ()

    def state_of(self, fingerprint: str) -> State:
        """Return what was decided on the answer to a question; "draft" where nothing was."""
        if self.revision is None or self.revision.fingerprint != fingerprint:
            return "draft"
        return self.state


UNTOUCHED = ReviewState()


def replay(decisions: Iterable[Decision]) -> ReviewState:
    """Return the state that the decisions on one tool × persona leave it in.

    An undo leaves the state as if the undone decision had never been made; undoing the undo
    brings the decision back.
    """
    chain = sorted(decisions, key=lambda each: (each.decided_at, each.decision_id))
    review = UNTOUCHED
    for decision in in_force(chain):
        review = _after(review, decision)
    latest = chain[-1].decision_id if chain else None
    return replace(review, latest=latest)


def in_force(chain: Sequence[Decision]) -> list[Decision]:
    """Return the decisions of a chain that are not taken back, without the undos."""
    undone: set[str] = set()
    kept = []
    for decision in reversed(chain):
        if decision.decision_id in undone:
            continue
        if decision.action == "undo":
            undone.add(decision.undoes or "")
        else:
            kept.append(decision)
    return kept[::-1]


def undoable(chain: Sequence[Decision]) -> Decision | None:
    """Return what an undo would take back: the newest decision in force, None without one."""
    kept = in_force(chain)
    return kept[-1] if kept else None


def redoable(chain: Sequence[Decision]) -> Decision | None:
    """Return the undo that a redo would take back, None where nothing can be redone.

    The newest undo that no redo has taken back, unless a decision has come after it.
    """
    redone: set[str] = set()
    undos = {each.decision_id: each for each in chain if each.action == "undo"}
    for decision in reversed(chain):
        if decision.action != "undo":
            return None
        if decision.undoes in undos:
            redone.add(decision.undoes or "")
        elif decision.decision_id not in redone:
            return decision
    return None


def _after(review: ReviewState, decision: Decision) -> ReviewState:
    force = (*review.in_force, decision.decision_id)
    if decision.action == "ask_again":
        return replace(review, guidance=decision.note, guided_by=decision.editor, in_force=force)
    revision = revision_of(decision)
    published, words = review.published, review.revision
    later = words is not None and not _same(words, revision)  # these keep their state
    waits = decision.action == "approve" and not _signed_off(review, decision, revision)
    if decision.action == "approve" and not waits:
        published = revision
    elif decision.action == "confirm":
        if published is None or not _same(published, revision):
            return replace(review, in_force=force)  # withdrawn or replaced in another copy
        published = revision
        if later:
            return replace(review, published=published, note=decision.note, in_force=force)
    elif decision.action == "reject" and published is not None and _same(published, revision):
        published = None
        if later:
            return replace(review, published=None, note=decision.note, in_force=force)
    states: dict[str, State] = {"reject": "rejected", "edit": "edited"}
    return replace(
        review,
        state="signed" if waits else states.get(decision.action, "approved"),
        revision=revision,
        published=published,
        note=decision.note,
        in_force=force,
    )


def _signed_off(review: ReviewState, approval: Decision, words: Revision) -> bool:
    """Whether as many editors as it takes have approved all of these words that readers see."""
    first = review.revision
    if (approval.sign_off or 1) < 2:
        return True
    if review.published and same_to_readers(review.published, words):
        return True
    signed = review.state == "signed" and first is not None and same_to_readers(first, words)
    return signed and first is not None and not same_editor(first.editor, approval.editor)


def same_editor(one: str, other: str) -> bool:
    """Whether two names are one editor's, however they are spelled: case, accents, marks, spaces.

    A name is what its owner says. This keeps honest people from signing twice by accident.
    """
    return _spelled(one) == _spelled(other)


def _spelled(name: str) -> str:
    letters = normal("NFKD", name).casefold()
    kept = (c for c in letters if not unicodedata.combining(c))
    return "".join(c for c in kept if unicodedata.category(c)[0] not in "PZC") or name


def same_to_readers(one: Revision, other: Revision) -> bool:
    """Whether readers see the same: words, quotes, verdict, and why it is the editor's own."""
    return _same(one, other) and one.verdict_reason == other.verdict_reason


def _same(one: Revision, other: Revision) -> bool:
    return (one.fingerprint, one.text, one.evidence, one.verdict) == (
        other.fingerprint,
        other.text,
        other.evidence,
        other.verdict,
    )


def revision_of(decision: Decision) -> Revision:
    """Return the words that a decision holds; only those of ``ON_WORDS`` do."""
    assert decision.verdict is not None  # the store refuses these actions without a verdict
    return Revision(
        text=decision.text or "",
        verdict=decision.verdict,
        confidence=decision.confidence,
        evidence=decision.evidence or (),
        fingerprint=decision.fingerprint or "",
        attempt_id=decision.attempt_id or "",
        model_identity=decision.model_identity or "",
        repeat=decision.repeat or 1,
        editor=decision.editor,
        decided_at=decision.decided_at,
        decision_id=decision.decision_id,
        question=decision.question,
        verdict_reason=decision.verdict_reason,
    )
