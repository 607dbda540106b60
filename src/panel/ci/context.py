"""What a report says beside the difference itself, the same in every form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from panel.ci.gates import Failure
from panel.ci.outcome import RunOutcome
from panel.ci.places import Place


@dataclass(frozen=True, slots=True)
class Context:
    """What surrounds a difference.

    name: tells several reports on one pull request apart. warned: what is said and stops no
    merge. run: how asking ended, if somebody has asked. places: where tools are written, by slug.
    """

    name: str = ""
    warned: Sequence[Failure] = ()
    run: RunOutcome | None = None
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def trouble(self) -> str | None:
        """Why not every cell has an answer, in one sentence; None if nothing is known of that."""
        return self.run.trouble() if self.run else None


PLAIN = Context()
