"""What one rendering of a template may cost: characters made, steps taken, seconds of CPU."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from typing import Any

from jinja2 import Undefined
from jinja2.exceptions import SecurityError

LONGEST_TEXT = 1_000_000  # characters that one rendering, or one text in it, may have
MOST_WORK = 8_000_000  # of one rendering: a character made costs 1, a step STEP, a call CALL
STEP, CALL = 16, 200
READ = 8  # characters that are only read cost as much as one that is made
INCLUDE = 5000  # an include, which may have to be compiled
LARGEST_BITS = 256  # of a whole number
MOST_SECONDS = 5.0  # of CPU; an honest prompt takes a tenth of a millisecond
SECONDS_EACH = 0.005  # of CPU, that many renderings may take on average


class TooMuchError(SecurityError):
    """A template made more, or took longer, than a rendering may."""


class Allowance:
    """The CPU that all renderings with the templates of a workspace may still take, in seconds.

    A template that is just quick enough for one tool would still hold up a catalog of them.
    """

    def __init__(self) -> None:
        self.seconds = MOST_SECONDS


class _Budget:
    """What one rendering may still do."""

    def __init__(self, seconds: float) -> None:
        self.left = MOST_WORK
        self.steps = 0
        self.began = time.thread_time()
        self.seconds = seconds

    @property
    def used(self) -> float:
        return time.thread_time() - self.began

    def take(self, amount: int) -> None:
        self.left -= amount + STEP
        self.steps += 1
        if self.left < 0:
            raise TooMuchError("makes or does too much for one prompt")
        # Asking the clock costs more than a step, so it is asked at every 64th or a large one.
        if (amount > 4096 or not self.steps & 63) and self.used > self.seconds:
            if self.seconds == MOST_SECONDS:
                raise TooMuchError(f"takes longer than {MOST_SECONDS:g} seconds")
            raise TooMuchError(f"takes more than {SECONDS_EACH * 1000:g} ms for each of many tools")


_BUDGET: ContextVar[_Budget | None] = ContextVar("_BUDGET", default=None)


@contextmanager
def budgeted(allowance: Allowance) -> Iterator[None]:
    """Give the block a fresh budget, its seconds from the allowance; one at a time in a context."""
    allowance.seconds += SECONDS_EACH
    budget = _Budget(min(MOST_SECONDS, allowance.seconds))
    token = _BUDGET.set(budget)
    try:
        yield
    finally:
        allowance.seconds -= budget.used
        _BUDGET.reset(token)


def take(amount: int = 0) -> None:
    """Charge a step and ``amount`` to the running budget; raises TooMuchError."""
    budget = _BUDGET.get()
    assert budget is not None, "templates are rendered through render()"
    budget.take(amount)


def measured(value: Any) -> Any:
    """Charge for a value at its full size, shared parts each time; returns the value.

    Raises TooMuchError, also for a text or a whole number that is too large.
    """
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise TooMuchError(f"makes a text of more than {LONGEST_TEXT:,} characters")
        take(len(value))
    elif isinstance(value, dict):
        take(len(value))
        for key, item in value.items():
            measured(key)
            measured(item)
    elif isinstance(value, list | tuple | set | frozenset):
        take(len(value))
        for item in value:
            measured(item)
    elif isinstance(value, int) and value.bit_length() > LARGEST_BITS:
        raise TooMuchError("makes too large a number")
    else:
        take()
    return value


def compared(value: Any) -> None:
    """Charge for comparing a value with another, which looks at no more than the whole of it."""
    if isinstance(value, str):
        take(len(value) // READ)
    else:
        measured(value)


def searched(value: Any, place: Any) -> None:
    """Charge for looking whether a value is in a text, a list, a dict or a range."""
    if isinstance(place, str):
        take(len(place) // READ)
    elif isinstance(place, list | tuple | range) and not isinstance(value, list | tuple | dict):
        # Each item is compared with the value: the most that can be looked at of one.
        each = 1 + (len(value) // READ if isinstance(value, str) else 0)
        take(len(place) * each)
    else:
        measured(value)  # its hash is made of all of it
        measured(place if isinstance(place, list | tuple) else None)


def as_text(value: Any) -> str:
    """Return a value as text, charged for before and after it is made; raises TypeError."""
    measured(value)
    if type(value) is str:
        return value
    refuse_objects(value)
    return str(measured(str(value)))


def refuse_objects(value: Any) -> None:
    """Raise TypeError for what has no text, such as a method that is not called.

    Python writes where it lies in memory, which is another question in each run.
    """
    if isinstance(value, dict):
        for item in value.values():
            refuse_objects(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            refuse_objects(item)
    elif not (value is None or isinstance(value, str | int | float | date | range | Undefined)):
        raise TypeError(f"puts a {type(value).__name__} into the text. Is '()' missing behind it?")


def joined(texts: Iterable[str]) -> str:
    """Join what a template puts out, and stop while it is still small."""
    pieces, size = [], 0
    for text in texts:
        size += len(text)
        if size > LONGEST_TEXT:
            raise TooMuchError(f"makes a text of more than {LONGEST_TEXT:,} characters")
        take(len(text))
        pieces.append(text)
    return "".join(pieces)


def counted(items: Iterable[Any]) -> Iterator[Any]:
    """Yield the items, and charge a step for each."""
    for item in items:
        take()
        yield item
