"""``panel experiment plan | run | report``: arms of the same cells, in one drawn order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Annotated, Any

import typer
from rich.table import Table

from panel.cells.plan import Estimate, estimate
from panel.cli.experiment_report import flipped_takes, outcome_record, print_outcome
from panel.cli.follow import shown
from panel.cli.main import ExitCode
from panel.cli.options import Json, MaxCalls, MaxCost, MaxTokens, NoDetect
from panel.cli.output import note, out, plain_table, print_json, safe, say
from panel.cli.remarks import remark_all
from panel.cli.run import how_ended, print_estimate, tell_waiting
from panel.cli.workspace import open_workspace
from panel.engines.base import HERE, RunBudget
from panel.frozen.thaw import opened_thawed
from panel.research.arms import Arm, Plan, plan_arms
from panel.research.asking import AskedArms, Asking, ask_arms
from panel.research.experiments import (
    alike,
    asking_arms,
    opened_arms,
    protocol_of,
    refuse_alike,
    undecidable,
    waiting_arms,
)
from panel.research.outcome import experiment_outcome
from panel.scorecard import NOT_JUDGEMENT
from panel.store.queries import experience
from panel.text import counted, in_words
from panel.workspace.experiments import Comparison, Experiment, load_experiment
from panel.workspace.loading import WorkspaceFiles

app = typer.Typer(rich_markup_mode=None)
experiment = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Ask the same cells under other settings, and compare.",
)
app.add_typer(experiment, name="experiment")

TIES = (
    "a question can be tied and have no majority, and is then left out of agreement, McNemar's "
    "test and flips. An odd number has no ties."
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of experiments/NAME.toml.")]


@experiment.command()
def plan(name: Name, no_detect: NoDetect = False, as_json: Json = False) -> None:
    """Say what an experiment would ask. Asks no model anything."""
    workspace = open_workspace()
    found = load_experiment(workspace.root, name)
    workspace = asking_arms(workspace, found, no_detect)
    with _planned(workspace, found) as (arms, planned, estimates):
        record = _record(found, arms, planned, estimates)
        if as_json:
            print_json(record)
            return
        say(f"{name}: {found.plan.question}")
        out().print(_arms_table(record["arms"]))
        for each in record["arms"]:
            if each["same_as"]:
                say(f"{each['arm']} asks the very same questions as {each['same_as']}.")
        for waiting in record["waiting"]:
            say(f'{waiting} waits for its model: model = "next".')
        for compared in found.plan.compare:
            say(_compares(compared))
        if len(found.plan.compare) > 1:
            say(f"They are decided together (Holm), at 0.05 over all {len(found.plan.compare)}.")
        if not found.plan.compare:
            say("It registers no [[compare]], so that its report can only explore.")
        for why in record["undecidable"]:
            say(why)
        say(
            f"{record['cells']:,} cells in {counted(len(arms), 'arm')}; {record['asking']:,} to "
            f"ask, each once, in an order drawn with seed {found.plan.seed}."
        )
        if found.plan.repeats % 2 == 0:
            say(f"With {counted(found.plan.repeats, 'repeat')} {TIES}")
        if planned.waiting:
            say(f"{counted(planned.waiting, 'cell waits', 'cells wait')} in a batch.")
        if not planned.asking:
            say("Nothing to ask.")
        for model, each in estimates.items():
            if each.calls:
                say(f"{model}:")
                print_estimate(each)
        if found.plan.compare and planned.enrolled:
            say(_what_it_can_show(found, planned))


@experiment.command()
def run(
    name: Name,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    no_detect: NoDetect = False,
    as_json: Json = False,
) -> None:
    """Register an experiment, ask what its arms lack, keep every answer.

    A cell that the house panel or another arm was asked already is not asked again. Exit codes
    are those of `panel run`.
    """
    workspace = open_workspace()
    found = load_experiment(workspace.root, name)
    workspace = asking_arms(workspace, found, no_detect)
    with ExitStack() as stack:
        with opened_thawed(workspace.root) as connection:
            arms = stack.enter_context(opened_arms(workspace, found, connection))
            planned = plan_arms(connection, protocol_of(found), arms)
        refuse_alike(found, planned)
        demo = any(arm.target.endpoint.demo for arm in arms)
        if demo:
            note(NOT_JUDGEMENT)
        for waiting in waiting_arms(found):
            note(f"{waiting} waits for its model and is not asked.")
        for why in undecidable(found, planned):
            note(why)
        tell_waiting(planned.waiting)
        asked = {each.arm for each in planned.asking}
        for arm in arms:
            if arm.name in asked:
                HERE.asker().ready(arm.target.endpoint)
        if planned.asking:
            models = sorted({str(each.cell.model) for each in planned.asking})
            note(f"Asking {counted(len(planned.asking), 'cell')} of {', '.join(models)} ...")
        with shown(len(planned.asking), demo) as reporter:
            how = Asking(reporter, RunBudget(max_calls, max_tokens, max_cost))
            done = ask_arms(workspace, protocol_of(found), arms, how)
    remark_all(done.models)
    _print_done(name, done, as_json)
    codes = [how_ended(each.summary, each.stats) for each in done.models]
    raise typer.Exit(max(codes, default=ExitCode.OK))


@experiment.command()
def report(name: Name, as_json: Json = False) -> None:
    """Compare the arms of an experiment as was registered, and say which did not come about.

    A rate is the mean of tool means with a t interval: tools are the sample. A comparison is B
    minus A, in points; a sign-flip test over tools decides it.
    """
    workspace = open_workspace()
    found = load_experiment(workspace.root, name)
    with opened_thawed(workspace.root) as connection:
        outcome = experiment_outcome(workspace, connection, found)
        takes = flipped_takes(connection, outcome)
    if as_json:
        print_json(outcome_record(outcome, takes))
    else:
        print_outcome(outcome)


@contextmanager
def _planned(
    workspace: WorkspaceFiles, found: Experiment
) -> Iterator[tuple[Sequence[Arm], Plan, dict[str, Estimate]]]:
    with (
        opened_thawed(workspace.root) as connection,
        opened_arms(workspace, found, connection) as arms,
    ):
        planned = plan_arms(connection, protocol_of(found), arms)
        refuse_alike(found, planned)
        estimates: dict[str, Estimate] = {}
        for arm in arms:
            model = arm.target.model
            cells = [each.cell for each in planned.asking if each.cell.model == model]
            estimates[str(model)] = estimate(
                cells, arm.target.endpoint, experience(connection, model)
            )
        yield arms, planned, estimates


def _record(
    found: Experiment, arms: Sequence[Arm], planned: Plan, estimates: dict[str, Estimate]
) -> dict[str, Any]:
    sizes = [(arm, len(arm.target.pairs) * arm.repeats) for arm in arms]
    same = alike(planned)
    return {
        "experiment": found.name,
        "question": found.plan.question,
        "registered": planned.registered,
        "seed": found.plan.seed,
        "cells": len(planned.enrolled),
        "asking": len(planned.asking),
        "waiting_cells": planned.waiting,
        "arms": [
            {
                "arm": arm.name,
                "same_as": same.get(arm.name),
                "model_identity": str(arm.target.model),
                "tools": len(arm.target.tools),
                "personas": len(arm.target.personas),
                "repeats": arm.repeats,
                "cells": cells,
                "reused": cells - planned.pending.get(arm.name, 0),
                "pending": planned.pending.get(arm.name, 0),
            }
            for arm, cells in sizes
        ],
        "waiting": waiting_arms(found),
        "compare": [each.model_dump() for each in found.plan.compare],
        "undecidable": undecidable(found, planned),
        "calls": sum(each.calls for each in estimates.values()),
        "cost_usd": _sum(each.cost_usd for each in estimates.values()),
        "worst_cost_usd": _sum(each.worst_cost_usd for each in estimates.values()),
        "batch_cost_usd": _sum(each.batch_cost_usd for each in estimates.values()),
    }


def _sum(costs: Iterator[float | None]) -> float | None:
    known = list(costs)
    return None if None in known else sum(each for each in known if each is not None)


def _arms_table(arms: Sequence[dict[str, Any]]) -> Table:
    heads = ("tools", "personas", "repeats", "cells", "answered", "to ask")
    table = plain_table(["Arm", "Model"], heads)
    for each in arms:
        counts = ("tools", "personas", "repeats", "cells", "reused", "pending")
        table.add_row(
            safe(each["arm"]), safe(each["model_identity"]), *(f"{each[name]:,}" for name in counts)
        )
    return table


def _compares(each: Comparison) -> str:
    """Say what a comparison asks."""
    said = f"whether {each.b} and {each.a} differ (two-sided)"
    if each.expect:
        often = "more" if each.expect == "more" else "less"
        said = f"whether {each.b} ships {often} often than {each.a} (one-sided)"
    if each.margin is not None:
        said += f", and whether they are the same within ±{each.margin:g} points (TOST)"
    return f"Compares {said}."


def _what_it_can_show(found: Experiment, planned: Plan) -> str:
    many = len(found.plan.compare) + 1
    margins = [each.margin for each in found.plan.compare if each.margin is not None]
    aim = f"--margin {min(margins):g}" if margins else "--effect POINTS"
    return (
        "What that can show: 'panel power --from PILOT "
        f"{aim} --arms {many} --calls {len(planned.enrolled)}', where PILOT names votes like these."
    )


def _print_done(name: str, done: AskedArms, as_json: bool) -> None:
    if as_json:
        names = ("cells", "reused", "asked", "left", "waiting")
        sizes = {name: getattr(done, name) for name in names}
        runs = [{"model_identity": each.model, **each.summary.record()} for each in done.models]
        print_json({"experiment": name, **sizes, "runs": runs})
        return
    if not (done.asked or done.left or done.waiting):
        say(f"{name}: nothing to ask; every cell of every arm has an answer.")
        return
    waiting = f", {done.waiting:,} waiting in a batch" if done.waiting else ""
    say(
        f"{counted(done.cells, 'cell')}: {done.reused:,} answered before, {done.asked:,} "
        f"asked{waiting}."
    )
    for each in done.models:
        own = each.summary
        say(
            f"{each.model}: {own.asked:,} asked in {own.seconds:.1f} s; "
            f"{counted(own.verdicts, 'verdict')}, {own.abstains:,} abstained, "
            f"{counted(own.errors, 'error')}. Run {own.run_id}."
        )
        for reason, count in sorted(each.stats.reasons.items()):
            say(f"  {count:,} × {in_words(reason)}")
    stopped = next((each.summary.stopped for each in done.models if each.summary.stopped), None)
    if stopped:
        say(
            f"Stopped early ({stopped}): {counted(done.left, 'cell is', 'cells are')} still to be "
            f"asked. 'panel experiment run {name}' goes on."
        )
