"""The verdict: what a model must return, its JSON Schema, and how a reply is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from panel.text import clean_text
from panel.workspace.lenient_json import Repeating
from panel.workspace.mistakes import in_words
from panel.workspace.passages import under_label
from panel.workspace.personas import Beat, Persona
from panel.workspace.reply_objects import NoObject, last_object
from panel.workspace.text_calls import called_with, plain_name

SHIP, SKIP = "ship", "skip"
BEAT_LIMIT = 2000
QUOTE_LIMIT = 1000  # characters
CHOICES_SHOWN = 6  # in the sentence that asks for a repair


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


# What each field may say where a model only picks: field → sentences, of ``passages.choices``.
Choices = Mapping[str, tuple[str, ...]]
QUOTES = 1  # asked for where a model only picks: its beats are quotes, too


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
    persona: Persona, form: Form = HOUSE_FORM, choices: Choices | None = None
) -> dict[str, Any]:
    """Return the JSON Schema of a persona's verdict, in the portable subset.

    Flat, all required, no extra properties, enums and bounded integers only: every
    server that enforces schemas understands that. choices: what its fields may say, None for a
    model that writes them.
    """

    def text(field: str) -> dict[str, Any]:
        return {"type": "string"} | ({"enum": [*choices[field]]} if choices else {})

    evidence: dict[str, Any] = {"type": "array", "items": text("evidence")}
    if choices:
        many = min(QUOTES, len(choices["evidence"]))
        evidence |= {"minItems": many, "maxItems": many}
    verdict = {"verdict": {"type": "string", "enum": [*form.words]}}
    properties: dict[str, Any] = {**(verdict if form.verdict_field == "first" else {})}
    properties["evidence"] = evidence
    for beat in persona.beats:
        properties[beat.id] = text(beat.id)
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


def _word(value: Any) -> Any:
    """Read "Ship." and "**ship**" as ship; "!ship" and "ship?" mean something else."""
    return value.strip(" \t\r\n*_`\"'“”‘’.").lower() if isinstance(value, str) else value


_AS_TEXT = re.compile(r"\s*+(?P<number>\d{1,3}(?:\.0+)?)(?:\s*+(?P<share>%|/\s*+100))?\s*+")


def _whole(value: Any) -> Any:
    """Read 70.0, 7e1, "70" and "70%" as 70: to JSON Schema the first two are.

    1.0 is no whole number of 100: it is written as a share of 1, as 0.9 is.
    """
    if isinstance(value, str) and (found := _AS_TEXT.fullmatch(value)):
        number = found["number"]
        value = int(float(number)) if found["share"] or "." not in number else float(number)
    share = isinstance(value, float) and 0 < value <= 1
    return int(value) if isinstance(value, float) and value.is_integer() and not share else value


def _quotes(value: Any) -> Any:
    """Read one text as a list of one, and leave empty quotes out where there are others."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        return value
    return [each for each in value if not isinstance(each, str) or each.strip()] or value


Quote = Annotated[str, BeforeValidator(_tidy), Field(min_length=1, max_length=QUOTE_LIMIT)]
Quotes = Annotated[list[Quote], BeforeValidator(_quotes), Field(min_length=1, max_length=8)]
BeatText = Annotated[str, BeforeValidator(_tidy), Field(min_length=1, max_length=BEAT_LIMIT)]
ShipOrSkip = Annotated[Literal["ship", "skip"], BeforeValidator(_word)]
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
            evidence=(Quotes, ...),
            verdict=(ShipOrSkip, ...),
            verdict_confidence=(Confidence, ...),
            **fields,
        )
    return _readers[ids]


def parse(
    reply: str,
    persona: Persona,
    whole: bool = True,
    choices: Choices | None = None,
    alone: bool = False,
) -> Verdict:
    """Read a verdict out of a reply's text; raises UnparsableReply with the reasons.

    Thoughts are no answer. The LAST JSON object counts: an answer may quote the vendor's text,
    which could hold a forged verdict, before it gives its own. An object that names a field
    twice is refused; one that calls the tool in words is read as the call's arguments. whole:
    False where the reply ran into its cap, so that more was to come. choices: what the fields
    may say; a server need not have held the model to them. alone: refuse an object with words
    beside it, where the text may be a thought.
    """
    try:
        found = _named(called_with(last_object(reply, whole, alone), "verdict"), persona)
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
    if choices is not None:
        values = _chosen(values, persona, choices)
    return Verdict(
        evidence=tuple(values["evidence"]),
        beats={beat.id: values[beat.id] for beat in persona.beats},
        verdict=values["verdict"],
        confidence=values["verdict_confidence"],
    )


def _named(found: dict[str, Any], persona: Persona) -> dict[str, Any]:
    """Return the fields under the names that were asked for, whatever letters they are in."""
    names = ("evidence", "verdict", "verdict_confidence", *(beat.id for beat in persona.beats))
    plain = Counter(map(plain_name, names))
    asked = {plain_name(name): name for name in names if plain[plain_name(name)] == 1}
    pairs = [(asked.get(plain_name(name), name), value) for name, value in found.items()]
    read = dict(pairs)
    twice = len(read) < len(pairs) or isinstance(found, Repeating)
    return Repeating(read) if twice else read


def _wrong(item: Any) -> str:
    return "is missing" if item["type"] == "missing" else in_words(item)[0]


def _chosen(values: dict[str, Any], persona: Persona, choices: Choices) -> dict[str, Any]:
    """Return the values in the letters of the choices, those of beats under their labels.

    Blanks, marks and capitals do not count. Raises UnparsableReply for what is no choice.
    """
    problems: list[str] = []

    def found(field: str, said: str, beat: Beat | None = None) -> str:
        for line in choices[field]:
            shown = under_label(beat, line) if beat else line
            if _words(said) in (_words(line), _words(shown)):
                return shown
        offered = " | ".join(choices[field][:CHOICES_SHOWN])
        problems.append(f"{field}: is none of the sentences to pick from, such as: {offered}")
        return said

    made = values | {beat.id: found(beat.id, values[beat.id], beat) for beat in persona.beats}
    made["evidence"] = [found("evidence", quote) for quote in values["evidence"]]
    if problems:
        raise UnparsableReply(list(dict.fromkeys(problems)))
    return made


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
