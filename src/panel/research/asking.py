"""Asks the arms of an experiment: registers it, takes turns with its models, keeps every answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Any

from panel.cells.cells import Cell, ModelIdentity
from panel.cells.journal import JournalWriter, journal_line, new_run_id, utc_now
from panel.cells.lines import Recorder, record_lines, run_line
from panel.engines.base import HERE, NO_BUDGET, Job, RunBudget, RunStats, Workers
from panel.errors import StoreBusyError
from panel.frozen.thaw import opened_thawed
from panel.research.arms import Arm, Plan, Protocol, factors_of, plan_arms
from panel.runs.ending import end_run, stopped_by
from panel.runs.lock import run_lock
from panel.runs.run import MEMORY, ProgressReporter, RunSummary, priced
from panel.store.ingest import ingest, opened
from panel.store.queries import run_totals
from panel.store.registrations import record_digests
from panel.workspace.endpoints import Endpoint
from panel.workspace.loading import WorkspaceFiles

ROUNDS = 40  # in which several endpoints take turns, so that their arms are asked at one time


@dataclass(frozen=True, slots=True)
class Asking:
    """How an experiment is asked: who is told of it, and what it may spend.

    workers: who asks.
    """

    reporter: ProgressReporter
    budget: RunBudget = NO_BUDGET
    workers: Workers = HERE


@dataclass(frozen=True, slots=True)
class AskedModel:
    """The run of one model. endpoint: its name. model: its identity.

    stats: of this run, and why it stopped. In the summary, ``left`` are the cells that are still
    to be asked.
    """

    endpoint: str
    model: str
    summary: RunSummary
    stats: RunStats


@dataclass(frozen=True, slots=True)
class AskedArms:
    """What asking an experiment came to. cells: of all arms; reused: those that need no question.

    waiting: those whose question waits in a batch. models: one for each that was asked.
    """

    cells: int
    reused: int
    models: tuple[AskedModel, ...]
    waiting: int = 0

    @property
    def asked(self) -> int:
        """The cells that were asked, each once."""
        return sum(each.summary.asked for each in self.models)

    @property
    def left(self) -> int:
        """The cells that are still to be asked."""
        return self.cells - self.reused - self.asked - self.waiting


def ask_arms(
    workspace: WorkspaceFiles, protocol: Protocol, arms: Sequence[Arm], how: Asking
) -> AskedArms:
    """Register an experiment, ask what its arms lack, and keep every answer.

    One run for each model that is asked; one without requests where only the registration is new,
    none where all is there. Raises UsageError, EndpointError, JournalError,
    StoreError; StoreBusyError while another run asks one of the models.
    """
    for arm in arms:
        priced(arm.target, how.budget)
    models = {str(arm.target.model): arm.target.model for arm in arms}
    with ExitStack() as stack:
        for model in models.values():
            stack.enter_context(run_lock(workspace.runs, model))
        with opened_thawed(workspace.root) as connection:
            plan = plan_arms(connection, protocol, arms)
            known = record_digests(connection)
        groups = _groups(plan)
        for endpoint, _cells in groups:
            how.workers.asker().ready(endpoint)
        return _Experiment(workspace, protocol, plan, how, known).run(groups)


REGISTRATION = "registration"  # what a run does that registers arms which wait for their models
Group = tuple[Endpoint, list[Cell]]  # cells that one model is asked, in the order drawn


def _groups(plan: Plan) -> list[Group]:
    """Return what is to be asked of each model; the endpoint is that of its first cell."""
    endpoints = {arm.name: arm.target.endpoint for arm in plan.arms}
    found: dict[str, Group] = {}
    for each in plan.asking:
        found.setdefault(str(each.cell.model), (endpoints[each.arm], []))[1].append(each.cell)
    return list(found.values())


class _Experiment:
    """An experiment under way: a journal for each model, and what was spent so far."""

    def __init__(
        self,
        workspace: WorkspaceFiles,
        protocol: Protocol,
        plan: Plan,
        how: Asking,
        known: set[str],
    ) -> None:
        self._workspace, self._protocol, self._plan, self._how = workspace, protocol, plan, how
        self._known = known
        self._stopped: str | None = None
        self._writers: dict[str, JournalWriter] = {}
        self._recorders: dict[str, Recorder] = {}
        self._stats: dict[str, RunStats] = {}

    def run(self, groups: Sequence[Group]) -> AskedArms:
        try:
            self._register(groups)
            self._ask(groups)
        except KeyboardInterrupt:
            self._stopped = "interrupted"
        except BaseException as error:
            self._stopped = stopped_by(error)
            raise
        finally:
            for name, writer in self._writers.items():
                stats = self._stats.get(name, RunStats())
                stats.stopped = stats.stopped or self._stopped
                end_run(writer, stats)
        cells, waiting = len(self._plan.enrolled), self._plan.waiting
        reused = cells - len(self._plan.asking) - waiting
        return AskedArms(cells, reused, self._summaries(), waiting)

    def _register(self, groups: Sequence[Group]) -> None:
        """Write the opening of every journal; the first one also holds the registration."""
        models: list[ModelIdentity | None] = [cells[0].model for _endpoint, cells in groups]
        first = b"" if self._plan.registered else self._registration()
        if first and self._plan.versions:
            self._how.reporter.notice(
                "The design is another one than was registered before. This run registers it: "
                f"'panel experiment report {self._protocol.name}' says what has changed, and "
                "whether it still confirms."
            )
        if first and not models:  # no model is asked; where all arms wait, there is none
            models = [self._plan.arms[0].target.model if self._plan.arms else None]
        for model in models:
            mine = [each for each in self._plan.enrolled if each.cell.model == model]
            asking = sum(each.cell.model == model for each in self._plan.asking)
            personas = {each.cell.persona.id: each.cell.persona for each in mine}
            writer = JournalWriter(self._workspace.runs, new_run_id())
            self._writers[str(model)] = writer
            self._recorders[str(model)] = Recorder(writer.run_id)
            records = [self._records(arm) for arm in self._plan.arms if arm.target.model == model]
            opening = run_line(
                personas.values(),
                model,
                REGISTRATION,
                experiment=self._protocol.name,
                planned=len(mine),
                reused=len(mine) - asking,
            )
            writer.append(b"".join([opening, *records, first]))
            first = b""

    def _records(self, arm: Arm) -> bytes:
        lines = b"".join(record_lines(arm.target.tools, arm.target.personas, self._known))
        self._known |= {tool.digest() for tool in arm.target.tools}
        self._known |= {persona.digest() for persona in arm.target.personas}
        return lines

    def _registration(self) -> bytes:
        protocol, plan, now = self._protocol, self._plan, utc_now()
        named = {"experiment": protocol.name, "version": plan.version}
        lines = [
            journal_line(
                "experiment",
                {
                    **named,
                    "registered_at": now,
                    "question": protocol.question,
                    "text": protocol.text,
                    "comparisons": protocol.comparisons,
                },
            )
        ]
        lines += [
            journal_line("arm", {**named, "place": place, **factors_of(arm)})
            for place, arm in enumerate(plan.arms)
        ]
        lines += [
            journal_line(
                "enrol",
                {
                    **named,
                    "arm": each.arm,
                    "position": position,
                    "tool": each.cell.tool.slug,
                    "persona": each.cell.persona.id,
                    "model_identity": str(each.cell.model),
                    "repeat": each.cell.repeat,
                    "fingerprint": each.cell.fingerprint,
                    "enrolled_at": now,
                },
            )
            for position, each in enumerate(plan.enrolled, 1)
        ]
        return b"".join(lines)

    def _ask(self, groups: Sequence[Group]) -> None:
        jobs = [self._job(endpoint, cells) for endpoint, cells in groups]
        if jobs:
            asker = self._how.workers.asker()
            stats = asker.ask_in_turns(jobs, ROUNDS if len(jobs) > 1 else 1)
            self._stats = dict(zip(self._recorders, stats, strict=True))
            self._stopped = next((each.stopped for each in stats if each.stopped), None)

    def _job(self, endpoint: Endpoint, cells: Sequence[Cell]) -> Job:
        name, reporter = str(cells[0].model), self._how.reporter

        def progress(stats: RunStats) -> None:
            self._stats = {**self._stats, name: stats}
            others = [each for model, each in self._stats.items() if model != name]
            reporter.progress(reduce(_both, [*others, stats]))

        def checkpoint() -> None:
            with suppress(StoreBusyError):  # somebody reads for long; the end tries again
                ingest(self._workspace.runs)

        return Job(
            cells,
            endpoint,
            self._writers[name],
            self._recorders[name],
            progress,
            checkpoint,
            reporter.notice,
            self._workspace.runs / MEMORY,
            self._how.budget,
            drawn=True,
        )

    def _summaries(self) -> tuple[AskedModel, ...]:
        if not self._writers:
            return ()
        endpoints = {str(arm.target.model): arm.target.endpoint.name for arm in self._plan.arms}
        with opened(self._workspace.runs) as connection:
            return tuple(
                AskedModel(
                    endpoints[name],
                    name,
                    _summary(run_totals(connection, writer.run_id) or {}, self._stopped),
                    self._stats.get(name, RunStats()),
                )
                for name, writer in self._writers.items()
                if name in endpoints  # else it only registers arms that wait
            )


_ADDED = [
    *("asked", "ships", "skips", "abstains", "errors", "requests", "prompt_tokens"),
    *("completion_tokens", "cached_tokens", "cost_usd", "degraded", "miscounted"),
]


def _both(one: RunStats, other: RunStats) -> RunStats:
    """Return the counts of two jobs together, and of the later one what is no count."""
    sums = {name: getattr(one, name) + getattr(other, name) for name in _ADDED}
    reasons = dict(Counter(one.reasons) + Counter(other.reasons))
    return replace(other, **sums, reasons=reasons, models=one.models | other.models)


def _summary(totals: dict[str, Any], stopped: str | None) -> RunSummary:
    """Sum up a run. totals: its row of the view ``runs``."""
    took = totals["finished_at"] - totals["started_at"]
    counted: dict[str, Any] = {
        each.name: totals[each.name] for each in fields(RunSummary) if each.name in totals
    }
    left = totals["planned"] - totals["reused"] - totals["asked"]
    own = {"seconds": round(took.total_seconds(), 3), "stopped": stopped, "left": left}
    return RunSummary(**(counted | own))
