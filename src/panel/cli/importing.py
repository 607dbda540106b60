"""``panel import``: a spreadsheet of tools becomes files of tools/."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.cells import cell_len

from panel.cli.main import ExitCode
from panel.cli.options import Json, stdin_for_dash
from panel.cli.output import note, one_of, print_json, say
from panel.cli.workspace import problem_records
from panel.errors import UsageError
from panel.text import one_line, shortened
from panel.workspace.cell_values import DateOrder
from panel.workspace.foreign_tables import ReadAs
from panel.workspace.import_plan import ImportPlan, PlannedFile
from panel.workspace.loading import find_root
from panel.workspace.tool_files import write_tools
from panel.workspace.tool_import import ImportOptions, plan_import

app = typer.Typer(rich_markup_mode=None)

VALUE_SHOWN = 40  # characters of a column's first value
MOST_LEFT_OUT = 20  # columns named that are left out


@app.command("import")
def import_tools(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The table; - is CSV from stdin.", callback=stdin_for_dash
        ),
    ],
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="FIELD=COLUMN", help="The column of a field; repeatable. Or none."
        ),
    ] = None,
    dates: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(DateOrder),
            help="Which of 3/4/2026 is the day.",
            callback=one_of(DateOrder),
        ),
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(metavar="NAME", help="The sheet of a workbook; else the first.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="The encoding of CSV; else found out.")
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option(metavar="CHARACTER", help="What separates columns of CSV; else found out."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Change the tools that are there already.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; show what would be written.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make files of tools/ from a table: CSV of any kind, .xlsx, JSON, YAML or Parquet.

    Says first which column is taken for which field. All or nothing: with anything wrong, nothing
    is written. A tool that is there already is left alone, or changed with --update: only in the
    fields that the table has, and not where its cell is empty.
    """
    root = find_root(Path.cwd())
    if (
        separator is not None
        and len(separator := {"tab": "\t", r"\t": "\t"}.get(separator, separator)) != 1
    ):
        raise typer.BadParameter(f"--separator {separator!r} is not one character, nor 'tab'.")
    options = ImportOptions(
        ReadAs(sheet, encoding, separator),
        dict(map(_pair, columns or ())),
        DateOrder(dates) if dates else None,
        update,
    )
    plan = plan_import(root, file, options)
    if not as_json:
        _tell_columns(plan, file)
    if not plan.problems and not dry_run:
        write_tools(
            root,
            {
                each.file: (each.before, each.content)
                for each in plan.files
                if each.content is not None
            },
        )
    if as_json:
        print_json(_record(plan, root, dry_run))
    if plan.problems:
        if not as_json:
            for problem in plan.problems:
                note(str(problem))
            note(f"{len(plan.problems)} problem(s). Nothing was written.")
        raise typer.Exit(ExitCode.USAGE)
    if not as_json:
        _tell_files(plan, root, dry_run)


def _pair(told: str) -> tuple[str, str]:
    field, equals, column = told.partition("=")
    if not equals or not field.strip():
        raise UsageError(f"--map {told!r} is not FIELD=COLUMN. Write --map name=Product.")
    return field.strip(), column.strip()


def _tell_columns(plan: ImportPlan, file: Path) -> None:
    taken = [each for each in plan.columns if each.field]
    wide = max((cell_len(one_line(each.name)) for each in taken), default=0)
    far = max((len(each.field) for each in taken), default=0)
    if taken:
        note(f"Columns of {file.name}:")
    for each in taken:
        first = shortened(one_line(each.first), VALUE_SHOWN)
        name = one_line(each.name)
        gap = " " * (wide - cell_len(name))  # a Japanese letter is two columns wide
        note(f"  {name}{gap} → {each.field:<{far}}  {first}".rstrip())
    left = [each for each in plan.columns if not each.field]
    for each in left[:MOST_LEFT_OUT]:
        how = f"; {each.option} takes it in" if each.option else ""
        first = f" ({shortened(one_line(each.first), VALUE_SHOWN)})" if each.first else ""
        note(f"  left out: {one_line(each.name)}{first}{how}")
    if len(left) > MOST_LEFT_OUT:
        note(f"  left out: {len(left) - MOST_LEFT_OUT} more columns")
    for sentence in plan.notes:
        note(sentence)


def _tell_files(plan: ImportPlan, root: Path, dry_run: bool) -> None:
    for each in plan.files:
        fields = f": {', '.join(each.fields)}" if each.status == "changed" else ""
        say(f"{each.status:<9}  {_shown(each, root)}{fields}")
    count = Counter(each.status for each in plan.files)
    told = f"{count['new']:,} new, {count['changed']:,} changed, {count['unchanged']:,} unchanged"
    if not dry_run:
        note(f"{told}. Next: 'panel check', then 'panel run'.")
        return
    made = next((each for each in plan.files if each.status == "new"), None)
    if made is not None and made.content is not None:
        note(f"{_shown(made, root)} would be:\n\n{made.content.decode()}")
    note(f"{told}. Nothing was written: this was a dry run.")


def _shown(planned: PlannedFile, root: Path) -> str:
    return planned.file.relative_to(root).as_posix()


def _record(plan: ImportPlan, root: Path, dry_run: bool) -> dict[str, Any]:
    return {
        "columns": [
            {"column": each.name, "field": each.field or None, "first": each.first}
            for each in plan.columns
        ],
        "notes": plan.notes,
        "tools": [
            {
                "slug": each.slug,
                "file": _shown(each, root),
                "status": each.status,
                "fields": list(each.fields) if each.status == "changed" else None,
            }
            for each in plan.files
        ],
        "problems": problem_records(plan.problems),
        "written": not dry_run and not plan.problems,
    }
