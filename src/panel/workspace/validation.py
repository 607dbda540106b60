"""Validates fields against a model and reports the line, what is wrong, the nearest valid word.

The only place that turns a pydantic ValidationError into Problems.
"""

from __future__ import annotations

import difflib
import reprlib
import types
from collections.abc import Iterable
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError

from panel.errors import Problem, WorkspaceError
from panel.workspace.documents import FieldPath, Lines

Model = TypeVar("Model", bound=BaseModel)
MOST_NAMED = 16  # valid words listed where none is similar

_shown = reprlib.Repr()
_shown.maxstring = _shown.maxother = _shown.maxlong = 60


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """Return the valid word closest in spelling; None when none is similar."""
    folded = {candidate.casefold(): candidate for candidate in valid}
    found = difflib.get_close_matches(word.casefold(), list(folded), n=1, cutoff=0.65)
    return folded[found[0]] if found else None


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """Return a remedy: the nearest valid word, or the list of valid words."""
    words = list(valid)
    close = nearest(word, words)
    if close:
        return f"Did you mean {close!r}?"
    if not words:
        return "Remove it."
    more = f" and {len(words) - MOST_NAMED} more" if len(words) > MOST_NAMED else ""
    return "Valid here: " + ", ".join(sorted(words)[:MOST_NAMED]) + more + "."


def validate(model: type[Model], fields: dict[str, Any] | str, file: Path, lines: Lines) -> Model:
    """Build ``model`` from ``fields``, or from JSON text; raises WorkspaceError with every problem.

    Text has to be valid JSON.
    """
    try:
        if isinstance(fields, str):
            return model.model_validate_json(fields)
        return model.model_validate(fields)
    except ValidationError as error:
        raise WorkspaceError(
            [_problem(model, item, file, lines) for item in error.errors(include_url=False)]
        ) from None


def _problem(model: type[BaseModel], item: Any, file: Path, lines: Lines) -> Problem:
    path: FieldPath = tuple(item["loc"])
    field = ".".join(_printable(part) for part in path)
    line = lines(path)
    if item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        valid = _valid_keys(model, path[:-1])
        remedy = did_you_mean(str(path[-1]), valid)
        return Problem(file, line, field, f"unknown key {str(path[-1])!r}", remedy)
    if item["type"] == "missing":
        return Problem(file, line, field, "is missing", f"Add {path[-1]!r}.")
    message = item["msg"].removeprefix("Value error, ")
    remedy = "Correct the value."
    if item["type"] == "value_error" and ". " in message:
        message, remedy = message.split(". ", 1)
    elif item["type"].endswith(("too_short", "too_long")) and isinstance(item["input"], str):
        bounds = item["ctx"]
        message = f"has more than {bounds.get('max_length')} characters"
        if item["type"].endswith("too_short"):
            message = "is empty"
    elif item["type"] not in ("value_error", "model_type", "dict_type", "json_invalid"):
        # Text in place of a table may be a misplaced secret; it is not repeated.
        message += f", not {_shown.repr(item['input'])}"
    return Problem(file, line, field, message, remedy)


def _printable(part: str | int) -> str:
    text = str(part)
    return text if text.isprintable() else repr(text)


def _valid_keys(model: type[BaseModel], path: FieldPath) -> list[str]:
    current: Any = model
    for part in path:
        current = _inner(current, part)
    return [name for option in _options(current) for name in _fields(option)]


def _inner(annotation: Any, part: str | int) -> Any:
    """Return the type one level down: that of a model's field, or of a list's or dict's items."""
    for option in _options(annotation):
        if get_origin(option) in (dict, list, tuple):
            return [argument for argument in get_args(option) if argument is not ...][-1]
        fields = _fields(option)
        if part in fields:
            return fields[str(part)]
    return None


def _fields(option: Any) -> dict[str, Any]:
    """Return the fields of a model or dataclass with their types; none of anything else."""
    if isinstance(option, type) and issubclass(option, BaseModel):
        return {name: field.annotation for name, field in option.model_fields.items()}
    return get_type_hints(option) if is_dataclass(option) else {}


def _options(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _options(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [option for argument in get_args(annotation) for option in _options(argument)]
    return [annotation]
