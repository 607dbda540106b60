"""Changes single values of panel.toml; every other line, comments too, stays as it stands."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import tomllib
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panel.errors import UsageError
from panel.workspace.plain_files import write_fresh
from panel.workspace.toml_lines import toml_lines

Table = tuple[str, ...]
Values = Mapping[Table, Mapping[str, str]]  # table → key → text
# A key and its text on one line, with what follows it.
_VALUE = re.compile(
    r"""(\s*(?:[\w-]+|"[^"\\]*"|'[^']*')\s*=\s*)("(?:[^"\\]|\\.)*"|'[^']*')(.*)""", re.S
)


@dataclass(frozen=True, slots=True)
class Replaced:
    """A value that stood there before. line: 1-based; was, now: as TOML writes them."""

    line: int
    key: str
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A text of panel.toml with other values.

    source: what it was made of; added: its new lines; replaced: what changed.
    """

    source: str
    text: str
    added: tuple[str, ...]
    replaced: tuple[Replaced, ...]


def quoted(text: str) -> str:
    """Return a text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def with_values(source: str, values: Values) -> Edit:
    """Return the source with these values, each replaced where it stood or added to its table.

    A line's comment stays. Raises UsageError, naming the lines to write by hand, where the file
    writes a table in another way than under a head of its own.
    """
    wanted = copy.deepcopy(tomllib.loads(source))
    # By line feeds alone: TOML's strings and comments may hold what Python takes for line ends.
    lines = re.findall(r"[^\n]*\n|[^\n]+", source)
    added, replaced = list[str](), list[Replaced]()
    values = {table: keys for table, keys in values.items() if keys}
    for table, keys in values.items():
        there, fresh = _table(wanted, table), list[str]()
        for key, value in keys.items():
            if there.get(key) == value:
                continue
            written = quoted(value)
            if key in there:
                place = (toml_lines("".join(lines))((*table, key)) or 1) - 1
                found = _VALUE.fullmatch(lines[place])
                if found:
                    replaced.append(Replaced(place + 1, key, found[2], written))
                    lines[place] = f"{found[1]}{written}{found[3]}"
            else:
                fresh.append(f"{key} = {written}")
            there[key] = value
        added += _insert(lines, table, fresh)
    text = "".join(lines)
    if _read(text) != wanted:
        by_hand = "; ".join(
            f"[{_head(table)}] "
            + ", ".join(f"{key} = {quoted(told)}" for key, told in keys.items())
            for table, keys in values.items()
        )
        raise UsageError(
            "panel.toml is written in a way that cannot be changed here. Write into it yourself: "
            f"{by_hand}."
        )
    return Edit(source, text, tuple(added), tuple(replaced))


def _read(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _table(fields: dict[str, Any], table: Table) -> dict[str, Any]:
    """Return a table of the fields; made where there is none."""
    for part in table:
        fields = fields.setdefault(part, {})
        if not isinstance(fields, dict):
            raise UsageError(f"{part!r} of panel.toml is no table. Correct it; 'panel check'.")
    return fields


def _insert(lines: list[str], table: Table, fresh: Sequence[str]) -> list[str]:
    """Put lines below the head of their table, or a new head at the end; return the new ones."""
    if not fresh:
        return []
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    head = next((at for at, line in enumerate(lines) if _is_head(line, table)), None)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += ending
    if head is None:
        fresh = [f"[{_head(table)}]", *fresh]
        lines += ["" + ending] if lines else []
        head = len(lines) - 1
    lines[head + 1 : head + 1] = [line + ending for line in fresh]
    return [*fresh]


def _is_head(line: str, table: Table) -> bool:
    if not line.lstrip().startswith("["):
        return False
    fields: Any = _read(line)
    for part in table:
        fields = fields.get(part) if isinstance(fields, dict) and len(fields) == 1 else None
    return bool(fields == {})


def _head(table: Table) -> str:
    plain = re.compile(r"[A-Za-z0-9_-]+")
    return ".".join(part if plain.fullmatch(part) else quoted(part) for part in table)


def put_in_place(file: Path, edit: Edit) -> None:
    """Write an edited file whole, with the rights and the byte order mark that it had.

    Raises UsageError where that cannot be done: it is read-only, or no longer what was edited.
    """
    file = file.resolve()
    fresh = file.with_name(f".{file.name}.new")
    try:
        there = file.read_bytes()
        mark = BOM_UTF8 if there.startswith(BOM_UTF8) else b""
        if there != mark + edit.source.encode():
            raise UsageError(f"{file} has changed meanwhile, and is left as it is. Try again.")
        # To replace a file takes no right to write it, but whoever took that away meant it.
        if not (os.access(file, os.W_OK) and file.stat().st_mode & 0o222):
            raise UsageError(f"{file} is read-only. Write into it yourself, or let it be written.")
        write_fresh(fresh, mark + edit.text.encode())
        shutil.copymode(file, fresh)
        fresh.replace(file)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise UsageError(f"{file} cannot be written: {error.strerror}.") from None
