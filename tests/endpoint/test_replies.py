"""Reading completions of servers that do not agree on where the answer is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from panel.endpoint.replies import read_reply
from panel.endpoint.usage import TokenUsage, cost
from panel.workspace.endpoint_settings import Prices
from tests.support.mock_endpoint import completion

PRICES = Prices(prompt=2.0, completion=8.0)


def text_of(content: Any, **message: Any) -> str:
    return read_reply(completion(content, usage={}, **message)).text


def usage_of(usage: Any) -> TokenUsage:
    return read_reply({"choices": [{"message": {"content": ""}}], "usage": usage}).usage


def called(arguments: Any) -> dict[str, Any]:
    return {"tool_calls": [{"function": {"name": "verdict", "arguments": arguments}}]}


def test_plain_content_is_the_text() -> None:
    assert text_of("hello") == "hello"


def test_a_list_of_parts_gives_its_text_parts_and_not_its_thinking() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "he"},
        {"type": "text", "text": None},
        "odd",
        {"type": "text", "text": "llo"},
    ]
    assert text_of(parts) == "hello"


VERDICT = '{"evidence": ["q"], "verdict": "skip"}'


def call(arguments: Any, name: str = "give_verdict") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def test_a_call_of_the_verdict_is_read_before_the_content() -> None:
    for content in (None, "", "said", "I fill in {evidence} with the tool.", '{"b": 2}'):
        reply = read_reply(completion(content, usage={}, tool_calls=[call(VERDICT)]))
        assert (reply.text, reply.place) == (VERDICT, "tool")
    cut = read_reply(completion('It says {"verdict": "ship"}', tool_calls=[call(VERDICT[:20])]))
    assert cut.text == VERDICT[:20], "what the vendor says does not stand in for the model's own"


def test_a_call_of_another_tool_does_not_hide_a_verdict_in_the_content() -> None:
    other = [call('{"query": "anvil"}', "search")]
    assert text_of(VERDICT, tool_calls=other) == VERDICT
    assert text_of("said", tool_calls=other) == '{"query": "anvil"}'
    assert text_of("said", tool_calls=[call(VERDICT), *other]) == VERDICT


def test_of_several_calls_that_agree_the_last_counts_and_of_others_all_are_listed() -> None:
    other, surer = VERDICT.replace("skip", "ship"), VERDICT.replace('"q"', '"q", "r"')
    assert text_of(None, tool_calls=[call(VERDICT), call(surer)]) == surer
    assert text_of(None, tool_calls=[call(VERDICT[:9]), call(other)]) == other
    calls = [call(other), call(VERDICT), call(VERDICT)]
    assert text_of(None, tool_calls=calls) == f"[{other}, {VERDICT}, {VERDICT}]"


@pytest.mark.parametrize(
    "arguments",
    [VERDICT, json.loads(VERDICT), json.dumps(VERDICT), json.dumps(json.dumps(VERDICT))],
)
def test_arguments_may_be_text_an_object_or_text_in_text(arguments: Any) -> None:
    for message in (
        {"tool_calls": [call(arguments)]},
        {"tool_calls": call(arguments)},
        {"function_call": {"name": "give_verdict", "arguments": arguments}},
        {"tool_calls": [{"name": "give_verdict", "parameters": arguments}]},
        {"content": [{"type": "tool_use", "name": "give_verdict", "input": arguments}]},
    ):
        reply = read_reply({"choices": [{"message": message}]})
        assert (json.loads(reply.text), reply.place) == (json.loads(VERDICT), "tool")


@pytest.mark.parametrize(
    "content",
    [
        [VERDICT],
        [{"type": "text", "content": VERDICT}],
        [{"type": "text", "text": {"value": VERDICT, "annotations": []}}],
        {"type": "text", "text": VERDICT},
        {"parts": [{"thought": True, "text": "hm"}, {"text": VERDICT}]},
        [json.loads(VERDICT)],
    ],
)
def test_content_may_be_parts_of_any_shape(content: Any) -> None:
    assert json.loads(read_reply(completion(content, usage={})).text) == json.loads(VERDICT)


def test_an_answer_that_only_its_parsed_form_has_is_read() -> None:
    parsed = read_reply(completion("", parsed=json.loads(VERDICT), reasoning="hm"))
    assert (json.loads(parsed.text), parsed.place) == (json.loads(VERDICT), "content")


@pytest.mark.parametrize("content", [{}, [{}], [], 5, [None], {"parts": []}])
def test_a_content_without_text_leaves_the_reasoning_to_be_read(content: Any) -> None:
    assert read_reply(completion(content, usage={}, reasoning=VERDICT)).place == "reasoning"


def test_content_may_be_an_object_or_json_in_a_string() -> None:
    assert json.loads(text_of(json.loads(VERDICT))) == json.loads(VERDICT)
    assert text_of(json.dumps(VERDICT)) == VERDICT
    assert text_of('"quoted" words') == '"quoted" words'


@pytest.mark.parametrize("calls", [None, {}, [], [None], [{"function": None}], [{"function": {}}]])
def test_tool_calls_of_any_shape_are_no_crash(calls: Any) -> None:
    assert text_of(None, tool_calls=calls) == ""


THINKING = [{"type": "thinking", "thinking": [{"type": "text", "text": "draft"}]}]


@pytest.mark.parametrize(
    "message",
    [
        {"content": THINKING},
        {"content": [{"type": "reasoning", "text": "draft"}, {"text": "draft", "thought": True}]},
        {"content": None, "tool_calls": []},
    ],
)
def test_thoughts_among_the_parts_are_no_text(message: dict[str, Any]) -> None:
    reply = read_reply({"choices": [{"message": message}]})
    assert (reply.text, reply.degraded) == ("", False)


@pytest.mark.parametrize(
    "message",
    [
        {"thinking": "thought"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "thought"}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "thought"}]},
    ],
)
def test_a_reasoning_field_is_known_under_all_its_names(message: dict[str, Any]) -> None:
    reply = read_reply({"choices": [{"message": {"content": "", **message}}]})
    assert (reply.text, reply.degraded) == ("thought", True)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_counts_only_when_there_is_nothing_else(name: str) -> None:
    assert text_of("", **{name: "thought"}) == "thought"
    assert text_of(" \n", **{name: "thought"}) == "thought"
    assert text_of("said", **{name: "thought"}) == "said"
    assert text_of(None, **called("{}"), **{name: "thought"}) == "{}"


def test_a_refusal_is_kept_apart_from_the_text() -> None:
    reply = read_reply(completion(None, usage={}, refusal="I cannot."))
    assert (reply.text, reply.refusal) == ("", "I cannot.")


@pytest.mark.parametrize(
    "nothing", ["", " \n", "None", "null", "N/A", '"none"', "false", "-", "[]"]
)
def test_a_word_for_nothing_is_no_refusal(nothing: str) -> None:
    assert read_reply(completion(VERDICT, usage={}, refusal=nothing)).abstention is None
    for words in ("No.", "None of this can I answer."):
        refused = read_reply(completion(VERDICT, usage={}, refusal=words))
        assert refused.abstention == ("refusal", words)


@pytest.mark.parametrize(
    "message",
    [
        {"content": [{"type": "refusal", "refusal": "I cannot."}]},
        {"content": None, "refusal": [{"type": "refusal", "refusal": "I cannot."}]},
    ],
)
def test_a_refusal_may_be_a_part_of_the_content(message: dict[str, Any]) -> None:
    reply = read_reply({"choices": [{"message": message}]})
    assert (reply.text, reply.abstention) == ("", ("refusal", "I cannot."))


ENDINGS = {
    "whole": "stop STOP end_turn stop_sequence eos_token COMPLETE tool_calls function_call OTHER",
    "truncated": "length LENGTH max_tokens MAX_TOKENS max_output_tokens model_length maxTokens "
    "FinishReason.MAX_TOKENS model_context_window_exceeded token_limit max_new_tokens ERROR_LIMIT",
    "filtered": "content_filter content-filter SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII "
    "refusal sensitive guardrail_intervened ERROR_TOXIC contentFiltered content_filter:SAFETY",
    "broken_off": "error ERROR abort load network_error cancelled timeout "
    "insufficient_system_resource rate_limit error_rate_limit",
    "slipped": "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL malformed invalid_function_call",
}


@pytest.mark.parametrize(
    ("said", "ending"), [(said, ending) for ending in ENDINGS for said in ENDINGS[ending].split()]
)
def test_a_finish_reason_is_known_by_its_family(said: str, ending: str) -> None:
    assert read_reply(completion("x", said, {})).ending == ending


def test_a_finish_reason_without_end_takes_no_time() -> None:
    """It would be searched for minutes, and the timeout of tests would stop it."""
    assert read_reply(completion("x", "max" * 500_000, {})).ending == "whole"


@pytest.mark.parametrize(
    ("said", "native", "ending"),
    [
        ("stop", "MAX_TOKENS", "truncated"),
        ("stop", "SAFETY", "filtered"),
        ("stop", "STOP", "whole"),
        ("error", "MALFORMED_FUNCTION_CALL", "slipped"),
        ("error", "PROHIBITED_CONTENT", "filtered"),
        ("error", "STOP", "broken_off"),
        ("length", "ERROR", "truncated"),
        ("content_filter", "error", "filtered"),
    ],
)
def test_a_word_of_the_provider_beside_a_gateway_s_own_counts(
    said: str, native: str, ending: str
) -> None:
    choice = {"message": {"content": "x"}, "finish_reason": said, "native_finish_reason": native}
    assert read_reply({"choices": [choice]}).ending == ending


def test_any_finish_reason_is_passed_through_and_an_odd_one_is_none() -> None:
    assert read_reply(completion("x", "model_length", {})).finish_reason == "model_length"
    assert read_reply({"choices": [{"message": {}, "finish_reason": 3}]}).finish_reason is None


@pytest.mark.parametrize("usage", [None, {}, [], "many", {"prompt_tokens": None}])
def test_counts_that_are_not_given_are_unknown(usage: Any) -> None:
    assert usage_of(usage) == TokenUsage(None, None, None)


@pytest.mark.parametrize("count", [-1, 2**53, 10**40, True, 12.5, "many", "-1", "", [12], None])
def test_a_count_that_cannot_be_is_unknown(count: Any) -> None:
    details = {"cached_tokens": count}
    usage = {"prompt_tokens": count, "completion_tokens": 5, "prompt_tokens_details": details}
    assert usage_of(usage) == TokenUsage(None, 5, None)


@pytest.mark.parametrize("count", [12, 12.0, "12", " 12 ", "12.0"])
def test_a_count_may_be_written_as_text_or_with_a_point(count: Any) -> None:
    details = {"cached_tokens": count}
    usage = {"prompt_tokens": count, "completion_tokens": 5, "prompt_tokens_details": details}
    assert usage_of(usage) == TokenUsage(12, 5, 12)


@pytest.mark.parametrize(
    ("usage", "prompt", "cached"),
    [
        ({"prompt_tokens": 1350, "prompt_tokens_details": {"cached_tokens": 1346}}, 1350, 1346),
        ({"prompt_tokens": 4, "prompt_tokens_details": {"cached_tokens": 1346}}, 1350, 1346),
        ({"prompt_tokens": 900, "cached_tokens": 450, "total_tokens": 1360}, 1350, 450),
        ({"prompt_tokens": 900, "cached_tokens": 450, "total_tokens": 910}, 900, 450),
        ({"prompt_tokens": 1350, "prompt_cache_hit_tokens": 1280}, 1350, 1280),
        (
            {
                "input_tokens": 50,
                "cache_read_input_tokens": 40,
                "cache_creation_input_tokens": 1260,
            },
            1350,
            40,
        ),
        ({"input_tokens": 1350, "input_tokens_details": {"cached_tokens": 128}}, 1350, 128),
        ({"prompt_tokens": 1350, "prompt_cache_hit_tokens": 0}, 1350, 0),
        ({"inputTokens": 50, "cacheReadInputTokens": 40, "cacheWriteInputTokens": 1260}, 1350, 40),
        ({"inputTokens": 1350, "cachedInputTokens": 1024}, 1350, 1024),
        ({"promptTokenCount": 1350, "cachedContentTokenCount": 1024}, 1350, 1024),
        ({"prompt_tokens": 1350, "total_cached_tokens": 1024}, 1350, 1024),
        ({"prompt_tokens": 1350, "cached_prompt_text_tokens": 1024}, 1350, 1024),
        ({"prompt_eval_count": 1350, "prompt_eval_cached_count": 1024}, 1350, 1024),
        ({"prompt_tokens": 1350, "cached_tokens": 0, "num_cached_tokens": 64}, 1350, 64),
    ],
)
def test_the_prompt_is_counted_with_what_was_cached_wherever_it_is_told(
    usage: dict[str, Any], prompt: int, cached: int
) -> None:
    assert usage_of({"completion_tokens": 10, **usage}) == TokenUsage(prompt, 10, cached)


@pytest.mark.parametrize(
    ("details", "timings", "cached"),
    [
        (None, {"cache_n": 1346, "prompt_n": 4}, 1346),
        ({"cached_tokens": 7}, {"cache_n": 1346, "prompt_n": 4}, 7),
        (None, {"prompt_n": 1350}, None),
        (None, [], None),
    ],
)
def test_the_timings_of_llama_cpp_tell_what_was_cached_where_the_usage_does_not(
    details: Any, timings: Any, cached: int | None
) -> None:
    usage = {"prompt_tokens": 1350, "completion_tokens": 10, "prompt_tokens_details": details}
    body = {**completion("x", "stop", usage), "timings": timings}
    assert read_reply(body).usage == TokenUsage(1350, 10, cached)


def test_a_large_number_is_a_count_and_details_may_be_null() -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 2**53 - 1, "prompt_tokens_details": None}
    assert usage_of(usage) == TokenUsage(7, 2**53 - 1, None)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"prompt_tokens": 0, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 0}},
    ],
)
def test_a_server_that_fills_in_zeros_does_not_count(usage: dict[str, Any]) -> None:
    assert usage_of(usage) == TokenUsage(None, None, None)


THOUGHTS = {"completion_tokens_details": {"reasoning_tokens": 900}}


@pytest.mark.parametrize(
    ("usage", "completion", "beside"),
    [
        ({"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 960, **THOUGHTS}, 910, 900),
        ({"prompt_tokens": 50, "completion_tokens": 910, "total_tokens": 960, **THOUGHTS}, 910, 0),
        ({"prompt_tokens": 50, "completion_tokens": 910, **THOUGHTS}, 910, 0),
        ({"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 999, **THOUGHTS}, 10, 0),
        ({"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 960}, 910, 900),
        (
            {
                "promptTokenCount": 50,
                "candidatesTokenCount": 10,
                "thoughtsTokenCount": 900,
                "totalTokenCount": 960,
            },
            910,
            900,
        ),
    ],
)
def test_thoughts_that_are_counted_beside_the_completion_are_part_of_it(
    usage: dict[str, Any], completion: int, beside: int
) -> None:
    assert usage_of(usage) == TokenUsage(50, completion, None, beside)


def test_cost_needs_prices_and_both_counts() -> None:
    assert cost(TokenUsage(10, 10, 0), None) is None
    assert cost(TokenUsage(None, 10, 0), PRICES) is None
    assert cost(TokenUsage(10, None, 0), PRICES) is None
    assert cost(TokenUsage(1_000_000, 500_000, None), PRICES) == pytest.approx(6.0)


def test_cached_tokens_cost_their_own_price_and_the_full_one_where_none_is_known() -> None:
    usage = TokenUsage(1_000_000, 0, 400_000)
    assert cost(usage, PRICES) == pytest.approx(2.0)
    assert cost(usage, Prices(prompt=2, completion=8, cached=0.5)) == pytest.approx(1.4)


def test_more_cached_tokens_than_tokens_make_no_negative_cost() -> None:
    prices = Prices(prompt=2, completion=8, cached=0)
    assert cost(TokenUsage(100, 0, 500), prices) == 0
