"""What editors leave beside their decisions: words typed and not saved, and whose a take is.

Both are lines of the session's journal, forced to disk like decisions. They change no state.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from panel.cells.journal import journal_line, utc_after
from panel.decisions import Pair
from panel.desk.limits import checked_name
from panel.store.editors_notes import Draft, drafts_of, last_assigned
from panel.store.ingest import opened
from panel.text import clean_text

FIELDS = re.compile(r"(text|note|verdict|verdict_reason|doubt|quote-\d{1,3})")
LONGEST = 20_000  # characters of a field


class EditorsNotes:
    """The drafts of an editor and the assignments of takes; safe for the threads of a server.

    write: appends a line to the session's journal, on disk when it returns.
    """

    def __init__(self, runs: Path, write: Callable[[bytes], None]) -> None:
        self._runs, self._write = runs, write
        self._lock = threading.Lock()
        self._drafts: dict[str, dict[Pair, Draft]] = {}  # by editor; read once, until forgotten

    def drafts(self, editor: str) -> Mapping[Pair, Draft]:
        """Return what this editor has typed and not decided, by tool × persona."""
        with self._lock:
            return {pair: each for pair, each in self._of(editor).items() if each.typed}

    def _of(self, editor: str) -> dict[Pair, Draft]:
        if editor not in self._drafts:
            with opened(self._runs) as connection:
                self._drafts[editor] = drafts_of(connection, editor)
        return self._drafts[editor]

    def forget(self) -> None:
        """Read the drafts again: another desk of the same editor may have written some."""
        self._drafts = {}  # without the lock: whoever writes holds it, and waits for the session's

    def keep(self, pair: Pair, editor: str, typed: Mapping[str, str]) -> Draft | None:
        """Keep what an editor has typed on a take, in place of what they had; empty: nothing.

        Writes nothing where nothing has changed. Raises JournalError.
        """
        fields = {
            name: clean_text(text)[:LONGEST]
            for name, text in typed.items()
            if FIELDS.fullmatch(name)
        }
        with self._lock:
            drafts = self._of(editor)
            draft = drafts.get(pair, Draft({}, ""))
            if draft.typed != fields:
                draft = Draft(fields, utc_after(draft.saved_at))
                said = {"tool": pair[0], "persona": pair[1], "editor": editor}
                self._write(
                    journal_line("draft", said | {"typed": fields, "saved_at": draft.saved_at})
                )
                drafts[pair] = draft
            return draft if draft.typed else None

    def drop(self, pair: Pair, editor: str, names: Callable[[str], bool]) -> None:
        """Forget the fields of a draft whose names this says yes to: they are decided."""
        draft = self.drafts(editor).get(pair)
        if draft is not None:
            left = {name: text for name, text in draft.typed.items() if not names(name)}
            self.keep(pair, editor, left)

    def assign(self, pairs: Sequence[Pair], assignee: str | None, editor: str) -> str | None:
        """Say whose takes these are from now on; returns the name as it is kept.

        Raises UsageError for a name that cannot be one, JournalError.
        """
        named = None if assignee is None else checked_name(assignee)
        with opened(self._runs) as connection:
            now = utc_after(last_assigned(connection))
        lines = (
            journal_line(
                "assign",
                {
                    "tool": tool,
                    "persona": persona,
                    "assignee": named,
                    "editor": editor,
                    "assigned_at": now,
                },
            )
            for tool, persona in pairs
        )
        self._write(b"".join(lines))
        return named
