"""Lets requests begin one by one, so that who sends many at once does not keep the others waiting.

In one turn of the loop one request begins. Of those that wait it is the one whose network has
asked for the least, so that whoever asks now and then is next, whatever else waits. In the same
order new connections are let in (``door``).
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Iterable

Group = tuple[str, int]  # its name, and how many connections it may have


class Turns:
    """Those who wait for their turn. Used by the server's own thread alone.

    most: how many may wait; the turn of the last in order is cancelled beyond it.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        # By place in the order, then by arrival.
        self._waiting: list[tuple[float, int, asyncio.Future[None], tuple[Group, ...]]] = []
        self._of: Counter[Group] = Counter()
        self._reached, self._number = 0.0, 0

    def ask(self, groups: Iterable[Group]) -> asyncio.Future[None]:
        """Return what is done once it is the turn of a client of these groups.

        A group's requests stand in the order one behind the other, the closer the more of them it
        may have. Who sets the result before the turn comes, gives it up.
        """
        mine, turn = tuple(groups), asyncio.get_running_loop().create_future()
        behind = max((self._of[each] / each[1] for each in mine), default=0.0)
        self._number += 1
        place = self._reached + behind
        if self._most is not None and len(self._waiting) >= self._most:
            last = max(self._waiting)
            if last[0] <= place:
                turn.cancel()
                return turn
            self._waiting.remove(last)
            heapq.heapify(self._waiting)
            self._forget(last[3])
            last[2].cancel()
        self._of.update(mine)
        heapq.heappush(self._waiting, (place, self._number, turn, mine))
        if len(self._waiting) == 1:
            turn.get_loop().call_soon(self._next)
        return turn

    def clear(self) -> None:
        """Cancel all turns that wait."""
        for _place, _number, turn, _groups in self._waiting:
            turn.cancel()

    def _forget(self, groups: Iterable[Group]) -> None:
        """Count one less of each group; nothing is kept of one of which none waits."""
        for group in groups:
            self._of[group] -= 1
            if not self._of[group]:
                del self._of[group]

    def _next(self) -> None:
        """Let the next request begin that still waits, and come back in the loop's next turn."""
        begun = False
        while self._waiting and not begun:
            self._reached, _number, turn, groups = heapq.heappop(self._waiting)
            self._forget(groups)
            begun = not turn.done()
            if begun:
                turn.set_result(None)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)
