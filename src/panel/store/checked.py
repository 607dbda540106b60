"""Checks whether a line holds what others make of it later: an answer, a message, names.

Nearly all lines of a journal are attempts and the messages that they showed. Those of the present
format are checked as they stand, without a value in Python for each of their fields, and go into
the database as they stand. What is the least odd about one is left to the slower way.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, make_dataclass
from functools import cache
from typing import Any, Literal, get_type_hints

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from panel.cells.answers import Answer, Inputs, OneLine
from panel.cells.journal import FORMAT
from panel.cells.seals import RawLine


class Whole(dict[str, Any]):
    """A line that has been checked: of its fields those that others ask for, and its text.

    text: JSON, with the line's run and seal.
    """

    __slots__ = ("text",)
    text: str

    def whole(self) -> dict[str, Any]:
        """Return every field of the line."""
        return dict(from_json(self.text))


def _fields_of(*parts: type) -> list[tuple[Any, ...]]:
    """Return the fields of dataclasses as those of one line; one with a default may be null."""
    found: dict[str, tuple[Any, ...]] = {}
    for part in parts:
        hints = get_type_hints(part, include_extras=True)
        for each in fields(part):
            needed = each.default is MISSING and each.default_factory is MISSING
            hint = hints[each.name]
            found[each.name] = (each.name, hint) if needed else (each.name, hint | None, None)
    del found["inputs"], found["asked_at"]  # laid flat; a time is written as the database reads it
    return sorted(found.values(), key=len)


def _line(name: str, *more: tuple[Any, ...]) -> TypeAdapter[Any]:
    laid = sorted([*_fields_of(Answer, Inputs), *more], key=len)
    agrees = {"__post_init__": Answer.__post_init__}
    return TypeAdapter(make_dataclass(name, laid, namespace=agrees, slots=True))


_Names = tuple[OneLine, ...]


# They take some milliseconds to make, which a command that reads no new line does without.
@cache
def _names() -> TypeAdapter[_Names]:
    return TypeAdapter(_Names)


@cache
def _answer() -> TypeAdapter[Any]:
    return _line("AnswerLine")


@cache
def _attempt() -> TypeAdapter[Any]:
    adapted = ("adapted", tuple[str, ...] | None, None)
    names = ("tool", OneLine), ("persona", OneLine), ("messages", _Names)
    return _line("AttemptLine", *names, adapted)


@cache
def _message() -> TypeAdapter[Any]:
    role = Literal["system", "user", "assistant"]
    fields = [("message", OneLine), ("role", role), ("content", str)]
    return TypeAdapter(make_dataclass("MessageLine", fields))


_HEADS = {
    kind: b'{"kind":"%s","format":%d,' % (kind.encode(), FORMAT) for kind in ("attempt", "message")
}


def be_names(*names: Any) -> tuple[str, ...]:
    """Return names as they are; raises ValidationError, a ValueError, where one is none."""
    return _names().validate_python(names)


def be_answer(line: dict[str, Any]) -> None:
    """Raise ValidationError, a ValueError, for a line of which no answer can be made."""
    _answer().validate_python({name: said for name, said in line.items() if said is not None})


def be_message(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line as it is; raises ValidationError, a ValueError, where it is no message."""
    _message().validate_python(line)
    return line


def checked(line: RawLine, run: str) -> tuple[str, Whole] | None:
    """Return an attempt or a message of the present format, with its kind; None for all others.

    line: one that counts. run: id of its run.
    """
    if line.link is None or line.fault is not None:
        return None
    try:
        if line.raw.startswith(_HEADS["attempt"]):
            read = _attempt().validate_json(line.raw)
            kind, made = "attempt", Whole(tool=read.tool, persona=read.persona)
        elif line.raw.startswith(_HEADS["message"]):
            _message().validate_json(line.raw)
            kind, made = "message", Whole()
        else:
            return None
        # Of two fields of one name DuckDB reads the first.
        named = to_json({"run_id": run, "seal": line.link.seal})[:-1]
        made.text = (b"%s,%s" % (named, line.raw[1:])).decode()
    except ValueError:  # ValidationError and UnicodeDecodeError are such
        return None
    return kind, made
