"""Says how far a long reading of journals is."""

from __future__ import annotations

import logging
import time

REPORT_SECONDS = 1.0
log = logging.getLogger("panel.store")


class Progress:
    """Says how far a long reading is, once a second."""

    def __init__(self, size: int) -> None:
        self._size, self._before, self._told = size, 0, time.monotonic()

    def tell(self, offset: int) -> None:
        """Say it, if the last time is long enough ago. offset: bytes read of this journal."""
        if self._size and time.monotonic() - self._told >= REPORT_SECONDS:
            self._told = time.monotonic()
            percent = min(100, 100 * (self._before + offset) // self._size)
            log.info("Reading the journals: %d %% of %.0f MB.", percent, self._size / 1e6)

    def done(self, size: int) -> None:
        """Note that a journal of this size has been read."""
        self._before += size
