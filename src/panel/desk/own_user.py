"""Whose program has connected over loopback: on Linux, the kernel's tables of connections say it.

Loopback keeps other machines out. This keeps out the other users of the same machine, without a
token to type. The columns are those of proc(5), ``/proc/net/tcp``.
"""

from __future__ import annotations

import ipaddress
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

Address = tuple[str, int | None]

OTHERS = (
    "This desk answers the user alone who opened it. To let other users of this machine in, "
    "open it with a token (--token-file)."
)
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENS, _ROOT = "0A", 0
_TRIES = 3  # a table that changes while it is read may lack a row


class _Row(NamedTuple):
    local: str
    remote: str
    state: str
    user: int
    inode: str  # "0" once the program has left


def other_user(client: Address | None, server: Address | None) -> str | None:
    """Say why a connection between two addresses of this machine is not answered; None if it is.

    Answered are this process's own user and root, who could do all that this one can. Where the
    system does not tell, as on other systems than Linux, everybody is answered.
    """
    for _ in range(_TRIES):
        rows = list(_rows())
        if server is None or not any(
            row.local in _forms(server) and row.state == _LISTENS for row in rows
        ):
            return None
        if client is None:  # it has left already
            return OTHERS
        for row in rows:
            if row.local in _forms(client) and row.remote in _forms(server):
                # A connection that was left is said to be root's, whosever it was.
                own = row.user in (os.geteuid(), _ROOT) and row.inode != "0"
                return None if own else OTHERS
    return OTHERS


def _rows() -> Iterator[_Row]:
    for table in TABLES:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except (OSError, UnicodeDecodeError):
            continue
        for line in lines:
            _, local, remote, state, _, _, _, user, _, inode, *_ = line.split()
            yield _Row(local, remote, state, int(user), inode)


def _forms(address: Address) -> tuple[str, ...]:
    """Return an address as the tables write it; an IPv4 address also as IPv6 sockets have it."""
    host, port = ipaddress.ip_address(address[0]), address[1]
    hosts = [host]
    if host.version == 4:
        hosts.append(ipaddress.IPv6Address(f"::ffff:{host}"))
    words = [struct.unpack(f"={len(each.packed) // 4}I", each.packed) for each in hosts]
    return tuple(f"{''.join(f'{word:08X}' for word in each)}:{port:04X}" for each in words)
