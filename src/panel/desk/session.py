"""What the desk knows of the workspace: kept in memory, and made anew as little as possible.

The database is opened, read and closed again; between two requests nobody holds it. What is
kept is thrown away once files or journals have changed.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from panel.cells.answers import Answer
from panel.cells.cells import Target
from panel.cells.journal import JournalWriter, find_journals, new_run_id
from panel.checks import Finding, Subject, check_take
from panel.decisions import UNTOUCHED, Decision, Pair
from panel.desk.asking import BackgroundAsker, adopt
from panel.desk.decide import decide
from panel.desk.keeping import FILES, load_files
from panel.desk.take import wording_hash
from panel.endpoint.target import Chosen
from panel.errors import PanelError, WorkspaceError
from panel.results.entries import Entry, entry_of
from panel.store.connection import Connection
from panel.store.decisions import review_states
from panel.store.ingest import opened
from panel.store.queries import answers_by_pair, tools_of_runs
from panel.text import counted
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool
from panel.workspace.watch import Marks, Watched

_Journals = dict[str, int]


@dataclass(frozen=True, slots=True)
class DeskSnapshot:
    """The queue as it stands: entries in the order of tools and panel, and how to find them.

    problems: what is wrong in the files now; the entries are then those of the last good ones.
    """

    workspace: WorkspaceFiles
    target: Target
    entries: list[Entry]
    places: dict[Pair, int]
    problems: tuple[str, ...] = ()

    def entry(self, tool: str, persona: str) -> Entry | None:
        """Return the entry of a tool × persona; None where there is no such."""
        place = self.places.get((tool, persona))
        return None if place is None else self.entries[place]


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
        self._chosen = Chosen((), (), (), endpoint, model)
        self._lock = threading.RLock()
        self._watched = Watched(root, FILES)
        self._kept = load_files(root, self._chosen, self._watched.look(), None)
        self._broken: tuple[Marks, tuple[str, ...]] | None = None
        self._journals: _Journals = {}  # as they were when the answers were read
        self._stale = True  # whether files have changed since the entries were made
        self._answers: dict[Pair, list[Answer]] = {}
        self._snapshot: DeskSnapshot | None = None
        # With the tool they are about: one that has been read again is another.
        self._findings: dict[tuple[Pair, str], tuple[Tool, list[Finding]]] = {}
        self.writer = JournalWriter(self._kept.workspace.runs, new_run_id())
        self.asker = BackgroundAsker(root, endpoint, model)
        self.made: dict[str, Decision] = {}  # of this session, by id
        self._closed = threading.Event()

    def close(self) -> None:
        """End the session: no more checking in the background, the journal closed."""
        self._closed.set()
        with self._lock:
            self.writer.close()

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
        tools = {id(tool) for tool in self._kept.workspace.tools}
        kept = self._findings if self._kept.finds_the_same(before) else {}
        self._findings = {key: each for key, each in kept.items() if id(each[0]) in tools}
        return ()

    def _refresh_entries(self) -> None:
        kept = self._kept
        journals = {each.run_id: each.size for each in find_journals(kept.workspace.runs)}
        if journals == self._journals and not self._stale:
            return
        with opened(kept.workspace.runs) as connection:
            read = self._read_answers(connection, journals)
            reviews = review_states(connection)
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
        self._snapshot = DeskSnapshot(files, kept.target, entries, places)
        self._journals, self._stale = journals, False

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

    def findings(
        self, entry: Entry, text: str | None = None, evidence: tuple[str, ...] | None = None
    ) -> list[Finding]:
        """Return what the checks find in a take, or in other words for it; kept once found."""
        subject = entry.subject()
        if subject is None:
            return []
        text = subject.text if text is None else text
        evidence = subject.evidence if evidence is None else evidence
        if (text, evidence) != (subject.text, subject.evidence):
            beats = subject.beats if text == subject.text else {}
            other = replace(subject, text=text, beats=beats, evidence=evidence)
            return check_take(other, self._kept.others)
        known = self.counted(entry)
        if known is None:
            known = check_take(subject, self._kept.others)
            self._findings[self._key(entry)] = entry.tool, known
        return known

    @staticmethod
    def _key(entry: Entry) -> tuple[Pair, str]:
        answered = entry.answer.fingerprint if entry.answer else ""
        return entry.pair, f"{answered} {wording_hash(entry)}"

    def counted(self, entry: Entry) -> list[Finding] | None:
        """Return the findings of a take if they are there already; None if not yet."""
        if not entry.has_words:
            return []
        tool, found = self._findings.get(self._key(entry), (None, None))
        return found if tool is entry.tool else None

    def check_all(self) -> None:
        """Check every take in the background, leaving the processor to whoever asks."""

        def work() -> None:
            done: list[Entry] | None = None
            while not self._closed.is_set():
                entries = self.snapshot().entries
                looked = [] if entries is done else entries
                waiting = [each for each in looked if self.counted(each) is None]
                done = None if waiting else entries
                for entry in waiting:
                    if self._closed.wait(0.002):
                        return
                    self.findings(entry)
                if not waiting and self._closed.wait(2):
                    return
                time.sleep(0)

        threading.Thread(target=work, daemon=True).start()

    def decide(self, decision: Decision) -> Decision:
        """Write a decision of this session down; see ``desk.decide``.

        Raises DoubtError for words with errors that are approved or confirmed without a note
        that says why. A note taken back lets the earlier answer count again at once.
        """
        with self._lock:
            before = self._snapshot and self._snapshot.entry(*decision.pair)
            if before and not (decision.note or "").strip():
                errors = [each for each in self._judged(before, decision) if not each.rank]
                if errors:
                    raise DoubtError(errors)
            made = decide(self._kept.workspace, decision, self.writer)
            self.made[made.decision_id] = made
        if made.action == "undo":
            after = self.snapshot().entry(*decision.pair)
            if before and after and before.review.guidance != after.review.guidance:
                repeats = max((a.repeat for a in self._answers.get(made.pair, ())), default=1)
                adopt(self.root, made.pair, repeats, self._chosen.endpoint, self._chosen.model)
        return made

    def _judged(self, entry: Entry, decision: Decision) -> list[Finding]:
        """Return the findings in the words that a decision would put before readers."""
        published = entry.review.published
        if decision.action == "approve":
            return self.findings(entry, decision.text, decision.evidence)
        if decision.action != "confirm" or published is None:
            return []
        words = Subject(
            entry.tool,
            entry.persona,
            published.text,
            published.verdict,
            evidence=published.evidence,
        )
        return check_take(words, self._kept.others)

    def ask(self, pair: Pair) -> None:
        """Ask what is pending of a pair, in the background."""
        self.asker.ask(pair)
