"""What the program makes of a workspace, in one call each: scorecards, entries, a thaw."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from panel.cells.cells import Target
from panel.decisions import Pair
from panel.frozen import thaw as thawing
from panel.frozen.files import FOLDER, read_frozen
from panel.results.entries import Entry, entries
from panel.results.scorecards import scorecards
from panel.runs.selection import Selection, opened_for
from panel.scorecard import Scorecard
from panel.store.connection import Connection
from panel.store.ingest import opened
from panel.workspace.loading import WorkspaceFiles, load_workspace


@contextmanager
def target_of(read: Path | WorkspaceFiles, **selection: Any) -> Iterator[tuple[Target, Connection]]:
    """Resolve a selection over an open store; ``read``: a workspace, or the folder of one."""
    workspace = load_workspace(read) if isinstance(read, Path) else read
    with opened_for(workspace, Selection(**selection)) as found:
        yield found


def cards_of(root: Path, published: bool = False, **selection: Any) -> list[Scorecard]:
    """Return the scorecards of a selection."""
    with target_of(root, **selection) as (target, connection):
        return scorecards(target, connection, published)


def entries_of(read: Path | WorkspaceFiles, **selection: Any) -> dict[Pair, Entry]:
    """Return the editors' entries of a selection."""
    with target_of(read, **selection) as (target, connection):
        return {entry.pair: entry for entry in entries(target, connection)}


def thaw(root: Path) -> thawing.Thawed:
    """Bring in what is on file."""
    workspace = load_workspace(root)
    frozen = read_frozen(root / FOLDER)
    done = thawing.thaw_if_fresh(workspace)
    with opened(workspace.runs) as connection:
        return done or thawing.thaw(workspace, frozen, connection)
