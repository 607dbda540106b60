"""The tools that look at takes and scorecards."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from pydantic import Field

from panel.desk.filters import Filter
from panel.mcp.answers import TakeRead, Waiting, WaitingTake, presentable
from panel.mcp.served import Limit, OnlyPersona, Page, Persona, Served, Tool, ToolPart, paged
from panel.results.entries import Entry
from panel.results.records import CardRecord, ComparisonRecord, card_record, comparison_record
from panel.results.scorecards import comparison, scorecards
from panel.runs.selection import opened_for

Findings = Annotated[
    Literal["", "any", "errors", "none"],
    Field(description="Only takes with findings, with errors, or without any finding."),
]


class Looking(Served):
    """What a client may look at."""

    def list_waiting(
        self,
        tool: ToolPart = "",
        persona: OnlyPersona = "",
        findings: Findings = "",
        limit: Limit = 20,
        page: Page = 1,
    ) -> Waiting:
        """List the takes that wait for an editor, with how much the checks found in each."""
        snapshot = self.snapshot()
        wanted = Filter(tool=tool.strip(), persona=persona, findings=findings)
        found = self.matching(snapshot, wanted)
        shown, pages = paged(found, page, limit)
        answer: Waiting = {
            "model": str(snapshot.target.model),
            "found": len(found),
            "page": page,
            "pages": pages,
            "takes": [self._waiting(each) for each in shown],
        }
        return presentable(answer)

    def _waiting(self, entry: Entry) -> WaitingTake:
        counts = Counter(finding.severity for finding in self.desk.findings(entry))
        return {
            "tool": entry.tool.slug,
            "tool_name": entry.tool.name,
            "persona": entry.persona.id,
            "state": entry.state,
            "verdict": entry.answer.verdict if entry.answer else None,
            "demo": entry.answer is not None and entry.answer.demo,
            "stale": entry.stale,
            "published": entry.review.published is not None,
            "flips": entry.flips,
            "errors": counts["error"],
            "warnings": counts["warning"],
            "notes": counts["note"],
        }

    def read_take(self, tool: Tool, persona: Persona) -> TakeRead:
        """Read one take: words, verdict, quotes, findings, description, and what has changed."""
        return presentable(self.read(*self.entry(tool, persona)))

    def show_tool(self, tool: Tool) -> CardRecord:
        """Show a tool's scorecard: ship percentage, its n and 95 % interval, and each verdict."""
        with opened_for(self.snapshot().workspace, self.selection([tool])) as (target, connection):
            return presentable(card_record(scorecards(target, connection)[0]))

    def compare_tools(self, left: Tool, right: Tool) -> ComparisonRecord:
        """Set two tools side by side: their scorecards, and the interval of the difference."""
        workspace = self.snapshot().workspace
        with opened_for(workspace, self.selection([left, right])) as (target, connection):
            cards = scorecards(target, connection)
        pair = comparison(workspace, cards, target, left, right)
        return presentable(comparison_record(pair))
