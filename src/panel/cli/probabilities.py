"""``panel probabilities``: how probable "ship" is given a take, and what such figures foretell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from panel.cli.follow import shown
from panel.cli.main import ExitCode
from panel.cli.options import (
    EndpointName,
    Json,
    MaxCalls,
    MaxCost,
    MaxTokens,
    Model,
    NoDetect,
    Tools,
)
from panel.cli.output import note, out, print_json, say
from panel.cli.run import dollars
from panel.cli.workspace import open_workspace
from panel.endpoint.choice import asking
from panel.engines.base import RunBudget, RunStats
from panel.results.confidence import ForecastScores, forecast_scores
from panel.runs.probabilities import PlannedReadings, ask_readings, plan_readings
from panel.runs.selection import Selection
from panel.stats.calibration import FEWEST_TOOLS, HeldOut, Reliability
from panel.store.ingest import opened
from panel.text import counted, in_words

app = typer.Typer(rich_markup_mode=None)
NONE = "—"
SOURCES = {
    "logprobs": "P(ship), logprobs",
    "decisions": "P(ship), /v1/decisions",
}


@app.command()
def probabilities(
    tool: Tools = None,
    endpoint: EndpointName = None,
    model: Model = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Ask nothing: say what would be asked, and the scores.")
    ] = False,
    no_detect: NoDetect = False,
    as_json: Json = False,
) -> None:
    """Ask /v1/decisions how probable ship is, given each take; say what P(ship) foretells.

    Asked is the model that wrote the takes, about those whose reply told no probability, once
    each. Verdicts stay as they are. Exit codes are those of `panel run`.
    """
    workspace = open_workspace()
    if not plan:
        workspace = asking(workspace, endpoint, model, no_detect)
    selection = Selection(tools=tool or (), endpoint=endpoint, model=model)
    planned = plan_readings(workspace, selection)
    run_id, stats = None, RunStats()
    if not plan:
        with shown(len(planned.takes.pending)) as reporter:
            budget = RunBudget(max_calls, max_tokens, max_cost)
            run_id, stats = ask_readings(workspace, planned, selection, reporter, budget)
    name = str(planned.target.model)
    after = planned if run_id is None else plan_readings(workspace, selection)
    with opened(workspace.runs) as connection:
        scores = forecast_scores(connection, name)
    if stats.stopped == "interrupted":
        note("Interrupted. Everything answered is kept; run it again to go on.")
    elif stats.why is not None:
        note(f"Stopped: {stats.why}")
    if as_json:
        print_json(_record(after, run_id, stats, scores))
    else:
        _print(after, plan, stats, scores)
    raise typer.Exit(_how_ended(stats))


def _how_ended(stats: RunStats) -> ExitCode:
    stopped = {
        "interrupted": ExitCode.INTERRUPTED,
        "endpoint": ExitCode.ENDPOINT,
        "budget": ExitCode.BUDGET,
    }
    return stopped.get(stats.stopped or "", ExitCode.FAILED if stats.errors else ExitCode.OK)


def _record(
    found: PlannedReadings,
    run_id: str | None,
    stats: RunStats,
    scores: Sequence[ForecastScores],
) -> dict[str, Any]:
    takes = found.takes
    return {
        "model": str(found.target.model),
        "run_id": run_id,
        "takes": takes.takes,
        "told": takes.told,
        "declined": takes.declined,
        "unseen": takes.unseen,
        "pending": len(takes.pending),
        "pending_prompt_tokens": found.prompt_tokens,
        "pending_cost_usd": found.cost_usd,
        "pending_takes": [
            {"attempt_id": each.attempt_id, "tool": tool, "persona": persona, "repeat": each.repeat}
            for each in takes.pending
            for tool, persona in [each.pair]
        ],
        "asked": stats.asked,
        "answered": stats.ships + stats.skips,
        "errors": stats.errors,
        "reasons": stats.reasons,
        "requests": stats.requests,
        "prompt_tokens": stats.prompt_tokens,
        "cost_usd": stats.cost_usd if found.target.endpoint.prices else None,
        "stopped": stats.stopped,
        "why": stats.why,
        "forecasts": [asdict(each) for each in scores],
    }


def _print(
    found: PlannedReadings, plan: bool, stats: RunStats, scores: Sequence[ForecastScores]
) -> None:
    takes = found.takes
    counts = [f"{many:,} told by {source}" for source, many in sorted(takes.told.items())]
    counts += [
        f"{many:,} {what}"
        for many, what in (
            (takes.declined, "that /v1/decisions said nothing of"),
            (takes.unseen, "whose messages are not in the journals here"),
            (len(takes.pending), "to ask"),
        )
        if many
    ]
    say(f"{found.target.model}: {counted(takes.takes, 'take')}: {', '.join(counts) or 'none'}.")
    if plan and takes.pending:
        say(
            f"{counted(len(takes.pending), 'request')} to /v1/decisions, roughly "
            f"{found.prompt_tokens:,} prompt tokens; cost {dollars(found.cost_usd)}."
        )
    if stats.asked:
        cost = dollars(stats.cost_usd if found.target.endpoint.prices else None)
        say(
            f"Asked about {stats.asked:,}: {stats.ships:,} rather ship, {stats.skips:,} rather "
            f"skip; {counted(stats.requests, 'request')}, "
            f"{counted(stats.prompt_tokens, 'prompt token')}; cost {cost}."
        )
    for reason, count in sorted(stats.reasons.items()):
        say(f"  {count:,} × {in_words(reason)}")
    _print_scores(scores)


def _print_scores(scores: Sequence[ForecastScores]) -> None:
    for each in scores:
        say("")
        title = f"{SOURCES.get(each.forecast, each.forecast)} as a forecast of {each.outcome}"
        found, bins = each.against_base, each.reliability
        if found is None or bins is None:
            say(f"{title}: not estimable: {each.why}.")
            continue
        say(
            f"{title}: {counted(each.n, 'answer')} in {counted(found.cells, 'cell')} on "
            f"{counted(found.tools, 'tool')}"
        )
        table = Table(box=None, pad_edge=False, header_style="bold")
        for head in ("", "value", "base rate", ""):
            table.add_column(head, justify="left" if not head else "right")
        table.add_row("Brier score", *map(_figure, (found.brier, found.base_brier)), _gain(found))
        table.add_row("log loss, nats", *map(_figure, (each.log_loss, each.base_log_loss)))
        table.add_row("AUROC", _figure(each.auroc), _figure(0.5))
        calibrated = f"calibrated ones: {bins.null_ece:.3f}, 95 % below {bins.null_high:.3f}"
        table.add_row("calibration error", _figure(bins.ece), NONE, calibrated)
        out().print(table)
        out().print(_bins_table(bins))


def _gain(found: HeldOut) -> str:
    if found.low is None or found.high is None:
        return f"gain {found.gain:+.3f}; no interval under {FEWEST_TOOLS} tools"
    word = "better" if found.beats else "worse" if found.high < 0 else "not shown to be better"
    return f"gain {found.gain:+.3f}, 95 % {found.low:+.3f} to {found.high:+.3f}: {word}"


def _bins_table(bins: Reliability) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("forecast", "n", "shipped", "95 % of calibrated ones", ""):
        table.add_column(head, justify="right")
    for each in bins.bins:
        inside = each.low <= each.rate <= each.high
        band = f"{each.low:.3f} to {each.high:.3f}"
        told = (f"{each.forecast:.3f}", f"{each.n:,}", f"{each.rate:.3f}", band)
        table.add_row(*told, "" if inside else "outside")
    return table


def _figure(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"
