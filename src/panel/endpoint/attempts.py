"""Reads one answer as an attempt: what it means for its cell, and whether to ask again."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from panel.cells.lines import Attempt
from panel.endpoint.faults import BROKEN, SLIPPED, Fault, classify_fault
from panel.endpoint.probabilities import ship_probability
from panel.endpoint.prompt_counts import PromptCounts
from panel.endpoint.replies import Reply, read_reply
from panel.endpoint.responses import RawResponse
from panel.endpoint.usage import TokenUsage, cost
from panel.text import one_line, shortened
from panel.workspace.endpoint_settings import Prices
from panel.workspace.verdict import UnparsableReply

UNPARSABLE = "unparsable"
QUOTED = 160  # characters of a reply that are shown to a person
HOW_TO_GO_ON = (
    "If a gateway wrote that, look at its log. If the model did, choose a larger one with --model, "
    "or ask about one tool at a time (--tool): then its abstentions are kept. "
    "--retry-abstained asks again what was kept as one."
)
RUNAWAY_SPACE = 0.5  # share of blanks from which a reply cut short is a runaway


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """What reading an answer depends on, besides the answer itself.

    last: no further try is allowed. heard: the endpoint has answered something before.
    longer: the cap on the reply is doubled already. sent: the optional fields of the request.
    counts: how the endpoint counts prompts. judge: says what a fault means for the whole run, and
    returns it, changed where that differs. cap: the tokens that the reply may have, None where the
    request set no bound.
    """

    last: bool
    heard: bool
    longer: bool
    sent: Collection[str]
    prices: Prices | None
    counts: PromptCounts
    judge: Callable[[Fault], Fault]
    cap: int | None = None


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """An attempt to be journaled, and what to do next where it does not end its cell.

    fault: what failed, None where the server gave a whole reply. problems: why the reply
    cannot be read, one sentence each. truncated: the reply ran into its cap.
    """

    attempt: Attempt
    fault: Fault | None = None
    problems: tuple[str, ...] = ()
    truncated: bool = False


def read_attempt(answer: RawResponse, asked: Attempt, context: AttemptContext) -> AttemptResult:
    """Complete ``asked``, an attempt without its outcome, from the answer it got."""
    fault = _fault(answer, asked, context)
    if fault is not None:
        return _ended(_counted(asked, answer.usage(), context.prices), fault, context)
    completion = answer.completion()
    assert completion is not None  # classify_fault() calls its absence a fault
    reply = read_reply(completion)
    written = (reply.usage.completion_tokens or 0) - reply.usage.beside
    if 0 < (context.cap or 0) <= written:
        reply = reply.at_its_cap()
    usage, cut = context.counts.judge(asked.messages, reply.usage)
    attempt = _with_reply(asked, replace(reply, usage=usage), context.prices)
    if cut is not None:
        return _spoilt(attempt, Fault("record", "prompt_truncated", cut), context)
    if reply.abstention is not None:
        reason, words = reply.abstention
        return AttemptResult(replace(attempt, outcome="abstain", reason=reason, detail=words))
    try:  # a whole verdict is kept, whatever the server says of its end
        verdict = reply.verdict(asked.cell.persona, asked.cell.choices, asked.messages)
    except UnparsableReply as error:
        fault = _trouble(answer, asked, reply, context)
        if fault is not None:
            return _spoilt(attempt, fault, context)
        return _unreadable(attempt, reply, error, context)
    told = ship_probability(completion, verdict.verdict)
    attempt = replace(attempt, **told.fields()) if told else attempt
    return AttemptResult(replace(attempt, outcome="verdict", verdict=verdict))


def doubted(result: AttemptResult, fields: Collection[str]) -> Fault | None:
    """Return what an endpoint's own trouble would be that looks like this abstention.

    fields: of the form. None where the model itself abstains: it declines, or has tried to fill
    the form.
    """
    attempt = result.attempt
    if attempt.reason == "filtered":
        said = result.fault or Fault("abstain", "filtered", attempt.detail or "", coded=True)
        detail = said.detail or f"it ended the reply with {attempt.finish_reason!r}"
        return Fault("suspect", "forbidden", detail, coded=said.coded)
    text = attempt.reply or ""
    tried = any(f'"{name}"' in text for name in fields)
    if attempt.reason != UNPARSABLE or tried:
        return None
    quoted = shortened(one_line(text), QUOTED)
    return Fault("suspect", UNPARSABLE, f"it replied {quoted!r}", remedy=HOW_TO_GO_ON)


def _trouble(
    answer: RawResponse, asked: Attempt, reply: Reply, context: AttemptContext
) -> Fault | None:
    """Return what the server says has kept a reply from being whole; None if nothing has."""
    failed = answer.failed_choice()
    if failed is not None:
        inner = classify_fault(failed, asked.output_mode != "prompted", context.sent)
        if inner is not None:
            return inner
    ended = f"the server ended {{}} with {reply.finish_reason!r}"
    if not reply.text.strip() and reply.ending in ("whole", "broken_off"):
        return Fault("retry", "no_completion", f"the reply is empty; {ended.format('it')}")
    if reply.ending in ("broken_off", "slipped"):
        label = BROKEN if reply.ending == "broken_off" else SLIPPED
        return Fault("retry", label, ended.format("the reply"))
    return None


def _fault(answer: RawResponse, asked: Attempt, context: AttemptContext) -> Fault | None:
    fault = classify_fault(answer, asked.output_mode != "prompted", context.sent)
    if fault is None:
        return None
    if fault.label == "system_refused" and all(role != "system" for role, _ in asked.messages):
        fault = replace(fault, action="record")  # it is merged already: nothing left to change
    if fault.label == "timeout" and not context.heard:
        fault = replace(fault, action="stop", label="silent")
    return context.judge(fault)


def _spoilt(attempt: Attempt, fault: Fault, context: AttemptContext) -> AttemptResult:
    """Return an attempt whose reply is there and of no use."""
    return _ended(attempt, context.judge(fault), context)


def _ended(attempt: Attempt, fault: Fault, context: AttemptContext) -> AttemptResult:
    failed = replace(
        attempt,
        final=fault.ends_cell(context.last),
        outcome="abstain" if fault.action == "abstain" else "error",
        reason=fault.label,
        detail=fault.detail,
    )
    return AttemptResult(failed, fault)


def _with_reply(asked: Attempt, reply: Reply, prices: Prices | None) -> Attempt:
    return replace(
        _counted(asked, reply.usage, prices),
        reply=reply.text,
        finish_reason=reply.finish_reason,
        returned_model=reply.model,
        system_fingerprint=reply.system_fingerprint,
        degraded=reply.degraded,
    )


def _counted(asked: Attempt, usage: TokenUsage, prices: Prices | None) -> Attempt:
    return replace(
        asked,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        cost_usd=cost(usage, prices),
    )


def _unreadable(
    attempt: Attempt, reply: Reply, error: UnparsableReply, context: AttemptContext
) -> AttemptResult:
    detail = str(error)
    if reply.ending != "truncated":
        abstained = replace(
            attempt, final=attempt.repair, outcome="abstain", reason=UNPARSABLE, detail=detail
        )
        return AttemptResult(abstained, problems=tuple(error.problems))
    blanks = len(reply.text) - sum(map(len, reply.text.split()))
    if blanks > RUNAWAY_SPACE * len(reply.text) and attempt.output_mode != "prompted":
        detail = "the reply ran into its cap in blanks, as happens under some JSON grammars"
        fault = Fault("degrade", "whitespace_runaway", detail)
        return AttemptResult(
            replace(attempt, final=False, reason=fault.label, detail=detail), fault
        )
    if context.longer:
        return _spoilt(attempt, Fault("record", "truncated", detail), context)
    truncated = replace(attempt, final=False, reason="truncated", detail=detail)
    return AttemptResult(truncated, truncated=True)
