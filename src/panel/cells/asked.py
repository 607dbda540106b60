"""Cells as they were asked, of what the journals hold: the files may say something else by now."""

from __future__ import annotations

from dataclasses import dataclass

from panel.cells.answers import Inputs
from panel.cells.cells import Cell, ModelIdentity, Question
from panel.workspace.passages import choices
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool
from panel.workspace.verdict import Choices


@dataclass(frozen=True, slots=True)
class AskedCell:
    """A cell as it was when it was asked, of what the journals hold; as ``Cell``, but for texts."""

    tool: Tool
    persona: Persona
    model: ModelIdentity
    repeat: int
    fingerprint: str
    wording: str
    inputs: Inputs

    @property
    def choices(self) -> Choices | None:
        """What each field of the verdict may say; None where the model writes."""
        return choices(self.persona, self.tool) if self.inputs.profile else None

    @property
    def question(self) -> Question:
        """What an answer to it is found by."""
        return (self.tool.slug, self.persona.id, self.fingerprint)


AnyCell = Cell | AskedCell
