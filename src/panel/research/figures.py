"""A figure of a report: what it says, on how many answers, by which method, and its drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from panel.research import charts
from panel.research.frame import Frame
from panel.stats import Interval
from panel.text import counted

# How a column's values are shown. interval: of a percentage; span: of a number.
# shift, shift_span: a difference in points and its interval. mean: of counts.
Kind = Literal[
    "text",
    "count",
    "mean",
    "percent",
    "interval",
    "number",
    "span",
    "p",
    "points",
    "shift",
    "shift_span",
    "seconds",
    "usd",
]
Column = tuple[str, Kind]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: what it says and of what, its drawing, its table, and how to make it again.

    key: its name in files and addresses. finding: one sentence with its n; more: others, each of
    a part of it. estimates: the question
    that the numbers answer. left_out: which answers do not count in it. n: what it stands on, in
    words. chart: None where there is nothing to draw; ``finding`` says why then. sql: reproduces
    the table, or what the method works on.
    """

    key: str
    title: str
    finding: str
    estimates: str
    n: str
    method: str
    left_out: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    sql: str
    chart: charts.Spec | None = None
    legend: str = ""
    more: tuple[str, ...] = ()

    @property
    def wide(self) -> bool:
        """Whether its table needs more room than half a page."""
        shown = self.filled
        return len(shown) > 7 or bool(shown and self.columns[shown[-1]][1] == "text")

    @property
    def filled(self) -> tuple[int, ...]:
        """The places of the columns that have a value in any row."""
        return tuple(
            at
            for at in range(len(self.columns))
            if any(row[at] not in (None, "") for row in self.rows)
        )


def not_voted(frame: Frame) -> str:
    """Say how many answers are no vote."""
    abstains, errors = sum(r.abstains for r in frame.rows), sum(r.errors for r in frame.rows)
    return (
        f"{counted(abstains, 'abstention')} and {counted(errors, 'error')}: not counted, neither "
        "as ship nor as skip."
    )


def ties_said(ties: int) -> str:
    """Say how many majorities there are not, and what would make some."""
    if not ties:
        return "No persona’s own answers to a tool are tied."
    ties_are = (
        "tie of a persona’s own answers is" if ties == 1 else "ties of personas’ own answers are"
    )
    return f"{ties:,} {ties_are} no majority; an odd number of repeats makes none."


def votes_of(frame: Frame) -> str:
    """Say what a figure of votes stands on."""
    voted = [row for row in frame.rows if row.n]
    return (
        f"{counted(frame.votes, 'vote')} on {counted(len({row.tool for row in voted}), 'tool')} by "
        f"{counted(len({row.persona for row in voted}), 'persona')}"
    )


def ends_of(order: Sequence[str]) -> list[str]:
    """Return what a drawing has room for: all rows, or as many from either end."""
    half = charts.ROWS // 2
    return [*order] if len(order) <= charts.ROWS else [*order[:half], *order[-half:]]


def cut(many: int) -> str:
    """Say which rows are drawn where not all are."""
    if many <= charts.ROWS:
        return ""
    half = charts.ROWS // 2
    return f" Drawn: the {half} highest and the {half} lowest of {many:,}."


def ends(interval: Interval | None) -> dict[str, float | None]:
    """Return the ends of an interval as a drawing has them."""
    return {
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
    }
