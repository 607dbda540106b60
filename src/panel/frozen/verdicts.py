"""What is on file of a persona on a tool: the published verdict, its answers, the decisions."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from panel.cells.answers import Answer, OneLine
from panel.cells.decided import RecordedDecision
from panel.decisions import State
from panel.hashing import content_hash
from panel.stats import ShipOrSkip


class Strict(BaseModel):
    """A part of a file: no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class FrozenAnswer(Answer):
    """An answer on file. digest: the hash of all the rest, so that an edited one is noticed."""

    digest: str = ""

    @classmethod
    def of(cls, answer: Answer) -> FrozenAnswer:
        """Return an answer with its digest; one on file as it is."""
        if isinstance(answer, cls):
            return answer
        values = {item.name: getattr(answer, item.name) for item in fields(Answer)}
        return cls(**values, digest=cls(**values).content_digest())

    def content_digest(self) -> str:
        """Return the hash of everything but the digest itself."""
        values = asdict(self)
        del values["digest"]
        if self.inputs.profile is None:  # left out of a file, too
            del values["inputs"]["profile"]
        return content_hash(values | {"beats": [*self.beats.items()]})  # their order counts

    @property
    def intact(self) -> bool:
        """Whether the answer is as it was when its digest was made."""
        return self.digest == self.content_digest()


class FrozenVerdict(Strict):
    """What is published of one persona on one tool, and what it rests on.

    verdict, take: None and "" where nobody has ever voted. ships, n: votes among
    ``answers``. contested: the answers do not settle the verdict. state: of the take, which
    is an editor's wording once approved or edited. decisions: all of them, oldest first.
    fingerprint: of the answer whose take it is. kept: that answer, where it is to an
    earlier wording, and the answers to the present one are too few to overturn it. receipts:
    the seals of the journal lines that answers and decisions come from, by attempt_id and
    decision_id. digest: the hash of all the rest, given by ``panel freeze``.
    """

    verdict: ShipOrSkip | None
    confidence: int | None
    ships: int
    n: int
    contested: bool
    state: State
    take: str
    fingerprint: str | None
    answers: tuple[FrozenAnswer, ...]
    kept: FrozenAnswer | None = None
    decisions: tuple[RecordedDecision, ...] = ()
    receipts: dict[OneLine, OneLine] = Field(default_factory=dict)
    digest: str = ""

    @model_validator(mode="after")
    def _answered(self) -> Self:
        if any(answer.outcome == "error" for answer in self.every_answer()):
            raise ValueError("an error is no answer: outcome is verdict or abstain.")
        return self

    @property
    def answered(self) -> ShipOrSkip | None:
        """What the answer said whose take it is; an editor's own verdict is the other one."""
        shown = (
            each.verdict for each in self.every_answer() if each.fingerprint == self.fingerprint
        )
        return next(shown, None) or self.verdict

    @property
    def against(self) -> int:
        """How many of the votes are for another verdict than that of the answer shown."""
        return self.n - self.ships if self.answered == "ship" else self.ships

    def every_answer(self) -> tuple[FrozenAnswer, ...]:
        """Return the answers on file, with that to an earlier wording."""
        return (*self.answers, self.kept) if self.kept is not None else self.answers

    def line_ids(self) -> tuple[str, ...]:
        """Return the ids of the journal lines that it is made from, in order."""
        answers = (answer.attempt_id for answer in self.every_answer())
        return (*answers, *(decision.decision_id for decision in self.decisions))
