"""The words of a text and where each begins: found once, and asked by every check.

Most patterns of the checks begin with one of a few words. Tried where those stand, and nowhere
else, they cost a look-up each for a text that has none of them.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain

_TOKEN = re.compile(r"\w++(?:[.&/'’+#-]\w++)*\+{0,2}+")  # a word, compounds as one
_INSIDE = re.compile(r"\w[.&/'’+#-]")  # before a word that is no compound's first
_WORD = re.compile(r"\w+")
_DIGITS = re.compile(r"[0-9]+")
_POSSESSIVE = ("'s", "’s", "'", "’")
_STOPS = ".,;:!?)"  # behind a word, and no part of it
# Letters that a pattern without regard to case takes for others; one by one, so that places stay.
_ALIKE = str.maketrans("İıſ", "iis")

Token = tuple[int, int, str]


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
    if not word.endswith(_POSSESSIVE):
        return word
    return word[:-2] if word[-1] == "s" else word[:-1]


def compounds(text: str) -> list[str]:
    """Return the words of a text, compounds as one, without possessive endings."""
    return [word if word.isalnum() else unpossessed(word) for word in _TOKEN.findall(text)]


class _Known:
    """All patterns with words: each is a bit, and each word has those of the patterns it lets be.

    telling: words that a pattern needs, or that it begins with if it needs none; always: what
    begins with a digit is not looked up.
    """

    def __init__(self) -> None:
        self.many = self.always = 0
        self.telling: dict[str, int] = {}

    def add(self, wanted: Wanted) -> int:
        """Take a pattern in; returns its bit."""
        bit, words = 1 << self.many, wanted.needs or wanted.begins
        self.telling.update({word: self.telling.get(word, 0) | bit for word in words})
        self.always |= bit if wanted.figures and not wanted.needs else 0
        self.many += 1
        return bit


_known = _Known()


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
    bit: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bit", _known.add(self))

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

    lower: the text in small letters, as long as the text itself. small: its words in small
    letters, the parts of compounds each for itself; places: where each begins. capitals: the
    tokens that are not in small letters alone, or have a dot. numbers: where digits begin.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.lower = lower = lowered(text)
        self.places: dict[str, list[int]] = {}
        self.capitals: list[Token] = []
        self.numbers: list[int] = []
        self._known = self._may = 0
        self._starts: dict[Wanted, Sequence[int]] = {}
        places, start = self.places, 0
        for piece, small in zip(text.split(" "), lower.split(" "), strict=True):
            after = start + len(piece) + 1
            if not small.isalpha():
                small = small.rstrip(_STOPS)  # noqa: PLW2901
                if not small.isalpha():  # few are not; compounds and figures take longer
                    self._add(start, start + len(small))
                    start = after
                    continue
                piece = piece[: len(small)]  # noqa: PLW2901
            if small in places:
                places[small].append(start)
            else:
                places[small] = [start]
            if not piece.islower():
                self.capitals.append((start, start + len(small), piece))
            start = after
        self.small = frozenset(places)

    def _add(self, start: int, end: int) -> None:
        for token in _TOKEN.finditer(self.text, start, end):
            first, last = token.span()
            word = unpossessed(token[0])
            if not word.islower() or "." in word:
                self.capitals.append((first, last, word))
            for part in _WORD.finditer(self.lower, first, last):
                self.places.setdefault(part[0], []).append(part.start())
        self.numbers += [number.start() for number in _DIGITS.finditer(self.text, start, end)]

    def tokens_from(self, place: int) -> Iterator[Token]:
        """Yield start, end and word from a word on, compounds as one; nothing from inside of one.

        A word is without a possessive ending; start and end are with it.
        """
        inside = _INSIDE.match(self.text, max(0, place - 2), place)
        for found in () if inside else _TOKEN.finditer(self.text, place):
            yield *found.span(), unpossessed(found[0])

    def any_of(self, words: Set[str]) -> bool:
        """Whether one of these words, in small letters, is in the text."""
        return not self.small.isdisjoint(words)

    def which(self, patterns: Iterable[Wanted]) -> list[Wanted]:
        """Return the patterns that may match at all: most texts have the words of few."""
        if self._known < _known.many:
            self._recognise()
        return [wanted for wanted in patterns if self._may & wanted.bit]

    def starts(self, wanted: Wanted) -> Sequence[int]:
        """Return where a match of this pattern may begin, in order."""
        places = self._starts.get(wanted)
        if places is None:
            places = self._starts[wanted] = self._look_up(wanted)
        return places

    def _look_up(self, wanted: Wanted) -> Sequence[int]:
        if self._known < _known.many:
            self._recognise()
        if not self._may & wanted.bit:
            return ()
        found = self.small & wanted.begins
        if wanted.figures:
            found |= self._figures
        if len(found) == 1:
            return self.places[next(iter(found))]
        return sorted(chain.from_iterable(map(self.places.__getitem__, found)))

    def _recognise(self) -> None:
        """Find out which patterns have their words in the text."""
        telling, may = _known.telling, _known.always
        for word in self.small & telling.keys():
            may |= telling[word]
        self._known, self._may = _known.many, may

    @cached_property
    def _figures(self) -> frozenset[str]:
        return frozenset([word for word in self.places if word[0].isdecimal()])

    def match(self, wanted: Wanted, start: int, end: int) -> bool:
        """Whether a pattern matches anywhere between two places; the text ends at the second."""
        return self.first(wanted, start, end) is not None

    def first(self, wanted: Wanted, start: int, end: int) -> int | None:
        """Return where the first match between two places ends; None if there is none."""
        places = self.starts(wanted)
        if not places or places[-1] < start:
            return None
        for place in places[bisect_left(places, start) :]:
            if place >= end:
                break
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
