"""The filters, tests and globals of prompt templates, each bounded: what a template may call."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jinja2.filters
import jinja2.tests

from panel.workspace.render_budget import (
    LONGEST_TEXT,
    MOST_WORK,
    STEP,
    TooMuchError,
    as_text,
    compared,
    counted,
    joined,
    measured,
    refuse_objects,
    searched,
    take,
)

MOST_DIGITS = 100  # to round to

# Filters whose result is no longer than their input.
_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items"),
    *("last", "length", "list", "lower", "sort", "title", "trim", "truncate", "unique", "upper"),
    "wordcount",
)
# Those that hold each item, or character, against each character of their options.
SCANNING = ("lstrip", "rstrip", "sort", "strip", "trim", "unique")
# By the name that the template engine has for each.
_COMPARING: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}
_TESTS: dict[str, Any] = jinja2.tests.TESTS
# Tests that calculate: of a text, % would make another one, of any length.
_OF_NUMBERS = ("divisibleby", "even", "odd")
# Tests of what a value is: they take no longer for a large one. All others are charged.
_OF_KIND = (
    *("boolean", "callable", "defined", "escaped", "false", "float", "integer", "iterable"),
    *("mapping", "none", "number", "sameas", "sequence", "string", "true", "undefined"),
)


def _join(value: Iterable[Any], d: Any = "", attribute: Any = None) -> str:
    """Join the items of a list by a separator; the template engine's `join`, bounded."""
    if attribute is not None:
        raise TypeError("join takes no attribute here; loop over the items")
    separator = as_text(d)
    texts = [as_text(item) for item in value]
    take(len(separator) * len(texts))
    return joined([separator.join(texts)])


def _replace(value: Any, old: str, new: str, count: int | None = None) -> str:
    text, many = as_text(value), -1 if count is None else count
    # An empty `old` is found before every character and at the end.
    found = text.count(old) if old else len(text) + 1
    size = len(text) + (min(found, many) if many >= 0 else found) * max(0, len(new) - len(old))
    if size > LONGEST_TEXT:
        raise TooMuchError(f"makes a text of more than {LONGEST_TEXT:,} characters")
    take(size)
    return text.replace(old, new, many)


def _round(value: Any, precision: int = 0, method: Any = "common") -> float:
    if not isinstance(value, int | float):
        raise TypeError("round is for numbers")  # a text is made longer by it
    if abs(precision) > MOST_DIGITS:
        raise TooMuchError(f"rounds to more than {MOST_DIGITS} digits")
    return float(jinja2.filters.do_round(measured(value), precision, method))


def _range(*bounds: int) -> Iterable[int]:
    numbers = range(*bounds)  # lazy: a loop over it is charged by the step
    if numbers[MOST_WORK // STEP :]:
        raise TooMuchError("makes or does too much for one prompt")
    return numbers


def charged(function: Callable[..., Any], name: str = "") -> Callable[..., Any]:
    """Charge for what a filter or a test is given and makes; keep its calling convention."""
    wants = getattr(function, "jinja_pass_arg", None)

    def filtered(*values: Any, **options: Any) -> Any:
        given = list(values)
        at = 0 if wants is None else 1  # the first of what the template gave
        if name in SCANNING:
            if isinstance(given[at], Iterator):
                given[at] = list(counted(given[at]))
            scanned(given[at], (*given[at + 1 :], *options.values()))
        measured([given[at:], options])
        if name == "unique":
            given[at] = counted(given[at])  # it may look at many before it gives one
        made = function(*given, **options)
        if made and isinstance(made, str):
            refuse_objects(given[at])
        if isinstance(made, Iterator):
            return counted(made)
        return measured(made)

    if wants is not None:
        filtered.jinja_pass_arg = wants  # type: ignore[attr-defined]
    return filtered


def scanned(value: Any, options: Iterable[Any]) -> None:
    """Charge for holding each part of a value against each character of the options."""
    words = sum(len(option) for option in options if isinstance(option, str))
    take(len(value) * words if hasattr(value, "__len__") else words)


def compare(name: str, left: Any, right: Any) -> Any:
    """Compare two values, or look for one in the other, and charge for it before."""
    if name in ("in", "notin"):
        searched(left, right)
        return (left in right) is (name == "in")
    compared(left)
    return _COMPARING[name](left, right)


def _of_numbers(name: str) -> Callable[..., Any]:
    test = _TESTS[name]

    def tested(*values: Any) -> bool:
        if not all(isinstance(value, int | float) for value in values):
            raise TypeError("this test is for numbers")
        return bool(test(*values))

    return tested


FILTERS: dict[str, Callable[..., Any]] = {
    **{name: charged(jinja2.filters.FILTERS[name], name) for name in _FILTERS},
    "join": _join,
    "replace": _replace,
    "round": _round,
    "string": as_text,
}
TESTS: dict[str, Any] = {
    **{name: charged(test) for name, test in _TESTS.items()},
    **{name: _TESTS[name] for name in _OF_KIND},
    **{name: charged(_of_numbers(name)) for name in _OF_NUMBERS},
}
GLOBALS: dict[str, Any] = {"range": _range}
