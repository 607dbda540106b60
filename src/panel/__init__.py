"""panel: a reviewer panel of personas over any OpenAI-compatible endpoint.

    import panel

    workspace = panel.Workspace.load("my-panel")
    workspace.run(endpoint="ollama", model="mistral-small", repeats=3)
    workspace.verdicts(), workspace.scorecards(), workspace.panel_health()

Importing this package is cheap on purpose: neither openai nor duckdb nor the network is touched
until a name of the API is used. docs/python.md has examples.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from panel.engines.base import RunBudget
    from panel.errors import (
        EndpointError,
        JournalError,
        PanelError,
        StoreBusyError,
        StoreError,
        UsageError,
        WorkspaceError,
    )
    from panel.results.api import CellVerdict, PendingCell, RunPlan, Workspace
    from panel.runs.run import RunSummary
    from panel.scorecard import PersonaLine, Scorecard, Take
    from panel.stats import Interval, PanelHealth, PanelResult, PersonaPair, PersonaRate, Tally

try:
    from panel._version import __version__  # written by what builds or installs the program
except ModuleNotFoundError:  # straight from a checkout that was never installed
    __version__ = "0.0.0.dev0+unknown"

_HOMES = {
    "panel.engines.base": ("RunBudget",),
    "panel.errors": (
        *("EndpointError", "JournalError", "PanelError", "StoreBusyError", "StoreError"),
        *("UsageError", "WorkspaceError"),
    ),
    "panel.results.api": ("CellVerdict", "PendingCell", "RunPlan", "Workspace"),
    "panel.runs.run": ("RunSummary",),
    "panel.scorecard": ("PersonaLine", "Scorecard", "Take"),
    "panel.stats": (
        *("Interval", "PanelHealth", "PanelResult"),
        *("PersonaPair", "PersonaRate", "Tally"),
    ),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "CellVerdict", "EndpointError", "Interval", "JournalError", "PanelError", "PanelHealth",
    "PanelResult", "PendingCell", "PersonaLine", "PersonaPair", "PersonaRate", "RunBudget",
    "RunPlan", "RunSummary", "Scorecard", "StoreBusyError", "StoreError", "Take", "Tally",
    "UsageError", "Workspace", "WorkspaceError", "__version__",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a name of the API when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """Return the names of the API."""
    return sorted(__all__)
