"""Reads tables of tools: YAML, JSON, JSON lines, CSV, Parquet and .xlsx files.

A row is plain fields and the place they came from; tools.py knows what they mean.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
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
from panel.workspace.plain_files import read_text
from panel.workspace.xlsx import read_sheet

MOST_ROWS = 100_000  # of one table, as of an import
MOST_VALUES = 1_000_000
MOST_MARKS = 5_000_000  # commas and the like in a file, those in its texts among them
_MARKS = ",[{"  # before each value of JSON stands one of them, or the key after one of them
# One text of JSON; one that does not end is the rest of it.
_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.S)
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
            return _listed(_json(_source(file, is_json=True), file, 1), file, no_lines)
        case ".jsonl":
            return _json_lines(file)
        case ".csv":
            return _csv_rows(file)
        case ".xlsx":
            return _xlsx_rows(file)
        case _:
            return _parquet_rows(file)


def _source(file: Path, is_json: bool = False) -> str:
    """Read the text of a table; raises WorkspaceError, also for more values than it may have.

    Each may take a hundred times the room of its text, so they are counted before any is made.
    """
    source = read_text(file)
    marks = sum(map(source.count, _MARKS + "\n"))
    if marks > MOST_MARKS:
        raise _too_many(file, MOST_MARKS, "values, or lines")
    if is_json and marks > MOST_VALUES:
        bare = _TEXT.sub("", source)
        if sum(map(bare.count, _MARKS)) > MOST_VALUES:
            raise _too_many(file, MOST_VALUES, "values")
    return source


def _too_many(file: Path, most: int, what: str) -> WorkspaceError:
    return WorkspaceError.single(file, None, "", f"has more than {most:,} {what}", "Split it.")


def _refuse_rows(file: Path, count: int) -> None:
    if count > MOST_ROWS:
        raise _too_many(file, MOST_ROWS, "rows")


def _listed(value: Any, file: Path, lines: Lines) -> list[Row]:
    start: FieldPath = ()
    if isinstance(value, dict) and set(value) == {"tools"}:
        value, start = value["tools"], ("tools",)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise WorkspaceError.single(
            file, 1, "", "is not a list of tools", "Write a list of mappings."
        )
    _refuse_rows(file, len(value))
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
    for number, source in enumerate(_source(file, is_json=True).split("\n"), 1):
        if source.strip():
            fields = _json(source, file, number)
            if not isinstance(fields, dict):
                raise WorkspaceError.single(
                    file, number, "", "is not a JSON object", "Write one tool a line."
                )
            rows.append(Row(fields, file, (), _at(number)))
            _refuse_rows(file, len(rows))
    return rows


def _csv_rows(file: Path) -> list[Row]:
    reader = csv.reader(io.StringIO(_source(file)), strict=True)
    rows: list[Row] = []
    values = 0
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
                _refuse_rows(file, len(rows))
            values += len(cells)
            if values > MOST_VALUES:
                raise _too_many(file, MOST_VALUES, "values")
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
    _refuse_rows(file, len(rows))
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
    from panel.workspace.parquet import read_parquet  # noqa: PLC0415

    found = read_parquet(file, MOST_ROWS, MOST_VALUES)
    return [Row(fields, file, (), _at(number)) for number, fields in enumerate(found, 1)]


def _at(line: int) -> Lines:
    return lambda _path: line
