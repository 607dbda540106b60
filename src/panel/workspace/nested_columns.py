"""Turns the columns of a table into fields: what a name with dots in it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from panel.text import composed

MOST_LEVELS = 20  # of a column's name: pricing.entry has two
MOST_ENTRIES = 1_000  # of a list that stands in one cell

ColumnPath = tuple[str, list[str]]  # a column, and the keys that its name stands for


def paths_of(columns: Iterable[str]) -> list[ColumnPath]:
    """Return the keys of ``pricing.entry`` and the like; raises ValueError for too many of them."""
    paths = [(column, composed(column).strip().split(".")) for column in columns]
    if deep := [keys[0] for _column, keys in paths if len(keys) > MOST_LEVELS]:
        # Each row would make all of them.
        raise ValueError(f"the column {deep[0]!r} has more than {MOST_LEVELS} names below it")
    return paths


def nested(paths: Sequence[ColumnPath], cells: Iterable[Any]) -> dict[str, Any]:
    """Turn columns such as ``pricing.entry`` into mappings and ``tags`` (a; b) into a list.

    A row that is shorter than the header has no more than its own cells.
    """
    fields: dict[str, Any] = {}
    for (column, keys), cell in zip(paths, cells, strict=False):
        if cell is None or cell == "":
            continue
        target = fields
        for key in keys[:-1]:
            target = target.setdefault(key, {})
            if not isinstance(target, dict):
                raise ValueError(  # noqa: TRY004 - the author's columns, not a caller's type
                    f"the columns {key!r} and {column!r} exclude each other"
                )
        if keys[-1] in target:
            raise ValueError(f"the columns under {column!r} exclude each other")
        target[keys[-1]] = cell
    if isinstance(fields.get("tags"), str):
        if fields["tags"].count(";") >= MOST_ENTRIES:  # two letters of a cell would make each
            raise ValueError(f"a row has more than {MOST_ENTRIES:,} tags")
        fields["tags"] = [tag.strip() for tag in fields["tags"].split(";") if tag.strip()]
    return fields
