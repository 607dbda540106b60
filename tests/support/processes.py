"""The command line in processes of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

Child = Callable[..., subprocess.CompletedProcess[Any]]


def child_of(
    programs: Path, *words: str, cwd: Path, timeout: float = 60, check: bool = False, **more: Any
) -> subprocess.CompletedProcess[Any]:
    """Run the command line of a folder of programs; text in and out unless ``text=False``."""
    how: dict[str, Any] = {"capture_output": True, "text": True} | more
    command = [str(programs / "panel"), *words]
    return subprocess.run(command, cwd=cwd, timeout=timeout, check=check, **how)
