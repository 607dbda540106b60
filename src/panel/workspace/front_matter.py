"""Changes single fields of a file's front matter; every other line stays byte for byte as it is."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from panel.errors import UsageError, WorkspaceError
from panel.text import composed
from panel.workspace.documents import parse_yaml
from panel.workspace.yaml_edit import Keys, Source, apply, as_read, named
from panel.workspace.yaml_text import one_line

Changes = Mapping[Keys, Any]
HERE = Path("this file")
# A mark of byte order, the opening line, the fields, the closing line, the body.
_PARTS = re.compile(
    r"(\ufeff?---\r?\n)((?:(?!---(?:\r?\n|\Z))[^\n]*\n)*)(---(?:\r?\n|\Z))(.*)", re.S
)


def edit_front_matter(text: str, changes: Changes, file: Path = HERE) -> str:
    """Return a file's text with other fields, each changed where it stands or added to the end.

    text: as it is on disk, its line ends (CRLF too) and mark of byte order not translated.
    changes: from the path of a field, ``("pricing", "verified")``, to its value: text, a whole
    number, a date, true or false, a list, a mapping; None removes it, and the group that it was
    the last field of. Reading the result gives these values, as text but for whole numbers.
    Comments and order stay; a mapping or list in brackets is written anew as a whole, a list of
    lines keeps the lines of what stays in it.

    Raises WorkspaceError for front matter that cannot be read, and UsageError where it is written
    in a way that cannot be changed so. file: for their words.
    """
    opening, source, closing, body = _parts(text, file)
    wanted = _fields(source, file)
    ending = "\r\n" if opening.endswith("\r\n") else "\n"
    for path, value in _single(wanted, changes):
        before = copy.deepcopy(wanted)
        apply(wanted, path, as_read(value))
        if wanted == before:
            continue
        try:
            source = Source(source, ending).changed(before, path, value)
            read = _fields(source, file)
        except (yaml.YAMLError, ValueError, WorkspaceError) as error:
            raise _by_hand(path, value, file) from error
        if read != wanted:
            raise _by_hand(path, value, file)
    return f"{opening}{source}{closing}{body}"


def edit_body(text: str, body: str, file: Path = HERE) -> str:
    """Return a file's text with other words below its front matter, which stays as it is.

    Raises WorkspaceError as edit_front_matter does.
    """
    opening, source, closing, old = _parts(text, file)
    ending = "\r\n" if opening.endswith("\r\n") else "\n"
    blank = re.match(r"(?:\r?\n)*", old)
    above = blank[0] if blank and old.strip("\r\n") else ""
    if not closing.endswith("\n"):
        closing += ending
    lines = body.replace("\r\n", "\n").strip("\n").replace("\n", ending)
    return f"{opening}{source}{closing}{above}{lines}{ending}"


def _parts(text: str, file: Path) -> tuple[str, str, str, str]:
    found = _PARTS.fullmatch(text)
    if found is None:
        raise UsageError(
            f"{file} has no front matter. Begin it with a line '---', YAML fields, and another "
            "line '---'."
        )
    return found[1], found[2], found[3], found[4]


def _fields(source: str, file: Path) -> dict[str, Any]:
    fields = parse_yaml(source.replace("\r\n", "\n"), file, first_line=2)
    if not isinstance(fields, dict | None):
        raise UsageError(f"the front matter of {file} is not a mapping. Write 'key: value' lines.")
    return fields or {}


def _by_hand(path: Keys, value: Any, file: Path) -> UsageError:
    name = ".".join(path)
    if value is None:
        return UsageError(f"{file} is written in a way that cannot be changed. Take out {name!r}.")
    try:
        written = one_line(value)
    except ValueError as error:
        return UsageError(f"{name}: {error}. Remove that character.")
    return UsageError(
        f"{file} is written in a way that cannot be changed here. Write it yourself: "
        f"{name}: {written}"
    )


def _single(fields: dict[str, Any], changes: Changes) -> list[tuple[Keys, Any]]:
    """Return the changes with those of whole mappings as one for each of their fields."""
    found: list[tuple[Keys, Any]] = []
    for path, value in changes.items():
        there: Any = fields
        for part in path:
            there = there.get(named(there, part)) if isinstance(there, dict) else None
        if isinstance(value, Mapping) and value and isinstance(there, dict) and there:
            inner: dict[Keys, Any] = {(str(key),): each for key, each in value.items()}
            names = {composed(str(key)) for key in value}
            inner |= {(str(key),): None for key in there if composed(str(key)) not in names}
            found += [((*path, *rest), each) for rest, each in _single(there, inner)]
        else:
            found.append((path, value))
    return found
