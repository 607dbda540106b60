"""Whose program is at the other end of a connection within this machine: on Linux, the kernel says.

Loopback keeps other machines out. This keeps out the other users of the same machine, without a
token to type.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from panel.readers.serve.connections import Unwelcome

Address = tuple[str, int | None]
UserOf = Callable[[Address | None, Address | None], int | None]

OTHERS = (
    "This desk answers the user alone who opened it. To let other users of this machine in, "
    "open it with a token (--token-file)."
)
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ROOT = 0
_TRIES = 3  # a table that changes while it is read may lack a row

# sock_diag(7) and linux/inet_diag.h: the question about one connection, and the answer.
_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1
_SYN_SENT = 2  # it has connected to nothing yet
_HEADER = struct.Struct("=IHHII")
_PORTS = struct.Struct(">HH")
_ANSWER = struct.Struct("=17xB2x4s44x12xII")  # state, ports, user, inode


def who_tells() -> UserOf | None:
    """Return what says whose program a connection is from; None where the system does not tell.

    It is decided here, once: a single connection of which nothing is said later is nobody's.
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as own,
    ):
        if by_question(own.getsockname(), own.getpeername()) == os.geteuid():
            return by_question
        # Any row: others can make one row be missed, and not all.
        return by_table if next(_rows(), None) else None


def unless_own(user_of: UserOf) -> Unwelcome:
    """Return what says why a connection is not answered; None for this process's user and root.

    Root could do all that this process can.
    """

    def unwelcome(client: Address | None, server: Address | None) -> str | None:
        return None if user_of(client, server) in (os.geteuid(), _ROOT) else OTHERS

    return unwelcome


def by_question(client: Address | None, server: Address | None) -> int | None:
    """Ask the kernel for the user of the one connection; None where there is none, or it was left.

    It takes as long however many connections there are.
    """
    if client is None or server is None:  # it has left already
        return None
    ends = [_plain(each[0]) for each in (client, server)]
    ports = _PORTS.pack(client[1] or 0, server[1] or 0)
    family = socket.AF_INET if ends[0].version == 4 else socket.AF_INET6
    question = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + ports
    question += b"".join(each.packed.ljust(16, b"\0") for each in ends)
    question += struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)  # any interface, any cookie
    head = _HEADER.pack(_HEADER.size + len(question), _BY_FAMILY, _REQUEST, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
            kernel.sendto(head + question, (0, 0))
            answer = kernel.recv(4096, socket.MSG_DONTWAIT)  # it stands there already
    except (OSError, AttributeError):  # AttributeError: no system but Linux has such sockets
        return None
    if _HEADER.unpack_from(answer)[1] != _BY_FAMILY:
        return None
    state, between, user, inode = _ANSWER.unpack_from(answer)
    # Where there is no such connection, the answer is about whoever listens at the client's port.
    # One that was left is said to be root's, whosever it was, and has no inode.
    return user if between == ports and state != _SYN_SENT and inode else None


class _Row(NamedTuple):
    local: str
    remote: str
    user: int
    inode: str  # "0" once the program has left


def by_table(client: Address | None, server: Address | None) -> int | None:
    """Look the user of a connection up in the tables of all, proc(5); None if it is not there."""
    if client is None or server is None:
        return None
    for _ in range(_TRIES):
        for row in _rows():
            if row.local in _forms(client) and row.remote in _forms(server):
                return row.user if row.inode != "0" else None
    return None


def _rows() -> Iterator[_Row]:
    for table in TABLES:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except (OSError, UnicodeDecodeError):
            continue
        for line in lines:
            _, local, remote, _, _, _, _, user, _, inode, *_ = line.split()
            yield _Row(local, remote, int(user), inode)


def _plain(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address; of ``::ffff:127.0.0.1`` the IPv4 address that it stands for."""
    found = ipaddress.ip_address(host)
    return (isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped) or found


def _forms(address: Address) -> tuple[str, ...]:
    """Return an address as the tables write it; an IPv4 address also as IPv6 sockets have it."""
    host, port = _plain(address[0]), address[1]
    hosts = [host]
    if host.version == 4:
        hosts.append(ipaddress.IPv6Address(f"::ffff:{host}"))
    words = [struct.unpack(f"={len(each.packed) // 4}I", each.packed) for each in hosts]
    return tuple(f"{''.join(f'{word:08X}' for word in each)}:{port:04X}" for each in words)
