"""``panel plan`` and ``panel run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from panel.cells.cells import Target
from panel.cells.plan import Estimate
from panel.cli.follow import shown
from panel.cli.main import ExitCode
from panel.cli.options import (
    Address,
    Engine,
    Json,
    MaxCalls,
    MaxCost,
    MaxTokens,
    Record,
    Replay,
    WorkerCount,
    asking_with,
    recording,
    selecting,
)
from panel.cli.output import note, out, percent, print_json, say
from panel.cli.remarks import first_step, remark
from panel.cli.workspace import open_tools
from panel.endpoint.choice import in_ci
from panel.engines.base import RunBudget, RunStats
from panel.runs.planned import order_of, plan_record, usd_if_cached
from panel.runs.run import RunSummary, execute, refuse_unready
from panel.runs.selection import Prepared, Selection, prepare
from panel.scorecard import NOT_JUDGEMENT
from panel.text import counted, in_words

if TYPE_CHECKING:  # a run that asks nothing is quick: it imports neither the wing nor a bar
    from rich.table import Table


app = typer.Typer(rich_markup_mode=None)

CELLS_SHOWN = 12


@app.command()
@selecting
def plan(selection: Selection, as_json: Json = False) -> None:
    """Say what a run would ask, and why. Asks no model anything."""
    _print_plan(prepare(open_tools(), selection), as_json)


@app.command()
@selecting
def run(
    selection: Selection,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    record: Record = None,
    replay: Replay = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be asked.")
    ] = False,
    engine: Engine = "local",
    address: Address = None,
    workers: WorkerCount = None,
    as_json: Json = False,
) -> None:
    """Ask what is pending, keep every answer, sum up. A second run asks nothing.

    Exit 1: cells ended in error. 3: the endpoint refused, is not there, or asks to wait too
    long. 4: a --max-... bound is reached. 130: interrupted.
    """
    tape, who = recording(record, replay), asking_with(engine, address, workers, record or replay)
    workspace = open_tools()
    prepared = prepare(workspace, selection)
    if dry_run:
        _print_plan(prepared, as_json)
        return
    target, budget = prepared.target, RunBudget(max_calls, max_tokens, max_cost)
    refuse_unready(prepared, budget, tape, who)
    if target.endpoint.demo:
        note(NOT_JUDGEMENT)
    tell_waiting(prepared.plan.waiting)
    if prepared.plan.pending:
        more = (
            f" and {counted(len(prepared.canaries), 'canary', 'canaries')}"
            if prepared.canaries
            else ""
        )
        note(
            f"Asking {counted(len(prepared.plan.pending), 'cell')}{more} of {target.model} ..."
            f"{first_step(prepared)}"
        )
    with shown(len(prepared.asking), target.endpoint.demo) as reporter:
        summary, stats = execute(workspace, prepared, reporter, budget, tape, who)
    _print_summary(target, summary, stats, as_json)
    if summary.verdicts and not as_json and not in_ci():
        note("Next: 'panel show', then 'panel desk'.")
    raise typer.Exit(how_ended(summary, stats))


def tell_waiting(many: int) -> None:
    """Say on stderr how many cells are left out since they wait in a batch."""
    if many:
        note(
            f"{counted(many, 'cell waits', 'cells wait')} in a batch and are not asked: 'panel "
            "batch import' fetches their answers. --batched asks them all the same, and pays twice."
        )


def how_ended(summary: RunSummary, stats: RunStats) -> ExitCode:
    """Return the exit code of a run."""
    if stats.unknown_model:
        return ExitCode.USAGE
    if summary.stopped == "interrupted":
        return ExitCode.INTERRUPTED
    if summary.stopped == "endpoint":
        return ExitCode.ENDPOINT
    if summary.stopped == "budget":
        return ExitCode.BUDGET
    return ExitCode.FAILED if summary.errors else ExitCode.OK


def _print_plan(prepared: Prepared, as_json: bool) -> None:
    if as_json:
        print_json(plan_record(prepared))
        return
    plan, target = prepared.plan, prepared.target
    tools, personas = len(target.tools), len(target.personas)
    repeats = prepared.selection.repeats or 1
    product = f"{counted(tools, 'tool')} × {counted(personas, 'persona')}"
    if not prepared.selection.changed:  # there, every pair has repeats of its own
        product += f" × {counted(repeats, 'repeat')}"
    shard = prepared.selection.shard
    part = f"shard {shard} of " if shard else ""
    say(f"{counted(plan.cells, 'cell')}: {part}{product}, asked of {target.model}")
    for rename in prepared.renamed:
        say(f"{rename.of} {rename.now}: renamed from {rename.was}, with its answers and decisions")
    out().print(_plan_table(prepared))
    for cell, reason in plan.pending[:CELLS_SHOWN]:
        say(f"  {cell.tool.slug} × {cell.persona.id} × repeat {cell.repeat}: {reason}")
    if len(plan.pending) > CELLS_SHOWN:
        say(f"  ... and {len(plan.pending) - CELLS_SHOWN:,} more; --json lists them all.")
    if plan.pending:
        order, places = order_of(prepared)
        say(order.sentence(places))
        print_estimate(prepared.estimate)
        if (cost := usd_if_cached(prepared)) is not None:
            say(f"Where a cache serves what repeats, the cost is {dollars(cost)}.")
    else:
        say("Nothing to ask.")


def _plan_table(prepared: Prepared) -> Table:
    plan = prepared.plan
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("reused", f"{plan.reused:,}")
    for reason, count in plan.reasons().items():
        table.add_row(f"to ask: {reason}", f"{count:,}")
    if plan.left:
        table.add_row("left alone", f"{plan.left:,}")
    if plan.waiting:
        table.add_row("waiting in a batch", f"{plan.waiting:,}")
    if prepared.perhaps:
        table.add_row("more where answers are not sure, at most", f"{len(prepared.perhaps):,}")
    if prepared.canaries:
        table.add_row("canaries, asked again", f"{len(prepared.canaries):,}")
    return table


def print_estimate(size: Estimate) -> None:
    """Print what asking cells will take."""
    completion = "?" if size.completion_tokens is None else f"{size.completion_tokens:,}"
    say(
        f"{counted(size.calls, 'call')}, roughly {size.prompt_tokens:,} prompt and {completion} "
        f"completion tokens; cost {dollars(size.cost_usd)}."
    )
    worst = "unbounded" if size.worst_tokens is None else f"{size.worst_tokens:,}"
    say(
        f"At worst {counted(size.worst_calls, 'call')} and {worst} tokens; "
        f"cost {dollars(size.worst_cost_usd)}."
    )
    if size.batch_cost_usd is not None:
        say(
            f"As a batch ('panel batch export'): cost {dollars(size.batch_cost_usd)}, at worst "
            f"{dollars(size.worst_batch_cost_usd)}."
        )


def dollars(amount: float | None) -> str:
    """Show an amount of US dollars; None is unknown."""
    return "unknown" if amount is None else f"${amount:,.4f}"


def _print_summary(target: Target, summary: RunSummary, stats: RunStats, as_json: bool) -> None:
    remark(target.endpoint.name, summary, stats)
    if as_json:
        print_json(summary.record())
        return
    left = f", {summary.left:,} left alone" if summary.left else ""
    left += f", {summary.waiting:,} waiting in a batch" if summary.waiting else ""
    unasked = summary.planned - summary.reused - summary.asked - summary.left - summary.waiting
    if unasked and not summary.asked:
        say(
            f"Nothing answered: {unasked:,} of {counted(summary.planned, 'cell')} still to ask, "
            f"{summary.reused:,} reused{left}."
        )
        return
    if not summary.asked:
        say(
            f"Nothing asked: {summary.reused:,} of {counted(summary.planned, 'cell')} reused{left}."
        )
        return
    say(
        f"{counted(summary.asked, 'cell')} asked of {target.model} in {summary.seconds:,.1f} s, "
        f"{summary.reused:,} reused{left}."
    )
    say(
        f"{verdicts(stats, target.endpoint.demo)}, "
        f"{summary.abstains:,} abstained, {counted(summary.errors, 'error')}; "
        f"{counted(summary.requests, 'request')}, output mode {stats.output_mode}."
    )
    if summary.canaries:
        say(
            f"{counted(summary.canaries, 'canary', 'canaries')} asked again; 'panel diff' says "
            "whether they moved."
        )
    if unasked:
        say(f"{counted(unasked, 'cell')} not asked; the next run asks them.")
    for reason, count in sorted(stats.reasons.items()):
        say(f"  {count:,} × {in_words(reason)}")
    if stats.adapted:
        say(f"Requests were adapted to the server: {', '.join(stats.adapted)}.")
    if stats.degraded:
        say(
            f"{counted(stats.degraded, 'reply', 'replies')} stood in the reasoning field only "
            "(degraded)."
        )
    if len(stats.models) > 1:
        say(f"The server names more than one model: {', '.join(sorted(stats.models))}.")
    say(tokens(summary, stats))


def verdicts(stats: RunStats, demo: bool) -> str:
    """Return in words how many verdicts came back; of a demo model not which."""
    many = stats.ships + stats.skips
    if demo:
        return f"{counted(many, 'demo verdict')} (no judgement)"
    return f"{counted(many, 'verdict')} ({stats.ships:,} ship, {stats.skips:,} skip)"


def tokens(summary: RunSummary, stats: RunStats) -> str:
    """Return one sentence about the tokens of a run and their cost."""
    if summary.prompt_tokens is None and stats.miscounted:
        return "Tokens: not known."  # why, is said already
    if summary.prompt_tokens is None:
        return "Tokens: the server counts none."
    text = counted(summary.prompt_tokens, "prompt token")
    if summary.cached_tokens is not None and summary.prompt_tokens:
        share = percent(100 * summary.cached_tokens / summary.prompt_tokens)
        text += f" ({share} of them served from its cache)"
    if summary.completion_tokens is not None:
        text += f", {counted(summary.completion_tokens, 'completion token')}"
    return f"{text}; cost {dollars(summary.cost_usd)}."
