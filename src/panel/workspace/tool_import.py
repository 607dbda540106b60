"""Plans an import: which files of tools/ a foreign table makes or changes. Writes nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from panel.errors import Problem
from panel.workspace.cell_values import NOTHING, CellError, DateOrder, orders_of, read_cell
from panel.workspace.columns import Kind, Target, find_columns, targets_of
from panel.workspace.foreign_tables import ReadAs, SourceTable, read_source
from panel.workspace.import_plan import Column, Importing, ImportPlan, Line
from panel.workspace.tools import Tool
from panel.workspace.validation import by_column

PRICE = "pricing.entry"
_NAMED = 20  # columns or tools that one message names


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a table is read. told: field → column; update: change tools that are there already."""

    read_as: ReadAs = field(default_factory=ReadAs)
    told: Mapping[str, str] = field(default_factory=dict)
    dates: DateOrder | None = None
    update: bool = False


def plan_import(root: Path, source: Path, options: ImportOptions) -> ImportPlan:
    """Read a table and return what importing it into the workspace at ``root`` would do.

    Raises WorkspaceError where the table cannot be read, UsageError for a wrong ``told``. What is
    wrong with its columns and cells stands in the plan.
    """
    table = read_source(source, options.read_as)
    targets = targets_of(Tool)
    found = find_columns(targets, table.columns, options.told)
    plan = ImportPlan(_columns(table, targets, found.columns), list(table.notes))
    for name, claimed in found.unsure.items():
        named = " and ".join(map(repr, claimed[:_NAMED]))
        choice = shlex.quote(f"{name}={claimed[0]}")
        remedy = f"Choose: --map {choice}, or --map {name}= for neither."
        plan.problems.append(Problem(source, None, name, f"{named} look equally like it", remedy))
    lines = _values(table, targets, found.columns, options.dates, plan)
    Importing(root / "tools", source, options.update, plan).add(
        lines, _missing(table, targets, found.columns, found.unsure)
    )
    of_field = {each.field: each.name for each in plan.columns if each.field}
    plan.problems = [_with_column(p, of_field) for p in by_column(plan.problems, len(table.rows))]
    return plan


def _with_column(problem: Problem, columns: Mapping[str, str]) -> Problem:
    column = columns.get(problem.field, problem.field)
    return (
        replace(problem, field=f"{problem.field} (column {column!r})")
        if column != problem.field
        else problem
    )


def _columns(
    table: SourceTable, targets: Mapping[str, Target], chosen: Mapping[str, str]
) -> list[Column]:
    firsts: dict[str, str] = {}
    for row in table.rows:
        for name, cell in row.cells.items():
            firsts.setdefault(name, str(cell))
        if len(firsts) == len(table.columns):
            break
    taken = [Column(column, name, firsts.get(column, "")) for name, column in chosen.items()]
    groups = [name for name, each in targets.items() if each.kind is Kind.GROUP]
    for column in table.columns:
        if column not in chosen.values():
            first = firsts.get(column, "")
            wanted = "links" if first.startswith(("https://", "http://")) else "facts"
            group = wanted if wanted in groups else ""
            option = f"--map {shlex.quote(f'{group}.{column}={column}')}" if group else ""
            taken.append(Column(column, "", first, option))
    return taken


def _missing(
    table: SourceTable, targets: Mapping[str, Target], chosen: Mapping[str, str], unsure: Any
) -> list[Problem]:
    """Return a problem for each field that a new tool must have and no column gives."""
    names = ", ".join(map(repr, table.columns[:_NAMED]))
    more = len(table.columns) - _NAMED
    names += f" and {more} more" if more > 0 else ""
    other = "other " if chosen else ""
    return [
        Problem(
            table.file,
            None,
            name,
            f"no {other}column looks like it; there are {names}",
            f"Say which: --map {name}=COLUMN, or add a column {name!r}.",
        )
        for name, target in targets.items()
        if target.needed and name != "slug" and name not in chosen and name not in unsure
    ]


def _values(
    table: SourceTable,
    targets: Mapping[str, Target],
    chosen: Mapping[str, str],
    dates: DateOrder | None,
    plan: ImportPlan,
) -> list[Line]:
    """Return the rows with what each cell says; what is wrong with cells is added to the plan."""
    kinds = {name: _target(targets, name) for name in chosen}
    dated = {
        chosen[name]: [row.cells.get(chosen[name]) for row in table.rows]
        for name, target in kinds.items()
        if target.kind in (Kind.DATE, Kind.MOMENT)
    }
    orders = orders_of(dated, dates)
    plan.notes += orders.notes
    for name, column in chosen.items():
        if column in orders.unclear:
            plan.problems.append(Problem(table.file, None, name, *orders.unclear[column]))
    lines = []
    for row in table.rows:
        values: dict[str, Any] = {}
        for name, column in chosen.items():
            cell = row.cells.get(column)
            nothing = isinstance(cell, str) and cell.casefold() in NOTHING
            if cell is None or (nothing and not kinds[name].needed) or column in orders.unclear:
                continue
            try:
                values[name] = read_cell(cell, kinds[name].kind, orders.by_column.get(column))
            except CellError as error:
                plan.problems.append(Problem(table.file, row.line, name, str(error), error.remedy))
        lines.append(Line(row.line, values))
    plan.notes += _bare_prices(lines, chosen)
    return lines


def _bare_prices(lines: list[Line], chosen: Mapping[str, str]) -> list[str]:
    """Return a note where prices are numbers alone, as cells of workbooks often are."""
    prices = [str(line.values.get(PRICE, "")) for line in lines]
    bare = [price for price in prices if re.fullmatch(r"\d+([.,]\d+)?", price)]
    if not bare:
        return []
    count = "a price is a number" if len(bare) == 1 else f"{len(bare):,} prices are numbers"
    return [f"{chosen[PRICE]!r}: {count} without a currency, such as {bare[0]}. It is kept so."]


def _target(targets: Mapping[str, Target], name: str) -> Target:
    return targets.get(name) or Target(name, Kind.TEXT, needed=False)  # below a group: links.Docs
