"""Frozen verdicts of a workspace: freeze them, look at them, find the stale ones."""

from __future__ import annotations

from typing import Any

from panel.frozen.canaries import CanaryCheck, read_canaries
from panel.frozen.check import frozen_status
from panel.frozen.files import FOLDER, read_frozen
from panel.frozen.freeze import FreezeOptions, Freezing
from panel.frozen.freeze import freeze as freeze_verdicts
from panel.frozen.renames import opened_renamed
from panel.frozen.staleness import StaleEntry
from panel.frozen.verdicts import FrozenVerdict
from panel.runs.selection import Selection, resolve
from panel.runs.since import opened_base
from panel.workspace.loading import load_workspace
from tests.support.space import Space


def freeze(
    space: Space,
    prune: bool = False,
    accept: bool = False,
    since: str | None = None,
    **selection: Any,
) -> Freezing:
    """Freeze a selection; returns what became of it."""
    workspace = load_workspace(space.root)
    frozen = read_frozen(space.root / FOLDER)
    with opened_base(space.root, since) as base:
        options = FreezeOptions(prune, accept, base.frozen if base else None)
    chosen = Selection(**selection)
    with opened_renamed(workspace, chosen, frozen, options.since) as connection:
        target = resolve(workspace, chosen, connection)
        return freeze_verdicts(workspace, target, frozen, connection, options)


def status(space: Space) -> list[StaleEntry]:
    """Return what ``panel check --frozen`` finds."""
    return frozen_status(load_workspace(space.root)).found


def on_file(space: Space, tool: str = "anvil", persona: str = "builder") -> FrozenVerdict:
    """Return one frozen verdict."""
    return read_frozen(space.root / FOLDER)[tool].personas[persona]


def texts(space: Space) -> dict[str, bytes]:
    """Return every file of ``verdicts/`` by its path there."""
    folder = space.root / FOLDER
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def only_check(space: Space) -> CanaryCheck:
    """Return the one check of canaries on file."""
    [check] = read_canaries(space.root / FOLDER).values()
    return check
