"""Compares the takes on the desk with each other, and again once their words are others.

One pass over 10,000 takes takes a second or two, so it is done in the background. Words that are
newer than the last pass are compared with what it saw.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from panel.checks import Catalog, Finding, Subject
from panel.decisions import Pair
from panel.results.entries import Entry


@dataclass(frozen=True, slots=True)
class _Pass:
    """What was compared: the entries, their words and places by pair, and what was found."""

    entries: Sequence[Entry]
    subjects: dict[Pair, Subject]
    places: dict[Pair, int]
    catalog: Catalog
    found: dict[int, list[Finding]]


class Comparer:
    """Keeps what the checks find between takes. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: _Pass | None = None
        self._newer: dict[Pair, tuple[str, list[Finding]]] = {}  # words of a pair since then

    def update(self, entries: Sequence[Entry]) -> None:
        """Compare all takes with each other, unless their words are those of the last pass."""
        with self._lock:
            last = self._last
            if last is not None and last.entries is entries:
                return
            made = ((entry.pair, entry.subject()) for entry in entries)
            subjects = {pair: subject for pair, subject in made if subject is not None}
            if last is not None and _same(last.subjects, subjects):
                places, catalog, found = last.places, last.catalog, last.found
            else:
                places = {pair: place for place, pair in enumerate(subjects)}
                catalog = Catalog([*subjects.values()])
                found = catalog.findings()
            self._newer = {}
            self._last = _Pass(entries, subjects, places, catalog, found)

    def known(self, entry: Entry) -> list[Finding] | None:
        """Return what was found in a take as it is now; None if it was not compared yet."""
        if entry.answer is None or not entry.has_words:
            return []
        last = self._last
        seen = last and last.subjects.get(entry.pair)
        if last and seen and seen.text == entry.text:
            return last.found.get(last.places[entry.pair], [])
        text, found = self._newer.get(entry.pair, (None, []))
        return found if text == entry.text else None

    def findings(self, subject: Subject, entries: Sequence[Entry]) -> list[Finding]:
        """Return what is found in words for a take; compares all of ``entries`` the first time."""
        if self._last is None:
            self.update(entries)
        last, pair = self._last, (subject.tool.slug, subject.persona.id)
        assert last is not None
        place, seen = last.places.get(pair), last.subjects.get(pair)
        if place is not None and seen is not None and seen.text == subject.text:
            return last.found.get(place, [])
        found = last.catalog.twin(subject, place)
        self._newer[pair] = (subject.text, found)
        return found


def _same(was: dict[Pair, Subject], now: dict[Pair, Subject]) -> bool:
    """Whether all that is compared is the same: words, their parts, and names."""
    return len(was) == len(now) and all(
        one == other
        and (a.text, a.beats, a.picked) == (b.text, b.beats, b.picked)
        and (a.tool.name, a.persona.name) == (b.tool.name, b.persona.name)
        for (one, a), (other, b) in zip(was.items(), now.items(), strict=True)
    )
