"""Finds figures that a take brings in from outside: numbers, prices, dates, versions, commands."""

from __future__ import annotations

import re

from panel.checks.findings import SEVERITIES, Finding, Severity, Span, Spans, at
from panel.checks.folding import folded
from panel.checks.quantities import Quantity, quantities
from panel.checks.sentences import Sentences
from panel.checks.source import Source

SMALL = 12  # up to this, a number is mostly a way of speaking
_HEDGE = re.compile(
    r"""
    (?: about|around|roughly|nearly|almost|some|over|under|more\ than|less\ than|fewer\ than|above
      |below|at\ least|up\ to|approximately|close\ to|just|~|≈|a\ good|well )
    \s* $   # right before the figure
    """,
    re.I | re.X,
)
_LOOSE_TIME = {3600.0 * 24 * days for days in (7, 30.4375, 91.3125, 365.25)}
_MEASURE = re.compile(
    r"[\s-]? (?: [kMGT]?(?: Hz|bps|Wh? ) | dB|fps|bits?|px|nm|points? )\b", re.X
)  # right after the figure: not a way of speaking
_CODE = re.compile(r"`([^`\n]{2,120})`")
_REMEDY = "Check it, or remove it, or mark it “outside knowledge, to verify”."
_CHECKS = {"money": "price-outside-source", "year": "date-outside-source"}
_CHECKS |= {"date": "date-outside-source"}


def check_figures(
    text: str, sentences: Sentences, source: Source, taken: Spans
) -> list[tuple[Finding, Quantity]]:
    """Find figures that the source does not state, each with the quantity it was read as.

    A figure that is repeated is reported once, unless it is first supposed and then stated.
    """
    found: list[tuple[Finding, Quantity]] = []
    worst: dict[tuple[str, str, float], int] = {}
    for quantity in quantities(text):
        if taken.touch(quantity.span) or source.holds(quantity):
            continue
        severity, message = _weigh(quantity, text, sentences, source)
        if severity is None:
            continue
        check = _CHECKS.get(quantity.kind, "number-outside-source")
        finding = at(text, quantity.span, check, severity, (message, _REMEDY))
        key = (quantity.kind, quantity.unit, quantity.size if quantity.unit else quantity.value)
        if finding.rank < worst.get(key, len(SEVERITIES)):
            worst[key] = finding.rank
            found.append((finding, quantity))
    return found


def check_code(text: str, source: Source) -> list[Finding]:
    """Find commands, flags and calls in backticks that the source does not show."""
    found = []
    for match in _CODE.finditer(text):
        shown = folded(match[1]).text
        if not shown or shown in source.folded or not re.search(r"\w", shown):
            continue
        says = ("a command or name that the source does not show: verify", _REMEDY)
        found.append(at(text, match.span(), "code-outside-source", "warning", says))
    return found


def code_spans(text: str) -> list[Span]:
    """Return the spans between backticks, the marks included."""
    return [match.span() for match in _CODE.finditer(text)]


def _weigh(
    quantity: Quantity, text: str, sentences: Sentences, source: Source
) -> tuple[Severity | None, str]:
    """Return severity and message of a figure from outside; no severity where it is harmless."""
    start = quantity.span[0]
    if quantity.worded and quantity.value <= 1 and quantity.kind == "plain" and not quantity.unit:
        return None, ""  # "one" is mostly no number
    derived = _derived(quantity, text, source)
    if derived is not None:
        return derived
    if sentences.marked(start):
        return "note", "a figure from outside, marked as such"
    if sentences.supposed(start) or sentences.said_missing(quantity.span):
        return "note", "a figure from outside, in a supposition"
    if quantity.kind == "year":
        latest = max(
            (known.value for known in source.quantities if known.key or known.kind == "year"),
            default=0.0,
        )
        if quantity.value > latest and (latest or sentences.foretold(start)):
            return "note", "a year in the future, the take's own bet"
        return "warning", "a date that is not in the source: verify"
    if quantity.kind == "date":
        return "warning", "a date that is not in the source: verify"
    if _way_of_speaking(quantity, text):
        return "note", "a small number, or a way of speaking, that the source does not state"
    kind = {"money": "price", "percent": "percentage"}.get(quantity.kind, "figure")
    return "warning", f"a {kind} that is not in the source: verify"


def _derived(quantity: Quantity, text: str, source: Source) -> tuple[Severity | None, str] | None:
    """Recognise figures that follow from the source: 62% from 38%, "about 94%" from 94.1%."""
    alike = [known for known in source.quantities if known.kind == quantity.kind]
    if quantity.kind == "plain" and any(
        known.kind == "times" and known.value == quantity.value for known in source.quantities
    ):
        return None, ""  # "up to 40 times", and then "measured against forty"
    if quantity.kind == "percent":
        rest = 100 - quantity.value
        if any(abs(known.value - rest) < 1e-6 for known in alike):
            return "note", f"follows from the source as 100 − {rest:g}: check what it says"
    if quantity.kind in ("percent", "plain", "money") and quantity.value >= 1:
        step = 10 ** (len(f"{quantity.value:.0f}") - max(2, quantity.digits))
        step = max(step, 1.0)
        for known in alike:
            if known.unit == quantity.unit and 0 < abs(known.value - quantity.value) <= step / 2:
                if known.value == round(known.value) and known.value < 100:
                    continue
                if _HEDGE.search(text[max(0, quantity.span[0] - 20) : quantity.span[0]]):
                    return None, ""
                return "note", "a rounded figure: the source is more exact"
    return None


def _way_of_speaking(quantity: Quantity, text: str) -> bool:
    if quantity.kind == "times" or quantity.ordinal:
        return True
    if quantity.kind != "plain":
        return False
    if quantity.unit == "time":
        unit = quantity.size / quantity.value if quantity.value else 0
        if any(abs(unit - loose) < 1 for loose in _LOOSE_TIME):
            return quantity.value <= SMALL
        # ten minutes, an afternoon's hours: the panel's own measure of a first look
        return quantity.value in (1, 10)
    if quantity.unit == "bytes":
        return False
    if _MEASURE.match(text, quantity.span[1]):
        return False
    return quantity.value <= SMALL and quantity.value == round(quantity.value)
