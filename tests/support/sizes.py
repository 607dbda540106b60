"""How much a test does: a small size in `make test`, the full one in `make test-long`."""

from __future__ import annotations

import os
from typing import TypeVar

LONG = os.environ.get("PANEL_TEST_LONG") == "1"
T = TypeVar("T")


def size(short: T, full: T) -> T:
    """Return the full size where PANEL_TEST_LONG is 1, and the short one otherwise."""
    return full if LONG else short
