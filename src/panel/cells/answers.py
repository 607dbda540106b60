"""Answers: what came back on one cell.

There is one spelling of an answer. The columns of the store, the lines of a journal and the
fields of a frozen file have the names of ``Answer`` and ``Inputs``, and are made from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from panel.stats import Outcome, ShipOrSkip, Tally, tally
from panel.workspace.mistakes import shown
from panel.workspace.verdict import QUOTE_LIMIT

MOST_QUOTES = 20  # of an answer or an editor's words: to look for one takes a tenth of a second
MOST_REPEATS = 10_000  # a check lays out every repeat on file


def _moment(text: str) -> str:
    problem = "not of that form"
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z?", text, re.ASCII):
        try:
            datetime.fromisoformat(text)
        except ValueError as error:  # a 30th of February
            problem = str(error)
        else:
            return text
    raise ValueError(f"{shown(text)} is no time ({problem}). Write it as 2026-11-24T09:30:00Z.")


OneLine = Annotated[str, Field(min_length=1, max_length=500)]
Evidence = Annotated[
    tuple[Annotated[str, Field(max_length=QUOTE_LIMIT)], ...], Field(max_length=MOST_QUOTES)
]
Moment = Annotated[str, AfterValidator(_moment)]
Repeat = Annotated[int, Field(ge=1, le=MOST_REPEATS)]
Confidence = Annotated[int, Field(ge=0, le=100)]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Content hashes of what the model is shown, part by part, to tell what has changed.

    tool_digest: of the rendered review; persona_digest: of the rendered rules and the fields of
    the schema; templates_digest: of what the templates make of a
    sample, so that all personas share it; sampling_digest: of the settings that shape an answer;
    guidance_digest: of an editor's rendered note to this tool × persona, None where there is none.
    profile: how the model was asked: "extractive" where it picked sentences, None where it wrote.
    What no prompt shows (a day on which prices were checked) is in none of them.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")  # used where a file is read

    tool_digest: OneLine
    persona_digest: OneLine
    templates_digest: OneLine
    sampling_digest: OneLine
    guidance_digest: OneLine | None = None
    profile: Literal["extractive"] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one cell: who was asked what (by its hash), and what came back.

    wording: what the repeats of the question share. attempt_id: of the store that asked;
    editors' decisions refer to it. verdict, confidence,
    beats (id → text, in order) and evidence are None or empty unless the outcome is a verdict;
    reason says why there is none. asked_at: when the answer came, UTC, ISO 8601.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    repeat: Repeat
    fingerprint: OneLine
    wording: OneLine
    attempt_id: OneLine
    endpoint: OneLine
    model: OneLine
    model_identity: OneLine
    outcome: Outcome
    output_mode: OneLine
    asked_at: Moment
    inputs: Inputs
    reason: str | None = None
    verdict: ShipOrSkip | None = None
    confidence: Confidence | None = None
    returned_model: str | None = None
    system_fingerprint: str | None = None
    beats: dict[str, str] = field(default_factory=dict)
    evidence: Evidence = ()

    def __post_init__(self) -> None:
        """Refuse half a verdict."""
        voted = self.outcome == "verdict"
        if voted != (self.verdict is not None) or voted != bool(self.beats):
            raise ValueError("a verdict has a word and beats, any other outcome has neither.")

    @property
    def take(self) -> str:
        """The paragraph a reader sees: the beats joined in order."""
        return " ".join(self.beats.values())

    @property
    def demo(self) -> bool:
        """Whether its words were picked from the vendor's, so that its verdict is no judgement."""
        return self.inputs.profile is not None

    def line_fields(self) -> dict[str, Any]:
        """Return the answer as the fields of a journal line, in JSON types."""
        line = asdict(self)
        line |= line.pop("inputs")
        voted = self.verdict is not None
        return line | {
            "take": self.take if voted else None,
            "beats": self.beats if voted else None,
            "evidence": self.evidence if voted else None,
        }

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Answer:
        """Make an answer of a row that has the columns of ``ROW``."""
        inputs = Inputs(**{name: row[name] for name in INPUT_NAMES})
        values = {name: row[name] for name in _NAMES if name != "inputs"}
        values["beats"] = values["beats"] or {}
        values["evidence"] = tuple(values["evidence"] or ())
        return cls(**values, inputs=inputs)


def said(answers: Iterable[Answer]) -> ShipOrSkip | None:
    """Return what a persona says by its answers to one question: what most of them say.

    On a tie it is what the first repeat that voted says. None where nobody voted.
    """
    voted = sorted((each for each in answers if each.verdict), key=lambda each: each.repeat)
    return votes_of(voted).majority or (voted[0].verdict if voted else None)


def votes_of(answers: Iterable[Answer]) -> Tally:
    """Count answers."""
    found = list(answers)
    demo = any(each.demo for each in found)
    return tally(((each.outcome, each.verdict) for each in found), demo)


def speaking(answers: Iterable[Answer], verdict: ShipOrSkip | None = None) -> Answer | None:
    """Return the answer whose take is shown: the newest one that says what the persona says.

    Of one second, which is all that a file on record knows, it is the highest repeat's.

    verdict: what it says, where that is known; None for ``said``. Where nobody voted it is the
    newest answer; None for no answers, or where none has that verdict.
    """
    found = list(answers)
    word = verdict or said(found)
    fitting = [each for each in found if each.verdict == word]
    return max(fitting, key=lambda each: (each.asked_at, each.repeat), default=None)


INPUT_NAMES = tuple(item.name for item in fields(Inputs))
_NAMES = tuple(item.name for item in fields(Answer))
ROW = (*(name for name in _NAMES if name != "inputs"), *INPUT_NAMES)
