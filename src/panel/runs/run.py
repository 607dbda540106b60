"""The orchestrator: plan → ask → journal → ingest → summary. Every way to run goes through here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from panel.cells.cells import Target
from panel.cells.journal import JournalWriter, journal_line, new_run_id
from panel.cells.lines import Recorder, adopt_lines, cell_fields, record_lines, run_line
from panel.cells.plan import Plan, make_plan
from panel.engines.base import HERE, NO_BUDGET, Job, RunBudget, RunStats, Workers, nothing_more
from panel.errors import StoreBusyError, UsageError
from panel.runs.ending import Ending
from panel.runs.lock import run_lock
from panel.runs.selection import Prepared, journals_now, prepare
from panel.store.batches import waiting_cells
from panel.store.ingest import ingest, opened
from panel.store.known import known_cells, known_records
from panel.store.queries import run_totals
from panel.workspace.loading import WorkspaceFiles

MEMORY = "endpoints.json"  # in runs/: what requests an endpoint takes


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What ``panel run --json`` prints; counts are of cells of the selection, None is unknown.

    canaries: those asked again beside the selection, printed as ``canary_cells``. left: cells of
    the selection that were not to be asked; waiting: those that wait in a batch. planned holds
    both, too.
    """

    run_id: str | None
    planned: int
    reused: int
    asked: int
    verdicts: int
    abstains: int
    errors: int
    canaries: int
    requests: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    cost_usd: float | None
    seconds: float
    stopped: str | None
    left: int
    waiting: int = 0

    def record(self) -> dict[str, Any]:
        """Return the summary as plain JSON types."""
        fields = asdict(self)
        fields["canary_cells"] = fields.pop("canaries")
        return fields


@dataclass(frozen=True, slots=True)
class ProgressReporter:
    """Who is told how a run goes."""

    progress: Callable[[RunStats], None]
    notice: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Recording:
    """Files of answers: record into a new one, or replay one in the endpoint's place."""

    record: Path | None = None
    replay: Path | None = None


NO_RECORDING = Recording()


@dataclass(frozen=True, slots=True)
class _How:
    reporter: ProgressReporter
    budget: RunBudget
    recording: Recording
    workers: Workers


def execute(
    workspace: WorkspaceFiles,
    prepared: Prepared,
    reporter: ProgressReporter,
    budget: RunBudget = NO_BUDGET,
    recording: Recording = NO_RECORDING,
    workers: Workers = HERE,
) -> tuple[RunSummary, RunStats]:
    """Ask what is pending within a budget, keep everything, return the summary.

    Raises UsageError for a bound on the cost of a model whose price is not known, and for
    workers that cannot ask; EndpointError, JournalError, StoreError. What was answered until then
    is kept.
    """
    started = time.perf_counter()
    endpoint = prepared.target.endpoint
    how = _How(reporter, budget, recording, workers)
    refuse_unready(prepared, budget, recording, workers)
    if not prepared.asking:
        return _execute(workspace, prepared, how, started)
    if recording.replay is not None:  # what was paid for once is not paid for again
        target = replace(prepared.target, endpoint=replace(endpoint, prices=None))
        prepared = replace(prepared, target=target)
    with run_lock(workspace.runs, prepared.target.model, prepared.selection.shard):
        return _execute(workspace, _planned_anew(workspace, prepared), how, started)


def refuse_unready(
    prepared: Prepared,
    budget: RunBudget = NO_BUDGET,
    recording: Recording = NO_RECORDING,
    workers: Workers = HERE,
) -> None:
    """Raise what ``execute`` raises before anything is asked: call it before saying that one asks.

    UsageError for a bound that cannot hold and a recording's file, EndpointError for a missing
    key or missing weights.
    """
    priced(prepared.target, budget)
    if not prepared.asking:
        return
    if recording.replay is None:
        workers.asker().ready(prepared.target.endpoint)
    elif not recording.replay.exists() or recording.replay.is_dir():  # it may be a pipe
        raise UsageError(
            f"there is no file {recording.replay}. Make it: 'panel run --record FILE'."
        )
    if recording.record is not None and recording.record.exists():
        raise UsageError(f"{recording.record} is there already. Remove it, or name another file.")


def priced(target: Target, budget: RunBudget) -> None:
    """Raise UsageError for a bound on the cost of a model whose price is not known."""
    endpoint = target.endpoint
    if budget.max_cost is not None and endpoint.prices is None:
        raise UsageError(
            f"the price of {target.model} is not known, so --max-cost cannot hold. Write "
            f"prices under [endpoints.{endpoint.name}] in panel.toml, or use --max-tokens."
        )


def _planned_anew(workspace: WorkspaceFiles, prepared: Prepared) -> Prepared:
    """Plan the pending cells again if journals have grown: another run may have settled some."""
    journals = journals_now(workspace)
    if journals == prepared.journals:
        return prepared
    if prepared.selection.changed:
        model = prepared.target.model  # by its names: no server is looked for again
        same = replace(prepared.selection, endpoint=model.endpoint, model=model.model)
        return replace(prepare(workspace, same), target=prepared.target)
    with opened(workspace.runs) as connection:
        known = known_cells(connection, prepared.target.model)
        digests, panel = known_records(connection, prepared.target.model)
        waiting = set() if prepared.selection.batched else waiting_cells(connection)
    wanted, cells = prepared.selection, [cell for cell, _reason in prepared.plan.pending]
    new = make_plan(cells, known, (), wanted.retry, wanted.again).without(waiting)
    return replace(
        prepared,
        plan=prepared.plan.planned_anew(new),
        journals=journals,
        stored_digests=digests,
        stored_panel=panel,
    )


def _execute(
    workspace: WorkspaceFiles, prepared: Prepared, how: _How, started: float
) -> tuple[RunSummary, RunStats]:
    writer = JournalWriter(workspace.runs, new_run_id())
    opening = _opening(workspace, prepared)
    first = next(opening, None)
    if first is None:
        return _summary(prepared.plan, None, {}, RunStats(), started), RunStats()
    with Ending(writer) as run:
        writer.append_all(chain([first], opening))
        run.stats = _ask(workspace, prepared, writer, how)
        if prepared.settling and prepared.settling.taken:
            writer.append(adopt_lines(prepared.settling.taken))
    totals = _totals(workspace, writer.run_id, run.stats, how)
    return _summary(prepared.plan, writer.run_id, totals, run.stats, started), run.stats


def _totals(
    workspace: WorkspaceFiles, run_id: str, stats: RunStats, how: _How
) -> Mapping[str, Any]:
    """Return the run's row of the view ``runs``; where the store is held, what was counted."""
    try:
        ingest(workspace.runs)
        with opened(workspace.runs) as connection:
            return run_totals(connection, run_id) or {}
    except StoreBusyError as busy:  # other runs write into it: that fails none of them
        how.reporter.notice(
            f"{busy} The journal of this run has every answer, and the next command reads it in."
        )
        counts = asdict(stats)
        counts["asked"] -= counts["canaries"]
        names = ("prompt_tokens", "completion_tokens", "cached_tokens")
        unknown = {name: None for name in names if not counts[name]}
        return counts | {"verdicts": stats.ships + stats.skips} | unknown


def _ask(
    workspace: WorkspaceFiles, prepared: Prepared, writer: JournalWriter, how: _How
) -> RunStats:
    cells = prepared.asking
    if not cells:
        return RunStats()

    def checkpoint() -> None:
        # Busy: somebody reads for long. The journal has it, and the end tries again.
        with suppress(StoreBusyError):
            ingest(workspace.runs)

    job = Job(
        cells,
        prepared.target.endpoint,
        writer,
        Recorder(writer.run_id),
        how.reporter.progress,
        checkpoint,
        how.reporter.notice,
        workspace.runs / MEMORY,
        how.budget,
        how.recording.record,
        how.recording.replay,
        # Where nothing else is asked, the outcomes of the canaries are what is counted.
        frozenset(cell.key for cell in prepared.canaries if prepared.plan.pending),
        prepared.settling.answered if prepared.settling else nothing_more,
        how.workers,
    )
    return how.workers.asker().ask_all(job)


def _opening(workspace: WorkspaceFiles, prepared: Prepared) -> Iterator[bytes]:
    """Yield the first lines of the journal: the run, and tools and personas not yet stored."""
    plan, target = prepared.plan, prepared.target
    holds, personas = prepared.selection.holds, target.personas
    tools = (each for each in target.tools if any(holds((each.slug, p.id)) for p in personas))
    records = record_lines(tools, personas, prepared.stored_digests)
    record = next(records, None)
    panel = [persona.id for persona in workspace.personas]
    if not (prepared.asking or record or plan.adopted or panel != prepared.stored_panel):
        return
    yield run_line(
        workspace.personas,
        target.model,
        shard=prepared.selection.shard,
        trial=prepared.selection.trial,
        planned=plan.cells,
        reused=plan.reused,
    )
    yield from [record] if record else []
    yield from records
    yield adopt_lines(plan.adopted)
    for cell in prepared.canaries:
        yield journal_line("canary", cell_fields(cell))


_COUNTS = ("asked", "verdicts", "abstains", "errors", "canaries", "requests")
_MEASURED = ("prompt_tokens", "completion_tokens", "cached_tokens", "cost_usd")


def _summary(
    plan: Plan, run_id: str | None, totals: Mapping[str, Any], stats: RunStats, started: float
) -> RunSummary:
    """Sum up a run; totals: its row of the view ``runs``, empty where it wrote nothing."""
    known: dict[str, Any] = dict.fromkeys((*_COUNTS, *_MEASURED), 0) | {"cost_usd": 0.0}
    if stats.asked or stats.requests:
        known |= dict.fromkeys(_MEASURED)
        known |= {name: value for name, value in totals.items() if name in known}
    return RunSummary(
        **known,
        run_id=run_id,
        planned=plan.cells + stats.added,
        reused=plan.reused,
        seconds=round(time.perf_counter() - started, 3),
        stopped=stats.stopped,
        left=plan.left,
        waiting=plan.waiting,
    )
