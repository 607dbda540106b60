"""What stands in the fields of a take's page: what is saved, or what was typed and is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from panel.decisions import Decision
from panel.desk.limits import is_quote
from panel.results.entries import Entry
from panel.store.editors_notes import Draft


@dataclass(frozen=True, slots=True)
class Typed:
    """The fields of a take's page.

    unsaved: whether words, quotes or verdict are others than those saved. noted: whether the note
    for asking again was typed and not sent.
    """

    text: str
    quotes: tuple[str, ...]
    verdict: str
    verdict_reason: str
    note: str = ""
    unsaved: bool = False
    noted: bool = False


def typed(entry: Entry, words: Decision | None, draft: Draft | None) -> Typed:
    """Return the fields of a take's page: a draft's, those of earlier words, or what is saved."""
    said = dict(draft.typed) if draft else {}
    note = said.get("note", "")
    if words is not None:
        return Typed(
            words.text or "",
            words.evidence or (),
            words.verdict or "",
            words.verdict_reason or "",
            note,
            unsaved=True,
            noted=bool(note),
        )
    return from_fields(entry, said, note)


def from_fields(entry: Entry, said: Mapping[str, str], note: str = "") -> Typed:
    """Return the fields as a form sent them; what it has not is as it is saved."""
    quotes = quotes_in(said)
    return Typed(
        said.get("text", entry.text),
        entry.evidence if quotes is None else quotes,
        said.get("verdict", entry.verdict or ""),
        said.get("verdict_reason", entry.verdict_reason or ""),
        note,
        unsaved=any(is_edit(name) for name in said),
        noted=bool(note),
    )


def quotes_in(said: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the quotes among fields, in order, without the empty ones; None without fields."""
    named = sorted((int(name[6:]), text) for name, text in said.items() if is_quote(name))
    return tuple(text for _number, text in named if text.strip()) if named else None


def is_edit(name: str) -> bool:
    """Whether a field belongs to the words, the quotes or the verdict."""
    return is_quote(name) or name in ("text", "verdict", "verdict_reason")


def is_doubt(name: str) -> bool:
    """Whether a field is the reason for which words with errors stand."""
    return name == "doubt"


def holds_words(draft: Draft | None) -> bool:
    """Whether a draft has something of the take or a note: more than a reason for its errors."""
    return draft is not None and not all(map(is_doubt, draft.typed))


def unsaved_fields(entry: Entry, fields: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that say something else than what is saved of a take."""
    left = {}
    if "text" in fields and fields["text"].strip() != entry.text.strip():
        left["text"] = fields["text"]
    quotes = quotes_in(fields)
    if quotes is not None and quotes != entry.evidence:
        left |= {name: text for name, text in fields.items() if is_quote(name)}
    for name, saved in (("verdict", entry.verdict), ("verdict_reason", entry.verdict_reason)):
        if name in fields and fields[name].strip() != (saved or ""):
            left[name] = fields[name]
    if fields.get("note", "").strip() not in ("", entry.review.guidance):
        left["note"] = fields["note"]
    if len(fields.get("doubt", "").strip()) > 1:  # one letter is no reason, but a key gone astray
        left["doubt"] = fields["doubt"]
    return left
