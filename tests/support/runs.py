"""Runs as 'panel run' does them, and what became of them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from panel.engines.base import NO_BUDGET, RunBudget
from panel.research.asking import AskedArms, Asking, ask_arms
from panel.research.experiments import opened_arms, protocol_of
from panel.runs.run import ProgressReporter, RunSummary, execute
from panel.runs.selection import Selection, prepare
from panel.store.ingest import opened
from panel.workspace.experiments import load_experiment
from panel.workspace.loading import load_workspace
from tests.support.space import Space

SILENT = ProgressReporter(lambda _tallies: None, lambda _notice: None)


def run(space: Space, bounds: RunBudget = NO_BUDGET, **selection: Any) -> RunSummary:
    """Run a selection; returns its summary."""
    workspace = load_workspace(space.root)
    prepared = prepare(workspace, Selection(**selection))
    return execute(workspace, prepared, SILENT, bounds)[0]


def run_experiment(space: Space, name: str, bounds: RunBudget = NO_BUDGET) -> AskedArms:
    """Register an experiment as its files are now, and ask what it lacks."""
    workspace, found = load_workspace(space.root), load_experiment(space.root, name)
    with ExitStack() as stack:
        with opened(workspace.runs) as connection:
            arms = stack.enter_context(opened_arms(workspace, found, connection))
        return ask_arms(workspace, protocol_of(found), arms, Asking(SILENT, bounds))


def pending(space: Space, **selection: Any) -> list[tuple[str, str, int, str]]:
    """Return (tool, persona, repeat, reason) of what a run would ask."""
    prepared = prepare(load_workspace(space.root), Selection(**selection))
    return [(*cell.key, reason) for cell, reason in prepared.plan.pending]


def rows(space: Space, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query, the store brought up to date."""
    with opened(space.root / "runs") as store:
        return store.execute(sql).fetchall()


def answers(space: Space) -> list[tuple[Any, ...]]:
    """Return the view ``verdicts`` without what names a run or an hour."""
    apart = "run_id, attempt_id, started_at, finished_at, seconds"
    ordered = "ORDER BY tool, persona, model_identity, repeat"
    return rows(space, f"SELECT * EXCLUDE ({apart}) FROM verdicts {ordered}")
