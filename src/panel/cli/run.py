"""``panel plan`` and ``panel run``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from panel.cells.plan import Plan
from panel.cli.main import ExitCode
from panel.cli.output import err, note, out, percent, print_json, say
from panel.cli.workspace import Json, open_workspace
from panel.endpoint.embedded import NOT_JUDGEMENT
from panel.engines.base import RunBudget, RunStats
from panel.runs.run import ProgressReporter, Recording, Summary, execute
from panel.runs.selection import Prepared, Selection, prepare

app = typer.Typer(rich_markup_mode=None)

CELLS_SHOWN = 12

Tools = Annotated[
    list[str] | None, typer.Option("--tool", help="Only this tool (slug or name); repeatable.")
]
Personas = Annotated[
    list[str] | None, typer.Option("--persona", help="Only this persona; repeatable.")
]
Categories = Annotated[
    list[str] | None, typer.Option("--category", help="Only this category; repeatable.")
]
EndpointName = Annotated[
    str | None, typer.Option("--endpoint", help="An endpoint of panel.toml, or a preset.")
]
Model = Annotated[str | None, typer.Option("--model", help="The model to ask.")]
Repeats = Annotated[
    int | None,
    typer.Option("--repeats", min=1, max=1000, help="Ask every cell this many times (1)."),
]
Again = Annotated[bool, typer.Option("--again", help="Ask all cells once more, as new repeats.")]
RetryErrors = Annotated[
    bool, typer.Option("--retry-errors", help="Ask only cells that ended in an error.")
]
RetryAbstained = Annotated[
    bool, typer.Option("--retry-abstained", help="Ask only cells that abstained.")
]
Changed = Annotated[
    bool,
    typer.Option("--changed", help="Ask only what verdicts/ does not hold, and the canaries."),
]
Since = Annotated[
    str | None,
    typer.Option("--since", help="With --changed: only what differs from this git revision."),
]


@app.command()
def plan(
    tool: Tools = None,
    persona: Personas = None,
    category: Categories = None,
    endpoint: EndpointName = None,
    model: Model = None,
    repeats: Repeats = None,
    again: Again = False,
    retry_errors: RetryErrors = False,
    retry_abstained: RetryAbstained = False,
    changed: Changed = False,
    since: Since = None,
    as_json: Json = False,
) -> None:
    """Say what a run would ask, and why. Opens no connection to any model."""
    retry = _retried(again, retry_errors, retry_abstained, changed, since)
    chosen = (tool or [], persona or [], category or [], endpoint, model)
    selection = Selection(*chosen, repeats, again, retry, changed, since)
    _print_plan(prepare(open_workspace(), selection), as_json)


def _retried(
    again: bool, errors: bool, abstained: bool, changed: bool, since: str | None
) -> frozenset[str]:
    if again and (errors or abstained):
        raise typer.BadParameter("--again asks every cell; it goes with no --retry-... option.")
    if changed and (again or errors or abstained):
        raise typer.BadParameter(
            "--changed asks what is stale; it goes with neither --again nor --retry-...."
        )
    if since is not None and not changed:
        raise typer.BadParameter("--since narrows --changed. Add --changed.")
    return frozenset(("error",) * errors + ("abstain",) * abstained)


@app.command()
def run(
    tool: Tools = None,
    persona: Personas = None,
    category: Categories = None,
    endpoint: EndpointName = None,
    model: Model = None,
    repeats: Repeats = None,
    again: Again = False,
    retry_errors: RetryErrors = False,
    retry_abstained: RetryAbstained = False,
    changed: Changed = False,
    since: Since = None,
    max_calls: Annotated[
        int | None, typer.Option(min=1, help="Stop before more requests than this.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Stop before more tokens than this, both ways.")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(min=0, help="Stop before more US dollars than this.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", help="Write every answer into this new file.")
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option("--replay", help="Take the answers from such a file; no model is asked."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be asked.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask what is pending, keep every answer, sum up. A second run asks nothing.

    Exit 1: cells ended in error. 3: the endpoint refused or is not there. 4: a --max-...
    bound is reached. 130: interrupted.
    """
    workspace = open_workspace()
    retry = _retried(again, retry_errors, retry_abstained, changed, since)
    chosen = (tool or [], persona or [], category or [], endpoint, model)
    selection = Selection(*chosen, repeats, again, retry, changed, since)
    if record is not None and replay is not None:
        raise typer.BadParameter("--record asks a model and --replay none; name one of them.")
    prepared = prepare(workspace, selection)
    if dry_run:
        _print_plan(prepared, as_json)
        return
    if prepared.endpoint.profile == "embedded":
        note(NOT_JUDGEMENT)
    if prepared.plan.pending:
        more = f" and {len(prepared.canaries):,} canaries" if prepared.canaries else ""
        note(f"Asking {len(prepared.plan.pending):,} cells{more} of {prepared.model} ...")
    with _shown(prepared.plan, len(prepared.canaries)) as listener:
        bounds = RunBudget(max_calls, max_tokens, max_cost)
        tape = Recording(record, replay)
        summary, tallies = execute(workspace, prepared, listener, bounds, tape)
    _print_summary(prepared, summary, tallies, as_json)
    raise typer.Exit(_code(summary))


def _code(summary: Summary) -> ExitCode:
    if summary.stopped == "interrupted":
        return ExitCode.INTERRUPTED
    if summary.stopped == "endpoint":
        return ExitCode.ENDPOINT
    if summary.stopped == "budget":
        return ExitCode.BUDGET
    return ExitCode.FAILED if summary.errors else ExitCode.OK


@contextmanager
def _shown(plan: Plan, canaries: int) -> Iterator[ProgressReporter]:
    """Show progress on stderr while the block runs; nothing where that is no terminal."""
    columns = (
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[state]}"),
    )
    shown = err.is_terminal and bool(plan.pending)
    with Progress(*columns, console=err, disable=not shown, transient=True) as bar:
        task = bar.add_task("asking", total=len(plan.pending) + canaries, rate="", state="loading")

        def progress(tallies: RunStats) -> None:
            if not shown:
                return
            speed = bar.tasks[0].speed
            state = f"{tallies.ships} ship, {tallies.skips} skip"
            if tallies.abstains or tallies.errors:
                state += f", {tallies.abstains} abstained, {tallies.errors} errors"
            state += f", {tallies.prompt_tokens + tallies.completion_tokens:,} tokens"
            rate = f"{speed * 60:.0f}/min" if speed else ""
            bar.update(task, completed=tallies.asked, rate=rate, state=state)

        yield ProgressReporter(progress, note)


def _print_plan(prepared: Prepared, as_json: bool) -> None:
    plan = prepared.plan
    reasons, size = plan.reasons(), prepared.estimate
    if as_json:
        print_json(
            {
                "endpoint": prepared.endpoint.name,
                "model": str(prepared.model),
                "cells": plan.cells,
                "pending": len(plan.pending),
                "reused": plan.reused,
                "left": plan.left,
                "canaries": len(prepared.canaries),
                "reasons": reasons,
                "estimate": asdict(size),
                "pending_cells": [
                    {
                        "tool": cell.tool.slug,
                        "persona": cell.persona.id,
                        "repeat": cell.repeat,
                        "reason": reason,
                        "fingerprint": cell.fingerprint,
                    }
                    for cell, reason in plan.pending
                ],
            }
        )
        return
    tools, personas = len(prepared.tools), len(prepared.personas)
    repeats = plan.cells // max(1, tools * personas)
    say(
        f"{plan.cells:,} cells: {tools:,} tools × {personas} personas × {repeats} repeat(s), "
        f"asked of {prepared.model}"
    )
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("reused", f"{plan.reused:,}")
    for reason, count in reasons.items():
        table.add_row(f"to ask: {reason}", f"{count:,}")
    if plan.left:
        table.add_row("left alone", f"{plan.left:,}")
    if prepared.canaries:
        table.add_row("canaries, asked again", f"{len(prepared.canaries):,}")
    out().print(table)
    for cell, reason in plan.pending[:CELLS_SHOWN]:
        say(f"  {cell.tool.slug} × {cell.persona.id} × repeat {cell.repeat}: {reason}")
    if len(plan.pending) > CELLS_SHOWN:
        say(f"  ... and {len(plan.pending) - CELLS_SHOWN:,} more; --json lists them all.")
    if not plan.pending:
        say("Nothing to ask.")
        return
    completion = "?" if size.completion_tokens is None else f"{size.completion_tokens:,}"
    say(
        f"{size.calls:,} calls, roughly {size.prompt_tokens:,} prompt and {completion} completion "
        f"tokens; cost {_dollars(size.cost_usd)}."
    )
    worst = "unbounded" if size.worst_tokens is None else f"{size.worst_tokens:,}"
    say(
        f"At worst {size.worst_calls:,} paid calls and {worst} tokens; "
        f"cost {_dollars(size.worst_cost_usd)}."
    )


def _dollars(amount: float | None) -> str:
    return "unknown" if amount is None else f"${amount:,.4f}"


def _print_summary(prepared: Prepared, summary: Summary, tallies: RunStats, as_json: bool) -> None:
    if tallies.stopped == "endpoint":
        note(
            f"Stopped asking {prepared.endpoint.name!r}: {tallies.why} Everything answered is "
            f"kept; 'panel doctor --endpoint {prepared.endpoint.name}' looks closer."
        )
    if summary.stopped == "budget":
        note(f"Stopped: {tallies.why}. Everything answered is kept; the next run goes on.")
    if summary.stopped == "interrupted":
        note("Interrupted. Everything answered is kept; run again to go on.")
    if missed := tallies.reasons.get("error: not_recorded"):
        note(
            f"{missed:,} cells have no answer in the recording as they are now: record them again "
            "('panel run --record FILE' with the model)."
        )
    if as_json:
        print_json(summary.record())
        return
    if not summary.asked:
        say(f"Nothing asked: {summary.reused:,} of {summary.planned:,} cells reused.")
        return
    say(
        f"{summary.asked:,} cells asked of {prepared.model} in {summary.seconds:,.1f} s, "
        f"{summary.reused:,} reused."
    )
    say(
        f"{summary.verdicts:,} verdicts ({tallies.ships:,} ship, {tallies.skips:,} skip), "
        f"{summary.abstains:,} abstained, {summary.errors:,} errors; "
        f"{summary.requests:,} requests, output_mode {tallies.output_mode}."
    )
    if summary.canaries:
        say(f"{summary.canaries:,} canaries asked again; 'panel diff' says whether they moved.")
    unasked = summary.planned - summary.reused - summary.asked
    if unasked:
        say(f"{unasked:,} cells not asked; the next run asks them.")
    for reason, count in sorted(tallies.reasons.items()):
        say(f"  {count:,} × {reason}")
    if tallies.adapted:
        say(f"Requests were adapted to the server: {', '.join(tallies.adapted)}.")
    if tallies.degraded:
        say(f"{tallies.degraded:,} replies stood in the reasoning field only (degraded).")
    if len(tallies.models) > 1:
        say(f"The server names more than one model: {', '.join(sorted(tallies.models))}.")
    say(_tokens(summary))


def _tokens(summary: Summary) -> str:
    if summary.prompt_tokens is None:
        return "Tokens: the server counts none."
    text = f"{summary.prompt_tokens:,} prompt tokens"
    if summary.cached_tokens is not None and summary.prompt_tokens:
        share = percent(100 * summary.cached_tokens / summary.prompt_tokens)
        text += f" ({share} of them served from its cache)"
    if summary.completion_tokens is not None:
        text += f", {summary.completion_tokens:,} completion tokens"
    return f"{text}; cost {_dollars(summary.cost_usd)}."
