"""Reads the sums that a take shows: "$0.40 x 10,000 / 1,000 = $4", "39 / 141 = 28%"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from panel.checks.findings import Span

_NUMBER = r"""
    (?P<coin> [$€£¥] \s? )?
    (?P<digits> \d{1,3} (?: [,\u202f\u00a0]\d{3} )+ (?: \.\d+ )? | \d+ (?: \.\d+ )? )
    (?P<scale> \s? (?: % | (?: k|K|M|B|bn|G|GB|MB|TB|KB|ct|million|billion|thousand|cents? )\b ) )?
"""
_NUMBER_AT = re.compile(_NUMBER, re.X)
# Between a number and what is done with it may stand what it counts: "2,600 conversations x".
_SIGN_AFTER = re.compile(
    r"(?: [ -][^\W\d]\w{0,20} ){0,3} \s? (?: (?P<sign> [x×*·/÷+−–] | - ) \s? | \)\s? )", re.X
)
_EQUALS = re.compile(r"(?: [ -][^\W\d]\w{0,20} ){0,3} \s? [=≈] \s?", re.X)
_ABOUT = re.compile(
    r"(?: about|around|roughly|nearly|almost|some|just\s(?:over|under)|~|≈ ) \s?", re.X
)
_SCALES = {"k": 1e3, "kb": 1e3, "thousand": 1e3, "m": 1e6, "mb": 1e6, "million": 1e6}
_SCALES |= {"b": 1e9, "bn": 1e9, "g": 1e9, "gb": 1e9, "billion": 1e9, "tb": 1e12}
_SCALES |= {"%": 0.01, "ct": 0.01, "cent": 0.01, "cents": 0.01}
_LONGEST = 12  # numbers of one sum
_CLOSE, _ROUGH = 0.02, 0.05  # how far a rounded result may be off; one that says "about"


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a sum: its place, its bare value, and the value with "%", "k" or "cents"."""

    span: Span
    value: float
    scaled: float
    written: str


@dataclass(frozen=True, slots=True)
class Equation:
    """A sum that a take shows. terms: numbers and the signs between; value: what it comes to."""

    terms: tuple[Number, ...]
    signs: tuple[str, ...]
    result: Number
    value: float
    right: bool

    @property
    def span(self) -> Span:
        """The place of the whole sum, its result included."""
        return self.terms[0].span[0], self.result.span[1]

    @property
    def worth(self) -> str:
        """What it comes to, in the unit in which its result is written."""
        unit = self.result.scaled / self.result.value if self.result.value else 1.0
        return f"{self.value / unit:,.6g}"


def equations(text: str) -> Iterator[Equation]:
    """Yield the sums that a text shows with a sign of equality, in order."""
    place = 0
    while "=" in text[place:] or "≈" in text[place:]:
        first = _NUMBER_AT.search(text, place)
        if first is None:
            return
        found, place = _equation(text, first)
        if found is not None:
            yield found


def _equation(text: str, match: re.Match[str]) -> tuple[Equation | None, int]:
    """Read a sum from its first number on; return it, or None, and where to look next."""
    terms, signs, next_start = [_number(match)], list[str](), match.end()
    while len(terms) < _LONGEST:
        end = terms[-1].span[1]
        if equals := _EQUALS.match(text, end):
            about = _ABOUT.match(text, equals.end())
            result = _NUMBER_AT.match(text, about.end() if about else equals.end())
            if result is None or not signs:
                return None, next_start
            rough = about is not None or "≈" in equals[0]
            # The result may be the first number of the next: "a x b = c / d = e".
            return _worked_out(terms, signs, _number(result), rough), result.start()
        sign = _SIGN_AFTER.match(text, end)
        following = sign and sign["sign"] and _NUMBER_AT.match(text, sign.end())
        if not sign or not following:
            return None, next_start
        signs.append(sign["sign"])
        terms.append(_number(following))
    return None, next_start


def _number(match: re.Match[str]) -> Number:
    value = float(re.sub(r"[^\d.]", "", match["digits"]))
    scale = (match["scale"] or "").strip().lower()
    return Number(match.span(), value, value * _SCALES.get(scale, 1.0), match[0].strip())


def _worked_out(terms: list[Number], signs: list[str], result: Number, rough: bool) -> Equation:
    scaled = _value([one.scaled for one in terms], signs)
    bare = _value([one.value for one in terms], signs)
    right = _agrees(scaled, result.scaled, result, rough) or any(
        _agrees(bare * unit, result.value, result, rough) for unit in (1.0, 100.0, 0.01)
    )
    return Equation(tuple(terms), tuple(signs), result, scaled, right)


def _value(numbers: list[float], signs: list[str]) -> float:
    """Work out numbers with signs between, × and / before + and −."""
    parts = [numbers[0]]
    for sign, number in zip(signs, numbers[1:], strict=True):
        if sign in "x×*·":
            parts[-1] *= number
        elif sign in "/÷":
            parts[-1] = parts[-1] / number if number else float("inf")
        else:
            parts.append(number if sign == "+" else -number)
    return sum(parts)


def _agrees(value: float, stated: float, result: Number, rough: bool) -> bool:
    """Whether a value is the one that is stated, or what it is rounded to as it is written."""
    off = abs(value - stated)
    if off <= 1e-6 * abs(value) or (rough and off <= _ROUGH * abs(value)):
        return True
    _whole, _point, places = re.sub(r"[^\d.]", "", result.written).partition(".")
    step = 10.0 ** -len(places) * (stated / result.value if result.value else 1.0)
    return off <= step / 2 * (1 + 1e-9) and (off <= _CLOSE * abs(value) or abs(result.value) < 100)
