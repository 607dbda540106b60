"""Asks ``/v1/decisions`` how probable "ship" is, given takes that are there already.

What comes back stands beside the verdict that was drawn, and changes none. A take whose reply told
its probability (logprobs) is not asked about, nor one that was answered before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from panel.cells.cells import Target
from panel.cells.journal import JournalWriter, new_run_id
from panel.cells.lines import run_line
from panel.endpoint.target import refuse_demo
from panel.engines.base import NO_BUDGET, RunBudget, RunStats
from panel.engines.probabilities import ReadingJob, read_takes
from panel.runs.ending import Ending
from panel.runs.lock import run_lock
from panel.runs.run import MEMORY, ProgressReporter, priced
from panel.runs.selection import Selection, opened_for
from panel.store.ingest import ingest
from panel.store.probabilities import TakesToRead, takes_to_read
from panel.store.queries import experience
from panel.workspace.loading import WorkspaceFiles


@dataclass(frozen=True, slots=True)
class PlannedReadings:
    """A model, its takes, and what asking about those without a probability will take.

    prompt_tokens, cost_usd: roughly; the cost is None where no prices are known.
    """

    target: Target
    takes: TakesToRead
    prompt_tokens: int
    cost_usd: float | None


def plan_readings(workspace: WorkspaceFiles, selection: Selection) -> PlannedReadings:
    """Say which takes would be asked about. Opens no connection to any endpoint.

    Raises UsageError for a demo model, whose takes argue for no verdict.
    """
    with opened_for(workspace, selection) as (target, connection):
        refuse_demo(target)
        tools = [tool.slug for tool in target.tools] if selection.tools else None
        takes = takes_to_read(connection, str(target.model), tools)
        seen = experience(connection, target.model)
    endpoint = replace(target.endpoint, chars_per_token=seen.chars_per_token)
    characters = sum(
        len(each.take) + sum(len(text) for _role, text in each.messages) for each in takes.pending
    )
    tokens = round(characters / endpoint.chars_per_token)
    prices = endpoint.prices
    cost = tokens * prices.prompt / 1_000_000 if prices else None
    return PlannedReadings(replace(target, endpoint=endpoint), takes, tokens, cost)


def ask_readings(
    workspace: WorkspaceFiles,
    planned: PlannedReadings,
    selection: Selection,
    reporter: ProgressReporter,
    budget: RunBudget = NO_BUDGET,
) -> tuple[str | None, RunStats]:
    """Ask about the takes that have no probability; return the run's id, None where none had to be.

    Raises UsageError, EndpointError, JournalError, StoreError, and StoreBusyError while another
    run asks the model; what was answered until then is kept.
    """
    target = planned.target
    priced(target, budget)
    if not planned.takes.pending:
        return None, RunStats()
    target.endpoint.api_key()  # a missing one is said before anything is written
    target.endpoint.secret_headers()
    with run_lock(workspace.runs, target.model):
        takes = plan_readings(workspace, selection).takes.pending  # another run may have asked
        if not takes:
            return None, RunStats()
        writer = JournalWriter(workspace.runs, new_run_id())
        with Ending(writer) as run:
            writer.append(run_line(workspace.personas, target.model, "probabilities"))
            memory = workspace.runs / MEMORY
            how = (reporter.progress, reporter.notice, memory, budget)
            run.stats = read_takes(ReadingJob(takes, target.endpoint, writer, *how))
        ingest(workspace.runs)
    return writer.run_id, run.stats
