"""Says how far a long reading of journals is."""

from __future__ import annotations

import logging
import time

REPORT_SECONDS = 1.0
log = logging.getLogger("panel.store")


class Progress:
    """Says how far a long reading is, once a second."""

    def __init__(self, size: int) -> None:
        self._size, self._read, self._told = size, 0, time.monotonic()

    def tell(self, size: int) -> None:
        """Note that so many bytes more have been read; say it if the last time is long ago."""
        self._read += size
        if self._size and time.monotonic() - self._told >= REPORT_SECONDS:
            self._told = time.monotonic()
            percent = min(100, 100 * self._read // self._size)
            log.info("Reading the journals: %d %% of %.0f MB.", percent, self._size / 1e6)
