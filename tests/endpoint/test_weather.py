"""Every face of tests/support/weather.py, asked through the command line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import panel.engines.local  # noqa: F401 - imported before any clock runs
from panel.cells.journal import utc_now
from panel.endpoint import health, ways
from panel.text import in_words
from panel.workspace.loading import load_workspace
from tests.support.mock_endpoint import Answer, MockEndpoint
from tests.support.sizes import size
from tests.support.space import Panel, Result, Space
from tests.support.weather import QUIET, WEATHER, Face, cell_of, serve

CELLS = 8  # two tools, four personas


def faces(*kinds: str) -> list[Any]:
    return [pytest.param(face, id=name) for name, face in WEATHER.items() if face.kind in kinds]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "WAIT_CAP_SECONDS", 0.2)
    for face in WEATHER.values():
        if face.key_env:
            monkeypatch.setenv(face.key_env, "sk-or-0123456789")


def chats(mock: MockEndpoint) -> int:
    return sum(request["path"].endswith("/chat/completions") for request in mock.requests)


def attempts(space: Space, run_id: str = "*") -> list[dict[str, Any]]:
    (journal,) = (space.root / "runs").glob(f"{run_id}/attempts.jsonl")
    lines = map(json.loads, journal.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line["kind"] == "attempt"]


def narrated(result: Result) -> list[str]:
    """Return what stderr says besides the line that a run begins with."""
    return [line for line in result.err.splitlines() if not line.startswith("Asking ")]


def ask_all(panel: Panel, root: Path, cells: int, *words: str) -> dict[str, Any]:
    """Run until every cell has its verdict; a second run must ask nothing."""
    ran = panel("run", "--json", *words, cwd=root)
    assert ran.code == 0, ran.err
    summary: dict[str, Any] = json.loads(ran.out)
    assert (summary["asked"], summary["verdicts"], summary["errors"]) == (cells, cells, 0)
    again = panel("run", "--json", *words, cwd=root)
    second = json.loads(again.out)
    assert (again.code, second["asked"], second["reused"]) == (0, 0, cells)
    return summary


@pytest.mark.sample(3)
@pytest.mark.parametrize("face", faces("ok", "recoverable"))
def test_what_passes_costs_no_verdict(space: Space, panel: Panel, face: Face) -> None:
    """A passing fault is outlasted: all verdicts, exit 0, and few requests more."""
    with serve(face) as (base_url, mock):
        space.settings(face.toml(base_url, "concurrency = 4\n"))
        summary = ask_all(panel, space.root, CELLS)
    assert chats(mock) == summary["requests"] == len(attempts(space)) <= 2 * CELLS
    if face is not WEATHER["mixed"]:
        assert any(line["degraded"] for line in attempts(space)) == face.degraded


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", QUIET)
def test_an_odd_place_for_the_json_costs_no_request(space: Space, panel: Panel, name: str) -> None:
    """Thoughts, lists of parts, fences and reasoning fields are read, not asked about."""
    with serve(WEATHER[name]) as (base_url, mock):
        space.settings(WEATHER[name].toml(base_url, "concurrency = 4\n"))
        ask_all(panel, space.root, CELLS)
    assert chats(mock) == CELLS


@pytest.mark.sample(3)
@pytest.mark.parametrize("face", faces("unrecoverable"))
def test_what_does_not_pass_stops_at_once(space: Space, panel: Panel, face: Face) -> None:
    """Few requests, exit 3, one line that says what to do; the next cells are not asked."""
    with serve(face) as (base_url, mock):
        space.settings(face.toml(base_url, "concurrency = 4\n"))
        ran = panel("run", cwd=space.root)
    assert ran.code == face.exit == 3
    (said,) = narrated(ran)
    assert face.says in said and len(said) < 800
    assert in_words(face.label) in said or "Invalid model: mock-1" in said, "or as the server says"
    assert "Traceback" not in ran.err + ran.out
    journaled = attempts(space)
    assert {(line["outcome"], line["reason"]) for line in journaled} == {("error", face.label)}
    assert chats(mock) <= len(journaled) <= face.requests
    assert f"{CELLS - len(journaled)} cells not asked" in ran.out


@pytest.mark.slow
@pytest.mark.parametrize("face", faces("unrecoverable"))
def test_the_doctor_says_what_to_do(space: Space, panel: Panel, face: Face) -> None:
    """The same faults make the doctor name a remedy, in one line, and exit 3."""
    with serve(face) as (base_url, _mock):
        space.settings(face.toml(base_url))
        seen = panel("doctor", "--json", cwd=space.root)
    diagnosis = json.loads(seen.out)
    assert (seen.code, seen.err, diagnosis["output_mode"]) == (3, "", None)
    listed = face.says.removeprefix("Models there: ").split(", ")
    assert "\n" not in diagnosis["fault"]
    assert face.says in diagnosis["fault"] or listed == diagnosis["models"]


def test_a_server_that_stays_down_is_given_up(space: Space, panel: Panel) -> None:
    """All tries of a cell in vain: exit 3 and one line; the cells under way stay pending."""
    face = WEATHER["down"]
    with serve(face) as (base_url, mock):
        space.settings(face.toml(base_url, "concurrency = 1\n"))
        ran = panel("run", cwd=space.root)
    assert ran.code == face.exit
    (said,) = narrated(ran)
    assert in_words(face.label) in said and face.says in said
    ended = [line for line in attempts(space) if line["final"]]
    assert len(ended) == 1 and chats(mock) == len(attempts(space)) <= 8 * 2
    assert f"{CELLS - 1} cells not asked" in ran.out


@pytest.mark.slow
@pytest.mark.sample(3)
@pytest.mark.parametrize("face", faces("server"))
def test_a_kind_of_server(space: Space, panel: Panel, face: Face) -> None:
    """Verdicts come by its output mode; the next run begins there; the doctor names it."""
    with serve(face) as (base_url, mock):
        space.settings(face.toml(base_url, "concurrency = 4\n"))
        ran = panel("run", "--json", cwd=space.root)
        assert ran.code == 0, ran.err + ran.out
        assert json.loads(ran.out)["verdicts"] == CELLS
        query = "select distinct output_mode from verdicts"
        rows = json.loads(panel("sql", "--format", "json", query, cwd=space.root).out)
        assert rows == [{"output_mode": face.output_mode}]
        last = attempts(space)[-1]
        assert tuple(last["adapted"]) == face.adapted
        assert last["degraded"] == face.degraded

        before = chats(mock)
        ran = panel("run", "--again", "--json", cwd=space.root)
        again = json.loads(ran.out)
        assert (ran.code, again["verdicts"]) == (0, CELLS), ran.err
        assert chats(mock) - before == CELLS, "what the first run learned, the second one knows"
        lines = attempts(space, again["run_id"])
        assert {(line["output_mode"], line["outcome"]) for line in lines} == {
            (face.output_mode, "verdict")
        }

        seen = panel("doctor", "--json", cwd=space.root)
        diagnosis = json.loads(seen.out)
        assert seen.code == 0, seen.out
        assert (diagnosis["server"], diagnosis["output_mode"]) == (face.server, face.output_mode)
        assert diagnosis["place"] == ("reasoning" if face.degraded else diagnosis["place"])
        assert diagnosis["system_role"] is (face is not WEATHER["no-system"])


def test_the_doctor_sees_what_a_server_does_with_a_schema(space: Space, panel: Panel) -> None:
    """Held, sorted, ignored or refused: each is told apart."""
    expected = {
        "vllm": ("enforced", "schema"),
        "ollama": ("enforced", "alphabetical"),
        "ollama-cloud": ("not enforced", "schema"),
        "llama-cpp-python": ("refused", "schema"),
    }
    for name, found in expected.items():
        with serve(WEATHER[name]) as (base_url, _mock):
            space.settings(WEATHER[name].toml(base_url))
            seen = json.loads(panel("doctor", "--json", cwd=space.root).out)
        assert (seen["structured_output"], seen["order"]) == found, name


@pytest.mark.parametrize("name", ["truncates", "overflow"])
def test_a_prompt_that_was_not_read_whole_is_no_verdict(
    space: Space, panel: Panel, name: str
) -> None:
    """Where no prompt is, the run ends after three."""
    face = WEATHER[name]
    for tool in ("anvil", "bellows"):
        space.tool(tool, description=f"The {tool} does what it says. " * 300)
    with serve(face) as (base_url, mock):
        space.settings(face.toml(base_url, "concurrency = 4\n"))
        ran = panel("run", "--json", cwd=space.root)
    summary = json.loads(ran.out)
    assert (ran.code, summary["errors"], summary["verdicts"]) == (3, 3, 0)
    assert {line["reason"] for line in attempts(space)} == {face.label}
    assert chats(mock) == 3


def test_blanks_without_end_are_left_by_a_weaker_output_mode(space: Space, panel: Panel) -> None:
    """The verdict comes one output_mode lower; after a few such cells the others begin there."""
    face = WEATHER["runaway"]
    with serve(face) as (base_url, mock):
        space.settings(face.toml(base_url, "concurrency = 1\n"))
        ask_all(panel, space.root, CELLS)
    lines = attempts(space)
    assert {line["output_mode"] for line in lines if line["outcome"] == "verdict"} == {
        face.output_mode
    }
    assert {line["reason"] for line in lines if line["outcome"] != "verdict"} == {face.label}
    assert chats(mock) == len(lines) == CELLS + ways.WEAKENED_REMEMBERED


def noting(face: Face, received: list[tuple[str, str]]) -> Face:
    """Have a face write down when it was asked about which cell."""

    def make(seed: int) -> Callable[[int, dict[str, Any]], Answer | None]:
        inner = face.make(seed)

        def answer(index: int, body: dict[str, Any]) -> Answer | None:
            received.append((utc_now(), cell_of(body)))
            return inner(index, body)

        return answer

    return replace(face, make=make)


@pytest.mark.slow
@pytest.mark.parametrize("seed", size([1], [1, 2]))
def test_four_hundred_cells_in_mixed_weather(space: Space, panel: Panel, seed: int) -> None:
    """Faults at 30 % of all requests: every verdict arrives, none is asked for twice."""
    cells = size(100, 400)
    for number in range(cells // 4 - 2):
        space.tool(f"tool-{number:03}")
    received: list[tuple[str, str]] = []
    with serve(noting(WEATHER["mixed"], received), seed=seed) as (base_url, _mock):
        space.settings(WEATHER["mixed"].toml(base_url, "concurrency = 16\n"))
        summary = ask_all(panel, space.root, cells)
    print(f"seed {seed}: {len(received) / cells:.3f} requests per cell")
    assert summary["requests"] == len(received) <= 1.6 * cells

    workspace = load_workspace(space.root)
    personas = {persona.id: persona.name for persona in workspace.personas}
    tools = {tool.slug: tool.name for tool in workspace.tools}
    journaled: Counter[str] = Counter()
    settled: dict[str, str] = {}
    for line in attempts(space):
        cell = f"{personas[line['persona']]} × {tools[line['tool']]}"
        assert cell not in settled, "no attempt follows a verdict"
        journaled[cell] += 1
        if line["final"]:
            assert line["outcome"] == "verdict"
            settled[cell] = line["finished_at"]
    assert len(settled) == cells
    assert journaled == Counter(cell for _at, cell in received), "what was asked is journaled"
    assert all(at < settled[cell] for at, cell in received)


@pytest.mark.long
@pytest.mark.model
def test_the_real_model_passes_like_the_face_ok(space: Space, panel: Panel) -> None:
    """What holds for the mock holds for the embedded model: all verdicts, nothing asked twice."""
    words = ("--endpoint", "embedded", "--tool", "anvil", "--persona", "skeptic")
    ask_all(panel, space.root, 1, *words)
