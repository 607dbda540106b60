"""The files of batch services: how many requests one holds, what a request and a result are like.

From the services' documentation, November 2026: OpenAI (batch guide and reference), Mistral (batch
processing, known limitations), Together (batch inference), and vLLM's ``run-batch``, which reads
and writes OpenAI's form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from panel.endpoint.bodies import read_body
from panel.endpoint.faults import EXPIRED
from panel.endpoint.masking import mask_keys
from panel.endpoint.responses import RawResponse
from panel.workspace.presets import BatchService

URL = "/v1/chat/completions"
MEGABYTE = 1_000_000  # the services do not say which kind they mean: the smaller one


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The most requests and bytes of one file."""

    requests: int
    bytes: int


# Mistral's pages differ (1,000,000 requests, and 100,000): the smaller number fits both.
LIMITS: dict[BatchService | None, BatchLimits] = {
    "openai": BatchLimits(50_000, 200 * MEGABYTE),
    "mistral": BatchLimits(100_000, 512 * MEGABYTE),
    "together": BatchLimits(50_000, 100 * MEGABYTE),
    None: BatchLimits(1_000_000, 4_000 * MEGABYTE),  # vllm run-batch reads a file of any size
}


def request_line(service: BatchService | None, custom_id: str, body: dict[str, Any]) -> bytes:
    """Return one request as a line of a service's input file."""
    # No batch streams its replies, and not every service takes a field that says so.
    body = {name: value for name, value in body.items() if name != "stream"}
    line: dict[str, Any] = {"custom_id": custom_id}
    if service != "mistral":
        line |= {"method": "POST", "url": URL}
    return to_json(line | {"body": body}) + b"\n"


@dataclass(frozen=True, slots=True)
class Result:
    """One line of an output or error file: whose answer it is, and the answer."""

    custom_id: str
    answer: RawResponse


# What services say of a request that they never put to a model.
_NEVER_ASKED = {"batch_expired": EXPIRED, "batch_cancelled": EXPIRED}


def read_result(raw: bytes) -> Result | None:
    """Read a line of an output or error file; None where it is no result.

    OpenAI and Mistral have the answer of the model under ``response.body``, of a refused request
    the error; ``error`` is there for what got no answer. vLLM has its errors under ``error``, and a
    status without a body.
    """
    line = read_body(raw)
    custom_id = line.get("custom_id") if isinstance(line, dict) else None
    if not isinstance(custom_id, str):
        return None
    response, error = line.get("response"), line.get("error")
    response = response if isinstance(response, dict) else {}
    body, status = response.get("body"), response.get("status_code")
    status = status if isinstance(status, int) and 100 <= status <= 599 else None
    if body is None and isinstance(response.get("choices"), list):
        body = response  # some gateways leave the envelope out
    if body is None and error is None:
        error = "the batch has neither an answer nor an error for this request"
    if body is None and status in (None, 200):
        return Result(custom_id, _never_answered(error))
    failed = error if isinstance(error, dict) and "error" in error else {"error": error}
    return Result(custom_id, _answer(status or 200, failed if body is None else body))


def _answer(status: int, body: Any) -> RawResponse:
    content = body.encode() if isinstance(body, str) else to_json(body)
    answer = RawResponse(0.0, status, body=content)
    if answer.completion() is None:  # an error's words; a reply is the model's, and data
        answer = RawResponse(0.0, status, body=mask_keys(content.decode()).encode())
    return answer


def _never_answered(error: Any) -> RawResponse:
    told = error if isinstance(error, dict) else {"message": error}
    code = str(told.get("code") or "")
    said = mask_keys(str(told.get("message") or error))[:2000]
    label = _NEVER_ASKED.get(code, "batch_error")
    return RawResponse(0.0, transport_fault=(label, f"{code}: {said}" if code else said))
