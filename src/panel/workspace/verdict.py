"""The verdict: what a model must return, its JSON Schema, and how a reply is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from panel.text import clean_text
from panel.workspace.lenient_json import Repeating
from panel.workspace.mistakes import in_words
from panel.workspace.personas import Persona
from panel.workspace.reply_objects import NoObject, last_object
from panel.workspace.text_calls import called_with

SHIP, SKIP = "ship", "skip"
TOOL = "give_verdict"  # the function that a model is asked to call in the output mode "tool"
BEAT_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class Verdict:
    """A persona's parsed answer. beats: id → text, in order. confidence: 0 to 100."""

    evidence: tuple[str, ...]
    beats: dict[str, str]
    verdict: Literal["ship", "skip"]
    confidence: int

    @property
    def take(self) -> str:
        """The paragraph a reader sees: the beats joined in order."""
        return " ".join(self.beats.values())


class UnparsableReply(ValueError):  # noqa: N818 - it names the reply, not the fault
    """A reply that holds no valid verdict. problems: why, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


@dataclass(frozen=True, slots=True)
class Lengths:
    """Length bounds, in characters, for models that write too little or never stop."""

    quote: tuple[int, int]
    beat: tuple[int, int]


EMBEDDED_LENGTHS = Lengths(quote=(12, 90), beat=(90, 210))


class Form(BaseModel):
    """How a verdict is asked for: which of its words is named first, and where its field stands.

    The house panel names ship first and asks for the reasons before the verdict. An experiment
    may vary both, to see how much of the verdicts is owed to them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: Literal["ship-first", "skip-first"] = "ship-first"
    verdict_field: Literal["last", "first"] = "last"

    @property
    def words(self) -> tuple[str, str]:
        """The two words in the order in which they are named."""
        return (SHIP, SKIP) if self.labels == "ship-first" else (SKIP, SHIP)


HOUSE_FORM = Form()


def schema_for(
    persona: Persona, lengths: Lengths | None = None, form: Form = HOUSE_FORM
) -> dict[str, Any]:
    """Return the JSON Schema of a persona's verdict, in the portable subset.

    Flat, all required, no extra properties, enums and bounded integers only: every
    server that enforces schemas understands that. lengths: bounds of strings and lists
    to add, for servers that are known to enforce them.
    """

    def text(bounds: tuple[int, int] | None) -> dict[str, Any]:
        if bounds is None:
            return {"type": "string"}
        return {"type": "string", "minLength": bounds[0], "maxLength": bounds[1]}

    evidence: dict[str, Any] = {
        "type": "array",
        "items": text(lengths.quote if lengths else None),
    }
    if lengths:
        evidence |= {"minItems": 2, "maxItems": 3}
    verdict = {"verdict": {"type": "string", "enum": [*form.words]}}
    properties: dict[str, Any] = {**(verdict if form.verdict_field == "first" else {})}
    properties["evidence"] = evidence
    for beat in persona.beats:
        properties[beat.id] = text(lengths.beat if lengths else None)
    properties |= verdict
    properties["verdict_confidence"] = {"type": "integer", "minimum": 0, "maximum": 100}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _tidy(value: Any) -> Any:
    """Strip text, and replace what the store cannot hold (NUL, lone surrogates) with U+FFFD."""
    if not isinstance(value, str):
        return value
    return clean_text(value).strip()


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    """Read 70.0 and 7e1 as 70: to JSON Schema, and to servers that hold a model to it, they are."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Quote = Annotated[str, BeforeValidator(_tidy), Field(min_length=1, max_length=1000)]
BeatText = Annotated[str, BeforeValidator(_tidy), Field(min_length=1, max_length=BEAT_LIMIT)]
ShipOrSkip = Annotated[Literal["ship", "skip"], BeforeValidator(_lower)]
Confidence = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=100)]
_readers: dict[tuple[str, ...], type[BaseModel]] = {}


def _reader(persona: Persona) -> type[BaseModel]:
    """Return the pydantic model of a persona's answer; built once per set of beats."""
    ids = tuple(beat.id for beat in persona.beats)
    if ids not in _readers:
        # Fields get names of their own: a beat's id may be a method of BaseModel ("copy").
        fields: dict[str, Any] = {
            f"beat_{number}": (BeatText, Field(alias=id_)) for number, id_ in enumerate(ids)
        }
        _readers[ids] = create_model(
            "Answer",
            __config__=ConfigDict(extra="ignore", strict=True),
            evidence=(Annotated[list[Quote], Field(min_length=1, max_length=8)], ...),
            verdict=(ShipOrSkip, ...),
            verdict_confidence=(Confidence, ...),
            **fields,
        )
    return _readers[ids]


def parse(reply: str, persona: Persona, whole: bool = True) -> Verdict:
    """Read a verdict out of a reply's text; raises UnparsableReply with the reasons.

    Thoughts are no answer. The LAST JSON object counts: an answer may quote the vendor's text,
    which could hold a forged verdict, before it gives its own. An object that names a field
    twice is refused; one that calls the tool in words is read as the call's arguments. whole:
    False where the reply ran into its cap, so that more was to come.
    """
    try:
        found = called_with(last_object(reply, whole), TOOL, "verdict")
    except NoObject as none:
        raise UnparsableReply([str(none)]) from None
    if isinstance(found, Repeating):
        raise UnparsableReply(["the JSON object names a field twice"])
    try:
        answer = _reader(persona).model_validate(found)
    except ValidationError as error:
        raise UnparsableReply(
            [
                f"{'.'.join(str(part) for part in item['loc'])}: {_wrong(item)}"
                for item in error.errors(include_url=False, include_input=False)
            ]
        ) from None
    values = answer.model_dump(by_alias=True)
    return Verdict(
        evidence=tuple(values["evidence"]),
        beats={beat.id: values[beat.id] for beat in persona.beats},
        verdict=values["verdict"],
        confidence=values["verdict_confidence"],
    )


def _wrong(item: Any) -> str:
    return "is missing" if item["type"] == "missing" else in_words(item)[0]
