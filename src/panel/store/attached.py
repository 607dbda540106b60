"""The databases that this process has open: a DuckDB for each file, which is attached to it.

To start a DuckDB costs 17 ms of CPU, to attach a file less than one; so a few are kept. Each can
reach its own file alone, since a view of a database that came from elsewhere may name any other.
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
KEPT = 4  # DuckDBs without a file
How = Literal["read", "shut", "write"]  # shut: to read, whatever others ask
_Settings = dict[str, Any]
_OFFLINE: _Settings = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",  # no variable of the program is a table
}
# Not taken before DuckDB has started. Rows go into the file as soon as a group of them is whole.
_STARTED: _Settings = {"TimeZone": "UTC", "write_buffer_row_group_count": "1"}
# After a file is open, which DuckDB then goes on to open, with its logs and temporary files.
_ALONE = {"enable_external_access": "false"}
_SHUT = {"lock_configuration": "true"}
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
        self.instances: dict[Path, duckdb.DuckDBPyConnection] = {}
        # A file is opened once: whoever closes one of two descriptors drops the locks of both.
        self.open: dict[Path, _Open] = {}

    def end_instances(self) -> None:
        """End each DuckDB, or leave that to those who still use it."""
        for path, instance in self.instances.items():
            if path not in self.open:
                instance.close()
        self.instances.clear()

    def before_fork(self) -> None:
        """End DuckDB: its threads are not in a copy, which would wait for them."""
        self.lock.acquire()
        self.end_instances()

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


def attach(
    file: Path, how: How, into: Path | None = None
) -> tuple[duckdb.DuckDBPyConnection, Callable[[], None]]:
    """Return a connection of its own to a database, and what closes it.

    Others may have theirs meanwhile. What was not committed is rolled back. into: a folder that it
    may write to, for who asks for that in the way "shut". Raises duckdb.Error;
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
            _here.open[path] = _open(path, how, into)
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


def _open(file: Path, how: How, into: Path | None) -> _Open:
    if how == "shut" or "?" in str(file):
        odd = _NO_LOG if "?" in str(file) else {}
        instance = _started(str(file), how != "write", _beside(file) | odd)
        if into:
            folder = _quoted(str(into.resolve()))
            instance.execute(f"SET GLOBAL allowed_directories = [{folder}]")
        _set(instance, _ALONE | (_SHUT if how == "shut" else {}))
        return _Open(instance, None, how)
    instance, name = _instance_of(file), f"panel_{next(_numbers)}"
    mode = f", ROW_GROUP_SIZE {ROW_GROUP}" if how == "write" else ", READ_ONLY"
    try:
        instance.execute(f"ATTACH {_quoted(str(file))} AS {name} (TYPE duckdb{mode})")
        _set(instance, _ALONE)
    except BaseException:
        _detach(instance, name)
        raise
    return _Open(instance, name, how)


def _instance_of(file: Path) -> duckdb.DuckDBPyConnection:
    """Return the DuckDB of a file; another one where it has failed for good."""
    if kept := _here.instances.get(file):
        with suppress(duckdb.Error):
            kept.execute("SELECT 1")
            return kept
    if len(_here.instances) >= KEPT:
        _here.end_instances()
    _here.instances[file] = _started(":memory:", False, _beside(file))
    return _here.instances[file]


def _beside(file: Path) -> _Settings:
    return _OFFLINE | {"temp_directory": f"{file}.tmp"}


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
