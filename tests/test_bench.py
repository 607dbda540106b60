"""The benchmarks of bench/ start as their pages say, and find what they look for."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bench import growth, overhead, ratio, report, rooms
from bench.clients.answer import Answer
from bench.measuring import Cost, Target, child
from bench.peers import PEERS, Work

from tests.support.mock_endpoint import reply_for
from tests.support.sizes import size

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "bench").glob("*.py"))
PROGRAMS = [file.stem for file in FILES if "__main__" in file.read_text(encoding="utf-8")]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which only Linux has")


def bench(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    asked = [sys.executable, "-m", f"bench.{program}", *words]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)


def cost(cpu: float = 1.0, wall: float = 0.1, peak_mb: float = 100.0) -> Cost:
    return Cost(wall, cpu, peak_mb)


def missed(wanted: list[Target]) -> list[str]:
    return [target.sentence() for target in wanted if not target.met]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_benchmark_says_what_it_measures(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [program, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "bench" / f"{program}.py"), run_name="__main__")
    assert not ended.value.code
    assert "usage" in capsys.readouterr().out.lower()


# --- the cost of a process --------------------------------------------------------------------

RUN_ANOTHER = "subprocess.run([sys.executable, '-c', {!r}], check=True)"


@pytest.mark.process
@LINUX
def test_the_peak_memory_of_a_child_holds_that_of_its_own_children(tmp_path: Path) -> None:
    inner = "import time; x = bytearray(80_000_000); time.sleep(1)"
    outer = f"import subprocess, sys; x = bytearray(80_000_000); {RUN_ANOTHER.format(inner)}"
    found, _output = child([sys.executable, "-c", outer], tmp_path)
    assert found.peak_mb > 160_000_000 / 2**20


@pytest.mark.slow
@pytest.mark.process
def test_the_cpu_of_a_child_holds_that_of_its_own_children(tmp_path: Path) -> None:
    inner = "import time\nwhile time.process_time() < 0.5: pass"
    outer = f"import subprocess, sys; {RUN_ANOTHER.format(inner)}"
    found, _output = child([sys.executable, "-c", outer], tmp_path)
    assert found.cpu >= 0.5


# --- clients side by side ---------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.process
def test_clients_ask_the_same_number_of_questions_and_the_result_is_json() -> None:
    words = ("raw aiohttp", "openai.post", "panel run", "--cells", "8", "--rounds", "1", "--json")
    told = bench("overhead", *words)
    found = json.loads(told.stdout)
    assert found["failed"] == {}, told.stderr
    assert list(found["clients"]) == list(words[:3])
    assert {each["cells"] for each in found["clients"].values()} == {8}
    assert found["clients"]["panel run"]["warm_asked"] == 0
    assert all(each["cold"]["cpu"] > 0 for each in found["clients"].values())
    assert told.returncode == (0 if all(each["met"] for each in found["targets"]) else 1)


def clients(**cpu_ms: float) -> dict[str, Any]:
    names = {"ours": "panel run", "post": "openai.post", "inspect": "inspect-ai"}
    warm = {"wall": 0.4}
    return {
        names[key]: {"cpu_ms": value, "cells": 2000, "warm": warm} for key, value in cpu_ms.items()
    }


def test_a_run_that_costs_more_than_it_may_beside_another_client_misses_its_target() -> None:
    assert missed(overhead.targets(clients(ours=1.5, post=1.0, inspect=30.0), 0)) == []
    found = missed(overhead.targets(clients(ours=1.6, post=1.0, inspect=30.0), 0))
    assert [sentence.partition(":")[0] for sentence in found] == [
        "CPU of `panel run` in that of `openai.post`",
        "verdicts a CPU second in those of inspect-ai",
    ]


def test_a_run_with_nothing_to_ask_has_half_a_second_for_2000_cells_and_four_for_40000() -> None:
    assert [overhead.warm_limit(cells) for cells in (100, 2_000, 40_000)] == [0.5, 0.5, 4.0]
    assert 0.5 < overhead.warm_limit(10_000) < 4.0


def test_the_mock_answers_the_schema_that_every_client_sends_with_about_a_kilobyte() -> None:
    form = {"type": "json_schema", "json_schema": {"schema": Answer.model_json_schema()}}
    body = {"messages": [{"role": "user", "content": "?"}], "response_format": form}
    text = reply_for(body)["choices"][0]["message"]["content"]
    Answer.model_validate_json(text)
    assert 800 < len(text) < 1400


def test_promptfoo_is_given_a_test_for_each_question_with_the_schema_of_the_answer(
    tmp_path: Path,
) -> None:
    texts = tmp_path / "questions.json"
    texts.write_text(json.dumps({"rules": "Be brief.", "description": "It reads text."}))
    PEERS["promptfoo"].prepare(Work(tmp_path, "http://127.0.0.1:9/v1", 3, texts))
    written = json.loads((tmp_path / "promptfooconfig.json").read_text())
    assert len({test["vars"]["question"] for test in written["tests"]}) == 3
    assert written["defaultTest"]["assert"][0]["value"] == Answer.model_json_schema()


# --- growth -----------------------------------------------------------------------------------


def test_a_line_that_bends_upward_is_named_and_a_straight_one_is_not() -> None:
    sizes = [1_000, 10_000, 100_000]
    straight = [cost(0.5 + size / 10_000) for size in sizes]
    bent = [*straight[:2], cost(14 * straight[1].cpu)]
    assert missed(growth.targets(sizes, {"freeze": straight})) == []
    [sentence] = missed(growth.targets(sizes, {"diff": bent}))
    assert sentence.startswith("`diff`: CPU a cell")
    assert "1.40" in sentence


def test_a_run_of_100000_cells_may_take_250_megabytes() -> None:
    found = {"run": [cost(peak_mb=249.0), cost(10.0, peak_mb=251.0)]}
    [sentence] = missed(growth.targets([10_000, 100_000], found))
    assert "251.00 MB" in sentence


@pytest.mark.slow
@pytest.mark.process
def test_steps_of_growth_work_on_a_small_workspace() -> None:
    steps = size(["check --frozen"], list(growth.STEPS))
    told = bench("growth", *steps, "--sizes", "8", "--json")
    found = json.loads(told.stdout)
    assert list(found["steps"]) == steps, told.stderr
    assert found["sizes"] == [8]


# --- one long run, the rooms, the ratio -------------------------------------------------------


@pytest.mark.slow
@pytest.mark.process
@LINUX
def test_a_long_run_is_looked_at_until_all_is_asked() -> None:
    told = bench("long_run", "--cells", "200", "--every", "0.05", "--json")
    found = json.loads(told.stdout)
    assert [each["percent"] for each in found["quarters"]] == [25, 50, 75, 100]
    assert found["quarters"][-1]["asked"] == 200
    assert all(each["memory_mb"] > 10 and each["descriptors"] > 3 for each in found["quarters"])


@pytest.mark.parametrize(
    ("frames", "room"),
    [
        (["main (panel/cli/run.py:1)", "_find (<frozen importlib._bootstrap>:1)"], "imports"),
        (["ask (panel/engines/job_run.py:1)", "EpollSelector.select (selectors.py:468)"], None),
        (["Thread.run (threading.py:982)", "_worker (concurrent/futures/thread.py:81)"], None),
        (["", "os.fsync (panel/cells/journal.py:90)"], "journal and fsync"),
        (["write (panel/store/ingest.py:9)", "dumps (json/encoder.py:1)"], "ingest and the store"),
        (
            ["ask_all (panel/engines/local.py:1)", "Handle._run (asyncio/events.py:80)",
             "read (/aiohttp/client_proto.py:1)", "send (asyncio/selector_events.py:1)"],
            "transport",
        ),
        (
            ["ask_all (panel/engines/local.py:1)", "_run_once (asyncio/base_events.py:1)",
             "Handle._run (asyncio/events.py:80)"],
            "asyncio",
        ),
    ],
)  # fmt: skip
def test_a_sample_belongs_to_the_innermost_room_of_its_callback(
    frames: list[str], room: str | None
) -> None:
    assert rooms.room_of(";".join(frames)) == room


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize(("kept", "code"), [(0.01, 1), (100.0, 0)])
def test_the_ratio_fails_where_our_loop_costs_more_beside_the_bare_one_than_it_did(
    kept: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ratio.json"
    file.write_text(json.dumps({"ratio": kept}))
    monkeypatch.setattr(ratio, "KEPT", file)
    monkeypatch.setattr(ratio, "CELLS", 8)
    monkeypatch.setattr(sys, "argv", ["ratio", "--rounds", "1"])
    assert ratio.main() == code


# --- the page ---------------------------------------------------------------------------------


def test_the_report_writes_between_its_marks_and_says_which_targets_are_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, results = tmp_path / "performance.md", tmp_path / "results"
    page.write_text(f"By hand.\n{report.FIRST}\nold\n{report.LAST}\nAlso by hand.\n")
    results.mkdir()
    machine = {"measured_at": "2026-11-27 12:00", "system": "Linux", "cores": 2, "load": 0.1}
    found = {
        "command": "python -m bench.rooms --json",
        "machine": machine | {"python": "3.11", "versions": {"openai": "3.54"}},
        "percent": {"imports": 40.2, "transport": 59.8},
        "targets": [
            {"what": "a", "figure": 2.0, "limit": 1.5, "unit": "s", "least": False, "met": False},
            {"what": "b", "figure": 21.0, "limit": 20.0, "unit": "", "least": True, "met": True},
        ],
    }
    (results / "rooms.json").write_text(json.dumps(found))
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "RESULTS", results)
    monkeypatch.setattr(sys, "argv", ["report"])
    for _time in range(2):
        assert report.main() == 0
        text = page.read_text()
        assert text.startswith("By hand.\n") and text.endswith("\nAlso by hand.\n")
        assert "old" not in text
        assert "| a | 2 s | ≤ 1.5 s | **missed** |" in text
        assert "| b | 21 | ≥ 20 | met |" in text
        assert "| transport | 60 |" in text
        assert "`python -m bench.rooms --json`" in text
