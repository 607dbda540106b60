"""``panel labels``: questions drawn for people, their labels, and what these say of the panel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from panel.cli.options import Json, stdin_for_dash
from panel.cli.output import (
    ends,
    note,
    opened_output,
    out,
    percent,
    print_json,
    say,
    write_csv,
)
from panel.cli.streams import to_stdout
from panel.cli.workspace import open_workspace
from panel.errors import UsageError
from panel.research.draws import COLUMNS, Draw
from panel.research.draws import draw as draw_questions
from panel.research.labels import FEWEST_LABELS, LabelReport, label_report, share
from panel.research.labels import Table as Counts
from panel.research.sheets import import_sheet
from panel.stats.correction import Corrected
from panel.stats.votes import Interval
from panel.store.ingest import opened
from panel.text import one_line
from panel.workspace.git import user_name
from panel.workspace.loading import RUNS, find_root

app = typer.Typer(rich_markup_mode=None)
labels_app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Draw questions for people to answer, take their answers in. Correct the panel by them.",
)
app.add_typer(labels_app, name="labels")

BOM = "\ufeff"  # by which Excel knows UTF-8
NAME_LIMIT = 200
POWERED = (
    "prediction-powered inference, stratified by the panel's verdict (Wilson in each stratum, "
    "finite population)"
)
POWERED_ASSUMES = (
    "the labels are right, and which drawn questions are labelled does not depend on the answer; "
    "nothing is assumed of the panel"
)
GLADEN = "Rogan-Gladen, interval of Lang and Reiczigel (Lee et al.)"
GLADEN_ASSUMES = (
    "the panel errs on its present questions as often as on the labelled ones; the interval is "
    "made as for labels from elsewhere, and is wider than need be for labels of the same questions"
)


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
        f"Drew {len(drawn.rows):,} of {drawn.population:,} questions of {drawn.model_identity} "
        f"(draw {drawn.draw})."
    )
    if drawn.tied:
        note(f"{drawn.tied:,} question(s) on which the panel is tied were left out.")
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
    say(f"Imported {done.new:,} label(s) of {name}; {done.same:,} were there already.")
    if done.blank:
        note(f"{done.blank:,} row(s) have no label yet.")


@labels_app.command("report")
def report_labels(
    draw: Annotated[
        str | None, typer.Option("--draw", help="Which draw; the latest with labels when none.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say where people agree with the panel, and its ship rate corrected by their labels."""
    with opened(find_root(Path.cwd()) / RUNS) as connection:
        found = label_report(connection, draw)
    if as_json:
        print_json(_report_record(found))
    else:
        _print_report(found)


def _print_report(found: LabelReport) -> None:
    table, gold = found.table, found.table.calibration
    say(
        f"Draw {found.draw} of {found.model_identity}: {found.labelled:,} of {found.drawn:,} drawn "
        f"questions are labelled, of {found.population:,} in all."
    )
    say("Labellers: " + ", ".join(f"{who} ({many:,})" for who, many in found.labels.items()) + ".")
    shown = Table("Panel", box=None, pad_edge=False, header_style="bold")
    for head in ("people ship", "people skip"):
        shown.add_column(head, justify="right")
    shown.add_row("ships", f"{table.ship_ship:,}", f"{table.ship_skip:,}")
    shown.add_row("skips", f"{table.skip_ship:,}", f"{table.skip_skip:,}")
    out().print(shown)
    kappa = (
        "not estimable: one of them never varies" if table.kappa is None else f"{table.kappa:.2f}"
    )
    say(f"Agreement {_share(table.agreed, table.n)}; kappa {kappa}.")
    say(f"Of what people ship, the panel ships {_share(gold.said_ship, gold.ships)}.")
    say(f"Of what people skip, the panel skips {_share(gold.said_skip, gold.skips)}.")
    for persona, each in found.personas.items():
        say(f"{persona}: agreement {_share(each.agreed, each.n)}.")
    _print_between(found)
    ships, whole = found.population_ships, found.population
    say(
        f"Ship rate as the panel gives it: {percent(100 * ships / whole)} ({ships:,} of {whole:,})."
    )
    say(f"Corrected, prediction-powered: {_corrected(found.prediction_powered)}.")
    say(f"Corrected, Rogan-Gladen: {_corrected(found.rogan_gladen)}.")
    note(f"Prediction-powered: {POWERED}. It assumes: {POWERED_ASSUMES}.")
    note(f"Rogan-Gladen: {GLADEN}. It assumes: {GLADEN_ASSUMES}.")
    if found.tied:
        note(f"{found.tied:,} question(s) on which the labellers are tied were left out.")
    if found.reworded:
        note(
            f"{found.reworded:,} labelled question(s) have been worded anew since: the labels and "
            "the prediction-powered rate are of the questions as they were drawn."
        )


def _print_between(found: LabelReport) -> None:
    between = found.between
    if len(found.labels) < 2:
        return
    if between.raw is None:
        say(f"Agreement between labellers: not estimable: {between.why}.")
        return
    alpha = f"not estimable ({between.why})" if between.alpha is None else f"{between.alpha:.2f}"
    ac1 = "not estimable" if between.ac1 is None else f"{between.ac1:.2f}"
    say(
        f"Agreement between labellers on {between.units_with_two:,} questions: "
        f"{percent(100 * between.raw)}; alpha {alpha}; AC1 {ac1}; "
        f"{percent(100 * between.marginal.get('ship', 0))} of their labels ship."
    )


def _share(successes: int, n: int) -> str:
    value, span = share(successes, n)
    if span is None:
        return "— (0 of 0)"
    return f"{percent(value)} ({successes:,} of {n:,}, {span.low:.0f}–{span.high:.0f} %)"


def _corrected(found: Corrected | str) -> str:
    if isinstance(found, str):
        return f"not estimable: {found}"
    low, high = 100 * found.interval.low, 100 * found.interval.high
    return f"{percent(100 * found.rate)} ({low:.0f}–{high:.0f} %)"


def _report_record(found: LabelReport) -> dict[str, Any]:
    between = found.between
    return {
        "draw": found.draw,
        "drawn_at": found.drawn_at,
        "model": found.model_identity,
        "population": found.population,
        "drawn": found.drawn,
        "labelled": found.labelled,
        "tied": found.tied,
        "reworded": found.reworded,
        "labellers": found.labels,
        "panel": _counts_record(found.table),
        "personas": {who: _counts_record(each) for who, each in found.personas.items()},
        "between_labellers": {
            "questions": between.units_with_two,
            "agreement_percent": None if between.raw is None else 100 * between.raw,
            "alpha": between.alpha,
            "ac1": between.ac1,
            "ship_percent": 100 * between.marginal.get("ship", 0) if between.ratings else None,
            "not_estimable": between.why,
        },
        "ship_rate": {
            "panel": _rate_record(found.population_ships, found.population),
            "panel_now": _rate_record(found.ships, found.votes),
            "prediction_powered": _corrected_record(
                found.prediction_powered, POWERED, POWERED_ASSUMES
            ),
            "rogan_gladen": _corrected_record(found.rogan_gladen, GLADEN, GLADEN_ASSUMES),
        },
    }


def _counts_record(table: Counts) -> dict[str, Any]:
    gold = table.calibration
    return {
        "panel_ship_people_ship": table.ship_ship,
        "panel_ship_people_skip": table.ship_skip,
        "panel_skip_people_ship": table.skip_ship,
        "panel_skip_people_skip": table.skip_skip,
        "agreement": _share_record(table.agreed, table.n),
        "kappa": table.kappa,
        "sensitivity": _share_record(gold.said_ship, gold.ships),
        "specificity": _share_record(gold.said_skip, gold.skips),
    }


def _share_record(successes: int, n: int) -> dict[str, Any]:
    value, span = share(successes, n)
    return {"k": successes, "n": n, "percent": value, "interval": ends(span)}


def _rate_record(ships: int, n: int) -> dict[str, Any]:
    """Return a rate of all questions there are, of which nothing is uncertain."""
    return {"k": ships, "n": n, "percent": 100 * ships / n if n else None}


def _corrected_record(found: Corrected | str, method: str, assumes: str) -> dict[str, Any]:
    refused = isinstance(found, str)
    span = None if isinstance(found, str) else found.interval
    return {
        "percent": None if isinstance(found, str) else 100 * found.rate,
        "interval": ends(span and Interval(100 * span.low, 100 * span.high)),
        "method": method,
        "assumes": assumes,
        "not_estimable": found if refused else None,
    }
