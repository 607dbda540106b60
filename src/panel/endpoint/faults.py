"""What a failed request means: a table read from the top, in which the first row that fits counts.

retry    the fault may pass: ask again later
stop     the fault concerns every cell: ask this endpoint no more, keep what is there
degrade  the server does not support a part of the request: ask again without it, and remember
record   the fault concerns this cell only: note it and go on
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from panel.endpoint.client import RawResponse
from panel.endpoint.transport import WAY_REMEDIES
from panel.text import without_pages

Action = Literal["retry", "stop", "degrade", "record"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A failed request: what to do about it, its label, and what the server said.

    retry_after: seconds that the server asked to wait, None when it named none. field: the
    request field that the server does not accept, None when no field is to blame. remedy: what
    to do, where it is not what REMEDIES says.
    """

    action: Action
    label: str
    detail: str
    retry_after: float | None = None
    field: str | None = None
    remedy: str | None = None

    @property
    def overload(self) -> bool:
        """Whether the endpoint has too much to do."""
        return self.label in OVERLOADS

    def sentence(self, more: str = "") -> str:
        """Say what happened, ``more`` about it, and what to do."""
        usual = REMEDIES.get(self.label, TRY_AGAIN if self.action == "retry" else "")
        remedy = self.remedy or usual
        said = " ".join(without_pages(self.detail).split()).rstrip(".")
        if len(said) > SHOWN:  # the journal has all of it
            said = f"{said[:SHOWN]} [...]"
        return f"{self.label}: {said}{more}. {remedy}".rstrip()


SHOWN = 300  # characters of what a server said, in one line for a person

OVERLOADS = {"http_429", "http_503", "http_529", "timeout"}

REFUSALS = {"schema_refused", "field_refused", "system_refused"}  # of one part of the request

NOT_RECORDED = "not_recorded"  # the recording that is replayed holds no such answer

TRY_AGAIN = "This may pass: try again."
NO_KEY_SENT = (
    'No key was sent: write api_key_env = "NAME_OF_THE_VARIABLE" under the endpoint in panel.toml.'
)
# What a person can do about a fault that stops a run.
REMEDIES = {
    "key_refused": "Check the key in the environment and what it is allowed to use.",
    "quota": "Top up the account, or choose another with --endpoint; the next run goes on.",
    "not_found": "Name a model that is there with --model; a base_url usually ends in /v1.",
    "not_an_api": "Correct base_url: it usually ends in /v1.",
    "redirected": "Put the new address into base_url; the key is not sent after a redirect.",
    "unreachable": "Start the server, or correct base_url.",
    "silent": "Is its model still loading? Run again, or raise timeout_seconds.",
    "timeout": "Is its model still loading? Run again, or raise timeout_seconds.",
    "no_answer": "Look at the server's own log; the next run goes on.",
    **WAY_REMEDIES,
}

_FORMAT = (
    r"response_format|json_schema|json_object|structured|guided|grammar|schema|\bstrict\b"
    r"|\btools?\b.{0,40}(support|parser|choice|allow|enabled)|support.{0,30}\btools?\b"
    r"|tool_choice|function.call|missing field `value`|requested parameters"
)
_OVERFLOW = (
    r"context.{0,12}(length|size|window)|exceed_context|n_keep|keep the first|too many tokens"
    r"|max_model_len|input (length|is too long)|prompt is too long|maximum.{0,20}tokens"
    r"|tokens.{0,30}must be <="
)
_SYSTEM = (
    r"system.{0,24}(role|message|instruction)|only user and assistant roles"
    r"|roles must alternate|developer instruction is not enabled|does not support .?system"
)
_MODEL = (
    r"model.{0,80}(not (found|exist|available|loaded)|does ?n.t exist|no longer)"
    r"|(unknown|invalid|no such) model|invalid_model|no models? loaded|not a valid model"
)
_EXTRA = (
    r"extra|unknown|unrecogni[sz]ed|unexpected|not (permitted|supported|allowed)|unsupported"
    r"|does not support|forbidden"
)


@dataclass(frozen=True, slots=True)
class _Row:
    """One fault: its statuses, a pattern of its message, its codes, and what it means.

    constrained: the row holds only for requests that asked for structured output.
    """

    statuses: Collection[int]
    action: Action
    label: str
    says: str = ""
    codes: Collection[str] = ()
    constrained: bool = False

    def fits(self, status: int, message: str, code: str | None, constrained: bool) -> bool:
        if status not in self.statuses or (self.constrained and not constrained):
            return False
        if self.codes and code in self.codes:
            return True
        if self.says:
            return re.search(self.says, message, re.I | re.S) is not None
        return not self.codes


_OK = range(200, 300)
_ANY = range(100, 1000)
_REFUSED = (400, 404, 415, 422, 500, 501)
RETRIED = (408, 409, 425, 429, *range(500, 600))

TABLE = (
    _Row(_ANY, "stop", "quota", codes=("insufficient_quota", "billing_hard_limit_reached")),
    _Row((403,), "record", "moderated", says="requires moderation|was flagged"),  # OpenRouter
    _Row((401, 403), "stop", "key_refused"),
    _Row((402,), "stop", "quota"),
    _Row(range(300, 400), "stop", "redirected"),
    _Row((400, 413, 422, 500), "record", "context_overflow", says=_OVERFLOW),
    _Row((400, 422, 500), "degrade", "system_refused", says=_SYSTEM),
    _Row(_REFUSED, "degrade", "schema_refused", says=_FORMAT, constrained=True),
    _Row((400, 404), "stop", "not_found", says=_MODEL, codes=("model_not_found", "1500")),
    _Row((404,), "stop", "not_found"),
    _Row((405, 501, 505), "stop", "not_an_api"),
    _Row(_OK, "stop", "not_an_api", says=r"^\s*<(!doctype|html)|unexpected endpoint or method"),
)


def classify_fault(
    answer: RawResponse, constrained: bool, sent: Collection[str] = ()
) -> Fault | None:
    """Return what is wrong with an answer; None when it carries a completion.

    constrained: whether the request asked for structured output in another way than in words.
    sent: the names of its optional fields.
    """
    if answer.transport_fault is not None:
        kind, detail = answer.transport_fault
        if kind == "refused":
            return Fault("stop", "unreachable", detail)
        if kind in WAY_REMEDIES:
            return Fault("stop", kind, detail)
        return Fault("record" if kind == NOT_RECORDED else "retry", kind, detail)
    status = answer.status or 0
    if 200 <= status < 300 and answer.completion() is not None:
        return None
    message, code = answer.error_text()
    message = message.strip() or f"HTTP {status} with an empty body"
    said = f"{message} {code or ''}"
    if status in _OK and code is not None and re.fullmatch(r"[45]\d\d", code):
        status = int(code)  # OpenRouter says 200 and means this
    field = (
        refused_field(message, code, answer.error_param(), sent) if status in (400, 422) else None
    )
    if field is not None:
        return Fault("degrade", "field_refused", message, field=field)
    for row in TABLE:
        if row.fits(status, said, code, constrained):
            missing = answer.keyless and row.label == "key_refused"
            found = Fault(row.action, row.label, message, remedy=NO_KEY_SENT if missing else None)
            if row.label == "redirected":
                return replace(
                    found, detail=f"{message} (to {answer.headers.get('location', '?')})"
                )
            return found
    if status in RETRIED:
        return Fault("retry", f"http_{status}", message, answer.retry_after())
    if status in _OK:
        return Fault("retry", "no_completion", message)
    return Fault("record", f"http_{status}", message)


def refused_field(
    message: str, code: str | None, param: str | None, sent: Collection[str]
) -> str | None:
    """Return the field that a server says it does not accept, if it was sent."""
    if param in sent and (code or "").startswith("unsupported"):
        return param
    if not re.search(_EXTRA, f"{message} {code or ''}", re.I):
        return None
    # The longest first, so that the most specific name is found.
    for field in sorted(sent, key=len, reverse=True):
        if re.search(rf"(?<![\w]){re.escape(field)}(?![\w])", message):
            return field
    return None
