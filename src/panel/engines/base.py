"""Engines: ways to get cells answered. All of them write the same journal lines.

An engine is loaded by name, and only when there is something to ask: a run with nothing to
do need not import the HTTP stack.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from panel.cells.cells import Cell
from panel.cells.journal import JournalWriter
from panel.workspace.endpoints import Endpoint
from panel.workspace.prompts import Prompts

if TYPE_CHECKING:  # detect.py imports the HTTP stack, which this module must not
    from panel.endpoint.detect import Diagnosis


@dataclass(slots=True)
class RunStats:
    """A run's counts so far: cells by outcome, requests, tokens.

    stopped: None when every cell was asked, else "interrupted", "endpoint", "budget" or
    "journal". why: one sentence about that. degraded: replies found only in a reasoning field.
    adapted: how requests differed from the settings. models: names that the server returned.
    concurrency: (seconds, limit, why) of every change of the limit. reasons: label → cells.
    """

    asked: int = 0
    ships: int = 0
    skips: int = 0
    abstains: int = 0
    errors: int = 0
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    degraded: int = 0
    output_mode: str = ""
    adapted: tuple[str, ...] = ()
    models: set[str] = field(default_factory=set)
    server: str = ""
    server_version: str | None = None
    concurrency: list[tuple[float, int, str]] = field(default_factory=list)
    stopped: str | None = None
    why: str | None = None
    reasons: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunBudget:
    """What a run may spend: requests, tokens, US dollars. None is no bound."""

    max_calls: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None


NO_BUDGET = RunBudget()


@dataclass(frozen=True, slots=True)
class Job:
    """What an engine is given: cells in asking order, endpoint, prompts, the run's journal.

    progress: called after each settled cell. checkpoint: called every few seconds, from a
    thread, to bring the store up to date. notice: called with one sentence for the person
    waiting. memory: the file that remembers which requests an endpoint accepts. record: a new
    file for every answer. replay: a file of such answers, which is asked instead.
    """

    cells: Sequence[Cell]
    endpoint: Endpoint
    prompts: Prompts
    writer: JournalWriter
    progress: Callable[[RunStats], None]
    checkpoint: Callable[[], None]
    notice: Callable[[str], None]
    memory: Path
    budget: RunBudget = NO_BUDGET
    record: Path | None = None
    replay: Path | None = None


class Engine(Protocol):
    """A module with these functions is an engine."""

    def ask_all(self, job: Job) -> RunStats:
        """Ask every cell of the job, journal every attempt, and return the counts."""

    def diagnose(self, endpoint: Endpoint, memory: Path) -> Diagnosis:
        """Find out an endpoint's server, models and abilities; keep the last in ``memory``."""


def load_engine(name: str) -> Engine:
    """Import ``panel.engines.<name>``."""
    module: Any = importlib.import_module(f"panel.engines.{name}")
    engine: Engine = module
    return engine
