"""Asks about one take until it is known how probable "ship" is, or that it cannot be known."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from panel.cells.journal import utc_now
from panel.cells.lines import Reading, ShownTake
from panel.endpoint.allowance import Allowance, Reserved
from panel.endpoint.budget import Budget
from panel.endpoint.client import Client
from panel.endpoint.decision_api import FormSearch, decision_request, read_decision
from panel.endpoint.faults import LOADING, Fault
from panel.endpoint.patience import Patience
from panel.endpoint.responses import RawResponse
from panel.endpoint.usage import cost, read_usage
from panel.workspace.endpoints import Endpoint

Record = Callable[[Reading], Awaitable[None]]


@dataclass(slots=True)
class TakeReader:
    """Asks one endpoint's ``/v1/decisions`` about takes, one request for each.

    search: the form of request that the server takes.
    """

    client: Client
    endpoint: Endpoint
    patience: Patience
    search: FormSearch
    budget: Budget = field(default_factory=Budget)

    async def read(self, take: ShownTake, record: Record) -> tuple[Reading, Fault | None]:
        """Ask until the reading is final or the fault ends it; record every request.

        Raises OverBudget, GivenUp.
        """
        tries = 0
        while True:
            last = tries + 1 >= self.endpoint.attempts
            reading, fault = await self._once(take, last, record)
            if fault is None or fault.ends_cell(last):
                return reading, fault
            if fault.action == "retry":
                tries += fault.label != LOADING
                await self.patience.wait(fault, tries)

    async def _once(
        self, take: ShownTake, last: bool, record: Record
    ) -> tuple[Reading, Fault | None]:
        form = self.search.form
        body = decision_request(form, self.endpoint.model, take.messages, take.take)
        characters = len(take.take) + sum(len(text) for _role, text in take.messages)
        allowance = Allowance(self.patience, self.budget)
        tokens = round(characters / self.endpoint.chars_per_token)
        reserved = await allowance.reserve(tokens, 0, self.endpoint.prices)
        try:
            answer = await self.client.decide(body)
        except asyncio.CancelledError:
            allowance.abandon(reserved)
            raise
        fault = self.search.judge(answer, form)
        if fault is None:
            self.patience.health.answered()
        elif fault.action != "degrade":  # another form is asked at once: no failure yet
            fault = self.patience.health.judge(fault, take, reserved.slot.began, last)
        asked = Reading(
            attempt_id=take.attempt_id,
            read_at=utc_now(),
            seconds=answer.seconds,
            form=form,
            final=False,
            http_status=answer.status,
            body=answer.body if answer.status is not None else None,
        )
        reading = self._failed(asked, fault) if fault else self._told(asked, answer)
        await record(reading)
        self._release(allowance, reserved, answer, fault, reading)
        return reading, fault

    def _failed(self, asked: Reading, fault: Fault) -> Reading:
        """Return a reading without an answer; a question that is not answered is asked once."""
        final = fault.action == "abstain"
        return replace(asked, final=final, reason=fault.label, detail=fault.detail)

    def _told(self, asked: Reading, answer: RawResponse) -> Reading:
        body = answer.decision() or {}
        found, usage = read_decision(body), read_usage(body.get("usage"))
        if usage.prompt_tokens is not None and usage.completion_tokens is None:
            usage = replace(usage, completion_tokens=0)  # nothing is written
        model = body.get("model")
        told = found.told.fields() if found.told else {}
        return replace(
            asked,
            final=True,
            reason=found.reason,
            detail=found.detail,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            cost_usd=cost(usage, self.endpoint.prices),
            returned_model=model if isinstance(model, str) else None,
            **told,
        )

    def _release(
        self,
        allowance: Allowance,
        reserved: Reserved,
        answer: RawResponse,
        fault: Fault | None,
        reading: Reading,
    ) -> None:
        tokens = None
        if reading.prompt_tokens is not None:
            tokens = reading.prompt_tokens + (reading.completion_tokens or 0)
        elif fault is not None and answer.refused:
            tokens = 0  # nothing was read
        allowance.release(reserved, answer, fault, tokens, reading.cost_usd)
