"""``panel canary``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from panel.ci.drift import Drift, latest_drift
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
    Record,
    Replay,
    recording,
)
from panel.cli.output import note, print_json, say
from panel.cli.remarks import remark
from panel.cli.run import how_ended, tokens
from panel.cli.workspace import open_workspace
from panel.engines.base import RunBudget, RunStats
from panel.errors import UsageError
from panel.frozen.canaries import accept_latest
from panel.frozen.files import FOLDER
from panel.runs.run import RunSummary, execute, refuse_unready
from panel.runs.selection import Prepared, Selection, opened_for, prepare
from panel.text import counted
from panel.workspace.loading import WorkspaceFiles

app = typer.Typer(rich_markup_mode=None)


@app.command()
def canary(
    endpoint: EndpointName = None,
    model: Model = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    record: Record = None,
    replay: Replay = None,
    no_detect: NoDetect = False,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            help="Ask nothing: make the latest canaries' answers, in verdicts/, the record.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask the canaries again, and nothing else, to see whether the model has moved.

    'panel freeze' writes their answers into verdicts/. Exit 1: the model moved, or cells ended in
    error. 3: the endpoint refused, is not there, or asks to wait too long. 4: a --max-... bound is
    reached. 130: interrupted.
    """
    tape = recording(record, replay)
    budget = RunBudget(max_calls, max_tokens, max_cost)
    workspace = open_workspace()
    selection = Selection(endpoint=endpoint, model=model, canaries=True, no_detect=no_detect)
    if accept:
        if any(each is not None for each in (*asdict(budget).values(), record, replay)):
            raise typer.BadParameter("--accept asks nothing: no --max-..., --record or --replay.")
        _accept(workspace, selection, as_json)
        return
    prepared = prepare(workspace, selection)
    target = prepared.target
    if not prepared.canaries:
        raise UsageError(_nothing_to_ask(workspace, str(target.model)))
    refuse_unready(prepared, budget, tape)
    note(f"Asking {counted(len(prepared.canaries), 'cell')} of canaries of {target.model} ...")
    with shown(len(prepared.canaries), target.endpoint.demo) as reporter:
        summary, stats = execute(workspace, prepared, reporter, budget, tape)
    remark(target.endpoint.name, summary, stats)
    drift = latest_drift(workspace, target.model, summary.run_id)
    if as_json:
        print_json({**_counts(prepared, summary, stats), **_told(drift)})
    else:
        _print(summary, stats, drift)
    code = how_ended(summary, stats)
    if code == ExitCode.OK and (stats.errors or drift.shut):
        code = ExitCode.FAILED
    raise typer.Exit(code)


def _nothing_to_ask(workspace: WorkspaceFiles, model: str) -> str:
    if not workspace.settings.ci.canaries:
        return 'panel.toml names no canaries. Name some under [ci]: canaries = ["a-slug", ...].'
    return (
        f"no canary has an answer of {model} to its present wording, so there is nothing to "
        "compare with. Ask first: 'panel run'."
    )


def _accept(workspace: WorkspaceFiles, selection: Selection, as_json: bool) -> None:
    with opened_for(workspace, selection) as (target, connection):
        check, written = accept_latest(workspace.root / FOLDER, connection, target.model)
    drift = latest_drift(workspace, target.model, check.run_id)
    if as_json:
        print_json({"run_id": check.run_id, "written": written, **_told(drift)})
        return
    say(drift.sentence)
    for name in written:
        note(f"Wrote {FOLDER}/{name}; commit it.")
    if not written:
        note("They were accepted before.")


def _print(summary: RunSummary, stats: RunStats, drift: Drift) -> None:
    for each in drift.canaries or ():
        said = f"{each.ships} of {each.n} ship on record, {each.ships_again} of {each.n_again} now"
        if each.demo:
            said = f"{counted(each.n, 'demo verdict')} on record, {each.n_again} now"
        say(f"  {each.tool}: {said}")
    say(drift.sentence)
    say(tokens(summary, stats))
    if drift.shut:
        note("If that is to be so, 'panel canary --accept' makes these answers the record.")


def _counts(prepared: Prepared, summary: RunSummary, stats: RunStats) -> dict[str, Any]:
    """Return the counts of a run in which the canaries are all there is to ask."""
    fields = summary.record()
    del fields["canary_cells"]
    return fields | {
        "planned": len(prepared.canaries),
        "asked": stats.asked,
        "verdicts": stats.ships + stats.skips,
        "abstains": stats.abstains,
        "errors": stats.errors,
    }


def _told(drift: Drift) -> dict[str, Any]:
    """Return what the canaries say, as plain JSON types."""
    fields = asdict(drift)
    return {name: fields[name] for name in ("moved", "p", "sentence", "accepted", "canaries")}
