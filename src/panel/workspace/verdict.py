"""The verdict: what a model must return, its JSON Schema, and how a reply is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from panel.text import clean_text
from panel.workspace.mistakes import in_words
from panel.workspace.personas import Persona

SHIP, SKIP = "ship", "skip"
BEAT_LIMIT = 2000
REPLY_LIMIT = 262_144  # characters of a reply that are searched for JSON, from its end
JSON_STARTS = 2000  # braces at which an object is tried, so that no reply costs minutes
JSON_READ = 4 * REPLY_LIMIT  # characters read in tries that failed
THOUGHT_BEGINS, THOUGHT_ENDS = "<think>", "</think>"


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


def schema_for(persona: Persona, lengths: Lengths | None = None) -> dict[str, Any]:
    """Return the JSON Schema of a persona's verdict, reasons first, in the portable subset.

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
    properties: dict[str, Any] = {"evidence": evidence}
    for beat in persona.beats:
        properties[beat.id] = text(lengths.beat if lengths else None)
    properties["verdict"] = {"type": "string", "enum": [SHIP, SKIP]}
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


Quote = Annotated[str, BeforeValidator(_tidy), Field(min_length=1, max_length=1000)]
BeatText = Annotated[str, BeforeValidator(_tidy), Field(min_length=1, max_length=BEAT_LIMIT)]
ShipOrSkip = Annotated[Literal["ship", "skip"], BeforeValidator(_lower)]
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
            verdict_confidence=(Annotated[int, Field(ge=0, le=100)], ...),
            **fields,
        )
    return _readers[ids]


def parse(reply: str, persona: Persona) -> Verdict:
    """Read a verdict out of a reply's text; raises UnparsableReply with the reasons.

    Text before ``</think>`` is thought, not answer, unless that mark is inside an object. The
    LAST JSON object counts: an answer may quote the vendor's text, which could hold a forged
    verdict, before it gives its own. An object that names a field twice is refused.
    """
    found = _last_object(reply)
    if found is None:
        raise UnparsableReply(["the reply holds no JSON object"])
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


class _Repeating(dict[str, Any]):
    """An object that names a field twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    return mapping if len(mapping) == len(pairs) else _Repeating(mapping)


# Control characters inside strings are accepted: small models write line breaks there.
# A very long number becomes a float and is refused by its type, not by Python's digit limit.
_decoder = json.JSONDecoder(
    strict=False,
    object_pairs_hook=_unique,
    parse_int=lambda digits: int(digits) if len(digits) < 20 else float(digits),
)


def _last_object(reply: str) -> dict[str, Any] | None:
    """Return the last object after the thought, or the one around the thought's end.

    It must stand free. Inside or before an object that cannot be read (cut off, a quote not
    escaped), it may be the vendor's and the unreadable one the model's own.
    """
    cut = max(0, len(reply) - REPLY_LIMIT)
    text = reply[cut:]
    thought = text.rfind(THOUGHT_ENDS)
    last, position, left_open = None, max(thought, 0), 0
    if thought < 0:
        if reply.lstrip().startswith(THOUGHT_BEGINS):
            raise UnparsableReply(["the thought never ends"])
        left_open = max(0, reply.count("{", 0, cut) - reply.count("}", 0, cut))
    else:
        with suppress(UnparsableReply):
            for value, start, end in _objects(text, 0):
                if start < thought < end:
                    last, position = value, end
    free = True
    for value, start, end in _objects(text, position):
        left_open = _left_open(text[position:start], left_open)
        last, position, free = value, end, not left_open
    # A surplus brace at its end is a slip; "{so}" is a word in braces.
    after = _WORD_IN_BRACES.sub("", text[position:]).lstrip("} \t\r\n")
    if last is not None and not (free and "{" not in after and "}" not in after):
        raise UnparsableReply(["the JSON object stands inside or before one that cannot be read"])
    if isinstance(last, _Repeating):
        raise UnparsableReply(["the JSON object names a field twice"])
    return last


_WORD_IN_BRACES = re.compile(r"\{[^{}:]*\}")


def _left_open(before: str, depth: int) -> int:
    """Count the braces that are open before an object, without those right before its own."""
    for brace in re.findall("[{}]", before.rstrip("{ \t\r\n")):
        depth = depth + 1 if brace == "{" else max(0, depth - 1)
    return depth


def _objects(text: str, position: int) -> Iterator[tuple[dict[str, Any], int, int]]:
    """Yield objects from a position on, with start and end; raises for a maze of braces."""
    unread = JSON_READ
    for _try in range(JSON_STARTS):
        position = text.find("{", position)
        if position < 0:
            return
        try:
            value, end = _decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            unread -= error.pos - position
            position += 1
        except RecursionError:
            unread -= JSON_READ // 100  # a hundred such nestings are enough
            position += 1
        else:
            yield value, position, end
            position = end
        if unread < 0:
            break
    raise UnparsableReply(["the reply opens more objects than it closes"])
