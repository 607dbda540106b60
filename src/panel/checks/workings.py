"""Works out sums of figures with their units, and compares results as they are rounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from panel.checks.quantities import Quantity

_SCALES = (  # what multiplies
    (1e3, re.compile(r"k\b|thousand", re.I)),
    (1e6, re.compile(r"m(?:n|io)?\b|million", re.I)),
    (1e9, re.compile(r"b(?:n)?\b|billion", re.I)),
)
_CLOSE, _ROUGH = 0.02, 0.05  # how far a rounded result may be off; one that says "about"
_ROUND = 0.005  # how far one may be off whose zeros at the end may be rounded

Part = Quantity | str  # a figure, one of + - * /, or a bracket


def balanced(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Leave out brackets that are the sentence's: "(32 x 0.5 = 16)"."""
    depth, kept = 0, list[Part]()
    for part in parts:
        if part == ")" and not depth:
            continue
        depth += (part == "(") - (part == ")")
        kept.append(part)
    for _bracket in range(depth):
        kept.remove("(")
    return tuple(kept)


def _number(one: Quantity) -> float:
    return one.value / 100 if one.kind == "percent" else one.value


def value_of(parts: Sequence[Part], number: Callable[[Quantity], float] = _number) -> float:
    """Work out numbers and signs, what is in brackets first, and × and / before + and −."""
    stack: list[tuple[list[float], str]] = []
    terms, sign = [0.0], "+"
    for part in parts:
        if part == "(":
            stack.append((terms, sign))
            terms, sign = [0.0], "+"
            continue
        if isinstance(part, str) and part != ")":
            sign = part
            continue
        if isinstance(part, Quantity):
            value = number(part)
        else:
            value = sum(terms)
            terms, sign = stack.pop()
        if sign in "+-":
            terms.append(value if sign == "+" else -value)
        else:
            by = value if sign == "*" else (1 / value if value else float("inf"))
            terms[-1] *= by
    return sum(terms)


def worked_out(
    text: str, parts: Sequence[Part], result: Quantity, rough: bool
) -> tuple[bool, float]:
    """Whether a sum comes to its result, and what it comes to in the unit of the result."""
    values = list(_values(text, parts, result))
    coins = {one.unit for one in parts if isinstance(one, Quantity) and one.kind == "money"}
    if result.kind != "money" or not result.unit or not coins - {""} or result.unit in coins:
        for value in values:
            if _agrees(text, value, result, rough):
                return True, value
    return False, values[0]


def _values(text: str, parts: Sequence[Part], result: Quantity) -> Iterator[float]:
    """Yield what a sum may come to in the unit of its result, the likeliest first."""
    terms = [part for part in parts if isinstance(part, Quantity)]
    shares = [one for one in terms if one.kind == "percent"]
    value = value_of(parts)
    if result.kind == "percent":
        if shares or "/" in parts or len(terms) == 1:
            yield value * 100
        if not shares and ("/" not in parts or any(one.value == 100 for one in terms)):
            yield value
        return
    unit = result.size / result.value if result.size and result.value else 1.0
    measured = {one.unit for one in terms if one.size}
    scaled = any(_scale(text, one) > 1 for one in terms)
    if result.unit in measured:  # 30 seconds x 100 = 50 minutes
        yield value_of(parts, lambda one: one.size or _number(one)) / unit
    elif unit > 1 and scaled:  # 141B x 2 bytes = 282 GB
        yield value / unit
    yield value
    if measured and not result.size:  # 2 hours / 30 seconds = 240
        yield value_of(parts, lambda one: one.size or _number(one))
    if unit > 1 and not measured:  # 1024 x 4 = 4 KB
        yield value / unit
    if not scaled:  # 141 x 2 = 282B
        yield value * _scale(text, result)
    if shares and len(shares) == len(terms):  # 62% - 38% = 24 points
        yield value * 100


def _scale(text: str, one: Quantity) -> float:
    """Return by what the number of a figure is multiplied: 1e9 in 141B."""
    written = text[one.span[0] : one.span[1]]
    found = (scale for scale, word in _SCALES if word.search(written))
    return 1.0 if one.size else next(found, 1.0)


def same(one: float, other: float) -> bool:
    """Whether two numbers are the same but for what a computer loses."""
    return abs(one - other) <= 1e-6 * abs(one)


def _agrees(text: str, value: float, result: Quantity, rough: bool) -> bool:
    """Whether a value is the one that is stated, or what it is rounded to as it is written."""
    stated = result.value
    off = abs(value - stated)
    if same(value, stated) or (rough and off <= _ROUGH * abs(value)):
        return True
    scale = _scale(text, result)
    digits = f"{stated / scale:.10f}".rstrip("0")
    written = re.search(r"\.(\d+)", text[slice(*result.span)])
    places = max(len(digits.partition(".")[2]), len(written[1]) if written else 0)
    cents = 0.01 if "cent" in text[slice(*result.span)] else 1.0
    step = scale * (cents if cents < 1 else 10.0**-places)
    if off <= step / 2 * (1 + 1e-9):
        return off <= _CLOSE * abs(value) or abs(stated / scale) < 100
    zeros = len(f"{stated:.0f}") - result.digits
    return result.digits > 2 and off <= min(10.0**zeros / 2, _ROUND * abs(value))
