"""Writes one sheet of a workbook anew, in the plainest way there is, for the library that reads it.

The library makes room for every cell between a sheet's first and its last, follows whatever a
workbook says, and ends the process where there is no room. So it is given nothing of a workbook
but what was understood, counted and written here.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from panel.errors import WorkspaceError
from panel.workspace.plain_files import LARGEST
from panel.workspace.validation import did_you_mean
from panel.workspace.xlsx_parts import Inside, Parts, TooLargeError, Walk

MOST_CELLS = 1_000_000  # of a sheet, counted as the rectangle from its first cell to its last
_MOST_MERGED = 100_000
_PLACE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_ROW = re.compile(r"[1-9][0-9]{0,6}")
_NUMBER = re.compile(r"[0-9]{1,9}")
# What else stands in a text tells how it is spoken.
_TEXTS: dict[str, tuple[str, ...]] = {"si": ("t", "r"), "is": ("t", "r"), "r": ("t",)}
_IN_SHEET: Inside = _TEXTS | {
    "": ("worksheet",),
    "worksheet": ("sheetData", "mergeCells"),
    "sheetData": ("row",),
    "row": ("c",),
    "c": ("v", "is"),
    "mergeCells": ("mergeCell",),
}
_IN_TEXTS: Inside = _TEXTS | {"": ("sst",), "sst": ("si",)}
_IN_STYLES: Inside = {
    "": ("styleSheet",),
    "styleSheet": ("numFmts", "cellXfs"),
    "numFmts": ("numFmt",),
    "cellXfs": ("xf",),
}
_IN_BOOK: Inside = {"": ("workbook",), "workbook": ("workbookPr", "sheets"), "sheets": ("sheet",)}
_IN_RELATIONS: Inside = {"": ("Relationships",), "Relationships": ("Relationship",)}

_OF_STYLES = ("numFmtId", "formatCode")

Place = tuple[int, int]  # of a cell, by row and column, from 0
Merged = tuple[Place, Place]  # first and last of the cells that are shown as one


@dataclass(slots=True)
class PlainSheet:
    """A workbook of one sheet called "1", without merged cells, and which were merged."""

    book: io.BytesIO
    merged: list[Merged]


def plain_sheet(raw: bytes, file: Path, sheet: str | None) -> PlainSheet:
    """Return a sheet by name, or the first that is shown.

    Raises WorkspaceError where there is none of the name, TooLargeError, and what a damaged archive
    makes zipfile, zlib and expat raise.
    """
    parts = Parts(raw)
    book = parts.elements("xl/workbook.xml", _IN_BOOK)
    relations = parts.elements("xl/_rels/workbook.xml.rels", _IN_RELATIONS)
    related = [found for _name, found in relations]
    sheets = [found for name, found in book if name == "sheet"]
    names = [found.get("name", "") for found in sheets]
    if sheet is not None and sheet not in names:
        message = f"has no sheet {sheet!r}"
        raise WorkspaceError.single(file, None, "", message, did_you_mean(sheet, names))
    shown = [found for found in sheets if found.get("state", "visible") == "visible"] or sheets
    wanted = [found for found in sheets if found.get("name") == sheet] if sheet else shown
    if not wanted:
        raise ValueError("it holds no sheet")
    key = next((each for each in wanted[0] if each.endswith(":id")), "")
    target = [each.get("Target", "") for each in related if each.get("Id") == wanted[0].get(key)]
    if not target:
        raise ValueError("a sheet has no part of its own")
    texts = _texts(parts, next((e.get("Target", "") for e in related if _is_texts(e)), ""))
    cells = _Cells(texts)
    parts.parse(parts.path(target[0]), cells.walk)
    since_1904 = any(found.get("date1904") in ("1", "true") for _name, found in book)
    return PlainSheet(_packed(cells.written(), _styles(parts), since_1904), cells.merged)


def _is_texts(related: dict[str, str]) -> bool:
    return related.get("Type", "").endswith("/sharedStrings")


def _texts(parts: Parts, target: str) -> list[str]:
    """Return the texts that cells share, by their number."""
    name = parts.path(target) if target else "xl/sharedstrings.xml"
    texts: list[str] = []
    if name not in parts:
        return texts

    def end(name: str) -> None:
        if name == "si":
            texts.append("".join(walk.text))
            walk.text.clear()

    walk = Walk(_IN_TEXTS, lambda _name, _found: None, end)
    parts.parse(name, walk)
    return texts


def _styles(parts: Parts) -> str:
    """Return the styles of cells, of which their dates are known."""
    kept: dict[str, list[str]] = {"numFmt": [], "xf": []}
    if "xl/styles.xml" in parts:
        for name, found in parts.elements("xl/styles.xml", _IN_STYLES):
            told = (f" {key}={quoteattr(found[key])}" for key in _OF_STYLES if key in found)
            kept.setdefault(name, []).append(f"<{name}{''.join(told)}/>")
    formats, cells = "".join(kept["numFmt"]), "".join(kept["xf"])
    return f"<styleSheet><numFmts>{formats}</numFmts><cellXfs>{cells}</cellXfs></styleSheet>"


@dataclass(slots=True)
class _Cells:
    """Writes the cells of a sheet that hold anything, each with its place and its own text."""

    texts: list[str]
    merged: list[Merged] = field(default_factory=list)
    walk: Walk = field(init=False)
    _sheet: io.BytesIO = field(default_factory=io.BytesIO)
    _row: int = 0
    _column: int = 0
    _found: dict[str, str] = field(default_factory=dict)  # attributes of the cell
    _written: int = 0  # the row that the last cell was written in
    _columns: int = 0
    _bytes: int = 0  # of text

    def __post_init__(self) -> None:
        self.walk = Walk(_IN_SHEET, self._begin, self._end)
        self._sheet.write(b"<worksheet><sheetData><row>")

    def written(self) -> bytes:
        """Return the sheet."""
        self._sheet.write(b"</row></sheetData></worksheet>")
        return self._sheet.getvalue()

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._found = attributes
            self._at(attributes.get("r"))
        elif name in ("v", "is"):
            self.walk.text.clear()
        elif name == "row":
            number, self._column = attributes.get("r", str(self._row + 1)), 0
            if not _ROW.fullmatch(number) or int(number) <= self._row:
                raise ValueError(f"the row {number[:20]!r} does not follow the one before it")
            self._row = int(number)
        elif name == "mergeCell":
            first, _, last = attributes.get("ref", "").partition(":")
            self.merged.append((_place(first), _place(last or first)))
            if len(self.merged) > _MOST_MERGED:
                raise TooLargeError(f"{_MOST_MERGED:,} merged cells")

    def _at(self, place: str | None) -> None:
        if place is None:
            self._column += 1
            return
        row, column = _place(place)
        if row + 1 != self._row or column < self._column:
            raise ValueError(f"the cell {place!r} does not follow the one before it")
        self._column = column + 1

    def _end(self, name: str) -> None:
        if name != "c" or not self.walk.text:
            return
        value, kind = "".join(self.walk.text), self._found.get("t", "n")
        self.walk.text.clear()
        if kind == "s":
            value, kind = self._shared(value), "str"
        elif kind in ("inlineStr", "is"):
            kind = "str"
        if not value:
            return
        self._columns = max(self._columns, self._column)
        if self._row * self._columns > MOST_CELLS:
            raise TooLargeError(f"{MOST_CELLS:,} cells from its first to its last")
        self._write(value, kind)

    def _shared(self, number: str) -> str:
        if not _NUMBER.fullmatch(number) or int(number) >= len(self.texts):
            raise ValueError(f"it has no text {number[:20]!r} that cells share")
        return self.texts[int(number)]

    def _write(self, value: str, kind: str) -> None:
        if self._row != self._written:
            self._sheet.write(b'</row><row r="%d">' % self._row)
            self._written = self._row
        told = f' t="{kind}"' if kind.isalpha() and kind != "n" else ""
        if (style := self._found.get("s", "")).isdecimal():
            told += f' s="{style}"'
        text = escape(value, {"\r": "&#13;"}).encode()
        self._bytes += len(text)
        if self._bytes > LARGEST:
            raise TooLargeError(f"{LARGEST // 1024**2} MiB of text")
        place = f"{_letters(self._column)}{self._row}"
        self._sheet.write(f'<c r="{place}"{told}><v>'.encode() + text + b"</v></c>")


def _place(text: str) -> Place:
    if not (found := _PLACE.fullmatch(text)):
        raise ValueError(f"{text[:20]!r} is no place of a cell")
    return int(found[2]) - 1, _column(found[1]) - 1


@lru_cache(maxsize=1024)
def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


@lru_cache(maxsize=1024)
def _letters(column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _packed(sheet: bytes, styles: str, since_1904: bool) -> io.BytesIO:
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": _related("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook><workbookPr date1904="{int(since_1904)}"/><sheets>'
        '<sheet name="1" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _related("worksheet", "worksheets/sheet1.xml"),
        "xl/styles.xml": styles,
        "xl/worksheets/sheet1.xml": sheet,
    }
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    book.seek(0)
    return book


def _related(kind: str, target: str) -> str:
    kind = f"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"
    one = f'<Relationship Id="rId1" Type="{kind}" Target="{target}"/>'
    return f"<Relationships>{one}</Relationships>"
