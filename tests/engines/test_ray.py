"""The Ray engine, with real Ray on this machine: `make test-ray` installs it and runs these.

Each run starts Ray and ends it: some twenty seconds.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from panel.runs.selection import Selection, prepare
from panel.workspace.loading import load_workspace
from tests.support.mock_endpoint import Answer, MockEndpoint, reply_for
from tests.support.ray_processes import ASKER, alive, askers_of, children_of
from tests.support.runs import answers, rows, run
from tests.support.space import Space, edit
from tests.support.threads import wait_until

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="needs Ray (588 MB): `make test-ray` installs it and runs these tests",
    ),
    pytest.mark.timeout(900),
]
TOOLS = 12
CELLS = 4 * TOOLS
CONCURRENCY = 4
RUN = [sys.executable, "-m", "panel", "run", "--json", "--engine", "ray", "--workers", "2"]


@pytest.fixture
def wide(mocked: Space) -> Space:
    """Make a workspace with enough cells to be caught in the middle of."""
    for number in range(TOOLS - 2):
        mocked.tool(f"tool-{number}")
    return mocked


@contextmanager
def started(space: Space, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Start a run on Ray; afterwards nothing that it started is left."""
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*RUN, *more], cwd=space.root, text=True, **piped) as process:
        seen: dict[int, str] = {}
        process.seen = seen  # type: ignore[attr-defined]
        try:
            yield process
        finally:
            seen |= children_of(process.pid)
            process.kill()
            process.wait()
    # Of a killed run, Ray's own helpers look for it for a minute; its workers end with it.
    killed = process.returncode == -signal.SIGKILL
    ending = [pid for pid, name in seen.items() if not killed or ASKER in name]
    wait_until(lambda: not any(map(alive, ending)))


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    """Return exit code, summary and stderr of a run."""
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err, err
    return process.returncode, json.loads(out) if out.strip() else {}, err


def asked(mock: MockEndpoint) -> Counter[str]:
    """Count requests by what they showed the model, which names the cell."""
    return Counter(json.dumps(r["body"]["messages"]) for r in mock.requests if r["body"])


def finals(space: Space) -> Counter[str]:
    """Count the outcomes in all journals by cell."""
    lines = [
        json.loads(line)
        for file in space.journals
        for line in file.read_bytes().splitlines(keepends=True)
        if line.endswith(b"\n")
    ]
    return Counter(
        each["fingerprint"] for each in lines if each["kind"] == "attempt" and each["final"]
    )


def test_it_gives_the_verdicts_of_the_local_engine_and_a_right_summary(
    wide: Space, mock: MockEndpoint
) -> None:
    run(wide, tools=["anvil"])
    with started(wide) as process:
        wait_until(lambda: len(askers_of(process.pid)) == 2)
        code, summary, err = ended(process)
    assert code == 0, err
    assert (summary["planned"], summary["reused"], summary["asked"]) == (CELLS, 4, CELLS - 4)
    assert (summary["verdicts"], summary["errors"], summary["stopped"]) == (CELLS - 4, 0, None)
    assert set(asked(mock).values()) == {1} and len(asked(mock)) == CELLS
    assert summary["requests"] == CELLS - 4
    told = "SELECT asked, verdicts, requests, prompt_tokens, completion_tokens, server, output_mode"
    [row] = rows(wide, f"{told} FROM runs WHERE run_id = '{summary['run_id']}'")
    assert row[:5] == tuple(
        summary[name]
        for name in ("asked", "verdicts", "requests", "prompt_tokens", "completion_tokens")
    )
    assert row[5:] == ("unknown", "json_schema")
    assert rows(wide, "SELECT count(*) FROM runs") == [(2,)], "its journals are one run"
    assert len(wide.journals) == 4, "one of each worker, one of each run"
    by_ray = answers(wide)
    for file in wide.journals:
        file.unlink()
    (wide.root / "runs" / "panel.duckdb").unlink()
    run(wide)
    assert answers(wide) == by_ray
    assert "verdicts" in json.dumps(summary) and err.count("\n") <= 2, err


def test_a_refused_key_costs_one_request_however_many_workers_there_are(
    wide: Space, mock: MockEndpoint
) -> None:
    mock.face = lambda _index, _body: Answer(401, {"error": {"message": "bad key"}})
    with started(wide) as process:
        code, summary, err = ended(process)
    assert code == 3 and summary["stopped"] == "endpoint", err
    assert sum(asked(mock).values()) == 1


def test_a_budget_holds_over_all_workers(wide: Space, mock: MockEndpoint) -> None:
    with started(wide, "--max-calls", "17") as process:
        code, summary, err = ended(process)
    assert code == 4 and "--max-calls 17" in err
    assert summary["requests"] == mock.asked == 17


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_what_is_in_flight_finish(
    wide: Space, mock: MockEndpoint, number: int
) -> None:
    mock.delay = 1.0
    with started(wide) as process:
        wait_until(lambda: len(finals(wide)) >= 5)
        process.seen |= children_of(process.pid)  # type: ignore[attr-defined]
        process.send_signal(number)
        code, summary, err = ended(process)
    assert code == 130 and summary["stopped"] == "interrupted", err
    assert mock.asked == len(finals(wide)) == summary["asked"] < CELLS, "what was asked is kept"
    mock.delay = 0
    assert run(wide).asked == CELLS - summary["asked"]


def test_a_killed_worker_loses_only_what_was_in_flight_and_its_cells_are_asked_once(
    wide: Space, mock: MockEndpoint
) -> None:
    mock.delay = 0.3
    with started(wide) as process:
        wait_until(lambda: len(finals(wide)) >= 10)
        before = finals(wide)
        os.kill(askers_of(process.pid)[0], signal.SIGKILL)
        code, summary, err = ended(process)
    assert code == 0 and "A worker has died" in err, err
    assert (summary["asked"], summary["verdicts"]) == (CELLS, CELLS)
    assert len(finals(wide)) == CELLS and set(finals(wide).values()) == {1}
    assert all(finals(wide)[cell] == 1 for cell in before)
    assert sum(asked(mock).values()) - CELLS <= CONCURRENCY
    assert run(wide).asked == 0


def test_a_killed_driver_leaves_nobody_asking_and_every_answer_that_was_written(
    wide: Space, mock: MockEndpoint
) -> None:
    mock.delay = 0.3
    with started(wide) as process:
        wait_until(lambda: len(finals(wide)) >= 10)
        process.seen |= children_of(process.pid)  # type: ignore[attr-defined]
        process.kill()
    kept, sent = finals(wide), sum(asked(mock).values())
    assert sent - len(kept) <= CONCURRENCY
    mock.delay = 0
    summary = run(wide)
    assert (summary.reused, summary.asked) == (len(kept), CELLS - len(kept))
    assert set(finals(wide).values()) == {1}
    stopped = rows(wide, "SELECT stopped, asked FROM runs ORDER BY started_at")
    assert stopped == [("cut off", len(kept)), (None, CELLS - len(kept))]


def test_pairs_that_are_not_sure_are_asked_again_in_the_same_run(
    wide: Space, mock: MockEndpoint
) -> None:
    wide.ci("repeats = 1\nmost_repeats = 3")
    with started(wide, "--changed", "--tool", "anvil") as process:
        code, summary, err = ended(process)
    assert code == 0, err
    assert summary["planned"] == summary["asked"] == mock.asked > 4
    assert "has died" not in err
    by_ray = answers(wide)
    for file in wide.journals:
        file.unlink()
    (wide.root / "runs" / "panel.duckdb").unlink()
    run(wide, changed=True, tools=["anvil"])
    assert answers(wide) == by_ray


def test_no_cluster_at_an_address_is_one_sentence(wide: Space, mock: MockEndpoint) -> None:
    with started(wide, "--address", "127.0.0.1:1") as process:
        code, _summary, err = ended(process)
    assert code == 2 and "no Ray cluster at '127.0.0.1:1'" in err
    assert mock.asked == 0


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_twenty_kills_of_workers_and_drivers_lose_no_reply_that_was_written(
    wide: Space, mock: MockEndpoint
) -> None:
    """PANEL_KILLS says how many; the figures are printed."""
    many = int(os.environ.get("PANEL_KILLS", "24"))
    chance = random.Random(int(os.environ.get("PANEL_TEST_SEED", "15")))
    mock.face = lambda _index, body: Answer(body=reply_for(body), delay=0.4)
    workers = drivers = repeated = most = generation = 0
    while workers + drivers < many:
        generation += 1
        edit(wide.root / "personas" / "builder.md", "avoid:", f"avoid:\n  - the word w{generation}")
        for number in range(TOOLS - 2):  # every cell is new
            wide.tool(f"tool-{number}", description=f"Generation {generation} of {number}.")
        while anything_left(wide):
            before, sent = finals(wide), sum(asked(mock).values())
            killed = 0
            with started(wide) as process:
                while process.poll() is None and killed < 3 and workers + drivers < many:
                    start = len(finals(wide))
                    wait_until(
                        lambda process=process, start=start: (
                            process.poll() is not None or len(finals(wide)) > start
                        )
                    )
                    time.sleep(chance.uniform(0, 1.5))
                    victims = askers_of(process.pid)
                    if process.poll() is not None:
                        break
                    killed += 1
                    if victims and chance.random() < 0.7:
                        os.kill(chance.choice(victims), signal.SIGKILL)
                        workers += 1
                    else:
                        process.seen |= children_of(process.pid)  # type: ignore[attr-defined]
                        process.kill()
                        drivers += 1
                process.communicate(timeout=300)
            now = finals(wide)
            assert all(now[cell] >= count for cell, count in before.items()), "nothing is lost"
            assert set(now.values()) == {1}, "no cell is asked after its verdict was written"
            gone = sum(asked(mock).values()) - sent - (now.total() - before.total())
            assert 0 <= gone <= CONCURRENCY * killed
            repeated, most = repeated + gone, max(most, gone)
    assert run(wide).asked == 0
    [(kept,)] = rows(wide, "SELECT count(DISTINCT fingerprint) FROM attempts WHERE final")
    assert kept == finals(wide).total()
    print(
        f"{workers} workers and {drivers} drivers killed; {kept} replies written and 0 of them "
        f"lost, 0 cells asked after their verdict was written, {repeated} requests repeated, "
        f"at most {most} in one run"
    )


def anything_left(space: Space) -> bool:
    """Whether there is anything to ask."""
    return bool(prepare(load_workspace(space.root), Selection()).plan.pending)
