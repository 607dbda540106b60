"""``panel votes``: readers' votes from elsewhere, and what they add up to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from panel.cli.files import Json
from panel.cli.output import note, percent, print_json, say
from panel.community.ledger import FOLDER
from panel.community.secret import load_secret
from panel.community.votes import Votes, share_record
from panel.errors import UsageError
from panel.journal import utc_now
from panel.scorecard import Tally
from panel.workspace import find_root, load_workspace

app = typer.Typer(rich_markup_mode=None)
votes_app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Readers' votes: take them in from a file, show what they add up to.",
)
app.add_typer(votes_app, name="votes")


@app.callback()
def _group() -> None:
    """Keep the group a group, however many commands it has."""


@votes_app.command("import")
def import_votes(
    file: Annotated[
        Path,
        typer.Argument(metavar="VOTES.CSV", help="Columns tool,ships,skips or tool,vote,voter."),
    ],
    as_json: Json = False,
) -> None:
    """Add the votes of a CSV file, all or none; the same content is never added twice."""
    root = find_root(Path.cwd())
    tools = {tool.slug for tool in load_workspace(root).tools}
    secret = load_secret(root / FOLDER, os.environ)
    ballots = Votes(root).import_csv(file, tools, secret, utc_now())
    if as_json:
        print_json({"imported": ballots is not None, "rows": ballots.rows if ballots else 0})
    elif ballots is None:
        say(f"{file} was imported before; nothing is counted twice.")
    else:
        say(f"Imported {ballots.rows} line(s) of {file}.")


@votes_app.command("show")
def show_votes(
    tool: Annotated[
        list[str] | None, typer.Argument(metavar="[TOOL]...", help="Slugs; all when none.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print ships, skips, percentage and interval of each tool that readers voted on."""
    votes = Votes(find_root(Path.cwd()))
    counts = votes.counts()
    for slug in tool or []:
        if slug not in counts:
            raise UsageError(f"nobody has voted on {slug!r} yet.")
    shown = {slug: Tally(*counts[slug]) for slug in tool or counts}
    if votes.damaged:
        note(f"{votes.damaged} line(s) of the votes cannot be read and count for nothing.")
    if as_json:
        print_json({"votes": [share_record(slug, tally) for slug, tally in shown.items()]})
        return
    for slug, tally in shown.items():
        interval = tally.interval
        span = f", 95 % interval {interval.low:.0f}–{interval.high:.0f} %" if interval else ""
        say(f"{slug}: {percent(tally.ship_percent)}  {tally.ships} of {tally.n} ship{span}")
    if not shown:
        note("Nobody has voted yet.")
