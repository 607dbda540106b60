"""Refuses every connection beyond loopback, in the test process and in its children.

The ports where people's own model servers listen are closed, too: what runs on the machine must
not decide a test.

Python imports a module of this name at start when its folder is on PYTHONPATH. What was
tried is also written to a file, so that a test fails even where the error was swallowed.
"""

import errno
import ipaddress
import os
import sys

CLOSED = (11434, 1234, 8000, 8080, 30000)  # where panel looks for servers that run
LOG = "PANEL_TEST_GUARD_LOG"


class BeyondLoopbackError(OSError):
    """A test, or a process it started, tried to reach another machine."""


def _is_local(host: object) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


def _watch(event: str, args: tuple[object, ...]) -> None:
    if event == "socket.connect":
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None  # a path: a Unix socket
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if _is_local(host):
        if event == "socket.connect" and isinstance(address, tuple) and address[1] in CLOSED:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"port {address[1]} is for no test")
        return
    log = os.environ.get(LOG)
    if log:
        with open(log, "a", encoding="utf-8") as handle:  # noqa: PTH123
            handle.write(f"{event} {host!r}\n")
    raise BeyondLoopbackError(f"{event}: {host!r} is not on loopback")


sys.addaudithook(_watch)
