"""Tells whether two wordings of one passage say the same, word by word."""

from __future__ import annotations

import re

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

ADDED = 3  # content words that stand in one wording alone
_Words = tuple[str, ...]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COUNTED = "zero one two three four five six seven eight nine ten eleven twelve"
_NUMBERS = {word: str(number) for number, word in enumerate(_COUNTED.split())}
_SIGNS = {"percent": "%", "dollars": "$", "dollar": "$", "euros": "€", "euro": "€"}
# What turns a passage into another one, however alike the letters are.
_TELLING = _words(
    "not non no never none without nor neither cannot hardly "
    "only every all any most up least always sometimes often usually rarely both half twice double "
    "about around roughly nearly almost over under above below more less fewer than "
    "hundred thousand million billion second seconds minute minutes hour hours day days week weeks "
    "month months year years daily weekly monthly yearly annually quarterly"
)
# What turns a word into its opposite: "unlimited", "non-commercial", "harmless".
_PREFIX = re.compile(r"(?:non|un|in|im|il|ir|dis|mis|anti|under|over|de)|a(?=\w+(?:al|ic)$)")
_OPPOSED = ({"in", "out"}, {"on", "off"}, {"before", "after"})
# Words that are put in, left out or exchanged without a change of what is said.
_SLIGHT = _words(
    "a an the of to in on at by for from with and or as is are was were be been it its this that "
    "these those which who their there here has have had will can may also so then per each you "
    "your we our they do does s"
)


def kept(given: _Words, stands: _Words) -> tuple[int, int]:
    """Return how many words of a passage, at its start and its end, a quote does not have."""
    steps = Levenshtein.opcodes(given, stands)
    if not steps:
        return 0, 0
    before, after = (
        step.dest_end - step.dest_start if step.tag == "insert" else 0
        for step in (steps[0], steps[-1])
    )
    return (before, after) if before + after < len(stands) else (0, 0)


def differs(given: _Words, stands: _Words) -> bool:
    """Whether a quote says something else than the passage that it is taken from.

    It does where a figure, a denial, a limit or a unit of time is another one, where a word is
    exchanged for one that is not like it, and where several are added.
    """
    added: list[str] = []
    lost: list[str] = []
    exchanged = False
    for step in Levenshtein.opcodes(given, stands):
        if step.tag == "equal":
            continue
        here = given[step.src_start : step.src_end]
        there = stands[step.dest_start : step.dest_end]
        if step.tag == "replace":
            pairs = [pair for pair in zip(here, there, strict=True) if not _slip(*pair)]
            here = tuple(one for one, _two in pairs)
            there = tuple(two for _one, two in pairs)
            exchanged |= any({*pair} in _OPPOSED for pair in pairs)
            exchanged |= any(not _SLIGHT & {*pair} and not _same(*pair) for pair in pairs)
        added += here
        lost += there
    plain = [word for word in added if word not in _SLIGHT]
    return exchanged or len(plain) >= ADDED or _telling(added) != _telling(lost)


def _slip(one: str, two: str) -> bool:
    """Whether two words are forms or misspellings of one."""
    if {one, two} & _TELLING or not (one.isalpha() and two.isalpha()):
        return _same(one, two)
    if _reversed(*sorted((one, two), key=len)):
        return False
    if one[:2] == two[:2] and fuzz.ratio(one, two) >= 60:
        return True
    return min(len(one), len(two)) > 4 and Levenshtein.distance(one, two) == 1


def _reversed(short: str, long: str) -> bool:
    """Whether two words differ by a denial: "limited" and "unlimited", "harmful" and "harmless"."""
    prefix = _PREFIX.match(long)
    if prefix and long[prefix.end() :] == short:
        return True
    return short.endswith("less") != long.endswith("less")


def _same(one: str, two: str) -> bool:
    return _plain(one) == _plain(two)


def _plain(word: str) -> str:
    return _NUMBERS.get(word) or _SIGNS.get(word) or word


def _telling(words: list[str]) -> list[str]:
    """Return the words that tell, sorted: figures, signs, denials, limits, units of time."""
    plain = map(_plain, words)
    return sorted(
        word
        for word in plain
        if word in _TELLING or word.endswith("n't") or not word.replace("'", "").isalpha()
    )
