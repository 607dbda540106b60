"""Reads the rows of a Parquet file, of which a kilobyte may stand for a billion of them.

DuckDB is given a copy under a name of ours, and may open nothing else: what stands in a name, a
star for one, leads it to other files.
"""

from __future__ import annotations

import tempfile
from math import isnan
from pathlib import Path
from typing import Any

from panel.errors import WorkspaceError
from panel.workspace.nested_columns import nested, paths_of
from panel.workspace.plain_files import most_text, read_bytes

MOST_COLUMNS = 1_000  # with all fields and lists in them
_COLLECTIONS = ("list", "array", "map")
_BOUNDED: dict[str, Any] = {
    "memory_limit": "512MB",
    "max_temp_directory_size": "0B",
    "threads": 2,
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
# It opens its allowed path alone then, reads no pattern out of a name, and keeps to all that.
_SHUT = ("enable_external_access = false", "lock_configuration = true")
# Types that Python has, too. Others (decimals, times of day, UUIDs, intervals) become the text that
# DuckDB writes for them: 1.10 stays 1.10.
_PLAIN_TYPES = {
    *("boolean", "tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger"),
    *("ubigint", "float", "double", "varchar", "date", "timestamp", "blob"),
}


class _TooLargeError(Exception):
    """A file holds more than it may; told by the bound."""


def read_parquet(file: Path, most_rows: int, most_values: int) -> list[dict[str, Any]]:
    """Return the fields of each row; raises WorkspaceError."""
    import duckdb  # noqa: PLC0415

    raw = read_bytes(file)
    with tempfile.TemporaryDirectory(prefix="panel-") as folder:
        copy = str(Path(folder) / "rows.parquet")
        try:
            Path(copy).write_bytes(raw)
            with duckdb.connect(config=_BOUNDED) as connection:
                quoted = copy.replace("'", "''")
                for setting in ("TimeZone = 'UTC'", f"allowed_paths = ['{quoted}']", *_SHUT):
                    connection.execute(f"SET {setting}")
                return _rows(connection, copy, most_rows, most_values)
        except _TooLargeError as error:
            message = f"has more than {error}"
            raise WorkspaceError.single(file, None, "", message, "Split it.") from None
        except OSError as error:
            message = f"cannot be copied to {folder}: {error.strerror}"
            raise WorkspaceError.single(file, None, "", message, "Make room there.") from None
        except (duckdb.Error, ValueError) as error:
            reason = str(error).splitlines()[0].replace(copy, file.name)
            raise WorkspaceError.single(
                file, None, "", f"cannot be read as Parquet: {reason}", "Write it again."
            ) from None


def _rows(connection: Any, copy: str, most_rows: int, most_values: int) -> list[dict[str, Any]]:
    _refuse_declared(connection, copy, most_rows, most_values)
    # A folder called "a=b" above the copy would bring a column otherwise.
    table = connection.sql(
        "SELECT * FROM read_parquet(?, hive_partitioning = false)", params=[copy]
    ).limit(most_rows + 1)
    paths = paths_of(table.columns)
    _refuse_unpacked(table, most_rows, most_values, most_text(Path(copy).stat().st_size))
    shown = [f"CAST({name} AS {_plain_type(kind)})" for name, kind in _columns(table)]
    rows = table.project(", ".join(shown)).fetchall()
    return [nested(paths, _without_nulls(row)) for row in rows]


def _refuse_declared(connection: Any, copy: str, most_rows: int, most_values: int) -> None:
    """Raise for a file that says itself that it holds too much, before any of it is read."""
    for what, most, query in (
        ("rows", most_rows, "SELECT max(num_rows) FROM parquet_file_metadata(?)"),
        ("columns", MOST_COLUMNS, "SELECT count(*) FROM parquet_schema(?)"),
        # Of lists, each entry counts: unpacking them to find out would take hours.
        ("values", most_values, "SELECT sum(num_values) FROM parquet_metadata(?)"),
    ):
        if (connection.execute(query, [copy]).fetchall()[0][0] or 0) > most:
            raise _TooLargeError(f"{most:,} {what}")


def _refuse_unpacked(table: Any, most_rows: int, most_values: int, most_bytes: int) -> None:
    """Raise for a file that holds more than it says, or long texts very often."""
    columns = _columns(table)
    counts = [each for name, kind in columns for each in _counts(name, kind)]
    ((rows, *values),) = table.aggregate(
        ", ".join(["count(*)", *(f"sum({each})" for each in counts)])
    ).fetchall()
    if rows > most_rows:
        raise _TooLargeError(f"{most_rows:,} rows")
    if rows * len(columns) + sum(each or 0 for each in values) > most_values:
        raise _TooLargeError(f"{most_values:,} values")
    # Texts first, as they stand; the rest, which are numbers, dates and lists, as they are shown.
    texts = [name for name, kind in columns if kind.id == "varchar"]
    rest = [f"CAST({name} AS VARCHAR)" for name, kind in columns if kind.id != "varchar"]
    for some in (texts, rest):
        sizes = ", ".join(f"sum(strlen({value}))" for value in some)
        if sizes and sum(each or 0 for each in table.aggregate(sizes).fetchall()[0]) > most_bytes:
            raise _TooLargeError(f"{most_bytes:,} bytes of text")


def _columns(table: Any) -> list[tuple[str, Any]]:
    return [(_quoted(name), kind) for name, kind in zip(table.columns, table.types, strict=True)]


def _counts(value: str, kind: Any) -> list[str]:
    """Return SQL for how many values stand in a list, in all lists of a struct, or in its fields.

    Raises ValueError for lists of lists, which no field of a tool is.
    """
    if kind.id == "struct":
        inner = [_counts(f"{value}.{_quoted(name)}", each) for name, each in kind.children]
        return [str(len(inner)), *(each for some in inner for each in some)]
    if kind.id not in _COLLECTIONS:
        return []
    if any(map(_has_collection, _entries(kind))):
        raise ValueError("it holds lists of lists")
    size = f"cardinality({value})" if kind.id == "map" else f"len({value})"
    return [f"{size} * {sum(map(_fields, _entries(kind)))}"]


def _entries(kind: Any) -> list[Any]:
    return [each for _name, each in kind.children if not isinstance(each, int)]


def _has_collection(kind: Any) -> bool:
    if kind.id == "struct":
        return any(map(_has_collection, _entries(kind)))
    return kind.id in _COLLECTIONS


def _fields(kind: Any) -> int:
    return 1 + sum(map(_fields, _entries(kind))) if kind.id == "struct" else 1


def _plain_type(kind: Any) -> str:
    """Return the SQL type that a value of a DuckDB type is read as, in lists and structs too."""
    if kind.id.startswith("timestamp"):
        return "TIMESTAMP"  # one with a zone in UTC: DuckDB needs another package to hand it out
    if kind.id in ("list", "array"):
        return _plain_type(kind.children[0][1]) + "[]"
    if kind.id == "struct":
        return f"STRUCT({', '.join(f'{_quoted(n)} {_plain_type(t)}' for n, t in kind.children)})"
    if kind.id == "map":
        return f"MAP({', '.join(_plain_type(inner) for _name, inner in kind.children)})"
    return str(kind.id) if kind.id in _PLAIN_TYPES else "VARCHAR"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _without_nulls(value: Any) -> Any:
    """Drop the NULL fields of structs: all structs of a column have the same fields.

    NaN is what pandas writes for a missing value.
    """
    if isinstance(value, float) and isnan(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(inner) for inner in value]
    return value
