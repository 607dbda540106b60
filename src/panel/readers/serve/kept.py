"""What takes long to make is made once, however many ask for it at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Made(Generic[T]):
    """Something, what it was made of, and when that began."""

    it: T
    state: object
    began: float


class Kept(Generic[T]):
    """Something that takes long to make, kept until what it is made of is another.

    One thread makes it. Those that wait for it get it, unless that thread began before they asked.
    """

    def __init__(self) -> None:
        self._making = threading.Lock()
        self._last: _Made[T] | None = None

    def get(self, state: Callable[[], object], make: Callable[[], T]) -> T:
        """Return what was made of the present state, or make it.

        state: what is different once the thing is; None while nobody can tell.
        """
        asked, now = time.monotonic(), state()
        if now is not None and (last := self._last) is not None and last.state == now:
            return last.it
        with self._making:
            began, now, last = time.monotonic(), state(), self._last
            if last is None or (last.began <= asked and (now is None or last.state != now)):
                last = self._last = _Made(make(), now, began)
            return last.it
