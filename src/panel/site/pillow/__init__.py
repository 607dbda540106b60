"""What Pillow draws and encodes. Nothing else imports it; it is optional (the extra ``site``)."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal


def available() -> bool:
    """Whether Pillow is installed."""
    return find_spec("PIL") is not None


def loaded(name: Literal["drawing", "encoding"]) -> Any:
    """Return a module of this package, which needs Pillow."""
    return import_module(f"{__name__}.{name}")
