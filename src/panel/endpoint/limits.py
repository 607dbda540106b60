"""Limits of one endpoint: how many requests may be in flight, and how fast.

The limit grows while more requests in flight bring more answers a second. It is halved when
the server says that it has too much to do (429, 503) or stops answering in time: careful
increase, multiplicative decrease (Chiu and Jain 1989, Analysis of the increase and decrease
algorithms for congestion avoidance). Until the first sign of trouble it doubles, as in TCP's
slow start; after it, it grows by a quarter, since the effect of a step much smaller than GAIN
could not be measured. A server that answers one at a time takes twice as long for two
requests: its answers a second do not grow, and the limit goes back. A wait that the server
asks for delays every request and takes no slot.
Where it serves a server's cache, the place of a request goes to the next of its lane.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections import Counter, deque
from dataclasses import dataclass, field

GAIN = 1.1  # how many times the answers a second a higher limit must bring
SAMPLES = 3  # least number of answers at a limit before it is judged
PATIENCE = 64  # most rounds of answers before a higher limit is tried again after a failed try
TRIAL = 4  # most rounds of answers that such a try takes
MINUTE = 60.0
HISTORY = 500


class LongWait(Exception):  # noqa: N818 - it names the state, not a fault
    """Requests are held back for longer than anybody should wait."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"{seconds:.0f} s")


@dataclass(slots=True)
class Slot:
    """A request under way: when it began (monotonic seconds), its expected tokens, its lane."""

    began: float
    tokens: int
    lane: int = 0


@dataclass(slots=True)
class ConcurrencyLimiter:
    """Slots for requests to one endpoint.

    ceiling: the most requests ever in flight. start: how many at first. rpm, tpm: requests and
    tokens a minute, None for no such limit. alone: one request at a time whatever the limit.
    longest: the most seconds that it lets a hold last. holds: whether it waits at all; a
    recording needs no waiting. spread: whether each request in flight has a lane of its own, in
    which others follow it; else they go as they come. history: (seconds since the start, limit,
    why).
    """

    ceiling: int
    start: int = 1
    rpm: int | None = None
    tpm: int | None = None
    alone: bool = False
    longest: float = math.inf
    holds: bool = True
    spread: bool = False
    history: list[tuple[float, int, str]] = field(default_factory=list)
    in_flight: int = 0
    limit: int = 0
    _began: float = field(default_factory=time.monotonic)
    _not_before: float = 0.0
    _since: float = 0.0  # when the limit was set
    _decreased: float = 0.0
    _doubling: bool = True
    _full: bool = False  # the limit has held a request back
    _seconds: list[float] = field(default_factory=list)
    _before: tuple[int, float] | None = None  # the limit under this one, its answers a second
    _patience: int = 1
    _spent: deque[Slot] = field(default_factory=deque)
    _waiting: dict[asyncio.Future[None], int] = field(default_factory=dict)
    _flying: Counter[int] = field(default_factory=Counter)  # in flight, by lane
    _alarm: asyncio.TimerHandle | None = None
    _closed: bool = False

    def __post_init__(self) -> None:
        self._set(max(1, min(self.start, self.ceiling)), "start")

    @property
    def lanes(self) -> int:
        """How many requests with prompts of their own should be in flight side by side."""
        return self.limit if self.spread else 1

    async def acquire(self, tokens: int, lane: int = 0) -> Slot:
        """Wait for a slot for a request of about this many tokens.

        Raises LongWait where the wait is longer than ``longest``, and CancelledError once the
        limiter is closed.
        """
        while (delay := self._delay(tokens)) != 0:
            if not self._closed and self.held() > self.longest:
                raise LongWait(self.held())
            turn = asyncio.get_running_loop().create_future()
            self._waiting[turn] = lane
            if delay is None:
                self._full = True
            else:
                self._wake_in(delay)
            try:
                await turn
            except asyncio.CancelledError:
                self._waiting.pop(turn, None)
                self._wake()  # the turn may have been given to this one, who leaves
                raise
        if self._closed:
            raise asyncio.CancelledError
        slot = Slot(time.monotonic(), tokens, lane)
        self.in_flight += 1
        self._flying[lane] += 1
        if self.rpm is not None or self.tpm is not None:
            self._spent.append(slot)
        return slot

    def close(self) -> None:
        """Cancel everyone who waits for a slot now or later."""
        self._closed = True
        waiting, self._waiting = self._waiting, {}
        for turn in waiting:
            turn.cancel()
        if self._alarm is not None:
            self._alarm.cancel()

    def answered(self, slot: Slot, tokens: int | None) -> None:
        """Give the slot back after an answer; raise the limit if that pays."""
        self._free(slot, tokens)
        if slot.began < self._since:
            return
        self._seconds.append(time.monotonic() - slot.began)
        rounds = self._patience if self._before is None else min(TRIAL, self._patience)
        if len(self._seconds) < max(SAMPLES, self.limit) * rounds or not self._full:
            return
        pace = self.limit / max(statistics.median(self._seconds), 1e-6)
        self._seconds.clear()
        if self._before is not None and pace < GAIN * self._before[1]:
            self._doubling, self._patience = False, min(PATIENCE, self._patience * 4)
            below, self._before = self._before[0], None
            self._set(below, "no more answers a second than before")
            return
        if self._before is not None:
            self._before, self._patience = None, max(1, self._patience // 4)
        if self.limit < self.ceiling and time.monotonic() >= self._not_before:
            self._before = (self.limit, pace)
            grown = self.limit + (self.limit if self._doubling else max(1, self.limit // 4))
            self._set(min(self.ceiling, grown), "answers keep their pace")

    def overloaded(self, slot: Slot, why: str) -> None:
        """Give the slot back after 429, 503 or a timeout, and halve the limit."""
        self._free(slot, None)
        now = time.monotonic()
        self._doubling, self._before = False, None
        if slot.began >= self._decreased:  # earlier requests suffer from the same overload
            self._decreased, self._patience = now, min(PATIENCE, self._patience * 4)
            self._set(max(1, self.limit // 2), why)

    def abandoned(self, slot: Slot) -> None:
        """Give back the slot of a request that was dropped before its answer."""
        self._free(slot, None)

    def hold(self, seconds: float) -> None:
        """Let no request begin for some seconds; a longer hold than this one stays."""
        if self.holds:
            self._not_before = max(self._not_before, time.monotonic() + seconds)
        if self.held() > self.longest:
            for turn in self._waiting:
                if not turn.done():
                    turn.set_result(None)
            self._waiting.clear()

    def held(self) -> float:
        """Return the seconds until a request may begin again."""
        return max(0.0, self._not_before - time.monotonic())

    def paced(self, tokens: int) -> float:
        """Return the seconds for which rpm and tpm alone hold back a request of so many tokens."""
        now, wait = time.monotonic(), 0.0
        while self._spent and self._spent[0].began <= now - MINUTE:
            self._spent.popleft()
        if self._spent:
            oldest = self._spent[0].began + MINUTE - now
            if self.rpm is not None and len(self._spent) >= self.rpm:
                wait = max(wait, oldest)
            used = sum(slot.tokens for slot in self._spent) if self.tpm is not None else 0
            if self.tpm is not None and used + tokens > self.tpm:
                wait = max(wait, oldest)
        return wait

    def narrow(self, alone: bool) -> None:
        """Have one request in flight at a time, or again as many as the limit says."""
        if alone != self.alone:
            self.alone = alone
            self._wake()

    @property
    def _most(self) -> int:
        return 1 if self.alone else self.limit

    def _free(self, slot: Slot, tokens: int | None) -> None:
        if tokens is not None:
            slot.tokens = tokens
        self.in_flight -= 1
        self._flying[slot.lane] -= 1
        self._wake(slot.lane)

    def _delay(self, tokens: int) -> float | None:
        """Return 0 to go now, seconds to wait for, or None to wait until a slot is free."""
        if self._closed:
            return 0
        if self.in_flight >= self._most:
            return None
        return max(self.held(), self.paced(tokens))

    def _set(self, limit: int, why: str) -> None:
        if limit == self.limit:
            return
        self.limit, self._since, self._full = limit, time.monotonic(), False
        self._seconds.clear()
        if len(self.history) < HISTORY:
            self.history.append((round(self._since - self._began, 3), limit, why))
        self._wake()

    def _wake(self, ended: int = 0) -> None:
        """Let those go for whom there is a slot. ended: the lane that has left one."""
        flying = Counter(self._flying) if self.spread else self._flying
        for _ in range(max(0, self._most - self.in_flight)):
            while self._waiting:
                turn = self._next(flying, ended)
                lane = self._waiting.pop(turn)
                if not turn.done():
                    turn.set_result(None)
                    flying[lane] += self.spread
                    break

    def _next(self, flying: Counter[int], ended: int) -> asyncio.Future[None]:
        """Return who goes next: of the lanes with fewest in flight, the one that has just ended."""
        waiting = self._waiting
        if not self.spread:
            return next(iter(waiting))
        return min(waiting, key=lambda turn: (flying[waiting[turn]], waiting[turn] != ended))

    def _wake_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds + 0.001
        if self._alarm is not None:
            if loop.time() < self._alarm.when() <= when and not self._alarm.cancelled():
                return  # an earlier alarm is set; whoever wakes too early waits again
            self._alarm.cancel()
        self._alarm = loop.call_at(when, self._wake)
