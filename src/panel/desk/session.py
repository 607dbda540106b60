"""What the desk knows of the workspace: kept in memory, and made anew as little as possible.

The database is opened, read and closed again; between two requests nobody holds it. What is
kept is thrown away once files or journals have changed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from panel.cells.answers import Answer
from panel.cells.cells import Target
from panel.cells.journal import JournalWriter, find_journals, new_run_id
from panel.checks import Finding, OtherTools, Subject, check_take
from panel.decisions import Decision, Pair
from panel.desk.asking import BackgroundAsker, adopt
from panel.desk.decide import decide
from panel.desk.take import wording_hash
from panel.endpoint.target import Chosen, resolve_target
from panel.errors import PanelError, WorkspaceError
from panel.frozen.renames import opened_renamed
from panel.frozen.thaw import thaw_if_fresh
from panel.results.entries import Entry, entry_of
from panel.store.decisions import review_states
from panel.store.ingest import opened
from panel.store.queries import answers_by_pair
from panel.workspace.loading import WorkspaceFiles, load_workspace
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool

FILES = ("panel.toml", "personas", "prompts", "tools")
_Files = tuple[tuple[str, int, int], ...]
_Journals = dict[str, int]


def _files_key(root: Path) -> _Files:
    """Return name, time and size of every file people write."""
    found = []
    for part in FILES:
        top = str(root / part)
        walked = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]  # noqa: PTH118 - thousands of files at every look
        for file in walked or [top]:
            try:
                about = os.stat(file)  # noqa: PTH116
            except OSError:
                continue
            found.append((file, about.st_mtime_ns, about.st_size))
    return tuple(sorted(found))


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
        many = f"{len(errors)} errors" if len(errors) > 1 else "an error"
        super().__init__(
            f"the checks found {many} in these words. Say why they stand all the same."
        )


@dataclass(slots=True)
class _Kept:
    """What is kept of the workspace's files until they change."""

    files: _Files
    workspace: WorkspaceFiles
    target: Target
    others: OtherTools
    plain: dict[Pair, str] = field(default_factory=dict)
    guided: dict[tuple[Pair, str], str] = field(default_factory=dict)


class Desk:
    """One editor's session: the queue, the checks, deciding, asking again.

    Safe for the threads of a web server. Raises WorkspaceError if the files are wrong from
    the start; later the last good ones are gone on with.
    """

    def __init__(
        self, root: Path, editor: str, endpoint: str | None = None, model: str | None = None
    ) -> None:
        self.root, self.editor = root, editor
        self._chosen = (endpoint, model)
        self._lock = threading.RLock()
        self._kept = self._load(_files_key(root))
        self._broken: tuple[_Files, tuple[str, ...]] | None = None
        self._journals: _Journals | None = None
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

    def _load(self, files: _Files) -> _Kept:
        workspace = load_workspace(self.root)
        thaw_if_fresh(workspace)
        with opened_renamed(workspace, chosen := Chosen((), (), (), *self._chosen)):
            target = resolve_target(workspace, chosen)
        return _Kept(files, workspace, target, OtherTools(workspace.tools))

    def snapshot(self) -> DeskSnapshot:
        """Return the queue as the files and journals are now."""
        with self._lock:
            problems = self._refresh_files()
            self._refresh_entries()
            assert self._snapshot is not None
            return replace(self._snapshot, problems=problems)

    def _refresh_files(self) -> tuple[str, ...]:
        files = _files_key(self.root)
        if files == self._kept.files:
            return ()
        if self._broken is not None and self._broken[0] == files:
            return self._broken[1]
        try:
            self._kept = self._load(files)
        except WorkspaceError as error:
            self._broken = (files, tuple(str(problem) for problem in error.problems))
            return self._broken[1]
        self._journals, self._snapshot, self._findings = None, None, {}
        return ()

    def _refresh_entries(self) -> None:
        kept = self._kept
        journals = {each.run_id: each.size for each in find_journals(kept.workspace.runs)}
        if journals == self._journals and self._snapshot is not None:
            return
        before = self._snapshot if self._journals and self._only_decided(journals) else None
        with opened(kept.workspace.runs) as connection:
            if before is None:
                self._answers = answers_by_pair(connection, kept.target.model, every=True)
            reviews = review_states(connection)
        wordings = self._wordings({pair: each.guidance for pair, each in reviews.items()})

        def made(tool: Tool, persona: Persona) -> Entry:
            pair = (tool.slug, persona.id)
            return entry_of(tool, persona, self._answers.get(pair, []), reviews, wordings[pair])

        if before is None:
            workspace = kept.workspace
            entries = [made(tool, each) for tool in workspace.tools for each in workspace.personas]
        else:  # only decisions have come in: the other entries are as they were
            entries = list(before.entries)
            for pair, each in reviews.items():
                place = before.places.get(pair)
                if place is not None and entries[place].review != each:
                    entries[place] = made(entries[place].tool, entries[place].persona)
        places = {entry.pair: place for place, entry in enumerate(entries)}
        self._snapshot = DeskSnapshot(kept.workspace, kept.target, entries, places)
        self._journals = journals

    def _only_decided(self, journals: _Journals) -> bool:
        """Whether nothing but this session's own journal has grown, which holds no answers."""
        before = self._journals or {}
        return {**before, self.writer.run_id: 0} == {**journals, self.writer.run_id: 0}

    def _wordings(self, guidance: Mapping[Pair, str | None]) -> dict[Pair, str]:
        """Return the wording in which each pair would be asked now; only new ones are rendered."""
        kept, workspace = self._kept, self._kept.workspace
        if not kept.plain:
            kept.plain = kept.target.wordings()
        found = dict(kept.plain)
        tools = {tool.slug: tool for tool in workspace.tools}
        personas = {persona.id: persona for persona in workspace.personas}
        for pair, note in guidance.items():
            if note is None or pair not in found:
                continue
            if (pair, note) not in kept.guided:
                guided = replace(
                    kept.target,
                    tools=[tools[pair[0]]],
                    personas=[personas[pair[1]]],
                    guidance={pair: note},
                )
                kept.guided[pair, note] = guided.wordings()[pair]
            found[pair] = kept.guided[pair, note]
        return found

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
            while not self._closed.is_set():
                waiting = [each for each in self.snapshot().entries if self.counted(each) is None]
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
                adopt(self.root, made.pair, repeats, *self._chosen)
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
