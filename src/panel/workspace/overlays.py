"""Overlays: folders of an experiment that hold only the files that differ."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from panel.errors import WorkspaceError
from panel.workspace.loading import WorkspaceFiles, load_workspace
from panel.workspace.plain_files import read_bytes, refuse_outside
from panel.workspace.settings_file import FILE

PARTS = ("personas", "prompts", "tools")


@contextmanager
def overlaid(
    workspace: WorkspaceFiles, folder: Path, overlays: Mapping[str, str]
) -> Iterator[WorkspaceFiles]:
    """Load a workspace with other files laid over its own.

    folder: where the overlays lie; overlays: by part of the workspace, folders below it. The files
    stay together in a temporary folder until the context ends, since templates are read late. Its
    root, and with it ``runs``, is the workspace's. Raises WorkspaceError.
    """
    if not overlays:
        yield workspace
        return
    with tempfile.TemporaryDirectory(prefix="panel-") as place:
        made = Path(place)
        origins: dict[Path, Path] = {}
        _lay(workspace.root / FILE, made / FILE, origins)
        for part in PARTS:
            (made / part).mkdir()
            for file in _files(workspace.root / part):
                _lay(file, made / part / file.relative_to(workspace.root / part), origins)
            if part in overlays:
                over = folder / overlays[part]
                refuse_outside(folder, over)
                if not over.is_dir():
                    raise WorkspaceError.single(
                        over, None, "", "there is no such folder", "Make it, or name another one."
                    )
                files = _files(over)
                if not files:
                    raise WorkspaceError.single(
                        over, None, "", "holds no file", "Put the files that differ there."
                    )
                for file in files:
                    _lay(file, made / part / file.relative_to(over), origins)
        try:
            yield replace(load_workspace(made), root=workspace.root, settings=workspace.settings)
        except WorkspaceError as error:
            raise WorkspaceError(
                [replace(each, file=origins.get(each.file, each.file)) for each in error.problems]
            ) from None


def _files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.is_file()]


def _lay(file: Path, target: Path, origins: dict[Path, Path]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(read_bytes(file))  # which refuses what no loader would read
    origins[target] = file
