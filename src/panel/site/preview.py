"""What the preview picture of a link says: as much of it as the pictures' font can set."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from panel.scorecard import PersonaLine, Scorecard
from panel.site.assets import EXTENDED, HEADLINES, covered
from panel.site.formats import NO_VOTES, interval_text, standing
from panel.site.wording import public_verdict, word_of
from panel.stats import PanelResult
from panel.text import clean, in_quotes, normal

SHOWN = 6  # verdicts that fit in a row
LONGEST = 300  # characters of a text that are looked at
_LIKE = str.maketrans("\u2010\u2011\u2002\u2003\u2009\u202f", "--   \u00a0", "\u00ad")


@dataclass(frozen=True, slots=True)
class Preview:
    """A tool on a picture. words: its verdict; quote: the beginning of a take, "" for none.

    counted: votes and interval; span: the interval and the share, in percent; verdicts: what
    each reviewer says; () of more than fit.
    """

    name: str
    words: str
    quote: str
    counted: str
    span: tuple[float, float, float] | None
    verdicts: tuple[str, ...]


def preview(name: str, card: Scorecard) -> Preview | None:
    """Return what the picture of a tool says; None where its name cannot be set."""
    shown = drawable(name)
    if not shown:
        return None
    result = card.result
    span = None
    if result.interval is not None and result.ship_percent is not None and not result.demo:
        span = (result.interval.low, result.interval.high, result.ship_percent)
    marked = not card.demo and len(card.lines) <= SHOWN  # some of many would tell another story
    verdicts = tuple(word_of(line)[0] for line in card.lines) if marked else ()
    words = drawable(public_verdict(card)) or ""
    return Preview(shown, words, _quote(card), _counted(result), span, verdicts)


def drawable(text: str) -> str | None:
    """Return a text as one line that can be set; None where a letter of it cannot.

    Emoji and other signs that the font lacks are left out.
    """
    text = " ".join(normal("NFC", clean(text[:LONGEST])).translate(_LIKE).split())
    lacking = set(text) - covered(HEADLINES) - covered(EXTENDED)
    if any(unicodedata.category(each)[0] in "LMN" for each in lacking - _SELECTORS):
        return None
    return " ".join("".join(each for each in text if each not in lacking).split())


_SELECTORS = {chr(code) for code in range(0xFE00, 0xFE10)}  # of emoji: marks, and no letters


def _quote(card: Scorecard) -> str:
    """Return the beginning of the first take that says what most do, in quotation marks."""
    said = [standing(line) for line in card.lines]
    most = "ship" if said.count("ship") >= said.count("skip") else "skip"
    takes = sorted(filter(_speaks, card.lines), key=lambda line: word_of(line)[0] != most)
    for line in takes:
        assert line.take is not None
        words = drawable(line.take.take)
        if words:
            return in_quotes(f"{words}{'…' if len(line.take.take) > LONGEST else ''}")
    return ""


def _speaks(line: PersonaLine) -> bool:
    """Whether a line has words of a reviewer."""
    take = line.take
    if take is None or take.outcome != "verdict" or take.verdict_reason:
        return False
    return not (take.demo or take.picked)


def _counted(result: PanelResult) -> str:
    if result.demo:
        return "verdicts of a demo model: no judgement"
    if not result.n:
        return NO_VOTES
    return f"{result.ships} of {result.n} ship · 95 % interval {interval_text(result.interval)}"
