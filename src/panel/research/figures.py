"""A figure of a report: what it says, on how many answers, by which method, and its drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from panel.research import charts
from panel.research.frame import Frame
from panel.stats import Interval

# How a column's values are shown. interval: of a percentage; span: of a number.
Kind = Literal["text", "count", "percent", "interval", "number", "span", "points", "seconds", "usd"]
Column = tuple[str, Kind]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: what it says and of what, its drawing, its table, and how to make it again.

    key: its name in files and addresses. finding: one sentence with its n. estimates: the question
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


def counted(many: int, one: str, more: str | None = None) -> str:
    """Return a count with its word: 1 tool, 2 tools."""
    return f"{many:,} {one if many == 1 else more or one + 's'}"


def not_voted(frame: Frame) -> str:
    """Say how many answers are no vote."""
    abstains, errors = sum(r.abstains for r in frame.rows), sum(r.errors for r in frame.rows)
    return (
        f"{counted(abstains, 'abstention')} and {counted(errors, 'error')}: not counted, neither "
        "as ship nor as skip."
    )


def votes_of(frame: Frame) -> str:
    """Say what a figure of votes stands on."""
    return (
        f"{counted(frame.votes, 'vote')} on {counted(len(frame.tools), 'tool')} by "
        f"{counted(len(frame.personas), 'persona')}"
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
