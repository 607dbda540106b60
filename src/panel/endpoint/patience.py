"""Waits for an endpoint as its answers and its health ask for, and says so where it takes long."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from panel.endpoint.faults import LOADING, Fault
from panel.endpoint.health import EndpointHealth
from panel.endpoint.limits import ConcurrencyLimiter, LongWait, Slot
from panel.endpoint.responses import RawResponse
from panel.endpoint.waits import reset_wait, until
from panel.text import in_words

ANNOUNCED_SECONDS = 10.0  # a longer wait is announced


class GivenUp(Exception):  # noqa: N818 - it names the state, not a fault
    """The server is asked no more: it is gone, or wants a longer wait than a run should keep."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.detail)


def _silent(_sentence: str) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Patience:
    """The waiting of one run for one endpoint.

    name: the endpoint's. limiter: holds all requests back. health: says how long an endpoint in
    trouble is left alone. pause: waits some seconds; it may raise to end the waiting. notice: is
    told in one sentence of every wait of more than 10 s.
    """

    name: str
    limiter: ConcurrencyLimiter
    health: EndpointHealth
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    notice: Callable[[str], None] = _silent
    _asked_by: str = ""  # what the server said when it asked to wait
    _announced: float = 0.0  # until when waiting is announced, in monotonic seconds
    _waited: float = 0.0  # seconds since the last answer
    _paced: bool = False  # it was said that the user's own limit holds requests back

    async def slot(self, tokens: int, lane: int = 0) -> Slot:
        """Wait for a slot for a request of so many tokens; raises GivenUp."""
        if not self._paced and (seconds := self.limiter.paced(tokens)) > ANNOUNCED_SECONDS:
            self._paced = True
            self._announce(seconds, "is asked no faster than rpm and tpm allow")
        try:
            return await self.limiter.acquire(tokens, lane)
        except LongWait as wait:
            asked = f"it asks to wait {until(wait.seconds)} ({self._asked_by})"
            raise GivenUp(Fault("stop", "long_wait", asked)) from None

    def heed(self, answer: RawResponse, fault: Fault | None) -> None:
        """Hold everybody back for as long as this answer says that nobody should ask."""
        if fault is None:
            self._waited = 0.0
            seconds, why = reset_wait(answer), "nothing is left of its rate limit"
        else:
            seconds, why = self.health.hold(fault), _why(fault)
            if fault.retry_after is not None and fault.retry_after > self.limiter.longest:
                seconds = fault.retry_after
        if seconds is not None and (fault is None or fault.action != "stop"):
            self._asked_by = why
            self.limiter.hold(seconds)
            if fault is not None and fault.label == LOADING:
                most = self.health.loading_seconds
                self._announce(most, f"is loading its model ({why})", f"for up to {most:g} s")
            elif seconds <= self.limiter.longest:
                self._waited += seconds
                self._announce(seconds, f"cannot answer now ({why})")
        self.limiter.narrow(self.health.alone)

    async def wait(self, fault: Fault, tries: int) -> None:
        """Wait before a cell's next try: as the server asked, or doubling with full jitter."""
        if self.health.hold(fault) is not None:
            seconds = _jitter(0, 0.1)  # everybody is held back, and so is this cell
        elif fault.retry_after is not None:
            seconds = min(fault.retry_after, self.limiter.longest) + _jitter(0, 0.25)
        else:
            seconds = _jitter(0.1, self.health.longest_backoff(fault, tries))
        self._announce(seconds, f"cannot answer now ({_why(fault)})")
        await self.pause(seconds)

    def _announce(self, seconds: float, state: str, how_long: str | None = None) -> None:
        """Say that a wait is long, or waits in a row are, unless it has been announced."""
        end = time.monotonic() + seconds
        if not self.limiter.holds:
            return  # a recording answers: nobody waits
        silent = max(seconds, self._waited) > ANNOUNCED_SECONDS
        if silent and end > self._announced + ANNOUNCED_SECONDS:
            self._announced = end
            waiting = how_long or until(seconds)
            self.notice(f"{self.name!r} {state}. Waiting {waiting}. Ctrl-C ends the run.")


def _why(fault: Fault) -> str:
    return f"{in_words(fault.label)}: {fault.said}"


def _jitter(low: float, high: float) -> float:
    return random.uniform(low, high)  # noqa: S311 - spreads load, hides nothing
