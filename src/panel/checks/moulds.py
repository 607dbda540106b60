"""Finds moulds: words with which many takes of one persona begin a part, or end.

The tool's own name and figures are masked, so that "Anvilo is a hosted" and "Dray is a hosted"
are one beginning, and "By 2028" and "By 2029" another.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

from panel.checks.findings import Finding, Severity, Span, Subject, whole
from panel.checks.vocabulary import STARTERS

OPENING = 4  # words of a beginning
DATED = 3  # words within which a year ends it: "By 2028"
CLOSING = 3  # words of an ending
REACH = 80  # characters of a take's end that are searched for its last clause
WORN, WORN_SHARE, MANY = 3, 0.1, 20  # takes of one persona that are alike, and their share
NAMED = 8  # tools named of those

_WORD = re.compile(r"\w++(?:['’]\w++)?")
_CLAUSE = re.compile(r"[,;:—–.!?] ")
_FIGURE = re.compile(r"\d++")
_YEAR = re.compile(r"(?:19|20)\d\d")
_TOOL, _NUMBER, _DATE = "the tool", "N", "YEAR"
# An ending that begins with one of these says too little: "is a skip", "of the page".
_SLIGHT = frozenset(
    (
        *("is", "are", "was", "be", "it", "its", "this", "that", "as", "of", "in", "on", "at"),
        *("for", "to", "from", "with", "by", "the", "a", "an", "and", "or"),
    )
)
_Names = tuple[tuple[str, ...], ...]  # the ways to say a tool's name, each word by word
_Words = list[tuple[str, int, int]]  # masked words, and where each begins and ends


def moulds(subjects: Sequence[Subject]) -> Iterator[tuple[dict[int, Span], Finding]]:
    """Yield what many takes of one persona share, and where it stands in each of them."""
    places: dict[tuple[str, str, str], dict[int, Span]] = defaultdict(dict)
    takes = Counter(subject.persona.id for subject in subjects)
    for index, subject in enumerate(subjects):
        for check, words, span in () if subject.picked else _frames(subject):
            places[subject.persona.id, check, words].setdefault(index, span)
    for (persona, check, words), where in places.items():
        if len(where) < WORN:
            continue
        share = len(where) / takes[persona]
        severity: Severity = "warning" if share >= WORN_SHARE or len(where) >= MANY else "note"
        names = [subjects[index].tool.name for index in where]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        whose = f"{len(where)} of {takes[persona]} takes of the {subjects[min(where)].persona.name}"
        opens = check == "worn-opening"
        alike = f"have a part that begins “{words}”" if opens else f"end on “{words}”"
        remedy = f"{'Begin' if opens else 'End'} all but one of them"
        says = (
            f"{whose} {alike}: {', '.join(names[:NAMED])}{more}",
            f"{remedy} with something specific to the tool.",
        )
        slugs = tuple(subjects[index].tool.slug for index in where)
        yield where, whole(check, severity, says)._replace(tools=slugs)


def _frames(subject: Subject) -> Iterator[tuple[str, str, Span]]:
    """Yield the beginnings of a take's parts, and its end: check, masked words, place."""
    own, parts = _names(subject.tool.name), subject.parts()
    for start, end in parts:
        words = _opening(_masked(subject.text, (start, end), own, OPENING))
        if words:
            yield "worn-opening", _joined(words), (start, words[-1][2])
    if parts and (words := _closing(subject.text, parts[-1], own)):
        yield "worn-closing", _joined(words), (words[0][1], words[-1][2])


def _joined(words: _Words) -> str:
    return " ".join(word for word, _start, _end in words)


def _opening(words: _Words) -> _Words:
    """Return the first words, as many as make a beginning; [] where there are too few."""
    for many, (word, _start, _end) in enumerate(words[:DATED], 1):
        if word == _DATE and many > 1:
            return words[:many]
    return words[:OPENING] if len(words) >= OPENING else []


def _closing(text: str, part: Span, own: _Names) -> _Words:
    """Return the last words, of the last clause alone; [] for one that is a single word."""
    start, end = max(part[0], part[1] - REACH), part[1]
    for mark in _CLAUSE.finditer(text, start, end):
        start = mark.end()
    words = _masked(text, (start, end), own)
    many = CLOSING
    if len(words) > many and words[-many][0] in _SLIGHT:
        many += 1
    return words[-many:] if len(words) > 1 else []


@lru_cache(maxsize=4096)
def _names(name: str) -> _Names:
    """Return the words of a tool's name, and its first alone where that stands for the whole."""
    words = tuple(word[0].casefold() for word in _WORD.finditer(name))
    short = len(words) > 1 and len(words[0]) > 3 and words[0] not in STARTERS
    return (words, words[:1]) if short else (words,) if words else ()


def _masked(text: str, span: Span, own: _Names, most: int | None = None) -> _Words:
    """Return the words of a piece of text in small letters, name and figures masked.

    most: how many are wanted at most, of the first ones; None for all.
    """
    if most is not None:
        most += max(map(len, own), default=0)
    found: _Words = [
        (match[0].casefold(), *match.span()) for match in islice(_WORD.finditer(text, *span), most)
    ]
    for name in own:
        if any(word.startswith(name[0]) for word, _start, _end in found):
            found = _without(found, name)
    return [
        (_DATE if _YEAR.fullmatch(word) else _FIGURE.sub(_NUMBER, word), start, end)
        if _FIGURE.search(word)
        else (word, start, end)
        for word, start, end in found
    ]


def _without(words: _Words, name: tuple[str, ...]) -> _Words:
    """Return the words with each run that is the tool's name as one word."""
    many, place, kept = len(name), 0, list[tuple[str, int, int]]()
    while place < len(words):
        run = [word for word, _start, _end in words[place : place + many]]
        whose = run[-1].removesuffix("'s").removesuffix("’s")
        if (*run[:-1], whose) == name:
            mask = _TOOL if whose == run[-1] else f"{_TOOL}’s"
            kept.append((mask, words[place][1], words[place + many - 1][2]))
            place += many
        else:
            kept.append(words[place])
            place += 1
    return kept
