"""Tables that were not written for this program are read as their authors meant them."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.errors import WorkspaceError
from panel.workspace.cell_values import CellError, DateOrder, numbers_of, orders_of, read_cell
from panel.workspace.columns import Kind, find_columns, targets_of
from panel.workspace.foreign_tables import MOST_COLUMNS, ReadAs, read_source
from panel.workspace.tables import MOST_ROWS
from panel.workspace.tools import Tool
from tests.support.counting import calls

TEXT = 'Produkt;Preis\r\nAmboß;19,90 €\r\n;\r\n"Blase\r\nbalg";"ab ""5"" €, netto"\r\n'
ROWS = [
    (2, {"Produkt": "Amboß", "Preis": "19,90 €"}),
    (4, {"Produkt": "Blase\nbalg", "Preis": 'ab "5" €, netto'}),
]


def read(folder: Path, raw: bytes | str, name: str = "t.csv", **known: Any) -> Any:
    file = folder / name
    file.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    table = read_source(file, ReadAs(**known))
    return [(row.line, row.cells) for row in table.rows], table


@pytest.mark.parametrize(
    "raw",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        TEXT.replace(";", "\t").encode("utf-16"),
        TEXT.replace(";", "|").encode(),
        TEXT.replace("\r\n", "\n").encode(),
        TEXT.replace(";\r\n", ";;;\r\n").encode(),
    ],
)
def test_any_separator_and_form_of_unicode_gives_the_same_rows(tmp_path: Path, raw: bytes) -> None:
    rows, table = read(tmp_path, raw)
    assert (rows, table.columns, table.notes) == (ROWS, ["Produkt", "Preis"], [])


def test_an_old_encoding_is_recognised_and_told_of(tmp_path: Path) -> None:
    rows, table = read(tmp_path, TEXT.encode("cp1252"))
    assert rows == ROWS and "read as Windows-1252" in table.notes[0]
    rows, table = read(tmp_path, "製品,価格\nツール,無料\n".encode("cp932"))
    assert rows == [(2, {"製品": "ツール", "価格": "無料"})] and "Shift-JIS" in table.notes[0]
    rows, table = read(tmp_path, "Nom;Prix\nÉté;à voir\n".encode("mac-roman"), encoding="mac-roman")
    assert rows == [(2, {"Nom": "Été", "Prix": "à voir"})] and table.notes == []


def test_a_separator_may_be_said_in_the_file_or_by_the_caller(tmp_path: Path) -> None:
    assert read(tmp_path, "sep=:\r\na:b\r\n1:2\r\n")[0] == [(3, {"a": "1", "b": "2"})]
    assert read(tmp_path, "a^b\n1^2\n", separator="^")[0] == [(2, {"a": "1", "b": "2"})]


def test_titles_empty_rows_and_columns_without_a_name(tmp_path: Path) -> None:
    rows, table = read(tmp_path, "Our tools;;\n;;\na;;c;\n1;2;3;\n\n;;;\n4;;;\n")
    assert table.columns == ["a", "column 2", "c"]
    assert rows == [(4, {"a": "1", "column 2": "2", "c": "3"}), (7, {"a": "4"})]


def test_groups_of_json_become_columns(tmp_path: Path) -> None:
    text = '{"tools": [{"a": {"b": 1.10, "c": null}, "t": ["x"]}, {"a.b": "2"}]}'
    rows, table = read(tmp_path, text, "t.JSON")
    assert [cells for _line, cells in rows] == [{"a.b": "1.10", "t": ["x"]}, {"a.b": "2"}]
    assert table.columns == ["a.b", "t"]


def test_parquet_gives_its_columns(tmp_path: Path) -> None:
    duckdb.sql("SELECT 'A' AS Produkt, {'entry': 'Free'} AS pricing").write_parquet(
        str(tmp_path / "t.parquet")
    )
    table = read_source(tmp_path / "t.parquet", ReadAs())
    assert [row.cells for row in table.rows] == [{"Produkt": "A", "pricing.entry": "Free"}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no table"),
        ("a,a\n1,2\n", "t.csv:1: the column 'a' appears twice"),
        ("a,b\n1,2,3\n4,5\n6,7,8\n", "t.csv:2: 2 of 3 rows have more cells than the 2 columns"),
        ('a,b\n1,"2\n', "t.csv:2: is not valid CSV"),
        ("a,b\n" + "1,2\n" * (MOST_ROWS + 1), "has more than 100,000 rows"),
        (
            ",".join(f"c{n}" for n in range(MOST_COLUMNS + 1)) + "\n1\n",
            "has more than 1,000 columns",
        ),
        ("a,b\n" + "\n,".join("1" * 150_000), "has more than 100,000 rows"),
        ("a\n" + ("," * 100_000 + "\n") * 11, "more than 1,000,000 cells"),
        ("," * 5_000_001, "more than 5,000,000 cells"),
        ("sep=x\n" + "x" * 5_000_001, "more than 5,000,000 cells"),
        ("a,b\n" + "\r" * 5_000_001, "more than 5,000,000 cells"),
        ("PK\x03\x04", "is no text, but a workbook"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(WorkspaceError, match=told) as refusal:
        read(tmp_path, text)
    assert len(refusal.value.problems) == 1


def test_a_long_name_of_a_group_is_refused_and_not_written_again_for_each_column(
    tmp_path: Path,
) -> None:
    group = {"k" * 100_000: {str(number): 1 for number in range(900)}}
    with pytest.raises(WorkspaceError, match=r"'kkkkk.* has more than 500 characters"):
        read(tmp_path, json.dumps([group]), "t.json")


@pytest.mark.parametrize("text", ["a,{}\n1,2\n", "{}\n1\n"])
def test_a_long_name_of_a_column_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(WorkspaceError, match=r"t.csv:1: the name 'nnn.* more than 500 characters"):
        read(tmp_path, text.format("n" * 501))


def test_groups_in_groups_are_read_once(tmp_path: Path) -> None:
    group: dict[str, Any] = {str(number): "x" for number in range(900)}
    for _level in range(200):
        group = {"a": group}
    found, table = read(tmp_path, json.dumps([group] * 20), "t.json")
    name = "a." * 200 + "899"
    assert len(found) == 20 and found[0][1][name] == "x" and table.columns[-1] == name


@pytest.mark.parametrize("encoding", ["zip", "none-such", "ascii", "utf-32"])
def test_an_encoding_that_does_not_fit_is_one_line(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(WorkspaceError, match=f"cannot be read as '{encoding}'"):
        read(tmp_path, TEXT + "x", encoding=encoding)


def test_an_ending_that_is_not_read_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"'.ods' is not read. Save it as .xlsx or .csv"):
        read(tmp_path, "", "t.ods")


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    for name in ("t.csv", "t.xlsx", "t.json", "t.yaml"):
        try:
            read(tmp_path_factory.getbasetemp(), raw, name)
        except WorkspaceError as error:
            assert "\n" not in str(error.problems[0])


# --- which column is which field -----------------------------------------------------------------

TARGETS = targets_of(Tool)
SURE = {
    "Produkt;Kategorie;Preis;Beschreibung;Veröffentlicht;Geprüft am": (
        "name category pricing.entry description released pricing.verified"
    ),
    "NOM;Catégorie;Prix (€);Résumé;Description complète;Site web;Mots-clés": (
        "name category pricing.entry tagline description url tags"
    ),
    "Nombre;Categoría;Precio;Eslogan;Descripción;Publicado el": (
        "name category pricing.entry tagline description released"
    ),
    "Strumento;Sezione;Prezzo;Sottotitolo;Descrizione;Sito web": (
        "name category pricing.entry tagline description url"
    ),
    "製品名;カテゴリ;価格;概要;説明;公開日": (
        "name category pricing.entry tagline description released"
    ),
    "TOOL NAME;Catagory;Price *;Tag-line;Descripton;links.Docs": (
        "name category pricing.entry tagline description links.Docs"
    ),
}


@pytest.mark.parametrize("head", SURE)
def test_headings_in_six_languages_are_known(head: str) -> None:
    columns = head.split(";")
    found = find_columns(TARGETS, columns, {})
    assert found.columns == dict(zip(SURE[head].split(), columns, strict=True))
    assert not found.unsure


@pytest.mark.parametrize(
    "column", ["Datum", "Date", "Vendor", "Price plan", "Notes", "🚀", "Colour", "Owner", "Links"]
)
def test_what_is_not_sure_is_not_taken(column: str) -> None:
    assert find_columns(TARGETS, [column], {}).columns == {}


def test_two_columns_for_one_field_are_for_the_caller_to_choose() -> None:
    found = find_columns(TARGETS, ["Beschreibung", "Text", "Titel", "name"], {})
    assert found.columns == {"name": "name"}, "the field's own name counts more"
    assert found.unsure == {"description": ["Beschreibung", "Text"]}
    told = {"description": "text", "name": "Titel", "tags": "", "links.A b": "Beschreibung"}
    found = find_columns(TARGETS, ["Beschreibung", "Text", "Titel", "Tags"], told)
    assert found.columns == {"name": "Titel", "description": "Text", "links.A b": "Beschreibung"}


# --- dates ---------------------------------------------------------------------------------------

NOVEMBER = """24.11.2026|24. 11. 2026|24.11.26|11/24/2026|2026-11-24|2026/11/24|20261124
24. November 2026|Nov 24, 2026|November 24th, 2026|24 nov. 2026|24 novembre 2026
24 de noviembre de 2026|2026年11月24日|２０２６-１１-２４
2026-11-24T10:00:00Z|11/24/2026 10:00 AM"""


@pytest.mark.parametrize("cell", NOVEMBER.replace("\n", "|").split("|"))
def test_a_date_is_read_in_the_ways_people_write_it(cell: str) -> None:
    assert str(read_cell(cell, Kind.DATE, None)) == "2026-11-24"


@pytest.mark.parametrize("cell", ["soon", "31.02.2026", "March 2026", "26-11-24", "0/0/2026", "7"])
def test_what_is_no_date_is_not_guessed(cell: str) -> None:
    with pytest.raises(CellError):
        read_cell(cell, Kind.DATE, DateOrder.DAY_FIRST)


@pytest.mark.parametrize(
    ("columns", "order", "said"),
    [
        ({"a": ["3/4/2026", "11/24/2026"]}, "month-first", ""),
        ({"a": ["3/4/2026", "24/11/2026"]}, "day-first", ""),
        ({"a": ["3.4.2026"]}, "day-first", "3.4.2026 is read day first, as 2026-04-03"),
        ({"a": ["3/4/2026"]}, None, "3/4/2026 could be read day first or month first"),
        ({"a": ["24/11/2026", "11/24/2026"]}, None, "holds dates of both orders"),
        ({"a": ["3/4/2026"], "b": ["24/11/2026"]}, "day-first", "3/4/2026 is read day first"),
        ({"a": ["5/5/2026", "2026-01-02", None, 7]}, "day-first", ""),
    ],
)
def test_a_column_shows_which_is_the_day_or_it_is_asked_once(
    columns: dict[str, list[Any]], order: str | None, said: str
) -> None:
    found = orders_of(columns, None)
    assert found.by_column.get("a") == order
    told = [*found.notes, *(message for message, _remedy in found.unclear.values())]
    assert said in "".join(told) and len(told) == bool(said)
    assert orders_of(columns, DateOrder.MONTH_FIRST).by_column["a"] == "month-first"


def test_lists_and_yes_or_no_are_read_as_people_write_them() -> None:
    for cell in ("a; b", "a, b", "a\nb", "a、b", "#a, #b"):
        assert read_cell(cell, Kind.LIST, None) == ["a", "b"]
    assert [read_cell(cell, Kind.FLAG, None) for cell in ("Ja", "x", "FALSE", "Sí", "いいえ")] == (
        [True, True, False, True, False]
    )
    with pytest.raises(CellError, match="must be yes or no"):
        read_cell("perhaps", Kind.FLAG, None)


@pytest.mark.parametrize("kind", [Kind.DATE, Kind.MOMENT, Kind.FLAG])
def test_a_long_cell_is_no_date_and_no_flag_and_is_not_read_to_its_end(kind: Kind) -> None:
    """Each of its letters stands for eighteen."""

    def refused() -> None:
        with pytest.raises(CellError, match="must be"):
            read_cell("\ufdfa" * 5_000, kind, None)

    assert calls(refused) < 20_000


def test_a_list_in_a_cell_has_no_more_entries_than_any_has() -> None:
    assert len(read_cell("a;" * 999 + "a", Kind.LIST, None)) == 1_000
    with pytest.raises(CellError, match="has more than 1,000 entries"):
        read_cell("a;" * 1_000 + "a", Kind.LIST, None)


def test_a_very_long_heading_is_no_field_and_is_not_read_to_its_end() -> None:
    heading = "name (" + "\ufdfa" * 480
    assert find_columns(TARGETS, [heading], {}).columns == {}
    assert calls(lambda: find_columns(TARGETS, [heading], {})) < 5_000


@pytest.mark.parametrize("kind", list(Kind))
def test_a_cell_that_is_too_long_for_any_field_is_refused(kind: Kind) -> None:
    with pytest.raises(CellError, match="has 100,001 characters; the limit is 100,000"):
        read_cell("\ufdfa" * 100_001, kind, None)


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader_of_cells(cell: str) -> None:
    numbers_of(cell)
    for kind in Kind:
        try:
            read_cell(cell, kind, None)
        except CellError as error:
            assert error.remedy and "\n" not in str(error)
