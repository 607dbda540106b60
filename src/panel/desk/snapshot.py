"""The queue as it stands at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from panel.cells.cells import Target
from panel.decisions import Pair
from panel.results.entries import Entry
from panel.workspace.loading import WorkspaceFiles


@dataclass(frozen=True, slots=True)
class DeskSnapshot:
    """The queue as it stands: entries in the order of tools and panel, and how to find them.

    problems: what is wrong in the files now; the entries are then those of the last good ones.
    assigned: whose each take is. editors: everybody who has decided or was given a take.
    """

    workspace: WorkspaceFiles
    target: Target
    entries: list[Entry]
    places: dict[Pair, int]
    problems: tuple[str, ...] = ()
    assigned: Mapping[Pair, str] = field(default_factory=dict)
    editors: Sequence[str] = ()

    def entry(self, tool: str, persona: str) -> Entry | None:
        """Return the entry of a tool × persona; None where there is no such."""
        place = self.places.get((tool, persona))
        return None if place is None else self.entries[place]
