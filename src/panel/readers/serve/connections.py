"""How many connections a server keeps, in all and from one network, and which makes room.

Over a bound, the connection that has kept the server waiting longest is cut, so that neither
idle nor slow clients shut anybody out. One whose answer is being made never is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from panel.readers.community.networks import networks_of, parse_network_address
from panel.readers.serve.turns import Turns

READ_BYTES = 16 * 1024  # of one connection at once


class Group(NamedTuple):
    """Connections that are counted together: their name, and how many there may be."""

    name: str
    most: int


REFUSED = Group("refused", 32)  # those that found no room and are being told so


@dataclass(frozen=True, slots=True)
class Bounds:
    """What clients may take of the server's room and time.

    connections: in all. one_address: from one IPv4 address or IPv6 network (/64); wider
    networks have their share of it (``networks_of``). head_seconds: for a request's head, from
    the connection or the last answer. body_seconds: for a body, and one more for each body_rate
    bytes that have come. answer_seconds: in each such span an answer moves on by answer_bytes
    or is cut. linger_seconds: how long a client that is refused may go on sending before it is
    cut, so that it reads why.
    """

    connections: int = 512
    one_address: int = 64
    head_seconds: float = 15.0
    body_seconds: float = 10.0
    body_rate: int = 16 * 1024
    answer_seconds: float = 20.0
    answer_bytes: int = 32 * 1024
    linger_seconds: float = 2.0

    def everybody(self) -> Group:
        """Return the group of all connections."""
        return Group("everybody", self.connections)

    def networks(self, address: str) -> tuple[Group, ...]:
        """Return the groups of a client by its address; one for all that have no address."""
        return _networks(address, self.one_address)


@functools.lru_cache(maxsize=1024)  # who asks once often asks again
def _networks(address: str, one: int) -> tuple[Group, ...]:
    networks = networks_of(parse_network_address(address))
    return tuple(Group(name, share * one) for name, share in networks)


class Connection(Protocol):
    """What is asked of a connection."""

    def waits_since(self) -> float | None:
        """Return since when the client keeps the server waiting; None while the server works."""

    def cut(self) -> None:
        """End it at once."""


# Says of the addresses of client and server why a connection is not answered; None if it is.
Unwelcome = Callable[[tuple[str, int | None] | None, tuple[str, int | None] | None], str | None]


class Connections:
    """The connections of a server, by group. Used by the server's own thread alone."""

    def __init__(self, unwelcome: Unwelcome = lambda _client, _server: None) -> None:
        self.unwelcome = unwelcome
        self._members: dict[Group, dict[Connection, None]] = {}
        self._groups: dict[Connection, set[Group]] = {}
        self.turns = Turns()  # of their requests
        # What comes is copied out of here at once. It is small, since each connection keeps what
        # it was given until its turn comes.
        self.arriving = memoryview(bytearray(READ_BYTES))

    def enter(self, connection: Connection, groups: Iterable[Group]) -> bool:
        """Put a connection into groups, cutting others where one is full.

        False, and nothing is entered, where a group is full of connections that are answered.
        """
        wanted = [each for each in groups if connection not in self._members.get(each, {})]
        for group in wanted:
            if len(self._members.get(group, {})) >= group.most and not self._make_room(group):
                return False
        for group in wanted:
            self._members.setdefault(group, {})[connection] = None
            self._groups.setdefault(connection, set()).add(group)
        return True

    def crowded(self, group: Group) -> bool:
        """Whether a group is nearly full, so that each connection gets one answer at a time."""
        return len(self._members.get(group, {})) > group.most * 3 // 4

    def leave(self, connection: Connection, groups: Iterable[Group] | None = None) -> None:
        """Take a connection out of groups, None for all of them."""
        mine = self._groups.get(connection, set())
        for group in list(mine if groups is None else mine.intersection(groups)):
            mine.discard(group)
            members = self._members[group]
            del members[connection]
            if not members:
                del self._members[group]
        if not mine:
            self._groups.pop(connection, None)

    def _make_room(self, group: Group) -> bool:
        waiting = [
            (since, each)
            for each in self._members[group]
            if (since := each.waits_since()) is not None
        ]
        if not waiting:
            return False
        longest = min(waiting, key=lambda pair: pair[0])[1]
        self.leave(longest)
        longest.cut()
        return True
