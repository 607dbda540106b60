"""Engines: ways to get cells answered. Each writes the same journal lines.

An engine is loaded by name when there is something to ask, so that a run with nothing to
do does not pay for importing the HTTP stack.
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

if TYPE_CHECKING:  # detect.py pulls in the HTTP stack, which is what this module spares
    from panel.endpoint.detect import Diagnosis


@dataclass(slots=True)
class RunStats:
    """A run's counts while it goes: cells by outcome, requests, tokens. ``stopped``: why early.

    stopped is None when every cell was asked, else "interrupted", "endpoint", "budget" or
    "journal". concurrency: (seconds, limit, why) of every change of the limit.
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

    progress: called after each settled cell. checkpoint: called now and then, from a
    thread, to bring the store up to date. notice: one sentence for the person waiting.
    memory: the file that remembers which requests an endpoint takes. record: a new file for
    every answer. replay: a file of such answers, asked in the endpoint's place.
    """

    cells: Sequence[Cell]
    endpoint: Endpoint
    prompts: Prompts
    writer: JournalWriter
    progress: Callable[[RunStats], None]
    checkpoint: Callable[[], None]
    notice: Callable[[str], None]
    memory: Path
    bounds: RunBudget = NO_BUDGET
    record: Path | None = None
    replay: Path | None = None


class Engine(Protocol):
    """A module with these functions is an engine."""

    def ask_all(self, job: Job) -> RunStats:
        """Ask every cell of the job, journal every attempt, return the counts."""

    def diagnose(self, endpoint: Endpoint, memory: Path) -> Diagnosis:
        """Look at an endpoint: server, models, what it takes; remember the last in a file."""


def load_engine(name: str) -> Engine:
    """Import ``panel.engines.<name>``."""
    module: Any = importlib.import_module(f"panel.engines.{name}")
    return module  # type: ignore[no-any-return]
