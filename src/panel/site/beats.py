"""Lays the words of a take on its beats, so that a take has its headings in every state.

A model's take is its beats joined. An editor's is found again in them word by word: a heading
goes where its beat begins in the new words. No word is changed or moved, and where the place of
a heading is not sure, the take has none.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher

from panel.scorecard import Take
from panel.text import sentence_ends

Beats = Sequence[tuple[str, str]]  # label, text

RUN = 3  # words in a row that show which words of the model's these are
ALIKE = 0.4  # of the words in common, below which a take is another text
FOREIGN = 6  # words in a row of one beat that must not stand under another's heading
MOST_EXACT = 1500  # words up to which the comparison is exact

_BREAK = re.compile(r"\n[ \t]*\n")
_WORD = re.compile(r"\S+")
_SENTENCE_END = re.compile(r"[.!?…:][\"'”’)\]]*$")


def moves(take: Take) -> tuple[tuple[str, str], ...]:
    """Return a take as (label, text) of its beats, in order; () where it has no headings.

    What a model picked stands under its label already, in quotation marks.
    """
    if take.picked:
        return tuple((label, said[said.find("“") :]) for label, said in take.beats)
    return lay_out(take.take, take.beats)


@dataclass(frozen=True, slots=True)
class Parted:
    """A take as its closing words and the rest; no word is in both.

    label: of the closing beat, "" without headings. beats: the others; text: the rest of a take
    without headings.
    """

    closing: str
    label: str = ""
    beats: tuple[tuple[str, str], ...] = ()
    text: str = ""


def parted(take: Take) -> Parted:
    """Part a take before its last beat; without headings, before its last sentence."""
    laid = moves(take)
    if laid:
        return Parted(laid[-1][1], laid[-1][0], laid[:-1])
    text = take.take.strip()
    ends = [end for end in sentence_ends(text) if text[end:].strip()]
    breaks = [found.end() for found in _BREAK.finditer(text)]
    cut = max((*ends[-1:], *breaks[-1:]), default=0)
    return Parted(text[cut:].strip(), text=text[:cut].strip())


def lay_out(text: str, beats: Beats) -> tuple[tuple[str, str], ...]:
    """Return a wording as (label, text) of the model's beats; () where that is not sure.

    As many paragraphs as beats are one each. Otherwise the words are compared. The texts hold
    every word of the wording, in its order; a beat of which nothing is left is left out.
    """
    if not beats or text == " ".join(said for _label, said in beats):
        return tuple(beats)
    labels = [label for label, _said in beats]
    paragraphs = [part.strip() for part in _BREAK.split(text) if part.strip()]
    if len(beats) > 1 and len(paragraphs) == len(beats):
        return tuple(zip(labels, paragraphs, strict=True))
    parts = _parts(text, [said.split() for _label, said in beats])
    return tuple((label, part) for label, part in zip(labels, parts, strict=False) if part)


def _parts(text: str, beats: list[list[str]]) -> list[str]:
    """Return the text in one part for each beat, [] where a cut is not sure."""
    found = list(_WORD.finditer(text))
    words, old = [each[0] for each in found], [word for beat in beats for word in beat]
    matcher = SequenceMatcher(None, old, words, autojunk=max(len(old), len(words)) > MOST_EXACT)
    if matcher.ratio() < ALIKE:
        return []
    runs = [run for run in matcher.get_matching_blocks() if run.size >= RUN]
    edges = list(itertools.accumulate((len(beat) for beat in beats), initial=0))
    cuts = [0]
    for place, edge in enumerate(edges[1:-1], 1):
        near = len(beats[place - 1]) + len(beats[place])
        cut = _cut(edge, near, runs, (len(old), words))
        if cut is None or cut < cuts[-1]:
            return []
        cuts.append(cut)
    cuts.append(len(words))
    parts = [words[start:end] for start, end in itertools.pairwise(cuts)]
    if any(_strays(part, place, beats) for place, part in enumerate(parts)):
        return []
    starts = [found[cut].start() if cut < len(found) else len(text) for cut in cuts]
    return [text[start:end].strip() for start, end in itertools.pairwise(starts)]


def _cut(edge: int, near: int, runs: list[Match], whole: tuple[int, list[str]]) -> int | None:
    """Return the new word at which the beat behind ``edge`` begins, None where it is not sure.

    edge: its first word among the old ones. near: how many words the two beats have. whole: how
    many old words there are, and the new words.
    """
    many, words = whole
    before, after, begin, end = 0, many, 0, len(words)
    for run in runs:
        if run.a < edge < run.a + run.size:
            return run.b + edge - run.a
        if run.a + run.size <= edge:
            before, begin = run.a + run.size, run.b + run.size
        elif after == many:
            after, end = run.a, run.b
    if begin == end:
        return begin
    lost, behind = edge - before, after - edge
    if lost and behind and 2 * (lost + behind) > near:
        return None  # both sides are rewritten
    ends = [
        at for at in range(begin, end + 1) if not at or at == len(words) or _ends(words[at - 1])
    ]
    if not ends:
        return None
    share = lost / (lost + behind) if lost + behind else 1  # what is only added goes before
    return min(ends, key=lambda at: abs(at - begin - (end - begin) * share))


def _ends(word: str) -> bool:
    return bool(_SENTENCE_END.search(word))


def _strays(part: list[str], place: int, beats: list[list[str]]) -> bool:
    """Whether words that the model said in another beat have been moved here."""
    own, here = _grams(beats[place]), _grams(part)
    others = (_grams(beat) for at, beat in enumerate(beats) if at != place)
    return any((here & other) - own for other in others)


def _grams(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + FOREIGN]) for at in range(len(words) - FOREIGN + 1)}
