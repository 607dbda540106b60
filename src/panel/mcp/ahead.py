"""The tools that look ahead: what is stale, what a run would ask and cost. None asks a model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from panel.desk.filters import Filter
from panel.desk.snapshot import DeskSnapshot
from panel.errors import UsageError
from panel.frozen.check import frozen_status
from panel.frozen.files import FOLDER, frozen_files
from panel.mcp.answers import FrozenPart, Stale, StaleTake, presentable
from panel.mcp.served import (
    LONGEST,
    MOST,
    Limit,
    OnlyPersona,
    Page,
    Served,
    ToolPart,
    changed,
    paged,
)
from panel.results.entries import Entry
from panel.runs.planned import PlanRecord, plan_record
from panel.runs.selection import Selection, prepare
from panel.workspace.endpoints import chosen_endpoint

MOST_CELLS = 100_000  # of one plan: some three seconds
Name = Annotated[str, Field(max_length=LONGEST)]
Names = Annotated[list[Name], Field(max_length=1000)]
Tools = Annotated[Names, Field(description="Only these tools (slugs or names); all when empty.")]
Personas = Annotated[Names, Field(description="Only these personas; all when empty.")]
Categories = Annotated[Names, Field(description="Only these categories; all when empty.")]
Repeats = Annotated[
    int | None, Field(ge=1, le=1000, description="Ask every cell this many times (1).")
]
Again = Annotated[bool, Field(description="Ask all cells once more, as new repeats.")]
OnlyChanged = Annotated[
    bool, Field(description="Ask only what verdicts/ does not hold, and the canaries.")
]
CellLimit = Annotated[
    int, Field(ge=0, le=MOST, description="How many of the pending cells to name.")
]


class Ahead(Served):
    """What a client may ask about the next run."""

    def stale_verdicts(
        self,
        tool: ToolPart = "",
        persona: OnlyPersona = "",
        limit: Limit = 20,
        page: Page = 1,
    ) -> Stale:
        """Look for verdicts whose question has changed since, with the editors and in verdicts/."""
        snapshot = self.snapshot()
        wanted = Filter(state="stale", tool=tool.strip(), persona=persona)
        found = self.matching(snapshot, wanted)
        shown, pages = paged(found, page, limit)
        frozen, more = self._frozen(snapshot, wanted, page, limit)
        answer: Stale = {
            "model": str(snapshot.target.model),
            "found": len(found),
            "page": page,
            "pages": max(pages, more),
            "takes": [_stale(snapshot, each) for each in shown],
            "frozen": frozen,
        }
        return presentable(answer)

    def _frozen(
        self, snapshot: DeskSnapshot, wanted: Filter, page: int, limit: int
    ) -> tuple[FrozenPart | None, int]:
        """Return a page of what does not hold in verdicts/, and how many pages there are."""
        workspace = snapshot.workspace
        if not frozen_files(workspace.root / FOLDER):
            return None, 1
        status = frozen_status(workspace, self.chosen.endpoint, self.chosen.model)
        word = wanted.tool.casefold()
        slugs = {each.slug for each in workspace.tools if word in each.name.casefold()}
        found = [
            each
            for each in status.found
            if (word in each.tool or each.tool in slugs)
            and wanted.persona in ("", each.persona or wanted.persona)
        ]
        shown, pages = paged(found, page, limit)
        part: FrozenPart = {
            "model": status.model,
            "pairs": status.pairs,
            "holds": not status.found,
            "found": len(found),
            "entries": [
                {
                    "tool": each.tool,
                    "persona": each.persona,
                    "status": each.status,
                    "reason": each.reason,
                }
                for each in shown
            ],
        }
        return part, pages

    def plan_run(
        self,
        tools: Tools = [],  # noqa: B006 - read only; the schema shows the default
        personas: Personas = [],  # noqa: B006
        categories: Categories = [],  # noqa: B006
        repeats: Repeats = None,
        again: Again = False,
        changed: OnlyChanged = False,
        limit: CellLimit = 20,
    ) -> PlanRecord:
        """Say what a run would ask and why, its calls, tokens and price. Asks no model.

        A price of null is unknown. Whoever wants the run types 'panel run'.
        """
        if again and changed:
            raise UsageError("again asks every cell, changed what is stale. Name one of them.")
        snapshot = self.snapshot()
        chosen = snapshot.workspace.select_tools(tools, categories)
        cells = len(chosen) * len(snapshot.workspace.select_personas(personas)) * (repeats or 1)
        if cells > MOST_CELLS:
            raise UsageError(
                f"a plan of {cells:,} cells is more than {MOST_CELLS:,}. Ask for fewer repeats, or "
                "name some of the tools; 'panel plan' has no such bound."
            )
        endpoint, model = self.chosen.endpoint, self.chosen.model
        if chosen_endpoint(snapshot.workspace.settings, endpoint, model) is None:
            # The model that was asked last, as for what only reads: no port is looked at.
            endpoint, model = snapshot.target.model.endpoint, snapshot.target.model.model
        selection = Selection(
            tools, personas, categories, endpoint, model, repeats, again, changed=changed
        )
        record = plan_record(prepare(snapshot.workspace, selection))
        record["pending_cells"] = record["pending_cells"][:limit]
        return presentable(record)


def _stale(snapshot: DeskSnapshot, entry: Entry) -> StaleTake:
    found = changed(snapshot, entry)
    return {
        "tool": entry.tool.slug,
        "persona": entry.persona.id,
        "since": "published" if entry.published_stale else "answer",
        "reason": found["reason"] if found else "the answer is not in the store any more",
        "asked_at": found["asked_at"] if found else None,
    }
