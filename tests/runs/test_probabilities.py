"""Takes that are there are asked about, once each; their probability stands beside the verdict."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from panel.cells.journal import JournalWriter, journal_line
from panel.runs.reparse import reparse
from panel.store.connection import FILE
from panel.store.ingest import opened, rebuild
from panel.workspace.loading import load_workspace
from tests.endpoint.test_probabilities import telling
from tests.runs.test_reparse import other
from tests.support.decision_servers import SERVERS, openai, text_of, vllm
from tests.support.mock_endpoint import Answer, MockEndpoint
from tests.support.runs import rows, run
from tests.support.space import ROOT, Panel, Space, edit
from tests.support.store_ledger import VIEWS
from tests.support.threads import wait_until

CELLS = 8
TOLD = "SELECT DISTINCT round(p_ship, 6), round(p_ship_mass, 6), p_ship_source FROM verdicts"
COUNTS = ("takes", "told", "declined", "pending", "asked", "errors", "requests", "stopped")


def p_of(body: dict[str, Any]) -> float:
    """Give Anvil a higher probability than Bellows."""
    return 0.8 if "Name: Anvil" in text_of(body) else 0.25


def ask(panel: Panel, space: Space, *words: str, code: int = 0) -> dict[str, Any]:
    """Run the command; returns its JSON."""
    done = panel("probabilities", "--json", *words, cwd=space.root)
    assert done.code == code, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def views(space: Space, without: str = "") -> dict[str, list[str]]:
    """Return the rows of every view but the runs; without: columns whose names begin so."""
    left_out = f"COLUMNS(lambda name: NOT starts_with(name, '{without}'))" if without else "*"
    with opened(space.root / "runs") as store:
        return {
            view: sorted(map(repr, store.execute(f"SELECT {left_out} FROM {view}").fetchall()))
            for view in VIEWS
            if view != "runs"
        }


def decisions_of(mock: MockEndpoint) -> list[dict[str, Any]]:
    return [each for each in mock.requests if each["path"] == "/v1/decisions"]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SERVERS))
def test_every_take_gets_its_probability_from_any_server(
    asked: Space, mock: MockEndpoint, panel: Panel, name: str
) -> None:
    make, form = SERVERS[name]
    mock.decisions = make(p_of)
    before, chats = views(asked, "p_ship"), mock.asked
    found = ask(panel, asked)
    assert (found["asked"], found["errors"], found["pending"]) == (CELLS, 0, 0)
    assert found["told"] == {"decisions": CELLS} and mock.asked == chats
    assert sorted(rows(asked, TOLD)) == [(0.25, 1.0, "decisions"), (0.8, 1.0, "decisions")]
    by_tool = rows(asked, "SELECT DISTINCT tool, round(p_ship, 6) FROM verdicts ORDER BY 1")
    assert by_tool == [("anvil", 0.8), ("bellows", 0.25)]
    assert rows(asked, "SELECT DISTINCT form FROM probabilities WHERE final") == [(form,)]
    after = views(asked, "p_ship")
    assert after.pop("probabilities") and not before.pop("probabilities")
    assert after == before, "nothing else has changed: no verdict, no fingerprint, no percentage"
    refused = len(decisions_of(mock)) - CELLS
    assert found["requests"] == CELLS + refused and refused == list(SERVERS).index(name)


def test_what_is_shown_are_the_messages_of_the_take_and_the_take_alone(
    asked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.decisions = openai(p_of)
    mock.requests.clear()
    ask(panel, asked)
    told = rows(asked, "SELECT message, role, content FROM journal.messages")
    texts = {message: (role, content) for message, role, content in told}
    wanted = {
        (*(texts[message] for message in messages), ("assistant", take))
        for take, messages in rows(asked, "SELECT take, messages FROM verdicts")
    }
    sent = [each["body"]["input"] for each in decisions_of(mock)]
    assert len(sent) == CELLS
    assert {tuple((each["role"], each["content"]) for each in shown) for shown in sent} == wanted


@pytest.mark.slow
def test_nothing_is_asked_twice_and_a_bound_is_kept(
    asked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.decisions = openai(p_of)
    found = ask(panel, asked, "--max-calls", "3", code=4)
    assert (found["asked"], found["pending"], found["stopped"]) == (3, 5, "budget")
    assert ask(panel, asked, "--tool", "anvil")["pending"] == 0
    assert mock.decided == 4, "three, and the one of Anvil that was left"
    assert ask(panel, asked)["told"] == {"decisions": CELLS} and mock.decided == CELLS
    asked_again = ask(panel, asked)
    assert (asked_again["asked"], asked_again["run_id"], mock.decided) == (0, None, CELLS)
    assert len({json.dumps(each["body"]) for each in decisions_of(mock)}) == CELLS


def test_a_plan_asks_nothing_and_says_what_would_be_asked(
    asked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.decisions = openai(p_of)
    connections = mock.connections
    found = ask(panel, asked, "--plan")
    assert found["pending"] == len(found["pending_takes"]) == CELLS and found["asked"] == 0
    assert found["pending_prompt_tokens"] > 1000 and found["pending_cost_usd"] is None
    shown = panel("probabilities", "--plan", cwd=asked.root)
    assert shown.code == 0 and "8 to ask" in shown.out
    assert (mock.decided, mock.connections) == (0, connections)


@pytest.mark.slow
def test_a_rebuild_gives_the_same(asked: Space, mock: MockEndpoint, panel: Panel) -> None:
    mock.decisions = openai(p_of)
    ask(panel, asked, "--max-calls", "3", code=4)
    ask(panel, asked)
    before = views(asked)
    (asked.root / "runs" / FILE).unlink()
    rebuild(asked.root / "runs")
    assert views(asked) == before
    assert ask(panel, asked)["asked"] == 0


def test_a_run_that_asks_about_takes_is_counted_with_its_tokens_and_price(
    asked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.decisions = openai(p_of)
    edit(
        asked.root / "panel.toml",
        "concurrency = 4\n",
        "concurrency = 4\nprices = { prompt = 1.0, completion = 5.0 }\n",
    )
    planned = ask(panel, asked, "--plan")
    found = ask(panel, asked)
    [counted] = rows(
        asked,
        "SELECT model_identity, endpoint, model, requests, asked, prompt_tokens, cost_usd "
        f"FROM runs WHERE run_id = '{found['run_id']}'",
    )
    assert counted[:5] == ("probabilities", "mock", "mock-1", CELLS, 0)
    assert counted[5:] == (found["prompt_tokens"], pytest.approx(found["cost_usd"]))
    assert found["cost_usd"] == pytest.approx(found["prompt_tokens"] / 1e6)
    assert 0.5 < planned["pending_cost_usd"] / found["cost_usd"] < 2


def test_a_price_that_is_not_known_cannot_be_bounded(asked: Space, panel: Panel) -> None:
    done = panel("probabilities", "--max-cost", "1", cwd=asked.root)
    assert done.code == 2 and "the price of mock/mock-1 is not known" in done.err


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "no such path"), (405, "Method Not Allowed"), (501, "no read strategy")],
)
def test_a_server_without_it_is_asked_once_and_told_in_one_line(
    asked: Space, mock: MockEndpoint, panel: Panel, status: int, said: str
) -> None:
    mock.decisions = lambda _index, _body: Answer(status, {"error": {"message": said}})
    done = panel("probabilities", cwd=asked.root)
    assert done.code == 3 and mock.decided == 1
    [line] = done.err.splitlines()
    assert line.startswith("Stopped: ") and said in line and "logprobs" in line
    assert "8 to ask" in done.out
    assert rows(asked, TOLD) == [(None, None, None)]


def test_a_refusal_that_names_a_reason_is_quoted_and_no_take_more_is_asked(
    asked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    reason = "/v1/decisions does not support chat templates that always reason before answering"
    mock.decisions = lambda _index, _body: Answer(400, {"message": reason, "code": 400})
    done = panel("probabilities", cwd=asked.root)
    assert done.code == 3 and reason in done.err
    assert mock.decided == 3, "one take, in each form"


def test_takes_whose_tokens_told_it_are_not_asked_about(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face, mock.decisions = telling(0.8), openai(p_of)
    edit(mocked.root / "panel.toml", "[endpoints.mock]\n", "[endpoints.mock]\nlogprobs = true\n")
    run(mocked)
    found = ask(panel, mocked)
    assert found["told"] == {"logprobs": CELLS} and mock.decided == 0
    assert rows(mocked, TOLD) == [(0.8, 1.0, "logprobs")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([{"type": "refusal", "name": "verdict"}], "refused"),
        ([{"type": "choice", "name": "verdict", "probabilities": []}], "unreadable"),
    ],
)
def test_an_answer_without_a_probability_is_kept_and_not_asked_for_again(
    asked: Space, mock: MockEndpoint, panel: Panel, answers: Any, reason: str
) -> None:
    mock.decisions = lambda _index, _body: Answer(body={"answers": answers, "model": "mock-1"})
    found = ask(panel, asked)
    assert (found["declined"], found["errors"]) == (CELLS, 0)
    assert found["reasons"] == {f"abstain: {reason}": CELLS}
    kept = rows(asked, "SELECT DISTINCT reason, p_ship, body LIKE '%answers%' FROM probabilities")
    assert kept == [(reason, None, True)]
    assert ask(panel, asked)["asked"] == 0 and mock.decided == CELLS


@pytest.mark.slow
def test_a_fault_that_passes_is_waited_for_and_one_of_a_take_is_its_own(
    asked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    good = openai(p_of)

    def decide(index: int, body: dict[str, Any]) -> Answer:
        if index == 2:
            return Answer(429, {"error": {"message": "slow down"}}, {"retry-after": "0.05"})
        if "Name: Bellows" in text_of(body) and "Skeptic" in text_of(body):
            return Answer(400, {"error": {"message": "maximum context length is 10 tokens"}})
        return good(index, body)

    mock.decisions = decide
    found = ask(panel, asked, code=1)
    assert (found["asked"], found["errors"], found["pending"]) == (CELLS, 1, 1)
    assert found["reasons"] == {"error: context_overflow": 1} and found["stopped"] is None
    journaled = rows(asked, "SELECT reason, count(*) FROM probabilities GROUP BY 1 ORDER BY 1")
    assert journaled == [("context_overflow", 1), ("http_429", 1), (None, CELLS - 1)]
    mock.decisions = good
    assert ask(panel, asked)["told"] == {"decisions": CELLS}, "the next run asks what failed"


def test_a_dead_server_ends_the_run_after_few_requests(
    asked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.decisions = lambda _index, _body: Answer(401, {"error": {"message": "wrong key"}})
    found = ask(panel, asked, code=3)
    assert mock.decided == 1 and "key refused: " in found["why"]


@pytest.mark.slow
def test_the_form_that_a_server_takes_is_remembered(
    asked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.decisions = vllm(p_of)
    ask(panel, asked, "--max-calls", "3", code=4)
    mock.requests.clear()
    assert ask(panel, asked)["requests"] == len(decisions_of(mock)) == CELLS - 2


def test_the_key_is_sent_as_always_and_stands_in_no_journal(
    asked: Space, mock: MockEndpoint, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-0123456789abcdefghij"
    monkeypatch.setenv("MOCK_KEY", key)
    edit(asked.root / "panel.toml", "concurrency", 'api_key_env = "MOCK_KEY"\nconcurrency')
    body = {"answers": [{"type": "refusal", "name": "verdict", "note": key}], "model": key}
    mock.decisions = lambda _index, _body: Answer(body=body)
    ask(panel, asked)
    sent = {each["headers"].get("authorization") for each in decisions_of(mock)}
    assert sent == {f"Bearer {key}"}
    assert not any(key in journal.read_text() for journal in asked.journals)


@pytest.mark.slow
def test_a_take_that_reads_otherwise_now_is_asked_about_anew(
    asked: Space, mock: MockEndpoint, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading of the take as it was says nothing of another one."""
    mock.decisions = openai(p_of)
    ask(panel, asked)
    with monkeypatch.context() as patch:
        patch.setattr("panel.endpoint.replies.parse", other)
        reparse(load_workspace(asked.root), ["anvil"])
    assert rows(asked, "SELECT DISTINCT tool FROM verdicts WHERE p_ship IS NULL") == [("anvil",)]
    assert (
        ask(panel, asked)["asked"] == 4 and rows(asked, "FROM verdicts WHERE p_ship IS NULL") == []
    )


@pytest.mark.slow
def test_exports_have_it_with_its_source(asked: Space, mock: MockEndpoint, panel: Panel) -> None:
    mock.decisions = openai(p_of)
    ask(panel, asked)
    written = panel("export", "--format", "csv", cwd=asked.root)
    read = [*csv.DictReader(io.StringIO(written.out))]
    assert {(row["p_ship"], row["p_ship_source"]) for row in read} == {
        ("0.8", "decisions"),
        ("0.25", "decisions"),
    }


@pytest.mark.slow
def test_scores_stand_beside_the_base_rate_and_what_chance_would_show(
    asked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.decisions = openai(p_of)
    run(asked, repeats=3)
    shown = panel("probabilities", cwd=asked.root)
    assert shown.code == 0, shown.err
    for words in (
        "24 takes: 24 told by decisions",
        "P(ship), /v1/decisions as a forecast of own verdict: 24 answers in 8 cells on 2 tools",
        "P(ship), /v1/decisions as a forecast of another repeat: 24 answers",
        "stated confidence as a forecast of another repeat: 24 answers",
        "no interval under 6 tools",
        "calibrated ones:",
    ):
        assert words in shown.out, words
    found = ask(panel, asked, "--plan")["forecasts"]
    verdicts = rows(asked, "SELECT p_ship, verdict = 'ship' FROM verdicts WHERE p_ship IS NOT NULL")
    brier = sum((p - ship) ** 2 for p, ship in verdicts) / len(verdicts)
    [own] = [each for each in found if each["outcome"] == "own verdict"]
    assert own["forecast"] == "decisions" and own["against_base"]["low"] is None
    assert own["against_base"]["brier"] == pytest.approx(brier)


@pytest.mark.slow
def test_lines_that_hold_no_reading_are_named_and_left_out(
    asked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.decisions = openai(p_of)
    ask(panel, asked, "--tool", "anvil")
    [good, *_] = rows(asked, "SELECT attempt_id FROM verdicts WHERE tool = 'bellows'")
    line = {
        "attempt_id": good[0],
        "read_at": "2026-11-24T09:00:00",
        "seconds": 0.1,
        "form": "roles",
        "final": True,
        "p_ship": 0.4,
        "p_ship_mass": 1.0,
        "p_ship_source": "decisions",
    }
    odd: list[dict[str, Any]] = [
        *({"p_ship": value} for value in (-0.1, 1.1, float("nan"), "many", [0.5], None)),
        *({"p_ship_mass": value} for value in (2, float("inf"), {})),
        *({"attempt_id": value} for value in (None, "", 7, ["a"])),
        *({"read_at": value} for value in (None, "soon")),
        *({"final": value} for value in (None, "perhaps")),
        *({"p_ship_source": None}, {"reason": "refused"}, {"final": False}, {"seconds": -1}),
    ]
    writer = JournalWriter(asked.root / "runs", "20261124T090000Z-dddddd")
    made = [journal_line("probability", line | each) for each in odd]
    writer.append(b"".join([*made, journal_line("probability", line)]))
    writer.close()
    kept = rows(asked, f"SELECT p_ship FROM probabilities WHERE run_id = '{writer.run_id}'")
    assert kept == [(0.4,)]
    [(left,)] = rows(
        asked, f"SELECT unreadable FROM journal.files WHERE run_id = '{writer.run_id}'"
    )
    assert left == len(odd)


EXPERIMENT = """question = "Does a second repeat differ?"
repeats = 2
seed = 7
[arms.house]
[arms.cool.sampling]
temperature = 0.2
"""


@pytest.mark.slow
def test_the_answers_of_experiments_get_it_too(
    asked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.decisions = openai(p_of)
    (asked.root / "experiments").mkdir(exist_ok=True)
    (asked.root / "experiments" / "cool.toml").write_text(EXPERIMENT)
    assert panel("experiment", "run", "cool", cwd=asked.root).code == 0
    found = ask(panel, asked)
    assert found["told"] == {"decisions": 4 * CELLS}
    seen = rows(asked, "SELECT arm, count(p_ship), min(p_ship_source) FROM observations GROUP BY 1")
    assert sorted(seen) == [("cool", 16, "decisions"), ("house", 16, "decisions")]


def test_what_came_from_verdicts_in_git_cannot_be_asked_about(
    asked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    """No journal here has the messages that its model saw."""
    mock.decisions = openai(p_of)
    panel("freeze", cwd=asked.root)
    for journal in asked.journals:
        journal.unlink()
    (asked.root / "runs" / FILE).unlink()
    found = ask(panel, asked)
    assert (found["unseen"], found["pending"], mock.decided) == (CELLS, 0, 0)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize(("sent", "kept"), [(signal.SIGKILL, 4), (signal.SIGINT, 5)])
def test_a_run_that_is_ended_loses_no_answer_and_asks_for_none_twice(
    asked: Space, mock: MockEndpoint, panel: Panel, sent: signal.Signals, kept: int
) -> None:
    """A kill loses the request under way; Ctrl-C waits for it, since it is paid for."""
    good = openai(p_of)

    def decide(index: int, body: dict[str, Any]) -> Answer:
        answer = good(index, body)
        answer.delay = 1.0 if index == 4 else 0.0
        return answer

    mock.decisions = decide
    edit(asked.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    process = subprocess.Popen(
        [sys.executable, "-m", "panel", "probabilities"],
        cwd=asked.root,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: mock.decided == 5)
        process.send_signal(sent)
        code = process.wait(60)
    finally:
        process.kill()
    assert code == (-signal.SIGKILL if sent == signal.SIGKILL else 130)
    assert rows(asked, "SELECT count(*) FROM verdicts WHERE p_ship IS NOT NULL") == [(kept,)]
    mock.decisions = good
    found = ask(panel, asked)
    assert (found["asked"], found["told"]) == (CELLS - kept, {"decisions": CELLS})
    bodies = [json.dumps(each["body"]) for each in decisions_of(mock)]
    assert len(bodies) == CELLS + 5 - kept and len({*bodies}) == CELLS
    stopped = "cut off" if sent == signal.SIGKILL else "interrupted"
    assert (stopped,) in rows(asked, "SELECT stopped FROM runs")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SERVERS))
def test_doctor_says_whether_it_is_there_and_runs_begin_with_its_form(
    asked: Space, mock: MockEndpoint, panel: Panel, name: str
) -> None:
    make, form = SERVERS[name]
    mock.decisions = make(lambda _body: 0.5)
    assert json.loads(panel("doctor", "--json", cwd=asked.root).out)["decisions"] == "there"
    assert "panel probabilities" in panel("doctor", cwd=asked.root).out
    mock.requests.clear()
    assert ask(panel, asked)["requests"] == CELLS == len(decisions_of(mock))
    assert rows(asked, "SELECT DISTINCT form FROM probabilities") == [(form,)]


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (None, "not there"),
        (Answer(400, {"message": "no decisions with this template"}), "refused"),
        (Answer(401, {"message": "wrong key"}), "unknown"),
    ],
)
def test_doctor_says_that_it_is_not_there_or_why_it_is_refused(
    mocked: Space, mock: MockEndpoint, panel: Panel, answer: Answer | None, seen: str
) -> None:
    mock.decisions = lambda _index, _body: answer
    found = json.loads(panel("doctor", "--json", cwd=mocked.root).out)
    assert (found["decisions"], found["fault"]) == (seen, None)
    if seen == "refused":
        assert "no decisions with this template" in panel("doctor", cwd=mocked.root).out
