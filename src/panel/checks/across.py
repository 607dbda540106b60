"""Compares takes with each other: the same take written twice, openings worn by repetition.

Takes are compared by the sets of their three-word sequences, without the tool's own name.
One pass of min-hashing puts likely pairs into the same bucket, so that only those are
compared, however large the catalog (Broder 1997; one permutation, Li, Owen and Zhang 2012).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from panel.checks.findings import Finding, Severity, Subject, at, in_order, whole

BINS, ROWS = 48, 2  # 24 bands of two values: 94 % of the pairs that share a third are found
BUCKET = 12  # takes that a bucket holds; later ones are compared with them but not added
ALIKE, SAME = 0.42, 0.8  # share of three-word sequences in common
OPENING = 4  # words
WORN, WORN_SHARE = 3, 0.1  # takes of one persona that begin alike, and their share

_WORD = re.compile(r"\w+(?:['’]\w+)?")
_MIX = 0x9E3779B1


@dataclass(frozen=True, slots=True)
class _Signature:
    shingles: frozenset[int]
    sketch: tuple[int, ...]


def check_catalog(subjects: Sequence[Subject]) -> dict[int, list[Finding]]:
    """Find near-duplicate takes and worn openings; keys are indexes of ``subjects``."""
    found: dict[int, list[Finding]] = defaultdict(list)
    for index, (other, share) in _twins(subjects).items():
        found[index].append(_twin(subjects[other], share))
    for index, finding in _openings(subjects):
        found[index].append(finding)
    return {index: in_order(findings) for index, findings in sorted(found.items())}


def _words(subject: Subject) -> list[str]:
    """Return the words of a take; the tool's name counts as one word, the same for all tools."""
    text = subject.text.casefold().replace(subject.tool.name.casefold(), " \x01 ")
    return re.findall(r"\x01|\w+", text)


def _signature(words: list[str]) -> _Signature:
    runs = zip(words, words[1:], words[2:], strict=False)
    shingles = frozenset(crc32(" ".join(run).encode("utf-8", "replace")) for run in runs)
    least = [-1] * BINS
    for shingle in shingles:
        mixed = (shingle * _MIX) & 0xFFFFFFFF
        place = mixed % BINS
        if least[place] < 0 or mixed < least[place]:
            least[place] = mixed
    return _Signature(shingles, tuple(least))


def _twins(subjects: Sequence[Subject]) -> dict[int, tuple[int, float]]:
    """Return, for each take that has a near-duplicate, the closest one's index and share."""
    signatures = [_signature(_words(subject)) for subject in subjects]
    buckets: dict[tuple[int, ...], list[int]] = defaultdict(list)
    closest: dict[int, tuple[int, float]] = {}
    for index, signature in enumerate(signatures):
        if not signature.shingles:
            continue
        candidates: set[int] = set()
        for band in range(0, BINS, ROWS):
            values = signature.sketch[band : band + ROWS]
            if min(values) < 0:
                continue
            bucket = buckets[band, *values]
            candidates.update(bucket)
            if len(bucket) < BUCKET:
                bucket.append(index)
        for other in candidates:
            share = _share(signature.shingles, signatures[other].shingles)
            if share >= ALIKE:
                for one, two in ((index, other), (other, index)):
                    if one not in closest or share > closest[one][1]:
                        closest[one] = (two, share)
    return closest


def _share(first: frozenset[int], second: frozenset[int]) -> float:
    common = len(first & second)
    return common / (len(first) + len(second) - common)


def _twin(other: Subject, share: float) -> Finding:
    severity: Severity = "error" if share >= SAME else "warning"
    shared = f"they share {100 * share:.0f} % of their three-word sequences"
    says = (
        f"nearly the take of the {other.persona.name} on {other.tool.name}: {shared}",
        "Ask again for one of the two, or rewrite it.",
    )
    return whole("near-duplicate", severity, says)


def _openings(subjects: Sequence[Subject]) -> list[tuple[int, Finding]]:
    """Find the beats (or rewritten takes) that begin alike in many takes of one persona."""
    places: dict[tuple[str, str], list[tuple[int, tuple[int, int]]]] = defaultdict(list)
    takes: dict[str, int] = defaultdict(int)
    for index, subject in enumerate(subjects):
        takes[subject.persona.id] += 1
        for opening, span in _begins(subject).items():
            places[subject.persona.id, opening].append((index, span))
    found = []
    for (persona, opening), where in places.items():
        if len(where) < WORN:
            continue
        share = len(where) / takes[persona]
        severity: Severity = "warning" if share >= WORN_SHARE or len(where) >= 20 else "note"
        for index, span in where:
            subject = subjects[index]
            begins = opening.replace("\x01", "the tool")
            whose = f"{len(where)} of {takes[persona]} takes of the {subject.persona.name}"
            says = (
                f"{whose} have a part that begins “{begins}”",
                "Begin this one with something specific to the tool.",
            )
            found.append((index, at(subject.text, span, "worn-opening", severity, says)))
    return found


def _begins(subject: Subject) -> dict[str, tuple[int, int]]:
    """Return the openings of a take's beats: folded words → span in the text."""
    begins: dict[str, tuple[int, int]] = {}
    position = 0
    parts = [part for part in subject.beats.values() if part] or [subject.text]
    name = subject.tool.name.casefold()
    for part in parts:
        start = subject.text.find(part, position)
        if start < 0:
            continue
        position = start + len(part)
        words = list(_WORD.finditer(subject.text, start, position))[: OPENING + len(name.split())]
        own = len(_WORD.findall(name))
        folded = [word[0].casefold() for word in words]
        if own and folded[:own] == _WORD.findall(name):
            folded, words = ["\x01", *folded[own:]], [words[own - 1], *words[own:]]
        if len(folded) >= OPENING:
            begins.setdefault(" ".join(folded[:OPENING]), (start, words[OPENING - 1].end()))
    return begins
