"""The words of a text and where each begins: found once, and asked by every check.

Most patterns of the checks begin with one of a few words. Tried where those stand, and nowhere
else, they cost a look-up each for a text that has none of them.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, chain

_TOKEN = re.compile(r"(\w++(?:[.&/'’+#-]\w++)*+\+{0,2}+)")  # a word, compounds as one
_WORD = re.compile(r"\w+")
# Letters that a pattern without regard to case takes for others; one by one, so that places stay.
_ALIKE = str.maketrans("İıſ", "iis")


def listed(words: str) -> list[str]:
    """Return the words of a table, written with blanks between."""
    return words.split()


def one_of(patterns: Iterable[str]) -> str:
    """Return a pattern of several, which begin with letters: each first letter is tried once."""
    found = defaultdict[str, list[str]](list)
    for pattern in patterns:
        found[pattern[0]].append(pattern[1:])
    return "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in found.items())


def lowered(text: str) -> str:
    """Return a text in small letters, every one of them at its place."""
    return (text if text.isascii() else text.translate(_ALIKE)).lower()


def unpossessed(word: str) -> str:
    """Return a word without its possessive ending: Mistral's → Mistral."""
    for ending in ("'s", "’s", "'", "’"):
        if word.endswith(ending):
            return word[: -len(ending)]
    return word


@dataclass(frozen=True, eq=False, slots=True)
class Wanted:
    """A pattern, and the words in small letters of which one begins each of its matches.

    needs: of these words, too, one is in every text with a match; none: nothing is known.
    figures: what begins with a digit may begin a match as well. ``pattern.finditer`` finds the
    same as ``finditer``, and takes longer.
    """

    pattern: re.Pattern[str]
    begins: frozenset[str]
    needs: frozenset[str] = frozenset()
    figures: bool = False

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Yield the matches in a text, in order; none overlaps another."""
        words = words_in(text)
        places = words.starts(self)
        return words.matches(self.pattern, places) if places else iter(())


def wanted(
    begins: str, pattern: str, flags: int = re.I | re.X, needs: str = "", figures: bool = False
) -> Wanted:
    """Compile a pattern, verbose and without regard to case; begins, needs: blanks between."""
    compiled = re.compile(pattern, flags)
    return Wanted(compiled, frozenset(begins.split()), frozenset(needs.split()), figures)


class Words:
    """The words of a text.

    lower: the text in small letters, as long as the text itself. tokens: start, end and word;
    compounds are one word, which is without a possessive ending, start and end are with it.
    small: its words in small letters, the parts of compounds each for itself.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.lower = lower = lowered(text)
        pieces = _TOKEN.split(text)  # words at odd places; quicker than to make a match of each
        ends = list(accumulate(map(len, pieces)))
        words, begins = pieces[1::2], ends[:-1:2]
        self.tokens = list(zip(begins, ends[1::2], words, strict=True))
        small = lowered("\n".join(words)).split("\n") if words else []
        self._at = list(zip(small, begins, strict=True))  # each word, and where it begins
        for place in [place for place, word in enumerate(words) if not word.isalnum()][::-1]:
            start, end, word = self.tokens[place]
            self.tokens[place] = (start, end, unpossessed(word))
            parts = _WORD.finditer(lower, start, end)
            self._at[place : place + 1] = [(part[0], part.start()) for part in parts]
        self.small = frozenset([word for word, _start in self._at])
        self._places: dict[Wanted, list[int]] = {}

    def any_of(self, words: Set[str]) -> bool:
        """Whether one of these words, in small letters, is in the text."""
        return not self.small.isdisjoint(words)

    def starts(self, wanted: Wanted) -> list[int]:
        """Return where a match of this pattern may begin, in order."""
        if wanted not in self._places:
            self._places[wanted] = self._look_up(wanted)
        return self._places[wanted]

    def _look_up(self, wanted: Wanted) -> list[int]:
        if wanted.needs and self.small.isdisjoint(wanted.needs):
            return []
        found = wanted.begins & self.small
        if wanted.figures:
            found |= self._figures
        places = map(self._starts.__getitem__, found)
        return sorted(chain.from_iterable(places)) if found else []

    @cached_property
    def _starts(self) -> dict[str, list[int]]:
        starts: dict[str, list[int]] = {}
        for word, start in self._at:
            if word in starts:
                starts[word].append(start)
            else:
                starts[word] = [start]
        return starts

    @cached_property
    def _figures(self) -> frozenset[str]:
        return frozenset([word for word in self.small if word[0].isdecimal()])

    def match(self, wanted: Wanted, start: int, end: int) -> bool:
        """Whether a pattern matches anywhere between two places; the text ends at the second."""
        return self.first(wanted, start, end) is not None

    def first(self, wanted: Wanted, start: int, end: int) -> int | None:
        """Return where the first match between two places ends; None if there is none."""
        places = self.starts(wanted)
        if not places:
            return None
        for place in places[bisect_left(places, start) : bisect_left(places, end)]:
            if match := wanted.pattern.match(self.text, place, end):
                return match.end()
        return None

    def matches(self, pattern: re.Pattern[str], places: Iterable[int]) -> Iterator[re.Match[str]]:
        """Yield what ``pattern.finditer`` would, if it matches at no other places."""
        end = 0
        for place in places:
            if place >= end and (match := pattern.match(self.text, place)):
                end = match.end()
                yield match


@lru_cache(maxsize=16)
def words_in(text: str) -> Words:
    """Return the words of a text; cached for the latest few."""
    return Words(text)
