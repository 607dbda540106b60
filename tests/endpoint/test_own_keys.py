"""The key in use is cut out of every answer that repeats it, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from panel.endpoint.masking import MASK
from panel.endpoint.own_keys import OwnKeys
from panel.endpoint.replies import read_reply
from panel.endpoint.responses import RawResponse
from tests.support.mock_endpoint import completion

KEY = "sk-lab-9fQ2xYp7Ld03RmZt"
SAID = f"The key is {KEY} by the way."
CUT = f"The key is {MASK} by the way."
PIECES = [SAID[start : start + 5] for start in range(0, len(SAID), 5)]


def message(**fields: Any) -> dict[str, Any]:
    body = completion("")
    body["choices"][0]["message"] = {"role": "assistant", **fields}
    return body


def stream(deltas: list[dict[str, Any]], finish: str | None = "stop") -> str:
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)


def call(text: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}


def logged(pieces: list[str]) -> dict[str, Any]:
    body = completion(SAID)
    tokens = [{"token": piece, "logprob": -0.1, "bytes": [*piece.encode()]} for piece in pieces]
    body["choices"][0]["logprobs"] = {"content": tokens}
    return body


IN_PIECES: dict[str, str] = {
    "deltas of a stream": stream([{"content": piece} for piece in PIECES]),
    "pieces of a call": stream([call(piece) for piece in PIECES]),
    "parts of a content": json.dumps(
        message(content=[{"type": "text", "text": piece} for piece in PIECES])
    ),
    "a list of texts": json.dumps(message(content=PIECES)),
    "parts in an envelope that is a text": json.dumps(
        {"body": json.dumps(message(content=[{"text": piece} for piece in PIECES]))}
    ),
    "tokens beside the text": json.dumps(logged(PIECES)),
}


def left(body: str | bytes, key: str = KEY) -> RawResponse:
    raw = body.encode() if isinstance(body, str) else body
    return OwnKeys([key]).without(RawResponse(0.0, 200, {}, raw))


@pytest.mark.parametrize("body", IN_PIECES.values(), ids=IN_PIECES)
def test_a_key_that_comes_in_pieces_is_cut_out_of_the_reply_and_of_its_body(body: str) -> None:
    answer = left(body)
    found = answer.completion()
    assert found is not None and read_reply(found).text == CUT
    assert b"9fQ2" not in answer.body and b"RmZt" not in answer.body
    assert b"bytes" not in answer.body


def test_a_key_in_the_pieces_of_a_stream_that_broke_off_is_cut_out_of_its_body() -> None:
    body = stream([{"content": piece} for piece in PIECES], finish=None)
    answer = left(body)
    assert answer.completion() is None
    assert MASK.encode() in answer.body and b"9fQ2" not in answer.body


def test_a_key_in_pieces_is_cut_out_of_a_line_of_a_file_of_results() -> None:
    parts = [{"type": "text", "text": piece} for piece in PIECES]
    line = {"custom_id": "c-1", "response": {"status_code": 200, "body": message(content=parts)}}
    cut = json.loads(OwnKeys([KEY]).without_in_line(json.dumps(line).encode()))
    assert cut["custom_id"] == "c-1"
    assert read_reply(cut["response"]["body"]).text == CUT


@pytest.mark.parametrize("write", [str, lambda body: body.replace(KEY, "another")])
def test_what_holds_no_key_is_left_as_it_came(write: Callable[[str], str]) -> None:
    body = write(stream([{"content": "40 % of it"}]).replace("\n\n", "\r\n\r\n")).encode()
    assert left(body).body is body


@pytest.mark.parametrize(
    "word", ["anything", "lm-studio", "not-needed", "PLACEHOLDER", "no-key-required", "Dummy-Key"]
)
def test_a_key_that_is_a_word_may_be_said_in_a_reply_and_in_no_error(word: str) -> None:
    said = f"I trust no {word} that I have not tried."
    reply = left(json.dumps(completion(said)), word).completion()
    assert reply is not None and read_reply(reply).text == said
    error = left(json.dumps({"error": {"message": f"no key {word} here"}}), word)
    assert error.error_text()[0] == f"no key {MASK} here"


@pytest.mark.parametrize(
    "secret", ["qWjXkZpVbNm", "anything1", "correcthorsebatterystaple", "x.anything", "k3y-words"]
)
def test_a_key_that_is_no_short_word_is_cut_out_of_replies_too(secret: str) -> None:
    reply = left(json.dumps(completion(f"It is {secret}.")), secret).completion()
    assert reply is not None and read_reply(reply).text == f"It is {MASK}."
