"""One cell's trouble and the endpoint's: what a run goes on asking, and when it stops."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from panel.endpoint import health, limits, patience
from panel.endpoint.bodies import BODY_BYTES
from panel.text import in_words
from tests.support import runs
from tests.support.mock_endpoint import Answer, MockEndpoint, completion, filled, reply_for
from tests.support.space import Panel, Result, Space, edit
from tests.support.weather import error

Face = Callable[[int, dict[str, Any]], Answer | None]
TOOLS, CELLS = 6, 24  # four personas
PAGE = {"content-type": "text/html"}
BAD_GATEWAY = Answer(502, "<html><head><title>502 Bad Gateway</title></head></html>", PAGE)
FIREWALL = "<html><body>Access denied</body></html>"


@pytest.fixture
def wide(mocked: Space) -> Space:
    """Make a workspace with more tools than are asked before an endpoint is given up."""
    for number in range(TOOLS - 2):
        mocked.tool(f"tool-{number}")
    return mocked


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let waits that nobody asked for be short."""
    monkeypatch.setattr(health, "WAIT_CAP_SECONDS", 0.05)


def run(space: Space, panel: Panel, *words: str) -> tuple[int, dict[str, Any], Result]:
    done = panel("run", *words, "--json", cwd=space.root)
    assert "Traceback" not in done.err
    return done.code, json.loads(done.out), done


def attempts(space: Space) -> list[dict[str, Any]]:
    lines = [json.loads(line) for file in space.journals for line in file.read_bytes().splitlines()]
    return [line for line in lines if line["kind"] == "attempt"]


def reasons(space: Space) -> Counter[str | None]:
    return Counter(line["reason"] for line in attempts(space) if line["final"])


def narrated(done: Result) -> list[str]:
    return [line for line in done.err.splitlines() if not line.startswith("Asking ")]


def named(name: str, answer: Answer) -> Face:
    def face(_index: int, body: dict[str, Any]) -> Answer | None:
        said = "\n".join(str(message["content"]) for message in body["messages"])
        return answer if re.search(rf"^Name: {name}$", said, re.M) else None

    return face


# --- a backend that is gone, and one that comes back ---


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "answer",
    [
        BAD_GATEWAY,
        Answer(503, "<html><h1>Service Unavailable</h1>capacity problems</html>", PAGE),
        error(500, "Connection error.", "500"),
        Answer(drop=True),
        Answer(200, ""),
    ],
)
def test_a_dead_backend_costs_few_requests_one_at_a_time(
    wide: Space, mock: MockEndpoint, panel: Panel, quick: None, answer: Answer
) -> None:
    mock.face = lambda _index, _body: answer
    code, summary, done = run(wide, panel)
    assert (code, summary["stopped"], summary["verdicts"]) == (3, "endpoint", 0)
    assert 2 <= mock.asked == summary["requests"] <= 10
    (line,) = narrated(done)
    assert "no answer: " in line and "requests in a row failed" in line
    times = sorted((a["started_at"], a["finished_at"]) for a in attempts(wide))
    assert all(end <= begin for (_, end), (begin, _) in pairwise(times))
    assert len({a["tool"] for a in attempts(wide)}) == 2, "another tool is asked as well"


def test_a_dead_backend_is_given_up_within_seconds(
    wide: Space, mock: MockEndpoint, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it asks to come back every five seconds: by a clock that the waits alone move."""
    clock = SimpleNamespace(now=1000.0)
    ticking = SimpleNamespace(monotonic=lambda: clock.now)

    def leap(_limiter: limits.ConcurrencyLimiter, seconds: float) -> None:
        clock.now += seconds

    for module in (health, limits):
        monkeypatch.setattr(module, "time", ticking)
    monkeypatch.setattr(limits.ConcurrencyLimiter, "hold", leap)
    mock.face = lambda _index, _body: Answer(503, "Backend fetch failed", {"retry-after": "5"})
    code, _summary, done = run(wide, panel)
    assert (code, mock.asked) == (3, 2) and clock.now - 1000 <= 10
    assert "2 requests in a row failed in 5 s, the last with HTTP 503: Backend fetch" in done.err


def test_a_dead_backend_behind_a_slow_gateway_is_asked_no_third_time(
    wide: Space, mock: MockEndpoint, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer takes four seconds, by a clock that the requests move: two are enough."""
    clock = SimpleNamespace(now=1000.0)
    ticking = SimpleNamespace(monotonic=lambda: clock.now)

    def face(_index: int, _body: dict[str, Any]) -> Answer:
        clock.now += 4
        return Answer(503, "No server is available")

    for module in (health, limits):
        monkeypatch.setattr(module, "time", ticking)
    monkeypatch.setattr(limits.ConcurrencyLimiter, "hold", lambda _limiter, _seconds: None)
    mock.face = face
    code, _summary, done = run(wide, panel)
    assert (code, mock.asked) == (3, 2)
    assert "2 requests in a row failed in 8 s" in done.err


def test_a_server_that_loads_its_model_is_waited_for_and_it_is_said(
    wide: Space, mock: MockEndpoint, panel: Panel, quick: None
) -> None:
    """For longer than the tries of any request."""
    loading = error(503, "Loading model", 503, type="unavailable_error")
    mock.face = lambda index, _body: loading if index < 30 else None
    code, summary, done = run(wide, panel)
    assert (code, summary["verdicts"], summary["errors"]) == (0, CELLS, 0)
    (line,) = narrated(done)
    assert "is loading its model (loading: Loading model)" in line and "up to 180 s" in line


def test_a_model_that_never_loads_is_given_up_after_the_time_limit(
    wide: Space, mock: MockEndpoint, panel: Panel, quick: None
) -> None:
    wide.point_at(mock, "timeout_seconds = 0.5\n")
    mock.face = lambda _index, _body: error(503, "Loading model")
    code, summary, done = run(wide, panel)
    assert (code, summary["verdicts"]) == (3, 0)
    assert "no answer: " in done.err and "loading: Loading model" in done.err


def test_a_backend_that_goes_in_the_middle_and_comes_back_costs_no_verdict(
    wide: Space, mock: MockEndpoint, panel: Panel, quick: None
) -> None:
    mock.face = lambda index, _body: BAD_GATEWAY if 6 <= index < 12 else None
    code, summary, _done = run(wide, panel)
    assert (code, summary["verdicts"], summary["errors"]) == (0, CELLS, 0)


def test_a_backend_that_goes_in_the_middle_for_good_ends_the_run(
    wide: Space, mock: MockEndpoint, panel: Panel, quick: None
) -> None:
    mock.face = lambda index, _body: BAD_GATEWAY if index >= 6 else None
    code, summary, _done = run(wide, panel)
    assert (code, summary["stopped"], summary["verdicts"]) == (3, "endpoint", 6)
    assert mock.asked <= 6 + 10 + 4, "and those in flight"


# --- one tool's trouble, and everybody's ---


@pytest.mark.slow
@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("answer", "outcome", "reason", "tries"),
    [
        (Answer(403, FIREWALL, PAGE), "errors", "forbidden", 1),
        (Answer(406, FIREWALL, PAGE), "errors", "forbidden", 1),
        (Answer(200, FIREWALL, PAGE), "errors", "not_an_api", 1),
        (Answer(403, {"message": "Forbidden"}), "errors", "forbidden", 1),
        (Answer(413, FIREWALL, PAGE), "errors", "http_413", 1),
        (error(429, "Limit 3000, Requested 3971"), "errors", "request_too_large", 1),
        (Answer(200, {"choices": []}), "errors", "no_completion", 3),
        (error(500, "boom"), "errors", "http_500", 3),
        (error(400, "Filtered", "content_filter"), "abstains", "filtered", 1),
        (Answer(200, {"promptFeedback": {"blockReason": "SAFETY"}}), "abstains", "filtered", 1),
    ],
)
@pytest.mark.parametrize("name", ["Anvil", "Tool 3"])  # the first to be asked, and the last
def test_what_one_tool_meets_is_its_own(
    wide: Space,
    mock: MockEndpoint,
    panel: Panel,
    quick: None,
    answer: Answer,
    outcome: str,
    reason: str,
    tries: int,
    name: str,
) -> None:
    wide.point_at(mock, "[limits]\nattempts = 3\n")
    mock.face = named(name, answer)
    code, summary, done = run(wide, panel)
    assert (code, summary["stopped"]) == (1 if outcome == "errors" else 0, None), done.err
    assert (summary["verdicts"], summary[outcome]) == (CELLS - 4, 4)
    assert reasons(wide)[reason] == 4
    assert mock.asked == CELLS - 4 + 4 * tries
    halved = {why for a in json.loads(last_line(wide))["concurrency"] for why in a[2:]}
    assert "http_429" not in halved


def last_line(space: Space) -> bytes:
    return space.journals[-1].read_bytes().splitlines()[-1]


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("answer", "reason", "requests"),
    [
        (Answer(403, FIREWALL, PAGE), "forbidden", 3),
        (Answer(200, FIREWALL, PAGE), "not_an_api", 3),
        (Answer(403, {"message": "Forbidden"}), "forbidden", 3),
        (error(400, "API key not valid. Please pass a valid API key."), "key_refused", 3),
        (error(429, "You exceeded your quota, please check your plan and billing."), "quota", 3),
        (
            error(429, json.dumps({"error": {"message": "x", "code": "insufficient_quota"}})),
            "quota",
            1,
        ),
        (error(400, "max_tokens is too large: 1500. At most 1024 are allowed."), "reply_limit", 3),
        (error(400, "Your credit balance is too low"), "quota", 3),
        (error(400, "No connected db."), "http_400", 6),
        (error(400, "Either the config or the provider header is required"), "http_400", 6),
        (Answer(413, "too large"), "http_413", 3),
        (error(400, "This model's maximum context length is 9 tokens"), "context_overflow", 3),
    ],
)
def test_what_every_tool_meets_ends_the_run_after_a_few(
    wide: Space, mock: MockEndpoint, panel: Panel, answer: Answer, reason: str, requests: int
) -> None:
    mock.face = lambda _index, _body: answer
    code, summary, done = run(wide, panel)
    assert (code, summary["stopped"], mock.asked) == (3, "endpoint", requests)
    (line,) = narrated(done)
    assert line.startswith(
        f"Stopped asking 'mock': {in_words(reason)}: "
        + (f"{min(3, requests)} cells in a row: " if requests > 1 else "")
    )
    assert len({a["tool"] for a in attempts(wide)}) == min(3, requests)


def test_a_prompt_that_is_never_read_whole_ends_the_run_too(
    wide: Space, mock: MockEndpoint, panel: Panel
) -> None:
    """Such answers cost money."""
    for number in range(TOOLS - 2):
        wide.tool(f"tool-{number}", description=f"The tool {number} does what it says. " * 300)
    for tool in ("anvil", "bellows"):
        wide.tool(tool, description=f"The {tool} does what it says. " * 300)

    def face(_index: int, body: dict[str, Any]) -> Answer:
        usage = {"prompt_tokens": 1026, "completion_tokens": 10}
        return Answer(body=reply_for(body) | {"usage": usage})

    mock.face = face
    code, summary, done = run(wide, panel)
    assert (code, summary["verdicts"]) == (3, 0) and mock.asked == 3
    assert "prompt truncated: " in done.err and "larger context window" in done.err


def test_errors_with_answers_between_them_end_no_run(
    wide: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = lambda index, _body: Answer(413, "too large") if index % 4 else None
    code, summary, _done = run(wide, panel)
    assert (code, summary["stopped"], summary["errors"]) == (1, None, CELLS * 3 // 4)


def test_a_key_that_is_revoked_in_the_middle_ends_the_run(
    wide: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = lambda index, _body: error(401, "Revoked") if index >= 6 else None
    code, summary, done = run(wide, panel)
    assert (code, summary["verdicts"]) == (3, 6)
    assert mock.asked <= 6 + 3 * 4
    # Of three tools: two cells of one of them may come first.
    assert re.search(r"key refused: \d cells in a row: Revoked", done.err)


# --- waits ---


def waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the waiting that a server asks for be noted and not done."""
    held: list[float] = []
    monkeypatch.setattr(
        limits.ConcurrencyLimiter, "hold", lambda _limiter, seconds: held.append(seconds)
    )
    return held


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"retry-after": "1", "x-ratelimit-remaining-tokens": "0"}, "x", 1),
        ({"retry-after": "42"}, "x", 42),
        ({}, "Please try again in 6m0s.", 360),
        ({"x-ratelimit-remaining-tokens": "0"}, "x", 360),
        ({"x-ratelimit-remaining-tokens": "7"}, "x", None),
    ],
)
def test_the_wait_is_the_one_that_was_asked_for_and_a_long_one_is_announced(
    wide: Space,
    mock: MockEndpoint,
    panel: Panel,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    message: str,
    seconds: float | None,
) -> None:
    held = waiting(monkeypatch)
    slow = error(429, message, "rate_limit_exceeded")
    slow.headers = {"x-ratelimit-reset-tokens": "6m0s", **headers}
    mock.face = lambda index, _body: slow if index == 5 else None
    code, summary, done = run(wide, panel)
    assert (code, summary["verdicts"]) == (0, CELLS)
    assert held == ([] if seconds is None else [seconds])
    announced = [line for line in narrated(done) if "cannot answer now" in line]
    assert len(announced) == (seconds is not None and seconds > patience.ANNOUNCED_SECONDS)
    for line in announced:
        assert line.startswith(f"'mock' cannot answer now (HTTP 429: {message.rstrip('.')})")
        assert re.search(r"Waiting (42 s|6 min), until .* UTC", line)


@pytest.mark.slow
@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("answer", "label"),
    [
        (Answer(429, {"error": {"message": "Slow down"}}, {"retry-after": "36000"}), "long_wait"),
        (error(429, "Too many. Please try again in 10 hours."), "long_wait"),
        (Answer(503, "maintenance", {"retry-after": "36000"}), "long_wait"),
        (error(429, "Rate limit exceeded: free-models-per-day"), "daily_quota"),
    ],
)
@pytest.mark.parametrize("first", [0, 6])
def test_a_wait_of_hours_is_said_and_ends_the_run(
    wide: Space, mock: MockEndpoint, panel: Panel, answer: Answer, label: str, first: int
) -> None:
    mock.face = lambda index, _body: answer if index >= first else None
    code, summary, done = run(wide, panel)
    assert (code, summary["stopped"], summary["verdicts"]) == (3, "endpoint", first)
    assert mock.asked <= first + 4
    (line,) = narrated(done)
    assert f"{label.replace('_', ' ')}: " in line and "the next run goes on" in line
    mock.face = None
    code, summary, _done = run(wide, panel)
    assert (code, summary["reused"], summary["verdicts"]) == (0, first, CELLS - first)


def test_a_wish_of_no_time_is_the_least_that_is_waited(
    wide: Space, mock: MockEndpoint, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each failure in a row doubles the wait, whatever the server says."""
    held = waiting(monkeypatch)
    limited = error(429, "Rate limit reached. Please try again in 6ms.", "rate_limit_exceeded")
    mock.face = lambda index, _body: limited if index < 6 else None
    code, summary, _done = run(wide, panel)
    assert (code, summary["verdicts"]) == (0, CELLS)
    assert held == [0.006, 1, 2, 4, 8, 16]


def test_short_waits_in_a_row_are_announced(
    wide: Space, mock: MockEndpoint, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(monkeypatch)
    busy = Answer(503, "too many requests", {"retry-after": "9"})
    mock.face = lambda index, _body: busy if 6 <= index < 9 else None
    code, _summary, done = run(wide, panel)
    assert code == 0 and "'mock' cannot answer now (HTTP 503: too many requests)" in done.err


def test_the_wait_for_ones_own_limit_is_announced_once(
    wide: Space, mock: MockEndpoint, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide.point_at(mock, "rpm = 10\n")
    monkeypatch.setattr(limits, "MINUTE", 1.0)
    monkeypatch.setattr(patience, "ANNOUNCED_SECONDS", 0.5)
    code, summary, done = run(wide, panel)
    assert (code, summary["verdicts"]) == (0, CELLS)
    assert done.err.count("is asked no faster than rpm and tpm allow. Waiting ") == 1


def test_words_of_the_model_in_an_error_hold_nobody_back(
    wide: Space, mock: MockEndpoint, panel: Panel, quick: None
) -> None:
    text = "The beta will be available in 14 days"
    slip = error(400, "Failed to generate JSON.", "json_validate_failed", failed_generation=text)
    mock.face = lambda index, _body: slip if index == 3 else None
    code, summary, done = run(wide, panel)
    assert (code, summary["verdicts"], narrated(done)) == (0, CELLS, [])


def test_an_answer_that_uses_up_the_limit_of_a_day_is_kept_and_ends_the_run(
    wide: Space, mock: MockEndpoint, panel: Panel
) -> None:
    spent = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "23h59m"}
    mock.face = lambda index, _body: Answer(headers=spent) if index == 6 else None
    code, summary, done = run(wide, panel)
    assert code == 3 and 7 <= summary["verdicts"] == mock.asked <= 7 + 4
    assert "long wait: it asks to wait 24 h, until " in done.err
    assert run(wide, panel)[1]["reused"] == summary["verdicts"]


def test_the_last_answer_of_a_run_may_use_up_the_limit(
    wide: Space, mock: MockEndpoint, panel: Panel
) -> None:
    spent = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "23h59m"}
    mock.face = lambda index, _body: Answer(headers=spent) if index == CELLS - 1 else None
    code, summary, done = run(wide, panel)
    assert (code, summary["verdicts"], narrated(done)) == (0, CELLS, [])


def test_how_long_a_run_waits_is_a_setting(wide: Space, mock: MockEndpoint, panel: Panel) -> None:
    wide.point_at(mock, "[limits]\nlongest_wait_seconds = 0.5\n")
    mock.face = lambda index, _body: Answer(429, "{}", {"retry-after": "2"}) if index == 6 else None
    code, summary, done = run(wide, panel)
    assert (code, summary["stopped"]) == (3, "endpoint") and summary["verdicts"] >= 6
    assert "raise longest_wait_seconds in [limits]" in done.err


@pytest.mark.slow
def test_a_server_that_is_started_again_is_waited_for(wide: Space, panel: Panel) -> None:
    with ExitStack() as stack:
        first = MockEndpoint().__enter__()
        wide.point_at(first)
        back: list[MockEndpoint] = []

        def again() -> None:
            first.__exit__(None, None, None)
            time.sleep(0.5)
            back.append(stack.enter_context(MockEndpoint(port=first.port)))

        restart = Thread(target=again)

        def face(index: int, _body: dict[str, Any]) -> Answer | None:
            if index == 6:
                restart.start()
            return None

        first.face = face
        code, summary, _done = run(wide, panel)
        restart.join()
    assert (code, summary["verdicts"], summary["errors"]) == (0, CELLS, 0)
    assert back[0].asked >= CELLS - 10


@pytest.mark.slow
def test_one_question_with_an_answer_without_end_leaves_all_others_answered(
    wide: Space, mock: MockEndpoint, panel: Panel
) -> None:
    packed = gzip.compress(b" " * (BODY_BYTES + 1), 1)
    mock.face = named("Anvil", Answer(body=packed, headers={"content-encoding": "gzip"}))
    code, summary, done = run(wide, panel)
    assert (code, summary["verdicts"], summary["errors"]) == (1, CELLS - 4, 4)
    assert reasons(wide)["body_too_long"] == 4 and narrated(done) == []


@pytest.mark.slow
def test_open_files_that_run_out_make_the_requests_at_a_time_fewer_and_are_no_fault_of_the_server(
    wide: Space, mock: MockEndpoint
) -> None:
    wide.point_at(mock)
    edit(wide.root / "panel.toml", "concurrency = 4", "concurrency = 64")
    mock.delay = 0.4
    limited = f"ulimit -n 36; exec {sys.executable} -m panel run --repeats 9 --json"
    done = subprocess.run(
        ["/bin/sh", "-c", limited], cwd=wide.root, capture_output=True, text=True, check=False
    )
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["verdicts"], summary["errors"]) == (0, 9 * CELLS, 0)
    assert {a["reason"] for a in attempts(wide)} == {None, "files_used_up"}


# --- what the server does not take ---

SLIP = error(400, "Failed to generate JSON. See 'failed_generation'.", "json_validate_failed")


def test_a_reply_that_the_server_rejects_once_is_asked_for_again_in_the_same_way(
    wide: Space, mock: MockEndpoint, panel: Panel, quick: None
) -> None:
    mock.face = lambda index, _body: SLIP if index in (0, 7) else None
    code, summary, _done = run(wide, panel)
    assert (code, summary["verdicts"], mock.asked) == (0, CELLS, CELLS + 2)
    assert {a["output_mode"] for a in attempts(wide)} == {"json_schema"}


@pytest.mark.slow
def test_a_model_that_cannot_keep_to_the_form_is_asked_in_a_weaker_one(
    wide: Space, mock: MockEndpoint, panel: Panel, quick: None
) -> None:
    mock.face = lambda _index, body: SLIP if "response_format" in body else None
    code, summary, _done = run(wide, panel)
    assert (code, summary["verdicts"]) == (0, CELLS)
    assert {a["output_mode"] for a in attempts(wide) if a["final"]} == {"tool"}
    assert mock.asked <= CELLS + 2 * (3 + 4)


def test_a_form_that_has_worked_is_not_given_up_for_all_on_the_word_of_one_cell(
    wide: Space, mock: MockEndpoint, panel: Panel
) -> None:
    refused = error(400, "response_format: this schema is not supported")

    def face(_index: int, body: dict[str, Any]) -> Answer | None:
        one = named("Tool 1", refused)(0, body) is not None
        if one and "You are the Skeptic" in str(body["messages"]) and "response_format" in body:
            return refused
        return None

    mock.face = face
    code, summary, _done = run(wide, panel)
    modes = Counter(a["output_mode"] for a in attempts(wide) if a["final"])
    assert (code, summary["verdicts"]) == (0, CELLS)
    assert modes == {"json_schema": CELLS - 1, "tool": 1}


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "message",
    [
        "`temperature` is deprecated for this model.",
        "invalid temperature: only 1 is allowed for this model",
    ],
)
def test_a_field_that_is_not_taken_is_left_out_and_said_once(
    wide: Space, mock: MockEndpoint, panel: Panel, message: str
) -> None:
    refused = error(400, message)
    mock.face = lambda _index, body: refused if "temperature" in body else None
    done = panel("run", cwd=wide.root)
    assert done.code == 0 and mock.asked == CELLS + 1
    assert done.out.count("Requests were adapted to the server: without temperature.") == 1
    journaled = attempts(wide)
    assert [a["adapted"] for a in journaled] == [[], *[["without temperature"]] * CELLS]


@pytest.mark.slow
def test_keys_in_the_words_of_a_server_are_stored_and_shown_nowhere(
    wide: Space, mock: MockEndpoint, panel: Panel
) -> None:
    """Whosever they are; a reply of the model is data, and stays as it is."""
    key = "sk-proj-Ab12Cd34Ef56Gh78"
    mock.face = lambda _index, _body: error(401, f"Incorrect API key provided: {key}.")
    _code, _summary, done = run(wide, panel)
    assert "Incorrect API key provided: [key]" in done.err
    shown = done.out + done.err + panel("sql", "FROM attempts", cwd=wide.root).out
    files = [file for file in (wide.root / "runs").rglob("*") if file.is_file()]
    assert key not in shown and not [file for file in files if key.encode() in file.read_bytes()]

    def face(_index: int, body: dict[str, Any]) -> Answer:
        text = filled(body["response_format"]["json_schema"]["schema"], "x")
        return Answer(body=completion(json.dumps(text | {"evidence": [key]})))

    mock.face = face
    run(wide, panel, "--tool", "anvil")
    assert any(key in (a["reply"] or "") for a in attempts(wide))


@pytest.mark.timeout(60)
def test_a_fault_of_the_program_itself_ends_the_run_and_leaves_nobody_waiting(
    wide: Space, mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_words: Any, **_named: Any) -> None:
        raise RuntimeError("unforeseen")

    wide.point_at(mock)
    monkeypatch.setattr("panel.endpoint.replies.parse", broken)
    with pytest.raises(RuntimeError, match="unforeseen"):
        runs.run(wide)
