"""Editors at work: what they see of a take, and their decisions on it."""

from __future__ import annotations

from typing import Any

from panel.decisions import Decision
from panel.desk.decide import decide
from panel.results.entries import Entry
from panel.workspace.loading import load_workspace
from tests.support.results import entries_of
from tests.support.space import Space

PAIR = ("anvil", "builder")


def entries(space: Space) -> dict[tuple[str, str], Entry]:
    """Return what editors see, by tool and persona."""
    return entries_of(load_workspace(space.root))


def entry(space: Space, pair: tuple[str, str] = PAIR) -> Entry:
    """Return what editors see of one take."""
    return entries(space)[pair]


def on(seen: Entry, action: Any, editor: str = "Ada", **more: Any) -> Decision:
    """Make the decision of an editor who sees this entry."""
    words = action in ("approve", "edit", "reject")
    fields = {
        "follows": seen.review.latest,
        "attempt_id": seen.answer.attempt_id if seen.answer else None,
        "text": seen.text if words else None,
    }
    return Decision(*seen.pair, action, editor, **(fields | more))


def do(space: Space, action: Any, pair: tuple[str, str] = PAIR, **more: Any) -> Decision:
    """Look at a take as it is now, and decide on it."""
    workspace = load_workspace(space.root)
    return decide(workspace, on(entries_of(workspace)[pair], action, **more))


def undo(space: Space, pair: tuple[str, str] = PAIR) -> Decision:
    """Take back the last decision on a take."""
    workspace = load_workspace(space.root)
    seen = entries_of(workspace)[pair]
    return decide(workspace, on(seen, "undo", undoes=seen.review.in_force[-1]))
