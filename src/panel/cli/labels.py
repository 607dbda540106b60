"""``panel labels``: questions drawn for people, their labels, and what these say of the panel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from panel.cli.label_report import print_report, report_record
from panel.cli.options import Json, stdin_for_dash
from panel.cli.output import (
    note,
    opened_output,
    print_json,
    say,
    write_csv,
)
from panel.cli.streams import to_stdout
from panel.cli.workspace import open_store, open_workspace
from panel.errors import UsageError
from panel.research.draws import COLUMNS, Draw
from panel.research.draws import draw as draw_questions
from panel.research.labels import FEWEST_LABELS, label_report
from panel.research.sheets import import_sheet
from panel.store.frames import persona_names
from panel.text import counted, one_line
from panel.workspace.git import user_name

app = typer.Typer(rich_markup_mode=None)
labels_app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Draw questions for people to answer, take their answers in. Correct the panel by them.",
)
app.add_typer(labels_app, name="labels")

BOM = "\ufeff"  # by which Excel knows UTF-8
NAME_LIMIT = 200


@labels_app.command("draw")
def draw_labels(
    count: Annotated[int, typer.Argument(metavar="N", min=1, help="How many questions.")],
    output: Annotated[
        Path | None, typer.Option("--out", "-o", help="The sheet (CSV); stdout when none, or -.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed, the same draw.")] = 0,
    model: Annotated[
        str | None, typer.Option("--model", help="Whose verdicts: a model identity.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw questions by chance and write the sheet that a person fills in: ship or skip, a note.

    Stratified by verdict and persona. The sheet shows description and bars, not the verdict.
    """
    drawn = draw_questions(open_workspace(), count, seed, model)
    on_file = output is not None and not to_stdout(output)
    if on_file or not as_json:
        with opened_output(output) as stream:
            if on_file:
                stream.write(BOM)
            write_csv(stream, COLUMNS, drawn.rows)
    if as_json:
        print_json(_draw_record(drawn, None if on_file else drawn.rows))
    note(
        f"Drew {len(drawn.rows):,} of {counted(drawn.population, 'question')} of "
        f"{drawn.model_identity} (draw {drawn.draw})."
    )
    if drawn.tied:
        were = "was" if drawn.tied == 1 else "were"
        note(f"{counted(drawn.tied, 'question')} on which the panel is tied {were} left out.")
    if len(drawn.rows) < count:
        note(f"There are no {count:,} to draw from: these are all.")
    if len(drawn.rows) < FEWEST_LABELS:
        note(f"'panel labels report' corrects no rate below {FEWEST_LABELS} labelled questions.")


def _draw_record(drawn: Draw, rows: list[tuple[Any, ...]] | None) -> dict[str, Any]:
    record: dict[str, Any] = {
        "draw": drawn.draw,
        "model": drawn.model_identity,
        "seed": drawn.seed,
        "population": drawn.population,
        "tied": drawn.tied,
        "drawn": len(drawn.rows),
        "probability": drawn.probability,
        "strata": [
            {"persona": persona, "verdict": verdict, "questions": many, "drawn": some}
            for (persona, verdict), (many, some) in drawn.strata.items()
        ],
    }
    if rows is not None:
        record["rows"] = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    return record


@labels_app.command("import")
def import_labels(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The filled-in sheet; - is stdin.", callback=stdin_for_dash
        ),
    ],
    labeller: Annotated[
        str | None, typer.Option("--labeller", help="Who filled it in; else git's user.name.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take in the labels of a filled-in sheet, all or none; the same label is never kept twice."""
    workspace = open_workspace()
    name = one_line(labeller if labeller is not None else user_name(workspace.root) or "")
    if not name or len(name) > NAME_LIMIT:
        raise UsageError(
            f"{name[:40]!r} is no name of a labeller. Give --labeller NAME, at most {NAME_LIMIT} "
            "characters, or 'git config user.name NAME'."
        )
    done = import_sheet(workspace, file, name)
    if as_json:
        print_json(
            {
                "labeller": name,
                "new": done.new,
                "same": done.same,
                "blank": done.blank,
                "run_id": done.run_id,
            }
        )
        return
    say(f"Imported {counted(done.new, 'label')} of {name}; {done.same:,} were there already.")
    if done.blank:
        note(f"{counted(done.blank, 'row has', 'rows have')} no label yet.")


@labels_app.command("report")
def report_labels(
    draw: Annotated[
        str | None, typer.Option("--draw", help="Which draw; the latest with labels when none.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say where people agree with the panel, and its ship rate corrected by their labels."""
    with open_store() as connection:
        found, names = label_report(connection, draw), persona_names(connection)
    if as_json:
        print_json(report_record(found))
    else:
        print_report(found, names)
