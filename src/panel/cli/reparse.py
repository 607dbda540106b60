"""``panel reparse``."""

from __future__ import annotations

from typing import Annotated

import typer

from panel.cli.options import Json
from panel.cli.output import note, print_json, say
from panel.cli.workspace import open_workspace
from panel.runs.reparse import Report
from panel.runs.reparse import reparse as read_again
from panel.text import counted

app = typer.Typer(rich_markup_mode=None)


@app.command()
def reparse(
    tool: Annotated[
        list[str] | None, typer.Option("--tool", help="Only this tool (slug or name); repeatable.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: Json = False,
) -> None:
    """Read the stored replies again; asks no model.

    Abstentions that this version's parser reads as verdicts count as such from then on, and
    verdicts that it cannot read become abstentions. The journals keep what was read first.
    """
    workspace = open_workspace()
    slugs = [chosen.slug for chosen in workspace.select_tools(tool, [])] if tool else None
    report = read_again(workspace, slugs, dry_run)
    if report.unknown:
        note(
            f"{counted(report.unknown, 'reply', 'replies')} left out: no journal has their persona "
            "any more."
        )
    if as_json:
        print_json(report.record() | {"dry_run": dry_run})
    else:
        _print(report, dry_run)


def _print(report: Report, dry_run: bool) -> None:
    say(
        f"Read {counted(report.replies, 'reply', 'replies')} of {counted(report.cells, 'cell')} "
        "again."
    )
    for kind, count in report.record()["changes"].items():
        if count:
            say(f"  {count:,} × {kind}")
    if not report.changes:
        say("Nothing changed.")
    elif dry_run:
        say("Nothing was written; without --dry-run these would count.")
