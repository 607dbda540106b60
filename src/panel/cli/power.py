"""``panel power``: what so many calls can show."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from panel.cli.options import Json
from panel.cli.output import Format, note, print_json, print_rows, say
from panel.cli.workspace import open_store
from panel.research.frame import FORMS, Source, load_frame
from panel.research.power import (
    MOST_TOOLS,
    WANTED,
    Aim,
    Budget,
    Design,
    Enough,
    Plan,
    answers_each,
    plan,
)
from panel.stats import ends
from panel.stats.paired import fisher_repeats
from panel.store.frames import usd_per_answer
from panel.text import counted

app = typer.Typer(rich_markup_mode=None)

EFFECT = 5.0  # points: what is asked about where nothing is named
SMALL = 20  # tools
CELLS = ((0.9, 0.1), (0.9, 0.5), (0.8, 0.5))  # P(ship) of one persona on one tool, before and after


@app.command()
def power(
    pilot: Annotated[
        str, typer.Option("--from", metavar="SOURCE", help=f"The pilot's votes: {FORMS}.")
    ],
    calls: Annotated[
        int | None,
        typer.Option(min=1, help="To spend; by default five repeats of the pilot's tools an arm."),
    ] = None,
    effect: Annotated[
        float | None, typer.Option(help="Show a difference if this many points are true (5).")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="Instead: show 'unchanged within this many points' if nothing changed."),
    ] = None,
    arms: Annotated[
        int, typer.Option(min=2, help="Arms; each is compared with the first, at 0.05 in all.")
    ] = 2,
    control_asked: Annotated[
        bool, typer.Option("--control-asked", help="The first arm has its answers already.")
    ] = False,
    reaction: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="How much tools differ in what a change does to them, as a standard deviation in "
            "logits. By default the pilot says, if it has two arms; else 0.5 is assumed.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what so many calls can show, and how best to spend them.

    The splits over tools and repeats are ranked by a pilot's spread. The test of compare-arms is
    simulated on 2,000 catalogs for each split.
    """
    if effect is not None and margin is not None:
        raise typer.BadParameter("--effect asks for a difference and --margin for none; name one.")
    if effect == 0:
        raise typer.BadParameter("no difference of 0 points can be shown.", param_hint="--effect")
    if margin is not None and margin <= 0:
        raise typer.BadParameter(f"{margin!r} is not above 0.", param_hint="--margin")
    source = Source.parse(pilot)
    with open_store() as connection:
        frame = load_frame(connection, source)
        usd = usd_per_answer(connection, source.place)
    tools = len(frame.tool_means())
    calls = calls or 5 * arms * len(frame.personas) * max(1, tools)
    budget = Budget(calls, arms, tools, answers_each(frame) if control_asked else 0)
    aim = Aim(None if margin else (effect or EFFECT), margin, arms - 1)
    found = plan(frame, budget, aim, reaction)
    if as_json:
        print_json(_record(found, usd))
    else:
        _print(found, usd)
    if tools < SMALL:
        note(
            f"{counted(tools, 'tool is', 'tools are')} a small pilot: its spread, and so the "
            "power, may be far off."
        )


def _question(found: Plan) -> str:
    aim, budget = found.aim, found.budget
    what = (
        f"unchanged within ±{aim.margin:g} points is shown if nothing changed (TOST)"
        if aim.margin is not None
        else f"a difference is shown if {aim.effect:+g} points are true (sign-flip test)"
    )
    free = ""
    if budget.asked:
        free = (
            f", of which the first costs nothing where it has its answers: {budget.asked} to each "
            f"question on {counted(budget.tools or 0, 'tool')}"
        )
    return (
        f"Power: the chance that {what}, at {aim.alpha:.3g} a comparison, with "
        f"{counted(budget.calls, 'call')} over {counted(budget.arms, 'arm')}{free}."
    )


def _advice(found: Plan) -> str:
    best, low, high = found.designs[0], found.spread.low, found.spread.high
    said = (
        f"Best: {counted(best.tools, 'tool')} × {counted(best.repeats, 'repeat')} an arm, power "
        f"{best.power:.2f} ({low:.2f} to {high:.2f} over pilots of this size)."
    )
    if best.tools <= found.tools:
        return said
    said += (
        f" The pilot has {counted(found.tools, 'tool')}: that takes "
        f"{best.tools - found.tools:,} more."
    )
    at_hand = [each for each in found.designs if each.tools <= found.tools]
    if at_hand:
        of = at_hand[0]
        said += f" Without them: {of.tools:,} × {of.repeats}, power {of.power:.2f}."
    return said


def _enough(found: Enough, at_hand: int) -> str:
    """Say what a power of 0.8 takes."""
    more, again = found.more_tools, found.more_repeats
    tools = (
        f"{counted(more.tools, 'tool')} × 1 repeat an arm, {counted(more.calls, 'call')}"
        if more
        else f"more than {MOST_TOOLS:,} tools"
    )
    said = f"A power of {WANTED:g} takes about {tools}"
    if again:
        return (
            f"{said}; or, on the {counted(at_hand, 'tool')} of the pilot, "
            f"{counted(again.repeats, 'repeat')} an arm, {counted(again.calls, 'call')}."
        )
    return (
        f"{said}; no number of repeats on the {counted(at_hand, 'tool')} of the pilot reaches it."
    )


def _print(found: Plan, usd: float | None) -> None:
    panel = found.panel
    say(
        f"Pilot {found.pilot}: {counted(found.tools, 'tool')}, "
        f"{counted(len(panel.biases), 'persona')}, {counted(found.votes, 'vote')}; a mean of "
        f"{100 * panel.mean():.0f} % ships."
    )
    why = " (assumed: a pilot with one arm cannot say; see --reaction)" if panel.assumed else ""
    say(
        f"Spread in logits: tools {panel.tool:.2f}, tool × persona {panel.cell:.2f}, "
        f"tool × arm {panel.reaction:.2f}{why}."
    )
    say(_question(found))
    say("")
    rows = [
        (each.tools, each.repeats, each.calls, f"{each.power:.3f}", _price(each, usd))
        for each in found.designs
    ]
    print_rows(["tools", "repeats", "calls", "power", "US dollars"], rows, Format.TABLE)
    say("")
    say(_advice(found))
    if found.enough:
        say(_enough(found.enough, found.tools))
    for one, other, n in _cells() if found.aim.margin is None else ():
        say(
            f"One persona on one tool, from {one:.0%} to {other:.0%}: {n} repeats an arm "
            "for a power of 0.8 (Fisher's exact test)."
        )


def _price(design: Design, usd: float | None) -> str:
    return "not known" if usd is None else f"{design.calls * usd:.2f}"


def _cells() -> list[tuple[float, float, int | None]]:
    return [(one, other, fisher_repeats(one, other)) for one, other in CELLS]


def _design(each: Design, usd: float | None) -> dict[str, Any]:
    return {
        "tools": each.tools,
        "repeats": each.repeats,
        "calls": each.calls,
        "power": each.power,
        "standard_error": each.error,
        "cost_usd": None if usd is None else each.calls * usd,
    }


def _record(found: Plan, usd: float | None) -> dict[str, Any]:
    panel, aim, budget = found.panel, found.aim, found.budget
    return {
        "pilot": found.pilot,
        "n_tools": found.tools,
        "n_votes": found.votes,
        "ship_percent": 100 * panel.mean(),
        "spread_logits": {
            "personas": list(panel.biases),
            "tool": panel.tool,
            "tool_persona": panel.cell,
            "tool_arm": panel.reaction,
            "tool_arm_assumed": panel.assumed,
        },
        "method": "simulation of the deciding test, 2,000 catalogs a split",
        "question": _question(found),
        "effect": aim.effect,
        "margin": aim.margin,
        "alpha": aim.alpha,
        "calls": budget.calls,
        "arms": budget.arms,
        "control_answers_each": budget.asked,
        "usd_per_call": usd,
        "designs": [_design(each, usd) for each in found.designs],
        "best_power_range": ends(found.spread),
        "enough": found.enough
        and {
            "power": WANTED,
            "more_tools": found.enough.more_tools and _design(found.enough.more_tools, usd),
            "more_repeats": found.enough.more_repeats and _design(found.enough.more_repeats, usd),
        },
        "advice": _advice(found),
        "one_cell": [
            {"before": one, "after": other, "repeats": n, "power": 0.8}
            for one, other, n in _cells()
        ],
    }
