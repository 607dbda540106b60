"""Recognises sums: figures of a take that follow from the source's and from its own assumptions.

A sum must fit in kind, unit and things counted, and use a figure of the source. What a take
assumes must stand beside the result. A looser rule would explain any wrong figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from panel.checks.measures import PERIODS
from panel.checks.quantities import Quantity
from panel.checks.rates import FORMS, Rate

NEAR = 6  # figures beside the result that are tried
MANY, SOME = 100, 10  # of these the source's own percentages are taken, and give as many
_A_YEAR = {
    PERIODS["day"]: 365.0,
    PERIODS["week"]: 52.0,
    PERIODS["month"]: 12.0,
    PERIODS["quarter"]: 4.0,
}
_Terms = tuple[float | str, ...]


@dataclass(slots=True)
class Sum:
    """A sum, worked out from left to right. used: the figures of the take that are in it."""

    terms: _Terms
    used: tuple[Quantity, ...]
    value: float

    @property
    def shown(self) -> str:
        """How the sum is written: "0.4 × 2,000,000 / 1,000 = 800"."""
        words = [one if isinstance(one, str) else _plain(one) for one in self.terms]
        equals = [] if self.terms[-1] == "≈" else ["="]
        return " ".join([*words, *equals, _plain(self.value)])


def _sum(used: tuple[Quantity, ...], value: float, *rest: float | str) -> Sum:
    """Work out a sum, whose terms are numbers with + − × or / between; × 1 and / 1 are left out."""
    terms: list[float | str] = [value]
    for sign, number in zip(rest[::2], rest[1::2], strict=True):
        assert isinstance(number, float)
        if number == 1 and sign in ("×", "/"):
            continue
        if sign == "+":
            value += number
        elif sign == "−":
            value -= number
        elif sign == "×":
            value *= number
        else:
            value = value / number if number else 0.0
        terms += [sign, number]
    return Sum(tuple(terms), used, value)


def explained(
    result: Quantity, near: Sequence[Quantity], source: Sequence[Rate], hedged: bool
) -> Sum | None:
    """Return a sum that comes to a figure, or None.

    near: the other figures of its sentences, the source's among them. hedged: "about" and the
    like stand before the figure, so that it may be rounded.
    """
    if not result.value:
        return None
    near = [one for one in near if not one.ordinal and one.value and one is not result][:NEAR]
    found = _SUMS.get(result.kind, _counts)(result, near, source)
    return next((one for one in found if _agrees(result, one.value, hedged)), None)


def price_for(result: Quantity, near: Sequence[Quantity], source: Sequence[Rate]) -> Sum | None:
    """Return what the source's price for as many things as stand beside a sum of money comes to."""
    for rate in source:
        if rate.figure.kind == "money" and _joins(rate.figure, result):
            for number in near:
                if _counted(number) and rate.counts(number):
                    return _bill(rate, (number,), 1.0)
    return None


def _agrees(result: Quantity, value: float, hedged: bool) -> bool:
    """Whether a figure is a value, or what it is rounded to in the digits that are written."""
    off = abs(result.value - value)
    if off <= 1e-6 * abs(value):
        return True
    if not value or off > abs(value) / (20 if hedged else 50):
        return False
    power = len(f"{abs(result.value):.0f}") - result.digits
    step = 10.0 ** min(power, 0 if result.value >= 1 else power)
    return hedged or (result.digits > 1 and off <= max(step, 10.0 ** max(power, 0)) / 2)


def _plain(value: float) -> str:
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def _counted(one: Quantity) -> bool:
    return one.bare and one.value > 1


def _bill(rate: Rate, numbers: tuple[Quantity, ...], factor: float) -> Sum:
    by = [part for one in numbers for part in ("×", one.value)]
    return _sum(numbers, rate.figure.value, *by, "×", factor, "/", rate.per)


def _money(result: Quantity, near: Sequence[Quantity], source: Sequence[Rate]) -> Iterator[Sum]:
    counts = [one for one in near if _counted(one)]
    sets = [(), *((one,) for one in counts), *combinations(counts, 2)]
    prices = [rate for rate in source if rate.figure.kind == "money"]
    # Of numbers that count what is paid for, one must be in the sum.
    sold = {one for one in counts for rate in prices if rate.counts(one)}
    for rate in prices:
        price = rate.figure
        if not _joins(price, result):
            continue
        for numbers in sets:
            for factor in _factors(rate, near):
                if (numbers or factor != 1) and (not sold or not sold.isdisjoint(numbers)):
                    yield _bill(rate, numbers, factor)
        for one in near:
            if _counted(one) and not one.implied:  # what one of them, or a thousand, costs by this
                forms = [
                    1.0,
                    *(each.value for each in near if _counted(each) and each.value in FORMS),
                ]
                yield from (_sum((one,), price.value, "/", one.value, "×", form) for form in forms)
            elif one.kind == "percent":
                for part in (one.value, 100 - one.value):
                    yield _sum((one,), price.value, "×", part, "/", 100.0)
            elif one.kind == "money":
                yield from _plus_and_minus(one, price, 1.0)


def _factors(rate: Rate, near: Sequence[Quantity]) -> Iterator[float]:
    """Yield how often a price is paid in a year, or in a time that stands beside the sum."""
    yield 1.0
    if rate.period:
        yield _A_YEAR.get(rate.period, 1.0)
        yield from (one.size / rate.period for one in near if one.unit == "time")


def _joins(one: Quantity, other: Quantity) -> bool:
    return bool(one.value) and (one.unit == other.unit or not (one.unit and other.unit))


def _plus_and_minus(one: Quantity, other: Quantity, unit: float) -> Iterator[Sum]:
    low, high = sorted(((one.size or one.value) / unit, (other.size or other.value) / unit))
    if low != high:
        yield _sum((one,), high, "+", low)
        yield _sum((one,), high, "−", low)


def _percent(result: Quantity, near: Sequence[Quantity], source: Sequence[Rate]) -> Iterator[Sum]:
    for known in (rate.figure for rate in source):
        if known.kind == "percent" and not known.implied:
            yield _sum((), 100.0, "−", known.value)
        for one in near:
            if one.kind == known.kind == "percent":
                yield from _plus_and_minus(one, known, 1.0)
            elif _alike(one, known):
                low, high = sorted((one.size or one.value, known.size or known.value))
                yield _sum((one,), 100.0, "×", low, "/", high)
                yield _sum((one,), 100.0, "×", high - low, "/", high)


def _alike(one: Quantity, other: Quantity) -> bool:
    """Whether two figures count or measure the same, so that they add up or have a ratio."""
    if one.kind != other.kind or one.unit != other.unit or one.kind not in ("plain", "money"):
        return False
    return bool(one.unit) or one.kind == "money" or (bool(one.noun) and one.noun == other.noun)


def _times(result: Quantity, near: Sequence[Quantity], source: Sequence[Rate]) -> Iterator[Sum]:
    known = [rate.figure for rate in source]
    for used, ones in (True, near), (False, known):
        for one in ones:
            for other in known:
                if one.kind == other.kind == "percent" or _alike(one, other):
                    low, high = sorted((one.size or one.value, other.size or other.value))
                    yield _sum((one,) if used else (), high, "/", low)


def _counts(result: Quantity, near: Sequence[Quantity], source: Sequence[Rate]) -> Iterator[Sum]:
    if result.unit in ("time", "bytes"):
        yield from _measures(result, near, source)
        return
    known = [rate.figure for rate in source]
    shares = list(_ours_and(near, known, "percent"))
    wholes = [each for each in _ours_and(near, known, "plain") if _counted(each[1])]
    for ours, share in shares:
        for beside, whole in wholes:
            if ours and beside and not any(map(share.same, known)):
                continue  # the latter has nothing of the source
            used = tuple(one for is_ours, one in ((ours, share), (beside, whole)) if is_ours)
            if used or (whole.value >= MANY and share.value * whole.value >= 100 * SOME):
                yield _of_whole(used, whole.value, share.value)
            if used:
                yield _of_whole(used, whole.value, 100 - share.value)
    in_a_row = pairwise(known) if result.value % 1 else ()
    for one, other in in_a_row:  # "2.8 points", from 61.8 to 59.0 in a row of a table
        if one.kind == other.kind and (one.value % 1 or other.value % 1):
            yield from _plus_and_minus(one, other, 1.0)
    nouns = {one.noun for one in (result, *near) if one.noun}
    for rate in source:
        for one in near:
            if one.kind == rate.figure.kind and (
                one.kind == "money"
                or one.unit == "time"
                or not nouns.isdisjoint((one.noun, rate.figure.noun))
            ):
                yield from _of_two(result, one, rate)


def _ours_and(
    near: Sequence[Quantity], known: Sequence[Quantity], kind: str
) -> Iterator[tuple[bool, Quantity]]:
    yield from ((True, one) for one in near if one.kind == kind and not one.implied)
    yield from ((False, one) for one in known if one.kind == kind and not one.implied)


def _of_whole(used: tuple[Quantity, ...], whole: float, share: float) -> Sum:
    exact = _sum(used, whole, "×", share, "/", 100.0)
    return Sum((*exact.terms, "≈"), used, float(round(exact.value))) if exact.value % 1 else exact


def _of_two(result: Quantity, one: Quantity, rate: Rate) -> Iterator[Sum]:
    known = rate.figure
    if one.kind == known.kind == "money" and _joins(known, one):  # what a sum of money buys
        yield _sum((one,), one.value, "/", known.value, "×", rate.per)
    if one.unit == "time" and known.unit == "time":  # how often it goes into a time
        yield _sum((one,), one.size, "/", known.size)
    if one.unit == "time" and _counted(known) and rate.period:  # so many a second, in an hour
        yield _sum((one,), known.value, "×", one.size / rate.period, "/", rate.per)
    if not (_counted(one) and _counted(known)):
        return
    if one.noun and one.noun == known.noun:
        if result.noun in ("", one.noun):
            yield from _plus_and_minus(one, known, 1.0)
    elif result.noun and result.noun in (one.noun, known.noun):
        yield _sum((one,), one.value, "×", known.value)
        yield _sum((one,), max(one.value, known.value), "/", min(one.value, known.value))


def _measures(result: Quantity, near: Sequence[Quantity], source: Sequence[Rate]) -> Iterator[Sum]:
    unit = result.size / result.value
    for rate in source:
        known = rate.figure
        for one in near:
            if known.unit == result.unit and _counted(one):
                yield _sum((one,), known.size / unit, "×", one.value, "/", rate.per)
                yield _sum((one,), known.size / unit, "/", one.value)
            if one.unit == known.unit == result.unit:
                yield from _plus_and_minus(one, known, unit)
            if result.unit == "time" and rate.period and _counted(known) and rate.counts(one):
                yield _sum((one,), one.value, "/", known.value, "×", rate.period / unit)


_SUMS = {"money": _money, "percent": _percent, "times": _times}
