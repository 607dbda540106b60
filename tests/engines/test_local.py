"""The local engine: in flight, on disk, interrupted, killed."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from panel.endpoint import health
from panel.endpoint.masking import MASK
from panel.engines import job_run
from panel.engines.base import RunStats
from panel.errors import JournalError, StoreError
from panel.runs.run import ProgressReporter, RunSummary, execute
from panel.runs.selection import Selection, prepare
from panel.workspace.loading import load_workspace
from tests.support.mock_endpoint import Answer, MockEndpoint, completion, reply_for
from tests.support.runs import rows
from tests.support.space import Panel, Space
from tests.support.threads import wait_until

TOOLS = 6  # of busy workspaces; four personas each
RUN = [sys.executable, "-m", "panel", "run", "--json"]


@pytest.fixture
def busy(mocked: Space) -> Space:
    """Make a workspace with enough cells to be caught in the middle of."""
    for number in range(TOOLS - 2):
        mocked.tool(f"tool-{number}")
    return mocked


def run(
    space: Space, progress: Callable[[RunStats], None] = lambda _tallies: None
) -> tuple[RunSummary, RunStats, list[str]]:
    notices: list[str] = []
    workspace = load_workspace(space.root)
    prepared = prepare(workspace, Selection())
    return *execute(workspace, prepared, ProgressReporter(progress, notices.append)), notices


def attempts(space: Space) -> list[dict[str, Any]]:
    """Read the attempts of all journals; a torn last line is left out."""
    lines = [
        json.loads(line)
        for file in space.journals
        for line in file.read_bytes().splitlines(keepends=True)
        if line.endswith(b"\n")
    ]
    return [line for line in lines if line["kind"] == "attempt"]


def ends(space: Space) -> list[str | None]:
    lines = [json.loads(line) for file in space.journals for line in file.read_bytes().splitlines()]
    return [line["stopped"] for line in lines if line["kind"] == "end"]


def asked_cells(mock: MockEndpoint) -> Counter[str]:
    """Count requests by what they showed the model, which names the cell."""
    return Counter(json.dumps(r["body"]["messages"]) for r in mock.requests if r["body"])


@contextmanager
def started(space: Space, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Start ``panel run`` as a process of its own; kill it at the end if need be."""
    with subprocess.Popen(
        [*(more or RUN)],
        cwd=space.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_no_more_calls_are_in_flight_than_the_endpoint_takes(
    busy: Space, mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock.delay = 0.05
    flight: list[int] = []
    now = 0
    complete = mock.answer

    def answer(method: str, path: str, headers: dict[str, str], raw: bytes) -> Answer:
        nonlocal now
        if method != "POST":
            return complete(method, path, headers, raw)
        now += 1
        flight.append(now)
        mock._loop.call_later(mock.delay - 0.005, leave)
        return complete(method, path, headers, raw)

    def leave() -> None:
        nonlocal now
        now -= 1

    monkeypatch.setattr(mock, "answer", answer)
    summary, _tallies, _notices = run(busy)
    assert summary.verdicts == 4 * TOOLS
    assert max(flight) == 4, "concurrency = 4 in the settings, and it is made use of"


def test_an_attempt_is_on_disk_before_its_cell_counts(busy: Space) -> None:
    seen: list[tuple[int, int]] = []

    def progress(tallies: RunStats) -> None:
        seen.append((tallies.asked, sum(a["final"] for a in attempts(busy))))

    run(busy, progress)
    assert len(seen) == 4 * TOOLS
    assert all(on_disk >= counted for counted, on_disk in seen), seen


def test_one_request_leads_so_a_refused_schema_costs_one_request_of_a_run(
    busy: Space, mock: MockEndpoint
) -> None:
    workspace = load_workspace(busy.root)
    cells = [cell for cell, _reason in prepare(workspace, Selection()).plan.pending]
    # The fields of all personas together: what is too much for one is ignored.
    mock.prompted_fields = tuple({name: 0 for cell in cells for name in cell.schema["properties"]})
    mock.delay = 0.02

    def face(_index: int, body: dict[str, Any]) -> Answer | None:
        if "response_format" in body or "tools" in body:
            return Answer(400, {"error": {"message": "response_format is not supported"}})
        return None

    mock.face = face
    summary, tallies, _notices = run(busy)
    assert mock.asked == summary.requests == summary.asked + 3, "one for each refused mode"
    assert tallies.output_mode == "prompted"


def test_a_refused_key_is_refused_once(busy: Space, mock: MockEndpoint) -> None:
    mock.face = lambda _index, _body: Answer(401, {"error": {"message": "Incorrect API key"}})
    summary, tallies, _notices = run(busy)
    assert (mock.asked, summary.stopped, summary.errors) == (1, "endpoint", 1)
    assert (tallies.why or "").startswith("key refused: Incorrect API key. No key was sent")
    assert ends(busy) == ["endpoint"]


def test_a_quota_that_runs_out_stops_all_but_the_calls_in_flight(
    busy: Space, mock: MockEndpoint
) -> None:
    mock.delay = 0.02
    quota = Answer(429, {"error": {"message": "spent", "code": "insufficient_quota"}})
    mock.face = lambda index, _body: quota if index >= 6 else None
    summary, _tallies, _notices = run(busy)
    assert summary.stopped == "endpoint" and summary.verdicts == 6
    assert 7 <= mock.asked <= 6 + 4


@pytest.mark.timeout(50)  # less than the wait that is cut short
def test_a_stop_ends_the_waiting_of_the_other_cells(busy: Space, mock: MockEndpoint) -> None:
    """A cell that waits to try again has no call in flight; it is left for the next run."""

    def face(index: int, _body: dict[str, Any]) -> Answer | None:
        if index in (1, 2):
            return Answer(500, "{}", {"retry-after": "60"})
        return Answer(401, "{}", delay=0.3) if index > 2 else None

    mock.face = face
    summary, _tallies, _notices = run(busy)
    assert summary.stopped == "endpoint"
    assert set(asked_cells(mock).values()) == {1}, "no cell was asked once more"
    mock.face = None
    again, _tallies, _notices = run(busy)
    assert again.reused + again.verdicts == 4 * TOOLS and again.errors == 0


@pytest.mark.slow
def test_the_key_is_nowhere_though_the_server_repeats_it(
    busy: Space, mock: MockEndpoint, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-very/secret+1234567890"
    monkeypatch.setenv("SOME_API_KEY", key)
    busy.point_at(mock, 'api_key_env = "SOME_API_KEY"\n')
    escaped = json.dumps({"error": {"message": f"bad header: Bearer {key}"}}).replace("/", "\\/")
    mock.face = lambda _index, _body: Answer(401, escaped)
    refused = panel("run", cwd=busy.root)
    assert f"Bearer {MASK}" in refused.err
    mock.face = lambda _index, _body: Answer(body=completion(f"You sent {key}."))
    for words in (("run",), ("run", "--json"), ("doctor",), ("sql", "FROM attempts")):
        done = panel(*words, cwd=busy.root)
        assert key not in done.out + done.err
    sent = mock.requests[0]["headers"]["authorization"]
    assert sent == f"Bearer {key}", "the test would show nothing otherwise"
    for file in (busy.root / "runs").rglob("*"):
        text = file.read_bytes() if file.is_file() else b""
        assert key.encode() not in text and key.replace("/", "\\/").encode() not in text, file


def test_the_first_ctrl_c_keeps_what_is_in_flight_and_the_next_run_asks_the_rest(
    busy: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.delay = 0.4
    with started(busy) as process:
        wait_until(lambda: mock.asked >= 3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "in flight" in err and "Traceback" not in err
    summary = json.loads(out)
    assert summary["stopped"] == "interrupted"
    assert summary["verdicts"] == summary["requests"] == mock.asked < 4 * TOOLS
    assert sum(a["outcome"] == "verdict" for a in attempts(busy)) == mock.asked
    assert ends(busy) == ["interrupted"]
    mock.delay = 0
    again = json.loads(panel("run", "--json", cwd=busy.root).out)
    assert again["asked"] == 4 * TOOLS - summary["verdicts"]
    assert set(asked_cells(mock).values()) == {1}, "no cell is asked twice"


@pytest.mark.slow
def test_the_second_ctrl_c_drops_what_is_in_flight(busy: Space, mock: MockEndpoint) -> None:
    mock.face = lambda index, _body: Answer(delay=60) if index else None
    with started(busy) as process:
        wait_until(lambda: mock.asked >= 3)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "Asking" in process.stderr.readline()
        assert "in flight" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 130 and "Traceback" not in err
    assert json.loads(out)["verdicts"] == 1


@pytest.mark.slow
def test_ctrl_c_does_not_wait_for_a_cell_that_waits_to_try_again(
    busy: Space, mock: MockEndpoint
) -> None:
    mock.face = lambda _index, _body: Answer(429, "{}", {"retry-after": "500"})
    with started(busy) as process:
        wait_until(lambda: len(attempts(busy)) >= 1)
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=10)
    assert process.returncode == 130 and "Traceback" not in err


def test_kill_9_loses_only_what_was_in_flight(
    busy: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.delay = 0.1
    with started(busy) as process:
        wait_until(lambda: len(attempts(busy)) >= 6)
        process.kill()
        process.wait()
    kept = {a["fingerprint"] for a in attempts(busy) if a["final"]}
    before = asked_cells(mock)
    lost = mock.asked - len(kept)
    mock.delay = 0
    again = json.loads(panel("run", "--json", cwd=busy.root).out)
    assert again["reused"] == len(kept) >= 6
    assert again["asked"] == 4 * TOOLS - len(kept)
    repeated = [cell for cell, count in asked_cells(mock).items() if count > 1]
    assert len(repeated) == lost <= 4 and set(repeated) <= set(before)
    stored = rows(busy, "SELECT fingerprint FROM verdicts WHERE outcome = 'verdict'")
    assert kept <= {fingerprint for (fingerprint,) in stored} and len(stored) == 4 * TOOLS


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.slow
def test_a_journal_that_cannot_grow_ends_the_run_and_keeps_what_it_has(
    busy: Space, mock: MockEndpoint
) -> None:
    def padded(_index: int, body: dict[str, Any]) -> Answer:
        return Answer(body={**reply_for(body), "padding": "x" * 100_000})

    mock.face = padded
    with file_limit(600_000), pytest.raises(JournalError, match="cannot write"):
        run(busy)
    kept = [a for a in attempts(busy) if a["outcome"] == "verdict"]
    assert 3 <= len(kept) <= 5
    assert mock.asked <= len(kept) + 2 * 4, "it does not go on asking what it cannot keep"
    assert ends(busy) == ["journal"]
    again, _tallies, _notices = run(busy)
    assert again.reused == len(kept) and again.verdicts == 4 * TOOLS - len(kept)


def test_a_run_folder_that_cannot_be_made_is_one_sentence(
    busy: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("panel.runs.run.new_run_id", lambda: "taken")
    workspace = load_workspace(busy.root)
    prepared = prepare(workspace, Selection())
    (busy.root / "runs" / "taken").write_text("")
    with pytest.raises(JournalError, match="taken"):
        execute(workspace, prepared, ProgressReporter(lambda _tallies: None, print))


@pytest.mark.slow
def test_verdicts_are_visible_to_others_before_the_run_ends(
    busy: Space, mock: MockEndpoint
) -> None:
    """A process of its own reads the store while the run goes on."""
    mock.delay = 0.25
    script = (
        "import panel.engines.job_run as job_run; job_run.CHECKPOINT_SECONDS = 0.2\n"
        "import sys; sys.argv = ['panel', 'run', '--json']\n"
        "from panel.cli.main import main; main()"
    )
    import duckdb

    counts: list[int] = []
    with started(busy, sys.executable, "-c", script) as process:
        while process.poll() is None and not any(0 < count < 4 * TOOLS for count in counts):
            try:
                with duckdb.connect(busy.root / "runs" / "panel.duckdb", read_only=True) as store:
                    [(count,)] = store.execute("SELECT count(*) FROM verdicts").fetchall()
                    counts.append(count)
            except duckdb.Error:
                pass  # not there yet, or being written
            time.sleep(0.05)
        _out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert any(0 < count < 4 * TOOLS for count in counts), counts


def test_a_checkpoint_that_fails_does_not_fail_the_run(
    busy: Space, mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock.delay = 0.05
    calls: list[int] = []
    real = job_run.JobRun.__init__

    def failing() -> None:
        calls.append(1)
        raise StoreError("damaged")

    def init(self: Any, job: Any) -> None:
        object.__setattr__(job, "checkpoint", failing)
        real(self, job)

    monkeypatch.setattr(job_run, "CHECKPOINT_SECONDS", 0.01)
    monkeypatch.setattr(job_run.JobRun, "__init__", init)
    summary, _tallies, _notices = run(busy)
    assert calls and summary.verdicts == 4 * TOOLS


def test_a_text_no_database_would_take_from_a_server_is_kept_all_the_same(
    busy: Space, mock: MockEndpoint
) -> None:
    mock.face = lambda _index, _body: Answer(413, b'{"error": "a\\u0000b \\ud800 \xff"}')
    summary, _tallies, _notices = run(busy)
    assert summary.errors == 3 and summary.stopped == "endpoint"


def test_sigterm_stops_a_run_like_ctrl_c(
    busy: Space, mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a supervisor sends it; the handler from before is put back."""
    monkeypatch.setattr(health, "WAIT_CAP_SECONDS", 0.1)
    mock.delay = 0.1
    handler = signal.getsignal(signal.SIGTERM)
    summary, _tallies, notices = run(busy, lambda _tallies: os.kill(os.getpid(), signal.SIGTERM))
    assert summary.stopped == "interrupted" and 0 < summary.verdicts < 4 * TOOLS
    assert re.match(r"Stopping: \d+ call", notices[0])
    assert signal.getsignal(signal.SIGTERM) == handler
