"""What one request may take: a slot of its endpoint, and its worst size within the budget."""

from __future__ import annotations

from dataclasses import dataclass

from panel.endpoint.budget import Budget
from panel.endpoint.faults import Fault
from panel.endpoint.limits import Slot
from panel.endpoint.patience import Patience
from panel.endpoint.responses import RawResponse
from panel.workspace.endpoint_settings import Prices

ROOM_SECONDS = 0.05  # between two looks at whether the budget has room again


class OverBudget(Exception):  # noqa: N818 - it names the state, not a fault
    """The budget does not allow the next request."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """What one request holds while it is under way: a slot, its worst tokens and dollars."""

    slot: Slot
    tokens: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class Allowance:
    """Lets requests go when the endpoint and the budget allow it, and books what they took."""

    patience: Patience
    budget: Budget

    async def reserve(
        self, prompt: int, completion: int, prices: Prices | None, lane: int = 0
    ) -> Reserved:
        """Wait for a slot and set a request's worst tokens aside; raises OverBudget, GivenUp."""
        tokens = prompt + completion
        worst = (prices.prompt * prompt + prices.completion * completion) / 1e6 if prices else None
        while True:
            slot = await self.patience.slot(tokens, lane)
            if self.budget.reserve(tokens, worst):
                return Reserved(slot, tokens, worst)
            self.patience.limiter.abandoned(slot)
            if not self.budget.flying:
                raise OverBudget
            # A reply under way may take less than was set aside.
            await self.patience.pause(ROOM_SECONDS)

    def abandon(self, reserved: Reserved) -> None:
        """Give back the slot of a request that was dropped; what was set aside may be spent."""
        self.patience.limiter.abandoned(reserved.slot)
        self.budget.correct((0, 0.0), None, None)

    def release(
        self,
        reserved: Reserved,
        answer: RawResponse,
        fault: Fault | None,
        tokens: int | None,
        cost: float | None,
    ) -> None:
        """Give the slot back; put what was really used in the place of the reservation.

        tokens, cost: None where the server does not count.
        """
        self.patience.heed(answer, fault)
        if fault is not None and fault.overload:
            self.patience.limiter.overloaded(reserved.slot, fault.label)
        else:
            self.patience.limiter.answered(reserved.slot, tokens)
        self.budget.correct((reserved.tokens, reserved.cost), tokens, 0.0 if tokens == 0 else cost)
