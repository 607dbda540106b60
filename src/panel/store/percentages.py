"""Ship percentages in the store: counted by scorecard.py, put into their table here."""

from __future__ import annotations

from collections import defaultdict

import duckdb

from panel.stats import PanelResult, Tally, combine
from panel.store.rows import Fields, put


def latest_panel(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the persona ids of the latest run's panel, in order; empty before any run."""
    rows = connection.execute(
        "SELECT panel FROM journal.runs ORDER BY started_at DESC, run_id DESC LIMIT 1"
    ).fetchall()
    return list(rows[0][0]) if rows else []


def count_ships(connection: duckdb.DuckDBPyConnection, tools: set[str]) -> None:
    """Work out the ship percentages of these tools (all when empty) and put them in place."""
    panel = set(latest_panel(connection))
    where, values = (
        ("WHERE tool IN (SELECT unnest($tools))", {"tools": sorted(tools)}) if tools else ("", {})
    )
    cells = connection.execute(
        "SELECT tool, model_identity, persona, outcome, verdict FROM verdicts "
        f"{where} ORDER BY tool, model_identity, persona",
        values,
    ).fetchall()
    tallies: dict[tuple[str, str], dict[str, Tally]] = defaultdict(dict)
    for tool, model, persona, outcome, verdict in cells:
        counted = tallies[tool, model]
        counted[persona] = counted.get(persona, Tally()).plus(outcome, verdict)
    rows = []
    for (tool, model), counted in tallies.items():
        members = [tally for persona, tally in counted.items() if not panel or persona in panel]
        rows.append(_percentage(tool, model, None, combine(members)))
        rows += [
            _percentage(tool, model, persona, combine([tally]))
            for persona, tally in counted.items()
        ]
    connection.execute(f"DELETE FROM journal.ship_percentages {where}", values)
    if rows:
        put(connection, "ship_percentages", rows)


def _percentage(tool: str, model: str, persona: str | None, result: PanelResult) -> Fields:
    return {
        "tool": tool,
        "model_identity": model,
        "level": "panel" if persona is None else "persona",
        "persona": persona,
        "ships": result.ships,
        "skips": result.skips,
        "abstains": result.abstains,
        "errors": result.errors,
        "n": result.n,
        "ship_percent": result.ship_percent,
        "low": result.interval.low if result.interval else None,
        "high": result.interval.high if result.interval else None,
        "contested": result.contested,
    }
