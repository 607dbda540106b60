"""What importing the package asks of the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Modules that Python has on POSIX systems only.
POSIX = ("fcntl", "grp", "pwd", "resource", "termios")

IMPORT_ALL = """
import importlib, pkgutil, sys
import mcp.server.stdio  # asks the system's name before it imports one of them
for name in sys.argv[1:]:
    sys.modules[name] = None  # any import of it raises ModuleNotFoundError
import panel
for module in pkgutil.walk_packages(panel.__path__, "panel."):
    if module.name != "panel.__main__":
        importlib.import_module(module.name)
"""


@pytest.mark.slow
def test_every_module_can_be_imported_without_the_modules_that_only_posix_has() -> None:
    command = [sys.executable, "-c", IMPORT_ALL, *POSIX]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


IMPORT_COMMANDS = """
import importlib, pkgutil, sys
import panel.cli, panel.research, panel.stats
for package in (panel.cli, panel.research, panel.stats):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
print(*sorted({"numpy", "scipy", "sklearn", "vl_convert"} & set(sys.modules)))
"""


@pytest.mark.slow
def test_no_command_imports_the_libraries_of_research_before_it_is_called() -> None:
    command = [sys.executable, "-c", IMPORT_COMMANDS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
