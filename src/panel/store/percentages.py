"""Ship percentages in the store: counted by panel.stats, put into their table here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

import duckdb
from pydantic_core import from_json, to_json

from panel.stats import Tally, combine
from panel.store.named import of_tools
from panel.store.rows import Fields, Row

Panel = tuple[str, ...]  # persona ids, in order


def panels_by_model(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Panel]]:
    """Return the panels that each model was asked for, the latest last; "" holds those of all runs.

    A model that has only been thawed has no runs of its own.
    """
    rows = connection.execute(
        "SELECT model_identity, panel FROM journal.runs WHERE experiment IS NULL "
        "ORDER BY started_at, run_id"
    ).fetchall()
    found: dict[str, dict[Panel, None]] = defaultdict(dict)
    for model, listed in rows:
        panel = tuple(listed)
        for key in ("", model):
            found[key].pop(panel, None)
            found[key][panel] = None
    return {model: [*panels] for model, panels in found.items()}


def count_ships(
    connection: duckdb.DuckDBPyConnection,
    tools: Collection[str] | None = None,
    models: Collection[str] = (),
) -> None:
    """Work out the ship percentages of these tools and models, and put them in place.

    tools: None for all. models: as the keys of ``panels_by_model``. DuckDB counts, and
    ``panel.stats`` works out each sum of votes that occurs once: a million tools share a few.
    """
    where, values = _concerned(tools, models)
    connection.execute(_COUNTED.format(where=where), values | _panels(connection))
    distinct = connection.execute("SELECT DISTINCT tallies FROM counted").fetchall()
    figures = [_figures(tallies) for (tallies,) in distinct]
    connection.execute(f"DELETE FROM journal.ship_percentages {where}", values)
    connection.execute(_PUT, [to_json(figures).decode()])
    connection.execute("DROP TABLE counted")


def _concerned(
    tools: Collection[str] | None, models: Collection[str]
) -> tuple[str, dict[str, object]]:
    """Return the condition on rows that are to be counted again, and its values."""
    if tools is None:
        return "", {}
    condition, values = of_tools(tools)
    if not models:
        return f"WHERE {condition}", values
    where = f"""WHERE ({condition} OR model_identity IN (SELECT unnest($models::VARCHAR[]))
        OR ($any AND model_identity NOT IN (
            SELECT model_identity FROM journal.runs WHERE experiment IS NULL)))"""
    return where, values | {"models": sorted(models), "any": "" in models}


# The rows of the table but for what follows from the votes, which stand in "tallies": of each
# persona ships, skips, abstentions, errors, and whether they are a demo model's.
_COUNTED = """
CREATE TEMP TABLE counted AS
WITH cells AS (
    SELECT tool, model_identity, persona, [
               count(*) FILTER (present AND verdict = 'ship'),
               count(*) FILTER (present AND verdict = 'skip'),
               count(*) FILTER (present AND outcome = 'abstain'),
               count(*) FILTER (present AND outcome = 'error'),
               (count(*) FILTER (present AND profile IS NOT NULL) > 0)::BIGINT
           ] AS tally,
           count(*) FILTER (NOT present AND outcome <> 'error') AS older
    FROM journal.cell_outcomes {where} GROUP BY ALL
),
used AS (
    SELECT unnest($asked::VARCHAR[]) AS model_identity, unnest($panels::VARCHAR[][]) AS panel,
           unnest($present::BOOLEAN[]) AS present
)
SELECT tool, model_identity, 'persona' AS level, persona, NULL::VARCHAR[] AS panel,
       true AS present, [tally]::VARCHAR AS tallies, older AS superseded
FROM cells
UNION ALL
SELECT tool, model_identity, 'panel', NULL, panel, used.present,
       coalesce(list(tally ORDER BY persona) FILTER (panel = [] OR persona IN panel), [])::VARCHAR,
       coalesce(sum(older) FILTER (panel = [] OR persona IN panel), 0)::BIGINT
FROM cells JOIN used USING (model_identity) GROUP BY ALL
"""
_PUT = """
INSERT INTO journal.ship_percentages BY NAME
SELECT counted.* EXCLUDE (tallies), figures.* EXCLUDE (tallies)
FROM counted JOIN (
    SELECT unnest(json_transform(?, '[{"tallies": "VARCHAR", "ships": "BIGINT", "skips": "BIGINT",
        "abstains": "BIGINT", "errors": "BIGINT", "n": "BIGINT", "demo": "BOOLEAN",
        "ship_percent": "DOUBLE",
        "low": "DOUBLE", "high": "DOUBLE", "undecided": "BOOLEAN", "split": "BOOLEAN"}]'),
        recursive := true)
) AS figures USING (tallies)
"""


def _panels(connection: duckdb.DuckDBPyConnection) -> dict[str, object]:
    """Return the panels of each model that has answers, as columns; the latest is the present."""
    known = panels_by_model(connection)
    rows = connection.execute("SELECT DISTINCT model_identity FROM journal.attempts").fetchall()
    used = [
        (model, list(panel), panel == panels[-1])
        for (model,) in rows
        for panels in [known.get(model) or known.get("", [()])[-1:]]
        for panel in panels
    ]
    names = ("asked", "panels", "present")
    return {name: [row[place] for row in used] for place, name in enumerate(names)}


def _figures(tallies: str) -> Fields:
    """Return what panel.stats makes of the tallies of some personas, which are JSON."""
    result = combine([Tally(s, k, a, e, bool(demo)) for s, k, a, e, demo in from_json(tallies)])
    return {
        "tallies": tallies,
        "ships": result.ships,
        "skips": result.skips,
        "abstains": result.abstains,
        "errors": result.errors,
        "n": result.n,
        "demo": result.demo,
        "ship_percent": result.ship_percent,
        "low": result.interval.low if result.interval else None,
        "high": result.interval.high if result.interval else None,
        "undecided": result.undecided,
        "split": result.split,
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
