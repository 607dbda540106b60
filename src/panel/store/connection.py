"""Opens the database: waits politely for its lock, and never holds it for long."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import duckdb

from panel.errors import StoreBusyError, StoreError
from panel.store.attached import How, attach
from panel.store.schema import create_schema
from panel.workspace.plain_files import not_utf8

FILE = "panel.duckdb"
WAIT_SECONDS = 10.0
MOVE = "Move the workspace to another folder."
Connection = duckdb.DuckDBPyConnection  # what other rooms pass on without knowing DuckDB
# DuckDB's own lock keeps other processes out, and no thread of this one.
_one_writer = threading.RLock()
_Attached = tuple[Connection, Callable[[], None]]


class UnusableError(StoreError):
    """The file is no database that can be opened: it is damaged, or of another DuckDB."""


def _locked(error: BaseException) -> bool:
    if isinstance(error, duckdb.ResourceInUseException):  # held by this very process
        return True
    return isinstance(error, duckdb.IOException) and "Could not set lock" in str(error)


@contextmanager
def _connected(file: Path, how: How, wait: float, into: Path | None = None) -> Iterator[Connection]:
    try:
        connection, close = _attached(file, how, wait, into)
        try:
            yield connection
        finally:
            close()
    except RuntimeError as error:
        if str(error) == "Query interrupted":  # what DuckDB sometimes makes of Ctrl-C
            raise KeyboardInterrupt from None
        raise


def _attached(file: Path, how: How, wait: float, into: Path | None) -> _Attached:
    if unfit := unfit_path(file):
        raise StoreError(f"{file} cannot be opened: {unfit}. {MOVE}")
    try:
        return _patiently(partial(attach, file, how, into), wait)
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


def _patiently(attached: Callable[[], _Attached], wait: float) -> _Attached:
    try:
        return attached()
    except duckdb.Error as error:
        if not _locked(error):
            raise
    import tenacity  # noqa: PLC0415 - seldom needed, and as slow to import as much of this room

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_locked),
        wait=tenacity.wait_random(0.02, 0.1),
        stop=tenacity.stop_after_delay(wait),
        reraise=True,
    )
    return retrying(attached)


def unfit_path(file: Path) -> str | None:
    """Say why DuckDB can open no database of this path; None where it can."""
    where = file.resolve()
    if not_utf8(where):
        return "the path is not UTF-8, and DuckDB opens no such file"
    if "\\" in where.as_posix():
        return "the path holds a backslash, which DuckDB takes for a slash"
    return None


_empty: list[bytes] = []  # the first database that this process made, to be copied


def create(file: Path) -> None:
    """Make a database with the schema and no rows; raises StoreError."""
    if _empty:  # a diff of runs makes a store for each side, and the schema costs 40 ms
        try:
            file.write_bytes(_empty[0])
        except OSError as error:
            raise StoreError(f"{file} cannot be written: {error.strerror}.") from None
        return
    with _telling(file, "written"), _connected(file, "write", wait=0) as connection:
        create_schema(connection)
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
        with _telling(file, "written"), _connected(file, "write", wait) as connection:
            connection.execute("BEGIN TRANSACTION")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
    finally:
        _one_writer.release()


@contextmanager
def reading(
    file: Path, wait: float = WAIT_SECONDS, shut: bool = False, into: Path | None = None
) -> Iterator[Connection]:
    """Open the database read-only; no file is reached but its own.

    shut: for what others ask: no setting can be changed, and nothing is attached. into: a folder
    that it may write to, nevertheless. Raises StoreBusyError, StoreError.
    """
    how: How = "shut" if shut or into else "read"
    with _connected(file, how, wait, into) as connection, _telling(file, "read"):
        yield connection


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
    with suppress(UnusableError), _connected(file, "write", wait):
        pass
