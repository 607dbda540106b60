"""Batches: files of requests that a service answers in its own time, and their journal lines.

A request is journaled with all that its answer will need, before its file exists: the answer may
come a day later, when the texts in the workspace are others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from panel.cells.cells import AskedCell, Cell
from panel.cells.journal import journal_line, utc_now
from panel.cells.lines import cell_fields
from panel.workspace.prompts import Messages

# written: the file is there. submitting: it is about to be sent. uploaded, submitted: the service
# has the file, or the batch. ended: whatever the service had for it is in a journal.
BatchState = Literal["written", "submitting", "uploaded", "submitted", "ended"]


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One request as a batch file holds it: what ``AttemptContext`` and ``Attempt`` say of it.

    custom_id: by which its answer is known. longer: the cap on the reply is doubled. cap: its
    tokens, None where there is none. sent: the optional fields of the request.
    """

    custom_id: str
    cell: AskedCell
    ordinal: int
    messages: Messages
    output_mode: str
    repair: bool
    longer: bool
    cap: int | None
    sent: tuple[str, ...]
    adapted: tuple[str, ...]

    def line(self, batch: str, hashes: list[str]) -> bytes:
        """Return it as a journal line. hashes: those of its messages."""
        return journal_line(
            "request",
            {
                "custom_id": self.custom_id,
                "batch": batch,
                "written_at": utc_now(),
                **cell_fields(self.cell),
                "model_digest": self.cell.model.digest,
                "tool_record": self.cell.tool.digest(),
                "persona_record": self.cell.persona.digest(),
                "ordinal": self.ordinal,
                "output_mode": self.output_mode,
                "repair": self.repair,
                "longer": self.longer,
                "cap": self.cap,
                "sent": self.sent,
                "adapted": self.adapted,
                "messages": hashes,
            },
        )


def custom_id(cell: Cell, run_id: str, number: int) -> str:
    """Return an id that no other request has: the fingerprint, the run, the place in the run.

    At most 64 letters, digits and hyphens, which every service takes.
    """
    return f"{cell.fingerprint.partition(':')[2]}-{run_id[-6:]}-{number}"


def batch_line(batch: str, state: BatchState, **more: Any) -> bytes:
    """Return the line by which a batch comes into a state."""
    return journal_line("batch", {"batch": batch, "state": state, "happened_at": utc_now(), **more})
