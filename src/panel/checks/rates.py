"""Reads what the figures of a source are for: $0.40 per 1k pages, 1,000 words a second."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from panel.checks.measures import OFTEN, PERIODS, SCALES, following, looked_up
from panel.checks.quantities import Quantity

KNOWN = 40  # figures of a source that are tried
BEFORE = 24  # characters before a price in which stands what it is for
_COSTING = re.compile(r"\b([^\W\d_]{3,20})\s+(?:costs?|is|are)\s*$", re.I)
CLOSE = 9  # characters between a price and what it is for
_PER = re.compile(
    r"\s*(?:(?:per|an?|each|every|for\s+(?:each|every)|par|pro|je|por|al|لكل)\b|/|の|每)\s*", re.I
)
_MONTHLY = re.compile(r"[月월]|شهر|monat|\bmois\b|\bmes\b|\bmese\b|\bmês\b|мес")
_PERIODS = PERIODS | {often: PERIODS[unit] for often, unit in OFTEN.items()}
FORMS = (100.0, 1000.0, 1e6)  # for how many things prices are told


@dataclass(frozen=True, slots=True)
class Rate:
    """A figure of a source for a number of things or a time: $0.40 per 1k pages, 9 % per hour.

    per: how many things; period: of which time, in seconds, 0 for none; things: their words.
    """

    figure: Quantity
    per: float = 1.0
    period: float = 0.0
    things: frozenset[str] = frozenset()

    def counts(self, number: Quantity) -> bool:
        """Whether a number counts the things of this rate."""
        return bool(number.noun) and _stem(number.noun) in self.things


def _stem(word: str) -> str:
    return word.casefold()[:4]


def rates(text: str, figures: Sequence[Quantity]) -> list[Rate]:
    """Return the figures of a text, each with what it is for."""
    return [_rate(text, at, figures) for at in range(min(len(figures), KNOWN))]


def _rate(text: str, at: int, figures: Sequence[Quantity]) -> Rate:
    figure = figures[at]
    end, per, period = figure.span[1], 1.0, 0.0
    things: list[str] = []
    if figure.kind == "money":  # "each device costs $3"
        costing = _COSTING.search(text[max(0, figure.span[0] - BEFORE) : figure.span[0]])
        things += [_stem(costing[1])] if costing else []
    if figure.bare:  # "1,000 words a second"
        while len(things) < 2 and (word := following(text, end)) and not _PER.match(text, end):
            things.append(_stem(word.word))
            end = word.end
    joined = _PER.match(text, end)
    if joined:
        end = joined.end()
        follows = figures[at + 1] if at + 1 < len(figures) else figure
        if not text[end : follows.span[0]].strip() and follows.bare:
            per, end = follows.value, follows.span[1]
        elif scale := looked_up(SCALES, following(text, end)):  # "je tausend"
            per, end = SCALES[scale[0]], scale[1]
    elif figure.kind == "money":
        per, period = _for_what(text, at, figures)
    for _word in range(5 if joined else 1):  # "per device and month", or "monthly"
        word = following(text, end)
        if word is None:
            break
        time = looked_up(_PERIODS, word)
        period = period or (_PERIODS[time[0]] if time else 0.0)
        things.append(_stem(word.word))
        end = word.end
    return Rate(figure, per or 1.0, period, frozenset(things))


def _for_what(text: str, at: int, figures: Sequence[Quantity]) -> tuple[float, float]:
    """Read for how many and for what time a price is that other languages write elsewhere."""
    (start, end), per = figures[at].span, 1.0
    before = figures[at - 1] if at else figures[at]
    if before.bare and before.value in FORMS and start - before.span[1] <= CLOSE:
        per = before.value  # 千ページあたり0.40ユーロ
    monthly = _MONTHLY.search(text[max(0, start - CLOSE) : end + CLOSE].casefold())
    return per, PERIODS["month"] if monthly else 0.0
