"""The programs that pyproject.toml promises, as pip would make them."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from tests.support.space import ROOT


def promised() -> dict[str, str]:
    """Return the entry point of each program by its name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    scripts: dict[str, str] = project["scripts"]
    return scripts


def write_programs(folder: Path) -> None:
    """Write them into a folder; each call is a start of this Python."""
    for name, entry in promised().items():
        module, function = entry.split(":")
        file = folder / name
        file.write_text(f"#!{sys.executable}\nfrom {module} import {function}\n{function}()\n")
        file.chmod(0o755)
