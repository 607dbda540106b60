"""Compares takes with each other: the same take written twice, and what wears by repetition.

Takes are compared by the sets of their three-word sequences, without the tool's own name.
One pass of min-hashing puts likely pairs into the same bucket, so that only those are
compared, however large the catalog (Broder 1997; one permutation, Li, Owen and Zhang 2012).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from zlib import crc32

from panel.checks.findings import Finding, Severity, Subject, in_order, whole
from panel.checks.moulds import moulds

BINS = 48  # 24 bands of two values: 94 % of the pairs that share a third are found
BUCKET = 12  # takes that a bucket holds; later ones are compared with them but not added
ALIKE, SAME = 0.42, 0.8  # share of three-word sequences in common
MARKS = 2048  # bits by which two takes are compared first
_MARK = [1 << place for place in range(MARKS)]
_EMPTY = dict.fromkeys(range(BINS), -1)


@dataclass(frozen=True, slots=True)
class _Signature:
    """A take's three-word sequences as numbers, and what bounds how many it shares.

    marks: a bit set for each; hidden: how many of them set one that another had set.
    """

    shingles: frozenset[int]
    sketch: tuple[int, ...]
    marks: int
    hidden: int

    def share(self, other: _Signature, least: float = ALIKE) -> float:
        """Return the share of the sequences in common; 0 where it is below ``least``."""
        many = len(self.shingles) + len(other.shingles)
        # Those in common set at most these bits, and of either take at most so many set none.
        most = (self.marks & other.marks).bit_count() + min(self.hidden, other.hidden)
        if most < least * (many - most):
            return 0.0
        common = len(self.shingles & other.shingles)
        share = common / (many - common)
        return share if share >= least else 0.0


def check_catalog(subjects: Sequence[Subject]) -> dict[int, list[Finding]]:
    """Find near-duplicates, worn openings and worn closings; keys are indexes of ``subjects``.

    What is worn is one finding, on the first take that has it, whichever takes are looked at.
    """
    return Catalog(subjects).findings()


def worn_elsewhere(
    subjects: Sequence[Subject], found: Mapping[int, Iterable[Finding]], shown: Collection[int]
) -> dict[int, list[Finding]]:
    """Return what is worn in takes of ``shown`` and is told on a take that is not of them.

    found: as ``check_catalog`` returns it for the same subjects; keys are indexes of those.
    """
    pairs = {(subjects[index].tool.slug, subjects[index].persona.id) for index in shown}
    told = dict[int, list[Finding]]()
    for index in found.keys() - {*shown}:
        who = subjects[index].persona.id
        shared = [one for one in found[index] if any((slug, who) in pairs for slug in one.tools)]
        if shared:
            told[index] = shared
    return told


class Catalog:
    """Takes to be compared with each other, and other words for one of them with the rest."""

    def __init__(self, subjects: Sequence[Subject]) -> None:
        self._subjects = subjects
        self._signatures = [_signature_of(each) for each in subjects]

    def findings(self) -> dict[int, list[Finding]]:
        """Return what ``check_catalog`` returns."""
        subjects = self._subjects
        found: dict[int, list[Finding]] = defaultdict(list)
        for index, (other, share) in _twins(self._signatures).items():
            found[index].append(_twin(subjects[other], share))
        for places, finding in moulds(subjects):
            first = next(iter(places))
            span = places[first]
            quote = subjects[first].text[slice(*span)]
            found[first].append(finding._replace(span=span, quote=quote))
        return {index: in_order(findings) for index, findings in sorted(found.items())}

    def twin(self, subject: Subject, but: int | None) -> list[Finding]:
        """Return the near-duplicate of other words, compared with every take but that at ``but``.

        What wears by repetition is not looked for: that is found once the words are of the catalog.
        """
        own = _signature_of(subject)
        if not own.shingles:
            return []
        shares = [0.0 if at == but else own.share(it) for at, it in enumerate(self._signatures)]
        closest = max(range(len(shares)), key=shares.__getitem__, default=0)
        if not any(shares):
            return []
        return [_twin(self._subjects[closest], shares[closest])]


def _signature_of(subject: Subject) -> _Signature:
    # Picked sentences are the vendor's: who picks the same ones has copied nobody.
    return _signature([] if subject.picked else _words(subject))


def _words(subject: Subject) -> list[str]:
    """Return the words of a take; the tool's name counts as one word, the same for all tools."""
    text = subject.text.casefold().replace(subject.tool.name.casefold(), " \x01 ")
    return re.findall(r"\x01|\w+", text)


def _signature(words: list[str]) -> _Signature:
    raw = " ".join(words).encode("utf-8", "replace").split(b" ")
    runs = zip(raw, raw[1:], raw[2:], strict=False)
    shingles = frozenset(map(crc32, map(b" ".join, runs)))
    # CRC-32 scatters well enough to serve as the one permutation.
    least = _EMPTY | {each % BINS: each for each in sorted(shingles, reverse=True)}
    marks = reduce(or_, [_MARK[shingle % MARKS] for shingle in shingles], 0)
    return _Signature(shingles, tuple(least.values()), marks, len(shingles) - marks.bit_count())


def _twins(signatures: Sequence[_Signature]) -> dict[int, tuple[int, float]]:
    """Return, for each take that has a near-duplicate, the closest one's index and share."""
    # A value tells its bin by the remainder, so that the bands of one place have keys of their own.
    buckets: dict[tuple[int, int], list[int]] = defaultdict(list)
    closest: dict[int, tuple[int, float]] = {}
    best = [ALIKE] * len(signatures)
    for index, signature in enumerate(signatures):
        if not signature.shingles:
            continue
        sketch = signature.sketch
        bands = zip(sketch[::2], sketch[1::2], strict=True)
        shared = [buckets[band] for band in bands if -1 not in band]
        candidates: set[int] = set().union(*shared)
        for bucket in shared:
            if len(bucket) < BUCKET:
                bucket.append(index)
        for other in candidates:
            share = signature.share(signatures[other], min(best[index], best[other]))
            if share:
                for one, two in ((index, other), (other, index)):
                    if one not in closest or share > best[one]:
                        closest[one], best[one] = (two, share), share
    return closest


def _twin(other: Subject, share: float) -> Finding:
    severity: Severity = "error" if share >= SAME else "warning"
    shared = f"they share {100 * share:.0f} % of their three-word sequences"
    says = (
        f"nearly the take of the {other.persona.name} on {other.tool.name}: {shared}",
        "Ask again for one of the two, or rewrite it.",
    )
    return whole("near-duplicate", severity, says)
