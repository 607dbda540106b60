"""Refuses to open or list anything of the checkout, in every Python of an environment.

For a program that was installed from a wheel. What was tried is also written to the file that
the guard around the network writes to, so that a test fails even where the error was swallowed.
"""

import os
import sys

CHECKOUT, EXCEPT, LOG = "PANEL_TEST_CHECKOUT", "PANEL_TEST_LIBRARIES", "PANEL_TEST_GUARD_LOG"
_folder = os.environ[CHECKOUT] + os.sep
_libraries = tuple(each + os.sep for each in os.environ[EXCEPT].split(os.pathsep) if each)


class CheckoutOpenedError(OSError):
    """The installed program reached for a file of the checkout."""


def _watch(event: str, args: tuple[object, ...]) -> None:
    if event not in ("open", "os.listdir", "os.scandir") or not isinstance(args[0], str | bytes):
        return
    path = os.path.realpath(os.fsdecode(args[0]))
    # A virtual environment may lie in the checkout; its libraries' own folder is listed, too.
    if not path.startswith(_folder) or (path + os.sep).startswith(_libraries):
        return
    descriptor = os.open(os.environ[LOG], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{event} {path!r}\n".encode())
    os.close(descriptor)
    raise CheckoutOpenedError(f"{event}: {path!r} is a file of the checkout")


sys.addaudithook(_watch)
