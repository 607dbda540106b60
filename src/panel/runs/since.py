"""The revision of ``--since``: its verdicts on file, and what its own files would have asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from panel.cells.cells import Cell, CellKey, ModelIdentity, PairKey
from panel.cells.renames import Kind, Rename
from panel.endpoint.target import Chosen, resolve_target
from panel.errors import UsageError, WorkspaceError
from panel.frozen.check import guidance_on_file
from panel.frozen.files import FOLDER, Frozen, read_frozen, verdict_on
from panel.workspace.endpoints import configured_endpoints
from panel.workspace.git_files import workspace_at
from panel.workspace.loading import WorkspaceFiles, load_workspace


@dataclass(frozen=True, slots=True)
class Base:
    """A git revision that a branch is compared with.

    folder: its files, there as long as it is open. frozen: its verdicts; none where they cannot
    be read. notes: the editors' notes on file, under the names of the revision. root: of the
    workspace now, since weights are in no revision. renames: what has another name now.
    """

    root: Path
    folder: Path
    frozen: Frozen
    notes: Mapping[PairKey, str] = field(default_factory=dict)
    renames: tuple[Rename, ...] = ()

    def differing(self, cells: Collection[Cell], frozen: Frozen) -> set[PairKey]:
        """Return the pairs of these first repeats that are not as they were at the revision.

        Their question was another one then, or what is on file (``frozen``) was. All is under
        present names.
        """
        models = {cell.model for cell in cells}
        then = self._fingerprints({cell.tool.slug for cell in cells}, *models) if cells else {}
        return {
            cell.pair
            for cell in cells
            if cell.fingerprint != then.get(cell.key)
            or verdict_on(frozen, cell.pair) != verdict_on(self.frozen, cell.pair)
        }

    def _fingerprints(self, tools: Collection[str], now: ModelIdentity) -> dict[CellKey, str]:
        """Return what the revision's own files would have asked of its own model, by its hash.

        The model, the endpoint, the settings and the editors' notes are those of its files: a
        branch that changes one of them has changed every question. Where they configure no
        endpoint, ``now`` counts, which is asked now. Empty where the files
        cannot be read: what could not be asked then is new now.
        """
        try:
            then: WorkspaceFiles = replace(load_workspace(self.folder), root=self.root)
            if not configured_endpoints(then.settings):  # it was asked of what is asked now
                then = replace(then, settings=then.settings.completed(now.endpoint, now.model))
            target = resolve_target(then, Chosen(), self.notes)
            known = [tool for tool in target.tools if self._now("tool", tool.slug) in tools]
            return {
                (
                    self._now("tool", cell.tool.slug),
                    self._now("persona", cell.persona.id),
                    cell.repeat,
                ): cell.fingerprint
                for cell in replace(target, tools=known).lay_out()
            }
        except (WorkspaceError, UsageError):
            return {}

    def _now(self, of: Kind, name: str) -> str:
        """Return the present name of what had this one at the revision."""
        return next((each.now for each in self.renames if (each.of, each.was) == (of, name)), name)


@contextmanager
def opened_base(root: Path, revision: str | None) -> Iterator[Base | None]:
    """Read a revision for as long as the block runs; None without one.

    Raises UsageError as workspace_at does.
    """
    if revision is None:
        yield None
        return
    with workspace_at(root, revision) as folder:
        try:
            frozen = read_frozen(folder / FOLDER)
        except WorkspaceError:
            frozen = {}
        yield Base(root, folder, frozen, guidance_on_file(frozen))
