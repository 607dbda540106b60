"""What a failed request means: a table read from the top, in which the first row that fits counts.

retry    the fault may pass: ask again later
stop     the fault concerns every cell: ask this endpoint no more, keep what is there
suspect  the fault may concern this cell or every cell: health.py asks others before it stops
degrade  the server does not support a part of the request: ask again without it, and remember
abstain  the server will not have this question answered: an abstention
record   the fault concerns this cell only: note it and go on
later    ask this cell again once others have been asked: it tells nothing yet
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from panel.endpoint import fault_words as words
from panel.endpoint.probabilities import LOGPROB_FIELDS
from panel.endpoint.responses import RawResponse
from panel.endpoint.waits import asked_wait, daily, named_values, reset_wait, words_of
from panel.endpoint.way_faults import FILES_USED_UP, TOO_LONG, WAY_REMEDIES
from panel.text import in_words, without_pages

Action = Literal["retry", "stop", "suspect", "degrade", "abstain", "record", "elsewhere", "later"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A failed request: what to do about it, its label, and what the server said.

    retry_after: seconds that the server asked to wait, None when it named none. field: the
    request field that the server does not accept, None when no field is to blame. remedy: what
    to do, where it is not what REMEDIES says. coded: a field of the answer says so, and not words
    alone.
    """

    action: Action
    label: str
    detail: str
    retry_after: float | None = None
    field: str | None = None
    remedy: str | None = None
    coded: bool = False

    @property
    def overload(self) -> bool:
        """Whether the endpoint has too much to do."""
        return self.label in OVERLOADS

    @property
    def of_this_machine(self) -> bool:
        """Whether it tells nothing of the endpoint: fewer requests at a time may pass."""
        return self.label == FILES_USED_UP

    @property
    def replied(self) -> bool:
        """Whether the model did reply, though the reply is of no use."""
        return self.label in (SLIPPED, "prompt_truncated", "truncated")

    def ends_cell(self, last: bool) -> bool:
        """Whether its cell ends with it; ``last``: no try is left. A model may load for long."""
        if self.action == "retry":
            return last and self.label != LOADING
        return self.action not in ("degrade", "elsewhere", "later")

    @property
    def busy(self) -> bool:
        """Whether a server that is alive says that it has too much to do."""
        if self.label in ("http_429", "http_529"):
            return True
        if not self.overload or words.is_page(self.detail):
            return False
        return re.search(words.BUSY, self.detail, re.I) is not None

    def sentence(self, more: str = "") -> str:
        """Say what happened, ``more`` about it, and what to do."""
        usual = REMEDIES.get(self.label, TRY_AGAIN if self.action == "retry" else LOOK)
        said, head = self.said, in_words(self.label)
        # Some words need no heading.
        told = said.startswith(head) or (self.label == "not_found" and "model" in said)
        return f"{'' if told else f'{head}: '}{said}{more}. {self.remedy or usual}".rstrip()

    @property
    def said(self) -> str:
        """What the server said, in one line for a person."""
        said = " ".join(without_pages(self.detail).split()).rstrip(".")
        # It may be long; the journal has all of it.
        return f"{said[:SHOWN]} [...]" if len(said) > SHOWN else said


SHOWN = 300  # characters of what a server said, in one line for a person

OVERLOADS = {"http_429", "http_503", "http_529", "timeout", FILES_USED_UP}

LOADING = "loading"  # the server is there, its model not yet
BROKEN = "broken_off"  # the server gave up in the middle of a reply
SLIPPED = "reply_rejected"  # the server's own check of the model's reply failed

UNEXPLAINED = "request_refused"  # in words that say nothing of how to ask instead
REFUSALS = {"schema_refused", "field_refused", "system_refused", UNEXPLAINED}  # of a request's part

NO_DECISIONS = "no_decisions"  # there is no /v1/decisions
DECISIONS_REFUSED = "decisions_refused"  # it is there, and not for this model or server

EXPIRED = "batch_expired"  # a batch ended before this request was put to the model

NOT_RECORDED = "not_recorded"  # the recording that is replayed holds no such answer

TRY_AGAIN = "This may pass: try again."
NO_KEY_SENT = (
    'No key was sent: write api_key_env = "NAME_OF_THE_VARIABLE" under the endpoint in panel.toml.'
)
NAME_A_MODEL = "Name a model that is there with --model."
LOOK = "Look at the server's own log; the next run goes on."
WITHOUT_DECISIONS = (
    "Here no take can be asked about. 'panel doctor' says whether the endpoint tells the "
    "probabilities of tokens (logprobs): then new takes come with theirs."
)
# What a person can do about a fault that stops a run.
REMEDIES = {
    "key_refused": "Check the key in the environment and what it is allowed to use.",
    "forbidden": "Look whether the key may do this, or a firewall stands before the endpoint.",
    "quota": "Top up the account, or choose another with --endpoint; the next run goes on.",
    "not_found": "Name a model that is there with --model; a base_url usually ends in /v1.",
    "not_an_api": "Correct base_url: it usually ends in /v1. Or a firewall stands before it.",
    NO_DECISIONS: WITHOUT_DECISIONS,
    DECISIONS_REFUSED: WITHOUT_DECISIONS,
    "redirected": "Put the new address into base_url; the key is not sent after a redirect.",
    "unreachable": "Start the server, or correct base_url, or look at the network.",
    "silent": "Is its model still loading? Run again, or raise timeout_seconds.",
    "timeout": "Is its model still loading? Run again, or raise timeout_seconds.",
    "context_overflow": "Give the model a larger context window, or shorten the descriptions.",
    "prompt_truncated": "Give the model a larger context window, or shorten the descriptions.",
    "reply_limit": "Lower max_tokens in [sampling]: the server allows no reply that long.",
    "truncated": "Raise max_tokens in [sampling].",
    "daily_quota": "Run again when it is renewed: the next run goes on. Or choose --endpoint.",
    "long_wait": "Run again then: the next run goes on. Or raise longest_wait_seconds in [limits].",
    "no_answer": LOOK,
    FILES_USED_UP: "Lower concurrency, or allow more open files ('ulimit -n 4096').",
    **WAY_REMEDIES,
}


@dataclass(frozen=True, slots=True)
class _Row:
    """One fault: its statuses, a pattern of its message, its codes, and what it means.

    constrained: the row holds only for requests that asked for structured output. remedy: what
    to do, where it is not what REMEDIES says.
    """

    statuses: Collection[int]
    action: Action
    label: str
    says: str = ""
    codes: Collection[str] = ()
    constrained: bool = False
    remedy: str | None = None

    def fits(self, status: int, said: str, codes: Collection[str], constrained: bool) -> bool:
        if status not in self.statuses or (self.constrained and not constrained):
            return False
        if not self.says and not self.codes:
            return True
        if any(code in self.codes for code in codes):
            return True
        return bool(self.says) and re.search(self.says, said, re.I | re.S) is not None


_OK = range(200, 300)
_ANY = range(100, 1000)
_REFUSED = (400, 404, 415, 422, 500, 501)
_ASKED_BADLY = (400, 403, 406, 412, 422, *_OK)
_FORBIDDEN = (403, 406, 451)
_OF_WORDS = {*range(400, 500)} - {401, 402, 404, 405, 407, 408, 409, 413, 429}
_THROTTLED = {*range(400, 500)} - {401, 402, 404, 405, 407, 408, 409, 413, 425, 429}
_PAGES = {*range(400, 500)} - {404, 405, 408, 409, 413, 425, 429, 444, 499}  # a firewall's, too
_FIELDS = (400, 415, 422, 500, 501)  # where a field that was sent may be refused
RETRIED = (408, 409, 425, 429, 444, 499, *range(500, 600))

TABLE = (
    _Row(_ANY, "stop", "quota", codes=words.MONEY_CODES),
    _Row((401,), "stop", "key_refused"),
    _Row((402,), "stop", "quota"),
    _Row(range(300, 400), "stop", "redirected"),
    _Row(_FORBIDDEN, "suspect", "forbidden", words.HTML),
    _Row((*_PAGES, *_OK), "suspect", "not_an_api", words.HTML),
    _Row((429,), "suspect", "quota", words.NO_MONEY),
    _Row(_ASKED_BADLY, "suspect", "quota", words.MONEY),
    _Row((429, *_ASKED_BADLY), "suspect", "key_refused", words.ACCOUNT),
    _Row((400, 422), "suspect", "reply_limit", words.CAP),
    _Row((400, 413, 422, 500), "record", "context_overflow", words.OVERFLOW),
    # A filter may say that the caller may not do this, and a key's refusal names no filter.
    _Row((*_OF_WORDS, *_OK), "abstain", "filtered", words.FILTER, words.FILTER_CODES),
    _Row((500,), "abstain", "filtered", codes=words.FILTER_CODES),  # in words, a filter that fails
    _Row((403,), "stop", "key_refused", words.KEY),
    _Row(_ASKED_BADLY, "suspect", "key_refused", words.KEY),
    _Row(_FORBIDDEN, "suspect", "forbidden"),
    _Row((429,), "record", "request_too_large", words.TOO_LARGE),
    _Row((400, 422, 424, 500, 502), "retry", SLIPPED, words.SLIP, constrained=True),
    _Row((400, 422, 500), "degrade", "system_refused", words.SYSTEM),
    _Row(_REFUSED, "degrade", "schema_refused", words.FORMAT, constrained=True),
    _Row((400, 409, 424, 425, 500, 502, 503, 504), "retry", LOADING, words.LOADING),
    _Row(
        *((400, 404, 410, 422), "stop", "not_found", words.MODEL, ("model_not_found", "1500")),
        remedy=NAME_A_MODEL,
    ),
    _Row((404,), "stop", "not_found"),
    _Row((405, 501, 505), "stop", "not_an_api"),
    _Row(_OK, "stop", "not_an_api", "unexpected endpoint or method"),
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
            return Fault("suspect" if kind in TOO_LONG else "stop", kind, detail)
        return Fault("record" if kind == NOT_RECORDED else "retry", kind, detail)
    status = answer.status or 0
    if 200 <= status < 300 and answer.completion() is not None:
        return None
    message, code = answer.error_text()
    message = message.strip() or f"HTTP {status} with an empty body"
    codes = _codes(answer, code)
    said = " ".join((message, *codes))
    status = _meant(status, said, codes)
    if status in _FIELDS and (field := refused_field(message, codes, answer, sent)) is not None:
        return Fault("degrade", "field_refused", message, field=field)
    if status == 429 and _alone_too_large(message):
        return Fault("record", "request_too_large", message)
    for row in TABLE:
        if row.fits(status, said, codes, constrained):
            missing = answer.keyless and row.label == "key_refused"
            found = Fault(
                row.action, row.label, message, remedy=NO_KEY_SENT if missing else row.remedy
            )
            if row.label == "redirected":
                to = answer.headers.get("location", "?")
                return replace(found, detail=f"{message} (to {to})")
            if row.action == "retry":
                # A reply of the model is no reason to wait.
                return (
                    found
                    if row.label == SLIPPED
                    else replace(found, retry_after=asked_wait(answer))
                )
            if row.action == "abstain":
                return replace(found, coded=any(code in row.codes for code in codes))
            return found
    if status in RETRIED:
        return _passing(answer, status, message)
    if status in _OK:
        return Fault("retry", "no_completion", message)
    return Fault("record", f"http_{status}", message)


def _meant(status: int, said: str, codes: Collection[str]) -> int:
    """Return the status that a server means: OpenRouter says 200, Bedrock 400 to too many."""
    if status in _OK:
        status = next((int(code) for code in codes if re.fullmatch(r"[45]\d\d", code)), status)
    if status not in (*_THROTTLED, *_OK) or words.is_page(said):
        return status
    return 429 if re.search(words.THROTTLED, said, re.I) else status


def _passing(answer: RawResponse, status: int, message: str) -> Fault:
    """Return a fault that may pass, and when; one of a daily quota passes in no time to wait."""
    wait = asked_wait(answer)
    if wait is None and status == 429:
        wait = reset_wait(answer)
    if wait is None and status == 429 and re.search(words.BILLING, message, re.I):
        return Fault("suspect", "quota", message)
    if wait is None and status == 429 and daily(words_of(answer)):
        return Fault("stop", "daily_quota", message)
    return Fault("retry", f"http_{status}", message, wait)


def _codes(answer: RawResponse, code: str | None) -> list[str]:
    """Return the words by which an error is told apart, wherever its body has them."""
    names = ("code", "type", "status", "reason", "error_type", "blockreason")
    values = [*named_values(answer.json())]
    found = [str(value)[:SHOWN] for name, value in values if name in names]
    if any(name == "blockreason" for name, _value in values):  # Gemini, of a prompt
        found.insert(0, "prompt_blocked")
    return [*([code] if code is not None else []), *found[:20]]


def _alone_too_large(message: str) -> bool:
    """Whether a rate limit's own figures say that this request alone exceeds it."""
    figures = []
    for name in ("limit", "requested"):
        found = re.search(rf"\b{name}(?: is| of|:| =)?\s*(\d[\d,]*)", message, re.I)
        if found is None:
            return False
        figures.append(int(found[1].replace(",", "")))
    return figures[1] > figures[0]


def refused_field(
    message: str, codes: Collection[str], answer: RawResponse, sent: Collection[str]
) -> str | None:
    """Return the field that a server says it does not take; None unless it was sent.

    One that shapes no answer is left out for any complaint that names it, and be it its value.
    """
    param = words.same_field(answer.error_param() or "", sent)
    said = " ".join((message, *codes))
    if param is not None and (words.blamed_field(f"{said} {param}", (param,)) is not None):
        return param
    harmless = [name for name in LOGPROB_FIELDS if name in sent]
    return (
        words.blamed_field(message, sent)
        or (param if param in harmless else None)
        or words.named_field(message, harmless)
    )
