"""``panel report``: what an experiment, a run or the house panel comes to, as one HTML page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from panel import __version__
from panel.cli.options import Json
from panel.cli.output import note, print_json, say, write_text
from panel.cli.stats import record
from panel.cli.streams import to_stdout
from panel.cli.workspace import open_workspace
from panel.errors import UsageError
from panel.frozen.thaw import opened_thawed
from panel.research.charts import file_svg, png
from panel.research.frame import FORMS, Source
from panel.research.page import render_report
from panel.research.report import Report, report_on, source_of
from panel.scorecard import NOT_JUDGEMENT
from panel.text import counted
from panel.workspace.plain_files import refuse_link_on_the_way, write_fresh

app = typer.Typer(rich_markup_mode=None)


@app.command()
def report(
    source: Annotated[
        str | None,
        typer.Argument(metavar="SOURCE", help=f"What to report on: a run's id, {FORMS}."),
    ] = None,
    house: Annotated[
        bool, typer.Option("--house", help="Report on the answers to the present questions.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="The page's file (report-SOURCE.html); - is stdout."),
    ] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", help="Write the drawings as SVG into this folder.")
    ] = None,
    png_folder: Annotated[
        Path | None, typer.Option("--png", help="Write the drawings as PNG into this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Report on an experiment, a run or the house panel: one HTML page without a script.

    Each figure stands with its table, its n, its method and its SQL. With --json, --svg or --png
    the page is written only where --html names a file. docs/reports.md explains every figure.
    """
    if house == (source is not None):
        raise typer.BadParameter("name what to report on, or --house; one of them.")
    if as_json and html is not None and to_stdout(html):
        raise typer.BadParameter("--json and --html - both want stdout. Name a file for the page.")
    workspace = open_workspace()
    with opened_thawed(workspace.root) as connection:
        asked = Source("house") if source is None else source_of(connection, source)
        found = report_on(workspace, connection, asked)
    if found.demo:
        note(NOT_JUDGEMENT)
    if html is None and not (as_json or svg or png_folder):
        html = Path(f"report-{re.sub(r'[^A-Za-z0-9._-]+', '-', str(asked))}.html")
    if html is not None:
        write_text(render_report(found, datetime.now(UTC), __version__), html)
    for folder, ending in ((svg, "svg"), (png_folder, "png")):
        if folder is not None:
            _export(found, folder, ending)
    if as_json:
        print_json(record(found))
    elif html is None or not to_stdout(html):
        for key, figure in found.figures:
            say(f"{key}: {figure.finding}")


def _export(found: Report, folder: Path, ending: str) -> None:
    """Write every drawing into a folder; raises UsageError where it takes them not."""
    many = 0
    refuse_link_on_the_way(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, svg in _drawings(found):
            data = png(svg) if ending == "png" else svg.encode()
            write_fresh(folder / f"{name}.{ending}", data)
            many += 1
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.") from None
    note(f"Wrote {counted(many, 'drawing')} into {folder}.")


def _drawings(found: Report) -> Iterator[tuple[str, str]]:
    for name, figure in found.figures:
        if figure.chart is not None:
            yield name, file_svg(figure.chart, figure.title)
