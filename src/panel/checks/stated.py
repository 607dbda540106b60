"""Looks figures up among many by what they come to, and not by comparing each with each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from operator import itemgetter

from panel.checks.quantities import Quantity

_APART = 2e-6  # of a value: twice what figures may differ by that are the same


class Stated:
    """Figures that others are compared with; of those that compare alike, the first."""

    def __init__(self, quantities: Iterable[Quantity]) -> None:
        first: dict[tuple[object, ...], Quantity] = {}
        for one in quantities:
            first.setdefault(_compared(one), one)
        distinct = self._distinct = list(first.values())
        pairs = [(value, one) for one in distinct for value in _values(one)]
        pairs.sort(key=itemgetter(0))
        self._values = [value for value, _one in pairs]
        self._owners = [one for _value, one in pairs]
        self._versions = {one.key for one in distinct if one.kind == "version"}
        self._keys = {key for one in distinct for key in _keys(one)}
        self._dates = {key for one in distinct if one.kind == "date" for key in _keys(one)}

    def __iter__(self) -> Iterator[Quantity]:
        return iter(self._distinct)

    def has(self, quantity: Quantity) -> bool:
        """Whether a figure is the same as one of these."""
        if quantity.kind == "date":
            return quantity.key in self._keys
        if quantity.key in self._dates:
            return True
        if quantity.kind == "version":
            return quantity.key in self._versions
        return any(map(quantity.same, self.near(quantity)))

    def near(self, quantity: Quantity) -> Iterator[Quantity]:
        """Yield those that may come to as much, in one of the ways to read them, and a few more."""
        for value in _values(quantity):
            slack = _APART * abs(value)
            for at in range(bisect_left(self._values, value - slack), len(self._values)):
                if self._values[at] > value + slack:
                    break
                yield self._owners[at]


def _compared(one: Quantity) -> tuple[object, ...]:
    """Return all that two figures are compared by."""
    return one.kind, one.value, one.unit, one.size, one.other, bool(one.noun), one.key


def _values(one: Quantity) -> set[float]:
    values = {one.value} if one.other is None else {one.value, one.other}
    return values | {one.size} if one.size else values


def _keys(one: Quantity) -> list[str]:
    """Return the keys of the dates that a date is one of: 2026, 2026-05 and 2026-05-31."""
    parts = one.key.split("-") if one.key else []
    return ["-".join(parts[:count]) for count in range(1, len(parts) + 1)]
