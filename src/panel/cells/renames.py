"""Renames: which tool or persona that is new is one that is gone, under another name.

A cell's fingerprint holds neither a slug nor an id: the same question has the same hash,
whatever its file is called.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from panel.cells.cells import Target
from panel.hashing import content_hash
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool

Kind = Literal["tool", "persona"]
ALIKE = 0.8  # share of words in common of two texts that are one, edited a little
TELLING, LONG = 5, 20  # different words by which a text, and an edited one, is known


@dataclass(frozen=True, slots=True)
class Rename:
    """A tool (by slug) or persona (by id) that goes by another name."""

    of: Kind
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class Trace:
    """What a tool or persona is known by, besides its slug or id; empty where not known.

    fingerprints: of its cells. described: hash of its own text. name: as its file gives it.
    words: those of its text.
    """

    fingerprints: frozenset[str] = frozenset()
    described: str = ""
    name: str = ""
    words: frozenset[str] = frozenset()


def described(item: Tool | Persona) -> str:
    """Return the hash of a tool's description, or of a persona's voice and beats."""
    if isinstance(item, Tool):
        return content_hash(item.description)
    return content_hash([item.voice, [beat.model_dump() for beat in item.beats]])


def trace_of(item: Tool | Persona, fingerprints: frozenset[str] = frozenset()) -> Trace:
    """Return what a tool or persona as it is written is known by."""
    text = item.description if isinstance(item, Tool) else item.voice
    words = frozenset(re.findall(r"\w+", text.casefold()))
    return Trace(fingerprints, described(item), item.name.casefold(), words)


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))


def recognise(kind: Kind, new: Mapping[str, Trace], gone: Mapping[str, Trace]) -> list[Rename]:
    """Return which of the new ones is one of those that are gone, under another name.

    One that could be several of the others is none of them: nothing is taken on a guess.
    """
    rarity = Counter(word for each in (*new.values(), *gone.values()) for word in each.words)
    # The surest sign first; a later one is looked at for what the earlier ones leave.
    signs: tuple[_Sign, ...] = (
        (lambda trace: trace.fingerprints, lambda _new, _old: True),
        (lambda trace: [trace.described], lambda new, _old: len(new.words) >= TELLING),
        (lambda trace: [trace.name] if trace.name else [], lambda _new, _old: True),
        (
            lambda trace: _rarest(trace.words, rarity),
            lambda new, old: len(new.words) >= LONG and _share(new.words, old.words) >= ALIKE,
        ),
    )
    found: list[Rename] = []
    fresh, left = dict(new), dict(gone)
    for sign in signs:
        pairs = _alike(fresh, left, sign)
        news, olds = (Counter(side) for side in zip(*pairs, strict=True)) if pairs else ({}, {})
        for now, was in pairs:
            if news[now] == olds[was] == 1:
                found.append(Rename(kind, was, now))
        for now, was in pairs:  # what is in doubt here is not settled by a weaker sign
            fresh.pop(now, None)
            left.pop(was, None)
    return found


# Marks of a trace, and whether two traces that share one are alike.
_Sign = tuple[Callable[[Trace], Iterable[str]], Callable[[Trace, Trace], bool]]


def _alike(
    new: Mapping[str, Trace], gone: Mapping[str, Trace], sign: _Sign
) -> list[tuple[str, str]]:
    """Return the pairs (new, gone) of which a sign says that they are alike.

    Only those that share a mark are compared: there may be thousands of each.
    """
    marks, alike = sign
    by_mark: dict[str, list[str]] = {}
    for was, trace in gone.items():
        for mark in marks(trace):
            by_mark.setdefault(mark, []).append(was)
    return [
        (now, was)
        for now, trace in new.items()
        for was in dict.fromkeys(was for mark in marks(trace) for was in by_mark.get(mark, ()))
        if alike(trace, gone[was])
    ]


def _rarest(words: frozenset[str], rarity: Counter[str]) -> list[str]:
    """Return so many of the rarest words that two sets of a share of ALIKE have one of them both.

    The prefix filter of Chaudhuri, Ganti and Kaushik (2006), "A primitive operator for similarity
    joins in data cleaning": of n words in one order, the first n - ceil(ALIKE * n) + 1.
    """
    ordered = sorted(words, key=lambda word: (rarity[word], word))
    return ordered[: len(words) - math.ceil(ALIKE * len(words)) + 1]


def fingerprints_of(
    kind: Kind, target: Target, names: frozenset[str], repeats: int
) -> dict[str, frozenset[str]]:
    """Return the fingerprints of the cells of some of a target's tools or personas, by name."""
    found: dict[str, set[str]] = {name: set() for name in names}
    for cell in target.lay_out(repeats):
        name = cell.tool.slug if kind == "tool" else cell.persona.id
        if name in found:
            found[name].add(cell.fingerprint)
    return {name: frozenset(prints) for name, prints in found.items()}


def resolve_names(renames: list[Rename], kind: Kind) -> dict[str, str]:
    """Return former name → present one, over all renames, which come oldest first."""
    found: dict[str, str] = {}
    for rename in renames:
        if rename.of != kind:
            continue
        found = {was: rename.now if now == rename.was else now for was, now in found.items()}
        found[rename.was] = rename.now
        found.pop(rename.now, None)  # it was renamed back
    return found
