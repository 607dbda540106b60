"""Journals as somebody else would leave them: changed and sealed anew, or of an older version."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from panel.cells.journal import FILE, encode, name_of
from panel.cells.seals import Chain

Line = dict[str, Any]
SEAL = ("line", "after", "seal")


def plain_lines(file: Path) -> list[Line]:
    """Return the lines of a journal without what seals them."""
    lines = [json.loads(raw) for raw in file.read_bytes().splitlines()]
    return [{name: value for name, value in line.items() if name not in SEAL} for line in lines]


def sealed_anew(file: Path, lines: list[Line]) -> None:
    """Write lines into a journal, with the seals that they would have if written so."""
    content, _last = Chain(name_of(file)).seal(b"".join(map(encode, lines)))
    file.write_bytes(content)


def changed(file: Path, change: Callable[[list[Line]], list[Line]]) -> None:
    """Change a journal as one who knows of seals and makes all of them anew."""
    sealed_anew(file, change(plain_lines(file)))


def renamed_run(folder: Path, name: str) -> None:
    """Give a run another id, under which its lines are sealed then."""
    lines = plain_lines(folder / FILE)
    sealed_anew(folder.rename(folder.with_name(name)) / FILE, lines)


def older(file: Path) -> None:
    """Take the seals off a journal, as version 3 of its format wrote it."""
    lines = plain_lines(file)
    file.write_bytes(b"".join(encode(line | {"format": 3}) for line in lines))
