"""How long a server asks to wait, in the many ways in which servers say it.

Retry-After (RFC 9110, 10.2.3) and the words of an error are wishes about the next request. The
reset of a rate limit only says when its bucket is full again, so it counts only where nothing
remains and there is no such wish. Moments are held against the server's own clock, its Date
header, where it sends one.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from panel.endpoint.bodies import read_text
from panel.endpoint.responses import RawResponse
from panel.text import how_long

FOREVER = 1e8  # seconds, some three years: no wait is longer, so that every one has a date
# Texts that are not the server's own: the model's, the request's, another server's.
_OTHERS_WORDS = ("failed_generation", "input", "raw")
_MESSAGES = (
    "message",
    "msg",
    "error",
    "errors",
    "detail",
    "details",
    "description",
    "reason",
    "quotaid",
)
NESTED = 4000  # characters of a text that may be JSON itself
NODES = 2000  # of an error's JSON, after which the search for a wait ends

_PART = (
    r"\d++(?>(?:\.\d++)?)\s*+"
    r"(?:milliseconds?|ms|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|[smhd])(?![a-z])"
)
_DURATION = rf"{_PART}(?:\s*+(?:,\s*+)?(?:and\s++)?{_PART})*"
_MOMENT = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
_WISH = re.compile(
    r"(?:again|retry|wait|available|resets?|renew(?:s|ed)?|back)\W{1,3}"
    r"(?:(?:later|in|after|for|at|on|until|about|approximately|another)\W{1,3}){0,3}"
    rf"({_DURATION}|{_MOMENT})",
    re.I,
)
_BARE = re.compile(r"retry[-_ ]?after\W{1,4}(\d+(?:\.\d+)?)(?![\w.%-])", re.I)
_LINES = re.compile(r",\s*(?=[A-Za-z]{3,9},|[\d.]+\s*(?:,|$))")  # none of these is in a date
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DAILY = re.compile(
    r"\b(?:per|each|a|every)[ _-]?(?:day|week|month)\b|perday|permonth|\b(?:daily|weekly|monthly)\b"
    r"|\b[rt]pd\b|\b(?:tomorrow|midnight|24 ?h(?:ours?)?)\b|\b(?:for|of) today\b",
    re.I,
)


def asked_wait(answer: RawResponse) -> float | None:
    """Return the seconds that a failed request was told to wait; None where it was not told."""
    now = _server_time(answer)
    told = _told(answer.headers, now)
    if told is not None or answer.status is None:
        return told
    text = words_of(answer)
    for name, value in named_values(answer.json()):
        if isinstance(value, Mapping) and name == "headers":  # as OpenRouter hands them on
            headers = {str(key).lower(): str(text) for key, text in value.items()}
            told = _told(headers, now)
            told = _reset(headers, now) if told is None else told
        elif name in ("retry_after", "retryafter", "retry_after_seconds", "estimated_time"):
            told = seconds_of(str(value), now)
        elif name == "retry_after_ms":
            told = _milliseconds(str(value))
        elif name == "retrydelay" and not daily(text):  # google.rpc.RetryInfo; of a day it errs
            told = seconds_of(str(value), now)
        if told is not None:
            return told
    found = _WISH.search(text) or _BARE.search(text)
    return seconds_of(found[1], now) if found else None


def words_of(answer: RawResponse) -> str:
    """Return what an error says: its messages, and a body that is no JSON as it is."""
    body = answer.json()
    if not isinstance(body, dict | list):
        return answer.text()
    said = [value for name, value in named_values(body) if name in _MESSAGES]
    texts = [each for value in said for each in (value if isinstance(value, list) else [value])]
    return "\n".join(text for text in texts if isinstance(text, str))


def reset_wait(answer: RawResponse) -> float | None:
    """Return the seconds until a rate limit of which nothing remains is full again.

    Where the server says besides how long to wait, that counts.
    """
    now = _server_time(answer)
    full = _reset(answer.headers, now, answer.status == 200)
    if full and answer.status == 200:  # the shorter by either clock: the next answer may say more
        full = min(full, _reset(answer.headers, time.time(), answered=True) or 0.0)
    told = _told(answer.headers, now)
    return full if full is None or told is None else told


def daily(text: str) -> bool:
    """Whether an error's words are about what is allowed in a day or a month."""
    return _DAILY.search(text) is not None


def until(seconds: float) -> str:
    """Say how long a wait is and when it ends: "6 min, until 2026-01-31 14:05:30 UTC"."""
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    return f"{how_long(seconds)}, until {end:%Y-%m-%d %H:%M:%S} UTC"


def seconds_of(text: str, now: float) -> float | None:
    """Read "7", "120ms", "6m0s", "2 hours", a Unix time (s to ns), an ISO or an HTTP date.

    now: the Unix time that moments are held against. Returns None for anything else.
    """
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        return _bounded(
            _duration(text) if re.fullmatch(_DURATION, text, re.I) else _until(text, now)
        )
    if not math.isfinite(number):
        return None
    while number > 1e11:
        number /= 1000
    return _bounded(number - now if number > 1e9 else number)


def _bounded(seconds: float | None) -> float | None:
    return None if seconds is None else min(max(0.0, seconds), FOREVER)


def _duration(text: str) -> float:
    total = 0.0
    for amount, unit in re.findall(r"(?<!\d)(\d++(?>(?:\.\d++)?))\s*+([a-z]+)", text.lower()):
        known = "ms" if unit.startswith("milli") else unit if unit == "ms" else unit[0]
        total += float(amount) * _UNIT_SECONDS[known]
    return total


def _until(text: str, now: float) -> float | None:
    moment = _moment(text)
    return None if moment is None else moment - now


def _moment(text: str) -> float | None:
    """Return the Unix time of a date, an ISO or an HTTP one; None for what no clock can show."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _milliseconds(text: str) -> float | None:
    seconds = _of_lines(text, 0.0)
    return None if seconds is None else seconds / 1000


def _server_time(answer: RawResponse) -> float:
    """Return the Unix time of the answer by the server's clock, else by this machine's."""
    told = _moment(answer.headers.get("date", ""))
    return time.time() if told is None else told


def _told(headers: Mapping[str, str], now: float) -> float | None:
    if "retry-after-ms" in headers:
        told = _milliseconds(headers["retry-after-ms"])
        if told is not None:
            return told
    for name in ("retry-after", "x-retry-after", "x-ratelimit-retry-after"):
        if name in headers:
            return _of_lines(headers[name], now)
    return None


def _of_lines(text: str, now: float) -> float | None:
    """Return the longest of several waits: lines of one name are joined by commas."""
    waits = [seconds_of(each, now) for each in _LINES.split(text)]
    return max((wait for wait in waits if wait is not None), default=None)


def _reset(headers: Mapping[str, str], now: float, answered: bool = False) -> float | None:
    """Return the longest wait until a limit with nothing remaining is full, None for none.

    answered: whether the answer is none of an error. A large number without a unit is one of
    milliseconds then: if it is of seconds, the next answer will say so.
    """
    waits = []
    for name, value in headers.items():
        if "limit" in name and "remaining" in name and _nothing(value):
            reset = name.replace("remaining", "reset")
            told = headers.get(reset, headers.get(f"{reset}-after", "")).strip()
            unclear = answered and name.startswith("x-") and re.fullmatch(r"\d{4,9}", told)
            waits.append(seconds_of(f"{told}ms" if unclear else told, now))
    # The later drafts of the IETF put all into one header: limit=9, remaining=0, reset=5; r=0;t=5
    one = headers.get("ratelimit", "")
    for part in re.split(r',\s*(?=")', one):
        found: dict[str, str] = dict(re.findall(r"\b(remaining|reset|r|t)\s*=\s*(\d+)", part))
        if _nothing(found.get("remaining", found.get("r", ""))):
            waits.append(seconds_of(found.get("reset", found.get("t", "")), now))
    return max((wait for wait in waits if wait is not None), default=None)


def _nothing(remaining: str) -> bool:
    try:
        return float(remaining) == 0
    except ValueError:
        return False


def named_values(body: Any) -> Iterator[tuple[str, Any]]:
    """Yield the names (in lower case) and values of all objects in a JSON body.

    Those in a text that is JSON are among them, but for texts of others than the server.
    """
    todo, seen = [body], 0
    while todo and seen < NODES:
        value, seen = todo.pop(), seen + 1
        if isinstance(value, dict):
            own = {str(name).lower(): inner for name, inner in value.items()}
            own = {name: inner for name, inner in own.items() if name not in _OTHERS_WORDS}
            yield from own.items()
            todo += own.values()
        elif isinstance(value, list):
            todo += value
        elif isinstance(value, str) and value[:1] in ("{", "[") and len(value) < NESTED:
            todo.append(read_text(value))
