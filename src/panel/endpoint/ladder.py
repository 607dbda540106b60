"""Settles one cell: schema first, then prompted JSON, one repair, and an honest end.

Every request is journaled, with the rung it used, before anything else is done with its
answer. A model is never swapped for another.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

import tenacity

from panel.endpoint.client import Answer, Client
from panel.endpoint.faults import Fault, judge
from panel.endpoint.replies import Reply, cost, read_reply
from panel.journal import Attempt, utc_now
from panel.plan import Cell
from panel.prompts import Messages, Prompts
from panel.settings import Endpoint
from panel.verdict import UnparsableReply, Verdict, parse

Rung = Literal["json_schema", "prompted"]
Record = Callable[[Attempt], Awaitable[None]]

WAIT_CAP_SECONDS = 60.0
RETRY_AFTER_CAP_SECONDS = 600.0
REPLY_SHOWN = 8000  # characters of an unreadable reply that are shown again
TRUNCATED = {"length", "model_length", "max_tokens"}
FILTERED = {"content_filter", "safety"}


@dataclass(frozen=True, slots=True)
class Settled:
    """How a cell ended. stop: the fault after which this endpoint should not be asked again."""

    outcome: Literal["verdict", "abstain", "error"]
    verdict: Verdict | None = None
    reason: str | None = None
    detail: str | None = None
    stop: Fault | None = None


@dataclass(slots=True)
class Usage:
    """What a ladder has spent so far. Tokens only where the server counts them."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(slots=True)
class Ladder:
    """The ways down for one endpoint; remembers the rung that the server accepted.

    pause: waits some seconds before the next try; whoever wants the waiting to end raises.
    """

    client: Client
    endpoint: Endpoint
    prompts: Prompts
    rung: Rung = "json_schema"
    usage: Usage = field(default_factory=Usage)
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def settle(self, cell: Cell, record: Record) -> Settled:
        """Ask until the cell has ended, one way or another."""
        question = _Question(self, cell, record)
        return await question.settle()


@dataclass(slots=True)
class _Step:
    """One request read: the attempt to be journaled, and what to do next."""

    attempt: Attempt
    fault: Fault | None = None
    problems: list[str] = field(default_factory=list)
    truncated: bool = False


@dataclass(slots=True)
class _Question:
    ladder: Ladder
    cell: Cell
    record: Record
    ordinal: int = 0
    repair: bool = False
    longer: bool = False

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
                )
            if step.fault is not None:  # the schema was refused, the rung is another
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
        rung = self.ladder.rung
        started = utc_now()
        answer = await self.ladder.client.complete(self._request(messages, rung))
        self.ordinal += 1
        bare = Attempt(
            cell=self.cell,
            ordinal=self.ordinal,
            messages=messages,
            rung=rung,
            repair=self.repair,
            started_at=started,
            finished_at=utc_now(),
            seconds=answer.seconds,
            final=True,
            outcome="error",
            http_status=answer.status,
            body=answer.body if answer.status is not None else None,
        )
        step = self._read(answer, bare, last)
        if step.fault is not None and step.fault.action == "degrade":
            self.ladder.rung = "prompted"
        self._count(step.attempt)
        await self.record(step.attempt)
        return step

    def _request(self, messages: Messages, rung: Rung) -> dict[str, Any]:
        cell, endpoint = self.cell, self.ladder.endpoint
        body: dict[str, Any] = {
            "model": endpoint.model,
            "messages": [{"role": role, "content": content} for role, content in messages],
            **cell.sampling,
        }
        if self.longer and endpoint.max_tokens_field in body:
            body[endpoint.max_tokens_field] *= 2
        if rung == "json_schema":
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": cell.schema},
            }
        return body

    def _read(self, answer: Answer, bare: Attempt, last: bool) -> _Step:
        fault = judge(answer, schema_sent=bare.rung == "json_schema")
        if fault is not None:
            final = fault.action in ("stop", "record") or (fault.action == "retry" and last)
            return _Step(replace(bare, final=final, reason=fault.label, detail=fault.detail), fault)
        completion = answer.completion()
        assert completion is not None  # judge() calls its absence a fault
        reply = read_reply(completion)
        read = replace(bare, **self._reply_fields(reply))
        if reply.refusal:
            return _Step(replace(read, outcome="abstain", reason="refusal", detail=reply.refusal))
        if reply.finish_reason in FILTERED:
            return _Step(replace(read, outcome="abstain", reason="filtered"))
        try:
            verdict = parse(reply.text, self.cell.persona)
        except UnparsableReply as error:
            return self._unreadable(read, reply, error)
        return _Step(replace(read, outcome="verdict", verdict=verdict))

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
        }

    def _unreadable(self, read: Attempt, reply: Reply, error: UnparsableReply) -> _Step:
        detail = str(error)
        if reply.finish_reason in TRUNCATED:
            attempt = replace(read, final=self.longer, reason="truncated", detail=detail)
            return _Step(attempt, truncated=True)
        attempt = replace(
            read, final=self.repair, outcome="abstain", reason="unparsable", detail=detail
        )
        return _Step(attempt, problems=error.problems)

    def _count(self, attempt: Attempt) -> None:
        usage = self.ladder.usage
        usage.requests += 1
        usage.prompt_tokens += attempt.prompt_tokens or 0
        usage.completion_tokens += attempt.completion_tokens or 0
        usage.cached_tokens += attempt.cached_tokens or 0


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
