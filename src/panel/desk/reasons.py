"""Why a take is rejected: a short list, kept at the beginning of the decision's note."""

from __future__ import annotations

from panel.results.entries import Entry

REASONS = {
    "fact": "Wrong fact",
    "tone": "Wrong tone",
    "point": "Off the point",
    "repeats": "Repeats another take",
    "other": "Other",
}


def reason_note(reason: str, words: str) -> str | None:
    """Return the note of a rejection; None where no reason is given."""
    named, said = REASONS.get(reason), " ".join(words.split())
    return ": ".join(part for part in (named, said) if part) or None


def reason_of(entry: Entry) -> str | None:
    """Return the reason for which a take is rejected, a key of REASONS; None without one."""
    note = entry.review.note or ""
    if entry.state != "rejected":
        return None
    return next((key for key, named in REASONS.items() if note.split(":")[0] == named), None)
