"""What a failed request means: try again, stop asking this endpoint, step down, or record it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from panel.endpoint.client import Answer

Action = Literal["retry", "stop", "degrade", "record"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A failed request: what to do about it, its label, and what the server said.

    retry_after: seconds the server asked to wait, None when it named none.
    """

    action: Action
    label: str
    detail: str
    retry_after: float | None = None


RETRIED_STATUS = {408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529}
# What servers call a response_format they cannot serve (TGI with 422, llama-cpp-python with 500).
_FORMAT_WORDS = re.compile(
    r"response_format|json_schema|json_object|structured|guided|grammar|schema|strict", re.I
)
_STATUS_IN_BODY = {str(status) for status in range(400, 600)}
_QUOTA_CODES = {"insufficient_quota", "billing_hard_limit_reached"}


def judge(answer: Answer, schema_sent: bool) -> Fault | None:
    """Return what is wrong with an answer; None when it carries a completion."""
    if answer.transport_fault is not None:
        return _transport(answer)
    status = answer.status or 0
    if 200 <= status < 300 and answer.completion() is not None:
        return None
    message, code = answer.error_text()
    message = message or f"HTTP {status} without a word"
    if 200 <= status < 300 and code in _STATUS_IN_BODY:  # OpenRouter says 200 and means this
        status = int(code)
    if schema_sent and status in (400, 404, 415, 422, 500, 501) and _FORMAT_WORDS.search(message):
        return Fault("degrade", "schema_refused", message)
    if code in _QUOTA_CODES:
        return Fault("stop", "quota", message)
    if status in (401, 403):
        return Fault("stop", "key_refused", message)
    if status == 402:
        return Fault("stop", "quota", message)
    if status == 404:
        return Fault("stop", "not_found", f"{message} (a base_url usually ends in /v1)")
    if 300 <= status < 400:
        return Fault("stop", "redirected", f"{message} (to {answer.headers.get('location', '?')})")
    if status in RETRIED_STATUS:
        return Fault("retry", f"http_{status}", message, answer.retry_after())
    if 200 <= status < 300:
        return Fault("retry", "no_completion", message)
    return Fault("record", f"http_{status}", message)


def _transport(answer: Answer) -> Fault:
    kind, detail = answer.transport_fault or ("", "")
    if kind == "refused":
        return Fault("stop", "unreachable", detail)
    return Fault("retry", kind, detail)
