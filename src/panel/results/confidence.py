"""Whether what a model says of its own verdicts foretells what it says when it is asked again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean
from typing import Literal

from panel.stats.calibration import (
    HeldOut,
    Reliability,
    Repeats,
    auroc,
    held_out,
    log_loss,
    own_verdict,
    reliability,
)
from panel.store.connection import Connection
from panel.store.probabilities import Row, stated

Outcome = Literal["another repeat", "own verdict"]
STATED = "stated confidence"
ONCE = "no cell has two of them"


def stated_repeats(rows: list[Row]) -> list[Repeats]:
    """Return each cell's repeats with the confidence that they stated, as P(ship).

    70 of 100 in a ship is 0.7, in a skip 0.3.
    """
    return _cells(
        (tool, persona, c / 100 if verdict == "ship" else 1 - c / 100, verdict)
        for tool, persona, _repeat, verdict, c, _p, _source in rows
        if c is not None
    )


def told_repeats(rows: list[Row], source: str) -> list[Repeats]:
    """Return each cell's repeats with the P(ship) that the endpoint told, from one source."""
    return _cells(
        (tool, persona, p, verdict)
        for tool, persona, _repeat, verdict, _c, p, where in rows
        if where == source
    )


def _cells(said: Iterable[tuple[str, str, float, str]]) -> list[Repeats]:
    made = []
    for (tool, _persona), group in groupby(said, key=lambda each: each[:2]):
        repeats = list(group)
        made.append(
            Repeats(
                tool,
                tuple(p for *_, p, _verdict in repeats),
                tuple(int(verdict == "ship") for *_, verdict in repeats),
            )
        )
    return made


def stated_confidence(connection: Connection, model: str) -> HeldOut | None:
    """Return how well stated confidence foretells the other repeats of its cell.

    None where no cell of the model identity has been asked twice. Pages print confidence only
    where it ``beats`` the base rate.
    """
    return held_out(stated_repeats(stated(connection, model)))


def may_be_shown(connection: Connection, model: str) -> bool:
    """Whether a page may print the confidence that a model stated."""
    found = stated_confidence(connection, model)
    return found is not None and found.beats


@dataclass(frozen=True, slots=True)
class ForecastScores:
    """How good one kind of P(ship) is as a forecast of one kind of verdict.

    forecast: STATED, or where p_ship comes from. against_base: the Brier scores, and the gain with
    its interval over tools; None where nothing can be scored, and why says so. log_loss,
    base_log_loss (of the best constant), auroc and reliability are over n answers, each held
    against one verdict: its own or, of another repeat, that of the next one of its cell.
    """

    forecast: str
    outcome: Outcome
    n: int
    against_base: HeldOut | None = None
    log_loss: float | None = None
    base_log_loss: float | None = None
    auroc: float | None = None
    reliability: Reliability | None = None
    why: str | None = None


def forecast_scores(connection: Connection, model: str) -> list[ForecastScores]:
    """Score the stated confidence and each source of P(ship) of a model's present verdicts.

    A confidence is stated with its verdict in sight, so it is not held against that one.
    """
    rows = stated(connection, model)
    found = [_scores(STATED, "another repeat", stated_repeats(rows))]
    for source in sorted({row[-1] for row in rows if row[-1] is not None}):
        cells = told_repeats(rows, source)
        found += [_scores(source, outcome, cells) for outcome in ("own verdict", "another repeat")]
    return found


def _scores(forecast: str, outcome: Outcome, cells: Sequence[Repeats]) -> ForecastScores:
    own = outcome == "own verdict"
    used = cells if own else [cell for cell in cells if len(cell.y) > 1]
    p = [value for cell in used for value in cell.p]
    y = [ship for cell in used for ship in (cell.y if own else (*cell.y[1:], cell.y[0]))]
    if not p:
        return ForecastScores(forecast, outcome, 0, why=ONCE if cells else "there are none")
    return ForecastScores(
        forecast,
        outcome,
        len(p),
        own_verdict(used) if own else held_out(used),
        log_loss(p, y),
        log_loss([fmean(y)] * len(y), y),
        auroc(p, y),
        reliability(p, y),
    )
