"""What importing the package asks of the system."""

from __future__ import annotations

import subprocess
import sys

# Modules that Python has on POSIX systems only.
POSIX = ("fcntl", "grp", "pwd", "resource", "termios")

IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    sys.modules[name] = None  # any import of it raises ModuleNotFoundError
import panel
for module in pkgutil.walk_packages(panel.__path__, "panel."):
    if module.name != "panel.__main__":
        importlib.import_module(module.name)
"""


def test_every_module_can_be_imported_without_the_modules_that_only_posix_has() -> None:
    command = [sys.executable, "-c", IMPORT_ALL, *POSIX]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
