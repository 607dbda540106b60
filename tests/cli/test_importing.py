"""`panel import`: an editor's spreadsheet becomes files of tools/, all of it or nothing."""

from __future__ import annotations

import csv
import io
import json
import resource
import shlex
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from panel.errors import WorkspaceError
from panel.workspace.foreign_tables import ReadAs
from panel.workspace.loading import load_workspace
from panel.workspace.scaffold import create
from panel.workspace.tool_files import write_tools
from panel.workspace.tool_import import ImportOptions, plan_import
from panel.workspace.tools import load_catalog
from tests.support.sizes import size
from tests.support.space import Panel, Result, edit
from tests.support.workbooks import write_workbook

HEAD = ["Produkt", "Untertitel", "Kategorie", "Preis", "Beschreibung", "Veröffentlicht"]
ROWS = [
    ["Amboß", "Formt beim Speichern", "Entwickler", "19,90 €", 'Er "formt".\r\n\r\nAuch nachts.'],
    ["Blasebalg", "Macht Wind", "Daten", "gratis", "Er bläst; immer."],
]
DATES = ["24.11.2026", "3.4.2026"]


def table(rows: list[list[str]], head: list[str] = HEAD, separator: str = ";") -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator="\r\n").writerows([head, *rows])
    return out.getvalue()


GERMAN = table([[*row, day] for row, day in zip(ROWS, DATES, strict=True)])
ENGLISH = ["name", "tagline", "category", "pricing.entry", "description"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a workspace without tools."""
    create(tmp_path / "space", empty=True)
    return tmp_path / "space"


@pytest.fixture
def take(root: Path, panel: Panel) -> Any:
    """Import text as a CSV file: ``take(text, "--update")``."""

    def run(text: str | bytes, *words: str, name: str = "tools.csv") -> Result:
        raw = text if isinstance(text, bytes) else text.encode()
        (root.parent / name).write_bytes(raw)
        return panel("import", f"../{name}", *words, cwd=root)

    return run


def files(root: Path) -> dict[str, str]:
    found = (root / "tools").iterdir()
    return {file.name: file.read_text("utf-8") for file in found if file.name != ".gitkeep"}


def test_a_spreadsheet_as_excel_writes_it_gets_in_without_a_manual(
    root: Path, take: Any, panel: Panel
) -> None:
    """Semicolons, Windows-1252, German headings and dates: shown first, then written."""
    done = take(GERMAN.encode("cp1252"))
    assert (done.code, done.out) == (
        0,
        "new        tools/amboss.md\nnew        tools/blasebalg.md\n",
    )
    assert "  Produkt        → name           Amboß\n" in done.err
    assert "  Preis          → pricing.entry  19,90 €\n" in done.err
    assert "read as Windows-1252" in done.err and "2 new, 0 changed" in done.err
    assert files(root)["amboss.md"] == (
        "---\nname: Amboß\ntagline: Formt beim Speichern\ncategory: Entwickler\npricing:\n"
        '  entry: 19,90 €\nreleased: 2026-11-24\n---\nEr "formt".\n\nAuch nachts.\n'
    )
    assert panel("check", cwd=root).code == 0
    anvil, bellows = load_workspace(root).tools
    assert (anvil.released, bellows.released) == (date(2026, 11, 24), date(2026, 4, 3))


def test_a_dry_run_shows_what_would_be_written_and_writes_nothing(root: Path, take: Any) -> None:
    done = take(GERMAN, "--dry-run")
    assert done.code == 0 and done.out.startswith("new        tools/amboss.md\n")
    assert "tools/amboss.md would be:\n\n---\nname: Amboß\n" in done.err
    assert "Nothing was written" in done.err and files(root) == {}


def test_a_workbook_gives_its_dates_and_the_sheet_that_is_named(root: Path, panel: Panel) -> None:
    rows: list[list[Any]] = [HEAD, *([*row, date(2026, 3, 4)] for row in ROWS)]
    rows[1][3] = 19.9
    write_workbook(root / "my tools.xlsx", rows)
    done = panel("import", "my tools.xlsx", "--sheet", "Sheet1", cwd=root)
    assert done.code == 0 and "'Preis': a price is a number without a currency" in done.err
    assert [tool.released for tool in load_catalog(root / "tools")] == [date(2026, 3, 4)] * 2
    refused = panel("import", "my tools.xlsx", "--sheet", "Sheet2", cwd=root)
    assert (refused.code, refused.out) == (2, "") and "no sheet 'Sheet2'" in refused.err


def test_json_gets_in_nested_or_dotted(root: Path, take: Any) -> None:
    tool = {"Name": "Anvil", "tagline": "t", "category": "c", "description": "d", "tags": ["a"]}
    plans = {"entry": "Free", "plans": [{"name": "Pro", "price": "$9"}]}
    rows = [{**tool, "pricing": plans}, {**tool, "Name": "B", "pricing.entry": "$1"}]
    assert take(json.dumps({"tools": rows}), name="t.json").code == 0
    anvil, other = load_catalog(root / "tools")
    assert anvil.pricing.plans[0].price == "$9" and other.pricing.entry == "$1"


def test_what_no_column_gives_is_asked_for_once_with_the_option(root: Path, take: Any) -> None:
    text = table([["Anvil", "c", "Free", "d", "https://a.example"]] * 1, [*"ABCDE"])
    refused = take(text, "--map", "name=a", "--map", "links.My docs=E")
    assert refused.code == 2 and files(root) == {} and refused.out == ""
    assert refused.err.count("no other column looks like it; there are 'A', 'B', 'C'") == 4
    assert "--map tagline=COLUMN" in refused.err and "4 problem(s)" in refused.err
    words = ("name=A", "category=B", "pricing.entry=C", "description=D", "tagline=D")
    done = take(text, *(word for each in words for word in ("--map", each)))
    assert done.code == 0
    assert "left out: E (https://a.example); --map links.E=E takes it in" in done.err


@pytest.mark.parametrize(
    ("heading", "word"),
    [
        ("Notes'; touch PWNED; echo '", "Notes'; touch PWNED; echo '"),
        ("$(touch `a`)", "$(touch `a`)"),
        ("two\nlines", "two lines"),
        ("No\x1b[2Jtes", "No [2Jtes"),
    ],
)
def test_a_heading_is_one_word_of_the_command_that_is_suggested(
    take: Any, heading: str, word: str
) -> None:
    """Pasted into a shell it runs nothing, whatever the heading holds."""
    told = take(f'name,tagline,category,pricing.entry,"{heading}"\nA,B,C,Free,x\n', "--dry-run").err
    [line] = [each for each in told.splitlines() if "left out" in each]
    words = shlex.split(line.partition("; --map ")[2].removesuffix(" takes it in"))
    assert words == [f"facts.{word}={word}"] and word.isprintable()


def test_of_two_headings_the_one_suggested_is_one_word_of_the_command(take: Any) -> None:
    told = take("Name $(touch a);name $(touch a);tagline\nA;B;C\n").err
    assert "--map 'name=Name $(touch a)', or" in told


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("nme=Produkt", "there is no field 'nme'. Did you mean 'name'?"),
        ("name=Produkte", "there is no column 'Produkte'. Did you mean 'Produkt'?"),
        ("Produkt=name", "--map takes the field first: --map name=Produkt"),
        ("name", "is not FIELD=COLUMN"),
    ],
)
def test_a_mapping_that_does_not_fit_is_one_line(take: Any, word: str, told: str) -> None:
    refused = take(GERMAN, "--map", word)
    assert refused.code == 2 and told in refused.err and refused.err.count("\n") == 1


def test_a_column_that_is_wrong_is_one_problem_and_nothing_is_written(
    root: Path, take: Any
) -> None:
    rows = [[*ROWS[0], "soon"], [*ROWS[1][:-1], "", "later"], ["C", *ROWS[1][1:], "2026-01-31"]]
    refused = take(table(rows))
    assert refused.code == 2 and files(root) == {}
    assert (
        "tools.csv:2: released (column 'Veröffentlicht'): must be a date, not 'soon' (in 2 of 3 "
        "rows; also on line 5). Write it as 2026-01-31.\n"
    ) in refused.err
    assert "tools.csv:5: description (column 'Beschreibung'): is missing" in refused.err
    assert "2 problem(s). Nothing was written." in refused.err


def test_dates_that_may_be_read_two_ways_are_asked_for_once(root: Path, take: Any) -> None:
    rows = [[*ROWS[0], "3/4/2026"], [*ROWS[1], "5/6/2026"]]
    refused = take(table(rows))
    assert refused.code == 2 and refused.err.count("could be read day first or month first") == 1
    assert take(table(rows), "--dates", "month-first").code == 0
    assert load_catalog(root / "tools")[0].released == date(2026, 3, 4)
    assert "is not one of day-first, month-first" in take(table(rows), "--dates", "x").err


def test_two_rows_of_one_file_name_are_named_together(root: Path, take: Any) -> None:
    refused = take(table([[*ROWS[0], ""], ["AMBOSS!", *ROWS[1][1:], ""]]))
    assert refused.code == 2 and files(root) == {}
    assert "tools.csv:5: name (column 'Produkt'): 'AMBOSS!' and 'Amboß' of line 2" in refused.err


def test_a_name_is_never_a_path(root: Path, take: Any) -> None:
    names = ["../../x", "CON", "/etc/passwd", "a\\b", "..", "\x1b[31mred", "=1+1", "-rf", "🚀"]
    rows = [[name, *ROWS[0][1:], ""] for name in names]
    assert take(table(rows)).code == 0
    assert len(files(root)) == len(names) and sorted(
        each.name for each in root.parent.iterdir()
    ) == [
        "space",
        "tools.csv",
    ]
    assert {tool.name for tool in load_workspace(root).tools} == {*names}
    refused = take(table([["../x", *ROWS[0]]], ["slug", *HEAD[:-1]]))
    assert "'../x' is not a safe file name. Use 'x'." in refused.err


@pytest.mark.parametrize("broken", ["\0", "\ud800"])
def test_text_that_no_file_can_hold_is_one_problem(root: Path, take: Any, broken: str) -> None:
    row = dict(zip(ENGLISH, ["A", "t", "c", "Free", f"d{broken}"], strict=True))
    refused = take(json.dumps([row, {**row, "name": "B"}]), name="t.json")
    assert refused.code == 2 and refused.err.count("U+") == 1 and files(root) == {}


# --- tools that are there already ----------------------------------------------------------------

MINE = """---\r
# of the spring issue\r
tagline: Old   # too long?\r
name: Anvil\r
category: Data\r
links: {Docs: https://a.example}\r
pricing:\r
  entry: Free # asked by mail\r
  verified: 2026-01-31\r
released: 2026-01-01\r
---\r
\r
As it was.\r
"""


def write_mine(root: Path) -> Path:
    file = root / "tools" / "anvil.md"
    file.write_bytes(MINE.encode())
    return file


def test_what_is_there_is_left_alone_unless_it_is_to_be_updated(root: Path, take: Any) -> None:
    """The same is unchanged; other content is refused, with the fields that differ."""
    file = write_mine(root)
    same = take("name;pricing.entry;released;url\nANVIL;Free;1.1.2026;\n", "--map", "name=")
    assert same.code == 2 and "name: no other column looks like it" in same.err
    same = take("name;pricing.entry;released;url\nAnvil;Free;1.1.2026;\n")
    assert (same.code, same.out) == (0, "unchanged  tools/anvil.md\n")
    refused = take("name;tagline;pricing.entry\nAnvil;New;$5\n")
    assert refused.code == 2 and file.read_bytes() == MINE.encode()
    assert (
        "a tool is there already with other content: anvil (tagline, pricing.entry)" in refused.err
    )
    assert "--update changes these fields" in refused.err


def test_an_update_changes_the_fields_of_the_table_and_no_other_line(root: Path, take: Any) -> None:
    file = write_mine(root)
    text = "name;tagline;pricing.entry;description;category;links.Docs\nAnvil;yes;$5;It is.;;https://b\n"
    done = take(text, "--update")
    assert done.code == 0
    assert done.out == (
        "changed    tools/anvil.md: tagline, description, pricing.entry, links.Docs\n"
    )
    wanted = MINE.replace("Old ", '"yes" ').replace("Free ", "$5 ").replace("As it was.", "It is.")
    assert file.read_bytes().decode() == wanted.replace(
        "{Docs: https://a.example}", '{Docs: "https://b"}'
    )
    assert take(text).out == "unchanged  tools/anvil.md\n"


def test_an_update_may_bring_new_tools_only_with_all_their_fields(root: Path, take: Any) -> None:
    write_mine(root)
    refused = take("name;tagline\nAnvil;New\nOther;t\n", "--update")
    assert refused.code == 2 and "category: no other column looks like it" in refused.err
    assert (root / "tools" / "anvil.md").read_bytes() == MINE.encode()


def test_a_tool_in_a_table_of_the_workspace_is_changed_there(root: Path, take: Any) -> None:
    rows = [["Anvil", "t", "c", "Free", "d"]]
    (root / "tools" / "all.csv").write_text(table(rows, ENGLISH, ","))
    assert take("name;tagline\nAnvil;t\n").out == "unchanged  tools/all.csv\n"
    refused = take("name;tagline\nAnvil;New\n", "--update")
    assert refused.code == 2 and "anvil is a row of" in refused.err


def test_a_file_that_cannot_be_read_is_never_written_over(root: Path, take: Any) -> None:
    (root / "tools" / "amboss.md").write_text("mine")
    refused = take(GERMAN)
    assert refused.code == 2 and "amboss.md is there, and is no tool of this name" in refused.err
    assert files(root) == {"amboss.md": "mine"}


# --- all or nothing ------------------------------------------------------------------------------


def test_a_full_disk_changes_nothing(root: Path, take: Any) -> None:
    write_mine(root)
    rows = [["Anvil", "New", "c", "Free", "d"], ["B", "t", "c", "Free", "x" * 90_000]]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    (root.parent / "t.csv").write_text(table(rows, ENGLISH))
    plan = plan_import(root, root.parent / "t.csv", ImportOptions(update=True))
    texts = {each.file: (each.before, each.content or b"") for each in plan.files}
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(Exception, match="cannot be written: File too large"):
            write_tools(root, texts)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(root).keys() == {"anvil.md"}
    assert (root / "tools" / "anvil.md").read_bytes() == MINE.encode()
    (root / "tools" / ".b.md.new").write_text("half of what a killed import wr")
    edit(root / "tools" / "anvil.md", "Old", "Mine")
    with pytest.raises(Exception, match=r"has changed meanwhile. Nothing was written"):
        write_tools(root, texts)
    assert files(root).keys() == {"anvil.md"}, "what a killed import left is gone"


def test_a_tools_folder_that_leads_out_is_not_written_to(root: Path, take: Any) -> None:
    (root / "tools" / ".gitkeep").unlink()
    (root / "tools").rmdir()
    (root.parent / "elsewhere").mkdir()
    (root / "tools").symlink_to("../elsewhere")
    refused = take(GERMAN)
    assert refused.code == 2 and "leads out of its folder" in refused.err
    assert list((root.parent / "elsewhere").iterdir()) == []


def test_one_document_says_all_of_it(root: Path, take: Any) -> None:
    told = json.loads(take(GERMAN, "--json").out)
    assert told["written"] is True and told["problems"] == []
    assert told["columns"][0] == {"column": "Produkt", "field": "name", "first": "Amboß"}
    assert told["tools"][0] == {
        "slug": "amboss",
        "file": "tools/amboss.md",
        "status": "new",
        "fields": None,
    }
    refused = take(GERMAN.replace("gratis", "teuer"), "--json")
    told = json.loads(refused.out)
    assert refused.code == 2 and told["written"] is False
    assert told["problems"][0]["message"].startswith("a tool is there already")


LINES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda text: text.strip("\0 \t\r\n") and "\0" not in text
)


@settings(
    max_examples=size(30, 1500),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.tuples(LINES, LINES, LINES), min_size=1, max_size=3, unique_by=lambda row: row[0])
)
def test_any_text_comes_back_from_the_files_as_it_stood_in_the_table(
    root: Path, rows: list[tuple[str, str, str]]
) -> None:
    """Signs of YAML, ends of lines, a fence, emoji; what no file can hold is a problem."""
    records = [
        {
            "name": name,
            "tagline": line,
            "category": line,
            "pricing": {"entry": name},
            "description": text,
        }
        for name, line, text in rows
    ]
    (root / "t.json").write_text(json.dumps(records))
    (root / "wanted").mkdir(exist_ok=True)
    (root / "wanted" / "t.json").write_text(json.dumps(records))
    for file in (root / "tools").glob("*.md"):
        file.unlink()
    plan = plan_import(root, root / "t.json", ImportOptions(ReadAs()))
    if plan.problems:
        told = " ".join(map(str, plan.problems))
        assert any(
            word in told
            for word in ("is missing", "is empty", "share the file name", "no Markdown")
        )
        return
    write_tools(root, {each.file: (each.before, each.content or b"") for each in plan.files})
    assert load_catalog(root / "tools") == load_catalog(root / "wanted")
    again = plan_import(root, root / "t.json", ImportOptions(ReadAs()))
    assert [each.status for each in again.files] == ["unchanged"] * len(rows)


# --- panel new, and a workspace without tools ----------------------------------------------------


def test_a_new_tool_is_a_file_whose_missing_fields_check_names(root: Path, panel: Panel) -> None:
    made = panel("new", "Anvil 2.0: the return", "--category", "Data", cwd=root)
    file = root / "tools" / "anvil-2-0-the-return.md"
    assert (made.code, made.out) == (0, "tools/anvil-2-0-the-return.md\n")
    text = file.read_text()
    assert 'name: "Anvil 2.0: the return"\n' in text and "category: Data\n" in text
    problems = json.loads(panel("check", "--json", cwd=root).out)["problems"]
    assert {each["field"] for each in problems} == {"tagline", "pricing", "description"}
    file.write_text(
        text.replace("\n# ", "\n")
        .replace("\nNeeded", "\n# Needed")
        .replace("\nIf you", "\n# If you")
        + "It is.\n"
    )
    assert panel("check", cwd=root).code == 0, "the examples are what is wanted"
    (tool,) = load_catalog(root / "tools")
    assert tool.tags == ("editor", "offline") and tool.pricing.entry == "$20 a month"


def test_a_new_tool_never_takes_the_place_of_another(root: Path, panel: Panel) -> None:
    write_mine(root)
    refused = panel("new", "ANVIL", cwd=root)
    assert refused.code == 2 and "has a tool 'anvil' already" in refused.err
    assert (root / "tools" / "anvil.md").read_bytes() == MINE.encode()
    assert panel("new", "  ", cwd=root).code == 2
    words = ("--tagline", "yes", "--price", "1.0", "--url", "https://b.example")
    made = panel("new", "../../B", *words, "--category", "#1", cwd=root)
    assert made.out == "tools/b.md\n"
    (root / "tools" / "b.md").write_text((root / "tools" / "b.md").read_text() + "It is.\n")
    tool = load_catalog(root / "tools")[1]
    assert (tool.tagline, tool.pricing.entry, tool.category) == ("yes", "1.0", "#1")


@pytest.mark.parametrize(
    "command", ["plan", "run", "show", "desk", "publish out", "lint", "compare a b"]
)
def test_a_workspace_without_tools_says_in_one_line_what_to_do(
    root: Path, panel: Panel, command: str
) -> None:
    told = panel(*command.split(), cwd=root)
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert "'panel new NAME'" in told.err and "'panel import FILE'" in told.err


def test_a_workspace_without_tools_is_in_order(root: Path, panel: Panel) -> None:
    told = panel("check", cwd=root)
    assert told.code == 0 and told.out.startswith("0 tools, 4 personas") and "panel new" in told.err
    assert not (root / "experiments").exists() and files(root) == {}
    with pytest.raises(WorkspaceError):
        load_catalog(root / "none")


def test_facts_that_many_tables_have_are_found_by_their_headings(root: Path, take: Any) -> None:
    """Licence, hosting and limits become facts without a word of --map."""
    head = [*ENGLISH, "Lizenz", "Hosting", "Usage limits"]
    done = take(table([["Anvil", "t", "c", "Free", "It is.", "MIT", "SaaS", "5 a day"]], head))
    assert done.code == 0
    (tool,) = load_catalog(root / "tools")
    facts = {label: fact.value for label, fact in tool.facts.items()}
    assert facts == {"Licence": "MIT", "Hosting": "SaaS", "Limits": "5 a day"}
