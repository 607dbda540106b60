"""The notebook runs as it stands, on the public API and answers of the mock endpoint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.runs import run
from tests.support.space import ROOT, Space


@pytest.mark.long
@pytest.mark.process
@pytest.mark.parametrize("answered", [False, True])
def test_the_notebook_runs_to_its_end(mocked: Space, tmp_path: Path, answered: bool) -> None:
    pytest.importorskip("marimo", reason="needs marimo: pip install -e '.[notebook]'")
    if answered:
        run(mocked)
    page = tmp_path / "notebook.html"
    words = [sys.executable, "-m", "marimo", "export", "html", "--no-include-code"]
    done = subprocess.run(
        [*words, str(ROOT / "notebooks" / "votes.py"), "-o", str(page)],
        env=os.environ | {"PANEL_WORKSPACE": str(mocked.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert ("holds no answer yet" in text) is not answered
