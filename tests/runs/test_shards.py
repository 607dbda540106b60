"""Shards of one selection: no cell twice, none left out, at one time, here and on clones."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tenacity

from panel.cells.cells import ModelIdentity
from panel.cells.shards import Shard
from panel.errors import StoreBusyError
from panel.runs.lock import run_lock
from panel.runs.run import ProgressReporter, execute
from panel.runs.selection import Selection, prepare
from panel.workspace.loading import load_workspace
from tests.support.frozen_verdicts import freeze
from tests.support.mock_endpoint import Answer, MockEndpoint
from tests.support.runs import answers, pending, rows, run
from tests.support.sizes import size
from tests.support.space import Panel, Space, edit

MODEL = ModelIdentity("mock", "mock-1")
OF = 4


def shards(of: int = OF) -> list[Shard]:
    return [Shard(number, of) for number in range(1, of + 1)]


@pytest.fixture
def wide(mocked: Space) -> Space:
    """Make a workspace with enough cells for every shard to have some."""
    for number in range(10):
        mocked.tool(f"tool-{number}")
    return mocked


def asked(mock: MockEndpoint) -> Counter[str]:
    """Count requests by what they showed the model, which names the cell."""
    return Counter(json.dumps(r["body"]["messages"]) for r in mock.requests if r["body"])


@pytest.mark.slow
def test_the_shards_of_a_plan_are_the_plan(wide: Space, panel: Panel) -> None:
    run(wide, tools=["anvil"])
    whole = json.loads(panel("plan", "--json", "--repeats", "2", cwd=wide.root).out)
    parts = [
        json.loads(panel("plan", "--json", "--repeats", "2", "--shard", s, cwd=wide.root).out)
        for s in map(str, shards())
    ]
    assert [part["shard"] for part in parts] == ["1/4", "2/4", "3/4", "4/4"]
    assert whole["shard"] is None
    for total in ("cells", "pending", "reused"):
        assert sum(part[total] for part in parts) == whole[total]
    cells = [cell["fingerprint"] for part in parts for cell in part["pending_cells"]]
    assert Counter(cells) == Counter(cell["fingerprint"] for cell in whole["pending_cells"])
    assert all(part["pending"] for part in parts), "no shard of this catalog is empty"
    assert "cells: shard 2/4 of 12 tools × 4 personas × 2 repeats" in (
        panel("plan", "--repeats", "2", "--shard", "2/4", cwd=wide.root).out
    )


def test_all_repeats_of_a_question_are_in_one_shard(wide: Space) -> None:
    where: dict[tuple[str, str], set[int]] = {}
    for shard in shards():
        for tool, persona, _repeat, _reason in pending(wide, repeats=3, shard=shard):
            where.setdefault((tool, persona), set()).add(shard.number)
    assert len(where) == 48 and all(len(numbers) == 1 for numbers in where.values())


@pytest.mark.slow
def test_shards_one_after_the_other_ask_each_cell_once(wide: Space, mock: MockEndpoint) -> None:
    summaries = [run(wide, shard=shard) for shard in shards()]
    assert sum(each.planned for each in summaries) == 48
    assert sum(each.verdicts for each in summaries) == 48
    assert set(asked(mock).values()) == {1} and len(asked(mock)) == 48
    assert run(wide).asked == 0
    named = rows(wide, "SELECT shard, asked FROM runs ORDER BY started_at")
    assert named == [(f"{n}/4", each.asked) for n, each in enumerate(summaries, 1)]


@pytest.mark.slow
def test_again_asks_the_same_repeat_in_each_shard(wide: Space) -> None:
    run(wide)
    for shard in shards():  # the second one meets new repeats of the first
        run(wide, shard=shard, again=True)
    assert rows(wide, "SELECT repeat, count(*) FROM verdicts GROUP BY 1 ORDER BY 1") == [
        (1, 48),
        (2, 48),
    ]


@pytest.mark.slow
def test_the_shards_of_what_has_changed_are_all_that_has_changed(wide: Space) -> None:
    run(wide)
    freeze(wide)
    edit(wide.root / "personas" / "builder.md", "avoid:", "avoid:\n  - the word paradigm")
    whole = pending(wide, changed=True)
    parts = [pending(wide, changed=True, shard=shard) for shard in shards()]
    assert Counter(cell for part in parts for cell in part) == Counter(whole)
    assert len(whole) == 12
    summaries = [run(wide, changed=True, shard=shard) for shard in shards()]
    assert sum(each.asked for each in summaries) == 12
    assert sum(each.reused for each in summaries) == 36


@pytest.mark.slow
def test_canaries_are_asked_once_over_all_shards(wide: Space) -> None:
    run(wide)
    freeze(wide)
    wide.ci('canaries = ["anvil", "tool-3"]\ncanary_cells = 8')
    edit(wide.root / "personas" / "builder.md", "avoid:", "avoid:\n  - the word paradigm")
    whole = prepare(load_workspace(wide.root), Selection(changed=True)).canaries
    found = [
        cell.key
        for shard in shards()
        for cell in prepare(
            load_workspace(wide.root), Selection(changed=True, shard=shard)
        ).canaries
    ]
    assert sorted(found) == sorted(cell.key for cell in whole) and found


@pytest.mark.slow
def test_a_shard_writes_down_the_tools_that_it_asks(wide: Space) -> None:
    many = size(10, 40)
    [one] = wide.journals if run(wide, shard=Shard(1, many)).asked else [None]
    assert one is not None
    kinds = [json.loads(line) for line in one.read_bytes().splitlines()]
    tools = {line["record"]["slug"] for line in kinds if line["kind"] == "tool"}
    assert tools == {line["tool"] for line in kinds if line["kind"] == "attempt"}
    for number in range(2, many + 1):
        run(wide, shard=Shard(number, many))
    assert rows(wide, "SELECT count(*) FROM tools") == [(12,)]


@contextmanager
def other_process(runs: Path, shard: str) -> Iterator[subprocess.Popen[str]]:
    """Hold a lock in a process of its own until that is killed; "" for that of a whole run."""
    script = (
        "import sys; from pathlib import Path\n"
        "from panel.cells.cells import ModelIdentity; from panel.cells.shards import Shard\n"
        "from panel.runs.lock import run_lock\n"
        "shard = Shard.parse(sys.argv[2]) if sys.argv[2] else None\n"
        "with run_lock(Path(sys.argv[1]), ModelIdentity('mock', 'mock-1'), shard):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(runs), shard],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("there", "comes", "said"),
    [
        ("", None, "another run is asking mock/mock-1"),
        ("", "1/4", "another run is asking mock/mock-1"),
        ("1/4", None, "a run with --shard 1/4 is asking"),
        ("1/4", "1/4", "a run with --shard 1/4 is asking"),
        ("1/4", "1/8", "ask another shard of the same 4"),
        ("1/4", "2/8", "ask another shard of the same 4"),
    ],
)
def test_runs_that_share_cells_do_not_ask_one_model_at_once(
    wide: Space, there: str, comes: str | None, said: str
) -> None:
    runs, shard = wide.root / "runs", Shard.parse(comes) if comes else None
    with other_process(runs, there) as process:
        with pytest.raises(StoreBusyError, match=said), run_lock(runs, MODEL, shard):
            pass
        with run_lock(runs, ModelIdentity("mock", "mock-2"), shard):
            pass  # another model is another matter
        process.kill()
        process.wait()
        with run_lock(runs, MODEL, shard):
            pass  # the lock has gone with its process


def test_other_shards_of_the_same_number_ask_at_the_same_time(wide: Space) -> None:
    runs = wide.root / "runs"
    with other_process(runs, "1/4"), run_lock(runs, MODEL, Shard(2, 4)):
        with (
            pytest.raises(StoreBusyError),
            run_lock(runs, MODEL, Shard(3, 4)),
            run_lock(runs, MODEL),
        ):
            pass
        with run_lock(runs, MODEL, Shard(3, 4)):
            pass


def started(root: Path, shard: Shard) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "panel", "run", "--json", "--shard", str(shard)],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    summary: dict[str, Any] = json.loads(out)
    return summary


@pytest.fixture
def by_one(wide: Space, tmp_path: Path) -> list[tuple[Any, ...]]:
    """Ask everything in one run, in a copy of the workspace; return its view ``verdicts``."""
    whole = Space(Path(shutil.copytree(wide.root, tmp_path / "whole")))
    run(whole)
    return answers(whole)


@pytest.mark.slow
def test_four_processes_at_once_in_one_workspace_ask_each_cell_once_and_all_end_well(
    wide: Space, mock: MockEndpoint, by_one: list[tuple[Any, ...]]
) -> None:
    mock.requests.clear()
    processes = [started(wide.root, shard) for shard in shards()]
    summaries = [ended(process) for process in processes]
    assert sum(each["verdicts"] for each in summaries) == 48 == len(asked(mock))
    assert set(asked(mock).values()) == {1}
    assert run(wide).asked == 0
    assert answers(wide) == by_one


@pytest.mark.slow
def test_run_folders_of_clones_merge_into_what_one_run_would_have_made(
    wide: Space, mock: MockEndpoint, by_one: list[tuple[Any, ...]], tmp_path: Path, panel: Panel
) -> None:
    clones = [tmp_path / f"clone-{shard.number}" for shard in shards()]
    mock.requests.clear()
    for clone, shard in zip(clones, shards(), strict=True):
        shutil.copytree(wide.root, clone)
        assert run(Space(clone), shard=shard).errors == 0
    assert set(asked(mock).values()) == {1} and len(asked(mock)) == 48
    (wide.root / "runs").mkdir(exist_ok=True)
    for clone in clones:  # rsync clone-*/runs/*Z-* runs/
        for folder in (clone / "runs").glob("*Z-*"):
            shutil.copytree(folder, wide.root / "runs" / folder.name)
    totals = json.loads(panel("run", "--json", cwd=wide.root).out)
    assert (totals["asked"], totals["reused"]) == (0, 48)
    assert answers(wide) == by_one
    assert panel("verify", cwd=wide.root).code == 0


@pytest.mark.slow
def test_a_run_ends_well_though_another_holds_the_store(
    wide: Space, mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = Shard(1, 4)
    run(wide, tools=["anvil"])  # so that there is a store
    script = (
        "import duckdb, sys; store = duckdb.connect(sys.argv[1])\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    holders: list[subprocess.Popen[str]] = []

    def hold(_index: int, _body: dict[str, Any]) -> Answer | None:
        if not holders:
            words = [sys.executable, "-c", script, str(wide.root / "runs" / "panel.duckdb")]
            piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            holders.append(subprocess.Popen(words, text=True, **piped))
            assert holders[0].stdout is not None and holders[0].stdout.readline() == "held\n"
        return None

    mock.face = hold
    workspace, notices = load_workspace(wide.root), list[str]()
    prepared = prepare(workspace, Selection(shard=shard))
    soon = tenacity.stop_after_delay(0.2)
    monkeypatch.setattr(tenacity, "stop_after_delay", lambda _seconds: soon)
    try:
        reporter = ProgressReporter(lambda _stats: None, notices.append)
        summary, stats = execute(workspace, prepared, reporter)
    finally:
        for holder in holders:
            holder.kill()
            holder.communicate()
    told = [notice for notice in notices if "journal of this run has every answer" in notice]
    assert len(told) == 1 and "is held by process" in told[0]
    assert summary.asked == summary.verdicts == len(prepared.plan.pending) == stats.asked > 0
    monkeypatch.undo()
    kept = "SELECT asked, verdicts, requests, prompt_tokens, completion_tokens FROM runs"
    [row] = rows(wide, f"{kept} WHERE run_id = '{summary.run_id}'")
    assert row == (
        summary.asked,
        summary.verdicts,
        summary.requests,
        summary.prompt_tokens,
        summary.completion_tokens,
    )
