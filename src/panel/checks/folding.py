"""Folds text for comparison (case, quotes, dashes, blanks), with a way back to its characters."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from panel.checks.findings import Span

_SAME = dict.fromkeys("‘’‚‛′`´＇", "'") | dict.fromkeys("“”„‟″«»＂", '"')
_SAME |= dict.fromkeys("‐‑‒–—―−－", "-")


_KNOWN = {chr(code): " " if chr(code).isspace() else chr(code).lower() for code in range(128)}


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text; ``places[i]`` is the index of the original character behind ``text[i]``."""

    text: str
    places: tuple[int, ...]

    def back(self, start: int, end: int) -> Span:
        """Return the original span of a folded one, which must not be empty."""
        return self.places[start], self.places[end - 1] + 1


def _letters(character: str) -> str:
    if character in _SAME:
        return _SAME[character]
    if character.isspace():
        return " "
    if unicodedata.category(character) == "Cf":  # soft hyphens, joiners, direction marks
        return ""
    return unicodedata.normalize("NFKC", character).casefold()


def _folded(text: str) -> Folded:
    letters: list[str] = []
    places: list[int] = []
    blank = True
    for place, character in enumerate(text):
        known = _KNOWN.get(character)
        for letter in _letters(character) if known is None else known:
            if letter.isspace():
                letter = " "  # noqa: PLW2901 - NFKC turns some signs into blanks
            if letter == " " and blank:
                continue
            blank = letter == " "
            letters.append(letter)
            places.append(place)
    if letters and letters[-1] == " ":
        letters.pop()
        places.pop()
    return Folded("".join(letters), tuple(places))


@lru_cache(maxsize=4096)
def folded(text: str) -> Folded:
    """Fold a text: lower case, plain quotes and dashes, single blanks. Cached."""
    return _folded(text)
