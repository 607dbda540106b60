"""What the requests of a workspace have cost, as far as their prices are known."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb


@dataclass(frozen=True, slots=True)
class Cost:
    """What requests have cost. usd: of those with a known price, None where none has one."""

    requests: int
    priced: int
    usd: float | None


def cost_so_far(connection: duckdb.DuckDBPyConnection, tool: str | None = None) -> Cost:
    """Return what all requests have cost, or those about one tool; experiments are among them."""
    rows = connection.execute(
        "SELECT count(*), count(cost_usd), sum(cost_usd) FROM ("
        "SELECT tool, cost_usd FROM attempts UNION ALL BY NAME "
        "SELECT tool, cost_usd FROM probabilities) "
        "WHERE $tool IS NULL OR tool = $tool",
        {"tool": tool},
    ).fetchall()
    requests, priced, usd = rows[0]
    return Cost(requests, priced, usd)
