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
    return entries_of(space.root)


def entry(space: Space, pair: tuple[str, str] = PAIR) -> Entry:
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
    return decide(load_workspace(space.root), on(entry(space, pair), action, **more))


def undo(space: Space, pair: tuple[str, str] = PAIR) -> Decision:
    return do(space, "undo", pair, undoes=entry(space, pair).review.in_force[-1])
