"""Editors' decisions as lines of a journal and files of ``verdicts/`` hold them."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from panel.cells.answers import Confidence, Evidence, Moment, OneLine, Repeat
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
    evidence: Evidence = ()
    question: OneLine | None = None
    fingerprint: OneLine | None = None
    attempt_id: OneLine | None = None
    model_identity: OneLine | None = None
    repeat: Repeat | None = None
    verdict_reason: str | None = None
    sign_off: Literal[2] | None = None

    @model_serializer(mode="wrap")
    def _without_later_fields(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what a decision does not use: files written before keep their digests."""
        later = ("verdict_reason", "sign_off")
        return {k: v for k, v in serialize(self).items() if not (k in later and v is None)}

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
        if self.verdict_reason is not None and not on_words:
            raise ValueError("only a decision on words has a verdict of the editor's own.")
        if self.sign_off is not None and self.action != "approve":
            raise ValueError("only an approval says how many editors it takes.")
        if (self.action == "undo") != (self.undoes is not None):
            raise ValueError("an undo, and nothing else, names what it undoes.")
        return self
