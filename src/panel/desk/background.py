"""Checks every take while the desk is open, leaving the processor to whoever asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from panel.checks import Finding
from panel.desk.snapshot import DeskSnapshot
from panel.results.entries import Entry


class Checked(Protocol):
    """A desk, as it is needed here."""

    def snapshot(self) -> DeskSnapshot:
        """Return the queue as it is now."""

    def counted(self, entry: Entry) -> list[Finding] | None:
        """Return the findings of a take if they are there already."""

    def findings(self, entry: Entry) -> list[Finding]:
        """Check a take."""


def keep_checked(
    desk: Checked, closed: threading.Event, compare: Callable[[Sequence[Entry]], None]
) -> None:
    """Check all takes, and each again that is another, until the desk is closed.

    compare: compares all takes with each other.
    """
    done: list[Entry] | None = None
    while not closed.is_set():
        entries = desk.snapshot().entries
        compare(entries)
        looked = [] if entries is done else entries
        waiting = [each for each in looked if desk.counted(each) is None]
        done = None if waiting else entries
        for entry in waiting:
            if closed.wait(0.002):
                return
            desk.findings(entry)
        if not waiting and closed.wait(2):
            return
        time.sleep(0)
