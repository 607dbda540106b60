"""Runs one cell to its end: tries again, asks in weaker output modes, asks for one repair.

Every request is journaled, with the output mode it used, before anything else is done with its
answer. A model is never swapped for another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from panel.cells.cells import REPLY_SHOWN, Cell
from panel.cells.journal import utc_now
from panel.cells.lines import Attempt
from panel.endpoint.allowance import Allowance, Reserved
from panel.endpoint.attempts import (
    UNPARSABLE,
    AttemptContext,
    AttemptResult,
    doubted,
    read_attempt,
)
from panel.endpoint.budget import Budget
from panel.endpoint.client import CompletionClient
from panel.endpoint.faults import LOADING, SLIPPED, UNEXPLAINED, Fault
from panel.endpoint.limits import ConcurrencyLimiter
from panel.endpoint.output_modes import (
    RequestProfile,
    optional_fields,
    plain_fields,
)
from panel.endpoint.patience import GivenUp, Patience
from panel.endpoint.prompt_counts import PromptCounts
from panel.endpoint.responses import RawResponse
from panel.endpoint.usage import RunUsage
from panel.endpoint.ways import SYSTEM, Learned, Way
from panel.stats import Outcome
from panel.workspace.endpoints import Endpoint
from panel.workspace.prompts import Messages
from panel.workspace.verdict import Verdict

Record = Callable[[Attempt], Awaitable[None]]

SLIPS = 2  # replies of one cell that the server itself rejects, before it is asked another way


@dataclass(frozen=True, slots=True)
class Settled:
    """How a cell ended. outcome: verdict, abstain or error.

    stop: the fault after which this endpoint should not be asked again. later: it has not ended,
    and is to be asked again after others.
    """

    outcome: Outcome
    verdict: Verdict | None = None
    reason: str | None = None
    detail: str | None = None
    stop: Fault | None = None
    later: bool = False


def repair_shown(cell: Cell, reply: str | None, problems: list[str]) -> Messages:
    """Return the messages that ask for a repair of a reply, which they show."""
    repair = cell.prompts.repair_text(cell.persona, problems)
    shown = (reply or "")[:REPLY_SHOWN] or "(empty)"
    return (*cell.messages, ("assistant", shown), ("user", repair))


def nowhere(_fault: Fault) -> bool:
    """Say that no other server is asked."""
    return False


@dataclass(slots=True)
class CellRunner:
    """Runs the cells of one endpoint, and remembers what its server refuses.

    patience: waits for the endpoint. learned: how requests are made. counts: how the endpoint
    counts prompts. elsewhere: whether a cell that this fault would end is to be asked of another
    server. heard: whether the endpoint has answered anything at all.
    """

    client: CompletionClient
    endpoint: Endpoint
    patience: Patience
    learned: Learned = field(default_factory=Learned)
    budget: Budget = field(default_factory=Budget)
    usage: RunUsage = field(default_factory=RunUsage)
    counts: PromptCounts = field(default_factory=PromptCounts)
    elsewhere: Callable[[Fault], bool] = nowhere
    heard: bool = False

    @property
    def request_profile(self) -> RequestProfile:
        """How requests are made."""
        return self.learned.profile

    @property
    def one_of_several(self) -> bool:
        """Whether another server of the same model is asked, too."""
        return self.elsewhere(Fault("stop", "", ""))

    @property
    def limiter(self) -> ConcurrencyLimiter:
        """How many requests may be in flight."""
        return self.patience.limiter

    async def settle(self, cell: Cell, record: Record, lane: int = 0) -> Settled:
        """Ask until the cell has ended, one way or another. Raises OverBudget, GivenUp.

        lane: requests of one lane follow one another, since their prompts begin alike.
        """
        way = Way(self.learned, self.patience.health.tools)
        return await _CellInProgress(self, cell, record, lane, way).settle()

    async def reserve(self, cell: Cell, messages: Messages, longer: bool, lane: int) -> Reserved:
        """Wait for a slot and set the request's worst size aside; raises OverBudget, GivenUp."""
        prompt = round(sum(len(text) for _role, text in messages) / self.endpoint.chars_per_token)
        cap = cell.sampling.get(self.endpoint.max_tokens_field) or 0
        completion = cap * (2 if longer else 1)
        return await self._allowance.reserve(prompt, completion, self.endpoint.prices, lane)

    def release(self, reserved: Reserved, answer: RawResponse, result: AttemptResult) -> None:
        """Give the slot back and put what was really used in the place of the reservation."""
        attempt, tokens = result.attempt, None
        if attempt.prompt_tokens is not None and attempt.completion_tokens is not None:
            tokens = attempt.prompt_tokens + attempt.completion_tokens
        elif answer.refused:
            tokens = 0  # nothing was read or written
        self._allowance.release(reserved, answer, result.fault, tokens, attempt.cost_usd)
        self.usage.add(attempt)

    def abandon(self, reserved: Reserved) -> None:
        """Give the slot back of a request that was dropped."""
        self._allowance.abandon(reserved)

    @property
    def _allowance(self) -> Allowance:
        return Allowance(self.patience, self.budget)


@dataclass(slots=True)
class _CellInProgress:
    """One cell between its first request and its end.

    ordinal: requests made. repair: the model was asked to repair its reply. longer: the cap on
    the reply is doubled. way: how it is asked. slips: replies that the server itself rejected.
    """

    runner: CellRunner
    cell: Cell
    record: Record
    lane: int
    way: Way
    ordinal: int = 0
    repair: bool = False
    longer: bool = False
    slips: int = 0

    async def settle(self) -> Settled:
        messages = self.cell.messages
        while True:
            result = await self._until_answered(messages)
            attempt, fault = result.attempt, result.fault
            if attempt.final:
                return Settled(
                    attempt.outcome,
                    attempt.verdict,
                    attempt.reason,
                    attempt.detail,
                    stop=fault if fault is not None and fault.action == "stop" else None,
                )
            if fault is not None and fault.action == "elsewhere":
                raise GivenUp(fault)
            if fault is not None and fault.action == "later":
                return Settled("error", later=True)
            if fault is not None:
                continue  # the next request is made differently
            if result.truncated:
                self.longer = True
            else:
                self.repair = True
                messages = repair_shown(self.cell, attempt.reply, list(result.problems))

    async def _until_answered(self, messages: Messages) -> AttemptResult:
        """Ask, and ask again while the fault may pass; every attempt is journaled."""
        tries = 0
        while True:
            result = await self._once(messages, last=tries + 1 >= self.runner.endpoint.attempts)
            fault = result.fault
            if fault is None or fault.action != "retry" or result.attempt.final:
                return result
            tries += fault.label != LOADING
            await self.runner.patience.wait(fault, tries)

    async def _once(self, messages: Messages, last: bool) -> AttemptResult:
        """Send one request, journal what became of it, and learn from it."""
        runner = self.runner
        reserved = await runner.reserve(self.cell, messages, self.longer, self.lane)
        # Only now: other cells may have learned something while this one waited.
        profile = self.way.next()
        try:
            asked, body, answer = await self._send(messages, profile)
        except asyncio.CancelledError:
            runner.abandon(reserved)
            raise
        began, prices = reserved.slot.began, runner.endpoint.prices
        context = AttemptContext(
            last,
            runner.heard,
            self.longer,
            optional_fields(body),
            prices,
            runner.counts,
            judge=lambda fault: self._judged(fault, began, last),
            cap=profile.cap(runner.endpoint, body),
        )
        result = read_attempt(answer, asked, context)
        runner.heard = runner.heard or answer.status is not None
        if result.attempt.outcome == "verdict":
            runner.patience.health.answered()
        elif result.attempt.outcome == "abstain":
            result = self._weighed(result)
        self._learn(result)
        await self.record(result.attempt)
        # Only now: a freed slot is the next request, which a fault of this one may forbid.
        runner.release(reserved, answer, result)
        return result

    def _weighed(self, result: AttemptResult) -> AttemptResult:
        """Keep an abstention only where it is the model's, and not the endpoint's trouble."""
        health, attempt = self.runner.patience.health, result.attempt
        if not attempt.final:
            health.alive()
            return result
        doubt, said = doubted(result, self.cell.schema["properties"]), attempt.reply or ""
        words = said if attempt.reason == UNPARSABLE else ""
        fault = health.abstained(doubt, self.cell, words, self.runner.one_of_several)
        if fault is None:
            return result
        if fault.action == "later":
            return replace(result, attempt=replace(attempt, final=False), fault=fault)
        if self.runner.elsewhere(fault):
            fault = replace(fault, action="elsewhere")
        ended = replace(
            attempt,
            final=fault.action == "stop",
            outcome="error",
            reason=fault.label,
            detail=fault.detail,
        )
        return AttemptResult(ended, fault)

    def _judged(self, fault: Fault, began: float, last: bool) -> Fault:
        runner, health = self.runner, self.runner.patience.health
        if fault.label in ("http_400", "http_422") and self.way.unexplained():
            fault = replace(fault, action="degrade", label=UNEXPLAINED)
        several = runner.one_of_several
        if several and fault.action == "record":
            fault = replace(fault, action="suspect")  # whether it is the cell, the others tell
        fault = health.judge(fault, self.cell, began, last)
        if not fault.ends_cell(last) or fault.action == "abstain":
            return fault
        if fault.action in ("stop", "retry"):
            return replace(fault, action="elsewhere") if runner.elsewhere(fault) else fault
        # No server ends a cell at once that another one may answer.
        return (health.later(fault, self.cell) if several else None) or fault

    async def _send(
        self, messages: Messages, profile: RequestProfile
    ) -> tuple[Attempt, dict[str, Any], RawResponse]:
        """Return the attempt without its outcome, the body it sent, and the answer."""
        endpoint, output_mode = self.runner.endpoint, profile.output_mode
        adapted, shown = profile.adapted(), profile.shown(messages)
        fields = plain_fields(self.cell, endpoint, self.longer)
        body = profile.request(endpoint, shown, self.cell.schema, fields, output_mode)
        sent = optional_fields(body)
        self.way.sent = sent | ({SYSTEM} if shown and shown[0][0] == "system" else set())
        started = utc_now()
        answer = await self.runner.client.complete(body, self.cell)
        self.ordinal += 1
        asked = Attempt(
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
        return asked, body, answer

    def _learn(self, result: AttemptResult) -> None:
        """Learn from an answer how requests must be made."""
        attempt, fault = result.attempt, result.fault
        cell, tool = self.cell.fingerprint, self.cell.tool.slug
        if attempt.outcome == "verdict" or (fault is None and attempt.reply):
            self.way.answered(attempt.outcome == "verdict")
        elif fault is not None and fault.label == SLIPPED:
            self.slips += 1
            if self.slips >= SLIPS:
                self.way.weaken(True, cell, tool)
        elif fault is not None and fault.label == "whitespace_runaway":
            self.way.weaken(True, cell, tool, fault.detail)
        elif fault is not None and fault.action == "degrade" and fault.label != UNEXPLAINED:
            self.way.refused(fault, cell, tool)
