"""Reads tables that were not written for this program: any separator, encoding and headings."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from panel.errors import WorkspaceError
from panel.text import composed, one_line
from panel.workspace.documents import twice
from panel.workspace.plain_files import STDIN, read_bytes
from panel.workspace.tables import MOST_MARKS, MOST_ROWS, MOST_VALUES, read_table
from panel.workspace.xlsx import Numbered, read_sheet

TEXT_ENDINGS = (".csv", ".tsv", ".txt")
BOOK_ENDINGS = (".xlsx", ".xlsm")
FIELD_ENDINGS = (".json", ".jsonl", ".yaml", ".yml", ".parquet")
MOST_COLUMNS = 1_000
LONGEST_NAME = 500  # characters of a column's name, with those of the groups above it
_SEPARATORS = (",", ";", "\t", "|")
_LOOKED_AT = 40  # records that a separator is tried on
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KANA = re.compile("[\u3041-\u30ff]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class ReadAs:
    """What the caller knows of a table; None where it is to be found out."""

    sheet: str | None = None
    encoding: str | None = None
    separator: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row. line: where it stands, None where there is no such line; cells: by column."""

    line: int | None
    cells: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table by the names of its columns. notes: what was assumed of it, a sentence each."""

    file: Path
    columns: list[str]
    rows: list[SourceRow]
    notes: list[str] = field(default_factory=list)


def read_source(file: Path, known: ReadAs) -> SourceTable:
    """Read a table, in the format that its ending names; CSV from standard input.

    Columns without a name are called "column 3". Empty rows, and titles above the names of the
    columns, are left out. Groups of JSON, YAML and Parquet become columns such as pricing.entry.

    Raises WorkspaceError: it cannot be read, names a column twice, or holds more than it may.
    """
    ending = ".csv" if file == STDIN else file.suffix.lower()
    if ending in TEXT_ENDINGS:
        return _from_text(file, known)
    if ending in BOOK_ENDINGS:
        return _from_rows(file, read_sheet(file, known.sheet), [])
    if ending in FIELD_ENDINGS:
        return _from_fields(file)
    known_endings = " ".join((*TEXT_ENDINGS, *BOOK_ENDINGS, *FIELD_ENDINGS))
    remedy = f"Save it as .xlsx or .csv. Read are {known_endings}."
    raise WorkspaceError.single(file, None, "", f"the ending {file.suffix!r} is not read", remedy)


def _from_fields(file: Path) -> SourceTable:
    rows, found = read_table(file), []
    columns: dict[str, str] = {}  # each by itself: all rows hold the same text of a name
    for row in rows:
        cells: dict[str, Any] = {}
        for name, value in _flat(row.fields, file):
            cells[columns.setdefault(name, name)] = value
            _refuse_more(file, len(columns), MOST_COLUMNS, "columns")
        found.append(SourceRow(row.lines(row.path), cells))
    return SourceTable(file, list(columns), found)


def _flat(fields: dict[str, Any], file: Path) -> Iterator[tuple[str, Any]]:
    """Yield nested fields as columns, named as `pricing.entry`; refuse one of a very long name."""
    waiting = [("", iter(fields.items()))]
    while waiting:
        above, items = waiting[-1]
        for key, value in items:
            name = f"{above}{composed(str(key))}"
            _refuse_long(file, None, name)
            if isinstance(value, dict):
                waiting.append((f"{name}.", iter(value.items())))
                break
            if value not in (None, "", []):
                yield name, value
        else:
            waiting.pop()


def _from_text(file: Path, known: ReadAs) -> SourceTable:
    raw = read_bytes(file)
    if raw.startswith(b"PK\x03\x04"):
        message = "is no text, but a workbook or another archive"
        raise WorkspaceError.single(file, None, "", message, "Give it the ending .xlsx.")
    text, notes = _decoded(raw, file, known.encoding)
    first = re.match(r"sep=([^\r\n])\r?\n", text)  # as Excel reads and writes it
    told = known.separator or (first[1] if first else "")
    lines = max(text.count("\n"), text.count("\r"))  # either ends one, or both together do
    _refuse_more(
        file, lines + sum(map(text.count, {*_SEPARATORS, told} - {""})), MOST_MARKS, "cells"
    )
    separator = told or _separator(text)
    rows: list[Numbered] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    before = values = 0
    try:
        for cells in reader:
            if any(cells) and not (first and before == 0):
                rows.append((before + 1, [cell.strip() for cell in cells]))
            values += len(cells)
            _refuse_more(file, values, MOST_VALUES, "cells")
            if len(rows) > MOST_ROWS + _LOOKED_AT:  # titles may stand above
                _refuse_more(file, len(rows), MOST_ROWS, "rows")
            before = reader.line_num
    except csv.Error as error:
        message = f"is not valid CSV: {error}"
        remedy = "Quote cells that hold quotes, line breaks or the separator."
        raise WorkspaceError.single(file, before + 1, "", message, remedy) from None
    return _from_rows(file, rows, notes)


def _decoded(raw: bytes, file: Path, encoding: str | None) -> tuple[str, list[str]]:
    """Return the text of bytes, and what was assumed of them."""
    if encoding is not None:
        try:
            return raw.decode(encoding).removeprefix("\ufeff"), []
        except (LookupError, ValueError) as error:
            message = f"cannot be read as {encoding!r}: {error}"
            remedy = "Name another --encoding, such as utf-8, windows-1252 or cp932."
            raise WorkspaceError.single(file, None, "", message, remedy) from None
    name = next((name for mark, name in _MARKS if raw.startswith(mark)), "")
    if not name and b"\0" in raw[:200]:  # text without a mark, of which every other byte is 0
        name = "utf-16-le" if raw[1:2] == b"\0" else "utf-16-be"
    try:
        return raw.decode(name or "utf-8"), []
    except UnicodeDecodeError as error:
        if name:
            message = f"byte {error.start} is not {name.upper()}"
            remedy = "Save it again, as 'CSV UTF-8' or .xlsx."
            raise WorkspaceError.single(file, None, "", message, remedy) from None
    name, text = _old_encoding(raw)
    assumed = (
        f"It is no UTF-8: read as {name}. If letters look wrong, name another --encoding, or save "
        "it as 'CSV UTF-8' or .xlsx."
    )
    return text, [assumed]


def _old_encoding(raw: bytes) -> tuple[str, str]:
    """Return how Excel of another time or place wrote text: Japanese if it has kana, or Western."""
    try:
        text = raw.decode("cp932")
    except UnicodeDecodeError:
        text = ""
    if 5 * len(_KANA.findall(text)) > len(_NOT_ASCII.findall(text)):
        return "Shift-JIS", text
    try:
        return "Windows-1252", raw.decode("cp1252")
    except UnicodeDecodeError:
        return "Latin-1", raw.decode("latin-1")


def _separator(text: str) -> str:
    """Return the separator that cuts the first records into equally many cells, at least two."""

    def fitness(separator: str) -> tuple[float, int]:
        lengths: list[int] = []
        try:
            records = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
            lengths += (len(cells) for cells in islice(records, _LOOKED_AT) if any(cells))
        except csv.Error:
            pass
        length, count = max(
            Counter(lengths).items(), key=lambda item: (item[1], item[0]), default=(1, 0)
        )
        return (count / len(lengths), length) if length > 1 else (0.0, 0)

    return max(_SEPARATORS, key=fitness)


def _from_rows(file: Path, numbered: Sequence[Numbered], notes: list[str]) -> SourceTable:
    rows = [(line, cells) for line, cells in numbered if any(cell != "" for cell in cells)]
    while len(rows) > 1 and _filled(rows[0][1]) == 1 < _filled(rows[1][1]):
        del rows[0]  # a title
    if not rows:
        message, remedy = "holds no table", "Write the names of the columns in its first row."
        raise WorkspaceError.single(file, None, "", message, remedy)
    (line, head), *rest = rows
    width = len(head)
    while width and head[width - 1] == "":
        width -= 1
    _refuse_more(file, len(rest), MOST_ROWS, "rows")
    _refuse_more(file, width, MOST_COLUMNS, "columns")
    for cell in head[:width]:
        _refuse_long(file, line, str(cell))
    names = [
        composed(one_line(str(cell))) or f"column {at}" for at, cell in enumerate(head[:width], 1)
    ]
    if (name := twice(names)) is not None:
        message = f"the column {name!r} appears twice"
        raise WorkspaceError.single(file, line, "", message, "Give one of them another name.")
    if long := [line for line, cells in rest if any(cell != "" for cell in cells[width:])]:
        raise WorkspaceError.single(file, long[0], "", *_too_long(long, len(rest), width))
    found = [SourceRow(line, dict(_filled_cells(names, cells))) for line, cells in rest]
    used = {name for row in found for name in row.cells}
    named = [name for name, cell in zip(names, head, strict=False) if cell != "" or name in used]
    return SourceTable(file, named, found, notes)


def _too_long(lines: list[int], rows: int, width: int) -> tuple[str, str]:
    which = f"{len(lines):,} of {rows:,} rows have" if len(lines) > 1 else "this row has"
    return (
        f"{which} more cells than the {width} columns that have a name",
        "Name those columns, quote cells that hold the separator, or name another --separator.",
    )


def _filled(cells: Sequence[Any]) -> int:
    return sum(cell != "" for cell in cells)


def _filled_cells(names: list[str], cells: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(names, cells, strict=False):
        if cell != "":
            yield name, cell.replace("\r\n", "\n") if isinstance(cell, str) else cell


def _refuse_long(file: Path, line: int | None, name: str) -> None:
    if len(name) > LONGEST_NAME:
        message = f"the name {name[:40]!r}... has more than {LONGEST_NAME} characters"
        raise WorkspaceError.single(file, line, "", message, "Shorten it.")


def _refuse_more(file: Path, count: int, most: int, what: str) -> None:
    if count > most:
        message = f"has more than {most:,} {what}"
        raise WorkspaceError.single(file, None, "", message, "Split it.")
