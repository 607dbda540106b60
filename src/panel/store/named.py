"""The condition on rows of some tools that lets DuckDB read these rows and hardly any others."""

from __future__ import annotations

from collections.abc import Collection

_MOST = 20_000  # of more, all rows are looked through in about the same time


def of_tools(tools: Collection[str]) -> tuple[str, dict[str, object]]:
    """Return a condition on the column ``tool``, and its values by name.

    Each is named, between the first and the last: DuckDB takes that into whichever view, down to
    the blocks of the table, and a subquery it does not.
    """
    names = sorted(set(tools))
    if not names or len(names) > _MOST:
        return "tool IN (SELECT unnest($tools::VARCHAR[]))", {"tools": names}
    named: dict[str, object] = {f"tool{place}": name for place, name in enumerate(names)}
    listed = ", ".join(f"${each}" for each in named)
    return f"(tool BETWEEN $tool0 AND $tool{len(names) - 1} AND tool IN ({listed}))", named
