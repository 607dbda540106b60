"""``panel probe``: questions about the panel itself that can be answered with no."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

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
    Personas,
)
from panel.cli.output import note, out, plain_table, print_json, safe, say
from panel.cli.remarks import remark_all
from panel.cli.run import how_ended
from panel.cli.workspace import open_workspace
from panel.endpoint.choice import asking
from panel.endpoint.target import Chosen, refuse_demo, resolve_target
from panel.engines.base import RunBudget
from panel.research.probe_findings import Finding
from panel.research.probe_material import load_material
from panel.research.probe_plan import ProbePlan
from panel.research.probe_rules import Decision
from panel.research.probe_run import (
    PreparedProbe,
    ask_probe,
    prepare_probe,
    read_probe,
    size_in_money,
)
from panel.research.probes import PROBES, find_probe, size_of
from panel.text import counted
from panel.workspace.loading import WorkspaceFiles

app = typer.Typer(rich_markup_mode=None)


@app.command()
def probe(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which probe.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Say which probes there are.")] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what this size can show, and ask nothing.")
    ] = False,
    tools: Annotated[
        int | None, typer.Option("--tools", min=2, help="Ask about so many tools (all).")
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option("--repeats", min=1, max=1000, help="Ask every cell so often (per probe)."),
    ] = None,
    persona: Personas = None,
    sealed: Annotated[bool, typer.Option("--sealed", help="Use the sealed tools as well.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Ask, although this size cannot decide.")
    ] = False,
    gate: Annotated[bool, typer.Option("--gate", help="Exit 1 when the goal is not met.")] = False,
    endpoint: EndpointName = None,
    model: Model = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the order of asking.")] = 1,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    no_detect: NoDetect = False,
    as_json: Json = False,
) -> None:
    """Probe the panel on fictional tools: met, not met, or not shown.

    Exit 0 whatever the verdict; with --gate, 1 for "not met". 2: a size that cannot decide.
    What is answered already is not asked again.
    """
    if listed or name is None:
        _print_list(as_json)
        return
    wanted = find_probe(name)
    workspace = asking(open_workspace(), endpoint, model, no_detect)
    target = resolve_target(workspace, Chosen((), persona or (), (), endpoint, model))
    setup = wanted.setup(target, load_material(workspace.root, sealed), tools, repeats)
    prepared, size = prepare_probe(wanted, setup), size_of(setup)
    if plan or not anyway:
        planned = wanted.planned(size)
        if plan:
            _print_plan(workspace, prepared, planned, as_json)
        if not anyway:
            wanted.refuse_useless(setup, planned)
    if plan:
        return
    refuse_demo(target)
    cells, arms = len(prepared.cells), len(prepared.arms)
    note(
        f"{counted(cells, 'cell')} in {counted(arms, 'arm')} of {target.model}, as "
        f"{prepared.experiment!r}."
    )
    with shown(cells) as reporter:
        budget = RunBudget(max_calls, max_tokens, max_cost)
        done = ask_probe(workspace, prepared, seed, reporter, budget)
    for each in done.models:
        if each.summary.stopped is not None:
            remark_all(done.models)
            note("Stopped before all was asked; nothing is decided. Run it again to go on.")
            raise typer.Exit(how_ended(each.summary, each.stats))
    finding = read_probe(workspace, prepared)
    _print_finding(prepared, finding, as_json)
    if gate and finding.decision.verdict == "not met":
        raise typer.Exit(ExitCode.FAILED)


def _print_list(as_json: bool) -> None:
    if as_json:
        names = ("name", "asks", "goal", "threshold", "repeats")
        print_json([{each: getattr(one, each) for each in names} for one in PROBES.values()])
        return
    table = plain_table(["Probe", "Question", "Goal"])
    for one in PROBES.values():
        table.add_row(one.name, one.asks, one.goal)
    out().print(table)


def _print_plan(
    workspace: WorkspaceFiles, prepared: PreparedProbe, planned: ProbePlan, as_json: bool
) -> None:
    setup, size = prepared.setup, size_of(prepared.setup)
    cost = size_in_money(workspace, setup.target, prepared.cells)
    if as_json:
        chances = [{**asdict(row), "not_shown": row.not_shown} for row in planned.rows]
        record = {"probe": prepared.probe.name, "goal": prepared.probe.goal, **asdict(size)}
        decides = {"decides": planned.decides, "chances": chances, "estimate": asdict(cost)}
        print_json({**record, "model": str(setup.target.model), **decides})
        return
    say(f"{prepared.probe.name}: {prepared.probe.asks} {prepared.probe.goal}")
    price = "unknown" if cost.cost_usd is None else f"${cost.cost_usd:,.2f}"
    say(
        f"{counted(size.tools, 'tool')}, {counted(size.personas, 'persona')}, "
        f"{counted(size.repeats, 'repeat')}: {counted(cost.calls, 'call')} at most, cost {price}."
    )
    table = plain_table(["If the truth is"], ["met", "not met", "not shown"])
    for row in planned.rows:
        chances_of = (row.met, row.not_met, row.not_shown)
        truth = f"{row.truth:g} {'%' if row.unit == 'percent' else row.unit}"
        table.add_row(truth, *(f"{100 * chance:.1f} %" for chance in chances_of))
    out().print(table)


def _print_finding(prepared: PreparedProbe, finding: Finding, as_json: bool) -> None:
    probe, decision = prepared.probe, finding.decision
    if as_json:
        print_json(_record(prepared, finding))
        return
    say(f"{probe.name}: {decision.verdict}. {probe.asks} {decision.why}")
    say(f"{_interval(decision)}; n = {decision.n} {decision.units}; {decision.method}.")
    for label, other in finding.beside.items():
        out().print(safe(f"  {label}: {other.verdict}, {_interval(other)}, n = {other.n}"))
    for each in finding.notes:
        say(each)


def _interval(decision: Decision) -> str:
    if decision.estimate is None:
        return "not estimable"
    if decision.low is None or decision.high is None:
        return f"{decision.estimate:.1f}, interval not estimable"
    return f"{decision.estimate:.1f} ({decision.low:.1f} to {decision.high:.1f})"


def _record(prepared: PreparedProbe, finding: Finding) -> dict[str, Any]:
    setup = prepared.setup
    return {
        "probe": prepared.probe.name,
        "question": prepared.probe.asks,
        "goal": prepared.probe.goal,
        "threshold": prepared.probe.threshold,
        **asdict(finding.decision),
        "model": str(setup.target.model),
        "personas": [persona.id for persona in setup.personas],
        "repeats": setup.repeats,
        "material": setup.material.digest,
        "experiment": prepared.experiment,
        "beside": {label: asdict(each) for label, each in finding.beside.items()},
        "notes": list(finding.notes),
        "unrealised": {arm: list(why) for arm, why in finding.unrealised.items()},
    }
