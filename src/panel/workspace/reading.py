"""Reads a text as words alone, so that a quote is found whatever marks stand between them.

Quotation marks, dashes, brackets, line breaks, table pipes, bullets, emphasis, soft hyphens and
accents do not count; figures, "%", money and signs such as "+" do. Marked-up text is read a
second time without its tags, the targets of its links and with its entities resolved.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from operator import itemgetter

from panel.text import normal, without_markup

# Kinds of characters: w letter, d digit, c letter of a script without blanks, j part of a word
# that is not compared, ' apostrophe, n sign between digits, s sign that is compared.
_TOKEN = re.compile(
    r"(?:(?<![^ ])-(?=d))?[wd][wdj]*+(?:(?:'|(?<=d)n(?=d))[wdj]++)*\#?"
    r"|cj*+|s|<(?= {0,4}[ds])"
)
_KINDS = dict.fromkeys("'’ʼ‘`´＇", "'") | dict.fromkeys(".,", "n") | dict.fromkeys("-−", "-")
_KINDS |= dict.fromkeys("%‰$€£¥₹±≥≤≠≈×+°", "s") | dict.fromkeys("*~\\", "j") | {"#": "#"}
_KINDS |= dict.fromkeys("<>", "<")
SENTENCE_END = re.compile(r"[.!?](?:\s|$)|[。！？]")
_DENIAL = re.compile(r"(?:not|non|never|cannot|\w+n't)")
_MARKED = ("<", ">", "&", "](")  # without one of these a text has no markup
_WITHOUT_BLANKS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "IDEOGRAPHIC")


class _Table(dict[int, str]):
    """The kind of each character, found when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = kind = _kind(chr(code))
        return kind


def _kind(character: str) -> str:
    plain = normal("NFKC", character)
    for each in (character, plain):
        if each in _KINDS:
            return "'" if each == "`" else _KINDS[each]
    if unicodedata.category(plain[:1] or character) in ("Mn", "Me", "Cf"):
        return "j"
    if plain.isdecimal():
        return "d"
    if unicodedata.name(plain[:1] or character, "").startswith(_WITHOUT_BLANKS):
        return "c" if character.isalnum() else " "
    return "w" if character.isalnum() or unicodedata.category(character) == "Mc" else " "


_TABLE = _Table()


def _folded(token: str) -> str:
    if token.isascii():
        token = token.lower()
    else:
        token = normal("NFKD", normal("NFKD", token).casefold())
        token = "".join(
            str(unicodedata.decimal(each, each))
            for each in token.translate(_STRAIGHT)
            if unicodedata.category(each) not in ("Mn", "Me", "Cf")
        )
    for mark in _LEFT_OUT:
        token = token.replace(mark, "")
    return token


_LEFT_OUT = "*~\\"
_STRAIGHT = str.maketrans({"’": "'", "ʼ": "'", "‘": "'", "´": "'", "−": "-"})


@dataclass(frozen=True)
class Reading:
    """The words of a text in order. words: folded; places: where each stands in the text."""

    words: tuple[str, ...]
    places: tuple[tuple[int, int], ...]

    @cached_property
    def text(self) -> str:
        """The words, with a blank before and after each."""
        return f" {' '.join(self.words)} "

    @cached_property
    def _starts(self) -> list[int]:
        starts, place = [], 1
        for word in self.words:
            starts.append(place)
            place += len(word) + 1
        return starts

    def at(self, place: int) -> int:
        """Return which word stands at a place of ``text``."""
        return max(0, bisect_right(self._starts, place) - 1)

    def after(self, place: int) -> int:
        """Return the number of the first word that ends behind a place in the text; 0 if none."""
        found = bisect_right(self.places, place, key=itemgetter(1)) if place else 0
        return found if found < len(self.places) else 0

    def start(self, word: int) -> int:
        """Return where a word begins in ``text``."""
        return self._starts[word]

    def likeliest(self, words: tuple[str, ...], begin: int) -> int:
        """Return the word from ``begin`` on behind which most of these words stand together.

        The fewer there are of a word in the text, the more it says.
        """
        wanted, here = set(words), self.words[begin:]
        known = Counter(here)
        told = [1 / known[word] if word in wanted else 0.0 for word in here]
        sums, width = [0.0, *accumulate(told)], min(len(words), len(here))
        most = max(range(len(here) - width + 1), key=lambda at: sums[at + width] - sums[at])
        return begin + most

    def back(self, first: int, last: int) -> tuple[int, int]:
        """Return the place in the text of the words from ``first`` to the one before ``last``."""
        return self.places[first][0], self.places[last - 1][1]

    def denied(self, word: int, text: str) -> bool:
        """Whether a "not" of its sentence stands right before a word; ``text``: what was read."""
        if not word or not _DENIAL.fullmatch(self.words[word - 1]):
            return False
        return not SENTENCE_END.search(text, self.places[word - 1][1], self.places[word][0])

    def find(self, words: tuple[str, ...], begin: int = 0) -> int | None:
        """Return the number of the word from which on these words stand; None where they do not."""
        if not words or begin >= len(self.words):
            return None
        place = self.text.find(f" {' '.join(words)} ", self._starts[begin] - 1)
        return self.at(place + 1) if place >= 0 else None


@lru_cache(maxsize=4096)
def readings(text: str) -> tuple[Reading, ...]:
    """Return the readings of a text: as it is, and without markup where it has any. Cached."""
    return read(text)


def read(text: str) -> tuple[Reading, ...]:
    """Return the same of a text that is read only once."""
    plain = without_markup(text) if any(map(text.__contains__, _MARKED)) else text
    return tuple(_read(each) for each in dict.fromkeys((text, plain)))


def _read(text: str) -> Reading:
    places = tuple([token.span() for token in _TOKEN.finditer(text.translate(_TABLE))])
    if text.isascii() and not any(map(text.__contains__, _LEFT_OUT)):
        small = text.lower()
        return Reading(tuple([small[start:end] for start, end in places]), places)
    return Reading(tuple(_folded(text[start:end]) for start, end in places), places)
