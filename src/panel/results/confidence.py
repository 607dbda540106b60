"""Whether what a model says of its own verdicts foretells what it says when it is asked again."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from panel.stats.calibration import HeldOut, Repeats, held_out
from panel.store.connection import Connection
from panel.store.probabilities import Row, stated


def stated_repeats(rows: list[Row]) -> list[Repeats]:
    """Return each cell's repeats with the confidence that they stated, as P(ship).

    70 of 100 in a ship is 0.7, in a skip 0.3.
    """
    return _cells(
        (tool, persona, c / 100 if verdict == "ship" else 1 - c / 100, verdict)
        for tool, persona, _repeat, verdict, c, _p in rows
        if c is not None
    )


def told_repeats(rows: list[Row]) -> list[Repeats]:
    """Return each cell's repeats with the P(ship) that the endpoint told."""
    return _cells(
        (tool, persona, p, verdict)
        for tool, persona, _repeat, verdict, _c, p in rows
        if p is not None
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
