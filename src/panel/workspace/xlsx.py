"""Reads the rows of a sheet of an .xlsx workbook: values, never formulas; bounded in size."""

from __future__ import annotations

import zipfile
import zlib
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from xml.parsers import expat

from panel.errors import WorkspaceError
from panel.workspace.plain_files import most_text, read_bytes
from panel.workspace.xlsx_parts import TooLargeError
from panel.workspace.xlsx_plain import MOST_CELLS, Merged, plain_sheet

_BROKEN = "Save it again as an Excel workbook (.xlsx), or as CSV."

# What zipfile and zlib raise for archives that are damaged, encrypted or packed in another way.
_UNREADABLE: tuple[type[Exception], ...] = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError),
    *(zlib.error, expat.ExpatError, OverflowError),  # the last for a time of too many days
)

Numbered = tuple[int, list[Any]]  # the 1-based number of a row, and its cells


def read_sheet(file: Path, sheet: str | None = None) -> list[Numbered]:
    """Return the rows of a sheet that hold anything: of the first that is shown, or of one by name.

    A cell is text, true or false, a date, or a date with its time; numbers are text, without the
    format in which they are shown. An empty cell is "". Cells that are merged downwards all have
    the value of the first; a row that is one merged cell, as titles are, is left out.

    Raises WorkspaceError: no workbook, no such sheet, more than a table may hold.
    """
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415

    unreadable: tuple[type[Exception], ...] = (*_UNREADABLE, CalamineError)
    try:
        raw = read_bytes(file)
        plain = plain_sheet(raw, file, sheet)
        with CalamineWorkbook.from_filelike(plain.book) as workbook:
            cells = workbook.get_sheet_by_index(0).to_python(skip_empty_area=False)
        merged = plain.merged
        down = sum(max(0, min(bottom, len(cells)) - top) for (top, _), (bottom, _) in merged)
        if down > MOST_CELLS:  # more than the sheet has, so they overlap; each takes its time
            raise ValueError("its merged cells overlap")
        rows = [[_plain(cell) for cell in row] for row in cells]
        _fill_down(rows, merged)
        most = most_text(len(raw))
        if sum(len(cell) for row in rows for cell in row if isinstance(cell, str)) > most:
            raise TooLargeError(f"{most:,} characters of text")
    except TooLargeError as error:
        remedy = "Delete the empty rows and columns at its end, or split it."
        raise WorkspaceError.single(file, None, "", f"has more than {error}", remedy) from None
    except unreadable as error:
        reason = (str(error).splitlines() or ["it is damaged"])[0]
        raise WorkspaceError.single(
            file, None, "", f"cannot be read as .xlsx: {reason}", _BROKEN
        ) from None
    titles = {top for (top, left), (_bottom, right) in merged if right > left}
    return [
        (number, row)
        for number, row in enumerate(rows, 1)
        if (filled := sum(cell != "" for cell in row))
        and not (filled == 1 and number - 1 in titles)
    ]


def _fill_down(rows: list[list[Any]], merged: list[Merged]) -> None:
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
