"""Chooses a short quote from a published take: whole sentences, in its own words.

The same take always gives the same quote.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from panel.scorecard import PersonaLine, Scorecard, Take
from panel.site.formats import paragraphs, standing
from panel.text import clean, sentence_ends

MOST, LEAST = 200, 40  # characters of a quote; a shorter one is taken where there is no other
UNCHECKED = "[unverified]"
_LEANS = re.compile(  # the first words of a sentence that means one before it
    r"[\W_]*(it|its|this|that|these|those|they|their|he|she|also|and|but|so|or|yet|however|still"
    r"|therefore|thus|hence|then|otherwise|instead|moreover|besides|even so|both|neither|such"
    r"|there|as a result|in short|for example|for instance)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a reviewer's published take. side: what the reviewer says now, ship or skip."""

    line: PersonaLine
    side: str
    words: str


def sides(card: Scorecard) -> list[Quote]:
    """Return a quote from each side, ship first: of its first reviewer whose take has one.

    A reviewer speaks for a side only where its published verdict is what most of its answers say,
    and no editor's own.
    Of a demo model nothing is quoted.
    """
    found: dict[str, Quote] = {}
    for line in () if card.demo else card.lines:
        take, side = line.take, standing(line)
        if take is None or take.verdict_reason or take.verdict != side or side in found:
            continue
        words = quote_of(take)
        if words:
            found[side] = Quote(line, side, words)
    return [found[side] for side in ("ship", "skip") if side in found]


def quote_of(take: Take) -> str:
    """Return the last sentences of a take that are short enough; "" where none is.

    A take ends with what decides it. What leans on a sentence before it is quoted where there is
    nothing else, and a claim that nobody has checked last.
    """
    runs = [run for part in reversed(paragraphs(take.take)) for run in _runs(part)]
    good = [run for run in runs if len(run) >= LEAST and UNCHECKED not in run]
    alone = (run for run in good if not _LEANS.match(run))
    return next(alone, next(iter(good or runs), ""))


def _runs(paragraph: str) -> list[str]:
    """Return the runs of whole sentences that fit: last end first, the longest to each first."""
    text = " ".join(clean(paragraph).split())
    ends = [0, *sentence_ends(text)]
    if len(ends) == 1 or text[ends[-1] :].strip():
        return []  # what has no end is a heading, an item of a list, or cut off
    spans = list(itertools.pairwise(ends))
    runs = []
    for last in range(len(spans) - 1, -1, -1):
        first, end = last + 1, spans[last][1]
        while first and _fits(text, spans[first - 1][0], end):  # never far: a quote is short
            first -= 1
        runs += [text[spans[start][0] : end].strip() for start in range(first, last + 1)]
    return runs


def _fits(text: str, start: int, end: int) -> bool:
    return len(text[start:end].strip()) <= MOST
