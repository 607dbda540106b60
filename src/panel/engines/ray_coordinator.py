"""What the workers of a run on Ray share: how it stands, its budget, who goes first, when it ends.

The coordinator is an actor beside the process that began the run. Nothing here imports Ray.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from panel.endpoint.budget import Budget
from panel.engines.base import RunBudget, RunStats

SILENT_SECONDS = 15.0  # after which a worker is taken for dead
SURE = 3  # cells in a row that may fail before the others begin all the same


@dataclass(frozen=True, slots=True)
class Word:
    """What a worker is told: whether it may ask, and how often the run was interrupted."""

    go: bool
    interrupts: int


@dataclass(slots=True)
class State:
    """How a run stands. sizes: bytes of each worker's journal; notices: not told yet.

    stopped, why: as of RunStats; raised: the kind of the error that it is to end with.
    """

    stats: dict[str, RunStats] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    stopped: str | None = None
    why: str | None = None
    raised: str | None = None

    def total(self) -> RunStats:
        """Return the counts of all workers together."""
        total = RunStats()
        for stats in self.stats.values():
            for each in fields(RunStats):
                mine, other = getattr(total, each.name), getattr(stats, each.name)
                if isinstance(mine, int | float):
                    setattr(total, each.name, mine + other)
                elif isinstance(mine, set):
                    mine |= other
                elif isinstance(mine, dict):
                    for label, many in other.items():
                        mine[label] = mine.get(label, 0) + many
                elif not mine:  # the server and the output mode: any worker knows them
                    setattr(total, each.name, other)
        total.stopped, total.why = self.stopped, self.why
        return total


class Coordinator:
    """Knows how the run stands, keeps its budget, and lets one worker go before the others."""

    def __init__(self, bounds: RunBudget, clock: Callable[[], float]) -> None:
        self._state = State()
        self._budget = Budget(bounds.max_calls, bounds.max_tokens, bounds.max_cost)
        self._clock = clock
        self._first = ""  # who goes first
        self._heard: dict[str, float] = {}  # when a worker last spoke
        self._flying: dict[str, int] = defaultdict(int)  # requests that it has under way
        self._answered = False
        self._interrupts = 0
        self._begun: dict[str, list[str]] = defaultdict(list)

    def tick(self, worker: str, stats: RunStats | None = None, size: int = 0) -> Word:
        """Take in how a worker stands, and tell it what to do."""
        self._heard[worker] = self._clock()
        if not self._alive(self._first):
            self._first = worker
        if stats is not None:
            self._state.stats[worker], self._state.sizes[worker] = stats, size
            self._answered |= stats.asked > stats.errors or stats.errors >= SURE
            if stats.stopped not in (None, "interrupted"):
                self.stop(str(stats.stopped), stats.why)
        go = self._answered or worker == self._first
        return Word(go and not self._interrupts, self._interrupts)

    def begin(self, batch: str, worker: str) -> list[str]:
        """Note who asks a batch; return who began it before, and died over it.

        batch: its first fingerprint, which is in no other.
        """
        before = [name for name in self._begun[batch] if name != worker]
        if before:
            self.say("A worker has died. Another goes on with its cells; its answers are kept.")
        self._begun[batch].append(worker)
        return before

    def stop(self, stopped: str, why: str | None, raised: str | None = None) -> None:
        """End the run with what is in flight; the first reason is the one that is told."""
        if self._state.stopped is None:
            self._state.stopped, self._state.why, self._state.raised = stopped, why, raised
        self._interrupts = max(1, self._interrupts)

    def interrupt(self) -> None:
        """End the run with what is in flight; drop that the second time."""
        again = self._state.stopped == "interrupted"
        self.stop("interrupted", None)
        self._interrupts += again

    def reserve(self, worker: str, tokens: int, cost: float | None) -> tuple[str | None, int]:
        """Set a request's tokens and cost aside; return the bound that does not allow it.

        With it the requests that are under way, which may take less than was set aside. What a
        worker that died had set aside may be spent.
        """
        if self._budget.reserve(tokens, cost):
            self._flying[worker] += 1
            return None, 0
        flying = sum(many for name, many in self._flying.items() if self._alive(name))
        return self._budget.exceeded, flying

    def correct(
        self,
        worker: str,
        reserved: tuple[int, float | None],
        tokens: int | None,
        cost: float | None,
    ) -> None:
        """Put what a request really took in the place of what was set aside."""
        self._flying[worker] -= 1
        self._budget.correct(reserved, tokens, cost)

    def _alive(self, worker: str) -> bool:
        return self._clock() <= self._heard.get(worker, -math.inf) + SILENT_SECONDS

    def say(self, notice: str) -> None:
        """Pass a sentence on to the person who waits; each once."""
        self._state.notices.append(notice)

    def state(self) -> State:
        """Return how the run stands."""
        told, self._state.notices = self._state.notices, []
        return replace(self._state, notices=told)


class Remote:
    """The coordinator as a worker reaches it: ``handle`` is an actor, ``get`` is ``ray.get``."""

    def __init__(self, handle: Any, get: Callable[[Any], Any]) -> None:
        self._handle, self._get = handle, get

    async def ask(self, what: str, *words: Any) -> Any:
        """Call a method and wait for what it returns."""
        return await getattr(self._handle, what).remote(*words)

    def ask_now(self, what: str, *words: Any) -> Any:
        """Do the same, holding up all else of the worker for a millisecond."""
        return self._get(getattr(self._handle, what).remote(*words))

    def tell(self, what: str, *words: Any) -> None:
        """Call a method and do not wait."""
        getattr(self._handle, what).remote(*words)


class SharedBudget(Budget):
    """The budget that all workers share; the coordinator keeps it."""

    def __init__(self, remote: Remote, worker: str) -> None:
        super().__init__()
        self._remote, self._worker = remote, worker

    def reserve(self, tokens: int, cost: float | None) -> bool:
        """Set tokens and cost aside; False where a bound does not allow it."""
        said = self._remote.ask_now("reserve", self._worker, tokens, cost)
        self.exceeded, self.flying = said
        return self.exceeded is None

    def correct(
        self, reserved: tuple[int, float | None], tokens: int | None, cost: float | None
    ) -> None:
        """Put what a request really took in the place of what was set aside."""
        self._remote.tell("correct", self._worker, reserved, tokens, cost)
