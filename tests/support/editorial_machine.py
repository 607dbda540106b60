"""Editors at work, any way they like: a state machine that looks for a lost word.

A model of its own says what must stand: a decision holds unless one that holds undoes it. The
program says what does stand, read from journals that are rebuilt now and then. Run by
``tests/desk/test_soak.py``: briefly by ``make test-all``, for minutes by ``make test-long``.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from panel.cells.journal import (
    JournalWriter,
    find_journals,
    journal_line,
    new_run_id,
    read_lines,
    utc_now,
)
from panel.cells.lines import Attempt, Recorder, cell_fields
from panel.decisions import ConflictError, Decision, redoable
from panel.desk.decide import decide, history
from panel.desk.session import Desk
from panel.errors import UsageError
from panel.results.entries import Entry
from panel.runs.selection import Prepared, Selection, prepare
from panel.store.decisions import review_states
from panel.store.ingest import opened, rebuild
from panel.workspace.loading import WorkspaceFiles, load_workspace
from panel.workspace.verdict import Verdict
from tests.support.results import entries_of
from tests.support.space import ROOT, write_tool

EDITORS = st.sampled_from(["Ada", "Bo"])
WORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40
).filter(lambda text: bool(text.strip()))
PAIRS = (("anvil", "builder"), ("anvil", "skeptic"))
DECIDED: list[str] = []  # every decision that was written, over all histories
LOOKS = st.sampled_from([True, True, True, False])  # or decides on what was seen before
SETTINGS = """
[panel]
endpoint = "none"
personas = ["builder", "skeptic"]
[endpoints.none]
base_url = "http://127.0.0.1:9/v1"
model = "none-1"
"""


@dataclass(frozen=True)
class Stands:
    """What must stand of a pair: state and words decided last, what is published, the note.

    question: what the published words were confirmed for. signer: who approved words that another
    editor has to approve, too.
    """

    state: str = "draft"
    words: tuple[str, str] | None = None  # fingerprint, text
    published: tuple[str, str] | None = None
    verdict: str | None = None  # of the published words
    note: str | None = None
    question: str | None = None
    signer: str | None = field(default=None, compare=False)


def holds(made: Sequence[Decision], decision: Decision) -> bool:
    """Whether a decision holds: none that holds itself undoes it."""
    return not any(
        each.undoes == decision.decision_id and holds(made, each)
        for each in made[made.index(decision) + 1 :]
    )


def expected(made: Sequence[Decision]) -> Stands:
    """Return what the decisions on a pair come to, in the order in which they were made."""
    now = Stands()
    for each in made:
        if each.action == "undo" or not holds(made, each):
            continue
        said = (each.fingerprint or "", each.text or "")
        if each.action == "ask_again":
            now = replace(now, note=each.note)
        elif each.action == "approve" and each.sign_off and waits(now, said, each.editor):
            now = replace(now, state="signed", words=said, signer=each.editor)
        elif each.action == "approve":
            now = Stands("approved", said, said, each.verdict, now.note)
        elif each.action == "confirm":
            now = replace(now, question=each.question)
            if now.words in (None, said):
                now = replace(now, state="approved", words=said)
        elif each.action == "edit":
            now = replace(now, state="edited", words=said)
        elif now.published != said:
            now = replace(now, state="rejected", words=said)
        elif now.words == said:
            now = Stands("rejected", said, None, None, now.note)
        else:  # the published words are withdrawn, later ones stay as they are
            now = replace(now, published=None, verdict=None, question=None)
    return now


def waits(now: Stands, said: tuple[str, str], editor: str) -> bool:
    """Whether words that take two editors still wait for the second."""
    signed = now.state == "signed" and now.words == said and now.signer != editor
    return now.published != said and not signed


def whole(entry: Entry) -> tuple[Any, ...]:
    """Return an entry with what its words know of their answer, which is no part of equality."""
    words = (entry.review.revision, entry.review.published)
    return entry, [(each.beats, each.asked_at, each.output_mode) for each in words if each]


class Editors(RuleBasedStateMachine):
    """Two editors, a model that answers again, descriptions that change, a store rebuilt."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="panel-editors-"))
        for part in ("personas", "prompts"):
            shutil.copytree(ROOT / part, self.root / part)
        (self.root / "panel.toml").write_text(SETTINGS)
        write_tool(self.root, "anvil", description="anvil, edition 0. MIT licence.")
        self.edition = 0
        self.editions = 0
        self.read: dict[int, WorkspaceFiles] = {}
        self.answers = 0
        self.made: dict[tuple[str, str], list[Decision]] = {pair: [] for pair in PAIRS}
        self.before: dict[str, Stands] = {}  # what stood before a decision
        self.approved: list[tuple[tuple[str, str], str, str]] = []  # pair, text, verdict
        self.seen: dict[str, dict[tuple[str, str], Entry]] = {}
        self.desk: Desk | None = None  # over which Ada decides

    def teardown(self) -> None:
        """Bring everything back from the journals alone, then look at it a last time."""
        try:
            if self.desk is not None:
                self.desk.close()
            for made in ("panel.duckdb", "panel.duckdb.wal"):
                (self.root / "runs" / made).unlink(missing_ok=True)
            self.nothing_is_lost()
        finally:
            shutil.rmtree(self.root)

    # --- the world --------------------------------------------------------------------------

    def _workspace(self) -> WorkspaceFiles:
        """Return the files as they are now, read once for each edition."""
        if self.edition not in self.read:
            self.read = {self.edition: load_workspace(self.root)}
        return self.read[self.edition]

    def _space(self) -> tuple[WorkspaceFiles, Prepared]:
        workspace = self._workspace()
        return workspace, prepare(workspace, Selection())

    def _entries(self) -> dict[tuple[str, str], Entry]:
        return entries_of(self.root)

    @initialize(sign_off=st.sampled_from([1, 1, 2]))
    def begin(self, sign_off: int) -> None:
        """Ask everything once, in a house where as many editors have to approve."""
        if sign_off > 1:
            settings = self.root / "panel.toml"
            settings.write_text(f"{SETTINGS}[desk]\nsign_off = {sign_off}\n")
        self.answer_what_is_pending("ship")
        self.desk = Desk(self.root, "Ada")

    @rule(verdict=st.sampled_from(["ship", "skip"]))
    def answer_what_is_pending(self, verdict: Any) -> None:
        """Answer as a run would: pending cells get a new take, answers that are back count."""
        workspace, prepared = self._space()
        plan = prepared.plan
        if not plan.pending and not plan.adopted:
            return
        writer = JournalWriter(workspace.runs, new_run_id())
        recorder = Recorder(writer.run_id)
        lines = [
            journal_line("adopt", {**cell_fields(cell), "adopted_at": utc_now()})
            for cell in plan.adopted
        ]
        for cell, _reason in plan.pending:
            self.answers += 1
            beats = {beat.id: f"Answer {self.answers}." for beat in cell.persona.beats}
            now = utc_now()
            lines.append(
                recorder.attempt_lines(
                    Attempt(
                        cell, 1, cell.messages, "json_schema", repair=False, started_at=now,
                        finished_at=now, seconds=0.0, final=True, outcome="verdict",
                        verdict=Verdict(("MIT",), beats, verdict, 50), reply="{}", body=b"{}",
                    )
                )
            )  # fmt: skip
        writer.append(b"".join(lines))
        writer.close()

    @rule(back=st.booleans())
    def change_the_description(self, back: bool) -> None:
        """Edit the tool's file, or change it back."""
        self.editions += 1
        self.edition = 0 if back else self.editions
        write_tool(self.root, "anvil", description=f"anvil, edition {self.edition}. MIT licence.")

    @precondition(lambda self: any(self.made.values()))
    @rule()
    def rebuild_the_store(self) -> None:
        """Make the database anew."""
        rebuild(self.root / "runs")

    @rule(editor=EDITORS)
    def look(self, editor: str) -> None:
        """Open the desk: what is decided next is decided on this."""
        self.seen[editor] = self._entries()

    # --- decisions --------------------------------------------------------------------------

    @rule(editor=EDITORS, pair=st.sampled_from(PAIRS), looks=LOOKS)
    def approve(self, editor: str, pair: tuple[str, str], looks: bool) -> None:
        """Approve the words shown."""
        self._decide(editor, pair, "approve", "", looks)

    @rule(editor=EDITORS, pair=st.sampled_from(PAIRS), looks=LOOKS)
    def reject(self, editor: str, pair: tuple[str, str], looks: bool) -> None:
        """Reject them."""
        self._decide(editor, pair, "reject", "", looks)

    @rule(editor=EDITORS, pair=st.sampled_from(PAIRS), looks=LOOKS)
    def confirm(self, editor: str, pair: tuple[str, str], looks: bool) -> None:
        """Say that the published words still stand."""
        self._decide(editor, pair, "confirm", "", looks)

    @rule(editor=EDITORS, pair=st.sampled_from(PAIRS), looks=LOOKS)
    def undo(self, editor: str, pair: tuple[str, str], looks: bool) -> None:
        """Take the last decision back."""
        self._decide(editor, pair, "undo", "", looks)

    @rule(editor=EDITORS, pair=st.sampled_from(PAIRS), looks=LOOKS)
    def redo(self, editor: str, pair: tuple[str, str], looks: bool) -> None:
        """Take the newest undo back that no redo has taken back."""
        self._decide(editor, pair, "redo", "", looks)

    @rule(editor=EDITORS, pair=st.sampled_from(PAIRS), words=WORDS, looks=LOOKS)
    def edit(self, editor: str, pair: tuple[str, str], words: str, looks: bool) -> None:
        """Put other words in their place."""
        self._decide(editor, pair, "edit", words, looks)

    @rule(editor=EDITORS, pair=st.sampled_from(PAIRS), words=WORDS, looks=LOOKS)
    def ask_again(self, editor: str, pair: tuple[str, str], words: str, looks: bool) -> None:
        """Ask with a note."""
        self._decide(editor, pair, "ask_again", words, looks)

    def _decide(
        self, editor: str, pair: tuple[str, str], action: str, words: str, looks: bool
    ) -> None:
        """Decide on what this editor sees, or saw, whatever has happened since."""
        if looks:
            self.look(editor)
        if editor not in self.seen:
            return
        saw = self.seen[editor][pair]
        workspace = self._workspace()
        chain = history(workspace, *pair)
        latest = chain[-1].decision_id if chain else None
        if action == "redo":
            words = again.decision_id if (again := redoable(chain)) else ""
        made = self._decision(saw, editor, action, words)
        if made is None:
            return
        try:
            done = self._written(workspace, made)
        except ConflictError as error:
            assert saw.review.latest != latest, "refused though nothing came between"
            assert error.other is not None and error.other.decision_id == latest
            return
        except UsageError:
            again = action == "approve" and saw.state == "signed"
            assert again or action in ("undo", "redo", "confirm")
            return
        assert saw.review.latest == latest, "written though another decision came between"
        DECIDED.append(action)
        before = expected(self.made[pair])
        self.made[pair].append(done)
        self.before[done.decision_id] = before
        if action == "approve":
            self.approved.append((pair, done.text or "", done.verdict or ""))
        if done.action == "undo":  # exactly as before what was undone, or before its undo
            assert expected(self.made[pair]) == self.before[done.undoes or ""]

    def _written(self, workspace: WorkspaceFiles, made: Decision) -> Decision:
        """Write a decision down: Ada's over her desk, which then shows what is on disk."""
        if made.editor != "Ada" or self.desk is None:
            return decide(workspace, made)
        self.desk.snapshot()
        (done,) = self.desk.decide_all([made])
        shown = self.desk.snapshot()
        assert {entry.pair: whole(entry) for entry in shown.entries} == {
            pair: whole(entry) for pair, entry in self._entries().items()
        }
        return done

    def _decision(self, saw: Entry, editor: str, action: str, words: str) -> Decision | None:
        plain = Decision(*saw.pair, "undo", editor, follows=saw.review.latest)
        if action == "undo":
            last = saw.review.in_force[-1] if saw.review.in_force else "nothing"
            return replace(plain, undoes=last)
        if action == "redo":
            return replace(plain, undoes=words or "nothing")
        if action == "confirm":
            return replace(plain, action="confirm", question=saw.question)
        if action == "ask_again":
            return replace(plain, action="ask_again", note=words)
        if saw.answer is None:
            return None
        text = words if action == "edit" else saw.text
        attempt = saw.answer.attempt_id
        return replace(plain, action=action, attempt_id=attempt, text=text)  # type: ignore[arg-type]

    # --- what must hold ---------------------------------------------------------------------

    @invariant()
    def nothing_is_lost(self) -> None:
        """Everything stands as the model says, and every approved word is in the journals."""
        with opened(self.root / "runs") as connection:
            found = review_states(connection)
        for pair, made in self.made.items():
            now = found.get(pair)
            if now is None:
                assert made == []
                continue
            words, published = now.revision, now.published
            assert Stands(
                now.state,
                (words.fingerprint, words.text) if words else None,
                (published.fingerprint, published.text) if published else None,
                published.verdict if published else None,
                now.guidance,
                published.question if published else None,
            ) == expected(made)
        written = [
            ((line["tool"], line["persona"]), line["text"], line["verdict"])
            for journal in find_journals(self.root / "runs")
            for line in (read.fields or {} for read in read_lines(journal.file))
            if line.get("kind") == "decision" and line["action"] == "approve"
        ]
        assert sorted(written) == sorted(self.approved)
        assert json.dumps(written)  # plain text that any reader of the journal can take
