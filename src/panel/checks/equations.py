"""Reads the sums that a take shows: "$0.40 x 10,000 / 1,000 = $4", "11 of 412 is 2.7%".

A sum is two or more figures with signs or words between, and what it is said to come to. It is
worked out with its units, its brackets, × and / before + and −, and compared as it is rounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from panel.checks.findings import Span
from panel.checks.quantities import Quantity, quantities
from panel.checks.rates import Rate
from panel.checks.words import listed
from panel.checks.workings import Part, balanced, same, value_of, worked_out

LONGEST = 12  # figures of one sum
GAP = 60  # characters between two of them
_EQUALS = re.compile(
    r"""
    (?P<equals> [=≈] | (?: ,?\s(?:which|that) )? \s (?: is|are|equals?|makes?|gives?|yields?
      |(?: comes?|amounts?|adds?\sup )\sto | works?\sout\s(?:at|to|as) )\b )
    \s? (?P<about> (?: about|around|roughly|nearly|almost|approximately|some|just\s(?:over|under)
      |close\sto|~|≈ )\s? )? \({0,2} \Z
    """,
    re.I | re.X,
)
_SIGN = re.compile(
    r"""
    (?P<sign> [×*·/÷+−–-] | \b(?: x|times|multiplied\sby|divided\sby|over|plus|minus|of|per )\b )
    (?P<after> \s? ) (?: (?:the|its|all)\s )? (?P<open> \({0,2} ) \Z
    """,
    re.I | re.X,
)
# What may stand between a figure and the sign: "2,600 conversations x", "$19 per seat) x".
_COUNTED = re.compile(r"(?: [\s/-]{1,2} [^\W\d_]{1,24} ){0,6} (?P<close> \){0,2} ) \s?", re.X)
# How what stands between two figures must end, small and without its last brackets and blanks, to
# be read by the patterns above.
_SIGN_ENDS = tuple(
    listed("× * · / ÷ + − – - x times by over plus minus of per the its all"),
)
_EQUALS_ENDS = tuple(
    listed(
        "= ≈ ~ is are equal equals make makes give gives yield yields to at as about around "
        "roughly nearly almost approximately some over under"
    )
)
_ADDS = {"+": "+", "plus": "+", "−": "-", "–": "-", "-": "-", "minus": "-"}
_DIVIDES = frozenset(("/", "÷", "divided by", "over", "per"))
_LOOSE = frozenset(("over", "per", "of"))  # they join figures of which no sum is made, too
_ENDS = re.compile(r"\s?(?:[.,;:!?)\]]|of\b|\Z)")


@dataclass(frozen=True, slots=True)
class Equation:
    """A sum that a take shows, and whether it is right.

    parts: its figures, signs and brackets. worth: what it comes to, in the unit of its result.
    """

    parts: tuple[Part, ...]
    result: Quantity
    rough: bool
    right: bool
    worth: float

    @property
    def terms(self) -> list[Quantity]:
        """Its figures without the result."""
        return [part for part in self.parts if isinstance(part, Quantity)]

    @property
    def span(self) -> Span:
        """The place of the whole sum, its result included."""
        return self.terms[0].span[0], self.result.span[1]

    @property
    def shown(self) -> str:
        """What it comes to, in digits: "27.6596"."""
        if 0 < abs(self.worth) < 1e-2:
            return f"{self.worth:.4g}"
        return f"{self.worth:,.4f}".rstrip("0").rstrip(".")


def equations(text: str, known: Sequence[Rate] = ()) -> Iterator[Equation]:
    """Yield the sums that a text shows, in order.

    known: the source's rates. A price for a thousand pages is divided by a thousand where the
    text counts pages.
    """
    figures = [
        one
        for one in quantities(text)
        if one.kind not in ("date", "version")
        and not one.ordinal
        and not (one.implied and one.unit == "time")  # "a month"
    ]
    pages = {
        rate: {each.value for each in figures if rate.counts(each)}
        for rate in known
        if rate.per != 1 and rate.figure.kind == "money"
    }
    at = 0
    while at + 1 < len(figures):
        side = _Side.read(text, figures, at)
        found = _equation(text, figures, at, side)
        if found is not None:
            yield _priced(found, pages)
        at = side.last if found is not None and side.signs else at + 1


@dataclass(slots=True)
class _Side:
    """One side of a sum: from one figure up to the last that is joined to it by signs."""

    parts: list[Part]
    last: int
    signs: list[str]
    tight: bool = False  # 24/7, 10-40

    @classmethod
    def read(cls, text: str, figures: Sequence[Quantity], at: int) -> _Side:
        start = figures[at].span[0]
        before = text[max(0, start - 2) : start]
        side = cls([*"(" * (len(before) - len(before.rstrip("("))), figures[at]], at, [])
        while side.last + 1 < len(figures) and len(side.signs) < LONGEST - 1:
            if not side._joined(text, figures[side.last], figures[side.last + 1]):
                break
        return side

    def _joined(self, text: str, one: Quantity, other: Quantity) -> bool:
        if other.span[0] - one.span[1] > GAP:
            return False
        gap = text[one.span[1] : other.span[0]]
        sign = _SIGN.search(gap) if _ending(gap).endswith(_SIGN_ENDS) else None
        counted = sign and _COUNTED.fullmatch(gap, 0, sign.start())
        if not sign or not counted:
            return False
        written = " ".join(sign["sign"].lower().split())
        self.tight |= written in "-–/" and not sign["after"]
        self.signs.append(written)
        by = "*" if written == "of" and one.kind == "percent" else "/"
        if written not in _DIVIDES and written != "of":
            by = _ADDS.get(written, "*")
        self.parts += [*counted["close"], by, *sign["open"], other]
        self.last += 1
        return True


def _ending(gap: str) -> str:
    return gap.rstrip().rstrip("(").rstrip().lower()


def _equation(text: str, figures: Sequence[Quantity], at: int, side: _Side) -> Equation | None:
    """Read what a side is said to come to; None if nothing is said, or it is no sum."""
    if side.last + 1 >= len(figures):
        return None
    result, end = figures[side.last + 1], figures[side.last].span[1]
    if result.span[0] - end > GAP:
        return None
    gap = text[end : result.span[0]]
    equals = _EQUALS.search(gap) if _ending(gap).endswith(_EQUALS_ENDS) else None
    counted = equals and _COUNTED.fullmatch(gap, 0, equals.start())
    if not equals or not counted:
        return None
    signed = equals["equals"] in "=≈"
    if not side.signs:  # a result that is written once more: = 0.28 = 28%
        again = at and text[figures[at - 1].span[1] : figures[at].span[0]].strip() == "="
        if not (signed and again):
            return None
    parts = balanced([*side.parts, *counted["close"]])
    rough = bool(equals["about"]) or equals["equals"] == "≈"
    right, worth = worked_out(text, parts, result, rough)
    if not right and signed:  # a / b = c / d
        other = _Side.read(text, figures, side.last + 1)
        right = bool(other.signs) and same(value_of(parts), value_of(balanced(other.parts)))
    if not right and not _firm(text, side, signed, result):
        return None
    return Equation(parts, result, rough, right, worth)


def _firm(text: str, side: _Side, signed: bool, result: Quantity) -> bool:
    """Whether it must be a sum, so that a wrong one is a fault, and not a turn of phrase."""
    if _LOOSE.isdisjoint(side.signs):
        return signed or not (side.tight or {"-", "–"}.intersection(side.signs))
    if side.signs != ["of"]:
        return signed and len(side.signs) == 1
    part, whole = (one for one in side.parts if isinstance(one, Quantity))
    if part.kind == "percent":
        alike = (result.kind, result.unit) == (whole.kind, whole.unit)
        return alike and (signed or result.noun in ("", whole.noun))
    alike = part.bare and whole.bare and part.value <= whole.value and result.kind == "percent"
    return alike and (signed or _ENDS.match(text, result.span[1]) is not None)


def _priced(one: Equation, pages: Mapping[Rate, set[float]]) -> Equation:
    """Divide by a thousand where the source's price is for a thousand, and the text is not.

    pages: the prices for a number of things, each with how many the text says there are.
    """
    for rate, counted in pages.items() if _product(one) else ():
        if not any(rate.figure.same(term) for term in one.terms):
            continue
        counts = [term for term in one.terms if term.bare and term.value >= rate.per]
        worth = one.worth / rate.per
        if not one.right and same(worth, one.result.value):
            return replace(one, right=True, worth=worth)
        if one.right and any(term.value in counted for term in counts):
            return replace(one, right=False, worth=worth)
    return one


def _product(one: Equation) -> bool:
    return {part for part in one.parts if isinstance(part, str)} == {"*"}
