"""Ship percentages in the store: counted by panel.stats, put into their table here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import duckdb

from panel.stats import PanelResult, Tally, combine
from panel.store.rows import Fields, Row, put

Panel = tuple[str, ...]  # persona ids, in order


def panels_by_model(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Panel]]:
    """Return the panels that each model was asked for, the latest last; "" holds those of all runs.

    A model that has only been thawed has no runs of its own.
    """
    rows = connection.execute(
        "SELECT model_identity, panel FROM journal.runs WHERE experiment IS NULL "
        "GROUP BY ALL ORDER BY max(row(started_at, run_id))"
    ).fetchall()
    found: dict[str, list[Panel]] = defaultdict(list)
    for model, panel in rows:
        for key in ("", model):
            if tuple(panel) in found[key]:
                found[key].remove(tuple(panel))
            found[key].append(tuple(panel))
    return dict(found)


def count_ships(
    connection: duckdb.DuckDBPyConnection,
    tools: Collection[str] | None = None,
    models: Collection[str] = (),
) -> None:
    """Work out the ship percentages of these tools and models, and put them in place.

    tools: None for all. models: as the keys of ``panels_by_model``.
    """
    where, values = "", list[object]()
    if tools is not None:
        where = (
            "WHERE (tool IN (SELECT unnest(?::VARCHAR[])) "
            "OR model_identity IN (SELECT unnest(?::VARCHAR[])) "
            "OR (? AND model_identity NOT IN (SELECT model_identity FROM journal.runs "
            "WHERE experiment IS NULL)))"
        )
        values = [sorted(tools), sorted(models), "" in models]
    counted = _tallies(connection, where, values)
    panels = panels_by_model(connection)
    rows = []
    for (tool, model), by_persona in counted.items():
        used = panels.get(model) or panels.get("", [()])[-1:]
        rows += [
            _panel_row(tool, model, panel, by_persona, present=panel == used[-1]) for panel in used
        ]
        rows += [
            _row(tool, model, combine([tally]), older) | {"level": "persona", "persona": persona}
            for persona, (tally, older) in by_persona.items()
        ]
    connection.execute(f"DELETE FROM journal.ship_percentages {where}", values)
    if rows:
        put(connection, "ship_percentages", rows)


_Counts = dict[str, tuple[Tally, int]]  # by persona: its tally, answers to earlier wordings


def _tallies(
    connection: duckdb.DuckDBPyConnection, where: str, values: Sequence[object]
) -> dict[tuple[str, str], _Counts]:
    rows = connection.execute(
        "SELECT tool, model_identity, persona, "
        "count(*) FILTER (present AND verdict = 'ship'), "
        "count(*) FILTER (present AND verdict = 'skip'), "
        "count(*) FILTER (present AND outcome = 'abstain'), "
        "count(*) FILTER (present AND outcome = 'error'), "
        "count(*) FILTER (NOT present AND outcome <> 'error') "
        f"FROM journal.outcomes {where} GROUP BY ALL ORDER BY tool, model_identity, persona",
        values,
    ).fetchall()
    found: dict[tuple[str, str], _Counts] = defaultdict(dict)
    for tool, model, persona, *counts, older in rows:
        found[tool, model][persona] = (Tally(*counts), older)
    return found


def _panel_row(
    tool: str,
    model: str,
    panel: Panel,
    by_persona: Mapping[str, tuple[Tally, int]],
    present: bool,
) -> Fields:
    members = [each for name, each in by_persona.items() if not panel or name in panel]
    result = combine([tally for tally, _older in members])
    row = _row(tool, model, result, sum(older for _tally, older in members))
    return row | {"level": "panel", "panel": list(panel), "present": present}


def _row(tool: str, model: str, result: PanelResult, superseded: int) -> Fields:
    return {
        "tool": tool,
        "model_identity": model,
        "present": True,
        "ships": result.ships,
        "skips": result.skips,
        "abstains": result.abstains,
        "errors": result.errors,
        "n": result.n,
        "ship_percent": result.ship_percent,
        "low": result.interval.low if result.interval else None,
        "high": result.interval.high if result.interval else None,
        "undecided": result.undecided,
        "split": result.split,
        "superseded": superseded,
    }


def tools_reparsed(connection: duckdb.DuckDBPyConnection, reparses: Sequence[Row]) -> set[str]:
    """Return the tools of reparses; an attempt not yet there brings its own when it comes."""
    if not reparses:
        return set()
    found = connection.execute(
        "SELECT DISTINCT tool FROM journal.attempts WHERE attempt_id IN (SELECT unnest(?))",
        [[str(line["attempt_id"]) for line in reparses]],
    ).fetchall()
    return {tool for (tool,) in found}
