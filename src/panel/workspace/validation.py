"""Validates fields against a model and reports the line, what is wrong, the nearest valid word.

The only place that turns a pydantic ValidationError into Problems.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError

from panel.errors import Problem, WorkspaceError
from panel.text import counted
from panel.workspace.documents import FieldPath, Lines
from panel.workspace.mistakes import TABLE, in_words, shown

Model = TypeVar("Model", bound=BaseModel)
MOST_COMPARED = 10_000_000  # characters with characters
CLOSE = 0.65  # of 1, as difflib counts, from which on a word may be what was meant
MOST_NAMED = 16  # valid words listed where none is similar
MOST_PROBLEMS = 100  # told of one thing
MOST_LISTED = 50_000  # looked at; a list of them takes a kilobyte for each
FEW = 5  # lines named of the rows that share a problem
LONGEST_TEXT = 100_000  # characters of one field
LONGEST_KEY = 500
MOST_TEXT = 300_000  # characters of all fields: as many as a Markdown file may have
UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """Return the valid word closest in spelling; None when none is, or comparing takes long.

    Of words that are equally close the first one counts: lists begin with what is meant most often.
    """
    word = word.casefold()
    folded = {candidate.casefold(): candidate for candidate in valid}
    # Of very different lengths no two are close. Looking at a long word would take its time.
    alike = [each for each in folded if 2 * min(map(len, (word, each))) >= CLOSE * len(word + each)]
    if not alike or len(word) * sum(map(len, alike)) > MOST_COMPARED:  # a second, or hours
        return None
    close = difflib.get_close_matches(word, alike, n=FEW, cutoff=CLOSE)
    if not close:
        return None

    def likeness(candidate: str) -> float:
        # As get_close_matches compares: the other way round, it may come to another figure.
        return difflib.SequenceMatcher(None, candidate, word).ratio()

    best = max(map(likeness, close))
    return next(folded[each] for each in folded if each in close and likeness(each) == best)


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
        if error.error_count() > MOST_LISTED:
            message = f"has {counted(error.error_count(), 'problem')}"
            raise WorkspaceError.single(file, None, "", message, "Write it anew.") from None
        found = error.errors(include_url=False)
    # Each takes a look at the whole file for its line.
    more, found = len(found) - MOST_PROBLEMS, found[:MOST_PROBLEMS]
    meant = {_meant(model, item["loc"]) for item in found if item["type"] in UNKNOWN}
    problems = [
        _problem(model, item, file, lines)
        for item in found
        # A misspelt key is one mistake: the right one is not missing besides.
        if not (item["type"] == "missing" and item["loc"] in meant)
    ]
    if more > 0:
        message = f"has {counted(more, 'more problem')} of this kind"
        problems.append(Problem(file, None, "", message, "Correct these first."))
    raise WorkspaceError(problems)


def refuse_long(fields: dict[str, Any], file: Path, lines: Lines) -> None:
    """Raise WorkspaceError for texts or keys that are too long, before they are looked at.

    Composing letters, for one, may make eighteen of each. In a workbook, or by an alias of YAML,
    a text that is written once may stand in very many fields.
    """
    size = 0
    waiting: list[tuple[FieldPath, Any]] = [((), fields)]
    while waiting:
        path, group = waiting.pop()
        for key, value in group.items() if type(group) is dict else enumerate(group):
            if type(key) is str:
                size += len(key)
                if len(key) > LONGEST_KEY:
                    message = f"the name {shown(key)} has more than {LONGEST_KEY} characters"
                    raise _long(file, lines, path, message)
            kind = type(value)
            if kind is dict or kind is list:
                waiting.append(((*path, key), value))
            elif kind is str or kind is bytes:
                size += len(value)
                if len(value) > LONGEST_TEXT:
                    message = (
                        f"has {counted(len(value), 'character')}; the limit is {LONGEST_TEXT:,}"
                    )
                    raise _long(file, lines, (*path, key), message)
            if size > MOST_TEXT:
                message = f"has more than {MOST_TEXT:,} characters in all of its fields"
                raise _long(file, lines, (), message)


def _long(file: Path, lines: Lines, path: FieldPath, message: str) -> WorkspaceError:
    field = ".".join(map(_printable, path))
    return WorkspaceError.single(file, lines(path), field, message, "Shorten it.")


def by_column(problems: list[Problem], rows: int) -> list[Problem]:
    """Return the problems of one table, with those that many of its rows share told once.

    They are shared if field and remedy are the same; the first of them says what is wrong.
    """
    alike: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        alike.setdefault((problem.field, problem.remedy), []).append(problem)
    return [_told_once(same, rows) for same in alike.values()]


def _told_once(same: list[Problem], rows: int) -> Problem:
    first, count = same[0], len(same)
    if count == 1:
        return first
    if count == rows:
        share = "both rows" if rows == 2 else f"all {counted(rows, 'row')}"
        return replace(first, message=f"{first.message} (in {share})")
    others = [str(problem.line) for problem in same[1:] if problem.line not in (None, first.line)]
    more = f" and {len(others) - FEW} more" if len(others) > FEW else ""
    also = "also on line" if len(others) == 1 else "also on lines"
    named = f"; {also} {', '.join(others[:FEW])}{more}" if others else ""
    return replace(
        first, message=f"{first.message} (in {count:,} of {counted(rows, 'row')}{named})"
    )


def _meant(model: type[BaseModel], path: FieldPath) -> FieldPath:
    """Return the path of the valid key that an unknown one is nearest to."""
    close = nearest(str(path[-1]), _valid_keys(model, path[:-1]))
    return (*path[:-1], close) if close else ()


def _problem(model: type[BaseModel], item: Any, file: Path, lines: Lines) -> Problem:
    path: FieldPath = tuple(item["loc"])
    line = lines(path)
    of_key = bool(path) and path[-1] == "[key]"  # pydantic's mark for the key itself
    path = path[:-1] if of_key else path
    field = ".".join(_printable(part) for part in path)
    kind, last = item["type"], path[-1] if path else ""
    if kind in UNKNOWN:
        remedy = did_you_mean(str(last), _valid_keys(model, path[:-1]))
        return Problem(file, line, field, f"unknown key {shown(str(last))}", remedy)
    if kind == "missing" and isinstance(last, int):  # a list of so many entries
        above = ".".join(_printable(part) for part in path[:-1])
        return Problem(file, line, above, f"has no entry {last + 1}", "Add the missing entry.")
    if kind == "missing":
        return Problem(file, line, field, "is missing", f"Add {last!r}.")
    message, remedy = in_words(item)
    if of_key:
        return Problem(file, line, field, f"its name {message}", remedy)
    names = _valid_keys(model, path)
    if names and f"must be {TABLE}" in message:
        remedy = f"Its fields are {', '.join(names)}."
        if file.suffix in (".csv", ".parquet", ".xlsx"):
            remedy = f"Name the columns {', '.join(f'{field}.{name}' for name in names)}."
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
