"""The databases that this process has open: one DuckDB, and each file attached to it.

To start a DuckDB costs 17 ms of CPU, to attach a file less than one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

import duckdb

# Rows that are compressed together, and written anew when some are added. DuckDB's own number is
# 122,880: that is most of the time of an ingest, and 300 MB in memory.
ROW_GROUP = 6_144
How = Literal["read", "shut", "write"]  # shut: to read, and cut off from files and network
_Settings = dict[str, Any]
_OFFLINE: _Settings = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",  # no variable of the program is a table
}
# Not taken before DuckDB has started. Rows go into the file as soon as a group of them is whole.
_STARTED: _Settings = {"TimeZone": "UTC", "write_buffer_row_group_count": "1"}
_SHUT = {"enable_external_access": "false", "lock_configuration": "true"}
# DuckDB takes what follows a "?" in a path for parameters and puts its write-ahead log before it,
# into a folder that is not there. So there each commit goes into the file itself, at once.
_NO_LOG = {"checkpoint_threshold": "0b", "auto_checkpoint_skip_wal_threshold": "0"}


@dataclass(slots=True)
class _Open:
    """A file that is open, and by how many: all of them in the one way.

    name: what it is attached as; None where the DuckDB is for this file alone.
    """

    instance: duckdb.DuckDBPyConnection
    name: str | None
    how: How
    users: int = 0

    def cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self.instance.cursor()
        if self.name:
            cursor.execute(f"USE {self.name}")
        return cursor

    def close(self) -> None:
        if not self.name:
            self.instance.close()
            return
        try:
            _detach(self.instance, self.name)
        except BaseException:  # Ctrl-C may have come before it was done
            _detach(self.instance, self.name)
            raise


class _Process:
    """What belongs to one process, and not to a copy of it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.instance: duckdb.DuckDBPyConnection | None = None
        # A file is opened once: whoever closes one of two descriptors drops the locks of both.
        self.open: dict[Path, _Open] = {}

    def end_instance(self) -> None:
        """End DuckDB, or leave that to those who still use it."""
        if self.instance and all(each.instance is not self.instance for each in self.open.values()):
            self.instance.close()
        self.instance = None

    def before_fork(self) -> None:
        """End DuckDB: its threads are not in a copy, which would wait for them."""
        self.lock.acquire()
        self.end_instance()

    def after_fork(self) -> None:
        self.lock.release()

    def begin_as_copy(self) -> None:
        self.inherited = self.open  # not to be closed here
        _Process.__init__(self)


_here = _Process()
_numbers = count(1)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_here.before_fork,
        after_in_parent=_here.after_fork,
        after_in_child=_here.begin_as_copy,
    )


def attach(file: Path, how: How) -> tuple[duckdb.DuckDBPyConnection, Callable[[], None]]:
    """Return a connection of its own to a database, and what closes it.

    Others may have theirs meanwhile. What was not committed is rolled back. Raises duckdb.Error;
    ResourceInUseException where this process has it open in another way.
    """
    path = file.resolve()

    def leave() -> None:
        found.users -= 1
        if not found.users and _here.open.get(path) is found:  # else it is another process's
            del _here.open[path]
            found.close()

    def close() -> None:
        with _here.lock:
            connection.close()
            leave()

    with _here.lock:
        if path not in _here.open:
            _here.open[path] = _open(path, how)
        found = _here.open[path]
        if found.how != how:
            raise duckdb.ResourceInUseException(f"{file} is open in another way")
        found.users += 1
        try:
            connection = found.cursor()
        except BaseException:
            leave()
            raise
    return connection, close


def _open(file: Path, how: How) -> _Open:
    path, temporary = str(file), {"temp_directory": f"{file}.tmp"}
    if how == "shut" or "?" in path:
        odd = _NO_LOG if "?" in path else {}
        instance = _started(path, how != "write", _OFFLINE | temporary | odd)
        _set(instance, _SHUT if how == "shut" else {})
        return _Open(instance, None, how)
    instance, name = _shared(temporary), f"panel_{next(_numbers)}"
    mode = f", ROW_GROUP_SIZE {ROW_GROUP}" if how == "write" else ", READ_ONLY"
    try:
        instance.execute(f"ATTACH {_quoted(path)} AS {name} (TYPE duckdb{mode})")
    except BaseException:
        _detach(instance, name)
        raise
    return _Open(instance, name, how)


def _shared(temporary: _Settings) -> duckdb.DuckDBPyConnection:
    """Return this process's DuckDB, with temporary files beside the database.

    Another one where it has failed for good, or has such files beside another database.
    """
    if _here.instance is not None:
        with suppress(duckdb.Error):
            _set(_here.instance, temporary)
            return _here.instance
    _here.end_instance()
    _here.instance = _started(":memory:", False, _OFFLINE | temporary)
    return _here.instance


def _started(file: str, read_only: bool, settings: _Settings) -> duckdb.DuckDBPyConnection:
    instance = duckdb.connect(file, read_only, settings)
    _set(instance, _STARTED)
    # On by default where Python has no script to run, as in a shell of its own; and on stdout.
    instance.execute("SET enable_progress_bar = false")
    return instance


def _detach(instance: duckdb.DuckDBPyConnection, name: str) -> None:
    with suppress(duckdb.Error):  # the disk may be full: the log has it all, and stays
        instance.execute(f"DETACH DATABASE IF EXISTS {name}")


def _set(instance: duckdb.DuckDBPyConnection, settings: _Settings) -> None:
    for name, value in settings.items():
        instance.execute(f"SET GLOBAL {name} = {_quoted(value)}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
