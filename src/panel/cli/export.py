"""``panel sql``, ``panel export`` and ``panel rebuild``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from panel.cli.output import (
    ExportFormat,
    Format,
    note,
    one_of,
    opened_output,
    print_json,
    print_rows,
    say,
    write_csv,
    write_json_lines,
)
from panel.cli.streams import to_stdout
from panel.errors import UsageError
from panel.frozen.thaw import thawed_runs
from panel.store.exports import DICTIONARY, EXPORT, TIDY, export_parquet
from panel.store.ingest import rebuild as rebuild_store
from panel.store.queries import select
from panel.text import counted
from panel.workspace.loading import find_root

app = typer.Typer(rich_markup_mode=None)


def _runs() -> Path:
    return thawed_runs(find_root(Path.cwd()))


@app.command()
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT statement.")],
    form: Annotated[
        str, typer.Option("--format", help="table, csv or json.", callback=one_of(Format))
    ] = "table",
) -> None:
    """Query the store, read-only.

    Views: attempts, verdicts, superseded, takes, tools, personas, ship_percentages,
    ship_percentages_by_panel, model_differences, runs, decisions, published, observations,
    labels, probabilities and batches. docs/store.md describes their columns.
    """
    table = select(_runs(), query)
    print_rows(table.columns, table.rows, Format(form))


@app.command()
def export(
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="csv, json, jsonl or parquet; without it the file's ending says, else csv.",
            callback=one_of(ExportFormat),
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; stdout when none, or -.")
    ] = None,
    tidy: Annotated[
        bool,
        typer.Option(
            "--tidy", help="Experiments: a row for each arm × cell, all factors in clear."
        ),
    ] = False,
    dictionary: Annotated[
        bool, typer.Option("--dictionary", help="What the columns of --tidy mean, and no rows.")
    ] = False,
) -> None:
    """Write verdicts as CSV, JSON, JSON lines or Parquet: one row a cell, the latest outcome.

    With --tidy, what experiments have enrolled, for analyses: the view `observations`. As Parquet
    it carries its data dictionary.
    """
    runs = _runs()
    if form is None:
        ending = output.suffix.lstrip(".") if output else ""
        form = ending if ending in set(ExportFormat) else ExportFormat.CSV
    if form == ExportFormat.PARQUET and not dictionary:
        if output is None or (to_stdout(output) and sys.stdout.isatty()):
            raise UsageError("Parquet is binary: name a file with --output.")
        with opened_output(output) as stream:
            export_parquet(runs, stream.buffer, tidy)
        return
    query = DICTIONARY if dictionary else TIDY if tidy else EXPORT
    table = select(runs, query)
    with opened_output(output) as stream:
        if form == ExportFormat.CSV:
            write_csv(stream, table.columns, table.rows)
        elif form == ExportFormat.JSONL:
            write_json_lines(stream, table.columns, table.rows)
        else:
            rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
            print_json(rows, stream)


@app.command()
def rebuild() -> None:
    """Make the database anew from the journals."""
    done = rebuild_store(_runs())
    say(f"Read {counted(done.lines, 'journal line')} into a new database.")
    if done.unreadable:
        were = "was" if done.unreadable == 1 else "were"
        note(f"{counted(done.unreadable, 'line')} could not be read and {were} left out.")
