"""What a decision has to be before it is written, and what an editor's name may be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from panel.decisions import Decision
from panel.errors import UsageError
from panel.text import clean_text, counted
from panel.workspace.git import user_name

TEXT_LIMIT = 20_000  # characters of a take
QUOTE_LIMIT = 1_000  # characters of one quote
MOST_QUOTES = 20
NOTE_LIMIT = 2_000
NAME_LIMIT = 200
BY_MCP = " (mcp)"  # after the editor's name, in each decision that came by panel mcp
FEWEST_WORDS = 3  # of the reason for another verdict than the reviewer's


def editor_name(root: Path, named: str | None) -> str:
    """Return who decides: the name given, or git's user.name; "" where nobody is named.

    Raises UsageError for a name that cannot be one.
    """
    if named is None:
        return checked_name(user_name(root) or "", may_be_empty=True)
    return checked_name(named)


def checked_name(named: str, may_be_empty: bool = False) -> str:
    """Return an editor's name on one line; raises UsageError for none and for a long one."""
    name = _line(named)
    if not name and not may_be_empty:
        raise UsageError(
            "nobody is named as the editor. Give --editor NAME, or run "
            "'git config --global user.name NAME'."
        )
    if len(name) > NAME_LIMIT:
        raise UsageError(f"the editor's name is longer than {NAME_LIMIT} characters. Shorten it.")
    return name


class FieldError(UsageError):
    """A decision that cannot be, for what one field of its form says. field: its name."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in clean_text(text)).split())


def checked(decision: Decision) -> Decision:
    """Return a decision with its texts in order; raises UsageError for one that cannot be."""
    text = None if decision.text is None else clean_text(decision.text).strip()
    note = None if decision.note is None else clean_text(decision.note).strip() or None
    editor = _line(decision.editor)
    if not editor:
        raise UsageError("a decision needs an editor's name.")
    if decision.action in ("approve", "edit", "reject") and not text:
        raise FieldError("text", "the take is empty. Write its words, or reject it.")
    if (decision.action == "confirm") != (decision.question is not None):
        raise UsageError("a confirmation, and nothing else, names its question. Load it again.")
    if text and len(text) > TEXT_LIMIT:
        raise FieldError(
            "text",
            f"the take has {counted(len(text), 'character')}, more than {TEXT_LIMIT:,}. "
            "Shorten it.",
        )
    if note and len(note) > NOTE_LIMIT:
        raise FieldError(
            "note",
            f"the note has {counted(len(note), 'character')}, more than {NOTE_LIMIT:,}. "
            "Shorten it.",
        )
    if decision.action == "ask_again" and not note:
        raise FieldError("note", "asking again needs a note. Write what to look at.")
    reason = None if decision.verdict_reason is None else clean_text(decision.verdict_reason)
    if reason and len(reason) > NOTE_LIMIT:
        raise FieldError(
            "verdict_reason",
            f"the reason has {counted(len(reason), 'character')}, more than {NOTE_LIMIT:,}. "
            "Shorten it.",
        )
    return replace(
        decision,
        text=text,
        evidence=_quotes(decision.evidence),
        note=note,
        editor=editor,
        verdict_reason=" ".join((reason or "").split()) or None,
    )


def _quotes(evidence: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return quotes without the empty ones and without repetition; raises UsageError."""
    if evidence is None:
        return None
    cleaned = (clean_text(quote).strip() for quote in evidence)
    quotes = tuple(dict.fromkeys(quote for quote in cleaned if quote))
    if len(quotes) > MOST_QUOTES:
        raise UsageError(
            f"{counted(len(quotes), 'quote is', 'quotes are')} more than {MOST_QUOTES}. Remove "
            "some."
        )
    for quote in quotes:
        if len(quote) > QUOTE_LIMIT:
            raise UsageError(
                f"the quote {quote[:40]!r}... has {counted(len(quote), 'character')}, more than "
                f"{QUOTE_LIMIT:,}. Shorten it."
            )
    return quotes
