"""Folds text for comparison (case, quotes, dashes, blanks), with a way back to its characters."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from panel.checks.findings import Span

_SAME = dict.fromkeys("‘’‚‛′`´＇", "'") | dict.fromkeys("“”„‟″«»＂", '"')
_SAME |= dict.fromkeys("‐‑‒–—―−－", "-")

_KNOWN = {chr(code): " " if chr(code).isspace() else chr(code).lower() for code in range(128)}
_PIECE = re.compile(r"[!-~]+|[^!-~]")  # a plain word at once, anything else by the character


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text; ``places[i]`` is the index of the original character behind ``text[i]``."""

    text: str
    places: Sequence[int]

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
    places = array("I")
    blank = True
    for piece in _PIECE.finditer(text):
        place, character = piece.start(), piece[0]
        if "!" <= character[0] <= "~":
            letters.append(character.lower())
            places.extend(range(place, piece.end()))
            blank = False
            continue
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
    return Folded("".join(letters), places)


@lru_cache(maxsize=4096)
def folded(text: str) -> Folded:
    """Fold a text: lower case, plain quotes and dashes, single blanks. Cached."""
    return _folded(text)
