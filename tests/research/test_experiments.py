"""Experiments: arms of the same cells, in one drawn order, that change nothing of the house."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from panel.research.realised import unrealised_arms
from panel.research.standing import Standing, standing
from panel.store.ingest import opened, rebuild
from panel.store.registrations import registrations
from panel.workspace.experiments import load_experiment
from tests.support.mock_endpoint import Answer, MockEndpoint
from tests.support.runs import run
from tests.support.space import Panel, Space, edit
from tests.support.weather import answer_of, error, form_of, reply

HOUSE = (
    *("verdicts", "superseded", "takes", "tools", "personas", "published", "decisions"),
    *("ship_percentages", "ship_percentages_by_panel", "model_differences"),
)
PLAN = """
question = "Does rubric two ship more?"
repeats = 1
seed = 7
[arms.control]
[arms.rubric]
prompts = "rubric/prompts"
"""


def write(space: Space, text: str = PLAN, name: str = "rubric") -> Path:
    """Write an experiment, and the overlay ``rubric/prompts`` beside it."""
    folder = space.root / "experiments"
    over = folder / "rubric" / "prompts"
    over.mkdir(parents=True, exist_ok=True)
    system = (space.root / "prompts" / "system.md.j2").read_text(encoding="utf-8")
    assert "A famous name" in system
    (over / "system.md.j2").write_text(system.replace("A famous name", "Fame"), encoding="utf-8")
    file = folder / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    return file


def house(space: Space) -> dict[str, list[Any]]:
    """Return every row of every view of the house panel."""
    with opened(space.root / "runs") as connection:
        return {
            view: connection.execute(f"SELECT * FROM {view} ORDER BY ALL").fetchall()
            for view in HOUSE
        }


def stands(space: Space, name: str = "rubric") -> Standing:
    """Return how an experiment stands, by its file as it is now and what is registered."""
    with opened(space.root / "runs") as connection:
        known = registrations(connection, name)
    return standing(known, load_experiment(space.root, name).plan)


def query(space: Space, sql: str) -> list[Any]:
    with opened(space.root / "runs") as connection:
        return connection.execute(sql).fetchall()


def test_the_arm_that_repeats_the_house_panel_asks_nothing(
    asked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    write(asked, PLAN.split("[arms.rubric]", maxsplit=1)[0])
    before = mock.asked
    done = panel("experiment", "run", "rubric", "--json", cwd=asked.root)
    assert done.code == 0, done.err
    (told,) = json.loads(done.out)["runs"]
    assert (told["planned"], told["reused"], told["asked"]) == (8, 8, 0)
    assert mock.asked == before
    seen = query(asked, "SELECT arm, count(*), count(outcome) FROM observations GROUP BY arm")
    assert seen == [("control", 8, 8)]
    again = panel("experiment", "run", "rubric", "--json", cwd=asked.root)
    assert json.loads(again.out)["runs"] == [] and len(asked.journals) == 2


@pytest.mark.slow
def test_no_row_of_the_house_panel_changes_with_an_experiment_or_a_rebuild(
    asked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    before = house(asked)
    shown = panel("show", "--json", cwd=asked.root).out
    write(asked, PLAN.replace("repeats = 1", "repeats = 3"))
    asked_before = mock.asked
    done = panel("experiment", "run", "rubric", cwd=asked.root)
    assert done.code == 0, done.err
    assert mock.asked - asked_before == 3 * 8 + 2 * 8  # rubric's all, and control's new repeats
    assert house(asked) == before
    assert panel("show", "--json", cwd=asked.root).out == shown
    rebuild(asked.root / "runs")
    assert house(asked) == before
    assert query(asked, "SELECT count(*), count(outcome) FROM observations") == [(48, 48)]
    assert json.loads(panel("plan", "--json", cwd=asked.root).out)["pending"] == 0


@pytest.mark.slow
def test_what_an_experiment_asked_is_taken_by_the_house_panel_that_comes_to_ask_it(
    asked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    write(asked)
    panel("experiment", "run", "rubric", cwd=asked.root)
    over = asked.root / "experiments" / "rubric" / "prompts" / "system.md.j2"
    (asked.root / "prompts" / "system.md.j2").write_text(over.read_text("utf-8"), "utf-8")
    before = mock.asked
    summary = run(asked)
    assert (summary.asked, summary.reused, mock.asked) == (0, 8, before)
    wordings = query(asked, "SELECT count(DISTINCT wording), count(*) FROM verdicts")
    assert wordings == [(8, 8)]
    arm = query(asked, "SELECT fingerprint FROM observations WHERE arm = 'rubric' ORDER BY 1")
    assert query(asked, "SELECT fingerprint FROM verdicts ORDER BY 1") == arm


def test_an_experiment_that_was_stopped_goes_on_and_asks_nothing_twice(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    write(mocked)
    first = panel("experiment", "run", "rubric", "--max-calls", "5", cwd=mocked.root)
    assert first.code == 4 and "Stopped early (budget)" in first.out
    assert mock.asked == 5
    done = panel("experiment", "run", "rubric", cwd=mocked.root)
    assert done.code == 0 and mock.asked == 16
    assert query(mocked, "SELECT count(*), count(outcome) FROM observations") == [(16, 16)]
    assert query(mocked, "SELECT count(*) FROM journal.experiments") == [(1,)]


@pytest.mark.process
def test_kill_9_amid_an_experiment_loses_no_reply_that_was_written(
    mocked: Space, mock: MockEndpoint
) -> None:
    write(mocked, PLAN.replace("repeats = 1", "repeats = 4"))
    mock.delay = 0.05
    words = [sys.executable, "-m", "panel", "experiment", "run", "rubric"]
    with subprocess.Popen(words, cwd=mocked.root, stderr=subprocess.PIPE) as process:
        while mock.asked < 20 and process.poll() is None:
            time.sleep(0.01)  # the processor is the other's
        os.kill(process.pid, signal.SIGKILL)
    written = query(mocked, "SELECT count(*) FROM attempts")[0][0]
    mock.delay, before = 0.0, mock.asked
    ended = subprocess.run(words, cwd=mocked.root, check=False, capture_output=True)
    assert ended.returncode == 0, ended.stderr
    assert written > 0 and mock.asked - before == 64 - written
    assert query(mocked, "SELECT count(*), count(outcome) FROM observations") == [(64, 64)]
    assert query(mocked, "SELECT count(*) FROM attempts WHERE final") == [(64,)]


@pytest.mark.slow
def test_the_arms_are_asked_over_the_same_time(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    write(mocked, PLAN.replace("repeats = 1", "repeats = 15"))
    panel("experiment", "run", "rubric", cwd=mocked.root)
    rows = query(mocked, "SELECT arm, median(position), max(position) FROM observations GROUP BY 1")
    places = {arm: middle for arm, middle, _last in rows}
    assert abs(places["control"] - places["rubric"]) < 0.05 * 240
    in_a_row = query(
        mocked,
        "SELECT count(*) FROM (SELECT row(arm, tool, persona) AS cell, lag(cell) OVER "
        "(ORDER BY position) AS last FROM observations) WHERE cell = last",
    )
    assert in_a_row[0][0] < 0.2 * 240  # repeats of one question do not follow one another
    sent = [row[0] for row in query(mocked, "SELECT fingerprint FROM attempts ORDER BY attempt_id")]
    drawn = query(mocked, "SELECT fingerprint FROM observations ORDER BY position")
    assert len(sent) == len(drawn) == 240


@pytest.mark.slow
def test_two_models_are_asked_in_turns(mocked: Space, panel: Panel, mock: MockEndpoint) -> None:
    write(
        mocked,
        'question = "Which model ships more?"\nrepeats = 10\n[arms.one]\n[arms.other]\n'
        'model = "mock-2"\n',
    )
    done = panel("experiment", "run", "rubric", "--json", cwd=mocked.root)
    assert done.code == 0, done.err
    assert [each["asked"] for each in json.loads(done.out)["runs"]] == [80, 80]
    models = [each["body"]["model"] for each in mock.requests if each["body"]]
    middles = [
        sum(place for place, model in enumerate(models) if model == name) / 80
        for name in ("mock-1", "mock-2")
    ]
    assert abs(middles[0] - middles[1]) < 0.05 * 160


@pytest.mark.slow
def test_a_factor_that_the_server_drops_is_not_realised(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    write(mocked, PLAN + "[arms.cool.sampling]\ntemperature = 0.2\n")
    refused = error(400, "Unsupported parameter: 'temperature' is not supported with this model.")
    mock.face = lambda _index, body: refused if "temperature" in body else None
    panel("experiment", "run", "rubric", cwd=mocked.root)
    with opened(mocked.root / "runs") as connection:
        told = unrealised_arms(connection, "rubric")
    assert told == {"cool": ("the server does not take temperature, which was left out",)}
    record = panel("experiment", "report", "rubric", "--json", cwd=mocked.root)
    (cool,) = [each for each in json.loads(record.out)["arms"] if each["arm"] == "cool"]
    assert cool["realised"] is False and "temperature" in cool["unrealised"][0]


COMPARE = '[[compare]]\na = "control"\nb = "rubric"\nmargin = 5\n'


@pytest.mark.slow
def test_comparisons_that_are_changed_after_the_first_answer_only_explore(
    mocked: Space, panel: Panel
) -> None:
    file = write(mocked, PLAN + COMPARE)
    panel("experiment", "run", "rubric", cwd=mocked.root)

    first = stands(mocked)
    assert first.confirmatory and first.why.endswith("before the first answer.")
    edit(file, "margin = 5", "margin = 12")
    now = stands(mocked)
    assert not now.confirmatory and now.why == (
        "Its comparisons differ from those that are registered: margin of rubric − control 5 → 12."
    )
    panel("experiment", "run", "rubric", cwd=mocked.root)
    now = stands(mocked)
    assert not now.confirmatory and "changed on" in now.why and "after the first answer" in now.why
    assert now.why.endswith(": margin of rubric − control 5 → 12.")
    edit(file, "margin = 12", "margin = 5")
    assert stands(mocked).confirmatory


@pytest.mark.slow
def test_an_arm_is_registered_before_its_model_appears(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    file = write(
        mocked, PLAN + '[arms.later]\nmodel = "next"\n' + COMPARE.replace("rubric", "later")
    )
    done = panel("experiment", "run", "rubric", cwd=mocked.root)
    assert done.code == 0 and "later waits for its model" in done.err
    assert mock.asked == 16
    edit(file, 'model = "next"', 'model = "mock-2"')
    panel("experiment", "run", "rubric", cwd=mocked.root)
    assert mock.asked == 24
    now = stands(mocked)
    assert now.confirmatory, now.why
    assert "when 16 of 24 cells had an answer (control 8, rubric 8), but of no comp" in now.why
    assert [each.what for each in now.changes] == [("the arm later is new",)]


@pytest.mark.slow
def test_an_experiment_may_be_registered_before_any_of_its_models_appears(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    waits = PLAN.replace("[arms.control]", '[arms.control]\nmodel = "next"')
    waits = waits.replace("[arms.rubric]", '[arms.rubric]\nmodel = "next"')
    file = write(mocked, waits + COMPARE)
    planned = panel("experiment", "plan", "rubric", cwd=mocked.root)
    assert planned.code == 0 and "Nothing to ask." in planned.out, planned.err
    done = panel("experiment", "run", "rubric", cwd=mocked.root)
    assert (done.code, mock.asked) == (0, 0), done.err
    told = panel("experiment", "report", "rubric", cwd=mocked.root)
    assert told.code == 2 and "every arm of 'rubric' waits for its model" in told.err
    file.write_text(file.read_text("utf-8").replace('model = "next"\n', ""), "utf-8")
    panel("experiment", "run", "rubric", cwd=mocked.root)
    assert stands(mocked).confirmatory


def test_the_form_is_in_the_question_and_in_the_schema(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    write(
        mocked,
        'question = "Does the order matter?"\n[select]\ntools = ["anvil"]\npersonas = ["skeptic"]\n'
        '[arms.turned.form]\nlabels = "skip-first"\nverdict_field = "first"\n',
    )
    done = panel("experiment", "run", "rubric", cwd=mocked.root)
    assert done.code == 0, done.err
    (body,) = [each["body"] for each in mock.requests if each["body"]]
    schema = body["response_format"]["json_schema"]["schema"]
    assert next(iter(schema["properties"])) == "verdict"
    assert schema["properties"]["verdict"]["enum"] == ["skip", "ship"]
    text = body["messages"][0]["content"]
    assert '- "verdict": "skip" or "ship"' in text
    assert text.index('- "verdict"') < text.index('- "evidence"')


def test_a_form_that_the_template_does_not_show_is_refused(mocked: Space, panel: Panel) -> None:
    write(mocked, 'question = "?"\n[arms.turned.form]\nlabels = "skip-first"\n')
    file = mocked.root / "prompts" / "system.md.j2"
    file.write_text(file.read_text("utf-8").replace("panel.labels", "['ship', 'skip']"), "utf-8")
    done = panel("experiment", "plan", "rubric", cwd=mocked.root)
    assert done.code == 2 and "does not use panel.labels" in done.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[arms.a]\n", "question: is missing"),
        ('question = "q"\n', "arms: is missing"),
        ('question = "q"\n[arms.a]\nprompt = "x"\n', "Did you mean 'prompts'?"),
        ('question = "q"\n[arms.a]\nprompts = "../prompts"\n', "not a folder below experiments/"),
        ('question = "q"\n[arms.a]\nprompts = "/etc"\n', "not a folder below experiments/"),
        ('question = "q"\n[arms.a]\nprompts = "gone"\n', "there is no such folder"),
        ('question = "q"\n[arms.a]\n[[compare]]\na = "a"\nb = "c"\n', "there is no arm 'c'"),
        ('question = "q"\n[arms.a]\n[[compare]]\na = "a"\nb = "a"\n', "compared with itself"),
        ('question = "q"\n[arms.a]\nendpoint = "mcok"\n', "Did you mean 'mock'?"),
        ('question = "q"\n[select]\ntools = ["anvl"]\n[arms.a]\n', "Did you mean 'anvil'?"),
        ('question = "q"\n[arms."a b"]\n', "is no name of an arm"),
        (
            'question = "q"\n[arms.a]\napi_key = "sk-123456789012345678901234"\n',
            "a secret must not",
        ),
        ("question = \n", "is not valid TOML"),
    ],
)
def test_a_mistake_in_an_experiment_is_named(
    mocked: Space, panel: Panel, text: str, told: str
) -> None:
    write(mocked, text)
    done = panel("experiment", "plan", "rubric", cwd=mocked.root)
    assert done.code == 2 and told in done.err, done.err
    assert "Traceback" not in done.err and "sk-1234" not in done.err


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('a = "a"\nb = "c"', "7: compare.0.b: there is no arm 'c'"),
        ('a = "a"\nb = "b"\nmargin = -5', "8: compare.0.margin: must be more than 0, not -5"),
        (
            *('a = "a"\nb = "b"\nmargin = "five"',),
            "8: compare.0.margin: must be a number, not 'five'. Write a number, such as 5 or 0.5.",
        ),
        ('a = "a"\nb = "b"\n[[compare]]\na = "a"\nb = "b"\nexpct = "more"', "11: compare.1.expct"),
        ('a = "a"\nb = "b"\n[[compare]]\nb = "a"\na = "b"', "8: compare.1: 'b' and 'a' are comp"),
        ('a = "a"', "5: compare.0.b: is missing"),
    ],
)
def test_a_mistake_in_a_comparison_is_named_with_the_line_of_its_key(
    mocked: Space, panel: Panel, table: str, told: str
) -> None:
    file = write(mocked, f'question = "q"\n[arms.a]\n[arms.b]\nmodel = "m"\n[[compare]]\n{table}\n')
    done = panel("experiment", "plan", "rubric", cwd=mocked.root)
    assert done.code == 2 and f"{file}:{told}" in done.err, done.err


def test_a_mistake_in_an_overlay_is_named_where_it_stands(mocked: Space, panel: Panel) -> None:
    write(mocked)
    over = mocked.root / "experiments" / "rubric" / "prompts" / "system.md.j2"
    edit(over, "{{ persona.motto }}", "{{ persona.moto }}")
    done = panel("experiment", "plan", "rubric", cwd=mocked.root)
    assert done.code == 2 and str(over) in done.err, done.err


def test_an_overlay_cannot_lead_out_of_its_folder(
    mocked: Space, panel: Panel, tmp_path: Path
) -> None:
    write(mocked)
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden", encoding="utf-8")
    over = mocked.root / "experiments" / "rubric" / "prompts" / "guidance.md.j2"
    over.symlink_to(secret)
    done = panel("experiment", "plan", "rubric", cwd=mocked.root)
    assert done.code == 2 and "leads out of its folder" in done.err
    over.unlink()
    (mocked.root / "experiments" / "away").symlink_to(tmp_path)
    write(mocked, 'question = "q"\n[arms.a]\nprompts = "away"\n')
    done = panel("experiment", "plan", "rubric", cwd=mocked.root)
    assert done.code == 2 and "leads out of its folder" in done.err


def test_an_experiment_that_is_not_there_is_named(mocked: Space, panel: Panel) -> None:
    write(mocked)
    done = panel("experiment", "plan", "rubik", cwd=mocked.root)
    assert done.code == 2 and "Did you mean 'rubric'?" in done.err
    for name in ("../panel", "a/b", ""):
        assert panel("experiment", "plan", name, cwd=mocked.root).code == 2


@pytest.mark.slow
def test_a_renamed_tool_keeps_its_place_in_an_experiment(
    asked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    write(asked)
    panel("experiment", "run", "rubric", cwd=asked.root)
    (asked.root / "tools" / "anvil.md").rename(asked.root / "tools" / "hammer.md")
    before = mock.asked
    assert run(asked).asked == 0
    done = panel("experiment", "run", "rubric", cwd=asked.root)
    assert done.code == 0 and mock.asked == before
    tools = query(asked, "SELECT DISTINCT tool FROM observations WHERE outcome IS NOT NULL")
    assert sorted(tool for (tool,) in tools) == ["bellows", "hammer"]


def test_the_tidy_export_has_a_row_for_each_enrolment_and_explains_its_columns(
    asked: Space, panel: Panel, tmp_path: Path
) -> None:
    write(asked)
    panel("experiment", "run", "rubric", cwd=asked.root)
    target = tmp_path / "tidy.parquet"
    done = panel("export", "--tidy", "-o", str(target), cwd=asked.root)
    assert done.code == 0, done.err
    sql = f"SELECT arm, count(*), sum(ship) FROM '{target}' GROUP BY arm ORDER BY arm"
    assert [row[:2] for row in duckdb.sql(sql).fetchall()] == [("control", 8), ("rubric", 8)]
    kept = duckdb.sql(f"SELECT value FROM parquet_kv_metadata('{target}')").fetchall()
    told = json.loads(panel("export", "--dictionary", "--format", "json", cwd=asked.root).out)
    meanings = {each["column"]: each["meaning"] for each in told}
    assert json.loads(kept[0][0]) == meanings and all(meanings.values())
    assert list(meanings) == duckdb.sql(f"SELECT * FROM '{target}'").columns


def test_check_reads_experiments_and_lays_their_overlays(mocked: Space, panel: Panel) -> None:
    write(mocked, PLAN + '[arms.later]\nmodel = "next"\nprompts = "rubric/prompts"\n')
    assert panel("check", cwd=mocked.root).code == 0
    over = mocked.root / "experiments" / "rubric" / "prompts" / "system.md.j2"
    edit(over, "{{ persona.motto }}", "{{ persona.moto }}")
    done = panel("check", cwd=mocked.root)
    assert done.code == 2 and f"{over}:22" in done.out
    assert not mocked.journals


def test_the_sample_experiment_is_in_order(panel: Panel, tmp_path: Path) -> None:
    panel("init", "new", cwd=tmp_path)
    (tmp_path / "new" / "panel.toml").write_text('[panel]\nendpoint = "embedded"\n')
    done = panel("experiment", "plan", "label-order", "--json", cwd=tmp_path / "new")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [each["pending"] for each in told["arms"]] == [56, 56] and told["asking"] == 112


def without_a_schema_for(mock: MockEndpoint, model: str) -> None:
    """Have the server take no JSON schema for one of its models."""
    refused = error(400, "response_format type 'json_schema' is not supported by this model")

    def face(_index: int, body: dict[str, Any]) -> Answer:
        mode, schema = form_of(body)
        if body["model"] == model and mode == "json_schema":
            return refused
        return reply(body, answer_of(body, schema))

    mock.face = face


@pytest.mark.slow
def test_arms_that_were_asked_in_different_output_modes_are_not_realised_in_every_report(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    """The sources that are compared need not be arms: two models have output modes, too."""
    for number in range(4):
        mocked.tool(f"tool-{number}")
    without_a_schema_for(mock, "mock-2")
    compare = COMPARE.replace("rubric", "other")
    write(mocked, PLAN + '[arms.other]\nmodel = "mock-2"\n' + compare)
    assert panel("experiment", "run", "rubric", cwd=mocked.root).code == 0
    said = " ".join(panel("experiment", "report", "rubric", cwd=mocked.root).out.split())
    why = "control: asked as json_schema, but other as "
    assert f"Not realised: {why}" in said
    assert f"Not realised, and so no answer to the question: {why}" in said
    assert "rubric: asked as" not in said, "it is compared with nothing"
    page = panel("report", "rubric", "--html", "-", cwd=mocked.root).out
    assert page.count("<strong>Not realised:</strong> asked as") == 2
    assert "no answer to the question: control: asked as json_schema" in page
    run(mocked)
    run(mocked, model="mock-2")
    for one, other in (
        ("rubric/control", "rubric/other"),
        ("model:mock/mock-1", "model:mock/mock-2"),
    ):
        done = panel("compare-arms", one, other, cwd=mocked.root)
        assert done.code == 0, done.err
        assert f"no answer to the question: {one}: asked as json_schema, but {other} as" in done.out
        told = json.loads(panel("compare-arms", one, other, "--json", cwd=mocked.root).out)
        assert set(told["unrealised"]) == {one, other}


@pytest.mark.slow
def test_a_dropped_factor_is_named_wherever_its_arm_is_compared_or_reported_on(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    """What was registered counts, though the file is gone."""
    for number in range(4):
        mocked.tool(f"tool-{number}")
    file = write(mocked, PLAN + "[arms.cool.sampling]\ntemperature = 0.2\n")
    refused = error(400, "Unsupported parameter: 'temperature' is not supported with this model.")
    mock.face = lambda _index, body: refused if "temperature" in body else None
    panel("experiment", "run", "rubric", cwd=mocked.root)
    file.unlink()
    dropped = "the server does not take temperature, which was left out"
    done = panel("compare-arms", "rubric/control", "rubric/cool", cwd=mocked.root)
    assert done.code == 0, done.err
    assert f"no answer to the question: rubric/cool: {dropped}." in done.out
    realised = panel("compare-arms", "rubric/control", "rubric/rubric", cwd=mocked.root)
    assert "Not realised" not in realised.out
    page = panel("report", "rubric", "--html", "-", cwd=mocked.root).out
    assert page.count("Not realised:") == 1
    assert f"<strong>Not realised:</strong> {dropped}." in page


@pytest.mark.slow
def test_cells_that_have_still_to_be_asked_are_no_panel_without_votes(
    mocked: Space, panel: Panel
) -> None:
    write(mocked)
    assert panel("experiment", "run", "rubric", "--max-calls", "5", cwd=mocked.root).code == 4
    told = json.loads(panel("stats", "rubric", "--json", cwd=mocked.root).out)
    shown = [each for arm in told["arms"] for each in arm["panels"]]
    assert all(each["votes"] and each["prompt"] for each in shown)
    assert sum(each["votes"] for each in shown) + sum(told["not_asked"].values()) == 16
    said = panel("stats", "rubric", cwd=mocked.root).out
    for arm, many in told["not_asked"].items():
        assert f"arm {arm}: {many} cells are not asked yet." in said


@pytest.mark.slow
def test_an_arm_without_any_answer_is_said_to_be_not_asked_yet(mocked: Space, panel: Panel) -> None:
    write(mocked, PLAN + COMPARE)
    assert panel("experiment", "run", "rubric", "--max-calls", "1", cwd=mocked.root).code == 4
    [(asked,)] = query(mocked, "SELECT arm FROM observations WHERE outcome IS NOT NULL")
    other = "control" if asked == "rubric" else "rubric"
    for words in (("stats", f"rubric/{other}"), ("compare-arms", "house", f"rubric/{other}")):
        done = panel(*words, cwd=mocked.root)
        assert done.code == 2 and not done.out
    done = panel("stats", f"rubric/{other}", cwd=mocked.root)
    assert f"'rubric/{other}' is not asked yet: none of its 8 cells has an answer." in done.err
    report = panel("experiment", "report", "rubric", cwd=mocked.root)
    assert report.code == 0 and f"is not compared: {other} has not been asked" in report.out


TWO = (
    'question = "Which model ships more?"\nrepeats = 10\n[arms.one]\n[arms.other]\n'
    'model = "mock-2"\n'
)


@pytest.mark.slow
def test_an_endpoint_has_one_client_for_a_whole_experiment(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    """Its connections are those that are in use at once, however many turns its models take."""
    write(mocked, TWO)
    assert panel("experiment", "run", "rubric", cwd=mocked.root).code == 0
    assert mock.asked == 160 and mock.connections <= 8


@pytest.mark.slow
def test_models_that_take_turns_share_one_budget(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    write(mocked, TWO)
    done = panel("experiment", "run", "rubric", "--max-calls", "50", "--json", cwd=mocked.root)
    assert done.code == 4 and mock.asked == 50
    told = json.loads(done.out)["runs"]
    assert [each["stopped"] for each in told] == ["budget", "budget"]
    assert sum(each["asked"] for each in told) == 50
    assert min(each["asked"] for each in told) > 15, "they took turns until then"
    assert panel("experiment", "run", "rubric", cwd=mocked.root).code == 0
    assert mock.asked == 160
