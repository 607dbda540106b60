"""The schema of the database: ``schema.sql``, and how a database that it made is known."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from pathlib import Path

import duckdb

from panel.cells.journal import FORMAT
from panel.hashing import content_hash

SCHEMA = resources.files("panel.store").joinpath("schema.sql").read_text("utf-8")
HASH = content_hash([SCHEMA, FORMAT])
# What DuckDB 2.0.0 and 2.0.1 make of the schema. Another release may write it in other words; then
# it is made to be compared, which takes 40 ms. A test tells the new hash.
KNOWN = "b2:8d20e762d130bd0078171f97ee52b79b"
_KINDS = {
    "views": "view_name, sql, comment",
    "tables": "table_name, sql, comment",
    "indexes": "index_name, sql, comment",
    "sequences": "sequence_name, sql, comment",
    "triggers": "trigger_name, sql, comment",
    "types": "type_name, logical_type, comment",
    "functions": "function_name, macro_definition, comment",
    "schemas": "'', '', comment",
}
DEFINITIONS = " UNION ALL ".join(
    f"SELECT '{kind}', schema_name, {columns} FROM system.main.duckdb_{kind}()"
    + (" WHERE NOT internal" if kind not in ("indexes", "sequences", "triggers") else "")
    for kind, columns in _KINDS.items()
)
_WORD = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+|[^\w\s]""")  # a quoted text is one word
_seen: dict[Path, tuple[int, int]] = {}  # files whose definitions are ours: device, inode


def create_schema(connection: duckdb.DuckDBPyConnection) -> None:
    """Make every table and view in an empty database, in one transaction."""
    connection.execute("BEGIN TRANSACTION")
    connection.execute(SCHEMA)
    connection.execute("INSERT INTO journal.schema VALUES (?)", [HASH])
    connection.execute("COMMIT")


def is_current(connection: duckdb.DuckDBPyConnection, file: Path) -> bool:
    """Whether the database of a file was made by this very schema, and holds nothing else.

    Views and macros of one that came from elsewhere may do more than read. So none is used before
    all of them are known to be ours; that is looked at once for each file.
    """
    try:
        state = file.stat()
        if _seen.get(file) != (state.st_dev, state.st_ino):
            if (found := definitions(connection)) != KNOWN and found != _own_definitions():
                return False
            _seen[file] = state.st_dev, state.st_ino
        return connection.execute("SELECT hash FROM journal.schema").fetchall() == [(HASH,)]
    except (duckdb.Error, OSError):  # no such table, a damaged file, or none any more
        return False


def definitions(connection: duckdb.DuckDBPyConnection) -> str:
    """Return a hash of all that a database defines; its DuckDB must have no other open.

    Functions are named in full: those of the database itself would go before DuckDB's own.
    """
    defined = connection.execute(DEFINITIONS).fetchall()
    return content_hash(sorted("\n".join(map(_in_one_order, map(str, row))) for row in defined))


def _in_one_order(sql: str) -> str:
    """Return the words of a definition, in order but for what DuckDB itself writes in any.

    That is what a star excludes and replaces: its order changes with each opening of the file.
    """
    open_lists: list[tuple[bool, list[list[str]]]] = [(False, [[]])]
    last = ""
    for word in _WORD.findall(sql):
        if word == "(":
            open_lists.append((last in ("EXCLUDE", "REPLACE"), [[]]))
        elif word == ")" and len(open_lists) > 1:
            told = _told(*open_lists.pop())
            open_lists[-1][1][-1].append(f"({told})")
        elif word == ",":
            open_lists[-1][1].append([])
        else:
            open_lists[-1][1][-1].append(word)
        last = word
    return " ( ".join(_told(*each) for each in open_lists)


def _told(in_any_order: bool, items: list[list[str]]) -> str:
    told = [" ".join(words) for words in items]
    return " , ".join(sorted(told) if in_any_order else told)


@cache
def _own_definitions() -> str:
    with duckdb.connect(":memory:") as connection:
        create_schema(connection)
        return definitions(connection)
