"""The cells that a run has still to ask, and which of them is next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Sequence

from panel.cells.cells import Cell


class CellQueue:
    """Cells in asking order, handed to workers that ask them and may bring others."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._cells = deque(cells)
        self._flying = 0  # cells being asked
        self._landed = asyncio.Event()  # one of them has ended, or the run
        self._closed = False

    async def more(self) -> bool:
        """Wait until there is a cell to ask; False once none can follow."""
        while not self._cells and self._flying and not self._closed:
            self._landed.clear()
            await self._landed.wait()  # a cell that ends may bring others
        return bool(self._cells) and not self._closed

    def take(self, suspects: Collection[str]) -> Cell:
        """Return the next cell; one of a tool that is not among ``suspects``, if there is one."""
        self._flying += 1
        if suspects:
            for place, cell in enumerate(self._cells):
                if cell.tool.slug not in suspects:
                    del self._cells[place]
                    return cell
        return self._cells.popleft()

    def ended(self) -> None:
        """Note that a cell that was taken has ended."""
        self._flying -= 1
        self._landed.set()

    def add(self, cells: Collection[Cell]) -> None:
        """Put cells before all others."""
        self._cells.extendleft(reversed([*cells]))

    def close(self) -> None:
        """Hand out no cell any more."""
        self._closed = True
        self._landed.set()
