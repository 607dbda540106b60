"""The command line in processes of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def child(*words: str, cwd: Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "panel", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
