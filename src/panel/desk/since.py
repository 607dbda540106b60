"""What has changed in a question since the words on a take's page were an answer to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from panel.cells.plan import changed_input
from panel.checks import DESCRIPTION, shown_source
from panel.desk.snapshot import DeskSnapshot
from panel.desk.take import reflowed
from panel.results.entries import Entry
from panel.site.differences import WordChange, folded, word_changes
from panel.store.ingest import opened
from panel.store.queries import answer_of
from panel.store.replies import tool_when_asked
from panel.workspace.tools import Tool


@dataclass(frozen=True, slots=True)
class Since:
    """What has changed in a question, and since when.

    reason: in the words of ``panel plan``. published: since the published words, not only since
    the present answer. asked_at: when that answer came (ISO time in UTC).
    fields: (label, changes) of each field of the tool that reads differently now. kept: whether
    the tool's earlier text is in a journal; answers from ``verdicts/`` come without it.
    """

    reason: str
    published: bool
    asked_at: str
    fields: tuple[tuple[str, list[WordChange]], ...]
    kept: bool


def since(snapshot: DeskSnapshot, entry: Entry) -> Since | None:
    """Return what has changed since the published words, or since the answer; None if nothing."""
    published = entry.review.published if entry.published_stale else None
    if published is None and not (entry.stale and entry.answer):
        return None
    attempt_id = published.attempt_id if published else entry.answer and entry.answer.attempt_id
    with opened(snapshot.workspace.runs) as connection:
        answer = answer_of(connection, attempt_id or "")
        record = tool_when_asked(connection, attempt_id or "")
    if answer is None:
        return None
    asked = replace(
        snapshot.target,
        tools=[entry.tool],
        personas=[entry.persona],
        guidance={entry.pair: entry.review.guidance} if entry.review.guidance else {},
    )
    cell = asked.lay_out(1)[0]
    other_model = answer.model_identity != str(cell.model)
    reason = "model changed" if other_model else changed_input(answer.inputs, cell.inputs)
    try:
        then = Tool.model_validate(record) if record else None
    except ValueError:  # written by another version
        then = None
    fields = _fields(then, entry.tool) if then else ()
    return Since(reason, published is not None, answer.asked_at, fields, then is not None)


def _fields(then: Tool, now: Tool) -> tuple[tuple[str, list[WordChange]], ...]:
    old, new = _texts(then), _texts(now)
    labels = dict.fromkeys((*new, *old))
    return tuple(
        (label, folded(word_changes(old.get(label, ""), new.get(label, ""))))
        for label in labels
        if old.get(label) != new.get(label)
    )


def _texts(tool: Tool) -> dict[str, str]:
    """Return the fields of a tool by label; the plans are one text, a line each."""
    found: dict[str, str] = {}
    for each in shown_source(tool).fields:
        text = reflowed(each.text) if each.label == DESCRIPTION else each.text
        found[each.label] = "\n".join(filter(None, (found.get(each.label), text)))
    return found
