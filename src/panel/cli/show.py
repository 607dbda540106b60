"""``panel show`` and ``panel compare``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.panel import Panel as Frame
from rich.table import Table
from rich.text import Text

from panel import __version__
from panel.cells.cells import Target
from panel.cli.health import health_record, print_health, warning_with_remedy
from panel.cli.options import Categories, EndpointName, Json, Personas, StoredModel, ToolNames
from panel.cli.output import (
    note,
    out,
    print_json,
    safe,
    say,
    ship_share,
    write_text,
)
from panel.cli.streams import to_stdout
from panel.cli.workspace import open_tools
from panel.results.confidence import may_be_shown
from panel.results.editors_part import with_editors_part
from panel.results.records import card_record, comparison_record
from panel.results.scorecards import comparison, scorecards
from panel.runs.selection import Selection, opened_at, opened_for
from panel.scorecard import NOT_JUDGEMENT, PICKED, PersonaLine, Scorecard, Superseded, health
from panel.site.comparison import difference, render_comparison
from panel.site.facts import fact_table_of
from panel.site.health import warning
from panel.text import counted, in_words, unwrapped
from panel.workspace.loading import find_root

app = typer.Typer(rich_markup_mode=None)

STYLES = {"ship": "bold green", "skip": "bold red"}


@app.command()
def show(
    tool: ToolNames = None,
    persona: Personas = None,
    category: Categories = None,
    endpoint: EndpointName = None,
    model: StoredModel = None,
    the_panel: Annotated[
        bool,
        typer.Option(
            "--panel", help="The panel over these tools: who ships how often, who agrees."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the scorecards of tools: ship percentage with n and interval.

    Name a tool to read its takes too. With --panel, print as how many independent votes the
    personas count.
    """
    selection = Selection(tool or [], persona or [], category or [], endpoint, model)
    with opened_at(find_root(Path.cwd()), selection) as (target, connection):
        cards = scorecards(target, connection)
    asked = [card for card in cards if card.asked]
    missing = len(target.tools) - len(asked)
    if the_panel:
        _show_panel(target, asked, as_json)
    elif as_json:
        print_json([card_record(card) for card in (cards if tool else asked)])
    else:
        console = out()
        for card in cards if tool else asked:
            console.print(_card(card, with_takes=bool(tool)))
        warned = None if tool else warning(health(asked))
        if warned:
            note(f"{warned} 'panel show --panel' has the figures.")
    if missing and not as_json:
        note(
            f"{counted(missing, 'tool has', 'tools have')} no verdicts from {target.model} yet: "
            "'panel run' asks."
        )
    if asked and not (tool or the_panel or as_json):
        note(f"The takes of one: 'panel show {asked[0].tool}'.")


def _show_panel(target: Target, cards: list[Scorecard], as_json: bool) -> None:
    found, model = health(cards), str(target.model)
    if as_json:
        print_json(health_record(found, model))
    else:
        _warn(target)
        print_health(found, {each.id: each.name for each in target.personas}, model)
    if warned := warning_with_remedy(found):
        note(warned)


@app.command()
def compare(
    left: Annotated[str, typer.Argument(metavar="A", help="A tool: slug or name.")],
    right: Annotated[str, typer.Argument(metavar="B", help="Another tool.")],
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write a self-contained page to this file; - is stdout."),
    ] = None,
    endpoint: EndpointName = None,
    model: StoredModel = None,
    as_json: Json = False,
) -> None:
    """Set two tools side by side, in the terminal or as a page."""
    if as_json and html is not None and to_stdout(html):
        raise typer.BadParameter("--json and --html - both want stdout. Name a file for the page.")
    workspace = open_tools()
    selection = Selection([left, right], endpoint=endpoint, model=model)
    with opened_for(workspace, selection) as (target, connection):
        cards = scorecards(target, connection)
        if html is not None:
            cards = with_editors_part(cards, connection)
        told = may_be_shown(connection, str(target.model))
    pair = replace(comparison(workspace, cards, target, left, right), confidence=told)
    if html is not None:
        now, days = datetime.now(UTC), workspace.settings.site.stale_price_days
        facts = fact_table_of(workspace.tools, pair, now.date(), days)
        write_text(render_comparison(pair, now, __version__, facts), html)
    if as_json:
        print_json(comparison_record(pair))
    elif html is None:
        console = out()
        wide = console.width >= 100
        table = Table.grid(expand=True, padding=(0, 1))
        if wide:
            table.add_column(ratio=1)
            table.add_column(ratio=1)
            table.add_row(_card(pair.left, True), _card(pair.right, True))
        else:
            table.add_row(_card(pair.left, True))
            table.add_row(_card(pair.right, True))
        console.print(table)
        say(difference(pair))


def _warn(target: Target) -> None:
    if target.endpoint.demo:
        note(NOT_JUDGEMENT)


def _card(card: Scorecard, with_takes: bool) -> Frame:
    result = card.result
    head = Text.assemble(
        safe(card.tagline), "\n", safe(f"{card.category} · entry price {card.entry_price}", "dim")
    )
    ship = Text.assemble(("Panel ship ", "bold"), (ship_share(result), "bold"))
    if result.demo:
        ship = Text.assemble(
            ("No ship percentage", "bold"), ("  verdicts of a demo model: no judgement", "yellow")
        )
    elif result.interval is not None:
        ship.append(f"  {result.ships} of {result.n} ship, ")
        ship.append(f"95 % interval {result.interval.low:.0f}–{result.interval.high:.0f} %")
    else:
        ship.append("  nobody voted")
    for word, shown in (("undecided", result.undecided), ("split", result.split)):
        if shown:
            ship.append(f"  {word}", "bold yellow")
    if result.abstains or result.errors:
        ship.append(
            f"\n{result.abstains} abstained, {counted(result.errors, 'error')}: not counted",
            "yellow",
        )
    if card.superseded.answers:
        ship.append(f"\n{_superseded(card.superseded)}", "yellow")
    parts: list[Any] = [head, Text(), ship, Text()]
    if with_takes and any(line.take.picked for line in card.lines if line.take):
        parts += [safe(f"{PICKED}:", "italic"), Text()]
    parts += [_line(line, with_takes) for line in card.lines]
    parts += [safe(f"asked of {card.model}", "dim")]
    return Frame(Group(*parts), title=safe(card.name), title_align="left")


def _line(line: PersonaLine, with_takes: bool) -> Text:
    shown = Text.assemble(safe(f"{line.name}: ", "bold"), _word(line))
    if line.take and line.take.demo:
        shown.append("  demo", "yellow")
    elif line.tally.n > 1:
        shown.append(f"  {line.tally.ships} of {line.tally.n} ship")
    if line.take and line.take.verdict_reason:
        shown.append_text(safe(f"  by the editor: {line.take.verdict_reason}", "yellow"))
    if line.take and line.take.stale:
        shown.append("  stale: its text has changed since, so it is not counted", "yellow")
    if with_takes and line.take and line.take.take:
        shown.append("\n")
        points = [text for _label, text in line.take.beats] if line.take.picked else []
        shown.append_text(safe("\n".join(points) or unwrapped(line.take.take)))
        shown.append("\n")
    return shown


def _superseded(left: Superseded) -> str:
    wordings = counted(left.wordings, "superseded wording")
    return f"{wordings} not counted ({counted(left.answers, 'answer')})"


def _word(line: PersonaLine) -> Text:
    take = line.take
    if take is None:
        return Text("not asked", "dim")
    if line.tally.n and line.tally.majority is None:
        return Text("TIED", "bold yellow")
    if take.verdict is not None:
        return Text(take.verdict.upper(), "strike" if take.demo else STYLES[take.verdict])
    return safe(f"{take.outcome} ({in_words(str(take.reason))})", "yellow")
