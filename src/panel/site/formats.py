"""Formats percentages, dates and plain text, and sets up the templates' environment.

Every string that a template prints is cleaned of control and bidirectional override
characters, then escaped.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Any, Literal
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from panel.scorecard import PICKED, PersonaLine, Scorecard, Take
from panel.site.beats import moves, parted
from panel.site.differences import word_changes
from panel.site.markdown import folded, render_markdown
from panel.stats import DEMO, Interval, PanelResult, Tally
from panel.text import clean, counted, day, in_quotes, in_words, sentence, shortened

Standing = Literal["ship", "skip", "tied", "abstain", "error", "unasked"]

NOBODY = "—"
NO_VOTES = "no votes on the present description yet"
LONGEST_NOTE = 300  # characters of an editor's note in a sentence; it unfolds whole
NBSP = "\u00a0"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
COUNTS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")

_LIST_LINE = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]", re.MULTILINE)


def percent(value: float | None) -> str:
    """Format a percentage in whole numbers; only exactly 0 or 100 is shown as such."""
    if value is None:
        return NOBODY
    if 0 < value <= 0.5:
        return f"<1{NBSP}%"
    if 99.5 <= value < 100:
        return f">99{NBSP}%"
    return f"{value:.0f}{NBSP}%"


def ship_share(votes: Tally | PanelResult) -> str:
    """Format the ship percentage of votes; a demo model's have none."""
    return DEMO if votes.demo else percent(votes.ship_percent)


def interval_text(interval: Interval | None) -> str:
    """Format an interval in whole percent."""
    return f"{interval.low:.0f}–{interval.high:.0f}{NBSP}%" if interval else NOBODY


def position(value: float) -> str:
    """Format a percentage as a position on the axis."""
    return f"{value:.2f}%"


def standing(line: PersonaLine) -> Standing:
    """Return a persona's verdict on a tool by the majority of its answers.

    Where nobody has answered the present question, it is that of the words which an editor has
    confirmed for it.
    """
    if line.tally.n:
        return line.tally.majority or "tied"
    if line.take is None or line.take.outcome == "verdict":
        return (line.take and line.confirmed and line.take.answered) or "unasked"
    return line.take.outcome


def outcome(line: PersonaLine) -> Standing:
    """Return the outcome of the take that is shown: what the reviewer said, not the editor."""
    if line.take is None:
        return "unasked"
    if line.take.outcome == "verdict":
        return line.take.answered or "error"
    return line.take.outcome


def differs(row: tuple[PersonaLine, PersonaLine, object]) -> bool:
    """Whether a reviewer's verdicts on two tools differ; a demo model's are none."""
    if row[0].demo or row[1].demo:
        return False
    said = {standing(line) for line in row[:2]}
    return len(said) == 2 and said <= {"ship", "skip", "tied"}


def so_far(card: Scorecard) -> str:
    """Say how much of a panel is published: of one vote, the share alone would seem everyone's.

    "" where every reviewer that readers are told of has something published.
    """
    missing = sum(line.take is None for line in card.lines)
    many = len(card.lines)
    if not missing:
        return ""
    reviewers = "reviewer" if many == 1 else "reviewers"
    return f"{many - missing} of {many} {reviewers} published; {missing} not published"


def whose_words(take: Take) -> str:
    """Return which editors had a hand in the words: "edited and approved by Ada"; "" for none."""
    if take.state != "approved" or not take.editor:
        return f"edited by {take.author or 'an editor'}" if take.edited else ""
    done = "confirmed" if take.confirmed else "approved"
    if not take.edited:
        return f"{done} by {take.editor}"
    if take.author in (None, take.editor):
        return f"edited and {done} by {take.editor}"
    return f"edited by {take.author}, {done} by {take.editor}"


def notes_told(card: Scorecard) -> str:
    """Return of how many takes the words are an editor's, or were asked for with a note.

    "" where there is none.
    """
    takes = [line.take for line in card.lines if line.take and line.take.outcome == "verdict"]
    counts = (
        ("asked again with a note", sum(bool(take.asked_again) for take in takes)),
        ("edited by an editor", sum(take.edited for take in takes)),
    )
    of = counted(len(takes), "take")
    told = "; ".join(f"{what}: {many} of {of}" for what, many in counts if many)
    return told[:1].upper() + told[1:]


def count_word(count: int) -> str:
    """Return a count as a word that can begin a sentence: Four."""
    return COUNTS[count] if count < len(COUNTS) else str(count)


def paragraphs(text: str) -> list[str]:
    """Split plain text at blank lines."""
    return [part.strip() for part in re.split(r"\n[ \t]*\n", clean(text)) if part.strip()]


def has_list(text: str) -> bool:
    """Whether a paragraph has lines that begin like list items."""
    return bool(_LIST_LINE.search(text))


def plain_day(moment: str) -> str:
    """Return the UTC date of an ISO time as people write it: 9 Nov 2026; else the text itself."""
    try:
        found = date.fromisoformat(day(moment))
    except ValueError:
        return moment
    return f"{found.day}{NBSP}{MONTHS[found.month - 1]}{NBSP}{found.year}"


def initial(name: str) -> str:
    """Return a name's first letter or digit, in capitals; "" where it has none."""
    for place, character in enumerate(name):
        if character.isalnum():
            marks = itertools.takewhile(unicodedata.combining, name[place + 1 :])
            return character.upper() + "".join(marks)
    return ""


def grouped(count: int) -> str:
    """Format a count with thousands separators."""
    return f"{count:,}"


def mail_address(text: str) -> str | None:
    """Return a plain mail address; None for anything else."""
    return text if re.fullmatch(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,190}", text) else None


def web_address(url: str | None) -> str | None:
    """Return the address if it is a plain http or https address, else None."""
    if not url or re.search(r"[\x00-\x20\\]", url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


def _finalize(value: Any) -> Any:
    """Clean every string that a template prints, but not markup made of clean strings."""
    return clean(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@functools.cache
def environment() -> Environment:
    """Return the templates' environment; it escapes strings and rejects unknown names."""
    environment = Environment(
        loader=PackageLoader("panel.site"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: list[Callable[..., object]] = [
        percent,
        ship_share,
        interval_text,
        position,
        standing,
        outcome,
        so_far,
        count_word,
    ]
    filters += [
        paragraphs,
        has_list,
        web_address,
        day,
        shortened,
        grouped,
        moves,
        parted,
        mail_address,
    ]
    filters += [plain_day, initial, folded, render_markdown, sentence, in_quotes, word_changes]
    filters += [whose_words, notes_told, in_words]
    environment.globals["PICKED"] = PICKED
    environment.globals["NO_VOTES"] = NO_VOTES
    environment.globals["LONGEST_NOTE"] = LONGEST_NOTE
    environment.globals["portraits"] = {}
    environment.tests["differs"] = differs
    environment.filters.update({each.__name__: each for each in filters})
    return environment
