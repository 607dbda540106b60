"""Reference values of statistics, made by independent libraries; the file says by which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parents[1] / "research" / "reference_values.json"
REFERENCE: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))
EXACT = 1e-6  # the file has six digits
