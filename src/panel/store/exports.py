"""What the store gives to other programs: verdicts, and the observations of experiments."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

import duckdb

from panel.errors import StoreError
from panel.store.connection import Connection
from panel.store.ingest import opened

EXPORT = (
    "SELECT tools.name, tools.category, verdicts.* EXCLUDE (messages, reply) FROM verdicts "
    "LEFT JOIN tools USING (tool) ORDER BY tool, persona, model_identity, repeat"
)


TIDY = "SELECT * FROM observations ORDER BY experiment, position, arm"
DICTIONARY = """
SELECT column_name AS column, data_type AS type, comment AS meaning FROM duckdb_columns()
WHERE table_name = 'observations' AND database_name = current_database() ORDER BY column_index
"""


def data_dictionary(connection: Connection) -> list[tuple[str, str, str]]:
    """Return name, type and meaning of every column of ``observations``, in order."""
    return connection.execute(DICTIONARY).fetchall()


def export_parquet(runs: Path, stream: BinaryIO, tidy: bool = False) -> None:
    """Write the rows of the export as Parquet; raises StoreError where it cannot.

    tidy: those of ``observations``, with its data dictionary as JSON in the file's metadata, key
    "dictionary". DuckDB writes it beside, since it takes some characters of a path for something
    else.
    """
    with tempfile.TemporaryDirectory(prefix="panel-") as folder:
        made = Path(folder) / "rows.parquet"
        target = str(made).replace("'", "''")
        with opened(runs, into=Path(folder)) as connection:
            how = "FORMAT parquet"
            if tidy:
                meanings = {name: said for name, _type, said in data_dictionary(connection)}
                told = json.dumps(meanings).replace("'", "''")
                how += f", KV_METADATA {{dictionary: '{told}'}}"
            query = TIDY if tidy else EXPORT
            try:
                connection.execute(f"COPY ({query}) TO '{target}' ({how})").fetchall()
            except duckdb.Error as error:
                reason = str(error).splitlines()[0]
                raise StoreError(f"{made} cannot be written: {reason}") from None
        with made.open("rb") as rows:
            shutil.copyfileobj(rows, stream)
