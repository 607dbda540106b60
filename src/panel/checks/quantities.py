"""Reads figures in prose so that they compare: 128K = 128,000, four = 4, $0.30 = 30 cents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from panel.checks.findings import Span, Spans
from panel.checks.words import wanted, words_in

Kind = Literal["plain", "percent", "money", "year", "date", "version", "times"]


def _split(words: str) -> list[str]:
    return words.split()


MOST = 1e300  # a number that is larger is this one
_ONES = _split(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = _split("twenty thirty forty fifty sixty seventy eighty ninety")
_WORDS = {word: value for value, word in enumerate(_ONES)}
_WORDS |= {word: 10 * value for value, word in enumerate(_TENS, 2)}
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_LETTERS = {"k": 1e3, "m": 1e6, "b": 1e9, "bn": 1e9, "t": 1e12, "dozen": 12.0}
_ORDINALS = {
    word: value
    for value, word in enumerate(
        _split(
            "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
            "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
        ),
        3,
    )
}
_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SECONDS |= {"w": 604800.0, "mo": 2629800.0, "q": 7889400.0, "y": 31557600.0}
_BYTES = {"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KIB": 1e3, "MIB": 1e6, "GIB": 1e9}
_MONTHS = _split(
    "january february march april may june july august september october november december"
)
_TIME = r"""
    (?P<ms> milliseconds?|ms ) | (?P<s> seconds?|secs?|s ) | (?P<min> minutes?|mins? )
    | (?P<h> hours?|hrs?|h ) | (?P<d> days? ) | (?P<w> weeks? ) | (?P<mo> months? )
    | (?P<q> quarters? ) | (?P<y> years? )
"""
_NUMBER_WORD = "|".join([*_WORDS, *_SCALES])
_AND = r"(?:(?<=hundred)|(?<=thousand)|(?<=million))\sand\s"  # not "nine and fifteen"
_MONTH = "|".join([*_MONTHS, *(month[:3] + r"\.?" for month in _MONTHS), "sept"])

_DATE = wanted(
    " ".join([*_MONTHS, *(month[:3] for month in _MONTHS), "sept"]),
    rf"""
    \b (?P<iso> \d{{4}}-\d\d(?:-\d\d)? ) \b                        # 2026-05, 2026-05-31
    | \b (?: (?P<day> \d\d? )(?: st|nd|rd|th )? \s+ )?             # 31st
      (?P<month> {_MONTH} )                                        # May
      (?: \s+ (?P<day2> \d\d? )(?: st|nd|rd|th )? ,? )?            # or May 31,
      \s+ (?P<year> (?:19|20)\d\d ) \b                             # 2026
    """,
    figures=True,
)
_FIGURE = wanted(  # a sum of money may begin elsewhere: see _of_money
    " ".join([*_WORDS, *_SCALES, "a usd eur gbp"]),
    rf"""
    (?P<currency> (?: US|USD|EUR|GBP )?\s?[$€£]\s? | \b(?: USD|EUR|GBP )\s )?
    (?<![\w.]) (?<![A-Za-z]-)                                # not inside a name: GPT-4, v1.2
    (?:
      (?P<digits> \d{{1,3}}(?:[,\u2009\u202f]\d{{3}})+(?:\.\d+)?   # 128,000
        | \d+(?:\.\d+)* )                                    # 3.5, and versions: 1.2.3
      (?: \s? (?P<scale> (?: bn|[kmbt] )(?!\w)               # 128K, 3 million
        | (?: hundred|thousand|million|billion|trillion|dozen )\b ) )?
      | (?P<words> \b (?:{_NUMBER_WORD}) (?: (?: [-\s] | {_AND} ) (?:{_NUMBER_WORD}) )* \b )
      | (?P<article> \ba ) \s (?P<alone> hundred|thousand|million|billion|dozen ) \b
    )
    (?P<percent> \s?% | \s(?: percent|per\scent )\b )?
    (?: \s? (?P<coin> \b(?: dollars?|cents?|euros?|pounds?|USD|EUR|GBP )\b ) )?
    (?P<times> \s?[x×](?!\w) | \stimes\b | -?fold\b )?
    (?: (?:\s|-)? (?: (?P<bytes> [KMGT]i?B ) | {_TIME} ) (?![\w]) )?   # 8 GB, 30-minute
    (?![A-Za-z_]*\d) (?!\w)                                  # not the start of a name: 8x22B
    """,
    figures=True,
)
_SIGN = re.compile(r"[$€£]")
_ORDINAL = wanted(
    " ".join(_ORDINALS),
    # not "a third of", not "third-party"
    rf"\b (?: {'|'.join(_ORDINALS)} ) \b (?! \s+of\b | [\s-]part )",
)
_FRACTION = wanted(
    "a one two three", r"\b (?: a|one|two|three ) [\s-] (?: third|quarter|fifth|tenth )s? \b"
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """One figure of a text, with its place, kind and value.

    unit: "time", "bytes" or "" (none, or one that is not converted). size: the value in seconds
    or bytes where it has such a unit. worded: written in letters. ordinal: "fifteenth". key:
    what a date or a version is compared by.
    """

    span: Span
    kind: Kind
    value: float
    unit: str = ""
    size: float = 0.0
    worded: bool = False
    ordinal: bool = False
    key: str = ""

    def same(self, other: Quantity) -> bool:
        """Whether both state the same figure, as far as their units can be compared."""
        if self.kind != other.kind:
            return False
        if self.kind in ("date", "version"):
            return self.key == other.key or (
                self.kind == "date" and other.key.startswith(self.key + "-")
            )
        if self.unit and other.unit:
            return self.unit == other.unit and _close(self.size, other.size)
        return _close(self.value, other.value)

    @property
    def digits(self) -> int:
        """How many significant digits the value has."""
        return len(f"{self.value:.6e}".split("e")[0].replace(".", "").rstrip("0")) or 1


def _close(first: float, second: float) -> bool:
    return abs(first - second) <= 1e-6 * max(abs(first), abs(second))


def quantities(text: str) -> list[Quantity]:
    """Return the figures of a text in order; none overlaps another."""
    words = words_in(text)
    found = [_date(match) for match in _DATE.finditer(text)]
    dated = Spans(quantity.span for quantity in found)
    places = words.starts(_FIGURE)
    if signs := [place for sign in _SIGN.finditer(text) for place in _of_money(text, sign.start())]:
        places = sorted({*places, *signs})
    for match in words.matches(_FIGURE.pattern, places):
        quantity = _figure(match)
        if quantity is not None and not dated.touch(quantity.span):
            found.append(quantity)
    found += _ordinals(text, [quantity.span for quantity in found])
    return sorted(found, key=lambda quantity: quantity.span)


def _of_money(text: str, sign: int) -> Iterator[int]:
    """Yield where a sum of money may begin that has its sign here: $, " $" or "US $"."""
    yield sign
    last = sign - text[max(0, sign - 1) : sign].isspace()
    if last < sign:
        yield last
    for letters in ("US", "USD", "EUR", "GBP"):
        if words_in(text).lower.endswith(letters.lower(), 0, last):
            yield last - len(letters)


def _date(match: re.Match[str]) -> Quantity:
    if match["iso"]:
        key = match["iso"]
    else:
        month = next(
            number
            for number, name in enumerate(_MONTHS, 1)
            if name.startswith(match["month"].lower().rstrip(".")[:3])
        )
        key = f"{match['year']}-{month:02}"
        day = match["day"] or match["day2"]
        key += f"-{int(day):02}" if day else ""
    return Quantity(match.span(), "date", float(key[:4]), key=key)


def _figure(match: re.Match[str]) -> Quantity | None:
    digits, words = match["digits"], match["words"]
    span = (match.start(), match.start() + len(match[0].rstrip()))
    lead = len(match[0]) - len(match[0].lstrip())
    span = (span[0] + lead, span[1])
    if digits and digits.count(".") > 1:
        return Quantity(span, "version", 0.0, key=digits.strip("."))
    if digits:
        value = float(re.sub(r"[^\d.]", "", digits)[:300])
        scale = (match["scale"] or "").lower()
        value *= _LETTERS.get(scale) or _SCALES.get(scale, 1.0)
    elif words:
        if words.lower() in _SCALES:  # "per million", "a few hundred"
            return None
        value = _spoken(words)
    else:
        alone = match["alone"].lower()
        value = _SCALES.get(alone) or _LETTERS[alone]
    return _with_unit(match, span, value)


def _with_unit(match: re.Match[str], span: Span, value: float) -> Quantity:
    worded = not match["digits"]
    coin = (match["coin"] or "").lower()
    if match["currency"] or coin:
        if coin.startswith("cent"):
            value /= 100
        return Quantity(span, "money", value, worded=worded)
    if match["percent"]:
        return Quantity(span, "percent", value, worded=worded)
    if match["times"]:
        return Quantity(span, "times", value, worded=worded)
    if match["bytes"]:
        return Quantity(
            span, "plain", value, "bytes", value * _BYTES.get(match["bytes"].upper(), 1)
        )
    for unit, seconds in _SECONDS.items():
        if match[unit]:
            return Quantity(span, "plain", value, "time", value * seconds, worded)
    bare = match["digits"] and match["digits"].isdecimal() and len(match["digits"]) == 4
    if bare and not match["scale"] and 1900 <= value <= 2100:
        return Quantity(span, "year", value)
    return Quantity(span, "plain", value, worded=worded)


def _spoken(words: str) -> float:
    """Read number words: "two hundred and fifty thousand" → 250000."""
    total, group = 0.0, 0.0
    for word in re.findall(r"[a-z]+", words.lower()):
        if word in _WORDS:
            group += _WORDS[word]
        elif word == "hundred":
            group = min((group or 1) * 100, MOST)
        elif word in _SCALES:
            total += (group or 1) * _SCALES[word]
            group = 0.0
    return min(total + group, MOST)


def _ordinals(text: str, taken: list[Span]) -> Iterator[Quantity]:
    told = Spans([*taken, *(match.span() for match in _FRACTION.finditer(text))])
    for match in _ORDINAL.finditer(text):
        if not told.touch(match.span()):
            value = float(_ORDINALS[match[0].lower()])
            yield Quantity(match.span(), "plain", value, worded=True, ordinal=True)
