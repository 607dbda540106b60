"""Many takes at once: which of them may be approved unread, and why the others may not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from panel.checks import Finding
from panel.decisions import Decision, Pair
from panel.desk.filters import Sight
from panel.desk.limits import BY_MCP
from panel.desk.take import wording_hash
from panel.hashing import text_hash
from panel.results.entries import Entry


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """What approving many takes would do.

    approve: those to approve. left: the others, by the reason why they are left out. notes: what
    the checks note of those to approve. seen: a hash of all that is approved, so that what is
    approved is what was looked at.
    """

    approve: list[Entry]
    left: dict[str, list[Entry]]
    notes: dict[Pair, Sequence[Finding]] = field(default_factory=dict)

    @property
    def noted(self) -> list[Entry]:
        """Those that are left out for their notes alone."""
        return self.left.get(NOTED, [])

    @property
    def seen(self) -> str:
        """A hash of the takes, their words, what is noted of them and the decisions before."""
        return text_hash(
            "\n".join(
                "\0".join((*entry.pair, _attempt(entry), entry.review.latest or "", *words))
                for entry in self.approve
                for words in ((wording_hash(entry), *map(_note, self.notes.get(entry.pair, ()))),)
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


def _note(finding: Finding) -> str:
    return f"{finding.check} {finding.span} {finding.quote} {finding.message}"


def bulk_plan(entries: Sequence[Entry], sight: Sight, notes: bool = False) -> BulkPlan:
    """Sort takes into those without findings, which may be approved at once, and the others.

    notes: those of which the checks only note something may be approved, too.
    """
    plan = BulkPlan([], {})
    for entry in entries:
        why = why_not(entry, sight)
        if why is None or (notes and why == NOTED):
            plan.approve.append(entry)
            if found := sight.counted(entry):
                plan.notes[entry.pair] = found
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
    return None if worst is None else _WORDS[worst.severity]


NOTED = "the checks found something to note"
_WORDS = {
    "error": "the checks found an error",
    "warning": "the checks found a warning",
    "note": NOTED,
}
