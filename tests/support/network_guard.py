"""The guard around the network, and where child processes find it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

GUARD = Path(__file__).parent / "guard"
sys.path.insert(0, str(GUARD))
import sitecustomize as guard  # noqa: E402

if not hasattr(guard, "BeyondLoopbackError"):  # another sitecustomize came first
    spec = importlib.util.spec_from_file_location("panel_guard", GUARD / "sitecustomize.py")
    assert spec and spec.loader
    guard = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(guard)
