"""Finds dates: 31 May 2026, May 31, 2026, 2026-05-31, 31.05.2026, 2026年5月31日."""

from __future__ import annotations

import re
from collections.abc import Iterator

from panel.checks.findings import Span, Spans
from panel.checks.words import listed, wanted, words_in

_MONTHS = listed(
    "january february march april may june july august september october november december"
)
_MONTH = "|".join([*_MONTHS, *(month[:3] + r"\.?" for month in _MONTHS), "sept"])
_NAMED = frozenset([*_MONTHS, *(month[:3] for month in _MONTHS), "sept"])
_DATE = wanted(
    " ".join(_NAMED),
    rf"""
    \b (?P<iso> \d{{4}}-\d\d(?:-\d\d)? ) \b                        # 2026-05, 2026-05-31
    | \b (?: (?P<day> \d\d? )(?: st|nd|rd|th )? \s+ )?             # 31st
      (?P<month> {_MONTH} )                                        # May
      (?: \s+ (?P<day2> \d\d? )(?: st|nd|rd|th )? ,? )?            # or May 31,
      \s+ (?P<year> (?:19|20)\d\d ) \b                             # 2026
    """,
    figures=True,
)
_NUMERIC_DATE = re.compile(  # 31.05.2026, 5/31/2026, 2026年5月31日
    r"""
    \b (\d\d?) ([./]) (\d\d?) \2 ((?:19|20)\d\d) \b
    | (?<!\d) ((?:19|20)\d\d) \s? [年년] \s? (\d\d?) \s? [月월] (?: \s? (\d\d?) \s? [日일] )?
    """,
    re.X,
)
_MARKS = ("/20", ".20", "/19", ".19", "年", "년")  # one of these is in each of them


def dates(text: str) -> Iterator[tuple[Span, str]]:
    """Yield the dates of a text: span, and year, month and day as in 2026-05-31 or 2026-05."""
    told = Spans()
    words = words_in(text)
    dated = words.any_of(_NAMED) or any(text.startswith("-", at + 4) for at in words.numbers)
    for match in _DATE.finditer(text) if dated else ():
        if match["iso"]:
            key = match["iso"]
        else:
            named = match["month"].lower()[:3]
            month = next(at for at, name in enumerate(_MONTHS, 1) if name.startswith(named))
            day = match["day"] or match["day2"]
            key = f"{match['year']}-{month:02}" + (f"-{int(day):02}" if day else "")
        told.add(match.span())
        yield match.span(), key
    for match in _NUMERIC_DATE.finditer(text) if any(map(text.__contains__, _MARKS)) else ():
        first, _mark, second, year, *written = match.groups()
        if written[0]:
            year, second, first = written
        elif int(second) > 12:  # 5/31/2026
            first, second = second, first
        if 1 <= int(second) <= 12 and not told.touch(match.span()):
            key = f"{year}-{int(second):02}" + (f"-{int(first):02}" if first else "")
            yield match.span(), key
