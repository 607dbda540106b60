"""How many requests may be in flight, how fast, and for how much: on a clock of its own."""

from __future__ import annotations

import asyncio
import random
import selectors
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.endpoint import limits
from panel.endpoint.budget import Budget
from panel.endpoint.limits import ConcurrencyLimiter, LongWait, Slot


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while nothing happens, and then at once.

    Where nothing will ever happen again, a wake-up was lost: it raises.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        clock = self

        class Leap(selectors.SelectSelector):
            def select(self, timeout: float | None = None) -> Any:
                assert timeout is not None, "everybody waits, and nobody will wake them"
                clock.now += timeout
                return super().select(0)

        super().__init__(Leap())

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    with ticking() as loop:
        yield loop


class ticking:  # noqa: N801 - read as a word
    """A clock that limits.py goes by, for one block."""

    def __enter__(self) -> Clock:
        self.loop = Clock()
        limits.time = SimpleNamespace(monotonic=self.loop.time, time=time.time)  # type: ignore
        return self.loop

    def __exit__(self, *_: object) -> None:
        limits.time = time  # type: ignore
        self.loop.close()


def limiter_of(clock: Clock, ceiling: int, **more: Any) -> ConcurrencyLimiter:
    return ConcurrencyLimiter(ceiling, _began=clock.now, **more)


class Server:
    """A simulated server of so many lanes, a second's work to a request.

    over: most requests in flight before it says 429, and to come back after ``after`` seconds.
    """

    def __init__(self, lanes: int, over: int | None = None, after: float | None = None) -> None:
        self._lanes, self._over, self._after = asyncio.Semaphore(lanes), over, after
        self.here = self.most = self.refused = 0

    async def serve(self) -> bool:
        self.here += 1
        self.most = max(self.most, self.here)
        try:
            if self._over is not None and self.here > self._over:
                self.refused += 1
                await asyncio.sleep(0.01)
                return False
            async with self._lanes:
                await asyncio.sleep(1)
            return True
        finally:
            self.here -= 1

    async def take(self, limiter: ConcurrencyLimiter, requests: int, workers: int) -> float:
        """Have many workers send so many requests; returns the seconds it took."""
        left, began = [1] * requests, limits.time.monotonic()

        async def work() -> None:
            while left:
                left.pop()
                slot = await limiter.acquire(1)
                assert 0 < limiter.in_flight <= limiter.limit <= limiter.ceiling
                if await self.serve():
                    limiter.answered(slot, None)
                else:
                    limiter.overloaded(slot, "http_429")
                    limiter.hold(self._after or 0)
                    left.append(1)

        await asyncio.gather(*(work() for _ in range(workers)))
        assert limiter.in_flight == 0
        return limits.time.monotonic() - began


# --- how many ---


def test_one_at_a_time_stays_one_or_two_at_a_time(clock: Clock) -> None:
    limiter, server = limiter_of(clock, 16), Server(1)
    seconds = clock.run_until_complete(server.take(limiter, 300, 32))
    assert seconds == pytest.approx(300, rel=0.01)
    assert {limit for _when, limit, _why in limiter.history} == {1, 2}
    assert server.most <= 2


@pytest.mark.parametrize("lanes", [2, 3, 4, 5, 7, 8, 12, 16, 24, 32, 100])
@pytest.mark.parametrize("start", [1, 4])
def test_lanes_are_found_and_used(clock: Clock, lanes: int, start: int) -> None:
    """A limit of no more than a few times what pays, and nearly the time of the best one."""
    limiter, server = limiter_of(clock, 32, start=start), Server(lanes)
    seconds = clock.run_until_complete(server.take(limiter, 2000, 64))
    best = 2000 / min(lanes, 32)
    assert seconds < 1.2 * best + 16
    assert min(lanes, 32) // 2 <= limiter.limit <= 32
    assert server.most <= 32
    assert limiter.history[0] == (0.0, start, "start")


def test_a_limit_that_was_halved_once_finds_its_way_up_again(clock: Clock) -> None:
    """A step that is too small to be seen to pay would leave it there for good."""
    limiter, server = limiter_of(clock, 64), Server(100)

    async def go() -> None:
        await server.take(limiter, 200, 128)
        assert limiter.limit == 64
        for _ in range(2):
            await asyncio.sleep(1)
            limiter.overloaded(await limiter.acquire(1), "http_503")
        assert limiter.limit == 16
        await server.take(limiter, 3000, 128)

    clock.run_until_complete(go())
    assert limiter.limit == 64


def test_a_server_that_turns_away_is_asked_less_and_mostly_used(clock: Clock) -> None:
    limiter, server = limiter_of(clock, 64), Server(1000, over=40, after=0.5)
    seconds = clock.run_until_complete(server.take(limiter, 4000, 128))
    assert seconds < 2 * 4000 / 40
    assert server.refused < 4000 * 0.05
    assert any(why == "http_429" for _when, _limit, why in limiter.history)


def test_requests_in_flight_together_halve_the_limit_once(clock: Clock) -> None:
    limiter = limiter_of(clock, 32, start=16)

    async def go() -> None:
        slots = [await limiter.acquire(1) for _ in range(16)]
        clock.now += 1
        for slot in slots:
            limiter.overloaded(slot, "http_429")
        assert limiter.limit == 8
        clock.now += 1
        limiter.overloaded(await limiter.acquire(1), "http_503")  # a new one: once more
        assert limiter.limit == 4
        for _ in range(5):
            clock.now += 1
            limiter.overloaded(await limiter.acquire(1), "timeout")
        assert limiter.limit == 1

    clock.run_until_complete(go())
    limits_seen = [(limit, why) for _when, limit, why in limiter.history]
    assert limits_seen == [
        (16, "start"),
        (8, "http_429"),
        (4, "http_503"),
        (2, "timeout"),
        (1, "timeout"),
    ]
    assert [when for when, _limit, _why in limiter.history] == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_limit_that_holds_nobody_back_does_not_grow(clock: Clock) -> None:
    limiter = limiter_of(clock, 32, start=4)
    clock.run_until_complete(Server(8).take(limiter, 200, 4))
    assert limiter.limit == 4


def test_the_history_has_an_end(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HISTORY", 3)
    limiter = limiter_of(clock, 32)
    clock.run_until_complete(Server(100).take(limiter, 500, 64))
    assert limiter.limit == 32 and len(limiter.history) == 3


@pytest.mark.parametrize(("ceiling", "start", "first"), [(2, 4, 2), (8, 0, 1), (1, 1, 1)])
def test_the_start_is_within_bounds(clock: Clock, ceiling: int, start: int, first: int) -> None:
    assert limiter_of(clock, ceiling, start=start).limit == first


# --- how fast ---


@pytest.mark.parametrize("waited", [30.0, 0.0])
def test_a_hold_holds_back_all_and_no_slot(clock: Clock, waited: float) -> None:
    limiter = limiter_of(clock, 8, start=4)

    async def go() -> list[float]:
        began = clock.now
        limiter.overloaded(await limiter.acquire(1), "http_429")
        limiter.hold(waited)
        waiting = [asyncio.create_task(limiter.acquire(1)) for _ in range(2)]
        await asyncio.sleep(0)
        assert limiter.in_flight == (0 if waited else 2)
        slots = await asyncio.gather(*waiting)
        return [slot.began - began for slot in slots]

    assert clock.run_until_complete(go()) == pytest.approx([waited, waited], abs=0.01)


def test_a_shorter_wait_does_not_cut_a_longer_one(clock: Clock) -> None:
    limiter = limiter_of(clock, 8, start=4)

    async def go() -> float:
        limiter.hold(20.0)
        limiter.hold(1.0)
        began = clock.now
        return (await limiter.acquire(1)).began - began

    assert clock.run_until_complete(go()) == pytest.approx(20, abs=0.01)


def begun_in_any(begun: list[tuple[float, int]], window: float) -> tuple[int, int]:
    """Return the most requests, and the most tokens, of any window."""
    spans = [[tokens for when, tokens in begun if s <= when < s + window] for s, _ in begun]
    return max(map(len, spans)), max(map(sum, spans))


@pytest.mark.parametrize("rpm", [1, 7, 60])
@pytest.mark.parametrize("minute", [0.5, 60.0])
def test_requests_a_minute_are_kept_in_every_window(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, rpm: int, minute: float
) -> None:
    monkeypatch.setattr(limits, "MINUTE", minute)
    limiter, begun = limiter_of(clock, 16, start=16, rpm=rpm), []

    async def work() -> None:
        for _ in range(10):
            slot = await limiter.acquire(1)
            begun.append((slot.began, 1))
            await asyncio.sleep(0.01)
            limiter.answered(slot, None)

    async def go() -> None:
        await asyncio.gather(*(work() for _ in range(20)))

    began = clock.now
    clock.run_until_complete(go())
    assert begun_in_any(begun, minute)[0] <= rpm
    assert clock.now - began < (200 / rpm + 1) * minute * 1.2 + 3  # and no slower than that


def test_tokens_a_minute_are_kept_and_corrected_by_what_was_used(clock: Clock) -> None:
    limiter, begun = limiter_of(clock, 16, start=16, tpm=1000), []

    async def work(rnd: random.Random) -> None:
        for _ in range(10):
            expected = rnd.choice([10, 200, 400])
            slot = await limiter.acquire(expected)
            begun.append((slot.began, expected))
            await asyncio.sleep(0.5)
            limiter.answered(slot, expected)

    async def go() -> None:
        await asyncio.gather(*(work(random.Random(n)) for n in range(8)))

    clock.run_until_complete(go())
    assert len(begun) == 80 and begun_in_any(begun, 60.0)[1] <= 1000

    async def corrected() -> float:
        await asyncio.sleep(120)
        limiter.answered(await limiter.acquire(900), 50)  # 900 set aside, 50 used
        began = clock.now
        limiter.answered(await limiter.acquire(900), 900)
        return clock.now - began

    assert clock.run_until_complete(corrected()) == 0


def test_a_request_larger_than_the_tokens_of_a_minute_goes_alone(clock: Clock) -> None:
    limiter = limiter_of(clock, 4, start=4, tpm=100)

    async def go() -> float:
        limiter.answered(await limiter.acquire(500), None)
        began = clock.now
        limiter.answered(await limiter.acquire(500), None)
        return clock.now - began

    assert clock.run_until_complete(go()) == pytest.approx(60, abs=0.01)


def test_a_later_alarm_does_not_put_off_an_earlier_one(clock: Clock) -> None:
    """One small request waits 1 s as the server asked; a large one for the next minute."""
    limiter = limiter_of(clock, 4, start=4, tpm=100)

    async def go() -> tuple[float, float]:
        limiter.overloaded(await limiter.acquire(90), "http_429")
        limiter.hold(1.0)
        began = clock.now
        small = asyncio.create_task(limiter.acquire(5))
        await asyncio.sleep(0)
        large = asyncio.create_task(limiter.acquire(50))
        return (await small).began - began, (await large).began - began

    assert clock.run_until_complete(go()) == pytest.approx((1, 60), abs=0.01)


def test_alone_is_one_at_a_time_and_then_as_many_as_before(clock: Clock) -> None:
    limiter = limiter_of(clock, 8, start=4, alone=True)

    async def go() -> list[int]:
        first = await limiter.acquire(1)
        others = [asyncio.create_task(limiter.acquire(1)) for _ in range(6)]
        await asyncio.sleep(1)
        seen = [limiter.in_flight]
        limiter.answered(first, None)
        await asyncio.sleep(1)
        seen.append(limiter.in_flight)
        limiter.narrow(alone=False)
        await asyncio.sleep(1)
        for other in others:
            other.cancel()
        return [*seen, limiter.in_flight]

    assert clock.run_until_complete(go()) == [1, 1, 4]


def test_a_hold_that_is_too_long_sends_away_whoever_waits_now_or_later(clock: Clock) -> None:
    limiter = limiter_of(clock, 2, longest=600.0)

    async def go() -> None:
        held = await limiter.acquire(1)
        waiting = [asyncio.create_task(limiter.acquire(1)) for _ in range(3)]
        await asyncio.sleep(0)
        limiter.hold(36_000)
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(end) for end in ended] == [LongWait] * 3
        limiter.answered(held, None)
        with pytest.raises(LongWait) as raised:
            await limiter.acquire(1)
        assert raised.value.seconds == pytest.approx(36_000)

    clock.run_until_complete(go())


def test_a_limiter_that_does_not_hold_lets_all_go_at_once(clock: Clock) -> None:
    limiter = limiter_of(clock, 2, holds=False)

    async def go() -> float:
        began = clock.now
        limiter.hold(30)
        return (await limiter.acquire(1)).began - began

    assert clock.run_until_complete(go()) == 0


# --- leaving ---


@given(st.integers(0, 2**32), st.sampled_from([None, 20]), st.integers(1, 6))
@settings(max_examples=100, deadline=None)
def test_who_leaves_takes_no_slot_along(seed: int, rpm: int | None, start: int) -> None:
    """Workers are cancelled while they wait, hold a slot, or have just been called."""
    rnd = random.Random(seed)
    with ticking() as clock:
        limiter = limiter_of(clock, 8, start=start, rpm=rpm)

        async def work() -> None:
            await asyncio.sleep(rnd.choice([0, 0, 0.5, 1, 2]))
            slot = await limiter.acquire(1)
            assert limiter.in_flight <= max(limiter.limit, start)
            try:
                await asyncio.sleep(rnd.choice([0, 0.5, 1]))
            except asyncio.CancelledError:
                limiter.abandoned(slot)
                raise
            if rnd.random() < 0.2:
                limiter.overloaded(slot, "http_429")
                limiter.hold(rnd.choice([0, 1.5]))
            else:
                limiter.answered(slot, None)

        async def go() -> list[Any]:
            tasks = [asyncio.create_task(work()) for _ in range(40)]
            for _ in range(20):
                await asyncio.sleep(rnd.choice([0, 0, 0.5, 1]))
                rnd.choice(tasks).cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

        ended = clock.run_until_complete(go())
        assert limiter.in_flight == 0
        assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ended)
        assert sum(end is None for end in ended) >= 20


@pytest.mark.parametrize("wait", [None, 30.0])
def test_a_closed_limiter_sends_everybody_away(clock: Clock, wait: float | None) -> None:
    limiter = limiter_of(clock, 2, start=2)

    async def go() -> None:
        held = await limiter.acquire(1)
        if wait is not None:
            limiter.overloaded(await limiter.acquire(1), "http_429")
            limiter.hold(wait)
        waiting = [asyncio.create_task(limiter.acquire(1)) for _ in range(5)]
        await asyncio.sleep(0)
        limiter.close()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        left = [end for end in ended if isinstance(end, asyncio.CancelledError)]
        assert len(left) == (5 if wait is not None else 4)  # one had got the free slot
        with pytest.raises(asyncio.CancelledError):
            await limiter.acquire(1)
        for slot in [held, *(end for end in ended if isinstance(end, Slot))]:
            limiter.answered(slot, 1)
        assert limiter.in_flight == 0

    clock.run_until_complete(go())


def test_a_real_loop_does_the_same() -> None:
    async def go() -> int:
        limiter = ConcurrencyLimiter(8)
        await asyncio.wait_for(both(limiter), 20)
        return limiter.limit

    async def both(limiter: ConcurrencyLimiter) -> None:
        async def work() -> None:
            for _ in range(10):
                slot = await limiter.acquire(1)
                await asyncio.sleep(0.005)
                limiter.answered(slot, None)

        await asyncio.gather(*(work() for _ in range(16)))

    assert asyncio.run(go()) >= 2


# --- for how much ---


def test_a_budget_sets_aside_and_corrects() -> None:
    budget = Budget(max_calls=3, max_tokens=100, max_cost=1.0)
    assert budget.reserve(60, 0.5)
    budget.correct((60, 0.5), 20, 0.1)
    assert (budget.calls, budget.tokens, budget.cost) == (1, 20, pytest.approx(0.1))
    assert budget.reserve(80, 0.9) and budget.exceeded is None
    budget.correct((80, 0.9), None, None)  # the server counts nothing: the expectation stands
    assert (budget.tokens, budget.cost) == (100, pytest.approx(1.0))
    assert not budget.reserve(1, None) and budget.exceeded == "--max-tokens 100"
    assert budget.calls == 2
    budget.correct((80, None), 0, 0.0)  # refused, so nothing was read


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"max_calls": 1000}, "--max-calls 1,000"),
        ({"max_tokens": 2000}, "--max-tokens 2,000"),
        ({"max_cost": 0.5}, "--max-cost 0.5"),
    ],
)
def test_a_budget_says_which_bound_ended_it(bounds: dict[str, Any], said: str) -> None:
    budget = Budget(**bounds)
    while budget.reserve(10, 0.01):
        pass
    assert budget.exceeded == said


def test_no_bound_is_no_bound() -> None:
    budget = Budget()
    assert all(budget.reserve(10**9, 10**9) for _ in range(100))


Size = st.tuples(
    st.integers(0, 500), st.floats(0, 5), st.one_of(st.none(), st.floats(0, 1)), st.booleans()
)


@given(st.integers(1, 20), st.integers(1, 3000), st.floats(0.1, 30), st.lists(Size, max_size=60))
def test_no_budget_is_overshot_by_requests_that_keep_their_expectation(
    calls: int, tokens: int, cost: float, sizes: list[tuple[int, float, float | None, bool]]
) -> None:
    """However many are in flight together, and whatever they really take of it."""
    budget, flying = Budget(calls, tokens, cost), []
    used_calls, used_tokens, used_cost = 0, 0, 0.0
    for expected, price, share, land in sizes:
        if budget.reserve(expected, price):
            used_calls += 1
            flying.append((expected, price, share))
        if flying and land:
            reserved, worst, part = flying.pop(0)
            real = None if part is None else round(reserved * part)
            paid = None if part is None else worst * part
            budget.correct((reserved, worst), real, paid)
            used_tokens += reserved if real is None else real
            used_cost += worst if paid is None else paid
        assert budget.calls == used_calls <= calls
        assert used_tokens <= budget.tokens <= tokens
        assert used_cost <= budget.cost + 1e-6 <= cost + 2e-6
