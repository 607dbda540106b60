"""Reads the rows of a sheet of an .xlsx workbook: values, never formulas; bounded in size."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections import Counter
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from xml.parsers import expat

from panel.errors import WorkspaceError
from panel.workspace.plain_files import LARGEST, read_bytes
from panel.workspace.validation import did_you_mean

MOST_CELLS = 2_000_000  # of a sheet, counted as the rectangle from its first cell to its last
_UNPACKED = 2 * LARGEST  # bytes of a workbook's parts
_READ = re.compile(r"(\[Content_Types\]|_rels/.*|xl/.*)\.(xml|rels)", re.I)
_PLACE = re.compile(r"([A-Za-z]{1,9})([0-9]{1,9})")
_BROKEN = "Save it again as an Excel workbook (.xlsx), or as CSV."

# What zipfile and zlib raise for archives that are damaged, encrypted or packed in another way.
_UNREADABLE: tuple[type[Exception], ...] = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError),
    *(zlib.error, expat.ExpatError),
)

Numbered = tuple[int, list[Any]]  # the 1-based number of a row, and its cells


def read_sheet(file: Path, sheet: str | None = None) -> list[Numbered]:
    """Return the rows of a sheet that hold anything: of the first that is shown, or of one by name.

    A cell is text, true or false, a date, or a date with its time; numbers are text, without the
    format in which they are shown. An empty cell is "". Cells that are merged downwards all have
    the value of the first; a row that is one merged cell, as titles are, is left out.

    Raises WorkspaceError: no workbook, no such sheet, more than a table may hold.
    """
    from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum  # noqa: PLC0415

    try:
        with CalamineWorkbook.from_filelike(_bounded(file)) as workbook:
            shown = [
                each.name
                for each in workbook.sheets_metadata
                if each.visible is SheetVisibleEnum.Visible
            ]
            names = shown or workbook.sheet_names
            if sheet is not None and sheet not in workbook.sheet_names:
                message = f"has no sheet {sheet!r}"
                remedy = did_you_mean(sheet, workbook.sheet_names)
                raise WorkspaceError.single(file, None, "", message, remedy)
            found = workbook.get_sheet_by_name(names[0] if sheet is None else sheet)
            cells = found.to_python(skip_empty_area=False)
            merged = found.merged_cell_ranges or []
        down = sum(max(0, min(bottom, len(cells)) - top) for (top, _), (bottom, _) in merged)
        if down > MOST_CELLS:  # more than the sheet has, so they overlap; each takes its time
            raise ValueError("its merged cells overlap")
    except (CalamineError, IndexError, ValueError) as error:
        reason = (str(error).splitlines() or ["it holds no sheet"])[0]
        raise WorkspaceError.single(
            file, None, "", f"cannot be read as .xlsx: {reason}", _BROKEN
        ) from None
    rows = [[_plain(cell) for cell in row] for row in cells]
    _fill_down(rows, merged)
    titles = {top for (top, left), (_bottom, right) in merged if right > left}
    return [
        (number, row)
        for number, row in enumerate(rows, 1)
        if (filled := sum(cell != "" for cell in row))
        and not (filled == 1 and number - 1 in titles)
    ]


def _fill_down(
    rows: list[list[Any]], merged: list[tuple[tuple[int, int], tuple[int, int]]]
) -> None:
    for (top, left), (bottom, right) in merged:
        if left == right and top < len(rows) and left < len(rows[top]):
            for row in rows[top + 1 : bottom + 1]:
                row[left] = rows[top][left]


def _plain(cell: Any) -> Any:
    match cell:
        case str():
            return cell.strip()
        case bool():
            return cell
        case float():
            return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else str(cell)
        case datetime():
            return cell.date() if cell.time() == time() else cell
        case date():
            return cell
        case _:
            return str(cell)


def _bounded(file: Path) -> io.BytesIO:
    """Return the workbook's XML alone, unpacked no further than the bounds; raises WorkspaceError.

    What an archive says of its own sizes is not believed. The reader would make room for every
    cell between a sheet's first and its last, however few are written, and end the process where
    there is none.
    """
    raw, left = read_bytes(file), _UNPACKED
    parts: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            for entry in packed.infolist():
                if not _READ.fullmatch(entry.filename):
                    continue
                with packed.open(entry) as part:
                    content = part.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise _too_large(file, f"{_UNPACKED // 1024**2} MiB unpacked")
                if entry.filename in parts:
                    raise zipfile.BadZipFile("it holds a part twice")
                parts[entry.filename] = content
        if not any(name.lower() == "xl/workbook.xml" for name in parts):
            raise zipfile.BadZipFile("it is no Excel workbook")
        counted = _Counted(file)
        for name, content in parts.items():
            if name.lower().endswith(".xml"):
                counted.add(content)
        counted.refuse_texts()
    except _UNREADABLE as error:
        reason = (str(error).splitlines() or ["it is damaged"])[0]
        raise WorkspaceError.single(
            file, None, "", f"cannot be read as .xlsx: {reason}", _BROKEN
        ) from None
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as plain:
        for name, content in parts.items():
            plain.writestr(name, content)
    kept.seek(0)
    return kept


class _Counted:
    """Counts what the reader would make of a workbook's parts; raises before it is made."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._sizes: list[int] = []  # characters of the texts that cells share
        self._named = Counter[int]()  # how many cells name each
        self._row = self._column = self._rows = self._columns = 0
        self._shared = self._in_text = False

    def add(self, content: bytes) -> None:
        """Count one part."""
        self._row = self._column = self._rows = self._columns = 0
        self._shared = self._in_text = False
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._begin
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse
        parser.Parse(content, True)

    def refuse_texts(self) -> None:
        """Raise WorkspaceError where the cells that share texts would hold too much of them."""
        shared = range(len(self._sizes))
        if (
            sum(self._sizes[at] * count for at, count in self._named.items() if at in shared)
            > LARGEST
        ):
            raise _too_large(self._file, f"{LARGEST // 1024**2} MiB of text")

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2]
        if any(int(attributes.get(key) or 0) > MOST_CELLS for key in ("count", "uniqueCount")):
            raise ValueError("it declares more entries than a workbook has")
        if kind == "sst" and self._sizes:
            raise ValueError("it holds two tables of texts")
        if kind == "row":
            row = attributes.get("r", "")
            self._row, self._column = int(row) if row.isdecimal() else self._row + 1, 0
        elif kind == "c":
            self._column += 1
            self._shared = attributes.get("t") == "s"
            if place := _PLACE.fullmatch(attributes.get("r", "")):
                self._column, self._row = _column(place[1]), int(place[2])
        elif kind == "si":
            self._in_text = True
            self._sizes.append(0)
        elif kind in ("v", "is"):  # other cells are there for their colour
            self._rows = max(self._rows, self._row)
            self._columns = max(self._columns, self._column)
            if self._rows * self._columns > MOST_CELLS:
                raise _too_large(self._file, f"{MOST_CELLS:,} cells from its first to its last")

    def _text(self, text: str) -> None:
        if self._in_text:
            self._sizes[-1] += len(text)
        elif self._shared and text.strip().isdecimal():
            self._named[int(text)] += 1

    def _refuse(self, *_declared: Any) -> None:
        raise ValueError("it declares a type of its own")


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def _too_large(file: Path, bound: str) -> WorkspaceError:
    remedy = "Delete the empty rows and columns at its end, or split it."
    return WorkspaceError.single(file, None, "", f"has more than {bound}", remedy)
