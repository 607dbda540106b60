"""Finds the lines of fields in TOML."""

from __future__ import annotations

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
    """Return a finder from field path to line for TOML, which looks for keys as written."""

    def find(path: FieldPath) -> int | None:
        table: list[str] = []
        arrays: dict[tuple[str, ...], int] = {}
        best: int | None = None
        wanted = [str(part) for part in path]
        for number, text in enumerate(source.split("\n"), 1):
            stripped = text.strip()
            if stripped.startswith("["):
                table = _toml_table(stripped, arrays)
                if table == wanted[: len(table)]:
                    best = number
            elif "=" in stripped and not stripped.startswith("#"):
                key = [part.strip(" \t\"'") for part in stripped.split("=", 1)[0].split(".")]
                if table + key == wanted[: len(table) + len(key)]:
                    return number
        return best

    return find
