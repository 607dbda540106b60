"""Takes back what an editor did beside decisions: files written, and takes given."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from panel.desk.forms import read_form
from panel.desk.last import Change
from panel.desk.pages import DeskPages
from panel.desk.written_files import ABSENT, ChangedMeanwhileError, write_file
from panel.errors import UsageError
from panel.hashing import text_hash


class Undoing(DeskPages):
    """Answers the key of undo for what is no decision."""

    async def undo_change(self, request: Request) -> Response:
        """Take the last change of this session back, or bring it back."""
        form = await read_form(request)
        return await run_in_threadpool(self._undo_change, form["change"])

    def _undo_change(self, name: str) -> Response:
        changes = self.desk.changes
        found = changes.find(name)
        if found is None:
            raise UsageError("that is not what you did last. Load the page again.")
        change, stands = found
        try:
            self._turn(change.turned if stands else change)
        except UsageError:
            changes.forget(change)  # else it would stand before every earlier one
            raise
        changes.turn(change, at=len(self.desk.made))
        word = "undone" if stands else "redone"
        return RedirectResponse(f"{change.back}?{word}={change.id}", 303)

    def _turn(self, change: Change) -> None:
        """Do a change; raises UsageError, with nothing done, where something has come after it."""
        assigned = self.desk.snapshot().assigned
        if any(assigned.get(pair) != was for pair, (was, _to) in change.given.items()):
            raise UsageError(f"{change.says}: somebody has given them again since, so it stays.")
        for to in dict.fromkeys(to for _was, to in change.given.values()):
            self.desk.assign([pair for pair, (_, name) in change.given.items() if name == to], to)
        if change.file is None:
            return
        seen = ABSENT if change.before is None else text_hash(change.before)
        try:
            write_file(self.desk.root, change.file, seen, change.after)
        except ChangedMeanwhileError:
            raise UsageError(
                f"{change.says}: {change.file.name} has changed since, so it stays. Edit the file."
            ) from None
