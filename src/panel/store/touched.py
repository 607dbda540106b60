"""What the lines that an ingest reads concern, and counting that again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from panel.decisions import Pair
from panel.store.connection import Connection
from panel.store.decisions import put_review_states
from panel.store.percentages import count_ships
from panel.store.renames import put_renames
from panel.store.rows import Row


@dataclass(slots=True)
class Touched:
    """What the lines read so far concern, so that what is counted of it is counted again."""

    tools: set[str] = field(default_factory=set)
    decided: set[Pair] = field(default_factory=set)
    models: set[str] = field(default_factory=set)  # asked for another panel than before

    def add(self, lines: Mapping[str, list[Row]]) -> None:
        """Note what lines concern; lines: by their kind."""
        self.decided |= {(str(row["tool"]), str(row["persona"])) for row in lines["decision"]}
        for kind in ("attempt", "thaw", "adopt"):
            self.tools |= {str(row["tool"]) for row in lines[kind]}

    def move(self, connection: Connection, renames: Sequence[Row]) -> None:
        """Put renames down, and note what they move; raises LateRenameError."""
        moved = put_renames(connection, renames)
        self.tools |= {tool for tool, _persona in moved}
        self.decided |= moved

    def count(self, connection: Connection, whole: bool = False) -> None:
        """Count what was noted again; whole: count all percentages."""
        put_review_states(connection, self.decided)
        if whole:
            count_ships(connection)
        elif self.models or self.tools:
            count_ships(connection, self.tools, self.models)
