"""``panel check --frozen``: whether every cell has a frozen verdict on what it would show now."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from panel.decisions import Decision, replay
from panel.endpoint.target import Chosen, resolve_target
from panel.frozen.canaries import read_canaries
from panel.frozen.files import FOLDER, Frozen, decisions_of, read_frozen
from panel.frozen.integrity import decision_of
from panel.frozen.reading import read_from_files
from panel.frozen.renames import moved_by_sight
from panel.frozen.staleness import StaleEntry, altered_names, orphaned, renamed, stale_entries
from panel.workspace.loading import WorkspaceFiles


@dataclass(frozen=True, slots=True)
class FrozenStatus:
    """What ``panel check --frozen --json`` prints. pairs: tool × persona pairs of the workspace.

    found: those stale, missing, renamed, altered or orphaned; empty when everything holds.
    """

    model: str
    pairs: int
    found: list[StaleEntry]

    def record(self) -> dict[str, Any]:
        """Return the status as plain JSON types."""
        return {**asdict(self), "holds": not self.found}


def frozen_status(
    workspace: WorkspaceFiles,
    endpoint: str | None = None,
    model: str | None = None,
    frozen: Frozen | None = None,
) -> FrozenStatus:
    """Compare every tool × persona with its file. Opens no connection and no store.

    frozen: what is on file, where it has been read already. Raises WorkspaceError for files
    that cannot be read, UsageError for an unknown endpoint.
    """
    if frozen is None:
        folder = workspace.root / FOLDER
        frozen = read_frozen(folder)
        read_canaries(folder)  # one that cannot be read is found here, and not in the next job
    chosen = Chosen(endpoint=endpoint, model=model)
    workspace = read_from_files(workspace, chosen, frozen)
    target = resolve_target(workspace, chosen, guidance_on_file(frozen))
    seen = moved_by_sight(workspace, frozen, target)
    frozen = seen.frozen
    target = resolve_target(workspace, chosen, guidance_on_file(frozen))
    found = stale_entries(target, frozen)
    found += [renamed(rename) for rename in seen.renames]
    found += altered_names(frozen)
    found += orphaned(workspace.tools, workspace.personas, frozen)
    return FrozenStatus(str(target.model), len(target.pairs), found)


def guidance_on_file(frozen: Frozen) -> dict[tuple[str, str], str]:
    """Return the editors' notes that stand in questions, by tool × persona."""
    chains: dict[tuple[str, str], list[Decision]] = {}
    for tool, persona, decision in decisions_of(frozen.values()):
        made = decision_of(tool, persona, decision)
        chains.setdefault(made.pair, []).append(made)
    notes = {pair: replay(chain).guidance for pair, chain in chains.items()}
    return {pair: note for pair, note in notes.items() if note is not None}
