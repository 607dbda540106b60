"""Folds text for comparison (case, quotes, dashes, blanks), with a way back to its characters."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Sequence
from functools import cached_property, lru_cache

from panel.checks.findings import Span
from panel.text import normal

_SAME = dict.fromkeys("‘’‚‛′`´＇", "'") | dict.fromkeys("“”„‟″«»＂", '"')
_SAME |= dict.fromkeys("‐‑‒–—―−－", "-")

# A plain word, blanks, or any other character.
_PIECE = re.compile(r"([!-~]+)|(\s+)|.", re.S)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")


class Folded:
    """Folded text, and where its letters come from."""

    def __init__(self, text: str) -> None:
        self._unfolded = text
        self.text = _letters_of(text)

    @cached_property
    def places(self) -> Sequence[int]:
        """``places[i]`` is the index of the original character behind ``text[i]``.

        Found when first asked for: most texts are only searched.
        """
        return _places(self._unfolded)

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
    return normal("NFKC", character).casefold()


def _letters_of(text: str) -> str:
    if text.isascii():
        return " ".join(text.lower().split())
    letters, end = list[str](), 0
    for odd in _BEYOND_ASCII.finditer(text):
        letters += [text[end : odd.start()].lower(), *map(_letters, odd[0])]
        end = odd.end()
    return " ".join("".join([*letters, text[end:].lower()]).split())


def _places(text: str) -> Sequence[int]:
    places, blank = array("I"), True
    for piece in _PIECE.finditer(text):
        place, kind = piece.start(), piece.lastindex
        if kind == 1:
            places.extend(range(place, piece.end()))
            blank = False
            continue
        for letter in " " if kind else _letters(piece[0]):
            if blank and letter.isspace():
                continue
            blank = letter.isspace()  # NFKC turns some signs into blanks
            places.append(place)
    if blank and places:
        places.pop()
    return places


_UNMARKED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})


def unaccented(word: str) -> str:
    """Return a case-folded word without the marks on its letters: zürich → zurich."""
    if word.isascii():
        return word
    letters = normal("NFKD", word.translate(_UNMARKED))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


@lru_cache(maxsize=4096)
def folded(text: str) -> Folded:
    """Fold a text: lower case, plain quotes and dashes, single blanks. Cached."""
    return Folded(text)
