"""Opens the database: politely waiting for its lock, never holding it for long."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Iterator, Mapping
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
_SHUT = {"enable_external_access": "false", "lock_configuration": "true"}
# Connections of one process to one file share their settings, and a locked one takes no SET.
_opening = threading.Lock()
# DuckDB's own lock keeps other processes out, and no thread of this one.
_one_writer = threading.RLock()


def _locked(error: BaseException) -> bool:
    if isinstance(error, duckdb.ConnectionException):  # held by this very process
        return "different configuration" in str(error)
    return isinstance(error, duckdb.IOException) and "Could not set lock" in str(error)


def _connect(
    file: Path, read_only: bool, wait: float, settings: Mapping[str, str] = _OFFLINE
) -> duckdb.DuckDBPyConnection:
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_locked),
        wait=tenacity.wait_random(0.02, 0.1),
        stop=tenacity.stop_after_delay(wait),
        reraise=True,
    )
    try:
        return retrying(_open, file, read_only, settings)
    except duckdb.Error as error:
        if _locked(error):
            holder = re.search(r"\(PID (\d+)\)", str(error))
            who = f"process {holder[1]}" if holder else "another reader or writer"
            raise StoreBusyError(
                f"{file} is held by {who} and was not released within {wait:g} s. "
                "Wait for it to end, then run again: nothing is lost."
            ) from None
        reason = str(error).splitlines()[0]
        raise StoreError(
            f"{file} cannot be opened: {reason}. The journals beside it hold everything: "
            "'panel rebuild' makes the database anew."
        ) from None


def _open(file: Path, read_only: bool, settings: Mapping[str, str]) -> duckdb.DuckDBPyConnection:
    with _opening:
        connection = duckdb.connect(str(file), read_only=read_only)
        try:
            locked = connection.execute("SELECT current_setting('lock_configuration')").fetchall()
            for name, value in () if locked[0][0] else settings.items():
                connection.execute(f"SET GLOBAL {name} = '{value}'").fetchall()
        except BaseException:
            connection.close()
            raise
        return connection


def _make(file: Path) -> None:
    """Put an empty database in place whole: nobody is to open one that is half written."""
    fresh = file.with_name(f"making-{secrets.token_hex(4)}.duckdb")
    try:
        _connect(fresh, read_only=False, wait=0).close()
        try:
            file.hardlink_to(fresh)
        except FileExistsError:  # another process was quicker
            return
        except OSError:  # a file system without links
            fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def writing(file: Path, wait: float = WAIT_SECONDS) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database for one short transaction: commit at the end, roll back on an error.

    Makes the file and brings its tables up to date. Raises StoreBusyError, StoreError.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if not _one_writer.acquire(timeout=wait):
        raise StoreBusyError(
            f"{file} is written by another part of this program and was not released within "
            f"{wait:g} s. Try again: nothing is lost."
        )
    try:
        with _written(file, wait) as connection:
            yield connection
    finally:
        _one_writer.release()


@contextmanager
def _written(file: Path, wait: float) -> Iterator[duckdb.DuckDBPyConnection]:
    if not file.exists():
        _make(file)
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
    settings = _OFFLINE if files else _OFFLINE | _SHUT
    connection = _connect(file, read_only=True, wait=wait, settings=settings)
    try:
        yield connection
    except duckdb.Error as error:
        raise StoreError(
            f"{file} cannot be read: {str(error).splitlines()[0]}. The journals beside it hold "
            "everything: 'panel rebuild' makes the database anew."
        ) from None
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
