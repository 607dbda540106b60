"""What a decision has to be before it is written, and what an editor's name may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from panel.cells.answers import MOST_QUOTES
from panel.decisions import Decision
from panel.errors import UsageError
from panel.text import clean_text, counted
from panel.workspace.git import user_name
from panel.workspace.verdict import QUOTE_LIMIT

TEXT_LIMIT = 20_000  # characters of a take
NOTE_LIMIT = 2_000
NAME_LIMIT = 200
FIELD_LIMIT = 100_000  # characters of any other field: a description's, or an editorial text's
BY_MCP = " (mcp)"  # after the editor's name, in each decision that came by panel mcp
FEWEST_WORDS = 3  # of the reason for another verdict than the reviewer's
_DECIDES: Mapping[str, tuple[str, int]] = {  # fields of a decision: what they hold, how long
    "text": ("take", TEXT_LIMIT),
    "shown": ("take", TEXT_LIMIT),
    "note": ("note", NOTE_LIMIT),
    **dict.fromkeys(("verdict_reason", "why", "doubt"), ("reason", NOTE_LIMIT)),
}


def editor_name(root: Path, named: str | None) -> str:
    """Return who decides: the name given, or git's user.name; "" where nobody is named.

    Raises UsageError for a name that cannot be one.
    """
    if named is None:
        return checked_name(user_name(root) or "", may_be_empty=True)
    return checked_name(named)


def checked_name(named: str, may_be_empty: bool = False) -> str:
    """Return an editor's name on one line; raises UsageError for one that cannot be."""
    name = _line(named)
    if name and not any(map(str.isalnum, name)):
        raise UsageError(f"{name[:40]!a} is no name: it has no letter and no digit.")
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
    said = {
        "text": decision.text or "",
        "note": decision.note or "",
        "verdict_reason": decision.verdict_reason or "",
    }
    refuse_long(said)  # first: what is too long is not even looked through
    text = None if decision.text is None else clean_text(decision.text).strip()
    note = clean_text(said["note"]).strip() or None
    editor = _line(decision.editor)
    if not any(map(str.isalnum, editor)):
        raise UsageError("a decision needs an editor's name.")
    if decision.action in ("approve", "edit", "reject") and not text:
        raise FieldError("text", "the take is empty. Write its words, or reject it.")
    if (decision.action == "confirm") != (decision.question is not None):
        raise UsageError("a confirmation, and nothing else, names its question. Load it again.")
    if decision.action == "ask_again" and not note:
        raise FieldError("note", "asking again needs a note. Write what to look at.")
    return replace(
        decision,
        text=text,
        evidence=_quotes(decision.evidence),
        note=note,
        editor=editor,
        verdict_reason=" ".join(clean_text(said["verdict_reason"]).split()) or None,
    )


def refuse_long(fields: Mapping[str, str]) -> None:
    """Raise FieldError for a field of a decision that is too long, or for too many quotes."""
    for name, text in fields.items():
        quote = is_quote(name)
        what, most = ("quote", QUOTE_LIMIT) if quote else _DECIDES.get(name, ("", FIELD_LIMIT))
        refuse_longer(name, what, text, most)
    _refuse_many(sum(is_quote(name) and bool(text.strip()) for name, text in fields.items()))


def refuse_longer(field: str, what: str, text: str, most: int = FIELD_LIMIT) -> None:
    """Raise FieldError for a field of more characters than ``most``. what: it holds, if known."""
    if len(text) > most:
        named = f"the {what}" if what else f"the field {field[:40]!r}"
        quoted = f" {text[:40]!r}..." if what == "quote" else ""
        raise FieldError(
            field,
            f"{named}{quoted} has {counted(len(text), 'character')}, more than {most:,}. "
            "Shorten it.",
        )


def is_quote(name: str) -> bool:
    """Whether a field is a quote's."""
    return re.fullmatch(r"quote-[0-9]{1,3}", name) is not None


def _refuse_many(quotes: int) -> None:
    if quotes > MOST_QUOTES:
        many = counted(quotes, "quote is", "quotes are")
        raise UsageError(f"{many} more than {MOST_QUOTES}. Remove some.")


def _quotes(evidence: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return quotes without the empty ones and without repetition; raises UsageError."""
    if evidence is None:
        return None
    for quote in evidence:
        refuse_longer("", "quote", quote, QUOTE_LIMIT)
    cleaned = (clean_text(quote).strip() for quote in evidence)
    quotes = tuple(dict.fromkeys(quote for quote in cleaned if quote))
    _refuse_many(len(quotes))
    return quotes
