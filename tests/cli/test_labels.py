"""``panel labels``: draw, fill in, import, report; against a panel whose verdicts are known."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from panel.store.ingest import rebuild
from tests.support.faces import voting
from tests.support.journals import plain_lines, sealed_anew
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import rows, run
from tests.support.space import Panel, Space
from tests.support.templates import Make

TOOLS = 30
Word = Callable[[str, str, str], str]  # tool, persona, what the panel says → what a person says


def thirty_tools(space: Space, mock: MockEndpoint) -> None:
    """Ask a panel of one mind, which ships nearly three tools of four."""
    for slug in space.tools:
        (space.root / "tools" / f"{slug}.md").unlink()
    space.tools.clear()
    names = [f"tool-{number:02}" for number in range(TOOLS)]
    for name in names:
        space.tool(name)

    def word(_system: str, user: str) -> str:
        number = next(place for place, name in enumerate(names) if f"{name} reads" in user)
        return "skip" if number % 4 == 0 else "ship"

    mock.face = voting(word)
    run(space)


thirty: Make = thirty_tools


@pytest.fixture
def thirty_asked(copied: Callable[[Make], Space]) -> Space:
    return copied(thirty)


def drawn(panel: Panel, space: Space, many: int, *words: str) -> list[dict[str, str]]:
    file = space.root / "sheet.csv"
    done = panel("labels", "draw", str(many), "--out", file, *words, cwd=space.root)
    assert done.code == 0 and done.out == "", done.err
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"))))


def number_of(row: dict[str, str]) -> int:
    return int(row["tool"].split()[-1])


def panel_says(row: dict[str, str]) -> str:
    return "skip" if number_of(row) % 4 == 0 else "ship"


def written(rows: list[dict[str, str]], delimiter: str = ",", end: str = "\r\n") -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def imported(panel: Panel, space: Space, text: str | bytes, who: str = "Ada") -> Any:
    file = space.root / "filled.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return panel("labels", "import", file, "--labeller", who, "--json", cwd=space.root)


def report(panel: Panel, space: Space, *words: str) -> dict[str, Any]:
    done = panel("labels", "report", "--json", *words, cwd=space.root)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


# --- draw -------------------------------------------------------------------------------


def test_a_draw_takes_of_each_verdict_and_persona_its_share(
    thirty_asked: Space, panel: Panel
) -> None:
    sheet = drawn(panel, thirty_asked, 60)
    assert len(sheet) == 60 and len({row["item"] for row in sheet}) == 60
    said = Counter((row["persona"], panel_says(row)) for row in sheet)
    verdicts = Counter(panel_says(row) for row in sheet)
    assert abs(verdicts["skip"] - 60 * 8 / 30) <= 1
    assert len(said) == 8
    for (_who, verdict), many in said.items():
        assert abs(many - {"skip": 4, "ship": 11}[verdict]) <= 1
    assert {row["probability"] for row in sheet} == {"0.5"}


def test_the_sheet_shows_description_and_bars_and_nothing_of_the_verdict(
    thirty_asked: Space, panel: Panel
) -> None:
    sheet = drawn(panel, thirty_asked, 40)
    row = next(row for row in sheet if row["persona"] == "Builder")
    assert row["ship_bar"].startswith("Ship when the description shows all three.")
    assert f"tool-{number_of(row):02} reads JSON lines" in row["description"]
    assert row["label"] == row["note"] == "" and row["entry_price"] == "Free"
    assert "verdict" not in row and not {"take", "confidence", "evidence"} & set(row)
    assert [panel_says(each) for each in sheet] != sorted(panel_says(each) for each in sheet)


def test_the_same_seed_draws_the_same_questions_and_another_others(
    thirty_asked: Space, panel: Panel
) -> None:
    def pairs(*words: str) -> list[tuple[str, str]]:
        sheet = drawn(panel, thirty_asked, 20, *words)
        return [(row["tool"], row["persona"]) for row in sheet]

    assert pairs() == pairs("--seed", "0") != pairs("--seed", "1")


def test_json_has_the_strata_and_where_no_file_is_named_the_rows(
    thirty_asked: Space, panel: Panel
) -> None:
    done = panel("labels", "draw", "30", "--json", cwd=thirty_asked.root)
    told = json.loads(done.out)
    assert told["population"] == 120 and told["probability"] == 0.25 and len(told["rows"]) == 30
    assert sum(each["questions"] for each in told["strata"]) == 120
    assert sum(each["drawn"] for each in told["strata"]) == 30


def test_more_than_there_is_draws_all(thirty_asked: Space, panel: Panel) -> None:
    done = panel("labels", "draw", "500", "--json", cwd=thirty_asked.root)
    assert json.loads(done.out)["drawn"] == 120 and "these are all" in done.err


def test_without_verdicts_there_is_nothing_to_draw(space: Space, panel: Panel) -> None:
    done = panel("labels", "draw", "5", cwd=space.root)
    assert done.code == 2 and "panel run" in done.err
    assert done.err.count("\n") == 1


def test_a_draw_is_no_run_and_changes_no_number(thirty_asked: Space, panel: Panel) -> None:
    before = rows(thirty_asked, "FROM ship_percentages ORDER BY ALL")
    runs = rows(thirty_asked, "SELECT count(*) FROM runs")
    sheet = drawn(panel, thirty_asked, 20)
    for row in sheet:
        row["label"] = "ship"
    imported(panel, thirty_asked, written(sheet))
    assert rows(thirty_asked, "FROM ship_percentages ORDER BY ALL") == before
    assert rows(thirty_asked, "SELECT count(*) FROM runs") == runs


# --- import -----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_sheet_is_taken_in_once_and_a_changed_label_is_what_counts(
    thirty_asked: Space, panel: Panel
) -> None:
    sheet = drawn(panel, thirty_asked, 10)
    for row in sheet[:6]:
        row["label"] = "ship"
    done = json.loads(imported(panel, thirty_asked, written(sheet)).out)
    assert (done["new"], done["same"], done["blank"]) == (6, 0, 4)
    again = json.loads(imported(panel, thirty_asked, written(sheet)).out)
    assert (again["new"], again["same"], again["run_id"]) == (0, 6, None)
    for word in ("skip", "ship"):
        sheet[0] |= {"label": word, "note": "On second thought."}
        changed = json.loads(imported(panel, thirty_asked, written(sheet)).out)
        assert (changed["new"], changed["same"]) == (1, 5)
        [(label, note)] = rows(
            thirty_asked, f"SELECT label, note FROM labels WHERE item = '{sheet[0]['item']}'"
        )
        assert (label, note) == (word, "On second thought.")
    assert len(rows(thirty_asked, "FROM labels")) == 6
    before = rows(thirty_asked, "FROM labels ORDER BY item")
    rebuild(thirty_asked.root / "runs")
    assert rows(thirty_asked, "FROM labels ORDER BY item") == before


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.sample(3)
def test_a_sheet_is_read_as_spreadsheets_leave_it(
    thirty_asked: Space, panel: Panel, delimiter: str, end: str, mark: str
) -> None:
    sheet = drawn(panel, thirty_asked, 4)
    for row, word in zip(sheet, ("Ship", " skip ", "SKIP", ""), strict=True):
        row |= {"label": word, "note": 'a "quoted", odd; note\nin two lines'}
    blank = dict.fromkeys(sheet[0], "")
    text = mark + written([*reversed(sheet), blank], delimiter, end)
    done = json.loads(imported(panel, thirty_asked, text).out)
    assert (done["new"], done["blank"]) == (3, 1)
    found = dict(rows(thirty_asked, "SELECT item, label FROM labels"))
    assert [found[row["item"]] for row in sheet[:3]] == ["ship", "skip", "skip"]


def test_columns_that_were_removed_or_moved_are_no_matter(
    thirty_asked: Space, panel: Panel
) -> None:
    sheet = drawn(panel, thirty_asked, 3)
    kept = [{"label": "ship", "item": row["item"]} for row in sheet]
    assert json.loads(imported(panel, thirty_asked, written(kept)).out)["new"] == 3


def test_odd_rows_are_named_by_line_and_nothing_is_taken_in(
    thirty_asked: Space, panel: Panel
) -> None:
    sheet = [{"item": row["item"], "label": "ship"} for row in drawn(panel, thirty_asked, 4)]
    sheet[1]["label"] = "shipp"
    sheet[2]["item"] = "nobody's"
    sheet[3]["item"] = sheet[0]["item"]
    done = imported(panel, thirty_asked, written(sheet))
    assert done.code == 2
    told = done.err.splitlines()
    assert len(told) == 3
    assert "filled.csv:3: label: 'shipp' is no label" in told[0]
    assert 'filled.csv:4: item: "nobody\'s" is no item of a draw' in told[1]
    assert "filled.csv:5: item:" in told[2] and "stands in line 2 already" in told[2]
    assert rows(thirty_asked, "FROM labels") == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "is empty"),
        (b"tool,label\nx,ship\n", "has no one column 'item'"),
        (b"item,label\n", "holds no row"),
        (b"item,label\nx,ship,more\n", "has 3 cells where the first line has 2"),
        (b'item,label\n"x,ship\n', "is not CSV"),
        ("item,label,note\nx,ship,é\n".encode("cp1252"), "is not UTF-8"),
        ("item,label\nx,ship\n".encode("utf-16"), "is not UTF-8"),
    ],
)
def test_what_is_no_sheet_is_refused_in_one_line(
    thirty_asked: Space, panel: Panel, text: bytes, told: str
) -> None:
    done = imported(panel, thirty_asked, text)
    assert done.code == 2 and told in done.err and done.err.count("\n") == 1


def test_a_label_needs_somebody_who_said_it(thirty_asked: Space, panel: Panel) -> None:
    sheet = drawn(panel, thirty_asked, 2)
    done = imported(panel, thirty_asked, written(sheet), who=" \n ")
    assert done.code == 2 and "--labeller NAME" in done.err


# --- report -----------------------------------------------------------------------------


def labelled(panel: Panel, space: Space, many: int, word: Word, who: str = "Ada") -> None:
    sheet = drawn(panel, space, many)
    for row in sheet:
        row["label"] = word(row["tool"], row["persona"], panel_says(row))
    assert imported(panel, space, written(sheet), who).code == 0


def test_the_report_counts_what_panel_and_people_said_and_corrects_the_rate(
    thirty_asked: Space, panel: Panel
) -> None:
    """People skip every tool whose number ends on 1, 5 or 9, all of which the panel ships."""

    def word(tool: str, _persona: str, said: str) -> str:
        return "skip" if tool[-1] in "159" else said

    labelled(panel, thirty_asked, 120, word)  # all of them: nothing is left to chance
    found = report(panel, thirty_asked)
    table = found["panel"]
    assert table["panel_ship_people_ship"] + table["panel_ship_people_skip"] == 22 * 4
    assert table["panel_ship_people_skip"] == 9 * 4
    assert (table["panel_skip_people_ship"], table["panel_skip_people_skip"]) == (0, 8 * 4)
    assert table["sensitivity"]["percent"] == 100
    assert table["specificity"]["percent"] == pytest.approx(100 * 32 / 68)
    assert table["agreement"]["k"] == 84 and 0 < table["kappa"] < 1
    assert (
        set(found["personas"]) == {"builder", "skeptic", "futurist", "business-analyst"}
        or len(found["personas"]) == 4
    )
    rate = found["ship_rate"]
    assert rate["panel"]["percent"] == pytest.approx(100 * 22 / 30)
    powered, gladen = rate["prediction_powered"], rate["rogan_gladen"]
    assert powered["percent"] == pytest.approx(100 * 13 / 30)
    assert powered["interval"] == pytest.approx([100 * 13 / 30] * 2)
    assert gladen["percent"] == pytest.approx(100 * 13 / 30)
    assert gladen["interval"][0] < gladen["percent"] < gladen["interval"][1]
    assert powered["assumes"] and gladen["assumes"]


def test_of_a_sample_the_interval_holds_what_all_labels_would_give(
    thirty_asked: Space, panel: Panel
) -> None:
    labelled(panel, thirty_asked, 60, lambda tool, _who, said: "skip" if tool[-1] == "5" else said)
    powered = report(panel, thirty_asked)["ship_rate"]["prediction_powered"]
    low, high = powered["interval"]
    assert low < 100 * 19 / 30 < high and high - low < 30


def test_below_fifty_labels_the_counts_stand_and_no_rate_is_corrected(
    thirty_asked: Space, panel: Panel
) -> None:
    labelled(panel, thirty_asked, 49, lambda _tool, _who, said: said)
    found = report(panel, thirty_asked)
    assert found["panel"]["agreement"]["n"] == 49
    for name in ("prediction_powered", "rogan_gladen"):
        refused = found["ship_rate"][name]
        assert refused["percent"] is None and refused["interval"] is None
        assert refused["not_estimable"] == "49 labelled questions are fewer than 50"
    told = panel("labels", "report", cwd=thirty_asked.root)
    assert told.out.count("not estimable: 49 labelled questions are fewer than 50") == 2


def test_where_people_ship_all_that_is_asked_specificity_is_not_made_up(
    thirty_asked: Space, panel: Panel
) -> None:
    labelled(panel, thirty_asked, 60, lambda _tool, _who, _said: "ship")
    found = report(panel, thirty_asked)
    assert found["panel"]["specificity"]["percent"] is None
    assert found["ship_rate"]["rogan_gladen"]["not_estimable"] == (
        "people skip 0 of the questions, fewer than 10"
    )
    assert found["ship_rate"]["prediction_powered"]["percent"] == pytest.approx(100)


def test_a_panel_no_better_than_a_coin_is_not_corrected_by_rogan_and_gladen(
    thirty_asked: Space, panel: Panel
) -> None:
    other = {"ship": "skip", "skip": "ship"}
    labelled(panel, thirty_asked, 60, lambda _tool, _who, said: other[said])
    refused = report(panel, thirty_asked)["ship_rate"]["rogan_gladen"]["not_estimable"]
    assert "not better than chance" in refused


def test_two_labellers_are_compared_and_where_they_are_tied_nothing_is_counted(
    thirty_asked: Space, panel: Panel
) -> None:
    sheet = drawn(panel, thirty_asked, 20)
    for row in sheet:
        row["label"] = panel_says(row)
    imported(panel, thirty_asked, written(sheet))
    for row in sheet[:5]:
        row["label"] = "ship" if row["label"] == "skip" else "skip"
    imported(panel, thirty_asked, written(sheet[:10]), who="Bob")
    found = report(panel, thirty_asked)
    assert found["labellers"] == {"Ada": 20, "Bob": 10}
    assert found["between_labellers"]["questions"] == 10
    assert found["between_labellers"]["agreement_percent"] == 50
    assert found["tied"] == 5 and found["panel"]["agreement"]["n"] == 15
    assert (
        "Agreement between labellers on 10 questions: 50 %"
        in panel("labels", "report", cwd=thirty_asked.root).out
    )


def test_labels_of_a_question_that_was_reworded_since_are_told_of(
    thirty_asked: Space, panel: Panel
) -> None:
    labelled(panel, thirty_asked, 120, lambda _tool, _who, said: said)
    thirty_asked.tool("tool-07", description="tool-07 reads CSV and writes Parquet.")
    run(thirty_asked)
    assert report(panel, thirty_asked)["reworded"] == 4


@pytest.mark.slow
def test_the_latest_draw_with_labels_is_reported_unless_another_is_named(
    thirty_asked: Space, panel: Panel
) -> None:
    labelled(panel, thirty_asked, 10, lambda _tool, _who, said: said)
    first = report(panel, thirty_asked)["draw"]
    labelled(panel, thirty_asked, 12, lambda _tool, _who, said: said)
    drawn(panel, thirty_asked, 14)
    assert report(panel, thirty_asked)["drawn"] == 12
    assert report(panel, thirty_asked, "--draw", first)["drawn"] == 10
    done = panel("labels", "report", "--draw", "none", cwd=thirty_asked.root)
    assert done.code == 2 and first in done.err


def test_without_labels_the_report_says_how_to_get_some(thirty_asked: Space, panel: Panel) -> None:
    done = panel("labels", "report", cwd=thirty_asked.root)
    assert done.code == 2 and "panel labels draw" in done.err and done.err.count("\n") == 1


def test_a_file_is_named_as_it_was_given(thirty_asked: Space, panel: Panel) -> None:
    done = panel("labels", "import", Path("missing.csv"), "--labeller", "A", cwd=thirty_asked.root)
    assert done.code == 2 and "missing.csv" in done.err


# --- what stands in journals ------------------------------------------------------------


@pytest.mark.slow
def test_a_renamed_tool_keeps_its_labels(thirty_asked: Space, panel: Panel) -> None:
    labelled(panel, thirty_asked, 120, lambda _tool, _who, said: said)
    tools = thirty_asked.root / "tools"
    (tools / "tool-07.md").rename(tools / "anvil.md")
    run(thirty_asked)
    assert rows(thirty_asked, "SELECT count(*) FROM labels WHERE tool = 'tool-07'") == [(0,)]
    assert rows(thirty_asked, "SELECT count(*) FROM labels WHERE tool = 'anvil'") == [(4,)]
    assert report(panel, thirty_asked)["reworded"] == 0
    before = rows(thirty_asked, "FROM labels ORDER BY item")
    rebuild(thirty_asked.root / "runs")
    assert rows(thirty_asked, "FROM labels ORDER BY item") == before


ODD: list[tuple[str, list[tuple[str, Any]]]] = [
    ("draw", [("probability", 0), ("probability", 1.5), ("verdict", "tied")]),
    ("draw", [("tool", None), ("population", 0), ("drawn_at", "yesterday")]),
    ("label", [("label", "perhaps"), ("labeller", ""), ("item", None)]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "odd"), ODD)
def test_a_line_that_is_no_draw_or_label_is_named_and_left_out(
    thirty_asked: Space, panel: Panel, kind: str, odd: list[tuple[str, Any]]
) -> None:
    labelled(panel, thirty_asked, 20, lambda _tool, _who, said: said)
    journal = next(file for file in thirty_asked.journals if plain_lines(file)[0]["kind"] == kind)
    lines = plain_lines(journal)
    for place, (name, value) in enumerate(odd, 3):
        lines[place][name] = value
    sealed_anew(journal, lines)
    done = panel("rebuild", cwd=thirty_asked.root)
    assert done.code == 0
    for number, _one in enumerate(odd, 4):
        assert f"{journal}:{number}: has fields that fit no table" in done.err
    assert report(panel, thirty_asked)["panel"]["agreement"]["n"] == 17
