"""A run: asks what is pending, nothing else, and says what it did."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from panel.errors import EndpointError, UsageError
from panel.runs.selection import Selection, prepare
from panel.store.connection import FILE
from panel.workspace.loading import load_workspace
from tests.support.journals import changed
from tests.support.mock_endpoint import Answer, MockEndpoint, completion
from tests.support.results import cards_of
from tests.support.runs import rows, run
from tests.support.space import Space, edit

ALL = 8  # two tools, four personas


def shown(space: Space) -> dict[tuple[str, str], str]:
    """Return the takes that a reader sees, none of them stale."""
    cards = cards_of(space.root)
    takes = {(card.tool, line.persona): line.take for card in cards for line in card.lines}
    assert not any(take is None or take.stale for take in takes.values())
    return {key: take.take for key, take in takes.items() if take}


def test_the_summary_counts_cells_requests_and_tokens(mocked: Space, mock: MockEndpoint) -> None:
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 60},
    }
    refusal = Answer(body=completion(None, usage=usage, refusal="No."))
    chat = Answer(body=completion("chat", usage=usage))
    bad = Answer(413, "too large")
    mock.face = lambda index, _body: [refusal, chat, chat, bad][index] if index < 4 else None
    mocked.point_at(mock, "[endpoints.mock.prices]\nprompt = 1\ncompletion = 1\n")
    edit(mocked.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    summary = run(mocked)
    assert (summary.planned, summary.reused, summary.asked) == (ALL, 0, ALL)
    assert (summary.verdicts, summary.abstains, summary.errors) == (5, 2, 1)
    assert summary.requests == mock.asked == 9
    assert summary.cached_tokens == 180
    assert summary.prompt_tokens and summary.prompt_tokens > 300
    assert summary.cost_usd and summary.stopped is None and summary.run_id


def a_day_ahead(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line of a journal as a clock a day ahead dates it."""
    for name in line.keys() & {"started_at", "finished_at"}:
        line[name] = (datetime.fromisoformat(line[name]) + timedelta(days=1)).isoformat()
    return line


def test_the_last_answer_counts_though_the_clock_went_back(
    mocked: Space, mock: MockEndpoint
) -> None:
    run(mocked)
    [file] = mocked.root.glob("runs/*/attempts.jsonl")
    changed(file, lambda lines: [a_day_ahead(line) for line in lines])
    (mocked.root / "runs" / FILE).unlink()
    mocked.tool("anvil", tagline="Names the lines that are wrong.")
    run(mocked)
    asked = {json.dumps(request["body"]["messages"]) for request in mock.requests[-4:]}
    assert len(asked) == 4 and mock.asked == ALL + 4
    outcomes = "SELECT count(*) FROM journal.outcomes WHERE present AND tool = 'anvil'"
    assert rows(mocked, f"{outcomes} AND run_id = (SELECT max(run_id) FROM runs)") == [(4,)]
    assert run(mocked).asked == 0
    assert rows(mocked, "SELECT count(*) FROM journal.adoptions") == [(0,)]


def test_what_the_server_does_not_count_is_unknown(mocked: Space, mock: MockEndpoint) -> None:
    mock.face = lambda _index, _body: Answer(body=completion("chat", usage={}))
    summary = run(mocked)
    assert (summary.prompt_tokens, summary.completion_tokens) == (None, None)
    assert (summary.cached_tokens, summary.cost_usd) == (None, None)


def test_a_second_run_asks_nothing_connects_nowhere_and_writes_nothing(
    asked: Space, mock: MockEndpoint
) -> None:
    connections = mock.connections
    before = sorted((asked.root / "runs").rglob("*"))
    again = run(asked)
    assert (again.asked, again.reused, again.requests, again.run_id) == (0, ALL, 0, None)
    assert mock.connections == connections
    assert sorted((asked.root / "runs").rglob("*")) == before


def test_a_word_of_one_persona_asks_that_persona_again(asked: Space, mock: MockEndpoint) -> None:
    edit(asked.root / "personas" / "builder.md", "avoid:", "avoid:\n  - the word paradigm")
    mock.requests.clear()
    before = mock.asked
    summary = run(asked)
    assert (summary.asked, summary.reused) == (2, ALL - 2)
    sent = [r["body"]["messages"] for r in mock.requests if r["body"]]
    assert all("paradigm" in messages[0]["content"] for messages in sent)
    assert mock.asked == before + 2


def test_a_new_description_asks_the_whole_panel_about_that_tool(
    asked: Space, mock: MockEndpoint
) -> None:
    asked.tool("anvil", description="It has learnt to sing.")
    mock.requests.clear()
    assert run(asked).asked == 4
    sent = [r["body"]["messages"] for r in mock.requests if r["body"]]
    assert all("learnt to sing" in messages[1]["content"] for messages in sent)


def comment(root: Path) -> None:
    template = root / "prompts" / "review.md.j2"
    template.write_text("{#- A note to ourselves. -#}\n" + template.read_text())


def limits(root: Path) -> None:
    settings = root / "panel.toml"
    settings.write_text(settings.read_text() + "[limits]\nattempts = 7\ntimeout_seconds = 9\n")


def prices(root: Path) -> None:
    settings = root / "panel.toml"
    more = "[endpoints.mock.prices]\nprompt = 1\ncompletion = 1\n"
    settings.write_text(settings.read_text() + more)


@pytest.mark.parametrize("change", [comment, limits, prices])
def test_what_no_model_sees_asks_nothing(asked: Space, change: Callable[[Path], None]) -> None:
    change(asked.root)
    assert run(asked).asked == 0


def test_a_setting_that_shapes_answers_asks_everything(asked: Space, mock: MockEndpoint) -> None:
    asked.point_at(mock, "[endpoints.mock.sampling]\ntemperature = 0.1\n")
    assert run(asked).asked == ALL


@pytest.mark.slow
def test_changing_a_text_back_asks_nothing_and_shows_the_old_take(
    asked: Space, mock: MockEndpoint
) -> None:
    before = shown(asked)
    file = asked.root / "tools" / "anvil.md"
    text = file.read_text()
    asked.tool("anvil", description="Something else entirely.")
    run(asked)
    assert shown(asked) != before
    file.write_text(text)
    requests = mock.asked
    assert run(asked).asked == 0 and mock.asked == requests
    assert shown(asked) == before
    assert run(asked).run_id is None, "once adopted, there is nothing more to write"


def test_more_repeats_ask_only_the_new_ones_and_fewer_ask_none(asked: Space) -> None:
    assert run(asked, repeats=3).asked == 2 * ALL
    assert run(asked, repeats=1).asked == 0
    assert rows(asked, "SELECT count(*), count(DISTINCT repeat) FROM verdicts") == [(24, 3)]


@pytest.mark.parametrize(
    ("selection", "cells"),
    [
        ({"tools": ["anvil"]}, 4),
        ({"tools": ["Anvil", "bellows"]}, 8),
        ({"personas": ["builder"]}, 2),
        ({"categories": ["Data"]}, 4),
        ({"tools": ["bellows"], "personas": ["builder"], "categories": ["Data"]}, 1),
        ({"tools": ["anvil"], "categories": ["Data"]}, 0),
    ],
)
def test_a_selection_asks_what_it_names(
    mocked: Space, selection: dict[str, Any], cells: int
) -> None:
    summary = run(mocked, **selection)
    assert (summary.planned, summary.asked) == (cells, cells)


@pytest.mark.parametrize("wrong", [{"tools": ["x"]}, {"personas": ["x"]}, {"categories": ["x"]}])
def test_a_selection_of_what_is_not_there_is_a_usage_error(
    mocked: Space, wrong: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="'x'"):
        run(mocked, **wrong)


def test_an_error_is_asked_again_and_an_abstention_is_not(
    mocked: Space, mock: MockEndpoint
) -> None:
    refusal = Answer(body=completion(None, refusal="No."))
    mock.face = lambda index, _body: refusal if index % 2 else Answer(413, "too large")
    first = run(mocked)
    assert (first.abstains, first.errors) == (4, 4)
    mock.face = None
    again = run(mocked)
    assert (again.asked, again.reused, again.verdicts) == (4, 4, 4)
    counted = "SELECT outcome, count(*) FROM verdicts GROUP BY 1 ORDER BY 1"
    assert rows(mocked, counted) == [("abstain", 4), ("verdict", 4)]


def test_another_model_is_another_voice_and_takes_nothing_away(asked: Space) -> None:
    assert run(asked, model="mock-2").asked == ALL
    assert run(asked).asked == 0
    counted = "SELECT model, count(*) FROM verdicts GROUP BY 1 ORDER BY 1"
    assert rows(asked, counted) == [("mock-1", ALL), ("mock-2", ALL)]


def test_a_missing_key_is_said_before_anything_is_sent(mocked: Space, mock: MockEndpoint) -> None:
    mocked.point_at(mock, 'api_key_env = "NO_SUCH_API_KEY"\n')
    with pytest.raises(EndpointError, match="NO_SUCH_API_KEY"):
        run(mocked)
    assert mock.connections == 0
    assert not mocked.journals


def test_planning_touches_neither_network_nor_runs(mocked: Space, mock: MockEndpoint) -> None:
    workspace = load_workspace(mocked.root)
    prepared = prepare(workspace, Selection())
    assert len(prepared.plan.pending) == ALL
    assert mock.connections == 0 and not mocked.journals


@pytest.mark.slow
def test_a_run_with_nothing_to_do_does_not_load_the_http_stack(asked: Space) -> None:
    script = (
        "import sys; sys.argv = ['panel', 'run', '--json']\n"
        "from panel.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print(sorted({'openai', 'httpx2', 'aiohttp'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=asked.root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["reused"] == ALL
    assert done.stderr.strip() == "[]"
