"""Compresses the journals of runs that have ended and whose lines are all in the database."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from panel.cells.journal import JournalFile
from panel.cells.packed import SMALLEST, pack
from panel.store.connection import FILE, reading

LOCK = ".packing.lock"
log = logging.getLogger("panel.store")
_ENDED = "SELECT run_id, bytes FROM journal.files SEMI JOIN journal.ends USING (run_id)"


def pack_ended(runs: Path, journals: Iterable[JournalFile]) -> None:
    """Compress those of these journals that nobody writes any more; small ones stay as they are.

    A run that was cut off has no end, so its journal stays. What cannot be written stays, too.
    """
    large = [each for each in journals if each.size >= SMALLEST and each.file.is_file()]
    if not large:
        return
    with reading(runs / FILE) as connection:
        ended = dict(connection.execute(_ENDED).fetchall())
    try:
        with FileLock(runs / LOCK).acquire(blocking=False):
            for journal in large:
                if ended.get(journal.run_id) == journal.size:
                    pack(journal.file)
    except Timeout:  # another process is at it
        return
    except OSError as error:
        log.info("A journal is not compressed: %s.", error)
