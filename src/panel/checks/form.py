"""The form of a take: its beats, its length."""

from __future__ import annotations

from panel.checks.findings import Finding, Severity, Subject, whole

WORDS = (90, 160)  # what the prompt asks for
FAR = (45, 240)  # outside this, a take is not one paragraph


def check_form(subject: Subject) -> list[Finding]:
    """Find missing beats, an empty take, and a length far from 90 to 160 words.

    The length of picked sentences is nobody's.
    """
    if not subject.text.strip():
        says = ("the take is empty", "Ask again, or write it.")
        return [whole("take-empty", "error", says)]
    found = []
    if subject.beats:  # an editor's words have none
        for beat in subject.persona.beats:
            if not subject.beats.get(beat.id, "").strip():
                says = (f"the beat “{beat.label}” is missing", "Ask again, or write that part.")
                found.append(whole("beat-missing", "error", says, beat.id))
    return found if subject.picked else found + _length(len(subject.text.split()))


def _length(words: int) -> list[Finding]:
    low, high = WORDS
    if low <= words <= high:
        return []
    severity: Severity = "warning" if FAR[0] <= words <= FAR[1] else "error"
    remedy = "Ask again, or add what is missing." if words < low else "Shorten it."
    return [whole("length", severity, (f"{words} words; {low} to {high} are asked for", remedy))]
