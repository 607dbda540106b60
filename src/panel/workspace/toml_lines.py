"""Finds the lines of fields in TOML."""

from __future__ import annotations

from functools import cache

from panel.workspace.documents import FieldPath, Lines


def _toml_table(header: str, arrays: dict[tuple[str, ...], int]) -> list[str]:
    """Return the path of a table by its header. arrays: entries of arrays of tables so far."""
    name = header.lstrip("[").split("]", 1)[0]
    parts = [part.strip(" \"'") for part in name.split(".")]
    table: list[str] = []
    for place, part in enumerate(parts, 1):
        table.append(part)
        if place == len(parts) and header.startswith("[["):
            arrays[tuple(table)] = arrays.get(tuple(table), -1) + 1
        if tuple(table) in arrays:
            table.append(str(arrays[tuple(table)]))
    return table


def toml_lines(source: str) -> Lines:
    """Return a finder from field path to line for TOML, which looks for keys as written.

    Of a field that has no line of its own it is that of the last table which it is in.
    """

    @cache
    def index() -> tuple[dict[FieldPath, int], dict[FieldPath, int]]:
        """Return the first line of each key, and the last of each table, by path."""
        keys, tables = dict[FieldPath, int](), dict[FieldPath, int]()
        table: list[str] = []
        arrays: dict[tuple[str, ...], int] = {}
        for number, text in enumerate(source.split("\n"), 1):
            stripped = text.strip()
            if stripped.startswith("["):
                table = _toml_table(stripped, arrays)
                tables[tuple(table)] = number
            elif "=" in stripped and not stripped.startswith("#"):
                key = [part.strip(" \t\"'") for part in stripped.split("=", 1)[0].split(".")]
                keys.setdefault((*table, *key), number)
        return keys, tables

    def find(path: FieldPath) -> int | None:
        keys, tables = index()
        wanted = tuple(map(str, path))
        above = [wanted[:many] for many in range(len(wanted) + 1)]
        of_keys = [keys[each] for each in above if each in keys]
        of_tables = [tables[each] for each in above if each in tables]
        return min(of_keys, default=max(of_tables, default=None))

    return find
