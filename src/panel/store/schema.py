"""The schema of the database: ``schema.sql``, and the hash by which a database names its own."""

from __future__ import annotations

from importlib import resources

import duckdb

from panel.cells.journal import FORMAT
from panel.hashing import content_hash

SCHEMA = resources.files("panel.store").joinpath("schema.sql").read_text("utf-8")
HASH = content_hash([SCHEMA, FORMAT])


def create_schema(connection: duckdb.DuckDBPyConnection) -> None:
    """Make every table and view in an empty database, in one transaction."""
    connection.execute("BEGIN TRANSACTION")
    connection.execute(SCHEMA)
    connection.execute("INSERT INTO journal.schema VALUES (?)", [HASH])
    connection.execute("COMMIT")


def is_current(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the database was made by this very schema."""
    try:
        return connection.execute("SELECT hash FROM journal.schema").fetchall() == [(HASH,)]
    except duckdb.Error:  # no such table, or a damaged file
        return False
