"""A paid answer is read, however its bytes are written; what is read can be stored."""

from __future__ import annotations

import codecs
import json
from typing import Any

import pytest

from panel.endpoint.bodies import read_body
from panel.endpoint.replies import read_reply
from panel.endpoint.responses import RawResponse
from tests.support.mock_endpoint import Answer, MockEndpoint, completion, reply_for
from tests.support.runs import rows
from tests.support.space import Panel, Space

BODY = completion("Größe: ✓", usage={"prompt_tokens": 5})
PLAIN = json.dumps(BODY, ensure_ascii=False)

WRITTEN: dict[str, bytes] = {
    "plain": PLAIN.encode(),
    "byte order mark": codecs.BOM_UTF8 + PLAIN.encode(),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "UTF-32": PLAIN.encode("utf-32"),
    "blanks around": b"\r\n \t\n" + PLAIN.encode() + b"\n\n  ",
    "blanks without a width": "\u200b\u2060\u00a0".encode() + PLAIN.encode(),
    "a blank in another encoding": b"\xa0" + PLAIN.encode(),
    "NUL behind": PLAIN.encode() + b"\0\0",
    "words behind": PLAIN.encode() + b"\n<!-- served by gateway 7 -->",
    "comments before": b": PROCESSING\n: PROCESSING\n\n" + PLAIN.encode(),
    "guarded": b")]}',\n" + PLAIN.encode(),
    "in a string": json.dumps(PLAIN).encode(),
    "NaN and Infinity": PLAIN.replace('"logprobs": null', '"logprobs": [NaN, -Infinity]').encode(),
    "a huge number": PLAIN.replace('"logprobs": null', f'"logprobs": {"9" * 6000}').encode(),
    "a surrogate in a field": PLAIN.replace("fp_mock", "fp\\ud800").encode(),
    "a line break in a string": PLAIN.replace("fp_mock", "fp\nmock").encode(),
}


@pytest.mark.parametrize("body", WRITTEN.values(), ids=WRITTEN)
def test_a_completion_is_read_however_it_is_written(body: bytes) -> None:
    answer = RawResponse(0.0, 200, {"content-type": "text/html"}, body)
    found = answer.completion()
    assert found is not None
    reply = read_reply(found)
    assert (reply.text, reply.usage.prompt_tokens) == ("Größe: ✓", 5)


def test_what_cannot_be_stored_becomes_the_replacement_character() -> None:
    said = '{"a\\ud800": ["\\udfffb", "\\ud83d\\ude00", "c\\u0000"]}'
    assert read_body(said.encode()) == {"a\ufffd": ["\ufffdb", "😀", "c\ufffd"]}
    assert read_body(b'{"a": "\xff\xfe"}') == {"a": "\ufffd\ufffd"}


@pytest.mark.parametrize("digits", [20, 400, 6000])
def test_a_whole_number_too_long_to_reckon_with_is_a_float(digits: int) -> None:
    long = "9" * digits
    assert read_body(f'{{"a": {long}, "b": 0.{long}}}'.encode()) == {"a": float(long), "b": 1.0}


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"   ", b"<html>{}</html>", b'{"a": 1', b"[" * 100_000, b'{"a":' * 100_000, b"so"),
        *(b'"a" and more', b"1 2", codecs.BOM_UTF8, PLAIN.encode()[:-2], b"\0" * 50),
    ],
)
def test_what_is_no_json_is_none(body: bytes) -> None:
    assert read_body(body) is None


def test_a_choice_that_was_filtered_needs_no_message() -> None:
    body = {"choices": [{"index": 0, "finish_reason": "content_filter"}]}
    found = RawResponse(0.0, 200, {}, json.dumps(body).encode()).completion()
    assert found is not None and read_reply(found).abstention == ("filtered", None)


def test_odd_bytes_cost_no_request_and_are_stored_as_text(
    mocked: Space, panel: Panel, mock: MockEndpoint
) -> None:
    """Marks, other encodings and halves of surrogate pairs go through run, journal and store."""

    def face(index: int, body: dict[str, Any]) -> Answer:
        answer = reply_for(body)
        answer["model"] = "m\ud800"
        verdict = json.loads(answer["choices"][0]["message"]["content"])
        verdict["evidence"], verdict["verdict_confidence"] = ["half \udc00 a pair"], 70.0
        answer["choices"][0]["message"]["content"] = json.dumps(verdict)
        answer["usage"] = {"prompt_tokens": "1500", "completion_tokens": 20.0}
        text = json.dumps(answer)
        return Answer(
            body=[text.encode("utf-8-sig"), text.encode("utf-16"), text.encode()][index % 3]
        )

    mock.face = face
    ran = panel("run", "--json", cwd=mocked.root)
    summary = json.loads(ran.out)
    assert (ran.code, summary["verdicts"], summary["requests"]) == (0, 8, 8)
    assert summary["prompt_tokens"] == 8 * 1500
    found = rows(mocked, "SELECT DISTINCT evidence, confidence, returned_model FROM verdicts")
    assert found == [(["half \ufffd a pair"], 70, "m\ufffd")]
