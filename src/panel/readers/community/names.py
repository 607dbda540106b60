"""The slugs that tools have had: readers' votes go on under the present one.

A tool is known here by its first slug, whatever it is called later. One that is given a slug that
another had before it is known by that slug and a number, so their votes stay apart. What is called
what follows from the lines of votes.jsonl in their order, and from the times of the renames.
"""

from __future__ import annotations

from collections.abc import Iterable

from panel.cells.renames import SlugChange
from panel.workspace.tools import SLUG_CHARACTERS, slugify


class Names:
    """Which tool a slug is, and what slug a tool has now."""

    def __init__(self) -> None:
        self._tools: dict[str, str] = {}  # by each slug that it has or had; else the slug itself
        self._slugs: dict[str, str] = {}  # the present ones, by tool; else the tool itself
        self._since: dict[str, str] = {}  # when a tool came to its slug
        self._begun: set[str] = set()  # tools with the slug of another before them
        self._known: set[SlugChange] = set()

    def tool(self, slug: str) -> str:
        """Return the tool that a slug leads to."""
        return self._tools.get(slug, slug)

    def slug(self, tool: str) -> str:
        """Return the slug that a tool has now."""
        return self._slugs.get(tool, tool)

    def is_former(self, slug: str) -> bool:
        """Whether a slug leads to a tool that has another one now."""
        return self.slug(self.tool(slug)) != slug

    def news(self, changes: Iterable[SlugChange], dated: bool) -> list[SlugChange]:
        """Return which changes are to be put down: those with a time, or those without.

        One without a time says nothing of a slug that has had two tools: it may mean either.
        """
        fresh = (each for each in changes if bool(each.at) is dated and each.was != each.now)
        return [
            each
            for each in fresh
            if (each not in self._known if dated else self._is_plain(each.was))
            and _are_slugs(each.was, each.now)
        ]

    def _is_plain(self, slug: str) -> bool:
        return not self.is_former(slug) and self.tool(slug) not in self._begun

    def rename(self, change: SlugChange, recorded: str) -> tuple[str, str] | None:
        """Take in a change; return two tools that are one: which it is, and which it was.

        recorded: when it was put down. A change that is older than the slug is about the tool that
        had it before, and changes nothing.
        """
        self._known.add(change)
        tool, other = self.tool(change.was), self.tool(change.now)
        if self.slug(tool) != change.was:
            # That tool has moved on. On the one that this is about, nobody has voted here.
            self._tools[change.was] = other
            return None
        if change.at and change.at < self._since.get(tool, ""):
            return None
        one = other != tool and self.slug(other) == change.now
        if one:
            self._tools |= {slug: tool for slug, each in self._tools.items() if each == other}
        self._tools[change.was] = self._tools[change.now] = tool
        self._slugs[tool] = change.now
        self._since[tool] = change.at or recorded
        return (tool, other) if one else None

    def begin(self, slug: str, recorded: str) -> None:
        """Take in that another tool has a slug now than the one that it led to."""
        if self.is_former(slug):
            tool = f"{slug}/{len(self._begun) + 1}"  # which is no slug
            self._begun.add(tool)
            self._tools[slug], self._slugs[tool] = tool, slug
            self._since[tool] = recorded


def _are_slugs(*texts: str) -> bool:
    return all(text and len(text) <= SLUG_CHARACTERS and slugify(text) == text for text in texts)
