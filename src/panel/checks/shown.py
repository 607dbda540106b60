"""All that reviewers are shown of a tool, as one text, with its fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from panel.checks.findings import Span
from panel.checks.source import ById
from panel.workspace.page_text import as_written
from panel.workspace.tools import Tool

DESCRIPTION = "Description"


@dataclass(frozen=True, slots=True)
class ShownField:
    """One field of a tool as its reviewers are shown it; ``start``: its place in the source."""

    label: str
    text: str
    start: int

    def cut(self, span: Span) -> Span | None:
        """Return the part of a span of the source that lies in this field, as places in it."""
        start, end = max(0, span[0] - self.start), min(len(self.text), span[1] - self.start)
        return (start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class ShownSource:
    """All that reviewers are shown of a tool: one text, and its fields.

    line: the same on one line, but for what readers are not shown as it is written.
    """

    text: str
    line: str
    fields: tuple[ShownField, ...]

    @property
    def description(self) -> ShownField:
        """The only field that is Markdown."""
        return next(field for field in self.fields if field.label == DESCRIPTION)


def shown_source(tool: Tool) -> ShownSource:
    """Return all that reviewers are shown of a tool; cached for the latest tools.

    In the order and with the labels of the shipped template ``prompts/review.md.j2``. What
    only another template shows (tags, links, address) stands after the description.
    """
    return _source(ById(tool))


@lru_cache(maxsize=4096)
def _source(key: ById[Tool]) -> ShownSource:
    tool, text, line, placed = key.thing, "", "", []
    plans = ((plan.name, plan.price, plan.includes) for plan in tool.pricing.plans)
    fields = [
        ("Name", tool.name),
        ("Tagline", tool.tagline),
        ("Category", tool.category),
        ("Entry price", tool.pricing.entry),
        *(("Plan", ", ".join(filter(None, plan))) for plan in plans),
        *([("Released", tool.released.isoformat())] if tool.released else []),
        (DESCRIPTION, tool.description),
        *([("Tags", ", ".join(tool.tags))] if tool.tags else []),
        *tool.links.items(),
        *([("Address", tool.url)] if tool.url else []),
    ]
    for label, shown in fields:
        before = f"{label}: " if label != DESCRIPTION else ""
        placed.append(ShownField(label, shown, len(text + before)))
        text += f"{before}{shown}\n\n"
        line += f"{before}{as_written(shown) if label == DESCRIPTION else shown}\n\n"
    return ShownSource(text, " ".join(line.split()), tuple(placed))
