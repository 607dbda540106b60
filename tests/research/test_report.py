"""``panel report``: one page without a script, its figures, their SQL, and the exports."""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from panel.research.charts import file_svg, page_svg, png, whiskers
from panel.research.frame import Source, load_frame
from panel.research.page import render_report
from panel.research.paired import compare
from panel.research.report import Report, report_on
from panel.store.ingest import opened
from panel.workspace.loading import load_workspace
from tests.support.browser import NewPage, serving, shoot, violations
from tests.support.mock_endpoint import Answer, MockEndpoint, completion, filled
from tests.support.reported import RUN, report_space
from tests.support.site_pages import Reading
from tests.support.space import GOLDEN, Panel, Space
from tests.support.templates import Templates

pytest.importorskip("vl_convert")

MADE = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
KEYS = ["outcomes", "ship-percent", "map", "agreement", "variance", "flips"]
KEYS += ["reliability", "latency", "tokens", "cost"]
EXPERIMENT = """
question = "Does a lower temperature ship more?"
repeats = 1
seed = 7
[arms.warm.sampling]
temperature = 0.9
[arms.cool.sampling]
temperature = 0.2
[arms.swapped]
sampling = { temperature = 0.2 }
form = { labels = "skip-first" }
[[compare]]
a = "warm"
b = "cool"
margin = 10
"""
HOSTILE = '<script>alert(1)</script>" onload="x'


@pytest.fixture(scope="module")
def reported(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Space:
    return templates.copy(report_space, tmp_path_factory.mktemp("reported") / "space")


def warmer_ships(_index: int, body: dict[str, Any]) -> Answer:
    """Vote by lot, the same for the same question, and ship more often the warmer it is."""
    user = body["messages"][-1]["content"]
    lot = zlib.crc32(repr([body["messages"], body["temperature"]]).encode()) % 10
    fields = filled(body["response_format"]["json_schema"]["schema"], user)
    fields["verdict"] = "ship" if lot < 10 * body["temperature"] else "skip"
    return Answer(body=completion(json.dumps(fields)))


def report_of(space: Space, source: str = f"run:{RUN}") -> Report:
    workspace = load_workspace(space.root)
    with opened(workspace.runs) as connection:
        return report_on(workspace, connection, Source.parse(source))


def page_of(report: Report) -> str:
    return render_report(report, MADE, "0.1.0")


@pytest.mark.slow
def test_the_page_of_a_known_run_equals_the_golden_file(reported: Space) -> None:
    report = report_of(reported)
    page = page_of(report).replace(report.parts[0].prompt[3:], "prompts")
    page = page.replace(report.parts[0].prompt[3:11], "prompts")
    page = re.sub(r"b2:[0-9a-f]{32}", "b2:sampling", page)
    golden = GOLDEN / "report.html"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.write_text(page, encoding="utf-8", newline="\n")
    assert page == golden.read_text(encoding="utf-8")


@pytest.mark.slow
def test_nine_figures_and_the_outcomes_are_below_the_size_that_was_asked(reported: Space) -> None:
    report = report_of(reported)
    assert [figure.key for figure in report.parts[0].figures] == KEYS
    assert len(page_of(report).encode()) < 200_000
    drawn = [page_svg(f.chart, f.title) for _key, f in report.figures if f.chart]
    assert len(drawn) == 9 and max(map(len, drawn)) < 20_000


@pytest.mark.slow
def test_every_figure_has_its_n_its_method_what_is_left_out_and_a_text_for_its_drawing(
    reported: Space,
) -> None:
    report = report_of(reported)
    reading = Reading(page_of(report))
    for _key, figure in report.figures:
        for text in (figure.title, figure.estimates, figure.n, figure.method, figure.left_out):
            assert " ".join(text.split()) in reading.text, figure.key
    drawings = [attributes for tag, attributes in reading.tags if tag == "svg"]
    assert len(drawings) == 9
    assert all(each["role"] == "img" and each["aria-label"] for each in drawings)
    assert "script" not in {tag for tag, _ in reading.tags}


@pytest.mark.slow
def test_the_page_says_model_prompts_temperature_output_mode_and_dates(reported: Space) -> None:
    report = report_of(reported)
    text = Reading(page_of(report)).text
    assert report.parts[0].prompt in text
    for said in ("mock/mock-1", "temperature 0.7", "seed moves on", "json_schema"):
        assert said in text
    assert "2026-11-24 06:30 to 2026-11-24 06:49" in text


def test_a_sampling_that_panel_toml_no_longer_has_is_known_by_its_hash_alone(
    reported: Space, tmp_path: Path
) -> None:
    file = reported.root / "panel.toml"
    before = file.read_text()
    file.write_text(before.replace("temperature = 0.7", "temperature = 0.2"))
    try:
        [origin] = report_of(reported).parts[0].origins
    finally:
        file.write_text(before)
    assert origin.sampling is None and "b2:" in origin.hashes


def test_abstentions_are_a_row_of_their_own_and_no_vote(reported: Space) -> None:
    outcomes, tools = report_of(reported).parts[0].figures[:2]
    many = {row[0]: row[2] for row in outcomes.rows}
    assert many["abstain"] > 0 and sum(many.values()) == 120
    assert sum(row[4] for row in tools.rows) == many["ship"] + many["skip"]
    assert sum(row[5] for row in tools.rows) == many["abstain"]


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("source", [f"run:{RUN}", "house"])
def test_the_sql_of_every_figure_runs_as_it_stands_and_gives_the_table(
    reported: Space, panel: Panel, source: str
) -> None:
    report = report_of(reported, source)
    for key, figure in report.figures:
        found = panel("sql", figure.sql, "--format", "json", cwd=reported.root)
        assert found.code == 0, (key, found.err)
        rows = json.loads(found.out)
        assert rows, key
        if figure.key == "ship-percent":
            said = [(r["tool"], r["ship_percent"], r["low"], r["high"], r["n"]) for r in rows]
            table = [(r[0], r[1], r[2].low, r[2].high, r[4]) for r in figure.rows]
        elif figure.key == "flips":
            said = sorted((r["persona"] or "all personas", r["flips"]) for r in rows)
            table = sorted((row[0], row[1]) for row in figure.rows)
        elif figure.key == "map":
            said = sorted((r["tool"], r["persona"], r["ship_percent"], r["n"]) for r in rows)
            table = sorted((row[0], row[1], row[2], row[5]) for row in figure.rows)
        elif figure.key in ("latency", "tokens", "cost"):
            said = [(r["persona"] or "all personas", *[*r.values()][1:]) for r in rows]
            table = [tuple(row) for row in figure.rows]
        else:
            continue
        assert len(said) == len(table), key
        for one, other in zip(said, table, strict=True):
            assert one[0] == other[0] and one[1:] == pytest.approx(other[1:]), key


def test_with_one_answer_to_a_cell_reliability_and_flips_are_not_shown(
    asked: Space,
) -> None:
    figures = {f.key: f for f in report_of(asked, "house").parts[0].figures}
    assert figures["reliability"].finding.startswith("Not shown: no cell has two votes")
    assert figures["flips"].finding.startswith("Not estimable: each cell was answered once")
    assert figures["cost"].finding.startswith("Not known: none of 8 requests has a price")
    assert all(figures[key].chart is None for key in ("reliability", "flips", "cost"))


def test_a_stated_confidence_is_no_better_than_the_base_rate_where_it_is_drawn_by_lot(
    reported: Space,
) -> None:
    finding = report_of(reported).parts[0].figures[6].finding
    assert finding.startswith("Not shown that the stated confidence foretells better")


def test_an_experiment_has_its_registered_comparisons_and_the_figures_of_each_arm(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = warmer_ships
    for number in range(4):
        mocked.tool(f"tool-{number}")
    file = mocked.root / "experiments" / "cool.toml"
    file.parent.mkdir()
    file.write_text(EXPERIMENT, encoding="utf-8")
    done = panel("experiment", "run", "cool", "--max-calls", "10", cwd=mocked.root)
    assert done.code == 4, done.err
    looked = report_of(mocked, "cool")
    assert [part.arm for part in looked.parts] == ["warm", "cool", "swapped"]
    assert "An interim look: 62 of 72 cells are not asked yet." in looked.experiment[0].finding
    assert (
        panel("stats", "cool", cwd=mocked.root).code == 0
    )  # cells without an answer count nothing
    assert panel("experiment", "run", "cool", cwd=mocked.root).code == 0
    report = report_of(mocked, "cool")
    arms, compared = report.experiment
    assert arms.finding == "The arms differ in labels, temperature."
    assert [part.factors for part in report.parts] == [
        "labels ship-first, temperature 0.9",
        "labels ship-first, temperature 0.2",
        "labels skip-first, temperature 0.2",
    ]
    row = dict(zip((name for name, _kind in compared.columns), compared.rows[0], strict=True))
    assert (row["Tools"], row["Margin, ± points"]) == (6, 10)
    with opened(mocked.root / "runs") as connection:
        sides = [load_frame(connection, Source.parse(f"cool/{arm}")) for arm in ("warm", "cool")]
    same = compare(*sides, margin=10).equivalence
    assert same and row["90 % interval"] == same.interval and same.interval
    assert row["p, unchanged"] == same.p
    assert compared.chart and "90 % interval" in compared.legend
    text = Reading(page_of(report)).text
    assert "labels skip-first, temperature 0.2" in text
    assert "cool − warm" in text and "Confirmatory." in text
    assert "temperature 0.2" in text and "temperature 0.9" in text
    for key, figure in report.figures:
        found = panel("sql", figure.sql, "--format", "json", cwd=mocked.root)
        assert found.code == 0, (key, found.err)
        assert bool(json.loads(found.out)) == (figure.key != "reliability"), key
    assert [part.arm for part in report_of(mocked, "cool/warm").parts] == ["warm"]


def test_the_plan_of_an_even_number_of_repeats_advises_an_odd_one(
    mocked: Space, panel: Panel
) -> None:
    (mocked.root / "experiments").mkdir()
    for repeats in (2, 3):
        text = EXPERIMENT.replace("repeats = 1", f"repeats = {repeats}")
        (mocked.root / "experiments" / "cool.toml").write_text(text, encoding="utf-8")
        done = panel("experiment", "plan", "cool", cwd=mocked.root)
        assert done.code == 0, done.err
        assert ("An odd number has no ties." in done.out) == (repeats == 2)


def test_foreign_words_in_a_drawing_are_text_and_nothing_else() -> None:
    rows = [{"label": HOSTILE, "value": 1.0, "low": 0.0, "high": 2.0}]
    spec = whiskers(rows, "ship, %", (0, 100))
    for svg in (page_svg(spec, HOSTILE), file_svg(spec, HOSTILE)):
        assert "<script" not in svg and "&lt;script" in svg
        assert Reading(svg).tags[0][1].get("onload") is None


def test_tools_whose_names_begin_alike_keep_rows_of_their_own() -> None:
    names = [f"{'the-same-beginning-of-a-long-name-' * 2}{n}" for n in range(3)]
    rows = [{"label": name, "value": 50.0, "low": 40.0, "high": 60.0} for name in names]
    assert page_svg(whiskers(rows, "ship, %", (0, 100)), "").count("var(--band)") == 3


def test_drawings_take_the_pages_colours_on_a_page_and_are_whole_in_a_file() -> None:
    rows = [{"label": "anvil", "value": 50.0, "low": 40.0, "high": 60.0}]
    spec = whiskers(rows, "ship, %", (0, 100))
    page, file = page_svg(spec, "Anvil"), file_svg(spec, "Anvil")
    assert "#" not in re.sub(r'xmlns="[^"]*"', "", page) and "var(--ink)" in page
    assert "var(" not in file and "<title>Anvil</title>" in file
    assert png(file)[:4] == b"\x89PNG"


@pytest.mark.slow
def test_the_command_writes_page_drawings_and_json(reported: Space, panel: Panel) -> None:
    done = panel("report", RUN, cwd=reported.root)
    assert done.code == 0, done.err
    assert (reported.root / f"report-run-{RUN}.html").read_text().startswith("<!doctype html>")
    assert "part1-ship-percent: Of 10 tools" in done.out
    done = panel("report", "--house", "--json", "--svg", "s", "--png", "p", cwd=reported.root)
    found = json.loads(done.out)
    assert [figure["key"] for figure in found["parts"][0]["figures"]] == KEYS
    assert len([*(reported.root / "s").glob("*.svg")]) == 9
    assert len([*(reported.root / "p").glob("*.png")]) == 9
    assert not (reported.root / "report-house.html").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name what to report on, or --house"),
        (("--house", RUN), "name what to report on, or --house"),
        (("run:none",), "the store holds no answers of 'run:none'"),
        (("--house", "--json", "--html", "-"), "both want stdout"),
    ],
)
def test_what_cannot_be_reported_on_is_said_in_one_line(
    reported: Space, panel: Panel, words: tuple[str, ...], said: str
) -> None:
    done = panel("report", *words, cwd=reported.root)
    assert done.code == 2 and said in done.err and "Traceback" not in done.err


@pytest.fixture(scope="module")
def served(reported: Space, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    page = page_of(report_of(reported))
    strict = page.replace("default-src 'none';", "default-src 'none'; script-src 'none';", 1)
    (folder / "index.html").write_text(page, encoding="utf-8")
    (folder / "strict.html").write_text(strict, encoding="utf-8")
    with serving(folder) as base:
        yield base


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_nothing_and_drawings_are_in_the_schemes_ink(
    served: str, new_page: NewPage, scheme: str, width: int, tmp_path: Path
) -> None:
    page = new_page(scheme=scheme, width=width)
    page.goto(f"{served}/")
    for summary in page.locator("summary").all():
        summary.click()
    assert violations(page) == []
    inks = page.evaluate(
        "['svg text', 'body'].map((each, place) => getComputedStyle("
        "document.querySelector(each))[place ? 'color' : 'fill'])"
    )
    assert inks[0] == inks[1]
    shoot(page, f"report-{scheme}-{width}", tmp_path)


@pytest.mark.slow
def test_no_report_is_wider_than_its_window(served: str, new_page: NewPage) -> None:
    for width in (320, 360, 768, 1000, 1400):
        page = new_page(width=width)
        page.goto(f"{served}/")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width


@pytest.mark.slow
def test_a_table_that_scrolls_shows_it_and_is_reached_by_keyboard(
    served: str, new_page: NewPage
) -> None:
    page = new_page(width=360)
    page.goto(f"{served}/")
    wide = page.locator(".scroll").evaluate_all(
        "all => all.filter(e => e.scrollWidth > e.clientWidth).map(e => ["
        "e.tabIndex, getComputedStyle(e).backgroundImage.split('linear-gradient').length - 1, "
        "e.nextElementSibling?.checkVisibility(), e.nextElementSibling?.textContent])"
    )
    assert len(wide) > 3
    assert [each for each in wide if each != [0, 4, True, "The table scrolls sideways."]] == []
    table = page.locator(".scroll").nth(1)
    table.focus()
    page.keyboard.press("ArrowRight")
    # The page allows no script, and a condition that is waited for in it would be one.
    expect = pytest.importorskip("playwright.sync_api").expect
    expect(table).not_to_have_js_property("scrollLeft", 0)


def test_the_page_needs_no_script_and_loads_where_none_may_run(
    served: str, new_page: NewPage
) -> None:
    page = new_page(scripts=False)
    page.goto(f"{served}/strict.html")
    assert page.locator("figure svg").count() == 9
    assert page.locator("figure svg").first.is_visible()


def test_the_report_prints_in_light_with_its_queries_and_whole_tables(
    served: str, new_page: NewPage, tmp_path: Path
) -> None:
    page = new_page(scheme="dark", width=794)
    page.goto(f"{served}/")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 794
    cut = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollHeight > e.clientHeight)"
    assert page.evaluate(f"{cut}.length") == 0
    assert page.locator("pre").first.is_visible()
    assert page.pdf(format="A4")[:5] == b"%PDF-"
    shoot(page, "report-print", tmp_path)
