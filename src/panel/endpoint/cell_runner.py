"""Settles one cell: down the output modes where it must, one repair, and an honest end.

Every request is journaled, with the output mode it used, before anything else is done with its
answer. A model is never swapped for another.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

import tenacity

from panel.cells.cells import REPLY_SHOWN, Cell
from panel.cells.journal import Attempt, utc_now
from panel.endpoint.client import CompletionClient, RawResponse
from panel.endpoint.faults import Fault, classify_fault
from panel.endpoint.limits import Budget, ConcurrencyLimiter, Slot
from panel.endpoint.output_modes import (
    OutputMode,
    RequestProfile,
    fewest_tokens,
    optional_fields,
    plain_fields,
)
from panel.endpoint.replies import Reply, cost, read_reply
from panel.workspace.prompts import Messages, Prompts
from panel.workspace.settings import Endpoint
from panel.workspace.verdict import UnparsableReply, Verdict, parse

Record = Callable[[Attempt], Awaitable[None]]

WAIT_CAP_SECONDS = 60.0
RETRY_AFTER_CAP_SECONDS = 600.0
TRUNCATED = {"length", "model_length", "max_tokens"}
FILTERED = {"content_filter", "safety"}
BROKEN_OFF = {"error", "abort", "load"}  # the server gave up in the middle and said 200
RUNAWAY_SPACE = 0.5  # share of blanks from which a reply cut short is a runaway
RUNAWAYS_REMEMBERED = 3
ROOM_SECONDS = 0.05  # between two looks at whether the budget has room again


class OverBudget(Exception):  # noqa: N818 - it names the state, not a fault
    """The budget does not allow the next request."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How a cell ended. stop: the fault after which this endpoint should not be asked again.

    exhausted: the endpoint gave no answer in any of the tries.
    """

    outcome: Literal["verdict", "abstain", "error"]
    verdict: Verdict | None = None
    reason: str | None = None
    detail: str | None = None
    stop: Fault | None = None
    exhausted: bool = False


@dataclass(slots=True)
class RunUsage:
    """What a ladder has spent so far. Tokens only where the server counts them."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    degraded: int = 0
    models: set[str] = field(default_factory=set)


@dataclass(slots=True)
class CellRunner:
    """The ways down for one endpoint; remembers the shape of request that the server takes.

    pause: waits some seconds before the next try; whoever wants the waiting to end raises.
    expected: a cell's prompt tokens per character and completion tokens, from experience.
    """

    client: CompletionClient
    endpoint: Endpoint
    prompts: Prompts
    limiter: ConcurrencyLimiter
    shape: RequestProfile = field(default_factory=RequestProfile)
    budget: Budget = field(default_factory=Budget)
    usage: RunUsage = field(default_factory=RunUsage)
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    heard: bool = False  # whether the endpoint has answered anything at all
    runaways: int = 0

    async def settle(self, cell: Cell, record: Record) -> Settled:
        """Ask until the cell has ended, one way or another. Raises OverBudget."""
        return await _Question(self, cell, record).settle()


@dataclass(slots=True)
class _Step:
    """One request read: the attempt to be journaled, and what to do next."""

    attempt: Attempt
    fault: Fault | None = None
    problems: list[str] = field(default_factory=list)
    truncated: bool = False


@dataclass(slots=True)
class _Question:
    ladder: CellRunner
    cell: Cell
    record: Record
    ordinal: int = 0
    repair: bool = False
    longer: bool = False
    below: OutputMode | None = None  # a output mode of this cell's own, under the endpoint's

    async def settle(self) -> Settled:
        messages = self.cell.messages
        while True:
            step = await self._until_answered(messages)
            attempt = step.attempt
            if attempt.final:
                stop = step.fault if step.fault and step.fault.action == "stop" else None
                return Settled(
                    attempt.outcome,  # type: ignore[arg-type]
                    attempt.verdict,
                    attempt.reason,
                    attempt.detail,
                    stop,
                    exhausted=step.fault is not None and step.fault.action == "retry",
                )
            if step.fault is not None:  # the request has another shape now
                continue
            if step.truncated:
                self.longer = True
            else:
                self.repair = True
                repair = self.ladder.prompts.repair_text(self.cell.persona, step.problems)
                shown = (attempt.reply or "")[:REPLY_SHOWN] or "(empty)"
                messages = (*self.cell.messages, ("assistant", shown), ("user", repair))

    async def _until_answered(self, messages: Messages) -> _Step:
        """Ask, and ask again where the fault may pass; every attempt is journaled."""
        attempts = self.ladder.endpoint.attempts
        made = 0

        async def ask() -> _Step:
            nonlocal made
            made += 1
            return await self._once(messages, last=made == attempts)

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_result(_may_pass),
            stop=tenacity.stop_after_attempt(attempts),
            wait=_pause,
            sleep=self.ladder.pause,
            retry_error_callback=_last_step,
        )
        return cast(_Step, await retrying(ask))

    async def _once(self, messages: Messages, last: bool) -> _Step:
        ladder = self.ladder
        slot, reserved = await self._slot(messages)
        output_mode = (
            self.below or ladder.shape.output_mode
        )  # read now: other cells may have learned while this one waited
        adapted = ladder.shape.adapted()
        shown = ladder.shape.shown(messages)
        fields = plain_fields(self.cell, ladder.endpoint, self.longer)
        body = ladder.shape.request(ladder.endpoint, shown, self.cell.schema, fields, output_mode)
        started = utc_now()
        try:
            answer = await ladder.client.complete(body, self.cell)
        except asyncio.CancelledError:
            ladder.limiter.abandoned(slot)
            raise
        self.ordinal += 1
        bare = Attempt(
            cell=self.cell,
            ordinal=self.ordinal,
            messages=shown,
            output_mode=output_mode,
            repair=self.repair,
            started_at=started,
            finished_at=utc_now(),
            seconds=answer.seconds,
            final=True,
            outcome="error",
            http_status=answer.status,
            body=answer.body if answer.status is not None else None,
            adapted=adapted,
        )
        step = self._read(
            answer,
            bare,
            last,
            optional_fields(body) & set(fields.keys() | ladder.shape.renamed.values()),
        )
        self._learn(step, output_mode)
        await self.record(step.attempt)
        # Only now: a freed slot is the next request, which a fault of this one may forbid.
        self._settle_accounts(step, slot, reserved, answer)
        return step

    async def _slot(self, messages: Messages) -> tuple[Slot, tuple[int, float | None]]:
        """Wait for a slot and set the request's worst size aside; raises OverBudget."""
        ladder = self.ladder
        prompt = round(sum(len(text) for _role, text in messages) / ladder.endpoint.chars_per_token)
        completion = (ladder.endpoint.sampling.max_tokens or 0) * (2 if self.longer else 1)
        prices = ladder.endpoint.prices
        worst = (prices.prompt * prompt + prices.completion * completion) / 1e6 if prices else None
        while True:
            slot = await ladder.limiter.acquire(prompt + completion)
            if ladder.budget.reserve(prompt + completion, worst):
                return slot, (prompt + completion, worst)
            alone = ladder.limiter.in_flight == 1
            ladder.limiter.abandoned(slot)
            if alone:
                raise OverBudget
            await ladder.pause(ROOM_SECONDS)  # a reply under way may take less than was set aside

    def _settle_accounts(
        self, step: _Step, slot: Slot, reserved: tuple[int, float | None], answer: RawResponse
    ) -> None:
        attempt, fault, limiter = step.attempt, step.fault, self.ladder.limiter
        tokens = None
        if attempt.prompt_tokens is not None:
            tokens = attempt.prompt_tokens + (attempt.completion_tokens or 0)
        elif answer.status is not None and answer.completion() is None:
            tokens = 0  # refused: nothing was read or written
        limiter.apply_rate_limit_headers(answer.headers)
        if fault is not None and fault.overload:
            limiter.overloaded(slot, fault.label, fault.retry_after)
        else:
            limiter.answered(slot, tokens)
        self.ladder.budget.correct(reserved, tokens, 0.0 if tokens == 0 else attempt.cost_usd)
        usage = self.ladder.usage
        usage.requests += 1
        usage.prompt_tokens += attempt.prompt_tokens or 0
        usage.completion_tokens += attempt.completion_tokens or 0
        usage.cached_tokens += attempt.cached_tokens or 0
        usage.degraded += attempt.degraded
        if attempt.returned_model:
            usage.models.add(attempt.returned_model)

    def _learn(self, step: _Step, output_mode: OutputMode) -> None:
        """Remember for the endpoint what this answer says about the shape of requests."""
        shape, fault = self.ladder.shape, step.fault
        if fault is None or fault.action != "degrade":
            return
        if fault.field is not None:
            shape.drop(fault.field)
        elif fault.label == "system_refused":
            shape.merge_system = True
        elif fault.label == "whitespace_runaway":
            self.ladder.runaways += 1
            self.below = shape.step_down(below=output_mode)
            if self.ladder.runaways == RUNAWAYS_REMEMBERED:
                shape.output_mode = self.below
        else:
            down = shape.step_down(fault.detail, output_mode)
            if self.below is not None:
                self.below = down
            if shape.output_mode == output_mode:  # else another cell has stepped down meanwhile
                shape.output_mode = down

    def _read(self, answer: RawResponse, bare: Attempt, last: bool, sent: set[str]) -> _Step:
        fault = classify_fault(answer, constrained=bare.output_mode != "prompted", sent=sent)
        if fault is not None and fault.label == "system_refused" and self._system_is_merged(bare):
            fault = replace(fault, action="record")
        if fault is not None and fault.label == "timeout" and not self.ladder.heard:
            fault = replace(fault, action="stop", label="silent")
        self.ladder.heard = self.ladder.heard or answer.status is not None
        if fault is not None:
            final = fault.action in ("stop", "record") or (fault.action == "retry" and last)
            return _Step(replace(bare, final=final, reason=fault.label, detail=fault.detail), fault)
        completion = answer.completion()
        assert completion is not None  # classify_fault() calls its absence a fault
        reply = read_reply(completion)
        read = replace(bare, **self._reply_fields(reply))
        if (cut := _cut_short(reply.usage.prompt_tokens, bare.messages)) is not None:
            return _Step(replace(read, reason="prompt_truncated", detail=cut))
        if reply.finish_reason in BROKEN_OFF:
            detail = f"the server ended the reply with {reply.finish_reason!r}"
            attempt = replace(read, final=last, reason="broken_off", detail=detail)
            return _Step(attempt, Fault("retry", "broken_off", detail))
        if reply.refusal:
            return _Step(replace(read, outcome="abstain", reason="refusal", detail=reply.refusal))
        if reply.finish_reason in FILTERED:
            return _Step(replace(read, outcome="abstain", reason="filtered"))
        try:
            verdict = parse(reply.text, self.cell.persona)
        except UnparsableReply as error:
            return self._unreadable(read, reply, error)
        return _Step(replace(read, outcome="verdict", verdict=verdict))

    def _system_is_merged(self, bare: Attempt) -> bool:
        return all(role != "system" for role, _text in bare.messages)

    def _reply_fields(self, reply: Reply) -> dict[str, Any]:
        return {
            "reply": reply.text,
            "finish_reason": reply.finish_reason,
            "prompt_tokens": reply.usage.prompt_tokens,
            "completion_tokens": reply.usage.completion_tokens,
            "cached_tokens": reply.usage.cached_tokens,
            "cost_usd": cost(reply.usage, self.ladder.endpoint.prices),
            "returned_model": reply.model,
            "system_fingerprint": reply.system_fingerprint,
            "degraded": reply.degraded,
        }

    def _unreadable(self, read: Attempt, reply: Reply, error: UnparsableReply) -> _Step:
        detail = str(error)
        if reply.finish_reason in TRUNCATED:
            blanks = len(reply.text) - sum(map(len, reply.text.split()))
            if blanks > RUNAWAY_SPACE * len(reply.text) and read.output_mode != "prompted":
                detail = "the reply ran into its cap in blanks, as under some JSON grammars"
                fault = Fault("degrade", "whitespace_runaway", detail)
                return _Step(replace(read, final=False, reason=fault.label, detail=detail), fault)
            attempt = replace(read, final=self.longer, reason="truncated", detail=detail)
            return _Step(attempt, truncated=True)
        attempt = replace(
            read, final=self.repair, outcome="abstain", reason="unparsable", detail=detail
        )
        return _Step(attempt, problems=error.problems)


def _cut_short(read: int | None, messages: Messages) -> str | None:
    """Say that the server cannot have read the whole prompt; None where it can have."""
    if not read or 4 * read >= sum(len(text) for _role, text in messages):
        return None  # counting the fewest tokens is slow, and never more than a quarter
    least = fewest_tokens(messages)
    if read >= least:
        return None
    return (
        f"the server read {read:,} tokens of a prompt of at least {least:,}: its context window is "
        "too small and it dropped the rest without a word"
    )


def _may_pass(step: _Step) -> bool:
    return step.fault is not None and step.fault.action == "retry"


def _last_step(state: tenacity.RetryCallState) -> _Step:
    assert state.outcome is not None
    return cast(_Step, state.outcome.result())


def _pause(state: tenacity.RetryCallState) -> float:
    """Seconds before the next try: what the server asked for, or doubling with full jitter."""
    fault = _last_step(state).fault
    if fault is not None and fault.retry_after is not None:
        return min(fault.retry_after, RETRY_AFTER_CAP_SECONDS) + _jitter(0, 0.25)
    return _jitter(0.1, min(WAIT_CAP_SECONDS, 2.0**state.attempt_number))


def _jitter(low: float, high: float) -> float:
    return random.uniform(low, high)  # noqa: S311 - spreads load, hides nothing
