"""Opens the database: waits politely for its lock, and never holds it for long."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import tenacity

from panel.errors import StoreBusyError, StoreError
from panel.store.schema import create_schema
from panel.workspace.plain_files import not_utf8

FILE = "panel.duckdb"
WAIT_SECONDS = 10.0
MOVE = "Move the workspace to another folder."
Connection = duckdb.DuckDBPyConnection  # what other rooms pass on without knowing DuckDB
_OFFLINE = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "TimeZone": "UTC",
}
_SHUT = {"enable_external_access": "false", "lock_configuration": "true"}
# DuckDB takes what follows a "?" in a path for parameters and puts its write-ahead log before it,
# into a folder that is not there. So there each commit goes into the file itself, at once.
_NO_LOG = {"checkpoint_threshold": "0b", "auto_checkpoint_skip_wal_threshold": "0"}
# Connections of one process to one file share their settings, and a locked one takes no SET.
_opening = threading.Lock()
# DuckDB's own lock keeps other processes out, and no thread of this one.
_one_writer = threading.RLock()


class UnusableError(StoreError):
    """The file is no database that can be opened: it is damaged, or of another DuckDB."""


def _locked(error: BaseException) -> bool:
    if isinstance(error, duckdb.ConnectionException):  # held by this very process
        return "different configuration" in str(error)
    return isinstance(error, duckdb.IOException) and "Could not set lock" in str(error)


def _connect(
    file: Path, read_only: bool, wait: float, settings: dict[str, str] = _OFFLINE
) -> Connection:
    if unfit := unfit_path(file):
        raise StoreError(f"{file} cannot be opened: {unfit}. {MOVE}")
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
        raise UnusableError(f"{file} cannot be opened: {reason}") from None


def unfit_path(file: Path) -> str | None:
    """Say why DuckDB can open no database of this path; None where it can."""
    where = file.resolve()
    if not_utf8(where):
        return "the path is not UTF-8, and DuckDB opens no such file"
    if "\\" in where.as_posix():
        return "the path holds a backslash, which DuckDB takes for a slash"
    return None


def _open(file: Path, read_only: bool, settings: dict[str, str]) -> Connection:
    with _opening:
        connection = duckdb.connect(str(file), read_only=read_only)
        try:
            locked = connection.execute("SELECT current_setting('lock_configuration')").fetchall()
            more = _NO_LOG if "?" in str(file.resolve()) else {}
            for name, value in () if locked[0][0] else (more | settings).items():
                connection.execute(f"SET GLOBAL {name} = '{value}'").fetchall()
        except BaseException:
            connection.close()
            raise
        return connection


_empty: list[bytes] = []  # the first database that this process made, to be copied


def create(file: Path) -> None:
    """Make a database with the schema and no rows; raises StoreError."""
    if _empty:  # a diff of runs makes a store for each side, and the schema costs 40 ms
        try:
            file.write_bytes(_empty[0])
        except OSError as error:
            raise StoreError(f"{file} cannot be written: {error.strerror}.") from None
        return
    with _telling(file, "written"):
        connection = _connect(file, read_only=False, wait=0)
        try:
            create_schema(connection)
        finally:
            connection.close()
    _empty.append(file.read_bytes())


@contextmanager
def writing(file: Path, wait: float = WAIT_SECONDS) -> Iterator[Connection]:
    """Open the database for one short transaction: commit at the end, roll back on an error.

    Raises StoreBusyError, StoreError.
    """
    if not _one_writer.acquire(timeout=wait):
        raise StoreBusyError(
            f"{file} is written by another part of this program and was not released within "
            f"{wait:g} s. Try again: nothing is lost."
        )
    try:
        with _telling(file, "written"):
            connection = _connect(file, read_only=False, wait=wait)
            try:
                connection.execute("BEGIN TRANSACTION")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            finally:
                connection.close()
    finally:
        _one_writer.release()


@contextmanager
def reading(file: Path, wait: float = WAIT_SECONDS, files: bool = False) -> Iterator[Connection]:
    """Open the database read-only and, unless ``files``, shut off from files and network.

    Raises StoreBusyError, StoreError.
    """
    settings = _OFFLINE if files else _OFFLINE | _SHUT
    connection = _connect(file, read_only=True, wait=wait, settings=settings)
    try:
        with _telling(file, "read"):
            yield connection
    finally:
        connection.close()


@contextmanager
def _telling(file: Path, done: str) -> Iterator[None]:
    """Turn DuckDB's errors into one line with what to do."""
    try:
        yield
    except duckdb.Error as error:
        raise StoreError(
            f"{file} cannot be {done}: {str(error).splitlines()[0]}. The journals beside it hold "
            "everything: mend the cause and run again, or 'panel rebuild'."
        ) from None


def refuse_if_held(file: Path, wait: float = WAIT_SECONDS) -> None:
    """Raise StoreBusyError while another process holds the file; a broken file is let pass."""
    try:
        _connect(file, read_only=False, wait=wait).close()
    except UnusableError:
        return
