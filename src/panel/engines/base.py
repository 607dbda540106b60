"""Engines: ways to get cells answered. All of them write the same journal lines.

An engine is loaded by name, and only when there is something to ask: a run with nothing to
do need not import the HTTP stack.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from panel.cells.cells import Cell, CellKey
from panel.cells.journal import JournalWriter
from panel.cells.lines import Recorder
from panel.endpoint.usage import RunUsage
from panel.stats import Outcome, ShipOrSkip
from panel.workspace.endpoints import Endpoint

if TYPE_CHECKING:  # detect.py imports the HTTP stack, which this module must not
    from panel.endpoint.detect import Diagnosis


@dataclass(slots=True)
class RunStats(RunUsage):
    """A run's counts so far: cells by outcome, requests, tokens, and US dollars where known.

    asked: cells that ended; canaries: those among them that are no outcome of their cell, and
    in none of the counts of outcomes. added: cells asked for while the run went on.
    stopped: None when every cell was asked, else "interrupted", "endpoint", "budget" or
    "journal". why: one sentence about that. miscounted: replies whose count of prompt tokens
    cannot be of the whole prompt. adapted: how requests differed from the settings.
    concurrency: (seconds, limit, why) of every change of the limit. reasons: label → cells.
    unknown_model: it was stopped since no server has the model that was named; nothing was asked.
    """

    asked: int = 0
    canaries: int = 0
    added: int = 0
    ships: int = 0
    skips: int = 0
    abstains: int = 0
    errors: int = 0
    miscounted: int = 0
    output_mode: str = ""
    adapted: tuple[str, ...] = ()
    server: str = ""
    server_version: str | None = None
    concurrency: list[tuple[float, int, str]] = field(default_factory=list)
    stopped: str | None = None
    why: str | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    unknown_model: bool = False

    def count(self, outcome: Outcome, verdict: ShipOrSkip | None, reason: str | None) -> None:
        """Count how a cell ended."""
        self.abstains += outcome == "abstain"
        self.errors += outcome == "error"
        self.ships += verdict == "ship"
        self.skips += verdict == "skip"
        if reason is not None:
            label = f"{outcome}: {reason}"
            self.reasons[label] = self.reasons.get(label, 0) + 1


@dataclass(frozen=True, slots=True)
class RunBudget:
    """What a run may spend: requests, tokens, US dollars. None is no bound."""

    max_calls: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None


NO_BUDGET = RunBudget()


@dataclass(frozen=True, slots=True)
class Workers:
    """Who asks. engine: "local" for this process, "ray" for workers of Ray.

    address: of a Ray cluster; None starts Ray on this machine. many: workers; None for one on
    each machine. files: write the requests for others to answer, in an engine's place.
    """

    engine: str = "local"
    address: str | None = None
    many: int | None = None
    files: Asker | None = None

    def asker(self) -> Asker:
        """Return what the cells are given to."""
        return self.files or load_engine(self.engine)


HERE = Workers()


def nothing_more(_cell: Cell, _outcome: Outcome, _verdict: ShipOrSkip | None) -> Collection[Cell]:
    """Ask no cell but those of the plan."""
    return ()


@dataclass(frozen=True, slots=True)
class Job:
    """What an engine is given: cells in asking order, endpoint, the run's journal.

    recorder: numbers the attempts of the run, which may have several jobs. progress: called after
    each settled cell. checkpoint: called every few seconds, from a thread, to bring the store up
    to date. notice: called with one sentence for the person
    waiting. memory: the file that remembers which requests an endpoint accepts. record: a new
    file for every answer. replay: a file of such answers, which is asked instead. canaries:
    the keys of cells that are asked again beside others, only to be compared. more: called with
    each other cell that ended, its outcome and verdict; returns cells to ask besides. workers:
    who asks. drawn: the order was drawn, and no cache is worth another.
    """

    cells: Sequence[Cell]
    endpoint: Endpoint
    writer: JournalWriter
    recorder: Recorder
    progress: Callable[[RunStats], None]
    checkpoint: Callable[[], None]
    notice: Callable[[str], None]
    memory: Path
    budget: RunBudget = NO_BUDGET
    record: Path | None = None
    replay: Path | None = None
    canaries: frozenset[CellKey] = frozenset()
    more: Callable[[Cell, Outcome, ShipOrSkip | None], Collection[Cell]] = nothing_more
    workers: Workers = HERE
    drawn: bool = False


class Asker(Protocol):
    """A way to get cells answered, or written where they will be."""

    def ready(self, endpoint: Endpoint) -> None:
        """Raise UsageError or EndpointError where the endpoint cannot be asked: no key, say.

        Called before anything is written.
        """

    def ask_all(self, job: Job) -> RunStats:
        """Ask every cell of the job, journal every attempt, and return the counts."""

    def ask_in_turns(self, jobs: Sequence[Job], rounds: int) -> list[RunStats]:
        """Ask several jobs by turns: in each round a share of every job's cells, in their order.

        Each endpoint has one client for all of it, and the jobs share the first one's budget.
        What stops one of them stops all. Returns the counts of each.
        """


class Engine(Asker, Protocol):
    """A module with these functions is an engine."""

    def diagnose(self, endpoint: Endpoint, memory: Path) -> Diagnosis:
        """Find out an endpoint's server, models and abilities; keep the last in ``memory``."""


def load_engine(name: str) -> Engine:
    """Import ``panel.engines.<name>``."""
    module: Any = importlib.import_module(f"panel.engines.{name}")
    engine: Engine = module
    return engine
