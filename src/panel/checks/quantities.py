"""Reads figures in prose so that they compare: 128K = 128,000, four = 4, $0.30 = 30 cents.

Numbers are read in the digits of any script, with the separators of any country, in English and
Chinese words; their units, scales and currencies in the languages of ``measures.py``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import Any

from panel.checks.dates import dates
from panel.checks.findings import Span, Spans
from panel.checks.measures import (
    AS_MANY,
    BETWEEN,
    BYTES,
    CENTS,
    COINS,
    CURRENCY_BEFORE,
    PER_CENT,
    PER_CENT_BEGINS,
    PERCENT,
    PERIODS,
    SCALES,
    SIGNS,
    Following,
    following,
    looked_up,
    noun,
)
from panel.checks.numerals import (
    MOST,
    PARTS,
    Kind,
    Numeral,
    fractions,
    numeral_at,
    numeral_places,
    ordinals,
    plain_digits,
)

# Letters that make a digit part of a name.
_BOUND = re.compile(r"[A-Za-z_\u00c0-\u00d6\u00d8-\u024f]")
_NAME_GOES_ON = re.compile(
    r"[A-Za-z_\u00c0-\u00d6\u00d8-\u024f]*\d|[A-Za-z_\u00c0-\u00d6\u00d8-\u024f]"
)
_AND_A_PART = re.compile(r"[\s-]and[\s-](?:a|one)[\s-](half|third|quarter)\b|\s?([¼½¾⅓⅔])", re.I)
_FACTOR = re.compile(rf"\s?(?:×|\b(?:x|times)\b)\s?\(?[{SIGNS}]?\s?\d")  # 50 x $12: a sum
_STOP_AND_SIGN = re.compile(rf"\.\s[{SIGNS}]")
_SIGNS = frozenset(SIGNS)
_SIGN_AFTER = re.compile(rf"\s?([{SIGNS}])(?!\s?\d)")
RANGE = 5  # characters between the figures of a range, at most
_RANGE = re.compile(r"\s?(?:[-–—~〜]|to|or|and|bis|à|a|y|et|und|до|から)\s?", re.I)


@dataclass(slots=True, eq=False)  # not frozen, which would make each cost four times as much
class Quantity:
    """One figure of a text, with its place, kind and value; it is not changed once it is read.

    unit: "time", "bytes", a currency's sign, or "" (none, or one that is not converted). size:
    the value in seconds or bytes where it has such a unit. other: what else the digits may mean
    (1.200 is 1200 in German), or None. worded: written in letters. ordinal: "fifteenth".
    implied: said by the way, as in "per thousand", "a day", "half of". noun: the word that
    follows one without a unit. key: what a date or a version is compared by.
    """

    span: Span
    kind: Kind
    value: float
    unit: str = ""
    size: float = 0.0
    other: float | None = None
    worded: bool = False
    ordinal: bool = False
    implied: bool = False
    noun: str = ""
    key: str = ""

    def same(self, other: Quantity) -> bool:
        """Whether both state the same figure, as far as their units can be compared."""
        if "date" in (self.kind, other.kind):
            return bool(self.key) and (other.key + "-").startswith(self.key + "-")
        if self.kind == "version" == other.kind:
            return self.key == other.key
        if {self.kind, other.kind} == {"year", "plain"}:
            return self.value == other.value and not self.unit and not other.unit
        if self.kind != other.kind:
            return False
        if self.unit and other.unit:
            if self.unit != other.unit:
                return False
            if self.kind == "plain":
                return _close(self.size, other.size)
        elif self.kind == "plain" and ((self.unit and other.noun) or (other.unit and self.noun)):
            return False  # 50 seconds, and 50 tables
        return self.as_much(other)

    def as_much(self, other: Quantity) -> bool:
        """Whether both have the same bare value, in one of the ways to read them."""
        mine = [self.value] if self.other is None else [self.value, self.other]
        theirs = [other.value] if other.other is None else [other.value, other.other]
        return any(_close(one, two) for one in mine for two in theirs)

    @property
    def bare(self) -> bool:
        """Whether it is a number without a unit, and not "fifteenth"."""
        return self.kind == "plain" and not self.unit and not self.ordinal

    @property
    def digits(self) -> int:
        """How many significant digits the value has."""
        return len(self.mantissa.replace(".", "")) or 1

    @property
    def mantissa(self) -> str:
        """The significant digits of the value: "1.28" of 128,000."""
        return f"{self.value:.6e}".split("e")[0].rstrip("0").rstrip(".")


def _close(first: float, second: float) -> bool:
    return abs(first - second) <= 1e-6 * max(abs(first), abs(second))


@lru_cache(maxsize=16)
def quantities(text: str) -> tuple[Quantity, ...]:
    """Return the figures of a text in order; none overlaps another. Cached for the latest few."""
    plain = plain_digits(text)
    found = [Quantity(span, "date", float(key[:4]), key=key) for span, key in dates(plain)] + [
        Quantity(span, "percent", share, worded=True, implied=True)
        for span, share in fractions(plain)
    ]
    told = Spans(quantity.span for quantity in found)
    numbers: list[Quantity] = []
    end = 0
    for place, reader in numeral_places(plain).items():
        if place < end:
            continue
        number = numeral_at(plain, place, reader)
        quantity = number and _with_unit(plain, number)
        if quantity and not told.touch(quantity.span):
            numbers.append(quantity)
            end = quantity.span[1]
    found += _ranges(plain, numbers)
    told = Spans(quantity.span for quantity in found)
    found += [
        Quantity(span, "plain", value, worded=True, ordinal=True)
        for span, value in ordinals(plain)
        if not told.touch(span)
    ]
    return tuple(sorted(found, key=attrgetter("span")))


def _with_unit(text: str, number: Numeral) -> Quantity | None:
    """Read what stands around a number; None where it belongs to a name."""
    after = following(text, number.end)
    if number.kind != "version" and _scale(text, number, after):
        after = following(text, number.end)
    start = number.start
    before = _currency_before(text, start)
    if _inside_a_name(text, number, bool(before), after):
        return None
    if number.kind in ("percent", "year", "version"):
        return _quantity(number, number.end, number.kind, key=number.key)
    number.start -= len(before.lstrip())
    return _money(text, number, before.strip(), after) or _measured(text, number, after)


def _quantity(number: Numeral, end: int, kind: Kind, unit: str = "", **more: Any) -> Quantity:
    found = Quantity((number.start, end), kind, number.value, unit, **more)
    found.other, found.worded, found.implied = number.other, number.worded, number.implied
    return found


def _scale(text: str, number: Numeral, after: Following | None) -> bool:
    """Add to a number what makes it larger: "and a half", "million", "Mio."; whether it does."""
    end = number.end
    joined = after is not None and after.small == "and"
    if (joined or not text.isascii()) and (part := _AND_A_PART.match(text, end)):
        number.value += PARTS[part[1].lower()] if part[1] else unicodedata.numeric(part[2])
        number.end = part.end()
        after = following(text, number.end)
    if scale := looked_up(SCALES, after):
        number.value, number.end = min(number.value * SCALES[scale[0]], MOST), scale[1]
        number.other = None
        if _STOP_AND_SIGN.match(text, number.end):  # 5 Mio. €
            number.end += 1
    return number.end != end


def _currency_before(text: str, start: int) -> str:
    """Return the sign or code right before a number, with the blank between; "" if none."""
    before = text[max(0, start - 6) : start]
    last = before.rstrip()[-1:]
    if last and (last in SIGNS or last.isupper()):
        found = CURRENCY_BEFORE.search(before)
        return found[0] if found else ""
    return ""


def _inside_a_name(text: str, number: Numeral, money: bool, after: Following | None) -> bool:
    """Whether a number is part of a name: GPT-4, v1.2, 8x22B."""
    start = number.start
    if not money and start and text[start].isdigit():
        before = text[start - 1]
        if before == "." or before.isdigit() or (before != " " and _BOUND.match(before)):
            return True
        if before == "-" and start > 1 and _BOUND.match(text[start - 2]):
            return True
    goes_on = text[number.end : number.end + 1]
    if not (goes_on.isalnum() or goes_on == "_") or not _NAME_GOES_ON.match(text, number.end):
        return False
    if after is None or text[after.end : after.end + 1].isdigit():
        return True
    return not any(looked_up(table, after) for table in (PERIODS, BYTES, COINS, AS_MANY))


def _money(text: str, number: Numeral, before: str, after: Following | None) -> Quantity | None:
    """Read a number as a sum of money, if a sign, code or word on one of its sides says so."""
    end, sign = number.end, ""
    if before:
        sign = next((one for one in before if one in SIGNS), "") or COINS[before.casefold()]
    if coin := looked_up(COINS, after):
        sign, end = sign or COINS[coin[0]], coin[1]
    elif cent := looked_up(CENTS, after):
        sign, end = sign or CENTS[cent[0]], cent[1]
        number.value /= 100
    elif not before:
        written = None
        if not _SIGNS.isdisjoint(text[end : end + 2]):
            written = _SIGN_AFTER.match(text, end)
        if written is None:
            return None
        sign, end = written[1], written.end(1)
    return _quantity(number, end, "money", unit=sign)


def _measured(text: str, number: Numeral, after: Following | None) -> Quantity:
    """Read a number as a percentage, a multiple, a measure, a year, or as nothing but a number."""
    start, end = number.start, number.end
    if percent := looked_up(PERCENT, after):
        return _quantity(number, percent[1], "percent")
    signed = after is None or text[end : end + 1] == "%" or after.small in PER_CENT_BEGINS
    if signed and (written := PER_CENT.match(text, end)):
        return _quantity(number, written.end(), "percent")
    times = "×" in text[end : end + 2] or (after and after.small in ("x", "times"))
    if times and _FACTOR.match(text, end):
        after = None
    elif (many := looked_up(AS_MANY, after)) or "×" in text[max(0, start - 1) : end + 2]:
        return _quantity(number, many[1] if many else end, "times")
    year = end - start == 4 and text[start:end].isdecimal() and 1900 <= number.value <= 2100
    if year and text[end : end + 1] in ("年", "년"):
        return _quantity(number, end, "year")
    unit_word = following(text, after.end) if after and after.small in BETWEEN else after
    for unit, table in (("bytes", BYTES), ("time", PERIODS)):
        if found := looked_up(table, unit_word):
            size = number.value * table[found[0]]
            return _quantity(number, found[1], "plain", unit=unit, size=size)
    return _quantity(number, end, "year" if year else "plain", noun=_counted(text, after))


def _counted(text: str, after: Following | None) -> str:
    """Return what a number counts: pages in "1,200 hand-labelled pages"."""
    while after and (after.small.endswith("ed") or text[after.end : after.end + 1] == "-"):
        further = following(text, after.end)
        if further is None:
            break
        after = further
    return noun(after)


def _ranges(text: str, numbers: list[Quantity]) -> list[Quantity]:
    """Give a bare number of a range the unit of the other: "20 to 30 %", "$5–10"."""
    for at, (before, after) in enumerate(pairwise(numbers)):
        first, last = before.span[1], after.span[0]
        if last - first > RANGE or not _RANGE.fullmatch(text, first, last):
            continue
        if before.bare and not after.bare and after.kind in ("plain", "percent", "times"):
            numbers[at] = _alike(before, after)
        elif after.bare and before.kind == "money" and not _FACTOR.match(text, after.span[1]):
            numbers[at + 1] = _alike(after, before)
    return numbers


def _alike(number: Quantity, other: Quantity) -> Quantity:
    size = number.value * other.size / other.value if other.value else 0.0
    return replace(number, kind=other.kind, unit=other.unit, size=size, noun=other.noun)
