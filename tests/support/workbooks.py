"""Workbooks as spreadsheet programs write them, and as nobody should."""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><fonts><font/></fonts><fills><fill/></fills>'
    "<borders><border/></borders><cellStyleXfs><xf/></cellStyleXfs>"
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/></cellXfs></styleSheet>'
)


def place(row: int, column: int) -> str:
    """Return the name of a cell, counted from 1: (2, 3) is C2."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row}"


def _cell(row: int, column: int, value: Any) -> str:
    at = place(row, column)
    match value:
        case bool():
            return f'<c r="{at}" t="b"><v>{int(value)}</v></c>'
        case int() | float():
            return f'<c r="{at}"><v>{value}</v></c>'
        case datetime() | date():
            moment = datetime.fromisoformat(value.isoformat())
            serial = (moment - datetime.fromisoformat("1899-12-30")).total_seconds() / 86400
            style = 2 if isinstance(value, datetime) else 1
            return f'<c r="{at}" s="{style}"><v>{serial}</v></c>'
        case tuple():  # a formula, and what it came to when the file was saved
            formula, shown = value
            return f'<c r="{at}" t="str"><f>{escape(formula)}</f><v>{escape(shown)}</v></c>'
        case None:
            return f'<c r="{at}"/>'
        case _:
            text = escape(str(value))
            return f'<c r="{at}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def sheet_xml(rows: list[list[Any]], merged: tuple[str, ...] = ()) -> str:
    """Return the XML of a sheet; an empty list is a row that is not written."""
    lines = "".join(
        f'<row r="{at}">{"".join(_cell(at, n, value) for n, value in enumerate(row, 1))}</row>'
        for at, row in enumerate(rows, 1)
        if row
    )
    cells = "".join(f'<mergeCell ref="{each}"/>' for each in merged)
    ranges = f'<mergeCells count="{len(merged)}">{cells}</mergeCells>' if merged else ""
    return f'<worksheet xmlns="{MAIN}"><sheetData>{lines}</sheetData>{ranges}</worksheet>'


def parts_of(sheets: dict[str, str], hidden: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the parts of a workbook by the names and the XML of its sheets."""
    state = dict.fromkeys(hidden, ' state="hidden"')
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{at}" r:id="rId{at}"{state.get(name, "")}/>'
        for at, name in enumerate(sheets, 1)
    )
    related = "".join(
        f'<Relationship Id="rId{at}" Type="{RELATIONS}/worksheet" Target="worksheets/s{at}.xml"/>'
        for at in range(1, len(sheets) + 1)
    )
    return {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{listed}'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{related}'
        f'<Relationship Id="rId90" Type="{RELATIONS}/styles" Target="styles.xml"/>'
        f'<Relationship Id="rId91" Type="{RELATIONS}/sharedStrings" Target="sharedStrings.xml"/>'
        "</Relationships>",
        "xl/styles.xml": STYLES,
    } | {f"xl/worksheets/s{at}.xml": xml for at, xml in enumerate(sheets.values(), 1)}


def write_parts(file: Path, parts: dict[str, str | bytes]) -> Path:
    """Write a workbook of these parts."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return file


def write_workbook(file: Path, rows: list[list[Any]], merged: tuple[str, ...] = ()) -> Path:
    """Write a workbook of one sheet."""
    return write_parts(file, {**parts_of({"Sheet1": sheet_xml(rows, merged)})})
