"""The cells that a run has still to ask, and which of them is next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass

from panel.cells.cells import Cell

_Block = dict[str, deque[Cell]]  # by persona, in asking order; none of the queues is empty


@dataclass(slots=True)
class Lane:
    """One of a server's requests in flight side by side, and the persona that it asks for now."""

    number: int
    persona: str | None = None
    flying: int = 0  # cells taken that have not ended


class CellQueue:
    """Cells in asking order, handed to workers that ask them and may bring others.

    A server with a cache for each request in flight reads a persona once if its cells follow one
    another in the same lane. Where a persona comes again, a new block of tools begins: it waits
    for the one before, which gives every tool its whole panel.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._blocks = deque(_blocks(cells))
        self._lanes: dict[Hashable, list[Lane]] = {}  # by server
        self._landed = asyncio.Event()  # one of them has ended, or the run
        self._closed = False

    async def more(self) -> bool:
        """Wait until there is a cell to ask; False once none can follow."""
        while not self._blocks and self._flying() and not self._closed:
            self._landed.clear()
            await self._landed.wait()  # a cell that ends may bring others
        return bool(self._blocks) and not self._closed

    def take(
        self, suspects: Collection[str], lanes: int = 1, server: Hashable = None
    ) -> tuple[Cell, Lane]:
        """Return the next cell and its lane; one of a tool that is not among ``suspects``, if any.

        lanes: how many this server has now; the cell goes into that with the fewest under way. A
        single one keeps to the order of the cells.
        """
        known = self._lanes.setdefault(server, [])
        known += [Lane(number) for number in range(len(known), lanes)]
        lane = min(known[:lanes], key=lambda each: each.flying)
        lane.flying += 1
        for block in self._blocks if suspects else ():
            for persona, cells in block.items():
                for place, cell in enumerate(cells):
                    if cell.tool.slug not in suspects:
                        return self._taken(block, persona, place), lane
        block = self._blocks[0]
        if lanes == 1:
            lane.persona = next(iter(block))
        elif lane.persona not in block:
            lane.persona = self._next(block)
        return self._taken(block, lane.persona, 0), lane

    def ended(self, lane: Lane) -> None:
        """Note that a cell of this lane has ended."""
        lane.flying -= 1
        self._landed.set()

    def add(self, cells: Collection[Cell]) -> None:
        """Put cells before all others."""
        self._blocks.extendleft(reversed([*_blocks(cells)]))

    def put_off(self, cell: Cell) -> None:
        """Put a cell behind all others."""
        self._blocks.extend(_blocks([cell]))
        self._landed.set()

    def close(self) -> None:
        """Hand out no cell any more."""
        self._closed = True
        self._landed.set()

    def _flying(self) -> list[Lane]:
        return [lane for lanes in self._lanes.values() for lane in lanes if lane.flying]

    def _next(self, block: _Block) -> str:
        """Return the persona that a lane goes on with: one of its own, or that with most to ask."""
        held = {each.persona for each in self._flying()}
        free = next((persona for persona in block if persona not in held), None)
        return free or max(block, key=lambda persona: len(block[persona]))

    def _taken(self, block: _Block, persona: str, place: int) -> Cell:
        cells = block[persona]
        cell = cells[place]
        del cells[place]
        if not cells:
            del block[persona]
            if not block:
                self._blocks.remove(block)
        return cell


def _blocks(cells: Iterable[Cell]) -> Iterable[_Block]:
    block: _Block = {}
    before: str | None = None
    for cell in cells:
        persona = cell.persona.id
        if persona in block and persona != before:
            yield block
            block = {}
        block.setdefault(persona, deque()).append(cell)
        before = persona
    if block:
        yield block
