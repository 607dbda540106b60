"""Reads tables of tools: YAML, JSON, JSON lines, CSV, Parquet and .xlsx files.

A row is plain fields and the place they came from; tools.py knows what they mean.
"""

from __future__ import annotations

import csv
import glob
import io
import json
import re
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

from panel.errors import WorkspaceError
from panel.text import composed
from panel.workspace.documents import (
    FieldPath,
    Lines,
    no_lines,
    parse_yaml,
    reason_of,
    twice,
    yaml_lines,
)
from panel.workspace.nested_columns import nested, paths_of
from panel.workspace.plain_files import LARGEST, not_utf8, read_text, refuse_special
from panel.workspace.xlsx import read_sheet

MOST_VALUES = 5_000_000  # of one table
TABLE_ENDINGS = (".yaml", ".yml", ".json", ".jsonl", ".csv", ".parquet", ".xlsx")


@dataclass(frozen=True, slots=True)
class Row:
    """One tool's fields as written. path, lines: find the line of a field in ``file``."""

    fields: dict[str, Any]
    file: Path
    path: FieldPath
    lines: Lines


def read_table(file: Path) -> list[Row]:
    """Read the rows of a table, in the format that its ending names; raises WorkspaceError."""
    match file.suffix.lower():
        case ".yaml" | ".yml":
            source = read_text(file)
            return _listed(parse_yaml(source, file), file, yaml_lines(source))
        case ".json":
            return _listed(_json(_source(file), file, 1), file, no_lines)
        case ".jsonl":
            return _json_lines(file)
        case ".csv":
            return _csv_rows(file)
        case ".xlsx":
            return _xlsx_rows(file)
        case _:
            return _parquet_rows(file)


def _source(file: Path) -> str:
    """Read the text of a table; raises WorkspaceError, also for more values than it may have."""
    source = read_text(file)
    # Each may take a hundred times the room of its text, so they are counted before any is made.
    if sum(map(source.count, ",[{\n")) > MOST_VALUES:
        raise _too_many(file)
    return source


def _too_many(file: Path) -> WorkspaceError:
    message = f"has more than {MOST_VALUES:,} values, or lines"
    return WorkspaceError.single(file, None, "", message, "Split it.")


def _listed(value: Any, file: Path, lines: Lines) -> list[Row]:
    start: FieldPath = ()
    if isinstance(value, dict) and set(value) == {"tools"}:
        value, start = value["tools"], ("tools",)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise WorkspaceError.single(
            file, 1, "", "is not a list of tools", "Write a list of mappings."
        )
    return [Row(row, file, (*start, index), lines) for index, row in enumerate(value)]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = [(composed(name), value) for name, value in pairs]
    if (name := twice(name for name, _value in named)) is not None:
        raise ValueError(f"the key {name!r} appears twice in one object")
    return dict(named)


def _json(source: str, file: Path, line: int) -> Any:
    try:
        # Numbers stay as written: 1.10 is a version, not 1.1.
        return json.loads(source, parse_int=str, parse_float=str, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        place: int | None = line
        if isinstance(error, json.JSONDecodeError):
            place = line + error.lineno - 1
        elif "\n" in source:
            place = None
        raise WorkspaceError.single(
            file, place, "", f"is not valid JSON: {reason_of(error)}", "Correct it."
        ) from None


def _json_lines(file: Path) -> list[Row]:
    rows = []
    for number, source in enumerate(_source(file).split("\n"), 1):
        if source.strip():
            fields = _json(source, file, number)
            if not isinstance(fields, dict):
                raise WorkspaceError.single(
                    file, number, "", "is not a JSON object", "Write one tool a line."
                )
            rows.append(Row(fields, file, (), _at(number)))
    return rows


def _csv_rows(file: Path) -> list[Row]:
    reader = csv.reader(io.StringIO(_source(file)), strict=True)
    rows: list[Row] = []
    ended = 0  # the line that the last row ends on; a broken one begins on the next
    try:
        names = [composed(name.strip()) for name in next(reader, ())]
        ended = reader.line_num
        if (name := twice(names)) is not None:
            raise csv.Error(f"the column {name!r} appears twice")
        if len(names) == 1 and (other := re.search(r"[;|\t]", names[0])):
            raise csv.Error(f"its columns are separated by {other[0]!r}")
        paths = paths_of(names)
        for cells in reader:
            ended = reader.line_num
            if len(cells) > len(names):
                raise csv.Error("more cells than the header has columns")
            if cells:
                line = ended - sum(cell.count("\n") for cell in cells)
                rows.append(Row(nested(paths, cells), file, (), _at(line)))
    except (csv.Error, ValueError) as error:
        message = f"is not valid CSV: {error}"
        remedy = (
            "Separate columns by commas, name each once, and quote cells that hold commas, quotes "
            "or line breaks."
        )
        line = ended + (reader.line_num > ended)
        raise WorkspaceError.single(file, line, "", message, remedy) from None
    return rows


def _xlsx_rows(file: Path) -> list[Row]:
    (line, head), *rows = read_sheet(file) or [(1, [])]
    names = [composed(str(name)) for name in head]
    try:
        if (name := twice(filter(None, names))) is not None:
            raise ValueError(f"the column {name!r} appears twice")
        found, paths = [], paths_of(names)
        for line, cells in rows:
            if any(cell != "" for name, cell in zip(names, cells, strict=True) if not name):
                raise ValueError("a cell stands in a column that has no name")
            found.append(Row(nested(paths, cells), file, (), _at(line)))
    except ValueError as error:
        raise WorkspaceError.single(
            file, line, "", f"is no table: {error}", "Name each column once, in the first row."
        ) from None
    return found


def _parquet_rows(file: Path) -> list[Row]:
    # DuckDB, which the store needs anyway, reads Parquet. It is slow to import.
    import duckdb  # noqa: PLC0415

    refuse_special(file)
    if not_utf8(file):
        raise WorkspaceError.single(
            file, None, "", "its path is not UTF-8, and DuckDB opens no such file", "Rename it."
        )
    try:
        with duckdb.connect(config=_BOUNDED) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            named = [glob.escape(str(file))]
            # Of lists, each entry counts: unpacking them to find out would take hours.
            counted = "SELECT sum(num_values) > ? FROM parquet_metadata(?)"
            if connection.execute(counted, [MOST_VALUES, *named]).fetchall()[0][0]:
                raise _too_many(file)
            # A folder called "a=b" above the file would bring a column otherwise.
            table = connection.sql(
                "SELECT * FROM read_parquet(?, hive_partitioning = false)", params=named
            )
            _refuse_unpacked(table, file)
            kinds = zip(table.columns, table.types, strict=True)
            shown = [f"CAST({_quoted(name)} AS {_plain_type(kind)})" for name, kind in kinds]
            paths = paths_of(table.columns)
            found = [
                nested(paths, _without_nulls(row))
                for row in table.project(", ".join(shown)).fetchall()
            ]
    except (duckdb.Error, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise WorkspaceError.single(
            file, None, "", f"cannot be read as Parquet: {reason}", "Write it again."
        ) from None
    return [Row(fields, file, (), _at(number)) for number, fields in enumerate(found, 1)]


# Types that Python has, too. Others (decimals, times of day, UUIDs, intervals) become the text that
# DuckDB writes for them: 1.10 stays 1.10.
_PLAIN_TYPES = {
    *("boolean", "tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger"),
    *("ubigint", "float", "double", "varchar", "date", "timestamp", "blob"),
}


def _plain_type(kind: Any) -> str:
    """Return the SQL type that a value of a DuckDB type is read as, in lists and structs too."""
    if kind.id.startswith("timestamp"):
        return "TIMESTAMP"  # one with a zone in UTC: DuckDB needs another package to hand it out
    if kind.id in ("list", "array"):
        return _plain_type(kind.children[0][1]) + "[]"
    if kind.id == "struct":
        return f"STRUCT({', '.join(f'{_quoted(n)} {_plain_type(t)}' for n, t in kind.children)})"
    if kind.id == "map":
        return f"MAP({', '.join(_plain_type(inner) for _name, inner in kind.children)})"
    return str(kind.id) if kind.id in _PLAIN_TYPES else "VARCHAR"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_BOUNDED: dict[str, Any] = {
    "memory_limit": "512MB",
    "max_temp_directory_size": "0B",
    "threads": 2,
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


def _refuse_unpacked(table: Any, file: Path) -> None:
    """Raise WorkspaceError for more than a table may hold.

    A kilobyte of Parquet may stand for a billion rows, or for a long text a million times.
    """
    named = [
        (_quoted(name), kind.id) for name, kind in zip(table.columns, table.types, strict=True)
    ]
    # Texts first, as they stand; the rest, which are numbers, dates and lists, as they are shown.
    texts = [name for name, kind in named if kind == "varchar"]
    rest = [f"CAST({name} AS VARCHAR)" for name, kind in named if kind != "varchar"]
    for some in (texts, rest):
        sizes = ", ".join(["count(*)", *(f"sum(strlen({value}))" for value in some)])
        rows, *sums = table.limit(MOST_VALUES + 1).aggregate(sizes).fetchall()[0]
        if rows * len(named) > MOST_VALUES or sum(each or 0 for each in sums) > LARGEST:
            raise _too_many(file)


def _without_nulls(value: Any) -> Any:
    """Drop the NULL fields of structs: all structs of a column have the same fields.

    NaN is what pandas writes for a missing value.
    """
    if isinstance(value, float) and isnan(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(inner) for inner in value]
    return value


def _at(line: int) -> Lines:
    return lambda _path: line
