"""Publishing from the desk: first what it would change, then the change, one at a time."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from panel.desk.previews import KeptCards, gather
from panel.desk.prices import today
from panel.desk.snapshot import DeskSnapshot
from panel.errors import PanelError, UsageError, WorkspaceError
from panel.site.build import MANIFEST, Built, Plan, build, plan
from panel.site.publication import Publication
from panel.workspace.plain_files import read_bytes, refuse_link_on_the_way
from panel.workspace.scaffold import make_runs

LOCK = ".publishing"  # in runs/
SOON = 1.5  # seconds for which a page waits, so that a small site needs no second look


@dataclass(frozen=True, slots=True)
class Progress:
    """Where publishing stands.

    state: looking, ready, writing, done or failed. made, of: files so far, and of how many.
    plan: what would change, or has been changed. id: names the plan in the form. says: one
    sentence on what went wrong.
    """

    state: Literal["looking", "ready", "writing", "done", "failed"]
    id: str = ""
    made: int = 0
    of: int = 0
    plan: Plan | None = None
    publication: Publication | None = None
    built: Built | None = None
    says: str = ""

    @property
    def under_way(self) -> bool:
        """Whether it has not ended yet."""
        return self.state in ("looking", "writing")


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a plan was made of; it holds as long as this is the same."""

    entries: object
    files: object
    day: date
    site: bytes

    def same(self, other: _Basis | None) -> bool:
        """Whether nothing has changed between two looks."""
        return (
            other is not None
            and self.entries is other.entries
            and self.files is other.files
            and (self.day, self.site) == (other.day, other.site)
        )


class Publisher:
    """Plans and writes the site of a workspace, in one thread beside the desk."""

    def __init__(self, root: Path, cards: KeptCards) -> None:
        self._root, self._cards = root, cards
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._basis: _Basis | None = None
        self._now = Progress("failed")

    def folder(self, snapshot: DeskSnapshot) -> Path:
        """Return the folder that panel.toml names; raises WorkspaceError for one elsewhere."""
        out = self._root / snapshot.workspace.settings.site.folder
        refuse_link_on_the_way(out)
        return out

    def look(self, snapshot: DeskSnapshot, again: bool = False) -> Progress:
        """Return where publishing stands; begins to look where that is not known any more.

        again: although nothing has changed since.
        """
        out = self.folder(snapshot)
        basis = self._basis_of(snapshot, out)
        with self._lock:
            known = basis.same(self._basis)
            if not self._now.under_way and (again or not known):
                self._basis = basis
                self._begin(Progress("looking"), self._plan, snapshot, out)
            thread = self._thread
        if thread is not None:
            thread.join(SOON)
        return self.now()

    def now(self) -> Progress:
        """Return where publishing stands."""
        with self._lock:
            return self._now

    def publish(self, snapshot: DeskSnapshot, shown: str, remove: bool) -> None:
        """Begin to write what the plan ``shown`` said; raises UsageError where it is overtaken."""
        out = self.folder(snapshot)
        basis = self._basis_of(snapshot, out)
        with self._lock:
            ready = self._now
            if ready.under_way:
                raise UsageError("the site is being worked on already. Wait until that is done.")
            if ready.state != "ready" or ready.id != shown or not basis.same(self._basis):
                raise UsageError(
                    "takes, files or the site have changed since you looked. Look at what would "
                    "change now, then publish."
                )
            if ready.plan is not None and ready.plan.guarded and not remove:
                raise UsageError(
                    "this would remove pages that readers may have links to. Tick that they may "
                    "go, or approve a take again that is to stay."
                )
            self._begin(replace(ready, state="writing"), self._write, out, remove)
        if self._thread is not None:
            self._thread.join(SOON)

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is under way; returns False when the time ran out first."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return thread is None or not thread.is_alive()

    def _basis_of(self, snapshot: DeskSnapshot, out: Path) -> _Basis:
        try:
            site = read_bytes(out / MANIFEST)
        except WorkspaceError:
            site = b""
        return _Basis(snapshot.entries, snapshot.workspace, today(), site)

    def _begin(self, first: Progress, work: object, *parts: object) -> None:
        self._now = first
        self._thread = threading.Thread(target=self._run, args=(work, *parts), daemon=True)
        self._thread.start()

    def _run(self, work: object, *parts: object) -> None:
        told = "Something unforeseen went wrong; the desk's terminal says what. Try again."
        try:
            assert callable(work)
            work(*parts)
        except PanelError as error:
            told = str(error)
        except OSError as error:
            told = f"{error.filename or 'The site'}: {error.strerror or error}. Make room or mend "
            told += "the rights, then try again."
        finally:
            with self._lock:
                if self._now.under_way:
                    self._now = replace(self._now, state="failed", says=told)

    def _tell(self, made: int, of: int) -> None:
        with self._lock:
            self._now = replace(self._now, made=made, of=of)

    def _plan(self, snapshot: DeskSnapshot, out: Path) -> None:
        gathered = gather(self._root, snapshot, self._cards, drafts=False)
        if not gathered.tools:
            raise UsageError("nothing is approved yet, so there is nothing to publish.")
        found = plan(gathered, out, self._tell)
        ready = Progress("ready", secrets.token_hex(8), plan=found, publication=gathered)
        with self._lock:
            self._now = ready

    def _write(self, out: Path, remove: bool) -> None:
        publication = self._now.publication
        assert publication is not None
        make_runs(self._root / "runs")
        try:
            with FileLock(self._root / "runs" / LOCK, timeout=0, fallback_to_soft=False):
                built = build(publication, out, remove, self._tell)
        except Timeout:
            raise UsageError("another desk is publishing now. Try again once it is done.") from None
        with self._lock:
            self._now = replace(self._now, state="done", built=built)
            if self._basis is not None:
                site = (out / MANIFEST).read_bytes()
                self._basis = replace(self._basis, site=site)
