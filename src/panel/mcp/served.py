"""The workspace that a client looks at: read as its files and its store are at each call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import Field

from panel.checks import shown_source
from panel.desk.filters import Filter, Sight
from panel.desk.session import Desk
from panel.desk.since import since
from panel.desk.snapshot import DeskSnapshot
from panel.desk.take import describe, wording_hash
from panel.endpoint.target import Chosen
from panel.errors import PanelError
from panel.hashing import text_hash
from panel.mcp.answers import Changed, PublishedWords, TakeRead
from panel.results.entries import Entry
from panel.results.records import finding_record
from panel.runs.selection import Selection

MOST = 100  # takes or cells in one answer
TOLD = 3  # problems in the files that one error names
LONGEST = 200  # characters of a name

Tool = Annotated[str, Field(max_length=LONGEST, description="A tool: its slug or its name.")]
Persona = Annotated[str, Field(max_length=LONGEST, description="A persona: its id.")]
ToolPart = Annotated[
    str, Field(max_length=LONGEST, description="Only tools with this in their name or slug.")
]
OnlyPersona = Annotated[str, Field(max_length=LONGEST, description="Only takes of this persona.")]
Limit = Annotated[int, Field(ge=1, le=MOST, description="How many at most.")]
Page = Annotated[int, Field(ge=1, le=1_000_000, description="Which page, from 1.")]
One = TypeVar("One")


class Served:
    """One workspace, its desk and the endpoint and model that the command named.

    Safe for several threads. What is wrong in the files now is an error of each call, and the
    next one that finds them mended works.
    """

    def __init__(self, desk: Desk, chosen: Chosen) -> None:
        self.desk, self.chosen = desk, chosen

    def snapshot(self) -> DeskSnapshot:
        """Return the queue as it is now; raises PanelError for files that are wrong."""
        snapshot = self.desk.snapshot()
        if snapshot.problems:
            more = len(snapshot.problems) - TOLD
            rest = f" And {more} more: 'panel check' lists them." if more > 0 else ""
            raise PanelError(" ".join(snapshot.problems[:TOLD]) + rest)
        return snapshot

    def entry(self, tool: str, persona: str) -> tuple[DeskSnapshot, Entry]:
        """Return a take by names; raises UsageError with the nearest one for an unknown name."""
        snapshot = self.snapshot()
        slug = snapshot.workspace.select_tools([tool], [])[0].slug
        who = snapshot.workspace.select_personas([persona])[0].id
        return snapshot, snapshot.entries[snapshot.places[slug, who]]

    def matching(self, snapshot: DeskSnapshot, wanted: Filter) -> list[Entry]:
        """Return the takes that a filter shows; raises UsageError for an unknown persona."""
        if wanted.persona:
            snapshot.workspace.select_personas([wanted.persona])
        sight = Sight(self.desk.findings, snapshot.assigned, self.desk.editor)
        return [each for each in snapshot.entries if wanted.matches(each, sight)]

    def selection(self, tools: Sequence[str]) -> Selection:
        """Return what a command about these tools would cover."""
        return Selection(tools, endpoint=self.chosen.endpoint, model=self.chosen.model)

    def read(self, snapshot: DeskSnapshot, entry: Entry) -> TakeRead:
        """Return all that an editor decides by."""
        answer, findings = entry.answer, self.desk.findings(entry)
        quotes = describe(entry, entry.text, entry.evidence, findings)["evidence"]
        return {
            "tool": entry.tool.slug,
            "tool_name": entry.tool.name,
            "persona": entry.persona.id,
            "persona_name": entry.persona.name,
            "model": answer.model_identity if answer else None,
            "asked_at": answer.asked_at if answer else None,
            "outcome": answer.outcome if answer else None,
            "reason": answer.reason if answer else None,
            "verdict": answer.verdict if answer else None,
            "confidence": answer.confidence if answer else None,
            "editor_verdict": entry.verdict if entry.verdict_reason else None,
            "editor_reason": entry.verdict_reason,
            "demo": answer is not None and answer.demo,
            "picked": entry.picked,
            "ships": entry.tally.ships,
            "skips": entry.tally.skips,
            "state": entry.state,
            "waits": entry.waits or entry.stands_or_falls,
            "stale": entry.stale,
            "flips": entry.flips,
            "words": entry.text,
            "seen": seen_hash(entry),
            "quotes": [
                {
                    "text": each.text,
                    "field": each.field,
                    "published": each.published,
                    "stands": each.stands,
                }
                for each in quotes
            ],
            "findings": [finding_record(each) for each in findings],
            "shown": [
                {"label": each.label, "text": each.text} for each in shown_source(entry.tool).fields
            ],
            "published": _published(entry),
            "changed": changed(snapshot, entry),
            "note": entry.review.note,
            "guidance": entry.review.guidance,
        }


def seen_hash(entry: Entry) -> str:
    """Return a hash of what a client has read: words, quotes, the answer and the last decision."""
    answer = entry.answer.attempt_id if entry.answer else ""
    return text_hash("\0".join((answer, entry.review.latest or "", wording_hash(entry))))


def _published(entry: Entry) -> PublishedWords | None:
    words = entry.review.published
    if words is None:
        return None
    return {
        "words": words.text,
        "verdict": words.verdict,
        "quotes": list(words.evidence),
        "editor": words.editor,
        "decided_at": words.decided_at,
        "stale": entry.published_stale,
        "demo": words.demo,
    }


def changed(snapshot: DeskSnapshot, entry: Entry) -> Changed | None:
    """Return what has changed in the question since the words; None where it has not."""
    found = since(snapshot, entry)
    if found is None:
        return None
    return {
        "reason": found.reason,
        "since": "published" if found.published else "answer",
        "asked_at": found.asked_at,
        "fields": [
            {"label": label, "changes": [{"kind": run.kind, "text": run.text} for run in runs]}
            for label, runs in found.fields
        ],
    }


def paged(found: Sequence[One], page: int, limit: int) -> tuple[Sequence[One], int]:
    """Return one page of what was found, and how many pages there are, at least 1."""
    return found[(page - 1) * limit : page * limit], max(1, -(-len(found) // limit))
