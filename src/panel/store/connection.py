"""Opens the database: politely waiting for its lock, never holding it for long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import tenacity

from panel.errors import StoreBusyError, StoreError
from panel.store.migrations import migrate

FILE = "panel.duckdb"
WAIT_SECONDS = 10.0
_OFFLINE = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "TimeZone": "UTC",
}


def _locked(error: BaseException) -> bool:
    return isinstance(error, duckdb.IOException) and "Could not set lock" in str(error)


def _connect(file: Path, read_only: bool, wait: float) -> duckdb.DuckDBPyConnection:
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_locked),
        wait=tenacity.wait_random(0.02, 0.1),
        stop=tenacity.stop_after_delay(wait),
        reraise=True,
    )
    try:
        return retrying(_open, file, read_only)
    except duckdb.Error as error:
        if _locked(error):
            holder = re.search(r"\(PID (\d+)\)", str(error))
            who = f"process {holder[1]}" if holder else "another process"
            raise StoreBusyError(
                f"{file} is held by {who} and was not released within {wait:g} s. "
                "Wait for it to end, then run again: nothing is lost."
            ) from None
        reason = str(error).splitlines()[0]
        raise StoreError(
            f"{file} cannot be opened: {reason}. The journals beside it hold everything: "
            "'panel rebuild' makes the database anew."
        ) from None


def _open(file: Path, read_only: bool) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(file), read_only=read_only)
    for name, value in _OFFLINE.items():
        connection.execute(f"SET {name} = '{value}'")
    return connection


@contextmanager
def writing(file: Path, wait: float = WAIT_SECONDS) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database for one short transaction: commit at the end, roll back on an error.

    Makes the file and brings its tables up to date. Raises StoreBusyError, StoreError.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    connection = _connect(file, read_only=False, wait=wait)
    try:
        migrate(connection)
        connection.execute("BEGIN TRANSACTION")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    except duckdb.Error as error:
        raise StoreError(
            f"{file} cannot be written: {str(error).splitlines()[0]}. The journals are kept; mend "
            "the cause and run again, or 'panel rebuild'."
        ) from None
    finally:
        connection.close()


@contextmanager
def reading(
    file: Path, wait: float = WAIT_SECONDS, files: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database read-only and, unless ``files``, shut off from files and network."""
    connection = _connect(file, read_only=True, wait=wait)
    try:
        if not files:
            connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


def refuse_if_held(file: Path, wait: float = WAIT_SECONDS) -> None:
    """Raise StoreBusyError while another process holds the file; a broken file is let pass."""
    try:
        _connect(file, read_only=False, wait=wait).close()
    except StoreBusyError:
        raise
    except StoreError:
        return
