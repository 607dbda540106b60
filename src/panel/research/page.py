"""The report as one HTML page: no script, nothing from elsewhere, one drawing for every scheme."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup

from panel.research.charts import page_svg
from panel.research.figures import Figure, Kind
from panel.research.report import Report
from panel.site.formats import NBSP, NOBODY, environment, percent
from panel.stats import Interval
from panel.text import clean, utc

SHOWN = 200  # rows of a table; the query gives all


def render_report(report: Report, generated_at: datetime, version: str) -> str:
    """Return the page as one HTML5 document without scripts or external resources.

    A ``generated_at`` without a time zone is taken as UTC; ``version`` is the panel's.
    """
    return (
        _templates()
        .get_template("report.html.j2")
        .render(report=report, generated=utc(generated_at), version=version, shown=SHOWN)
    )


@functools.cache
def _templates() -> Environment:
    """Return the site's templates' environment, with this room's templates beside the site's."""
    base = environment()
    assert base.loader
    made = base.overlay(loader=ChoiceLoader([PackageLoader("panel.research"), base.loader]))
    made.filters = base.filters | {"cell": cell, "drawing": _drawing}
    return made


def _drawing(figure: Figure) -> Markup:
    """Return a figure's drawing, which ElementTree has escaped."""
    assert figure.chart is not None
    told = f"{figure.title}. {figure.finding} The table beside it has the numbers."
    return Markup(page_svg(figure.chart, told))  # noqa: S704


def cell(value: Any, kind: Kind) -> str:
    """Show one value of a table."""
    return NOBODY if value is None or value == "" else _SHOWN[kind](value)


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def _ends(interval: Interval, form: str) -> str:
    return _minus(f"{interval.low:{form}} to {interval.high:{form}}")


def _shift(points: float) -> str:
    return _minus(f"{points:+.1f}") if round(points, 1) else "0.0"


_SHOWN: dict[Kind, Callable[[Any], str]] = {
    "text": lambda value: clean(str(value)),
    "count": lambda value: f"{value:,}",
    "percent": percent,
    "interval": lambda value: f"{_ends(value, 'z.0f')}{NBSP}%",
    "mean": lambda value: f"{value:,.1f}",
    "number": lambda value: _minus(f"{value:z.3f}"),
    "span": lambda value: _ends(value, "z.3f"),
    "p": lambda value: "< 0.001" if value < 0.001 else f"{value:.3f}",
    "points": lambda value: _minus(f"{value:z.1f}"),
    "shift": _shift,
    "shift_span": lambda value: f"{_shift(value.low)} to {_shift(value.high)}",
    "seconds": lambda value: f"{value:,.2f}{NBSP}s",
    "usd": lambda value: f"${value:,.4f}" if value >= 0.01 else f"${value:.6f}",
}
