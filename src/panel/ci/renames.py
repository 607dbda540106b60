"""Which tools and personas of a base go by another name in the head: a rename hides no change."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from panel.cells.renames import Kind, Rename, Trace, recognise, trace_of
from panel.ci.snapshots import Snapshot
from panel.errors import PanelError
from panel.frozen.files import Frozen
from panel.frozen.renames import KINDS, present_in, traces_on_file, under_names
from panel.workspace.git_files import workspace_at
from panel.workspace.loading import WorkspaceFiles, load_workspace
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool

Written = Mapping[str, Tool | Persona]


def renamed_alike(
    root: Path, base: Snapshot, head: Snapshot
) -> tuple[Snapshot, Snapshot, tuple[Rename, ...]]:
    """Return both snapshots under the names of the head, and what was renamed between them.

    What the head still holds under a name that is gone is left out: it is there a second time.
    """
    renames = _find_renames(root, base, head)
    if not renames:
        return base, head, ()
    moved = under_names(base.frozen, renames)
    left = _without(head.frozen, moved.renames)
    return replace(base, frozen=moved.frozen), replace(head, frozen=left), moved.renames


def _find_renames(root: Path, base: Snapshot, head: Snapshot) -> list[Rename]:
    """Find renames by what is on file, and by the files that people wrote where there are any.

    Those are read only where the head has verdicts on something that the base has not.
    """
    before = {kind: traces_on_file(kind, base.frozen) for kind in KINDS}
    after = {kind: traces_on_file(kind, head.frozen) for kind in KINDS}
    if all(after[kind].keys() <= before[kind].keys() for kind in KINDS):
        return []
    then, now = _written_then(root, base), _written_now(head)
    found: list[Rename] = []
    for kind in KINDS:
        new = after[kind].keys() - before[kind].keys()
        gone = before[kind].keys() - (now[kind].keys() if kind in now else after[kind].keys())
        if kind == "tool":
            told = [
                Rename(kind, was, slug)
                for slug in sorted(new)
                for was in head.frozen[slug].known_as
                if was in gone
            ]
            found += told
            new -= {each.now for each in told}
            gone -= {each.was for each in told}
        found += recognise(
            kind,
            {name: _trace(after[kind][name], now.get(kind, {}).get(name)) for name in sorted(new)},
            {
                name: _trace(before[kind][name], then.get(kind, {}).get(name))
                for name in sorted(gone)
            },
        )
    return found


def _written_then(root: Path, base: Snapshot) -> Mapping[Kind, Written]:
    if base.revision is not None:
        with suppress(PanelError), workspace_at(root, base.revision) as folder:
            return _written(load_workspace(folder))
    return {}


def _written_now(head: Snapshot) -> Mapping[Kind, Written]:
    if head.root is not None:
        with suppress(PanelError):  # what is wrong there is for 'panel check' to say
            return _written(load_workspace(head.root))
    return {}


def _written(workspace: WorkspaceFiles) -> Mapping[Kind, Written]:
    return {kind: present_in(workspace, kind) for kind in KINDS}


def _trace(filed: Trace, item: Tool | Persona | None) -> Trace:
    return filed if item is None else trace_of(item, filed.fingerprints)


def _without(frozen: Frozen, renames: tuple[Rename, ...]) -> Frozen:
    tools = {each.was for each in renames if each.of == "tool"}
    personas = {each.was: each.now for each in renames if each.of == "persona"}
    found = {slug: file for slug, file in frozen.items() if slug not in tools}
    for slug, file in found.items():
        left = {
            name: verdict
            for name, verdict in file.personas.items()
            if personas.get(name) not in file.personas
        }
        if len(left) < len(file.personas):
            found[slug] = file.model_copy(update={"personas": left})
    return found
