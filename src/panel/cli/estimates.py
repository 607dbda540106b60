"""Estimates as tables and words: a value, its interval, its n, its method, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.table import Table

from panel.cli.output import out, safe, say
from panel.research.rates import Estimate
from panel.stats import Interval

NONE = "—"
Form = Callable[[Estimate], tuple[str, str]]  # a value and its interval, as they are shown


def print_estimates(title: str, rows: Iterable[tuple[str, Estimate]], form: Form) -> None:
    """Print estimates by their names as a table, and below it their methods and what is lacking."""
    table, found = head(title, "value", "95 % interval", "n"), list(rows)
    for name, each in found:
        table.add_row(safe(name), *form(each), n_of(each))
    show(table)
    for method in dict.fromkeys(each.method for _name, each in found if each.why is None):
        say(f"Method: {method}.")
    for name, each in found:
        if each.why is not None:
            say(f"{name}: {each.why}.")


def head(title: str, *columns: str) -> Table:
    """Return a table without rows, its first column for names."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(safe(title), min_width=len(title))
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def show(table: Table) -> None:
    """Print a table after an empty line."""
    console = out()
    console.print()
    console.print(table)


def n_of(each: Estimate) -> str:
    """Return what an estimate stands on: 1 tool, 12 tools."""
    return f"{each.n:,} {each.of.removesuffix('s') if each.n == 1 else each.of}"


def as_rate(each: Estimate) -> tuple[str, str]:
    """Show a percentage and its interval."""
    return share(each.value), span(each.interval, 1)


def as_number(each: Estimate) -> tuple[str, str]:
    """Show a number to three digits and its interval."""
    return NONE if each.value is None else f"{each.value:z.3f}", span(each.interval, 3)


def share(value: float | None) -> str:
    """Show a percentage to one digit."""
    return NONE if value is None else f"{value:.1f} %"


def span(interval: Interval | None, digits: int) -> str:
    """Show an interval, or a dash."""
    if interval is None:
        return NONE
    return f"{interval.low:z.{digits}f} to {interval.high:z.{digits}f}"
