"""The benchmarks of bench/ start as their pages say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = sorted(file.stem for file in (ROOT / "bench").glob("*.py"))


@pytest.mark.process
@pytest.mark.parametrize("program", PROGRAMS)
def test_every_benchmark_says_what_it_measures(program: str) -> None:
    asked = [sys.executable, "-m", f"bench.{program}", "--help"]
    told = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert "usage" in told.stdout.lower()
