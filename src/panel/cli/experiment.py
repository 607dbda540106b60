"""``panel experiment plan | run | report``: arms of the same cells, in one drawn order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from panel.cells.plan import Estimate, estimate
from panel.cli.comparing import print_comparison
from panel.cli.comparing import record as comparison_record
from panel.cli.main import ExitCode
from panel.cli.options import Json, MaxCalls, MaxCost, MaxTokens
from panel.cli.output import note, out, percent, print_json, safe, say
from panel.cli.run import how_ended, print_estimate, shown
from panel.cli.workspace import open_workspace
from panel.endpoint.embedded import NOT_JUDGEMENT
from panel.engines.base import RunBudget
from panel.frozen.thaw import opened_thawed
from panel.research.arms import Arm, Plan, plan_arms
from panel.research.asking import Asking, ask_arms
from panel.research.experiments import opened_arms, protocol_of, waiting_arms
from panel.research.flips import expected_flips
from panel.research.outcome import ExperimentOutcome, experiment_outcome
from panel.runs.run import RunSummary
from panel.store.queries import experience
from panel.workspace.experiments import Experiment, load_experiment
from panel.workspace.loading import WorkspaceFiles

app = typer.Typer(rich_markup_mode=None)
experiment = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Ask the same cells under other settings, and compare.",
)
app.add_typer(experiment, name="experiment")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of experiments/NAME.toml.")]


@experiment.command()
def plan(name: Name, as_json: Json = False) -> None:
    """Say what an experiment would ask. Opens no connection to any model."""
    workspace = open_workspace()
    found = load_experiment(workspace.root, name)
    with _planned(workspace, found) as (arms, planned, estimates):
        record = _record(found, arms, planned, estimates)
        if as_json:
            print_json(record)
            return
        say(f"{name}: {found.plan.question}")
        out().print(_arms_table(record["arms"]))
        for waiting in record["waiting"]:
            say(f'{waiting} waits for its model: model = "next".')
        say(
            f"{record['cells']:,} cells in {len(arms)} arms; {record['asking']:,} to ask, each "
            f"once, in an order drawn with seed {found.plan.seed}."
        )
        if not planned.asking:
            say("Nothing to ask.")
        for model, each in estimates.items():
            if each.calls:
                say(f"{model}:")
                print_estimate(each)


@experiment.command()
def run(
    name: Name,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    as_json: Json = False,
) -> None:
    """Register an experiment, ask what its arms lack, keep every answer.

    A cell that the house panel or another arm was asked already is not asked again. Exit codes
    are those of `panel run`.
    """
    workspace = open_workspace()
    found = load_experiment(workspace.root, name)
    with ExitStack() as stack:
        with opened_thawed(workspace.root) as connection:
            arms = stack.enter_context(opened_arms(workspace, found, connection))
        if any(arm.target.endpoint.profile == "embedded" for arm in arms):
            note(NOT_JUDGEMENT)
        for waiting in waiting_arms(found):
            note(f"{waiting} waits for its model and is not asked.")
        cells = sum(len(arm.target.pairs) * arm.repeats for arm in arms)
        with shown(cells) as reporter:
            how = Asking(reporter, RunBudget(max_calls, max_tokens, max_cost))
            summaries = ask_arms(workspace, protocol_of(found), arms, how)
    _print_summaries(name, summaries, as_json)
    codes = [how_ended(each) for each in summaries]
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
        outcome = experiment_outcome(connection, found)
    if as_json:
        print_json(_outcome_record(outcome))
        return
    say(f"{name}: {found.plan.question}")
    word = "Confirmatory" if outcome.standing.confirmatory else "Exploratory"
    say(f"{word}. {outcome.standing.why}")
    if outcome.standing.versions > 1:
        say(f"Its arms or texts were registered {outcome.standing.versions} times.")
    out().print(_rates_table(outcome))
    for arm in outcome.arms:
        for why in arm.unrealised:
            say(f"Not realised: {arm.conditions.arm}: {why}.")
        if arm.rate.why:
            say(f"{arm.conditions.arm}: not estimable: {arm.rate.why}.")
    for each in outcome.comparisons:
        say("")
        if each.found is None:
            say(each.sentence)
            continue
        print_comparison(each.found, expected_flips(each.found))
        say(each.sentence)


def _outcome_record(outcome: ExperimentOutcome) -> dict[str, Any]:
    found = outcome.experiment
    return {
        "experiment": found.name,
        "question": found.plan.question,
        **asdict(outcome.standing),
        "arms": [
            {
                **asdict(arm.conditions),
                "unanswered": arm.unanswered,
                "tools": arm.tools,
                "votes": arm.votes,
                "abstains": arm.abstains,
                "errors": arm.errors,
                "rate": asdict(arm.rate),
                "realised": not arm.unrealised,
                "unrealised": list(arm.unrealised),
            }
            for arm in outcome.arms
        ],
        "waiting": waiting_arms(found),
        "comparisons": [
            {
                **each.registered.model_dump(),
                "why": each.why,
                "sentence": each.sentence,
                "p_adjusted": each.adjusted,
                "found": each.found
                and comparison_record(each.found, expected_flips(each.found), None, None, []),
            }
            for each in outcome.comparisons
        ],
    }


def _rates_table(outcome: ExperimentOutcome) -> Table:
    table = Table("Arm", box=None, pad_edge=False, header_style="bold")
    for head in ("tools", "votes", "no verdict", "not asked", "ship", "95 % interval"):
        table.add_column(head, justify="right")
    table.add_column("asked as")
    for arm in outcome.arms:
        rate = arm.rate
        span = f"{rate.interval.low:.0f}–{rate.interval.high:.0f} %" if rate.interval else "—"
        counts = (arm.tools, arm.votes, arm.abstains + arm.errors, arm.unanswered)
        table.add_row(
            safe(arm.conditions.arm),
            *(f"{count:,}" for count in counts),
            percent(rate.value),
            span,
            safe(", ".join((*arm.conditions.output_modes, *arm.conditions.adapted))),
        )
    return table


@contextmanager
def _planned(
    workspace: WorkspaceFiles, found: Experiment
) -> Iterator[tuple[Sequence[Arm], Plan, dict[str, Estimate]]]:
    with (
        opened_thawed(workspace.root) as connection,
        opened_arms(workspace, found, connection) as arms,
    ):
        planned = plan_arms(connection, protocol_of(found), arms)
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
    return {
        "experiment": found.name,
        "question": found.plan.question,
        "registered": planned.registered,
        "seed": found.plan.seed,
        "cells": len(planned.enrolled),
        "asking": len(planned.asking),
        "arms": [
            {
                "arm": arm.name,
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
        "calls": sum(each.calls for each in estimates.values()),
        "cost_usd": _sum(each.cost_usd for each in estimates.values()),
        "worst_cost_usd": _sum(each.worst_cost_usd for each in estimates.values()),
    }


def _sum(costs: Iterator[float | None]) -> float | None:
    known = list(costs)
    return None if None in known else sum(each for each in known if each is not None)


def _arms_table(arms: Sequence[dict[str, Any]]) -> Table:
    table = Table("Arm", "Model", box=None, pad_edge=False, header_style="bold")
    for head in ("tools", "personas", "repeats", "cells", "answered", "to ask"):
        table.add_column(head, justify="right")
    for each in arms:
        counts = ("tools", "personas", "repeats", "cells", "reused", "pending")
        table.add_row(
            safe(each["arm"]), safe(each["model_identity"]), *(f"{each[name]:,}" for name in counts)
        )
    return table


def _print_summaries(name: str, summaries: Sequence[RunSummary], as_json: bool) -> None:
    if as_json:
        print_json({"experiment": name, "runs": [each.record() for each in summaries]})
        return
    if not summaries:
        say(f"{name}: nothing to ask; every cell of every arm has an answer.")
    for each in summaries:
        say(
            f"{each.planned:,} cells: {each.reused:,} answered before, {each.asked:,} asked in "
            f"{each.seconds:.1f} s; {each.verdicts:,} verdicts, {each.abstains:,} abstained, "
            f"{each.errors:,} errors. Run {each.run_id}."
        )
        if each.stopped:
            say(f"Stopped early ({each.stopped}); run it again to go on.")
