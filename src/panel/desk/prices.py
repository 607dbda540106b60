"""Which prices are due: those that nobody has looked at for too long, or ever."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from panel.workspace.loading import WorkspaceFiles
from panel.workspace.tools import Tool


def today() -> date:
    """Return the day by which the site counts, too: in UTC."""
    return datetime.now(UTC).date()


def is_overdue(tool: Tool, days: int, day: date) -> bool:
    """Whether readers see a tool's price marked: checked more than ``days`` before, or never."""
    verified = tool.pricing.verified
    return verified is None or day - verified > timedelta(days=days)


def overdue(files: WorkspaceFiles, day: date) -> list[Tool]:
    """Return the tools whose price is due: those never checked, then the oldest first."""
    days = files.settings.site.stale_price_days
    found: Iterable[Tool] = (tool for tool in files.tools if is_overdue(tool, days, day))
    return sorted(found, key=lambda tool: (tool.pricing.verified or date.min, tool.slug))


def checked_in_words(tool: Tool, days: int, day: date) -> str:
    """Say when a price was checked: "checked 94 days ago: overdue"."""
    verified = tool.pricing.verified
    if verified is None:
        return "never checked"
    age = (day - verified).days
    if age < 0:
        return f"checked on {verified}, which is still to come"
    when = {0: "today", 1: "yesterday"}.get(age, f"{age:,} days ago")
    return f"checked {when}{': overdue' if is_overdue(tool, days, day) else ''}"
