"""``panel stats``: what a set of votes says of tools, of the catalog and of the panel itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Annotated, Any

import typer

from panel.cli.estimates import (
    NONE,
    as_number,
    as_rate,
    head,
    n_of,
    print_estimates,
    share,
    show,
    span,
)
from panel.cli.options import Json
from panel.cli.output import DEMO_FIGURES, note, percent, print_json, safe, say
from panel.cli.workspace import open_store
from panel.research.agreement import AgreementFigures
from panel.research.factors import arm_factors
from panel.research.frame import FORMS, Source, not_asked
from panel.research.panels import PanelStatistics, ToolRates, base_rate_alarms
from panel.research.rates import OVER_MODELS, Estimate
from panel.research.statistics import LISTED, ArmStatistics, Statistics, statistics_of
from panel.research.table import Grid, load_table
from panel.research.variance import Component, VarianceSplit
from panel.scorecard import NOT_JUDGEMENT
from panel.site.health import left_out
from panel.stats import DEMO, ENOUGH, Interval, ends
from panel.store.frames import persona_names
from panel.text import counted

app = typer.Typer(rich_markup_mode=None)


@app.command()
def stats(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help=f"Which votes: {FORMS}.")
    ] = "house",
    model: Annotated[
        list[str] | None, typer.Option("--model", help="Only this model; repeatable.")
    ] = None,
    tool: Annotated[
        list[str] | None,
        typer.Option(
            "--tool", help=f"List this tool's rate; repeatable. Up to {LISTED} are listed unasked."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a set of votes tells of tools, of the catalog and of the panel itself.

    Rates with the question that each answers, agreement, flips, effective votes, the parts of the
    variance and what more repeats or tools would buy, and each persona's influence. Models, prompts
    and arms are never pooled. docs/statistics.md explains every figure.
    """
    asked = Source.parse(source)
    with open_store() as connection:
        table = load_table(connection, asked)
        waiting, names = not_asked(connection, asked), persona_names(connection)
        arms = arm_factors(connection, asked.name) if asked.kind == "experiment" else ()
    found = statistics_of(table.of_models(model) if model else table, tool or ())
    found = found.in_order([each.arm for each in arms])
    panels = [panel.grid for arm in found.arms for panel in arm.panels]
    if demo := sorted({grid.model for grid in panels if grid.demo}):
        note(NOT_JUDGEMENT)
    if as_json:
        factors = {each.arm: {**each.clear, **each.texts} for each in arms}
        print_json(record(found) | {"not_asked": waiting, "factors": factors, "demo": demo})
    else:
        _print(found, names, {each.arm: each.words for each in arms})
        for arm, many in waiting.items():
            say(f"arm {arm}: {counted(many, 'cell is', 'cells are')} not asked yet.")


def record(value: Any) -> Any:
    """Return statistics as plain JSON types."""
    if isinstance(value, Interval):
        return ends(value)
    if isinstance(value, Grid):
        return {
            "arm": value.arm,
            "model": value.model,
            "prompt": value.prompt,
            "demo": value.demo,
            "tools": len(value.tools),
            "personas": list(value.personas),
            "votes": int(value.votes.sum()),
            "abstains": value.abstains,
            "errors": value.errors,
        }
    if is_dataclass(value):
        made = {each.name: record(getattr(value, each.name)) for each in fields(value)}
        if isinstance(value, PanelStatistics):
            made = {**made.pop("grid"), **made, "alarms": list(value.alarms)}
        if isinstance(value, Component):
            made["points"] = value.points
        return made
    if isinstance(value, tuple):
        return [record(each) for each in value]
    return dict(value) if isinstance(value, dict) else value


def _print(found: Statistics, names: Mapping[str, str], factors: Mapping[str, str]) -> None:
    for arm in found.arms:
        if factors.get(arm.arm):
            say(f"Arm {arm.arm} differs from others: {factors[arm.arm]}.")
        for panel in arm.panels:
            _print_panel(found.source, panel, arm, names)
        if _judged(arm) > 1:
            _print_over(arm)
        _print_tools(arm)


def _judged(arm: ArmStatistics) -> int:
    """Return how many panels there is something to say of over models and prompts."""
    return sum(not panel.grid.demo for panel in arm.panels)


def _title(grid: Grid) -> str:
    arm = f"arm {grid.arm}, " if grid.arm else ""
    demo = " (a demo model: no judgement)" if grid.demo else ""
    return f"{arm}{grid.model}{demo}, prompt {grid.prompt[:12]}"


def _print_panel(
    source: str, panel: PanelStatistics, arm: ArmStatistics, names: Mapping[str, str]
) -> None:
    grid = panel.grid
    left = (
        f"; {grid.abstains:,} abstained and "
        f"{counted(grid.errors, 'error is', 'errors are')} no votes"
    )
    say(f"{source}: {_title(grid)}")
    say(
        f"{counted(int(grid.votes.sum()), 'vote')} of {counted(len(grid.personas), 'persona')} on "
        f"{counted(len(grid.tools), 'tool')}{left if grid.abstains or grid.errors else ''}."
    )
    if grid.demo:
        say(DEMO_FIGURES)
        say(f"Who ships how often, the rates of tools and the catalog's: {DEMO}.")
    else:
        _print_rates(panel, arm, names)
    _print_agreement(panel, names)
    _print_variance(panel.variance)
    _print_projections(panel)
    rows = [
        (f"{names[each.persona]}: {what}", estimate)
        for each in panel.influence
        for what, estimate in (("left out", each.left_out), ("turned", each.pivotal))
    ]
    print_estimates("Tools whose majority changes", rows, as_rate)
    pulls = [(names[each.persona], each.shapley) for each in panel.influence]
    print_estimates("Pull on the majority (Shapley)", pulls, as_number)


def _print_rates(panel: PanelStatistics, arm: ArmStatistics, names: Mapping[str, str]) -> None:
    for alarm in base_rate_alarms(panel, names):
        say(f"Base-rate alarm: {alarm}")
    rates = [(names[each.persona], each.rate) for each in panel.base_rates]
    print_estimates("How often it ships", [*rates, ("the catalog", panel.catalog)], as_rate)
    say("")
    say(f"1. This tool by this panel, prompt and model {_tools_said(panel.tool_rates)}")
    many = _judged(arm)
    over = f"below, over the {many} panels" if many > 1 else _said(arm.catalog)
    say(f"2. Over prompts and models, of which those asked are a sample: {over}.")
    say(f"3. The catalog, of which the tools are a sample: {_said(panel.catalog)}.")


def _print_agreement(panel: PanelStatistics, names: Mapping[str, str]) -> None:
    found = panel.agreement
    rows = [
        ("raw agreement", found.raw),
        ("Krippendorff's alpha", found.alpha),
        ("Fleiss' kappa", found.fleiss),
        ("Gwet's AC1", found.ac1),
    ]
    print_estimates("Agreement of majorities", rows, as_number)
    if found.ships is not None:
        alone = f", {found.alone:,} of them alone on their tool," if found.alone else ""
        say(
            f"Of all {counted(found.ratings, 'majority', 'majorities')}{alone} "
            f"{percent(100 * found.ships)} ship. Where nearly all are the same, alpha is low and "
            "AC1 high: read them together."
        )
    if found.ties:
        say(
            f"{found.ties:,} tool × persona are tied over their repeats and have no majority; an "
            "odd number of repeats makes no ties."
        )
    print_estimates("Repeats and independence", [("answers that flip", found.flips)], as_rate)
    say(
        f"{counted(len(panel.grid.personas), 'persona counts', 'personas count')} as: "
        f"{_effective(found)}."
    )
    for each in found.uncounted:
        if each.votes.n >= ENOUGH:  # of a handful of tools it tells nothing
            say(left_out(each, names[each.persona]))


def _effective(found: AgreementFigures) -> str:
    each = found.effective
    if each.value is None:
        return f"not estimable: {each.why}"
    return (
        f"{each.value:.1f} independent votes (95 % interval {span(each.interval, 1)}; "
        f"{each.method}; {n_of(each)} with a majority of every persona)"
    )


def _print_variance(split: VarianceSplit) -> None:
    if split.why:
        say(f"The parts of the variance are not estimable: {split.why}.")
        return
    table = head("Variance of a vote", "share", "SD in points", "variance", "95 % interval")
    total = sum(max(0.0, each.value) for each in split.components if each.value is not None)
    for each in split.components:
        if each.value is None or each.points is None:
            table.add_row(safe(each.name), NONE, NONE, NONE, NONE)
            continue
        part = 100 * max(0.0, each.value) / total if total else None
        cells = (
            percent(part),
            f"{each.points:.1f}",
            f"{each.value:z.4f}",
            span(each.interval, 4),
        )
        table.add_row(safe(each.name), *cells)
    show(table)
    sizes = ", ".join(counted(n, name) for name, n in zip(split.factors, split.sizes, strict=True))
    left = (
        f"; {counted(split.left_out, 'tool')} without a vote somewhere left out"
        if split.left_out
        else ""
    )
    say(
        f"Analysis of variance, random effects, of {sizes} and {split.repeats:.3g} "
        f"{'repeat' if split.repeats == 1 else 'repeats'}"
        f"{left}; intervals by the grouped jackknife over tools."
    )
    for each in split.components:
        if each.why:
            say(f"{each.name}: {each.why}.")


def _print_projections(panel: PanelStatistics) -> None:
    if not panel.projections:
        return
    table = head("What more would buy", "repeats", "SE of the catalog", "SE of one tool")
    for each in panel.projections:
        cells = [NONE if se is None else f"{se:.2f}" for se in (each.catalog, each.tool)]
        table.add_row(counted(each.tools, "tool"), f"{each.repeats:.3g}", *cells)
    show(table)
    why = panel.projections[0].why
    say(f"Standard errors in points, by the same personas{f'; {why}' if why else ''}.")


def _print_over(arm: ArmStatistics) -> None:
    say("")
    where = f" of arm {arm.arm}" if arm.arm else ""
    say(f"Over the {_judged(arm)} panels{where}: the catalog as other prompts and models see it")
    say(f"2. {OVER_MODELS[0].upper()}{OVER_MODELS[1:]}: {_said(arm.catalog)}.")
    say(f"   Each tool by itself {_tools_said(arm.tool_rates)}")
    if arm.variance is not None:
        _print_variance(arm.variance)


def _print_tools(arm: ArmStatistics) -> None:
    for place, panel in enumerate(arm.panels):
        if not arm.tools or panel.grid.demo:
            continue
        table = head("Tool", "ship", "95 % interval", "votes")
        for line in arm.tools:
            result = line.panels[place]
            if result is not None:
                cells = (share(result.ship_percent), span(result.interval, 1), f"{result.n:,}")
                table.add_row(safe(line.tool), *cells)
        say("")
        say(f"By {_title(panel.grid)}")
        show(table)
    if _judged(arm) > 1 and arm.tools:
        print_estimates(
            "Tools over prompts and models", [(e.tool, e.over) for e in arm.tools], as_rate
        )


def _tools_said(rates: ToolRates) -> str:
    about = rates.estimates.partition(": ")[2]
    if not rates.tools:
        return f"({about}): no tool has such a rate."
    none = rates.tools - rates.spread
    left = f", and {none:,} none, since all their shares are the same" if none else ""
    width = "—" if rates.width is None else f"{rates.width:.0f}"
    return (
        f"({about}): of {counted(rates.tools, 'tool')}, {counted(rates.undecided, 'has', 'have')} "
        f"a 95 % interval that includes 50 %{left}; the median interval is {width} points wide "
        f"({rates.intervals})."
    )


def _said(each: Estimate) -> str:
    """Say a rate in words, with its interval, its n and its method."""
    if each.value is None:
        return f"not estimable, since {each.why}"
    why = f", since {each.why}" if each.why else ""
    within = f"95 % interval {span(each.interval, 1)} %" if each.interval else f"no interval{why}"
    return f"{each.value:.1f} % ship ({within}, {n_of(each)}; {each.method})"
