"""Finds figures that a take brings in from outside: numbers, prices, dates, versions, commands."""

from __future__ import annotations

import re
from bisect import bisect_left
from operator import ne

from panel.checks.findings import SEVERITIES, Finding, Span, Spans, at
from panel.checks.folding import folded
from panel.checks.quantities import Quantity, quantities
from panel.checks.scenario import Scenario
from panel.checks.shown_sums import ASSUMED, Said, weighed_sums
from panel.checks.source import Source
from panel.checks.sums import explained, price_for

SMALL = 12  # up to this, a number is mostly a way of speaking
_HEDGES = (  # right before the figure
    *("about", "around", "roughly", "nearly", "almost", "some", "over", "under", "more than"),
    *("less than", "fewer than", "above", "below", "at least", "up to", "approximately"),
    *("close to", "just", "~", "≈", "a good", "well"),
)
MONTHS = 5e6  # seconds from which on a time may be the horizon of a bet
_LOOSE_TIME = {3600.0 * 24 * days for days in (7, 30.4375, 91.3125, 365.25)}
_MEASURE = re.compile(
    r"[\s-]? (?: [kMGT]?(?: Hz|bps|Wh? ) | dB|fps|bits?|px|nm|points? )\b", re.X
)  # right after the figure: not a way of speaking
_CODE = re.compile(r"`([^`\n]{2,120})`")
_COSTS = re.compile(
    r"\b(?:cost|pay|paid|bill|spend|charge|invoice|come[s]? to|total|run[s]? to|amount[s]? to)",
    re.I,
)
_BEFORE_LONG = re.compile(r"\b(?:within|inside|(?:over|in)\sthe\snext)\s$", re.I)
_LATER = re.compile(r"\s(?:on|later)\b")
_AHEAD = re.compile(r"\b(?:within|inside|by|before|in)\s[^.,;]{0,20}years?\b|\byears from now\b")
_BEGINS = re.compile(r"(?:(?:and|but|so)\s)?(?:at least|at most|about|some|over|only)?\s?", re.I)
_WILL = re.compile(r"\bwill\b")
_TURNS = r"(?:becomes|turns\sinto|is\sread\sas|reads\sas)"
_TURNS_INTO = re.compile(rf"\s{_TURNS}\s\d")
_INVENTED = re.compile(  # "say, 2,000", "12.50 becomes 1250", "one report or a million"
    rf"(?:\bsay,\s|\d\s{_TURNS}\s|\bone\s[a-z]+\sor\s)$", re.I
)
_INVENTED_ENDS = ("say,", "becomes", "into", "as", "or")  # what they end with, but for a blank
_NAMED = re.compile(r"(?:^|[.!?,]\s|\s)[A-Z][a-z]+,\s$")  # "Wilhelmina, 81, sits"
SUMMED = 500  # figures of a take that sums are looked for; of words there are some 3,000
OLDEST = 110  # years of somebody made up
_HORIZON = re.compile(r"\s(?:from\s(?:now|today)|hence|ahead|out)\b", re.I)
_WOULD = re.compile(r"\b(?:would|could|might)\b")
_RIVAL = re.compile(r"\b(?:rival|competit|elsewhere|others?|alternative|contractor|instead)", re.I)
_REMEDY = "Check it, or remove it, or mark it “[unverified]”."
_CHECKS = {"money": "price-outside-source", "year": "date-outside-source"}
_CHECKS |= {"date": "date-outside-source"}
_SUPPOSED = "a figure from outside, in a supposition"


def check_figures(
    text: str, scenario: Scenario, source: Source, taken: Spans
) -> list[tuple[Finding, Quantity]]:
    """Find figures that the source does not state, each with the quantity it was read as.

    A figure that is repeated is reported once, unless it is first supposed and then stated.
    """
    found: list[tuple[Finding, Quantity]] = []
    worst: dict[tuple[str, str, float], int] = {}
    for quantity, (severity, message) in _Take(text, scenario, source).outside(taken):
        if severity is None:
            continue
        check = _CHECKS.get(quantity.kind, "number-outside-source")
        finding = at(text, quantity.span, check, severity, (message, _REMEDY))
        key = _key(quantity)
        if finding.rank < worst.get(key, len(SEVERITIES)):
            worst[key] = finding.rank
            found.append((finding, quantity))
    return found


def _key(quantity: Quantity) -> tuple[str, str, float]:
    value = quantity.size if quantity.unit and quantity.size else quantity.value
    return quantity.kind, quantity.unit, value


def check_code(text: str, source: Source) -> list[Finding]:
    """Find commands, flags and calls in backticks that the source does not show."""
    found = []
    for match in _CODE.finditer(text) if "`" in text else ():
        shown = folded(match[1]).text
        if not shown or shown in source.folded or not re.search(r"\w", shown):
            continue
        says = ("a command or name that the source does not show: verify", _REMEDY)
        found.append(at(text, match.span(), "code-outside-source", "warning", says))
    return found


def code_spans(text: str) -> list[Span]:
    """Return the spans between backticks, the marks included."""
    return [match.span() for match in _CODE.finditer(text)] if "`" in text else []


class _Take:
    """The figures of one take, weighed one by one and then together."""

    def __init__(self, text: str, scenario: Scenario, source: Source) -> None:
        self.text, self.source = text, source
        self.scenario, self.sentences = scenario, scenario.sentences
        self.read = quantities(text)
        self.starts = [quantity.span[0] for quantity in self.read]
        self.wrong: set[Quantity] = set()

    def outside(self, taken: Spans) -> list[tuple[Quantity, Said]]:
        """Return the figures that the source does not state, with severity and message."""
        said = {
            quantity: self._weigh(quantity)
            for quantity in self.read
            if not quantity.implied
            and not taken.touch(quantity.span)
            and not self.source.holds(quantity)
        }
        shown = weighed_sums(self.sentences, said, self.source)
        said |= shown
        self.wrong |= {one for one, (severity, _) in shown.items() if severity == "warning"}
        results = [quantity for quantity, (severity, _) in said.items() if severity is not None]
        assumed: set[tuple[str, str, float]] = set()
        # What a sum takes stands mostly before what it comes to, and a price is what it comes to.
        results.sort(key=lambda one: (one.kind != "money", -one.span[0]))
        for result in results[:SUMMED]:
            severity, message = said[result]
            if result in shown:
                continue
            if severity != "warning" and not (result.kind == "money" and message == _SUPPOSED):
                continue
            if _key(result) in assumed or result.kind in ("year", "date", "version"):
                continue
            said[result], used = self._summed(result, said[result])
            assumed |= {_key(one) for one in used}
            if result.kind == "money" and said[result][0] == "warning":
                self.wrong.add(result)  # nothing follows from it
        for quantity in results:
            if said[quantity][0] == "warning" and _key(quantity) in assumed:
                said[quantity] = ASSUMED
        return list(said.items())

    def _summed(self, result: Quantity, said: Said) -> tuple[Said, tuple[Quantity, ...]]:
        """Look for a sum that a figure follows from, or for the one that it should follow."""
        start = result.span[0]
        first, last = self.sentences.around(start)
        from_ = first
        if first and (result.kind == "money" or result.unit):
            from_, _ = self.sentences.around(max(0, first - 2))
        beside = slice(bisect_left(self.starts, from_), bisect_left(self.starts, last))
        near = [one for one in self.read[beside] if one not in self.wrong]
        if found := explained(result, near, self.source.rates, self._hedged(start)):
            return ("note", f"follows from the source: {found.shown}"), found.used
        if result.kind == "money" and not _RIVAL.search(self.text, first, last):
            expected = price_for(result, near, self.source.rates)
            if expected is not None and _COSTS.search(self.text, first, last):
                message = f"not what the source's price comes to ({expected.shown}): verify"
                return ("warning", message), expected.used
        return said, ()

    def _weigh(self, quantity: Quantity) -> Said:
        """Return severity and message of a figure from outside; no severity if it is harmless."""
        start, sentences = quantity.span[0], self.sentences
        if quantity.worded and quantity.value <= 1 and quantity.kind == "plain":
            return None, ""  # "one" is mostly no number
        if quantity.worded and quantity.kind == "times" and _power_of_ten(quantity):
            return None, ""  # "ten times cheaper", "tenfold"
        if (rounded := self._rounded(quantity)) is not None:
            return rounded
        if sentences.marked(start):
            return "note", "a figure from outside, marked as such"
        if sentences.said_missing(quantity.span):
            return "note", "a figure from outside, said to be missing"
        if quantity.kind in ("year", "date"):
            return self._dated(quantity)
        if sentences.supposed(start):
            if near := self._slip(quantity):
                return "warning", f"close to the source's {near}, and not the same: verify"
            return "note", _SUPPOSED
        if quantity.unit == "time" and self._horizon(quantity):
            return "note", "the horizon of the take's own bet"
        if self._wanted(quantity):
            return "note", "a figure of the evidence that the take would want"
        if _way_of_speaking(quantity, self.text):
            return "note", "a small number, or a way of speaking, that the source does not state"
        rival = quantity.noun in self.source.nouns
        if self.scenario.assumes(quantity, rival) or _invented(quantity, self.text):
            return "note", "a figure of an imagined user or future"
        kind = {"money": "price", "percent": "percentage"}.get(quantity.kind, "figure")
        return "warning", f"a {kind} that is not in the source: verify"

    def _wanted(self, quantity: Quantity) -> bool:
        """Whether a count begins a clause of what would be: "Two hundred questions would"."""
        start, end = quantity.span
        first, last = self.sentences.around(start)
        if not quantity.bare or not _BEGINS.fullmatch(
            self.text, self.sentences.clause(start)[0], start
        ):
            return False
        if start == first and _WOULD.search(self.text, end, last):
            return True
        if not _WILL.search(self.text, end, last):
            return False
        return _AHEAD.search(self.text, first, last) is not None

    def _horizon(self, quantity: Quantity) -> bool:
        """Whether a time is that of a bet: "four years from now", "within eighteen months"."""
        start, end = quantity.span
        if _HORIZON.match(self.text, end):
            return True
        if quantity.size < MONTHS or not self.scenario.looks_ahead(start):
            return False
        before = _BEFORE_LONG.search(self.text, max(0, start - 20), start)
        return before is not None or _LATER.match(self.text, end) is not None

    def _dated(self, quantity: Quantity) -> Said:
        """Weigh a date: a past one is a claim, one to come a bet where the sentence looks ahead."""
        start, sentences = quantity.span[0], self.sentences
        last = self.source.last_year
        ahead = sentences.supposed(start) or sentences.foretold(start)
        ahead = ahead or self.scenario.looks_ahead(start)
        if ahead and (last is None or quantity.value > last):
            return "note", "a year in the future, the take's own bet"
        return "warning", "a date that is not in the source: verify"

    def _slip(self, quantity: Quantity) -> str:
        """Return the stated price from which a supposed one differs by a digit or the point."""
        if quantity.kind != "money" or not quantity.value:
            return ""
        one, exact = f"{quantity.value:.2f}", quantity.digits > 1
        for other, known in self.source.prices:
            if known.unit and quantity.unit and known.unit != quantity.unit:
                continue
            slipped = exact and len(one) == len(other) and sum(map(ne, one, other)) == 1
            if slipped or _power_of_ten_apart(quantity.value / known.value):
                return self.source.text[slice(*known.span)]
        return ""

    def _rounded(self, quantity: Quantity) -> Said | None:
        """Recognise a figure of the source in round numbers: "about 94%" from 94.1%."""
        if quantity.kind not in ("percent", "plain", "money") or quantity.value < 1:
            return None
        exact = self.source.exact.get((quantity.kind, quantity.unit), [])
        value = quantity.value
        step = max(1.0, 10 ** (len(f"{value:.0f}") - max(2, quantity.digits)))
        most = min(step / 2, max(1.0, value / 8))
        for place in range(bisect_left(exact, value - most - 1e-12 * value), len(exact)):
            if exact[place] != value and abs(exact[place] - value) <= most:
                if self._hedged(quantity.span[0]):
                    return None, ""
                return "note", "a rounded figure: the source is more exact"
            if exact[place] > value:
                break
        return None

    def _hedged(self, start: int) -> bool:
        """Whether "about" and the like stand before a place."""
        return self.text[max(0, start - 20) : start].rstrip().lower().endswith(_HEDGES)


def _invented(quantity: Quantity, text: str) -> bool:
    """Whether a figure is an example, or somebody's age."""
    start, end = quantity.span
    before = text[max(0, start - 30) : start]
    if before.rstrip().lower().endswith(_INVENTED_ENDS) and _INVENTED.search(before):
        return True
    if _TURNS_INTO.match(text, end):
        return True
    aged = quantity.bare and quantity.value <= OLDEST and text[end : end + 1] == ","
    return aged and _NAMED.search(before) is not None


def _power_of_ten_apart(ratio: float) -> bool:
    return 0.009 < ratio < 101 and any(abs(ratio / by - 1) < 1e-6 for by in (0.01, 0.1, 10, 100))


def _power_of_ten(quantity: Quantity) -> bool:
    return f"{quantity.value:.0f}".rstrip("0") == "1"


def _way_of_speaking(quantity: Quantity, text: str) -> bool:
    if quantity.kind == "times":
        return quantity.value <= SMALL or _power_of_ten(quantity)
    if quantity.ordinal:
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
