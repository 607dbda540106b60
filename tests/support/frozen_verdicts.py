"""Frozen verdicts of a workspace: freeze them, look at them, find the stale ones."""

from __future__ import annotations

from typing import Any

from panel.frozen.check import frozen_status
from panel.frozen.files import FOLDER, FrozenVerdict, read_frozen
from panel.frozen.freeze import Freezing
from panel.frozen.freeze import freeze as freeze_verdicts
from panel.frozen.renames import opened_renamed
from panel.frozen.staleness import StaleEntry
from panel.runs.selection import Selection, resolve
from panel.workspace.loading import load_workspace
from tests.support.space import Space


def freeze(space: Space, prune: bool = False, accept: bool = False, **selection: Any) -> Freezing:
    """Freeze a selection; returns what became of it."""
    workspace = load_workspace(space.root)
    frozen = read_frozen(space.root / FOLDER)
    chosen = Selection(**selection)
    with opened_renamed(workspace, chosen, frozen) as connection:
        target = resolve(workspace, chosen, connection)
        return freeze_verdicts(workspace, target, frozen, connection, prune, accept)


def status(space: Space) -> list[StaleEntry]:
    """Return what ``panel check --frozen`` finds."""
    return frozen_status(load_workspace(space.root)).found


def on_file(space: Space, tool: str = "anvil", persona: str = "builder") -> FrozenVerdict:
    """Return one frozen verdict."""
    return read_frozen(space.root / FOLDER)[tool].personas[persona]


def texts(space: Space) -> dict[str, bytes]:
    """Return every file of ``verdicts/`` by name."""
    return {file.name: file.read_bytes() for file in sorted((space.root / FOLDER).iterdir())}
