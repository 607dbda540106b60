"""Editors' decisions as lines of a journal and files of ``verdicts/`` hold them."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from panel.cells.answers import Confidence, Moment, OneLine, Repeat
from panel.decisions import ON_WORDS, Action
from panel.stats import ShipOrSkip


class RecordedDecision(BaseModel):
    """An editor's decision on a take, as panel.decisions has it. No unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decision_id: OneLine
    action: Action
    editor: OneLine
    decided_at: Moment
    follows: OneLine | None = None
    undoes: OneLine | None = None
    note: str | None = None
    text: str | None = None
    verdict: ShipOrSkip | None = None
    confidence: Confidence | None = None
    evidence: tuple[str, ...] = ()
    question: OneLine | None = None
    fingerprint: OneLine | None = None
    attempt_id: OneLine | None = None
    model_identity: OneLine | None = None
    repeat: Repeat | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        on_words = self.action in ON_WORDS
        named = (self.text, self.verdict, self.fingerprint, self.attempt_id, self.model_identity)
        if on_words and (None in named or self.repeat is None):
            raise ValueError("a decision on words holds them, their verdict and their answer.")
        if (self.action == "confirm") != (self.question is not None):
            raise ValueError("a confirmation, and nothing else, names its question.")
        if self.action == "ask_again" and self.note is None:
            raise ValueError("asking again holds a note.")
        if (self.action == "undo") != (self.undoes is not None):
            raise ValueError("an undo, and nothing else, names what it undoes.")
        return self
