"""The form of the editors' own words: from a file of ``editorial/`` to fields, and back."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from panel.desk.form_values import alike, dated, line_of, moved
from panel.errors import UsageError, WorkspaceError
from panel.text import clean, clean_text
from panel.workspace.editorial import (
    BETWEEN,
    DIGEST,
    FOLDER,
    FRONT,
    PAIRS,
    TOOLS,
    Editorial,
    EditorialFiles,
    editorial_file,
    load_editorial,
)
from panel.workspace.front_matter import Changes, edit_body, edit_front_matter

LINES = ("headline", "standfirst", "lead", "by")
BLANK_ROWS = 2
MOST_ROWS = 60
MOST_FIELDS = 2 * (MOST_ROWS + BLANK_ROWS) + 30
EMPTY = "---\n---\n"


@dataclass(frozen=True, slots=True)
class About:
    """What words are about. kind: front, tools, pairs or digest; of: slugs, or the first day."""

    kind: str
    of: tuple[str, ...] = ()

    @classmethod
    def named(cls, kind: str, name: str, slugs: Collection[str]) -> About | None:
        """Read it from an address; None for what has no page."""
        if kind == FRONT:
            return cls(FRONT) if not name else None
        if kind == DIGEST:
            return cls(DIGEST, (name,)) if isinstance(dated(name), date) else None
        of = tuple(sorted(set(name.split(BETWEEN))))
        fits = len(of) == {TOOLS: 1, PAIRS: 2}.get(kind) and set(of) <= set(slugs)
        return cls(kind, of) if fits else None

    def file(self, root: Path) -> Path:
        """Return the file of these words."""
        return editorial_file(root, self.kind, *self.of)

    def words(self, files: EditorialFiles) -> Editorial | None:
        """Return what is said of it now; None where nothing is."""
        if self.kind == FRONT:
            return files.front
        if self.kind == PAIRS:
            return files.pairs.get(frozenset(self.of))
        return {TOOLS: files.tools, DIGEST: files.digests}[self.kind].get(self.of[0])


def editorial_fields(said: Editorial | None) -> dict[str, str]:
    """Return the fields of the form, by their names: corrections as ``corrections-1-date``."""
    if said is None:
        return {}
    found = {name: getattr(said, name) or "" for name in LINES}
    found |= {"why": said.why, "text": said.text, "pick": "1" if said.pick else ""}
    found["date"] = said.date.isoformat() if said.date else ""
    for number, each in enumerate(said.corrections, 1):
        found[f"corrections-{number}-date"] = each.date.isoformat()
        found[f"corrections-{number}-note"] = each.note
    return found


def correction_rows(fields: Mapping[str, str]) -> list[int]:
    """Return the numbers of the rows of corrections: up to the last, and some blank ones."""
    filled = [
        number
        for number in range(1, MOST_ROWS + 1)
        if any(fields.get(f"corrections-{number}-{part}") for part in ("date", "note"))
    ]
    return list(range(1, max(filled, default=0) + BLANK_ROWS + 1))


def edited_words(
    before: str | None, said: Editorial | None, sent: Mapping[str, str], file: Path
) -> str | None:
    """Return the file's text with what a form says; None where it says nothing any more.

    before: as it is on disk, None where there is no file. Raises UsageError and WorkspaceError as
    edit_front_matter does.
    """
    if said is not None and len(said.corrections) > MOST_ROWS:
        raise UsageError(f"{file} has more corrections than a form can hold. Edit it by hand.")
    now = _values(sent)
    text = clean(clean_text(sent.get("text", ""))).strip()
    if not text and not any(value for name, value in now.items() if name not in ("by", "date")):
        return None
    was = _values(editorial_fields(said))
    changes: Changes = {
        (name,): value for name, value in now.items() if alike(was.get(name)) != alike(value)
    }
    written = before or EMPTY
    written = edit_front_matter(written, changes, file) if changes else written
    if alike(text) != alike(said.text if said else ""):
        written = edit_body(written, text, file)
    return written


def checked_words(
    text: str | None, about: About, root: Path, slugs: Collection[str]
) -> Editorial | None:
    """Return what a file of this text says; raises WorkspaceError where ``panel check`` would.

    None is no file, which says nothing.
    """
    if text is None:
        return None
    with tempfile.TemporaryDirectory(prefix="panel-desk-") as folder:
        copy = about.file(Path(folder))
        copy.parent.mkdir(parents=True)
        copy.write_bytes(text.encode())
        try:
            return about.words(load_editorial(Path(folder) / FOLDER, slugs))
        except WorkspaceError as error:
            raise moved(error, about.file(root)) from None


def _values(fields: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {name: line_of(fields, name) for name in LINES}
    found["pick"] = True if fields.get("pick") == "1" else None
    found["why"] = clean(clean_text(fields.get("why", ""))).strip()
    found["date"] = dated(line_of(fields, "date"))
    found["corrections"] = [
        {"date": dated(day), "note": note}
        for number in correction_rows(fields)
        for day, note in [
            (
                line_of(fields, f"corrections-{number}-date"),
                line_of(fields, f"corrections-{number}-note"),
            )
        ]
        if day or note
    ]
    return {name: value or None for name, value in found.items()}
