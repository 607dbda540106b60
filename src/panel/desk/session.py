"""What the desk knows of the workspace: kept in memory, and made anew as little as possible.

The database is opened, read and closed again; between two requests nobody holds it. What is
kept is thrown away once files or journals have changed.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from panel.cells.answers import Answer
from panel.cells.journal import JournalWriter, find_journals, new_run_id
from panel.cells.packed import size_of
from panel.checks import Finding, Subject, check_take, in_order
from panel.decisions import UNTOUCHED, Decision, Pair
from panel.desk.asking import BackgroundAsker, adopt
from panel.desk.background import keep_checked
from panel.desk.checking import Checker, Wording, worded
from panel.desk.comparing import Comparer
from panel.desk.decide import Made, decide_all
from panel.desk.keeping import FILES, load_files
from panel.desk.last import Changes
from panel.desk.limits import checked, checked_name
from panel.desk.notes import EditorsNotes
from panel.desk.snapshot import DeskSnapshot
from panel.endpoint.target import Chosen
from panel.errors import PanelError, WorkspaceError
from panel.results.entries import Entry, entry_of
from panel.store.connection import Connection
from panel.store.decisions import review_states
from panel.store.editors_notes import assignments, editors_seen
from panel.store.ingest import opened
from panel.store.queries import answers_by_pair, tools_of_runs
from panel.text import counted
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool
from panel.workspace.watch import Marks, Watched

_Journals = dict[str, int]


class DoubtError(PanelError):
    """Words with errors are approved or confirmed, and no reason is given yet."""

    def __init__(self, errors: list[Finding]) -> None:
        self.errors = errors
        many = counted(len(errors), "error")
        super().__init__(
            f"the checks found {many} in these words. Say why they stand all the same."
        )


class Desk:
    """One editor's session: the queue, the checks, deciding, asking again.

    Safe for the threads of a web server. Raises WorkspaceError if the files are wrong from
    the start; later the last good ones are gone on with.
    """

    def __init__(
        self, root: Path, editor: str, endpoint: str | None = None, model: str | None = None
    ) -> None:
        self.root, self.editor = root, editor
        self.start = secrets.token_urlsafe(12)  # in addresses that are new with each desk
        self._chosen = Chosen((), (), (), endpoint, model)
        self._lock = threading.RLock()
        self._watched = Watched(root, FILES)
        self._kept = load_files(root, self._chosen, self._watched.look(), None)
        self._broken: tuple[Marks, tuple[str, ...]] | None = None
        self._journals: _Journals = {}  # as they were when the answers were read
        self._stale = True  # whether files have changed since the entries were made
        self._answers: dict[Pair, list[Answer]] = {}
        self._snapshot: DeskSnapshot | None = None
        self._checker, self._comparer = Checker(), Comparer()
        self._in_background = False
        self.writer = JournalWriter(self._kept.workspace.runs, new_run_id())
        self.notes = EditorsNotes(self._kept.workspace.runs, self._write)
        self.asker = BackgroundAsker(root, endpoint, model)
        self.made: dict[str, Decision] = {}  # of this session, by id
        self.batches: dict[str, list[str]] = {}  # decisions made at once, by the id of the first
        self.changes = Changes()  # of this session, other than decisions
        self._closed = threading.Event()

    def be_named(self, name: str) -> None:
        """Give a desk without an editor its editor's name; raises UsageError for none."""
        with self._lock:
            self.editor = self.editor or checked_name(name)

    def close(self) -> None:
        """End the session: no more checking in the background, the journal closed."""
        self._closed.set()
        with self._lock:
            self.writer.close()

    @property
    def files(self) -> WorkspaceFiles:
        """The workspace as it was read last."""
        return self._kept.workspace

    def snapshot(self) -> DeskSnapshot:
        """Return the queue as the files and journals are now."""
        with self._lock:
            problems = self._refresh_files()
            self._refresh_entries()
            assert self._snapshot is not None
            return replace(self._snapshot, problems=problems)

    def _refresh_files(self) -> tuple[str, ...]:
        marks = self._watched.look()
        if marks == self._kept.marks:
            return ()
        if self._broken is not None and self._broken[0] == marks:
            return self._broken[1]
        before = self._kept
        try:
            self._kept = load_files(self.root, self._chosen, marks, before)
        except WorkspaceError as error:
            self._broken = (marks, tuple(str(problem) for problem in error.problems))
            return self._broken[1]
        if self._kept.target.model != before.target.model:
            self._journals = {}
        self._stale = True
        same = self._kept.finds_the_same(before)
        self._checker.forget(but=self._kept.workspace.tools if same else ())
        return ()

    def _refresh_entries(self) -> None:
        kept = self._kept
        journals = {each.run_id: each.size for each in find_journals(kept.workspace.runs)}
        if journals == self._journals and not self._stale:
            return
        with opened(kept.workspace.runs) as connection:
            read = self._read_answers(connection, journals)
            reviews = review_states(connection)
            assigned, editors = assignments(connection), editors_seen(connection)
        wordings = kept.wordings({pair: each.guidance for pair, each in reviews.items()})
        before = self._snapshot

        def entry(tool: Tool, persona: Persona) -> Entry:
            """Make the entry of a pair, where it is not as it was."""
            pair = (tool.slug, persona.id)
            was = before and before.entry(*pair)
            if (
                was
                and was.tool is tool
                and was.persona is persona
                and was.question == wordings[pair]
                and was.review == reviews.get(pair, UNTOUCHED)
                and not (read is None or pair[0] in read)
            ):
                return was
            return entry_of(tool, persona, self._answers.get(pair, []), reviews, wordings[pair])

        files = kept.workspace
        entries = [entry(tool, persona) for tool in files.tools for persona in files.personas]
        places = {entry.pair: place for place, entry in enumerate(entries)}
        self._snapshot = DeskSnapshot(
            files, kept.target, entries, places, assigned=assigned, editors=editors
        )
        self._journals, self._stale = journals, False
        self.notes.forget()

    def _read_answers(self, connection: Connection, journals: _Journals) -> set[str] | None:
        """Read the answers that journals have brought; returns whose tools' (None: all).

        This session's own journal holds none.
        """
        before, own = self._journals, self.writer.run_id
        grown = {run for run, size in journals.items() if before.get(run) != size} - {own}
        lost = before.keys() - journals.keys()
        tools = tools_of_runs(connection, grown) if before and not lost else None
        if tools == set():
            return tools
        model = self._kept.target.model
        found = answers_by_pair(connection, model, every=True, tools=tools)
        if tools is not None:
            known = self._answers.items()
            found |= {pair: each for pair, each in known if pair[0] not in tools}
        self._answers = found
        return tools

    def findings(self, entry: Entry, words: Wording | None = None) -> list[Finding]:
        """Return what the checks find in a take, or in other words for it; kept once found."""
        found = self._checker.findings(entry, self._kept.others, words)
        return self._with_others(entry, found, words)

    def _with_others(
        self, entry: Entry, found: list[Finding], words: Wording | None = None
    ) -> list[Finding]:
        """Add what is found between takes, as ``panel lint`` does."""
        if (subject := entry.subject()) is None:
            return found
        across = self._between(worded(subject, words) if words else subject)
        return in_order([*found, *across]) if across else found

    def _between(self, subject: Subject) -> list[Finding]:
        entries = self.latest().entries
        if not self._in_background:
            self._comparer.update(entries)
        return self._comparer.findings(subject, entries)

    def counted(self, entry: Entry) -> list[Finding] | None:
        """Return the findings of a take if they are there already; None if not yet."""
        found, across = self._checker.known(entry), self._comparer.known(entry)
        if found is None or across is None:
            return None
        return in_order([*found, *across]) if across else found

    def check_all(self) -> None:
        """Check every take in the background from now on."""
        self._in_background = True
        needs = (self, self._closed, self._comparer.update)
        threading.Thread(target=keep_checked, args=needs, daemon=True).start()

    def decide(self, decision: Decision) -> Decision:
        """Write a decision of this session down; see ``desk.decide``.

        Raises DoubtError for words with errors that are approved or confirmed without a note
        that says why. A note taken back lets the earlier answer count again at once.
        """
        decision = checked(decision)  # before its words are judged: they may be far too long
        before = self.latest().entry(*decision.pair)
        if before and not decision.note:
            errors = [each for each in self._judged(before, decision) if not each.rank]
            if errors:
                raise DoubtError(errors)
        (made,) = self.decide_all([decision])
        if made.action == "undo":
            after = self.snapshot().entry(*decision.pair)
            if before and after and before.review.guidance != after.review.guidance:
                repeats = max((a.repeat for a in self._answers.get(made.pair, ())), default=1)
                adopt(self.root, made.pair, repeats, self._chosen.endpoint, self._chosen.model)
        return made

    def decide_all(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Write decisions on different takes down, all of them or none."""
        with self._lock:
            made = decide_all(self._kept.workspace, decisions, self.writer)
            self._take_in(made)
            self.made |= {each.decision.decision_id: each.decision for each in made}
            return [each.decision for each in made]

    def latest(self) -> DeskSnapshot:
        """Return the queue as it was looked at last, with this session's own decisions."""
        with self._lock:
            return self._snapshot or self.snapshot()

    def _write(self, line: bytes) -> None:
        """Append a line to this session's journal; what it says is known here."""
        with self._lock:
            self.writer.append(line)
            self._journals[self.writer.run_id] = size_of(self.writer.file) or 0

    def assign(self, pairs: Sequence[Pair], assignee: str | None) -> None:
        """Give takes to an editor; None: to nobody."""
        with self._lock:
            assignee = self.notes.assign(pairs, assignee, self.editor)
            if self._snapshot is not None:
                given = {pair: assignee for pair in pairs if assignee}
                kept = {p: who for p, who in self._snapshot.assigned.items() if p not in pairs}
                known = sorted({*self._snapshot.editors, *given.values()})
                self._snapshot = replace(self._snapshot, assigned=kept | given, editors=known)

    def _take_in(self, made: Sequence[Made]) -> None:
        """Put decisions of this session into the queue, without reading what has not changed."""
        self._journals[self.writer.run_id] = size_of(self.writer.file) or 0
        before = self._snapshot
        places = [before and before.places.get(each.decision.pair) for each in made]
        if before is None or self._stale or None in places:
            self._stale = True
            return
        entries = [*before.entries]
        for place, each in zip(places, made, strict=True):
            was = entries[place]  # type: ignore[index]
            if was.review.guidance != each.review.guidance:  # its question is another now
                self._stale = True
                return
            reviews, answers = {was.pair: each.review}, self._answers.get(was.pair, [])
            entries[place] = entry_of(  # type: ignore[index]
                was.tool, was.persona, answers, reviews, was.question
            )
        editors = sorted({*before.editors, *(each.decision.editor for each in made)})
        self._snapshot = replace(before, entries=entries, editors=editors)

    def _judged(self, entry: Entry, decision: Decision) -> list[Finding]:
        """Return the findings in the words that a decision would put before readers."""
        published = entry.review.published
        if decision.action == "approve":
            evidence = entry.evidence if decision.evidence is None else decision.evidence
            verdict = decision.verdict or entry.verdict
            return self.findings(entry, Wording(decision.text or "", evidence, verdict))
        if decision.action != "confirm" or published is None:
            return []
        words = Subject(
            entry.tool,
            entry.persona,
            published.text,
            published.verdict,
            beats=dict(published.beats) if published.picked else {},
            evidence=published.evidence,
            picked=published.picked,
        )
        return in_order([*check_take(words, self._kept.others), *self._between(words)])

    def ask(self, pair: Pair) -> None:
        """Ask what is pending of a pair, in the background."""
        self.asker.ask(pair)
