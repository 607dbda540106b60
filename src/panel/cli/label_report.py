"""What labels say of the panel, as ``panel labels report`` prints it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from panel.cli.output import note, out, percent, plain_table, say
from panel.research.labels import LabelReport, share
from panel.research.labels import Table as Counts
from panel.stats import ends
from panel.stats.correction import Corrected
from panel.stats.votes import Interval
from panel.text import counted

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


def print_report(found: LabelReport, names: Mapping[str, str]) -> None:
    """Print what the labels of a draw say of the panel. names: of personas, by id."""
    table, gold = found.table, found.table.calibration
    say(
        f"Draw {found.draw} of {found.model_identity}: {found.labelled:,} of {found.drawn:,} drawn "
        f"questions are labelled, of {found.population:,} in all."
    )
    say("Labellers: " + ", ".join(f"{who} ({many:,})" for who, many in found.labels.items()) + ".")
    shown = plain_table(["Panel"], ["people ship", "people skip"])
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
        say(f"{names[persona]}: agreement {_share(each.agreed, each.n)}.")
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
        were = "was" if found.tied == 1 else "were"
        note(f"{counted(found.tied, 'question')} on which labellers are tied {were} left out.")
    if found.reworded:
        note(
            f"{counted(found.reworded, 'labelled question has', 'labelled questions have')} been "
            "worded anew since: the labels and the prediction-powered rate are of the questions "
            "as they were drawn."
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
        f"Agreement between labellers on {counted(between.units_with_two, 'question')}: "
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


def report_record(found: LabelReport) -> dict[str, Any]:
    """Return the report as plain JSON types; null where something is not estimable."""
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
