"""Where output goes, and what of it reaches a terminal: "-", JSON, CSV, files."""

from __future__ import annotations

import json
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.git_repository import repository
from tests.support.mock_endpoint import MockEndpoint
from tests.support.processes import Child
from tests.support.space import Panel, Space

# An escape sequence, C1, an override, a space without a width, a blank letter, a tag.
HIDDEN = "\x1b[31m\x9b1m\u202e\u2066\u200b\u2060\u3164\U000e0041\x07\r"
KEPT = "10\u00a0€ می\u200cخواهم 👩\u200d💻"


def told(text: str) -> Any:
    """Parse JSON as strictly as other programs do."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "parquet"])
def test_a_dash_writes_an_export_to_stdout(asked: Space, child: Child, form: str) -> None:
    words = ("export", "--format", form, "-o", "-")
    done = child(*words, cwd=asked.root, text=False, check=True)
    if form == "parquet":
        (asked.root / "read.parquet").write_bytes(done.stdout)
        rows = duckdb.read_parquet(str(asked.root / "read.parquet")).fetchall()
    elif form == "json":
        rows = told(done.stdout.decode())
    else:
        rows = BytesIO(done.stdout).readlines()
    assert len(rows) == 8 + (form == "csv")
    assert done.stderr == b"" and not (asked.root / "-").exists()


def test_a_dash_writes_a_page_to_stdout_and_nothing_else(asked: Space, panel: Panel) -> None:
    done = panel("compare", "anvil", "bellows", "--html", "-", cwd=asked.root)
    assert done.out.startswith("<!doctype html>") and done.out.rstrip().endswith("</html>")
    assert not (asked.root / "-").exists()
    both = panel("compare", "anvil", "bellows", "--html", "-", "--json", cwd=asked.root)
    assert both.code == 2 and "both want stdout" in both.err


def test_each_form_of_a_diff_goes_to_stdout_alone_or_to_its_file(
    asked: Space, panel: Panel
) -> None:
    repository(asked.root)
    assert told(panel("diff", "HEAD", "--json", "-", cwd=asked.root).out)["head"] == "now"
    assert panel("diff", "HEAD", "--junit", "-", cwd=asked.root).out.startswith("<?xml")
    printed = panel("diff", "HEAD", "-o", "-", cwd=asked.root).out
    assert printed.startswith("HEAD → now") and not (asked.root / "-").exists()
    kept = panel("diff", "HEAD", "-o", "diff.txt", "--markdown", "-", cwd=asked.root)
    assert kept.out.startswith("<!--")
    assert (asked.root / "diff.txt").read_text(encoding="utf-8") == printed
    for words in (["--json", "-", "--sarif", "-"], ["--markdown", "-", "-o", "-"]):
        refused = panel("diff", "HEAD", *words, cwd=asked.root)
        assert refused.code == 2 and "takes one" in refused.err and not refused.out


def test_a_dash_reads_stdin_where_a_file_is_read(asked: Space, panel: Panel, child: Child) -> None:
    repository(asked.root)
    summary = panel("run", "--json", cwd=asked.root).out
    for words, sent, said in (
        (["diff", "HEAD", "--run", "-", "--json", "-"], summary, '"planned": 8'),
        (["votes", "import", "-"], "tool,ships,skips\nanvil,3,1\n", "Imported 1 line"),
        (["run", "--again", "--replay", "-"], "", "/dev/stdin"),
    ):
        done = child(*words, cwd=asked.root, input=sent)
        assert said in done.stdout + done.stderr, done


def test_a_recording_does_not_go_where_the_summary_goes(mocked: Space, panel: Panel) -> None:
    done = panel("run", "--record", "-", cwd=mocked.root)
    assert done.code == 2 and "a file of its own" in done.err and not mocked.journals


def test_what_begins_with_a_dash_comes_after_two(asked: Space, panel: Panel) -> None:
    done = panel("show", "--", "-anvl", cwd=asked.root)
    assert done.code == 2 and "there is no tool '-anvl'. Did you mean 'anvil'?" in done.err


def test_json_has_neither_infinity_nor_nan(asked: Space, panel: Panel) -> None:
    numbers = "'inf'::DOUBLE AS a, '-inf'::FLOAT AS b, 'nan'::DOUBLE AS c, 1.5::DECIMAL(3,1) AS d"
    query = f"SELECT {numbers}, [1.0, 'nan'::DOUBLE] AS e, {{'f': 'inf'::DOUBLE}} AS g"
    (row,) = told(panel("sql", query, "--format", "json", cwd=asked.root).out)
    assert row == {"a": None, "b": None, "c": None, "d": 1.5, "e": [1.0, None], "g": {"f": None}}
    lines = panel(
        "sql", f"{query}, MAP {{1: 'nan'::DOUBLE}} AS h", "--format", "csv", cwd=asked.root
    )
    assert lines.out.splitlines()[1].endswith('"[1.0, null]","{""f"": null}","{""1"": null}"')


@pytest.mark.parametrize("value", ["inf", "nan", "2026-01-31", "10:00:00", "[{ x = inf }]"])
def test_settings_that_json_cannot_say_are_named(
    mocked: Space, mock: MockEndpoint, panel: Panel, value: str
) -> None:
    mocked.point_at(mock, f"[sampling]\nextra = {{ x = {value} }}\n")
    done = panel("check", cwd=mocked.root)
    assert done.code == 2 and "panel.toml:8: sampling.extra: holds a value" in done.out
    mocked.point_at(mock, f"[endpoints.mock.prices]\ncompletion = 1\nprompt = {value}\n")
    done = panel("check", cwd=mocked.root)
    assert done.code == 2 and "endpoints.mock.prices.prompt" in done.out


@pytest.mark.parametrize("form", ["csv", "table", "json"])
def test_what_is_printed_holds_nothing_that_acts_or_hides(
    asked: Space, child: Child, form: str
) -> None:
    query = f"SELECT '{HIDDEN}' AS a, '{KEPT}' AS \"b{HIDDEN}\""
    words = ("sql", query, "--format", form)
    done = child(*words, cwd=asked.root, text=False, check=True)
    printed = done.stdout.decode()
    assert not set(printed) & set(HIDDEN) - set("[31m1m")
    kept = KEPT.replace("\u00a0", " ") if form == "table" else KEPT
    assert kept in printed, "joined letters, emoji and wide spaces are text"
    if form == "json":
        assert told(printed)[0]["a"] == HIDDEN, "JSON escapes, and loses nothing"


def test_a_file_gets_everything_as_it_is(mocked: Space, panel: Panel, programs: Path) -> None:
    row = {"name": "Crane", "tagline": "t", "category": f"x{HIDDEN}y", "description": "d"}
    table = json.dumps([row | {"pricing": {"entry": "Free"}}])
    (mocked.root / "tools" / "more.json").write_text(table, encoding="utf-8")
    assert panel("run", "--tool", "crane", cwd=mocked.root).code == 0
    assert panel("export", "-o", "option.csv", cwd=mocked.root).code == 0
    command = f"{programs}/panel export > shell.csv; {programs}/panel export | cat"
    piped = subprocess.run(
        ["bash", "-c", command], cwd=mocked.root, capture_output=True, check=True
    )
    whole = f"x{HIDDEN}y".encode()
    for name in ("option.csv", "shell.csv"):
        assert whole in (mocked.root / name).read_bytes()
    assert b"\x1b" not in piped.stdout and "\u202e".encode() not in piped.stdout


def test_no_wide_sign_of_a_formula_begins_a_cell(asked: Space, panel: Panel) -> None:
    query = "SELECT '＝1' AS a, '＋1' AS b, '－1' AS c, ' ＠x' AS d, '1＝1' AS e"
    printed = panel("sql", query, "--format", "csv", cwd=asked.root).out
    assert printed.splitlines()[1] == "'＝1,'＋1,'－1,' ＠x,1＝1"


def test_an_error_quotes_what_is_hidden_as_escapes(asked: Space, panel: Panel) -> None:
    for words in (
        ["show", HIDDEN],
        ["sql", "SELECT 1", "--format", HIDDEN],
        [HIDDEN],
        [f"-{HIDDEN}"],
    ):
        done = panel(*words, cwd=asked.root)
        assert done.code == 2 and not set(done.err) & set(HIDDEN) - set("[31m1m")


def test_a_file_that_cannot_be_written_is_named(asked: Space, panel: Panel, tmp_path: Path) -> None:
    target = str(tmp_path / "no" / "such" / "file.")
    for words in (["export", "-o", f"{target}csv"], ["export", "-o", f"{target}parquet"]):
        done = panel(*words, cwd=asked.root)
        assert done.code == 2 and "cannot be written: No such file" in done.err
