"""Other threads and processes: do something in one, wait for what one does."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

SECONDS = 60.0  # a busy machine is slow, not wrong


def elsewhere(work: Callable[[], Any]) -> Any:
    """Do something in a thread of its own: Playwright keeps an event loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def wait_until(true: Callable[[], Any]) -> None:
    """Return once ``true()`` is so; raises TimeoutError where it never comes to be."""
    deadline = time.monotonic() + SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError("waited in vain")
        time.sleep(0.005)
