"""Many takes at once: which of them may be approved unread, and why the others may not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from panel.decisions import Decision
from panel.desk.filters import Sight
from panel.desk.limits import BY_MCP
from panel.desk.take import wording_hash
from panel.hashing import text_hash
from panel.results.entries import Entry


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """What approving many takes would do.

    approve: those to approve. left: the others, by the reason why they are left out. seen: a hash
    of all that is approved, so that what is approved is what was looked at.
    """

    approve: list[Entry]
    left: dict[str, list[Entry]]

    @property
    def seen(self) -> str:
        """A hash of the takes, their words and the decisions before."""
        return text_hash(
            "\n".join(
                "\0".join((*entry.pair, _attempt(entry), entry.review.latest or "", words))
                for entry in self.approve
                for words in (wording_hash(entry),)
            )
        )

    def decisions(self, editor: str) -> list[Decision]:
        """Return the approvals, each of the very words that were seen."""
        return [
            Decision(
                *entry.pair,
                "approve",
                editor,
                follows=entry.review.latest,
                attempt_id=_attempt(entry),
                text=entry.text,
                evidence=entry.evidence,
            )
            for entry in self.approve
        ]


def _attempt(entry: Entry) -> str:
    return entry.answer.attempt_id if entry.answer else ""


def bulk_plan(entries: Sequence[Entry], sight: Sight) -> BulkPlan:
    """Sort takes into those without findings, which may be approved at once, and the others."""
    plan = BulkPlan([], {})
    for entry in entries:
        why = why_not(entry, sight)
        if why is None:
            plan.approve.append(entry)
        else:
            plan.left.setdefault(why, []).append(entry)
    return plan


def why_not(entry: Entry, sight: Sight) -> str | None:
    """Return why a take is not approved with many others; None where it may be."""
    if not entry.has_words:
        return "there is no take"
    if entry.picked:
        return "a demo model picked its sentences"
    if entry.state in ("approved", "rejected"):
        return f"{entry.state} already"
    if sight.has_signed(entry):
        return "you have approved it; another editor has to"
    words = entry.review.revision
    if entry.state == "edited" and words is not None and words.editor.endswith(BY_MCP):
        return "a program has edited it (panel mcp), and nobody has read that yet"
    if entry.stale:
        return "its question has changed since the answer"
    found = sight.counted(entry)
    if found is None:
        return "not checked yet"
    worst = min(found, key=lambda each: each.rank, default=None)
    return None if worst is None else f"the checks found {_WORDS[worst.severity]}"


_WORDS = {"error": "an error", "warning": "a warning", "note": "something to note"}
