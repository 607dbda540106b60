"""A stream that nobody asked for is read as the one answer that it adds up to."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from panel.endpoint.event_stream import MOST_LINES
from panel.endpoint.faults import classify_fault
from panel.endpoint.replies import Reply, read_reply
from panel.endpoint.responses import RawResponse
from tests.support.mock_endpoint import Answer, MockEndpoint, reply_for
from tests.support.space import Panel, Space

USAGE = {"prompt_tokens": 7, "completion_tokens": 3}


def chunk(finish: str | None = None, index: int = 0, **delta: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "model": "m", "choices": [choice]}


LAST = {"object": "chat.completion.chunk", "choices": [], "usage": USAGE}


def stream(*chunks: Any, end: str = "\n", done: bool = True) -> str:
    """Write chunks as server-sent events; text goes in as it is."""
    lines = [f"data: {json.dumps(part)}" if isinstance(part, dict) else part for part in chunks]
    lines += ["data: [DONE]"] * done
    return "".join(f"{line}{end}{end}" for line in lines)


def answered(body: str) -> RawResponse:
    return RawResponse(0.0, 200, {}, body.encode())


def read(body: str) -> Reply:
    found = answered(body).completion()
    assert found is not None
    return read_reply(found)


def failed(body: str) -> str:
    answer = answered(body)
    assert answer.completion() is None
    fault = classify_fault(answer, constrained=False)
    assert fault is not None and fault.action in ("retry", "stop")
    return fault.detail


PIECES = (chunk(role="assistant", content=""), chunk(content="he"), chunk(content="llo"))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("done", [True, False])
def test_the_chunks_add_up_to_one_reply(end: str, done: bool) -> None:
    reply = read(stream(*PIECES, chunk("stop"), LAST, end=end, done=done))
    assert (reply.text, reply.finish_reason, reply.model) == ("hello", "stop", "m")
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (7, 3)


@pytest.mark.parametrize(
    "body",
    [
        stream(": keep-alive", "event: message", *PIECES, "id: 5", "retry: 3", chunk("stop")),
        "\ufeff" + stream(*PIECES, chunk("stop")),
        "\n\n: OPENROUTER PROCESSING\n\n" + stream(*PIECES, chunk("stop")),
        stream(*PIECES, chunk("stop")).replace("data: ", "data:"),
        stream(*PIECES, chunk("stop")).replace("\n\n", "\n"),
        stream(*PIECES, chunk("stop"), done=False).replace("data: ", ""),
        stream(*PIECES, chunk("stop")) + "data: not read any more\n\n",
        stream(*PIECES, "data:", chunk(content=None), chunk("stop", content="")),
        stream(*PIECES, chunk(index=1, content="another"), chunk("stop")),
        stream(*PIECES, chunk("stop")).rstrip("\n"),
        stream(*PIECES, chunk("stop"))[:-2].replace(', "index"', ',\ndata: "index"'),
    ],
    ids=range(11),
)
def test_a_stream_may_be_written_in_any_way_that_servers_write_it(body: str) -> None:
    assert read(body).text == "hello"


def test_thoughts_calls_and_refusals_are_put_together_where_they_belong() -> None:
    calls = [
        chunk(tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
    ]
    called = read(stream(chunk(reasoning_content="hm"), *calls, chunk("tool_calls")))
    assert (called.text, called.place) == ('{"a": 1}', "tool")
    old = [chunk(function_call={"name": "f"}), chunk(function_call={"arguments": "{}"})]
    assert answered(stream(*old, chunk("function_call"))).completion() is not None
    thought = [chunk(reasoning_content="h"), chunk(reasoning_content="m"), chunk("stop")]
    assert (read(stream(*thought)).text, read(stream(*thought)).degraded) == ("hm", True)
    refused = read(stream(chunk(refusal="I can"), chunk(refusal="not."), chunk("stop")))
    assert refused.refusal == "I cannot."


ARGUMENTS = '{"verdict": "ship"}'


@pytest.mark.parametrize(
    "deltas",
    [
        [{"function_call": ""}, {"function_call": {"name": "f", "arguments": ARGUMENTS}}],
        [{"function_call": []}, {"function_call": {"arguments": ARGUMENTS}}, {"function_call": 1}],
        [{"function_call": {"arguments": each}} for each in ("", {"verdict": "ship"}, "")],
        [{"tool_calls": ""}, {"tool_calls": {"function": {"arguments": ARGUMENTS}}}],
        [{"tool_calls": [{"id": 1, "function": "f"}]}, {"tool_calls": [{"arguments": ARGUMENTS}]}],
        [{"content": ""}, {"content": {"verdict": "ship"}}, {"content": ""}],
        [{"content": {"type": "text", "text": ARGUMENTS[:9]}}, {"content": ARGUMENTS[9:]}],
        [{"content": {"text": ARGUMENTS[:9]}}, {"content": {"text": ARGUMENTS[9:]}}],
        [{"content": ARGUMENTS, "refusal": "none"}, {"refusal": False}, {"refusal": "none"}],
        [{"content": False}, {"content": ARGUMENTS}, {"content": None}],
        [{"content": "", "reasoning": {}}, {"reasoning": [], "content": ARGUMENTS}],
    ],
    ids=range(11),
)  # fmt: skip
def test_a_field_may_change_its_type_from_chunk_to_chunk(deltas: list[dict[str, Any]]) -> None:
    reply = read(stream(*(chunk(**delta) for delta in deltas), chunk("stop")))
    assert (json.loads(reply.text), reply.refusal) == ({"verdict": "ship"}, None)


def test_a_token_of_digits_that_came_without_quotes_is_text_like_the_others() -> None:
    reply = read(
        stream(chunk(content="confidence "), chunk(content=7), chunk(content="0"), chunk("stop"))
    )
    assert reply.text == "confidence 70"


@pytest.mark.slow
def test_the_work_of_reading_a_stream_grows_in_line_with_its_length() -> None:
    pieces = f"data: {json.dumps(chunk(content='word ' * 40))}\n\n" * 60_000
    before = time.process_time()
    reply = read(pieces + stream(chunk("stop")))
    assert time.process_time() - before < 10  # of the processor: 1.5 s, and 40 s where it squares
    assert reply.text == "word " * 2_400_000


def test_what_lies_behind_the_most_lines_of_a_stream_is_not_read() -> None:
    before = ": alive\n" * MOST_LINES
    assert answered(before + stream(*PIECES, chunk("stop"))).completion() is None


def test_the_word_null_is_no_finish() -> None:
    assert "ended before" in failed(stream(*PIECES[:2], chunk("null"), done=False))


def test_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    pieces = [
        chunk(tool_calls=[{"id": "a", "function": {"name": "f", "arguments": "{"}}]),
        chunk(tool_calls=[{"function": {"arguments": "}"}}]),
        chunk(tool_calls=[{"id": "b", "function": {"name": "g", "arguments": {"x": 1}}}]),
        chunk("tool_calls"),
    ]
    found = answered(stream(*pieces)).completion()
    assert found is not None
    functions = [call["function"] for call in found["choices"][0]["message"]["tool_calls"]]
    assert functions == [
        {"name": "f", "arguments": "{}"},
        {"name": "g", "arguments": {"x": 1}},
    ]


def test_parts_of_a_list_are_joined_and_their_thoughts_left_out() -> None:
    pieces = [
        chunk(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]),
        chunk(content=[{"type": "text", "text": "he"}]),
        chunk(content="llo"),
        chunk("stop"),
    ]
    assert read(stream(*pieces)).text == "hello"


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "overloaded", "code": 502}},
        {"error": "overloaded"},
        'data: {"object": "error", "message": "overloaded"}',
        'event: error\ndata: {"message": "overloaded"}',
        '{"error": {"message": "overloaded"}}',
        "event: error\ndata: upstream overloaded",
    ],
)
def test_an_error_in_the_middle_is_an_error_and_no_reply(error: Any) -> None:
    body = stream(*PIECES, error, chunk("stop"))
    assert "overloaded" in failed(body)


@pytest.mark.parametrize(
    "body", [stream(*PIECES, done=False), stream(PIECES[0]), stream(LAST), stream("data: ping")]
)
def test_a_stream_that_ends_without_a_finish_is_an_error(body: str) -> None:
    assert "ended before" in failed(body)


@pytest.mark.parametrize("text", ["ping", ": keep-alive", "upstream is slow", "1", "null", "[]"])
def test_text_between_the_chunks_is_an_error_only_where_no_more_of_the_reply_follows(
    text: str,
) -> None:
    assert read(stream(PIECES[0], f"data: {text}", *PIECES[1:], chunk("stop"))).text == "hello"
    assert read(stream(f"data: {text}", *PIECES)).text == "hello"
    assert read(stream(*PIECES, chunk("stop"), f"data: {text}")).text == "hello"
    assert read(stream(*PIECES, chunk("stop")).replace("\n\n", f"\ndata: {text}\n")).text == "hello"
    for done in (True, False):
        assert failed(stream(*PIECES, f"data: {text}", done=done)).endswith(f"did: {text}")


@pytest.mark.parametrize("mark", ["[DONE]", "DONE", "[done]", " [DONE] "])
def test_done_ends_a_reply_without_a_finish_reason(mark: str) -> None:
    reply = read(stream(*PIECES, f"data: {mark}", {"error": "late"}, done=False))
    assert (reply.text, reply.finish_reason) == ("hello", None)


@pytest.mark.parametrize(
    "error", [{"error": {"message": "no usage"}}, "event: error\ndata: no usage", "data: no usage"]
)
def test_an_error_after_the_finish_changes_nothing(error: Any) -> None:
    reply = read(stream(*PIECES, chunk("stop"), error, LAST))
    assert (reply.text, reply.usage.prompt_tokens) == ("hello", 7)


def test_one_chunk_as_the_whole_body_is_read_too() -> None:
    assert read(json.dumps(chunk("stop", content="hello"))).text == "hello"
    assert "ended before" in failed(json.dumps(chunk(content="hello")))


def test_a_whole_completion_as_an_event_is_read_too() -> None:
    whole = {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}
    assert read(stream(whole)).text == "hello"


def test_a_run_takes_verdicts_from_streams_and_asks_again_after_a_broken_one(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    def face(index: int, body: dict[str, Any]) -> Answer:
        text = reply_for(body)["choices"][0]["message"]["content"]
        pieces = [chunk(content=text[at : at + 40]) for at in range(0, len(text), 40)]
        whole = stream(*pieces, chunk("stop"), end="\r\n")
        broken = stream(*pieces, done=False)  # a whole verdict, and still no end
        kind = {"content-type": "text/event-stream"}
        return Answer(body=broken if index == 2 else whole, headers=kind)

    mock.face = face
    ran = panel("run", "--json", cwd=mocked.root)
    summary = json.loads(ran.out)
    assert (ran.code, summary["verdicts"], summary["requests"]) == (0, 8, 9)
    assert json.loads(panel("reparse", "--json", cwd=mocked.root).out)["changes"] == {
        "abstain -> verdict": 0,
        "verdict -> abstain": 0,
        "verdict changed": 0,
    }
