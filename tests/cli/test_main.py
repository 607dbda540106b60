"""The command line as people and scripts use it."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from panel.cli.main import COMMANDS, ExitCode
from panel.cli.output import safe
from tests.support.mock_endpoint import Answer, MockEndpoint, completion
from tests.support.space import ROOT, Panel, Space

SUMMARY_KEYS = [
    "run_id",
    "planned",
    "reused",
    "asked",
    "verdicts",
    "abstains",
    "errors",
    "requests",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cost_usd",
    "seconds",
    "stopped",
    "left",
    "waiting",
    "canary_cells",
]


def started(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a start of Python, with all that happens at its end."""
    command = [sys.executable, "-m", "panel", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_walkthrough_from_an_empty_folder_to_an_export(
    tmp_path: Path, panel: Panel, mock: MockEndpoint
) -> None:
    """A newcomer's commands work one after another, in a real workspace."""
    root = tmp_path / "mine"
    assert panel("init", root, cwd=tmp_path).code == 0
    space = Space(root)
    space.point_at(mock)
    assert "14 tools, 4 personas" in panel("check", cwd=root).out
    assert "to ask: new  56" in panel("plan", cwd=root).out
    ran = panel("run", "--tool", "ferrowisp", "--tool", "Codestral 2.0", cwd=root)
    assert ran.code == 0 and "8 verdicts" in ran.out
    assert "Panel ship" in panel("show", "ferrowisp", cwd=root).out
    compared = panel("compare", "ferrowisp", "codestral-2-0", "--html", "page.html", cwd=root)
    assert compared.code == 0 and "Ferrowisp" in (root / "page.html").read_text()
    for form in ("csv", "json", "jsonl", "parquet"):
        target = f"rows.{form}"
        assert panel("export", "--format", form, "-o", target, cwd=root).code == 0
        assert (root / target).stat().st_size > 100
    assert "llm" not in panel("doctor", cwd=root).err
    assert panel("rebuild", cwd=root).code == 0
    rows = panel("sql", "SELECT count(*) AS n FROM verdicts", "--format", "csv", cwd=root)
    assert rows.out == "n\n8\n"


def test_the_summary_of_a_run_is_one_json_object_with_the_promised_keys(
    mocked: Space, panel: Panel
) -> None:
    summary = json.loads(panel("run", "--json", cwd=mocked.root).out)
    assert list(summary) == SUMMARY_KEYS
    assert (summary["planned"], summary["asked"], summary["verdicts"]) == (8, 8, 8)
    assert summary["cost_usd"] is None, "an unknown price is no price, not 0"
    again = json.loads(panel("run", "--json", cwd=mocked.root).out)
    assert (again["asked"], again["reused"], again["requests"]) == (0, 8, 0)
    assert again["run_id"] is None


def test_narration_goes_to_stderr_and_data_to_stdout(mocked: Space, panel: Panel) -> None:
    ran = panel("run", "--json", cwd=mocked.root)
    json.loads(ran.out)
    assert ran.err == "Asking 8 cells of mock/mock-1 ...\n", "no terminal, no progress bar"


def test_a_dry_run_and_a_plan_say_the_same_and_ask_nothing(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    planned = panel("plan", "--json", cwd=mocked.root)
    assert panel("run", "--dry-run", "--json", cwd=mocked.root).out == planned.out
    assert json.loads(planned.out)["reasons"] == {"new": 8}
    assert mock.connections == 0 and not mocked.journals


def test_help_imports_neither_openai_nor_duckdb() -> None:
    script = (
        "import sys; sys.argv = ['panel', '--help']\n"
        "from panel.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'openai', 'duckdb', 'httpx2', 'aiohttp', 'jinja2', 'yaml', 'panel.runs.run'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_every_command_has_help_that_begins_like_its_line_in_the_list(
    tmp_path: Path, panel: Panel
) -> None:
    for name, (_module, line) in COMMANDS.items():
        shown = panel(name, "--help", cwd=tmp_path)
        assert shown.code == 0
        body = " ".join(shown.out.split())
        assert line.rstrip(".").split(":")[0].split(",")[0] in body, (name, line)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--tool", "anvli"], "Did you mean 'anvil'?"),
        (["run", "--persona", "sceptic"], "Did you mean 'skeptic'?"),
        (["run", "--category", "Dta"], "Did you mean 'Data'?"),
        (["run", "--endpoint", "olama"], "Did you mean 'ollama'?"),
        (["run", "--endpoint", "ollama"], "--model NAME"),
        (["run", "--nonsense"], "No such option"),
        (["nonsense"], "No such command"),
        (["show"], "has nothing from mock/mock-1 yet"),
        (["compare", "anvil", "anvil"], "nothing from"),
        (["sql", "SELEC 1"], "DuckDB refused the query"),
        (["sql", "DROP VIEW verdicts"], "read-only"),
        (["sql", "COPY verdicts TO 'stolen.csv'"], "disabled by configuration"),
        (["export", "--format", "parquet"], "--output"),
        (["export", "--format", "xml"], "'xml' is not one of csv, json, jsonl, parquet"),
        (["sql", "SELECT 1; SELECT 2"], "more than one statement"),
        (["sql", "SELECT 1 AS a, 2 AS a"], "Two columns are named 'a'"),
        (["run", "--repeats", "0"], "--repeats"),
    ],
)
def test_a_wrong_word_gets_one_clear_sentence_and_exit_2(
    mocked: Space, panel: Panel, words: list[str], said: str
) -> None:
    result = panel(*words, cwd=mocked.root)
    assert result.code == 2
    assert said in result.err
    assert "Traceback" not in result.err


def test_outside_a_workspace_the_way_in_is_named(tmp_path: Path, panel: Panel) -> None:
    result = panel("check", cwd=tmp_path)
    assert result.code == 2 and "panel init DIR" in result.err


def test_a_workspace_is_found_from_below_and_with_the_option(mocked: Space, panel: Panel) -> None:
    assert panel("check", cwd=mocked.root / "tools").code == 0
    assert panel("-C", mocked.root, "check", cwd=mocked.root.parent).code == 0


def test_check_prints_every_problem_and_exits_2(mocked: Space, panel: Panel) -> None:
    """Broken YAML, a missing beat field and a misspelt variable are all found in one go."""
    (mocked.root / "tools" / "broken.md").write_text("---\nname: a: b\n---\nx\n")
    persona = mocked.root / "personas" / "builder.md"
    persona.write_text(persona.read_text().replace("    label: The primitive\n", "", 1))
    review = mocked.root / "prompts" / "review.md.j2"
    review.write_text(review.read_text().replace("tool.name", "tol.name"))
    result = panel("check", cwd=mocked.root)
    assert result.code == 2
    lines = result.out.splitlines()
    assert len(lines) == 3 and "3 problems" in result.err
    assert "broken.md:2" in result.out and "not valid YAML" in result.out
    assert "beats.0.label" in result.out
    assert "review.md.j2:6" in result.out and "Did you mean 'tool'?" in result.out
    found = json.loads(panel("check", "--json", cwd=mocked.root).out)["problems"]
    assert len(found) == 3 and all(problem["remedy"] for problem in found)


def test_a_broken_workspace_asks_nothing_and_loses_nothing(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    panel("run", "--tool", "anvil", cwd=mocked.root)
    asked = len(mock.requests)
    review = mocked.root / "prompts" / "review.md.j2"
    good = review.read_text()
    review.write_text(good.replace("tool.tagline", "tool.tagine"))
    broken = panel("run", cwd=mocked.root)
    assert broken.code == 2 and "review.md.j2" in broken.err and "tagine" in broken.err
    assert len(mock.requests) == asked
    review.write_text(good)
    assert json.loads(panel("run", "--json", cwd=mocked.root).out)["reused"] == 4


HOSTILE = "\x1b[31mred \x9b31m \u202egnp.exe {{ 7*7 }} </tool> [bold]loud[/bold]"


@pytest.mark.slow
def test_hostile_text_reaches_the_model_whole_and_the_terminal_harmless(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    mocked.tool("anvil", description=f"{HOSTILE} is what it says.")
    for name in ("run", "show"):
        result = panel(name, *(["anvil"] if name == "show" else []), cwd=mocked.root)
        assert result.code == 0
        assert not {"\x1b", "\x9b", "\u202e"} & set(result.out + result.err)
    sent = [r["body"]["messages"][-1]["content"] for r in mock.requests if r.get("body")]
    assert any(HOSTILE in text for text in sent)


@pytest.mark.slow
def test_a_take_full_of_escapes_and_formulas_is_harmless_everywhere(
    space: Space, panel: Panel
) -> None:
    """Replies are foreign text too: terminal, CSV and page show them without obeying them."""

    def face(_index: int, body: dict[str, object]) -> Answer:
        schema = body["response_format"]["json_schema"]["schema"]  # type: ignore[index,call-overload]
        reply = dict.fromkeys(
            schema["properties"], '=cmd()|"/c calc" \x1b]0;owned\x07<script>x</script>'
        )
        reply |= {"evidence": ["@SUM(1)"], "verdict": "ship", "verdict_confidence": 50}
        return Answer(body=completion(json.dumps(reply)))

    with MockEndpoint(face=face) as mock:
        space.point_at(mock)
        assert panel("run", cwd=space.root).code == 0
    shown = panel("show", "anvil", cwd=space.root)
    assert "\x1b" not in shown.out and "=cmd()" in shown.out
    rows = list(csv.DictReader(io.StringIO(panel("export", cwd=space.root).out)))
    assert len(rows) == 8 and all(row["take"].startswith("'=cmd()") for row in rows)
    panel("compare", "anvil", "bellows", "--html", "page.html", cwd=space.root)
    page = (space.root / "page.html").read_text()
    assert "<script>" not in page and "\x1b" not in page and "&lt;script&gt;" in page


def test_csv_takes_no_cell_for_a_formula(mocked: Space, panel: Panel) -> None:
    query = "SELECT '=1+1' AS a, '+1' AS b, '-1' AS c, '@x' AS d, 'x=1' AS e, -1 AS f"
    rows = panel("sql", query, "--format", "csv", cwd=mocked.root).out.splitlines()
    assert rows[1] == "'=1+1,'+1,'-1,'@x,x=1,-1"


def test_json_rows_keep_types_and_times(mocked: Space, panel: Panel) -> None:
    panel("run", "--tool", "anvil", cwd=mocked.root)
    query = "SELECT asked_at, confidence, evidence FROM takes LIMIT 1"
    (row,) = json.loads(panel("sql", query, "--format", "json", cwd=mocked.root).out)
    assert row["asked_at"].startswith("20") and isinstance(row["confidence"], int)
    assert isinstance(row["evidence"], list)


def test_cells_that_end_in_error_make_exit_1(space: Space, panel: Panel) -> None:
    def face(index: int, _body: object) -> Answer | None:
        return Answer(status=413, body={"error": {"message": "too large"}}) if index == 0 else None

    with MockEndpoint(face=face) as mock:
        space.point_at(mock)
        result = panel("run", cwd=space.root)
        assert result.code == 1 and "1 error" in result.out
        again = json.loads(panel("run", "--json", cwd=space.root).out)
    assert (again["reused"], again["asked"], again["verdicts"]) == (7, 1, 1)


def test_a_refusing_endpoint_is_asked_no_further_and_makes_exit_3(
    space: Space, panel: Panel
) -> None:
    with MockEndpoint(
        face=lambda *_: Answer(status=401, body={"error": {"message": "bad key"}})
    ) as mock:
        space.point_at(mock)
        result = panel("run", cwd=space.root)
        assert result.code == 3 and "bad key" in result.err and "panel doctor" in result.err
        assert "cells not asked" in result.out
        assert mock.asked <= 4, "no more than were in flight"
        assert panel("doctor", cwd=space.root).code == 3


def test_an_unreachable_endpoint_makes_exit_3(space: Space, panel: Panel) -> None:
    with MockEndpoint() as mock:
        space.point_at(mock)
    result = panel("run", cwd=space.root)
    assert result.code == 3 and "unreachable" in result.err


def test_a_missing_key_names_its_variable(space: Space, panel: Panel) -> None:
    result = panel("run", "--endpoint", "mistral", "--model", "codestral-latest", cwd=space.root)
    assert result.code == 3 and "MISTRAL_API_KEY" in result.err
    assert not space.journals, "nothing was begun"


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("form", ["csv", "table", "json"])
def test_a_reader_that_goes_away_ends_the_command_quietly_as_the_signal_would(
    asked: Space, form: str
) -> None:
    query = "'SELECT range FROM range(40000)'"
    command = f"{sys.executable} -m panel sql {query} --format {form} | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=asked.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(done.stdout.splitlines()) == 1 and done.stderr == "" and done.returncode == 141


@pytest.mark.slow
def test_a_bad_format_is_one_sentence_and_no_complaint_at_exit(mocked: Space) -> None:
    done = started("sql", "SELECT 1", "--format", "html", cwd=mocked.root)
    assert done.returncode == 2 and "'html' is not one of table, csv, json." in done.stderr
    assert "leaked" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("words", ["check", "run --json"])
def test_a_disk_that_is_full_is_one_sentence(
    mocked: Space, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    command = f"{sys.executable} -m panel {words} > /dev/full"
    done = subprocess.run(
        ["bash", "-c", command], cwd=mocked.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_in_the_place_of_runs_is_one_sentence(mocked: Space, panel: Panel) -> None:
    (mocked.root / "runs").write_text("not a folder")
    result = panel("run", cwd=mocked.root)
    assert result.code == 2 and "runs" in result.err and "Traceback" not in result.err


def test_no_proxy_sees_what_stays_on_this_machine(
    mocked: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MockEndpoint() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base_url.removesuffix("/v1"))
        assert panel("run", "--tool", "anvil", cwd=mocked.root).code == 0
        assert proxy.connections == 0


@pytest.mark.long
def test_two_runs_at_once_do_not_pay_twice(space: Space, panel: Panel) -> None:
    """The second is told to wait, and what it asks afterwards is only what is left."""
    with MockEndpoint(delay=0.8) as mock:
        space.point_at(mock)
        first = subprocess.Popen(
            [sys.executable, "-m", "panel", "run"], cwd=space.root, stderr=subprocess.PIPE
        )
        while not mock.asked:
            assert first.poll() is None
            time.sleep(0.01)
        second = panel("run", cwd=space.root)
        assert second.code == 5 and "another run is asking" in second.err
        first.communicate(timeout=30)
        assert first.returncode == 0 and mock.asked == 8


def test_the_form_of_an_export_follows_the_files_ending(mocked: Space, panel: Panel) -> None:
    panel("run", "--tool", "anvil", cwd=mocked.root)
    assert panel("export", "-o", "rows.json", cwd=mocked.root).code == 0
    assert len(json.loads((mocked.root / "rows.json").read_text())) == 4


def test_check_tries_the_endpoint_that_a_run_would_ask(space: Space, panel: Panel) -> None:
    space.settings('[panel]\nendpoint = "ollama"\n')
    result = panel("check", cwd=space.root)
    assert result.code == 2 and "names no model" in result.out
    space.settings('[endpoints.embedded]\nweights = "no.gguf"\n')
    result = panel("check", cwd=space.root)
    assert result.code == 2 and "no.gguf" in result.out


def test_the_version_is_printed(tmp_path: Path) -> None:
    assert started("--version", cwd=tmp_path).stdout.startswith("panel 0.")


def test_terminal_text_keeps_letters_and_drops_what_could_act() -> None:
    assert safe("\u0645\u0631\u062d\u0628\u0627 é 👩\u200d💻\n\tok").plain.startswith("\u0645")
    assert safe("a\x1b[2Jb\x07\u202ec").plain == "a\ufffd[2Jb\ufffd\ufffdc"


def test_the_repository_is_itself_a_workspace_in_order(panel: Panel) -> None:
    assert panel("check", cwd=ROOT).code == 0


@pytest.mark.parametrize(
    ("typed", "meant"),
    [(["shw"], "'show'"), (["batch", "exprt"], "'export'"), (["show", "--mdel"], "--model")],
)
def test_a_misspelt_command_or_option_names_the_nearest(
    tmp_path: Path, panel: Panel, typed: list[str], meant: str
) -> None:
    """A command, a command of a group and an option are each answered with what is meant."""
    done = panel(*typed, cwd=tmp_path)
    assert done.code == ExitCode.USAGE and meant in done.err


def test_one_of_each_is_said_in_the_singular(
    space: Space, mock: MockEndpoint, panel: Panel
) -> None:
    """A count of one has a noun in the singular, and no noun has "(s)"."""
    space.point_at(mock)
    words = ("--tool", "anvil", "--persona", "builder")
    planned = panel("plan", *words, cwd=space.root)
    assert planned.out.startswith("1 cell: 1 tool × 1 persona × 1 repeat, asked of ")
    assert "\n1 call, " in planned.out
    ran = panel("run", *words, cwd=space.root)
    assert "1 cell asked of " in ran.out and "1 verdict (" in ran.out and "1 request," in ran.out


def test_an_interrupted_command_says_only_what_is_true_of_it(
    mocked: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers are kept by what asks; of what only reads nothing is said to be."""

    def interrupted(_root: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("panel.workspace.loading.load_workspace", interrupted)
    monkeypatch.setattr("panel.cli.workspace.load_workspace", interrupted)
    for command, said in (
        ("run", "panel: interrupted; everything answered so far is kept.\n"),
        ("check", "panel: interrupted.\n"),
        ("lint", "panel: interrupted.\n"),
    ):
        done = panel(command, cwd=mocked.root)
        assert (done.code, done.err) == (130, said)


def test_help_has_plain_words_for_values_and_no_type_of_python(mocked: Space, panel: Panel) -> None:
    for command in ("lint", "run", "diff", "fetch", "compare-arms"):
        told = panel(command, "--help", cwd=mocked.root).out
        assert not re.search(r"<[a-z]+|list\[|\[\[", told), told
    told = panel("run", "--help", cwd=mocked.root).out
    for said in ("--tool NAME", "--since REVISION", "--max-calls N", "--record PATH"):
        assert said in told


def test_the_folder_after_the_command_is_told_where_it_stands(mocked: Space, panel: Panel) -> None:
    for words in (("lint", "-C", "second"), ("lint", "--directory", "second")):
        done = panel(*words, cwd=mocked.root)
        assert done.code == 2 and done.err.endswith("before the command: panel -C DIR lint\n")
    assert "panel -C" not in panel("lint", "-X", cwd=mocked.root).err


@pytest.mark.slow
def test_what_would_take_long_on_this_machine_is_offered_in_a_smaller_step(
    mocked: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said once, to a person who begins with a model of this machine."""
    for number in range(3):
        mocked.tool(f"cog-{number}")
    in_ci = panel("run", "--dry-run", cwd=mocked.root)
    monkeypatch.delenv("CI")
    few = panel("plan", "--tool", "bellows", cwd=mocked.root)
    assert "smaller first step" not in in_ci.err + few.err
    told = panel("run", "--max-calls", "1", cwd=mocked.root)
    assert "'panel run --tool anvil' is a smaller first step (4 cells)" in told.err
    assert "smaller first step" not in panel("run", cwd=mocked.root).err, "some are answered"
