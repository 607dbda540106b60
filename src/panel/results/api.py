"""The Python API: a workspace as an object. ``panel`` has its names; see docs/python.md."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, TypeVar, Unpack

from panel.cells.answers import Answer
from panel.cells.plan import Estimate, Reason
from panel.cells.shards import Shard
from panel.engines.base import NO_BUDGET, RunBudget, RunStats
from panel.results.scorecards import scorecards
from panel.runs.run import ProgressReporter, RunSummary, execute
from panel.runs.selection import Prepared, Selection, opened_for, prepare
from panel.scorecard import Scorecard, health
from panel.stats import Outcome, PanelHealth, ShipOrSkip
from panel.store.ingest import opened
from panel.store.queries import answers_by_pair, models_with_outcomes
from panel.workspace.loading import find_root, load_workspace

Made = TypeVar("Made")


class Choice(TypedDict, total=False):
    """What to cover; a key that is left out means everything, or what panel.toml says.

    tools: slugs or names; personas: ids; categories; endpoint: of panel.toml, or a preset;
    model: the model's name there; repeats: how often each cell is asked; again: ask new repeats
    of what is answered; changed: only what ``verdicts/`` does not hold; since: and of that only
    what a git revision would have asked otherwise; shard: of all that only part i of n, as "i/n".
    """

    tools: Sequence[str]
    personas: Sequence[str]
    categories: Sequence[str]
    endpoint: str
    model: str
    repeats: int
    again: bool
    changed: bool
    since: str
    shard: str


@dataclass(frozen=True, slots=True)
class PendingCell:
    """A cell that a run would ask, and why. fingerprint: the hash of all the model would see."""

    tool: str
    persona: str
    repeat: int
    reason: Reason
    fingerprint: str


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run would do. model: the model identity; reused: cells with an answer already.

    estimate: requests, tokens and US dollars, expected and at worst.
    """

    model: str
    cells: int
    reused: int
    pending: tuple[PendingCell, ...]
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class CellVerdict:
    """The latest outcome of one cell, as the view ``verdicts`` has it.

    outcome: verdict, abstain or error; verdict, confidence (0 to 100, the model's own), take,
    beats (id → text) and evidence are None or empty unless it is a verdict. asked_at: when the
    answer came, UTC, ISO 8601.
    """

    tool: str
    persona: str
    model_identity: str
    repeat: int
    outcome: Outcome
    verdict: ShipOrSkip | None
    confidence: int | None
    take: str | None
    beats: dict[str, str]
    evidence: tuple[str, ...]
    reason: str | None
    output_mode: str
    asked_at: str
    fingerprint: str
    attempt_id: str


class Workspace:
    """A workspace folder: the files that people write, and what its store holds.

    Make one with ``Workspace.load``; load again after files have changed.
    """

    def __init__(self, root: Path) -> None:
        self._files = load_workspace(root)

    @classmethod
    def load(cls, path: Path | str = ".") -> Workspace:
        """Read the workspace of a folder, or of the nearest folder above it.

        Raises WorkspaceError with everything that is wrong in its files.
        """
        return cls(find_root(Path(path).resolve()))

    @property
    def root(self) -> Path:
        """The folder of the workspace."""
        return self._files.root

    @property
    def tools(self) -> tuple[str, ...]:
        """The slugs of all tools, sorted."""
        return tuple(tool.slug for tool in self._files.tools)

    @property
    def personas(self) -> tuple[str, ...]:
        """The ids of the panel, in order."""
        return tuple(persona.id for persona in self._files.personas)

    def plan(self, **choice: Unpack[Choice]) -> RunPlan:
        """Return what a run would ask, and why; asks no model anything.

        Where no endpoint is configured, a server is looked for on this machine, as by 'panel run'.
        Raises UsageError for an unknown name, StoreError.
        """
        return _plan(_apart(lambda: prepare(self._files, _selection(choice))))

    def run(self, budget: RunBudget = NO_BUDGET, **choice: Unpack[Choice]) -> RunSummary:
        """Ask what is pending, keep every answer, and return the counts.

        Works in a notebook, too. What was answered is kept, whatever happens. Raises
        UsageError, EndpointError, JournalError, StoreError; StoreBusyError while another run
        asks the same model. ``stopped`` of the summary says whether a budget or Ctrl-C ended it.
        """
        prepared = _apart(lambda: prepare(self._files, _selection(choice)))
        silent = ProgressReporter(_nobody, _nobody)
        return _apart(lambda: execute(self._files, prepared, silent, budget)[0])

    def verdicts(self, model: str | None = None) -> list[CellVerdict]:
        """Return the latest outcome of every cell, sorted by model, tool, persona and repeat.

        model: a model identity as ``CellVerdict`` has it; None for every model.
        """
        with opened(self._files.runs) as connection:
            models = [model] if model else sorted(models_with_outcomes(connection))
            return [
                _verdict(pair, answer)
                for each in models
                for pair, answers in answers_by_pair(connection, each).items()
                for answer in answers
            ]

    def scorecards(self, **choice: Unpack[Choice]) -> list[Scorecard]:
        """Return a scorecard for every chosen tool, of one model, sorted by slug.

        Raises UsageError when the store holds nothing of that model.
        """
        with opened_for(self._files, _selection(choice)) as (target, connection):
            return scorecards(target, connection)

    def panel_health(self, **choice: Unpack[Choice]) -> PanelHealth:
        """Return as how many independent votes the personas count on the chosen tools, and why.

        The figures of ``panel show --panel``; tools that were never asked are left out. Raises
        UsageError when the store holds nothing of the model.
        """
        return health(self.scorecards(**choice))


def _selection(choice: Choice) -> Selection:
    return Selection(
        list(choice.get("tools", ())),
        list(choice.get("personas", ())),
        list(choice.get("categories", ())),
        choice.get("endpoint"),
        choice.get("model"),
        choice.get("repeats"),
        choice.get("again", False),
        frozenset(),
        choice.get("changed", False),
        choice.get("since"),
        shard=Shard.parse(choice["shard"]) if "shard" in choice else None,
    )


def _plan(prepared: Prepared) -> RunPlan:
    plan = prepared.plan
    pending = tuple(
        PendingCell(cell.tool.slug, cell.persona.id, cell.repeat, reason, cell.fingerprint)
        for cell, reason in plan.pending
    )
    model = str(prepared.target.model)
    return RunPlan(model, plan.cells, plan.reused, pending, prepared.estimate)


def _verdict(pair: tuple[str, str], answer: Answer) -> CellVerdict:
    return CellVerdict(
        *pair,
        answer.model_identity,
        answer.repeat,
        answer.outcome,
        answer.verdict,
        answer.confidence,
        answer.take or None,
        answer.beats,
        answer.evidence,
        answer.reason,
        answer.output_mode,
        answer.asked_at,
        answer.fingerprint,
        answer.attempt_id,
    )


def _apart(work: Callable[[], Made]) -> Made:
    """Do the work in a thread where this one runs an event loop already, as a notebook's does."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(work).result()


def _nobody(_said: RunStats | str) -> None:
    """Tell nobody."""
