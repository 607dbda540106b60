"""Work counted instead of timed: a count is the same on a busy machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


def calls(work: Callable[[], Any]) -> int:
    """Return how many functions were called, those in C included, while ``work`` ran here.

    Other threads are not counted.
    """
    return _counted(work, ("call", "c_call"), sys.getprofile, sys.setprofile)


def lines(work: Callable[[], Any]) -> int:
    """Return how many lines of Python ran here during ``work``: loops that call nothing count."""
    return _counted(work, ("call", "line", "return", "exception"), sys.gettrace, sys.settrace)


def _counted(
    work: Callable[[], Any],
    events: tuple[str, ...],
    before: Callable[[], Any],
    put: Callable[[Any], None],
) -> int:
    counted = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal counted
        counted += event in events
        return count

    earlier = before()
    put(count)
    try:
        work()
    finally:
        put(earlier)
    return counted


def growth(work: Callable[[int], Callable[[], Any]], count: int) -> float:
    """Return how many times more calls twice as much takes: 2 where the work grows in line.

    ``work(n)`` prepares n things and returns what works on them. A first call, which imports,
    compiles and fills caches, is not counted.
    """
    work(2 * count)()
    return calls(work(2 * count)) / calls(work(count))


class Looked(dict[Any, Any]):
    """Counts how often all of it is walked through, and how often one thing is looked up in it."""

    walks = 0
    lookups = 0

    def __iter__(self) -> Iterator[Any]:
        self.walks += 1
        return super().__iter__()

    def keys(self) -> Any:
        self.walks += 1
        return super().keys()

    def __contains__(self, key: object) -> bool:
        self.lookups += 1
        return super().__contains__(key)


class Walked(list[Any]):
    """Counts how often all of it is walked through."""

    walks = 0

    def __iter__(self) -> Iterator[Any]:
        self.walks += 1
        return super().__iter__()
