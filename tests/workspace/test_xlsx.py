"""Workbooks: values of cells, and nothing that a workbook says can fill the memory."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from panel.errors import WorkspaceError
from panel.workspace import xlsx_parts
from panel.workspace.tools import load_catalog
from panel.workspace.xlsx import read_sheet
from tests.support.workbooks import MAIN, parts_of, sheet_xml, write_parts, write_workbook

MOMENT = datetime.fromisoformat("2026-11-24T10:30")


def test_cells_are_text_numbers_as_text_dates_and_the_values_of_formulas(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["a", " b "], [], [1, 19.9], [date(2026, 11, 24), MOMENT]]
    rows += [[True, ("A1&A2", "=shown")], [None, None], ["  ", 2.0]]
    file = write_workbook(tmp_path / "a.xlsx", rows)
    assert read_sheet(file) == [
        (1, ["a", "b"]),
        (3, ["1", "19.9"]),
        (4, [date(2026, 11, 24), MOMENT]),
        (5, [True, "=shown"]),
        (7, ["", "2"]),
    ]


def test_merged_titles_are_left_out_and_cells_merged_downwards_are_filled(tmp_path: Path) -> None:
    rows = [["Our list"], ["name", "group"], ["A", "Data"], ["B"], ["Section"], ["C", "Code"]]
    file = write_workbook(tmp_path / "a.xlsx", rows, ("A1:B1", "B3:B4", "A5:B5"))
    assert read_sheet(file) == [
        (2, ["name", "group"]),
        (3, ["A", "Data"]),
        (4, ["B", "Data"]),
        (6, ["C", "Code"]),
    ]


def test_merged_cells_that_overlap_without_end_are_refused(tmp_path: Path) -> None:
    """Filling them would take a time that grows with their square."""
    merged = ("A1:A2000",) * 1_001
    file = write_workbook(tmp_path / "a.xlsx", [["x"] for _ in range(2_000)], merged)
    with pytest.raises(WorkspaceError, match="merged cells overlap"):
        read_sheet(file)


def test_the_first_sheet_that_is_shown_is_read_or_the_one_that_is_named(tmp_path: Path) -> None:
    sheets = {"Lists": sheet_xml([["x"]]), "Werkzeuge": sheet_xml([["a"]]), "2": sheet_xml([["b"]])}
    file = write_parts(tmp_path / "a.xlsx", {**parts_of(sheets, hidden=("Lists",))})
    assert read_sheet(file) == [(1, ["a"])]
    assert read_sheet(file, "Lists") == [(1, ["x"])]
    with pytest.raises(WorkspaceError, match=r"no sheet 'Werkzeug'. Did you mean 'Werkzeuge'"):
        read_sheet(file, "Werkzeug")


def test_a_workbook_in_the_tools_folder_is_a_table_like_any_other(tmp_path: Path) -> None:
    head = ["name", "tagline", "category", "pricing.entry", "tags", "released", "description"]
    row = ["Anvil", "t", "c", 20, "a; b", date(2026, 3, 2), "It is."]
    write_workbook(tmp_path / "a.xlsx", [head, row])
    (tool,) = load_catalog(tmp_path)
    assert (tool.pricing.entry, tool.tags, tool.released) == ("20", ("a", "b"), date(2026, 3, 2))
    write_workbook(tmp_path / "a.xlsx", [head, row[:-1]])
    with pytest.raises(WorkspaceError, match=r"a.xlsx:2: description: is missing"):
        load_catalog(tmp_path)
    for rows in ([["name", "name"], ["a", "b"]], [["name", ""], ["a", "b"]]):
        write_workbook(tmp_path / "a.xlsx", rows)
        with pytest.raises(WorkspaceError, match="is no table"):
            load_catalog(tmp_path)
    write_workbook(tmp_path / "a.xlsx", [])
    assert load_catalog(tmp_path) == []


TEXTS = f'<sst xmlns="{MAIN}" uniqueCount="1"><si><t>{"x" * 1_000_000}</t></si></sst>'
SHARED = '<row><c t="s"><v>{}</v></c></row>'
MANY = "".join('<row><c t="s"><v>0</v></c></row>' for _ in range(100))
FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
HOSTILE: dict[str, tuple[dict[str, str | bytes], str]] = {
    "a cell in the last corner": ({"sheet": FAR}, "more than 1,000,000 cells"),
    "a cell behind another attribute": (
        {"sheet": '<row r="1048576"><c foo="&gt;>" r="XFD1048576"><v>1</v></c></row>'},
        "more than 1,000,000 cells",
    ),
    "a text that many cells share": (
        {"sheet": MANY, "xl/sharedStrings.xml": TEXTS},
        "more than 64 MiB of text",
    ),
    "a tag without end": ({"sheet": f'<row a="{"x" * 1_100_000}"/>'}, "a tag in it is longer"),
    "entities": ({"sheet": "<!DOCTYPE a [<!ENTITY b 'c'>]>"}, "cannot be read as .xlsx"),
    "a document type": (
        {"xl/workbook.xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"},
        "declares a type of its own",
    ),
    "a time of too many days": (
        {
            "sheet": '<row><c s="0"><v>1e10</v></c></row>',
            "xl/styles.xml": '<styleSheet><cellXfs><xf numFmtId="46"/></cellXfs></styleSheet>',
        },
        "cannot be read as .xlsx",
    ),
    "half a sheet": ({"sheet": "<row"}, "cannot be read as .xlsx"),
    "no sheets": ({"xl/workbook.xml": f'<workbook xmlns="{MAIN}"/>'}, "cannot be read as .xlsx"),
    "another archive": ({"xl/workbook.xml": b""}, "cannot be read as .xlsx"),
}


FILLED = '<row><c r="A1"><v>1</v></c></row>'
NO_PLACES = (
    *("AAAAAAAAAAAAAA2", "XFD00000000001048576", "AZ00000000001048576", "A0", "A02", "$A$2", "a2"),
    *("A٢", "A2:B2", "2", "A", "", "A4294967298"),
)
HOSTILE |= {
    f"the place {place!r}": (
        {"sheet": f'{FILLED}<row><c r="{place}"><v>1</v></c></row>'},
        "is no place of a cell",
    )
    for place in NO_PLACES
}
HOSTILE |= {
    f"the shared text {number!r}": (
        {"sheet": SHARED.format(number) * 3_000, "xl/sharedStrings.xml": TEXTS},
        "it has no text .* that cells share",
    )
    for number in ("+0", "0.0", "0e0", " 0", "-0", "1", "9999999999", "0000000009", "٠")
}
HOSTILE |= {
    f"out of order: {sheet}": ({"sheet": sheet}, "does not follow the one before it")
    for sheet in (
        '<row r="2"/><row r="1"/>',
        '<row r="1"/><row r="1"/>',
        '<row r="01"/>',
        '<row r="4294967297"/>',
        '<row r="1"><c r="B1"/><c r="A1"/></row>',
        '<row r="1"><c r="A1"/><c r="A1"/></row>',
        '<row r="1"><c r="A2"/></row>',
    )
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_hostile_is_one_line_and_takes_no_memory(tmp_path: Path, case: str) -> None:
    parts, told = HOSTILE[case]
    sheet = parts.get("sheet", "")
    made = {
        **parts_of({"a": f'<worksheet xmlns="{MAIN}"><sheetData>{sheet}</sheetData></worksheet>'})
    }
    file = write_parts(
        tmp_path / "a.xlsx", {**made, **{k: v for k, v in parts.items() if "/" in k}}
    )
    with pytest.raises(WorkspaceError, match=told) as refusal:
        read_sheet(file)
    assert len(refusal.value.problems) == 1 and "\n" not in str(refusal.value)


HARMLESS: dict[str, tuple[str, str]] = {
    "a comment in a number": ("0<!-- -->", "<sst><si><t>a</t></si></sst>"),
    "a number in two kinds of text": ("<![CDATA[0]]>", "<sst><si><t>a</t></si></sst>"),
    "an element in a number": ("<x>1</x>0", "<sst><si><t>a</t></si></sst>"),
    "a count that reserves memory": ("0", '<sst count="4294967295"><si><t>a</t></si></sst>'),
    "a prefix": ("0", f'<x:sst xmlns:x="{MAIN}"><x:si><x:t>a</x:t></x:si></x:sst>'),
    "a text before it without a character": ("1", "<sst><si/><si><t>a</t></si></sst>"),
    "a text in parts, with how it is spoken": (
        "0",
        "<sst><si><r><rPr/><t>a</t></r><rPh><t>b</t></rPh></si></sst>",
    ),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_a_shared_text_is_the_one_of_its_number_however_they_are_written(
    tmp_path: Path, case: str
) -> None:
    number, texts = HARMLESS[case]
    sheet = f"<worksheet><sheetData>{SHARED.format(number)}</sheetData></worksheet>"
    parts = {**parts_of({"a": sheet}), "xl/sharedStrings.xml": texts}
    assert read_sheet(write_parts(tmp_path / "a.xlsx", {**parts})) == [(1, ["a"])]


@pytest.mark.parametrize("letter", ["&#115;", "s"])
def test_a_letter_of_an_attribute_may_be_written_by_its_number(tmp_path: Path, letter: str) -> None:
    sheet = f'<row><c r="&#66;1" t="{letter}"><v>0</v></c></row>'
    parts = parts_of({"a": f"<worksheet><sheetData>{sheet}</sheetData></worksheet>"})
    parts["xl/sharedStrings.xml"] = "<sst><si><t>a &lt;&#13;b</t></si></sst>"
    assert read_sheet(write_parts(tmp_path / "a.xlsx", {**parts})) == [(1, ["", "a <\rb"])]


def test_parts_that_are_named_alike_but_for_their_letters_are_refused(tmp_path: Path) -> None:
    parts = {**parts_of({"a": sheet_xml([["a"]])}), "XL/Workbook.xml": "<workbook/>"}
    with pytest.raises(WorkspaceError, match="it holds a part twice"):
        read_sheet(write_parts(tmp_path / "a.xlsx", {**parts}))


def test_a_sheet_without_a_part_of_its_own_is_refused(tmp_path: Path) -> None:
    parts = parts_of({"a": sheet_xml([["a"]])})
    book, related = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
    for name, old, new in ((book, "rId1", "rId7"), (related, "worksheets/s1", "../../etc/passwd")):
        with pytest.raises(WorkspaceError, match=r"has no part|a sheet has no part"):
            made = {**parts, name: parts[name].replace(old, new)}
            read_sheet(write_parts(tmp_path / "a.xlsx", {**made}))


def test_sheets_that_are_not_asked_for_are_not_read(tmp_path: Path) -> None:
    parts = parts_of({"a": sheet_xml([["a"]]), "b": "no XML", "c": "no XML"})
    assert read_sheet(write_parts(tmp_path / "a.xlsx", {**parts})) == [(1, ["a"])]


@pytest.mark.parametrize(("far", "told"), [("1", [date(2026, 11, 24)]), ("0", [])])
def test_dates_are_counted_from_1904_where_the_workbook_says_so(
    tmp_path: Path, far: str, told: list[date]
) -> None:
    parts = parts_of({"a": sheet_xml([[date(2022, 11, 23)]])})
    book = parts["xl/workbook.xml"].replace("<sheets>", f'<workbookPr date1904="{far}"/><sheets>')
    rows = read_sheet(write_parts(tmp_path / "a.xlsx", {**parts, "xl/workbook.xml": book}))
    assert [row for _line, row in rows] == [told or [date(2022, 11, 23)]]


@pytest.mark.slow
def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    parts = parts_of({"a": sheet_xml([["a"]])})
    blank = " " * (66 * 2**20)
    bombs = dict.fromkeys(("xl/sharedStrings.xml", "xl/worksheets/s1.xml"), f"<a>{blank}</a>")
    with pytest.raises(WorkspaceError, match="more than 128 MiB unpacked"):
        read_sheet(write_parts(tmp_path / "a.xlsx", {**parts, **bombs}))


def test_a_part_of_very_many_tags_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_parts, "MOST_TAGS", 1_000)
    parts = {**parts_of({"a": f"<worksheet>{'<a/>' * 1_000}</worksheet>"})}
    with pytest.raises(WorkspaceError, match="more than 1,000 tags"):
        read_sheet(write_parts(tmp_path / "a.xlsx", {**parts}))


@pytest.mark.parametrize("raw", [b"", b"name;tagline\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"])
def test_what_is_no_workbook_says_so(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.xlsx").write_bytes(raw)
    with pytest.raises(WorkspaceError, match=r"cannot be read as .xlsx.*Save it again"):
        read_sheet(tmp_path / "a.xlsx")


def test_a_text_that_is_written_once_does_not_stand_for_hundreds_of_times_the_workbook(
    tmp_path: Path,
) -> None:
    """In cells that share a text, or in those that a merged cell fills."""
    text = "x" * 30_000
    texts = f'<sst xmlns="{MAIN}"><si><t>{text}</t></si></sst>'
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{MANY}</sheetData></worksheet>'
    shared = {**parts_of({"a": sheet}), "xl/sharedStrings.xml": texts}
    merged = sheet_xml([[f"T{n}", text if n == 0 else None] for n in range(100)], ("B1:B100",))
    for parts in (shared, parts_of({"a": merged})):
        file = write_parts(tmp_path / "a.xlsx", parts)
        with pytest.raises(WorkspaceError, match=r"has more than 1,\d{3},\d{3} characters of text"):
            read_sheet(file)
    few = sheet_xml([[f"T{n}", text if n == 0 else None] for n in range(30)], ("B1:B30",))
    assert [row[1] for _, row in read_sheet(write_parts(file, parts_of({"a": few})))] == [text] * 30
