"""The one tool that writes: an edit of a take, which stays unapproved."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from panel.decisions import ConflictError, Decision
from panel.desk.limits import BY_MCP, NAME_LIMIT
from panel.errors import UsageError
from panel.mcp.answers import Drafted, presentable
from panel.mcp.served import Persona, Served, Tool, seen_hash
from panel.results.entries import Entry
from panel.text import HIDDEN

# What is hidden or acts, and what an answer has in its place.
UNSHOWN = re.compile(f"{HIDDEN.pattern}|\N{REPLACEMENT CHARACTER}")

Seen = Annotated[
    str, Field(max_length=200, description="The 'seen' of the read_take that the edit is made on.")
]
Words = Annotated[
    str | None, Field(description="The whole new wording of the take; as it is when left out.")
]
Quotes = Annotated[
    list[str] | None,
    Field(description="All quotes from the description; as they are when left out."),
]
Note = Annotated[str | None, Field(description="A remark for the editors.")]


def editor_by_mcp(name: str) -> str:
    """Return the name that decisions by this way are written under."""
    return name[: NAME_LIMIT - len(BY_MCP)] + BY_MCP


class Drafting(Served):
    """What a client may write, where the command allows it."""

    def draft_edit(
        self,
        tool: Tool,
        persona: Persona,
        seen: Seen,
        words: Words = None,
        quotes: Quotes = None,
        note: Note = None,
    ) -> Drafted:
        """Write other words or quotes for a take, for an editor to approve. Approves nothing.

        Published words stay as they are. The edit is refused where the take has changed since it
        was read, and can be undone on the desk.
        """
        _snapshot, entry = self.entry(tool, persona)
        if not entry.has_words:
            raise UsageError(f"there is no take on {tool!r} by {persona!r} to edit yet.")
        if seen_hash(entry) != seen:
            raise ConflictError(
                "the take has changed since it was read, or was never read. Call read_take again, "
                "and name its 'seen'."
            )
        made = self.desk.decide(_edit(entry, words, quotes, note, self.desk.editor))
        answer: Drafted = {
            "decision_id": made.decision_id,
            "editor": made.editor,
            "take": self.read(*self.entry(*made.pair)),
        }
        return presentable(answer)


def _edit(
    entry: Entry, words: str | None, quotes: list[str] | None, note: str | None, editor: str
) -> Decision:
    """Make the decision; raises UsageError where nothing is changed or a character is hidden."""
    text = entry.text if words is None else words.strip()
    evidence = entry.evidence if quotes is None else tuple(quotes)
    if (text, evidence) == (entry.text, entry.evidence):
        raise UsageError("nothing is changed. Give other words or other quotes.")
    for written in filter(None, (words, *(quotes or ()), note)):
        if found := UNSHOWN.search(written):
            raise UsageError(
                f"there is a character that nobody sees, {found[0]!a}, at place "
                f"{found.start()} of {written[:20]!r}... Write the text without it."
            )
    assert entry.answer is not None
    return Decision(
        *entry.pair,
        "edit",
        editor,
        follows=entry.review.latest,
        attempt_id=entry.answer.attempt_id,
        text=text,
        evidence=evidence,
        note=note,
    )
