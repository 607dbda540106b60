"""Settling: asks a tool × persona again while its answers are not sure, up to a bound."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import replace

from panel.cells.answers import Answer
from panel.cells.cells import Cell, PairKey, Target
from panel.frozen.rule import more_to_ask, votes_missing
from panel.stats import Outcome, ShipOrSkip, Tally


class Settling:
    """What is known of each pair while it is asked, and what to ask of it next.

    most: the highest repeat of a pair. answers: what the store holds, by fingerprint; foreign:
    those that only an experiment asked. taken: cells with such an answer that came to be wanted
    while the run went on, for the house panel to adopt. A pair is sure when a majority of its
    votes would overturn a published verdict (frozen/rule.py); then, and at the bound, it is asked
    no more.
    """

    def __init__(
        self, target: Target, most: int, answers: Mapping[str, Answer], foreign: Container[str] = ()
    ) -> None:
        self._target, self._most, self._answers = target, most, answers
        self._foreign = foreign
        self.taken: list[Cell] = []
        self._latest: dict[PairKey, Cell] = {}  # of each pair the cell with the highest repeat
        self._votes: dict[PairKey, Tally] = {}
        self._waiting: dict[PairKey, set[str]] = {}  # fingerprints without an answer yet

    def planned(self, cells: Iterable[Cell]) -> list[Cell]:
        """Return these first repeats, and the next ones of pairs that stored answers leave open."""
        found = [*cells]
        self._note(found)
        for pair in self._votes:
            while not self._waiting[pair] and (more := self._next(pair)):
                found += more
        return found

    def answered(
        self, cell: Cell, outcome: Outcome, verdict: ShipOrSkip | None
    ) -> Collection[Cell]:
        """Take in the outcome of a cell; return what to ask next of its pair, if anything.

        Nothing before all its cells have ended, and nothing after an error: the next run goes
        on there. A cell of no pair that is being settled (a canary) changes nothing.
        """
        pair, waiting = cell.pair, self._waiting.get(cell.pair, set())
        if outcome == "error" or cell.fingerprint not in waiting:
            return []
        waiting.remove(cell.fingerprint)
        self._votes[pair] = self._votes[pair].plus(outcome, verdict)
        found: list[Cell] = []
        while not waiting and (more := self._next(pair)):
            found += [each for each in more if each.fingerprint in waiting]
            self.taken += [each for each in more if each.fingerprint in self._foreign]
        return found

    def at_most(self) -> list[Cell]:
        """Return a cell for each one that may still be added; each as large as that will be."""
        return [
            cell
            for pair, cell in self._latest.items()
            if votes_missing(self._votes[pair]) or self._waiting[pair]
            for _repeat in range(cell.repeat, self._most)
        ]

    def _next(self, pair: PairKey) -> list[Cell]:
        """Lay out as many more repeats as could make the pair sure."""
        latest = self._latest[pair]
        many = more_to_ask(self._votes[pair], latest.repeat, self._most)
        if not many:
            return []
        one = replace(self._target, tools=[latest.tool], personas=[latest.persona])
        cells = one.lay_out(many, latest.repeat + 1)
        self._note(cells)
        return cells

    def _note(self, cells: Iterable[Cell]) -> None:
        """Take in cells that are to be asked, or have a stored answer."""
        for cell in cells:
            pair, stored = cell.pair, self._answers.get(cell.fingerprint)
            latest = self._latest.setdefault(pair, cell)
            if cell.repeat > latest.repeat:
                self._latest[pair] = cell
            votes, waiting = self._votes.get(pair, Tally()), self._waiting.setdefault(pair, set())
            if stored is None:
                waiting.add(cell.fingerprint)
                self._votes[pair] = votes
            else:
                self._votes[pair] = votes.plus(stored.outcome, stored.verdict)
