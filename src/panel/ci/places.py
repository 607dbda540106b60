"""Where a tool is written: the file and the line that an annotation is shown at."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from panel.ci.changes import Diff
from panel.ci.gates import Failure
from panel.ci.snapshots import Snapshot
from panel.workspace.git import changed_lines, folder_in_repository
from panel.workspace.tools import find_tools

TOOLS = "tools"


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file. file: from the repository's root, with slashes; line: 1-based."""

    file: str
    line: int


def find_places(
    root: Path, base: Snapshot, head: Snapshot, slugs: Collection[str]
) -> dict[str, Place]:
    """Return where these tools are written in the workspace at ``root``, by slug.

    The line is the first one that differs from the base, where a tool has a file of its own and
    it differs; else the line where the tool begins. A tool that is gone has no place.
    """
    if not slugs or head.root is None:
        return {}
    rows = find_tools(head.root / TOOLS, slugs)
    if not rows:
        return {}
    within = folder_in_repository(root)
    changed = changed_lines(root, base.revision, head.revision, TOOLS) if base.revision else {}
    places = {}
    for slug, row in rows.items():
        name = f"{TOOLS}/{row.file.name}"
        line = changed.get(name) if row.file.suffix == ".md" else row.lines(row.path)
        places[slug] = Place(within + name, line or 1)
    return places


def tools_to_place(diff: Diff, reasons: Collection[Failure]) -> set[str]:
    """Return the tools that an annotation can be about: those that differ, and those of gates."""
    named = {tool for failure in reasons for tool, _persona in failure.pairs}
    return named | {tool.tool for tool in diff.tools}
