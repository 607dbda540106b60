"""How the site writes things: percentages, dates, plain text, and the templates' environment.

Every string a template prints is cleaned of control and bidirectional override characters,
then escaped.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from panel.scorecard import Interval, PersonaLine

Standing = Literal["ship", "skip", "split", "abstain", "error", "unasked"]

NOBODY = "—"
NBSP = "\u00a0"
COUNTS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")

# Controls but tab and newline, bidirectional overrides and isolates, halves of surrogate pairs.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LIST_LINE = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]", re.MULTILINE)


def percent(value: float | None) -> str:
    """Format a percentage in whole numbers; only an exact 0 or 100 reads so."""
    if value is None:
        return NOBODY
    if 0 < value <= 0.5:
        return f"<1{NBSP}%"
    if 99.5 <= value < 100:
        return f">99{NBSP}%"
    return f"{value:.0f}{NBSP}%"


def interval_text(interval: Interval | None) -> str:
    """Format an interval with its low and its high end, in whole percent."""
    return f"{interval.low:.0f}–{interval.high:.0f}{NBSP}%" if interval else NOBODY


def position(value: float) -> str:
    """Format a percentage as a place on the meter's axis."""
    return f"{value:.2f}%"


def standing(line: PersonaLine) -> Standing:
    """Return where a persona stands on a tool over all its repeats."""
    if line.tally.n:
        return line.tally.majority or "split"
    if line.take is None or line.take.outcome == "verdict":
        return "unasked"
    return line.take.outcome


def outcome(line: PersonaLine) -> Standing:
    """Return what the take shown ended as."""
    if line.take is None:
        return "unasked"
    if line.take.outcome == "verdict":
        return line.take.verdict or "error"
    return line.take.outcome


def count_word(count: int) -> str:
    """Return a count as a sentence begins with it: Four."""
    return COUNTS[count] if count < len(COUNTS) else str(count)


def clean(text: str) -> str:
    """Drop the characters that could reorder, hide or break the page's text."""
    return _UNSEEN.sub("", text)


def paragraphs(text: str) -> list[str]:
    """Split plain text at blank lines."""
    return [part.strip() for part in re.split(r"\n[ \t]*\n", clean(text)) if part.strip()]


def has_list(text: str) -> bool:
    """Whether a paragraph holds lines that begin like a list's."""
    return bool(_LIST_LINE.search(text))


def web_address(url: str | None) -> str | None:
    """Return the address if it is a plain http or https one, else None."""
    if not url or re.search(r"[\x00-\x20\\]", url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


def day(asked_at: str) -> str:
    """Return the UTC date of an ISO time, or the text itself if it is none."""
    try:
        return utc(datetime.fromisoformat(asked_at)).date().isoformat()
    except ValueError:
        return asked_at


def utc(moment: datetime) -> datetime:
    """Return the moment in UTC; one without a time zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _finalize(value: Any) -> Any:
    """Clean every string a template prints, but not markup already made of clean strings."""
    return clean(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@functools.cache
def environment() -> Environment:
    """Return the templates' environment; it escapes, and a misspelt name is an error."""
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
        interval_text,
        position,
        standing,
        outcome,
        count_word,
    ]
    filters += [paragraphs, has_list, web_address, day]
    environment.filters.update({each.__name__: each for each in filters})
    return environment
