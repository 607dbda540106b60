"""Lets new connections in one by one, so that who opens many does not keep the others waiting.

Who connects is accepted soon, and waits until a turn comes, in the order of ``Turns``. Until then a
connection costs microseconds and a descriptor. Where too many wait, the last in order is closed.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from panel.readers.serve.connections import Bounds
from panel.readers.serve.heads import LONGEST_HEAD
from panel.readers.serve.proxies import TrustedProxies
from panel.readers.serve.turns import Group, Turns

QUEUE = 4096  # connections that the kernel keeps until they are accepted
AT_ONCE = 64  # accepted in one turn of the loop
MOST_WAITING = 256
NO_ROOM_SECONDS = 0.1


class Door:
    """Where connections wait. ``make``: makes the protocol of one that is let in."""

    def __init__(
        self, make: Callable[[], asyncio.BaseProtocol], bounds: Bounds, proxies: TrustedProxies
    ) -> None:
        self._make, self._bounds, self._proxies = make, bounds, proxies
        self._turns = Turns(MOST_WAITING)
        self._tasks: set[asyncio.Task[Any]] = set()

    def open(self, listening: socket.socket) -> None:
        """Begin to accept what connects to a socket."""
        listening.setblocking(False)
        self._start(self._accept(listening))

    async def close(self) -> None:
        """Accept no more, and close what waits."""
        for task in self._tasks:
            task.cancel()
        self._turns.clear()
        await asyncio.sleep(0)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            for _ in range(AT_ONCE):
                try:
                    client, address = await loop.sock_accept(listening)
                except ConnectionError:  # it is gone already
                    continue
                except OSError as error:
                    words = "A connection could not be accepted:"
                    loop.call_exception_handler({"message": words, "exception": error})
                    await asyncio.sleep(NO_ROOM_SECONDS)
                else:
                    turn = self._turns.ask(self._networks(client, address[0]))
                    turn.add_done_callback(functools.partial(self._let_in, client))
            await asyncio.sleep(0)

    def _networks(self, client: socket.socket, address: str) -> tuple[Group, ...]:
        if self._proxies.trust(address):
            try:
                head = client.recv(LONGEST_HEAD, socket.MSG_PEEK)
            except OSError:  # it has sent nothing yet, or is gone
                head = b""
            address = self._proxies.visitor(head)
        return self._bounds.networks(address)

    def _let_in(self, client: socket.socket, turn: asyncio.Future[None]) -> None:
        if turn.cancelled():
            client.close()
        else:
            self._start(self._make_connection(client))

    async def _make_connection(self, client: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._make, client)
        except OSError:  # it is gone already
            client.close()
        except asyncio.CancelledError:  # the server ends
            client.close()
            raise

    def _start(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
