"""The libraries of the extra ``research``, imported late: by what needs them, and only then."""

from __future__ import annotations

import importlib
from typing import Any

from panel.errors import UsageError


def needed(module: str, extra: str = "research") -> Any:
    """Import and return a module of an extra; raises UsageError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"this needs {error.name!r}, which is not installed: "
            f"pip install 'reviewer-panel[{extra}]'."
        ) from None
