"""One cell, from question to an honest end, over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from panel.cells.cells import Cell, Target, identify
from panel.cells.lines import Attempt
from panel.endpoint import health
from panel.endpoint.cell_runner import CellRunner, Settled
from panel.endpoint.client import Client
from panel.endpoint.health import EndpointHealth
from panel.endpoint.limits import ConcurrencyLimiter
from panel.endpoint.patience import Patience
from panel.workspace.endpoints import Endpoint, resolve_endpoint
from panel.workspace.loading import WorkspaceFiles, load_workspace
from tests.support.mock_endpoint import Answer, MockEndpoint, completion, filled, reply_for
from tests.support.space import Space

Face = Callable[[int, dict[str, Any]], Answer | None]
REFUSED = Answer(400, {"error": {"message": "response_format json_schema is not supported"}})
GOOD = Answer()
NONSENSE = Answer(body=completion("I would rather chat."))
CUT = Answer(body=completion('{"evidence": ["a', "length"))


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "WAIT_CAP_SECONDS", 0.1)


def script(*answers: Answer) -> Face:
    """Give these answers in turn, the last one for ever."""
    return lambda index, _body: answers[min(index, len(answers) - 1)]


def cells_of(workspace: WorkspaceFiles, endpoint: Endpoint, repeats: int = 1) -> list[Cell]:
    model = identify(endpoint, None)
    tools, personas = workspace.tools, workspace.personas
    return Target(workspace.prompts, endpoint, model, tools, personas).lay_out(repeats)


class Asked:
    """What came of settling the first cells of a workspace, one after another."""

    def __init__(self, root: Path, cells: int = 1) -> None:
        workspace = load_workspace(root)
        endpoint = resolve_endpoint(workspace.settings, root)
        chosen = cells_of(workspace, endpoint)[:cells]
        self.attempts: list[Attempt] = []

        async def record(attempt: Attempt) -> None:
            self.attempts.append(attempt)

        async def settle() -> list[Settled]:
            async with Client(str(endpoint.base_url), None, endpoint) as client:
                health = EndpointHealth(endpoint.attempts, endpoint.timeout_seconds)
                patience = Patience(endpoint.name, ConcurrencyLimiter(4), health)
                self.ladder = CellRunner(client, endpoint, patience)
                return [await self.ladder.settle(cell, record) for cell in chosen]

        self.ends = asyncio.run(settle())
        self.end = self.ends[0]
        self.cell = self.attempts[0].cell


def test_a_good_answer_is_a_verdict_at_the_first_try(mocked: Space, mock: MockEndpoint) -> None:
    asked = Asked(mocked.root)
    assert asked.end.outcome == "verdict" and asked.end.verdict is not None
    [attempt] = asked.attempts
    assert (attempt.output_mode, attempt.final, attempt.ordinal) == ("json_schema", True, 1)
    assert attempt.verdict == asked.end.verdict
    assert attempt.body and json.loads(attempt.body)["id"].startswith("chatcmpl-mock")
    [request] = mock.requests
    assert request["body"]["response_format"]["json_schema"]["schema"] == asked.cell.schema


def test_a_refused_schema_is_refused_once_and_the_way_down_remembered(
    mocked: Space, mock: MockEndpoint
) -> None:
    """A tool call serves the cell and the next one; one request is wasted in all."""
    schema = Asked(mocked.root).cell.schema
    mock.requests.clear()

    def face(_index: int, body: dict[str, Any]) -> Answer:
        if "response_format" in body:
            return REFUSED
        return Answer(body=completion(json.dumps(filled(schema, "x"))))

    mock.face = face
    asked = Asked(mocked.root, cells=2)
    assert [end.outcome for end in asked.ends] == ["verdict", "verdict"]
    assert [a.output_mode for a in asked.attempts] == ["json_schema", "tool", "tool"]
    assert [a.final for a in asked.attempts] == [False, True, True]
    assert asked.attempts[0].reason == "schema_refused"
    assert ["response_format" in r["body"] for r in mock.requests] == [True, False, False]
    assert asked.ladder.request_profile.output_mode == "tool"


@pytest.mark.parametrize("form", ["object", "text", "old", "beside prose"])
def test_a_call_is_read_wherever_the_server_left_it(
    mocked: Space, mock: MockEndpoint, form: str
) -> None:
    def face(_index: int, body: dict[str, Any]) -> Answer:
        if "tools" not in body:
            return REFUSED
        whole = reply_for(body)
        function = whole["choices"][0]["message"]["tool_calls"][0]["function"]
        parsed = {**function, "arguments": json.loads(function["arguments"])}
        content, message = {
            "object": (None, {"tool_calls": [{"id": "c", "function": parsed}]}),
            "text": (f"<tool_call>\n{json.dumps(parsed)}\n</tool_call>", {}),
            "old": (None, {"function_call": function}),
            "beside prose": ("I fill {evidence}.", {"tool_calls": [{"function": function}]}),
        }[form]
        return Answer(body=completion(content, usage=whole["usage"], **message))

    mock.face = face
    asked = Asked(mocked.root)
    assert asked.end.outcome == "verdict" and not asked.attempts[-1].repair
    assert [a.output_mode for a in asked.attempts] == ["json_schema", "tool"]


def test_an_unreadable_reply_gets_one_repair_that_says_what_was_wrong(
    mocked: Space, mock: MockEndpoint
) -> None:
    broken = reply_for({})  # prose
    broken["choices"][0]["message"]["content"] = '{"evidence": [], "verdict": "maybe"}'
    mock.face = script(Answer(body=broken), GOOD)
    asked = Asked(mocked.root)
    assert asked.end.outcome == "verdict"
    assert [a.repair for a in asked.attempts] == [False, True]
    first, second = (request["body"]["messages"] for request in mock.requests)
    assert second[: len(first)] == first
    shown, repair = second[len(first) :]
    assert shown == {"role": "assistant", "content": '{"evidence": [], "verdict": "maybe"}'}
    assert repair["role"] == "user"
    assert "verdict: must be 'ship' or 'skip'" in repair["content"]
    assert "verdict_confidence: is missing" in repair["content"]
    assert tuple(asked.attempts[1].messages[-1]) == ("user", repair["content"])


def test_twice_unreadable_abstains_and_keeps_both_replies(
    mocked: Space, mock: MockEndpoint
) -> None:
    mock.face = script(NONSENSE, Answer(body=completion("Still chatting.")), GOOD)
    asked = Asked(mocked.root)
    assert (asked.end.outcome, asked.end.reason) == ("abstain", "unparsable")
    assert [a.reply for a in asked.attempts] == ["I would rather chat.", "Still chatting."]
    assert [a.final for a in asked.attempts] == [False, True]
    assert all(a.body and (a.reply or "?").encode() in a.body for a in asked.attempts)
    assert mock.asked == 2


@pytest.mark.parametrize("content", ["", None, " \n"])
@pytest.mark.parametrize("finish", ["stop", "error"])
def test_an_empty_reply_is_no_reply_and_is_asked_for_again_in_the_same_words(
    mocked: Space, mock: MockEndpoint, content: str | None, finish: str
) -> None:
    mock.face = script(Answer(body=completion(content, finish)), GOOD)
    asked = Asked(mocked.root)
    assert [(a.outcome, a.reason, a.repair) for a in asked.attempts] == [
        ("error", "no_completion", False),
        ("verdict", None, False),
    ]
    first, second = (request["body"]["messages"] for request in mock.requests)
    assert first == second


def test_an_error_inside_a_choice_is_what_it_says(mocked: Space, mock: MockEndpoint) -> None:
    """And nothing against a verdict that stands beside it."""
    passing = completion("", "error")
    passing["choices"][0]["error"] = {"code": 502, "message": "Upstream error"}
    broke = completion('{"evidence": ["a', "error")
    broke["choices"][0]["error"] = {"code": 402, "message": "Insufficient credits"}

    def beside(_index: int, body: dict[str, Any]) -> Answer:
        whole = reply_for(body)
        whole["choices"][0]["error"] = {"code": 500, "message": "usage lookup failed"}
        return Answer(body=whole)

    mock.face = script(Answer(body=passing), Answer(body=broke))
    asked = Asked(mocked.root)
    assert [a.reason for a in asked.attempts] == ["http_502", "quota"]
    assert asked.end.stop is not None and asked.end.detail == "Insufficient credits"
    mock.face = beside
    assert Asked(mocked.root).end.outcome == "verdict"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (completion(None, refusal="I cannot help with that."), "refusal"),
        (completion("", "content_filter"), "filtered"),
        (completion('{"evidence": ["a', "SAFETY"), "filtered"),
        (completion("I will not.", "refusal"), "filtered"),
    ],
)
def test_a_refusal_or_a_filter_is_an_abstention_and_is_not_argued_with(
    mocked: Space, mock: MockEndpoint, answer: dict[str, Any], reason: str
) -> None:
    mock.face = script(Answer(body=answer), GOOD)
    asked = Asked(mocked.root)
    assert (asked.end.outcome, asked.end.reason) == ("abstain", reason)
    assert mock.asked == 1


def test_a_reply_cut_short_may_be_twice_as_long_once(mocked: Space, mock: MockEndpoint) -> None:
    mock.face = script(CUT, GOOD)
    assert Asked(mocked.root).end.outcome == "verdict"
    limits = [request["body"]["max_tokens"] for request in mock.requests]
    assert limits == [1500, 3000]


@pytest.mark.parametrize("finish", ["length", "MAX_TOKENS", "max_output_tokens"])
@pytest.mark.parametrize("place", ["reasoning", "reasoning_content", "think", "magistral", "parts"])
def test_a_draft_in_a_thought_that_was_cut_is_asked_again_with_more_room(
    mocked: Space, mock: MockEndpoint, place: str, finish: str
) -> None:
    """The draft says the opposite; it must not be taken for the answer."""

    def face(index: int, body: dict[str, Any]) -> Answer | None:
        if index:
            return None
        draft = reply_for(body)["choices"][0]["message"]["content"]
        parts = [{"type": "thinking", "thinking": [{"type": "text", "text": draft}]}]
        thought: dict[str, Any] = {
            "think": {"content": f"<think>{draft}"},
            "magistral": {"content": f"[THINK]Perhaps {draft}? Hm"},
            "parts": {"content": parts},
        }.get(place, {"content": "", place: draft})
        return Answer(body=completion(thought.pop("content"), finish, **thought))

    mock.face = face
    asked = Asked(mocked.root)
    assert [a.reason for a in asked.attempts] == ["truncated", None]
    assert asked.end.outcome == "verdict"
    assert [request["body"]["max_tokens"] for request in mock.requests] == [1500, 3000]


def test_a_thought_alone_counts_only_where_it_ends_in_an_answer(
    mocked: Space, mock: MockEndpoint
) -> None:
    """Some servers put the answer there; others sent no answer at all."""

    def face(index: int, body: dict[str, Any]) -> Answer:
        text = reply_for(body)["choices"][0]["message"]["content"]
        thought = f"{text}\nWait, that is too kind." if index == 0 else text
        return Answer(body=completion("", reasoning_content=thought))

    mock.face = face
    asked = Asked(mocked.root)
    assert [(a.outcome, a.reason) for a in asked.attempts] == [
        ("abstain", "unparsable"),
        ("verdict", None),
    ]
    assert all(a.degraded for a in asked.attempts)


@pytest.mark.parametrize("text", ["<think>hmm", "{answer} Hmm, wait."])
def test_a_reply_as_long_as_its_cap_was_cut_short_even_where_the_server_says_stop(
    mocked: Space, mock: MockEndpoint, text: str
) -> None:
    def face(index: int, body: dict[str, Any]) -> Answer | None:
        if index:
            return None
        said = text.replace("{answer}", reply_for(body)["choices"][0]["message"]["content"])
        usage = {"prompt_tokens": 2000, "completion_tokens": body["max_tokens"]}
        return Answer(body=completion(said, "stop", usage))

    mock.face = face
    asked = Asked(mocked.root)
    assert [a.reason for a in asked.attempts] == ["truncated", None]
    assert [request["body"]["max_tokens"] for request in mock.requests] == [1500, 3000]


def test_a_reply_is_not_held_against_a_cap_that_its_server_did_not_take(
    mocked: Space, mock: MockEndpoint
) -> None:
    def face(_index: int, body: dict[str, Any]) -> Answer:
        if "max_tokens" in body or "max_completion_tokens" in body:
            name = "max_tokens" if "max_tokens" in body else "max_completion_tokens"
            message = f"Unsupported parameter: {name}"
            return Answer(400, json.dumps({"error": {"message": message, "param": name}}))
        said = reply_for(body)["choices"][0]["message"]["content"] + " I hope that helps."
        return Answer(
            body=completion(said, "stop", {"prompt_tokens": 2000, "completion_tokens": 5000})
        )

    mock.face = face
    assert Asked(mocked.root).end.outcome == "verdict"
    assert mock.asked == 3


def test_thoughts_that_are_counted_beside_a_reply_take_no_room_of_its_cap(
    mocked: Space, mock: MockEndpoint
) -> None:
    def face(_index: int, body: dict[str, Any]) -> Answer:
        said = reply_for(body)["choices"][0]["message"]["content"] + " I hope that helps."
        usage = {"prompt_tokens": 2000, "completion_tokens": 100, "total_tokens": 12_100}
        return Answer(body=completion(said, "stop", usage))

    mock.face = face
    asked = Asked(mocked.root)
    assert (asked.end.outcome, mock.asked) == ("verdict", 1)
    assert [a.completion_tokens for a in asked.attempts] == [10_100]


@pytest.mark.parametrize("finish", ["error", "abort", "MALFORMED_FUNCTION_CALL", "length"])
def test_a_whole_verdict_is_kept_whatever_the_server_says_of_its_end(
    mocked: Space, mock: MockEndpoint, finish: str
) -> None:
    def face(_index: int, body: dict[str, Any]) -> Answer:
        return Answer(body=completion(reply_for(body)["choices"][0]["message"]["content"], finish))

    mock.face = face
    assert Asked(mocked.root).end.outcome == "verdict"
    assert mock.asked == 1


def test_a_verdict_that_a_filter_let_through_is_an_abstention(
    mocked: Space, mock: MockEndpoint
) -> None:
    def face(_index: int, body: dict[str, Any]) -> Answer:
        said = reply_for(body)["choices"][0]["message"]["content"]
        return Answer(body=completion(said, "content_filter"))

    mock.face = face
    assert Asked(mocked.root).end.reason == "filtered" and mock.asked == 1


def test_a_reply_cut_short_twice_is_an_error(mocked: Space, mock: MockEndpoint) -> None:
    mock.face = script(CUT)
    asked = Asked(mocked.root)
    assert (asked.end.outcome, asked.end.reason) == ("error", "truncated")
    assert [a.final for a in asked.attempts] == [False, True]
    assert mock.asked == 2


def test_a_busy_server_is_asked_again_and_both_attempts_are_kept(
    mocked: Space, mock: MockEndpoint
) -> None:
    mock.face = script(Answer(429, "{}", {"retry-after-ms": "20"}), GOOD)
    asked = Asked(mocked.root)
    assert asked.end.outcome == "verdict"
    assert [(a.outcome, a.final, a.http_status) for a in asked.attempts] == [
        ("error", False, 429),
        ("verdict", True, 200),
    ]
    assert [a.ordinal for a in asked.attempts] == [1, 2]


def test_the_wish_of_the_server_to_wait_is_kept(mocked: Space, mock: MockEndpoint) -> None:
    mock.face = script(Answer(503, "{}", {"retry-after": "0.6"}), GOOD)
    asked = Asked(mocked.root)
    first, second = asked.attempts
    assert second.started_at > first.finished_at
    waited = float(second.started_at[-9:]) - float(first.finished_at[-9:])
    assert 0.6 <= waited % 60 < 1.5


@pytest.mark.slow
def test_after_the_last_try_the_cell_is_an_error(mocked: Space, mock: MockEndpoint) -> None:
    mocked.point_at(mock, "[limits]\nattempts = 3\n")
    mock.face = script(GOOD, Answer(500, {"error": {"message": "CUDA error"}}))
    end = Asked(mocked.root, cells=2).ends[1]
    assert (end.outcome, end.reason, end.detail) == ("error", "http_500", "CUDA error")
    assert end.stop is None and mock.asked == 1 + 3


def test_an_endpoint_that_has_never_answered_is_given_up_after_as_many_tries(
    mocked: Space, mock: MockEndpoint
) -> None:
    mocked.point_at(mock, "[limits]\nattempts = 3\n")
    mock.face = script(Answer(500, {"error": {"message": "CUDA error"}}))
    asked = Asked(mocked.root)
    assert asked.end.stop is not None and asked.end.stop.label == "no_answer"
    assert asked.end.detail == "3 requests in a row failed, the last with HTTP 500: CUDA error"
    assert [a.final for a in asked.attempts] == [False, False, True]


@pytest.mark.parametrize("lost", [Answer(drop=True), Answer(delay=5)])
def test_a_lost_answer_is_asked_for_again(mocked: Space, mock: MockEndpoint, lost: Answer) -> None:
    mocked.point_at(mock, "timeout_seconds = 0.3\n")
    mock.face = script(GOOD, lost, GOOD)
    asked = Asked(mocked.root, cells=2)
    assert [a.reason for a in asked.attempts] == [None, "dropped" if lost.drop else "timeout", None]
    assert asked.attempts[1].http_status is None and asked.attempts[1].body is None


def test_an_endpoint_that_never_answers_is_given_up_at_its_first_deadline(
    mocked: Space, mock: MockEndpoint
) -> None:
    mocked.point_at(mock, "timeout_seconds = 0.3\n")
    mock.face = script(Answer(delay=5))
    asked = Asked(mocked.root)
    assert asked.end.stop is not None and asked.end.stop.label == "silent"
    assert len(asked.attempts) == 1


def test_a_stop_fault_ends_the_cell_and_says_so(mocked: Space, mock: MockEndpoint) -> None:
    mock.face = script(Answer(401, {"error": {"message": "Incorrect API key"}}))
    asked = Asked(mocked.root)
    assert asked.end.outcome == "error" and mock.asked == 1
    assert asked.end.stop is not None and asked.end.stop.label == "key_refused"


def test_a_bad_request_is_recorded_and_asked_once(mocked: Space, mock: MockEndpoint) -> None:
    mock.face = script(Answer(413, "too large"))
    asked = Asked(mocked.root)
    assert (asked.end.outcome, asked.end.reason) == ("error", "http_413")
    assert asked.end.stop is None and mock.asked == 1


def test_the_model_is_never_another_whatever_happens(mocked: Space, mock: MockEndpoint) -> None:
    busy = Answer(503, "{}", {"retry-after": "0"})
    mock.face = script(busy, REFUSED, CUT, NONSENSE, Answer(body=completion("no", model="other")))
    asked = Asked(mocked.root)
    assert len(mock.requests) == 5
    assert {request["body"]["model"] for request in mock.requests} == {"mock-1"}
    assert asked.attempts[-1].returned_model == "other"


def test_sampling_is_sent_as_it_is_written(mocked: Space, mock: MockEndpoint) -> None:
    mocked.point_at(
        mock,
        "[endpoints.mock.sampling]\ntemperature = 0.25\ntop_p = 0.5\nmax_tokens = 321\n"
        "extra = { min_p = 0.1 }\n",
    )
    Asked(mocked.root)
    sent = mock.requests[0]["body"]
    assert set(sent) == {
        *("model", "messages", "response_format", "stream"),
        *("temperature", "top_p", "max_tokens", "min_p"),
    }
    assert (sent["temperature"], sent["top_p"], sent["max_tokens"]) == (0.25, 0.5, 321)
    assert sent["min_p"] == 0.1


@pytest.mark.parametrize(
    ("preset", "limit", "seed"),
    [
        ("openai", "max_completion_tokens", "seed"),
        ("mistral", "max_tokens", "random_seed"),
        ("vllm", "max_tokens", "seed"),
    ],
)
def test_fields_have_the_names_that_the_server_knows(
    mocked: Space,
    mock: MockEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    preset: str,
    limit: str,
    seed: str,
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "x")
    mocked.point_at(
        mock,
        f'preset = "{preset}"\napi_key_env = "SOME_API_KEY"\n'
        "[endpoints.mock.sampling]\nseed = 5\nmax_tokens = 99\n",
    )
    mock.face = script(CUT, GOOD)
    Asked(mocked.root)
    sent = [request["body"] for request in mock.requests]
    assert [body[limit] for body in sent] == [99, 198]
    assert [body[seed] for body in sent] == [5, 5]
    unknown = {"max_tokens", "max_completion_tokens", "seed", "random_seed"} - {limit, seed}
    assert not unknown & set(sent[0])


def test_a_fixed_seed_moves_on_with_the_repeat(mocked: Space, mock: MockEndpoint) -> None:
    """Or every repeat would be the same answer."""
    mocked.point_at(mock, "[endpoints.mock.sampling]\nseed = 5\n")
    workspace = load_workspace(mocked.root)
    endpoint = resolve_endpoint(workspace.settings, mocked.root)
    cells = cells_of(workspace, endpoint, repeats=3)
    assert {(cell.repeat, cell.sampling["seed"]) for cell in cells} == {(1, 5), (2, 6), (3, 7)}


def test_tokens_are_counted_over_all_attempts(mocked: Space, mock: MockEndpoint) -> None:
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 64},
    }
    mock.face = script(Answer(body=completion("chat", usage=usage)))
    mocked.point_at(mock, "[endpoints.mock.prices]\nprompt = 1\ncompletion = 2\n")
    asked = Asked(mocked.root)
    spent = asked.ladder.usage
    assert (spent.requests, spent.prompt_tokens, spent.completion_tokens) == (2, 2000, 20)
    assert spent.cached_tokens == 128
    assert [a.cost_usd for a in asked.attempts] == [pytest.approx(1020e-6)] * 2
