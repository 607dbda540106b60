"""Record and replay: the same answers again, and never a live call."""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import shutil
from pathlib import Path
from typing import Any

import pytest

from panel.endpoint.client import Client
from panel.endpoint.output_modes import RequestProfile
from panel.endpoint.recording import RecordingClient
from panel.endpoint.responses import RawResponse
from panel.endpoint.servers import Server
from panel.errors import UsageError
from panel.runs.selection import Selection, prepare
from panel.workspace.endpoints import resolve_endpoint
from panel.workspace.loading import load_workspace
from panel.workspace.plain_files import LARGEST
from tests.support.mock_endpoint import Answer, MockEndpoint, completion
from tests.support.space import Panel, Space

DOWN = "http://127.0.0.1:9/v1"  # nobody listens there


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "answers.jsonl"


def replayed(space: Space, panel: Panel, tape: Path, *more: str) -> dict[str, Any]:
    """Forget everything, point the endpoint at nobody, and replay; returns the summary."""
    shutil.rmtree(space.root / "runs")
    settings = (space.root / "panel.toml").read_text()
    start = settings.index("base_url")
    end = settings.index("\n", start)
    space.settings(settings[:start] + f'base_url = "{DOWN}"' + settings[end:])
    done = panel("run", "--replay", tape, "--json", *more, cwd=space.root)
    return {**json.loads(done.out), "code": done.code, "err": done.err}


def verdicts(space: Space, panel: Panel) -> list[dict[str, Any]]:
    query = (
        "SELECT tool, persona, repeat, fingerprint, outcome, verdict, take, reason, output_mode, "
        "ordinal FROM verdicts ORDER BY ALL"
    )
    rows: list[dict[str, Any]] = json.loads(
        panel("sql", query, "--format", "json", cwd=space.root).out
    )
    return rows


@pytest.mark.slow
def test_a_replay_gives_the_same_verdicts_without_a_model(
    mocked: Space, panel: Panel, tape: Path
) -> None:
    assert panel("run", "--repeats", "2", "--record", tape, cwd=mocked.root).code == 0
    live = verdicts(mocked, panel)
    assert len(live) == 16
    summary = replayed(mocked, panel, tape, "--repeats", "2")
    assert (summary["code"], summary["verdicts"], summary["errors"]) == (0, 16, 0)
    assert verdicts(mocked, panel) == live


def test_a_replay_waits_for_nothing_and_says_nothing_of_waits(
    mocked: Space, mock: MockEndpoint, panel: Panel, tape: Path
) -> None:
    """However long the server asked to wait in the words of its error."""
    slow = Answer(429, {"error": {"message": "Please try again in 40 ms."}})
    mock.face = lambda index, _body: slow if index in (0, 5) else None
    assert panel("run", "--record", tape, cwd=mocked.root).code == 0
    recorded = tape.read_text(encoding="utf-8")
    assert recorded.count("in 40 ms") == 2
    tape.write_text(recorded.replace("in 40 ms", "in 40 days"), encoding="utf-8")
    summary = replayed(mocked, panel, tape)
    assert (summary["code"], summary["verdicts"], summary["requests"]) == (0, 8, 10)
    assert "cannot answer now" not in summary["err"]


@pytest.mark.slow
def test_faults_repairs_and_steps_down_are_replayed(
    mocked: Space, mock: MockEndpoint, panel: Panel, tape: Path
) -> None:
    mocked.point_at(mock, "timeout_seconds = 20\n[limits]\n")

    tries = itertools.count()  # of cells, after the step down

    def face(_index: int, body: dict[str, Any]) -> Answer | None:
        if "response_format" in body and body["response_format"]["type"] == "json_schema":
            return Answer(400, {"error": {"message": "response_format is not supported"}})
        if "reviewer on a panel" not in body["messages"][0]["content"]:
            return None
        number = next(tries)
        if number == 0:
            return Answer(429, {"error": {"message": "slow down"}}, {"retry-after": "1"})
        if number == 1:
            return Answer(body=completion("no JSON at all"))
        return None

    mock.face = face
    only = ("--tool", "anvil", "--persona", "builder", "--persona", "skeptic")
    assert panel("run", *only, "--record", tape, cwd=mocked.root).code == 0
    live = verdicts(mocked, panel)
    assert '"status": 429' in tape.read_text()
    summary = replayed(mocked, panel, tape, *only)
    assert summary["code"] == 0, summary["err"]
    assert verdicts(mocked, panel) == live


@pytest.mark.slow
def test_what_the_recording_does_not_hold_is_an_error_of_that_cell(
    mocked: Space, mock: MockEndpoint, panel: Panel, tape: Path
) -> None:
    panel("run", "--record", tape, cwd=mocked.root)
    asked = mock.asked
    file = mocked.root / "tools" / "anvil.md"
    file.write_text(file.read_text().replace("reads JSON", "eats JSON"))
    shutil.rmtree(mocked.root / "runs")
    done = panel("run", "--replay", tape, cwd=mocked.root)
    assert done.code == 1
    assert "4 × error: not recorded" in done.out
    assert "record them again" in done.err
    assert mock.asked == asked and mock.connections < 20
    details = panel(
        "sql", "SELECT DISTINCT detail FROM attempts WHERE outcome = 'error'", cwd=mocked.root
    ).out
    assert "builder on anvil" in details


def test_a_replay_costs_nothing_and_needs_no_key(
    mocked: Space, mock: MockEndpoint, panel: Panel, tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mocked.point_at(
        mock, 'api_key_env = "LAB_API_KEY"\nprices = { prompt = 1.0, completion = 2.0 }\n'
    )
    secret = "sk-very-secret-0123456789"
    monkeypatch.setenv("LAB_API_KEY", secret)
    mock.face = lambda _index, body: Answer(401, {"error": secret}) if not body else None
    done = panel("run", "--record", tape, "--json", cwd=mocked.root)
    assert json.loads(done.out)["cost_usd"] > 0
    assert secret not in tape.read_text()
    monkeypatch.delenv("LAB_API_KEY")
    assert replayed(mocked, panel, tape)["cost_usd"] is None


def test_a_recording_is_never_written_over(mocked: Space, panel: Panel, tape: Path) -> None:
    tape.write_text("mine")
    done = panel("run", "--record", tape, cwd=mocked.root)
    assert done.code == 2 and "is there already" in done.err
    assert tape.read_text() == "mine"
    assert not mocked.journals


@pytest.mark.slow
def test_a_kill_amid_recording_leaves_whole_answers(
    mocked: Space, panel: Panel, tape: Path
) -> None:
    panel("run", "--record", tape, cwd=mocked.root)
    lines = tape.read_bytes().splitlines(keepends=True)
    tape.write_bytes(b"".join(lines[:-1]) + lines[-1][:50])
    summary = replayed(mocked, panel, tape)
    assert (summary["verdicts"], summary["errors"]) == (7, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a recording"),
        ("[]\n", ":1 is not JSON"),
        ('{"kind": "recording", "format": 9}\n', "is not a recording"),
        ('{"kind": "recording", "format": 1}\n', ":1 has no shape"),
    ],
)
def test_a_file_that_is_no_recording_is_refused(
    mocked: Space, panel: Panel, tape: Path, text: str, said: str
) -> None:
    tape.write_text(text)
    done = panel("run", "--replay", tape, cwd=mocked.root)
    assert done.code == 2
    assert said in done.err and "Traceback" not in done.err


@pytest.mark.timeout(60)
def test_a_recording_of_one_line_without_end_is_not_read_without_end(
    mocked: Space, panel: Panel
) -> None:
    """As a link to a device in a branch is."""
    (mocked.root / "zeros.jsonl").symlink_to("/dev/zero")
    done = panel("run", "--replay", "zeros.jsonl", cwd=mocked.root)
    assert done.code == 2 and "zeros.jsonl" in done.err


def test_record_and_replay_exclude_each_other(mocked: Space, panel: Panel, tape: Path) -> None:
    done = panel("run", "--replay", tape, "--record", tape, cwd=mocked.root)
    assert done.code == 2 and "name one of them" in done.err
    assert "there is no file" in panel("run", "--replay", tape, cwd=mocked.root).err


def test_an_answer_that_a_full_disk_does_not_take_is_kept_and_nothing_more_is_asked(
    mocked: Space, mock: MockEndpoint, tape: Path
) -> None:
    workspace = load_workspace(mocked.root)
    cell, _reason = prepare(workspace, Selection()).plan.pending[0]
    endpoint = resolve_endpoint(workspace.settings, workspace.root)
    body = {"messages": [{"role": "user", "content": "Ship?"}]}

    async def ask() -> RawResponse:
        async with Client(mock.base_url, None, endpoint) as client:
            recording = RecordingClient(client, tape, Server("mock"), RequestProfile())
            before = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (tape.stat().st_size + 10, before[1]))
            try:
                answer = await recording.complete(body, cell)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
            with pytest.raises(UsageError, match=r"answers\.jsonl cannot be written"):
                await recording.complete(body, cell)
            with pytest.raises(UsageError, match=r"answers\.jsonl cannot be written"):
                recording.close()
        return answer

    assert asyncio.run(ask()).completion() is not None
    assert mock.asked == 1


@pytest.mark.slow
def test_a_line_of_a_recording_that_is_too_long_is_named(
    mocked: Space, panel: Panel, tape: Path
) -> None:
    assert panel("run", "--record", tape, cwd=mocked.root).code == 0
    first, second, *others = tape.read_bytes().splitlines(keepends=True)
    long = b'{"kind": "' + b"x" * LARGEST + b'"}\n'
    tape.write_bytes(b"".join([first, second, long, *others]))
    done = panel("run", "--replay", tape, "--again", cwd=mocked.root)
    assert done.code == 2 and "answers.jsonl:3 has more than 64 MiB" in done.err
