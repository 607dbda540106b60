"""The editors' side: what is waiting, what was decided on it, and deciding.

A decision counts once it is on disk in a journal. Between reading the latest decision and
appending the next there is a lock on a file, so that of two editors who saw the same take
only one writes, and the other is told what came between.
"""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from panel.cells.journal import JournalWriter, encode, new_run_id, utc_now
from panel.checks import Subject
from panel.decisions import (
    UNTOUCHED,
    ConflictError,
    Decision,
    Pair,
    ReviewState,
    Revision,
    redoable,
    undoable,
)
from panel.errors import StoreBusyError, UsageError
from panel.frozen.staleness import Asking, cells_by_pair
from panel.runs.selection import Prepared
from panel.scorecard import State
from panel.store.decisions import answer, decisions_on, review_states
from panel.store.ingest import ingest
from panel.store.queries import StoredCell, opened, stored_cells
from panel.workspace.git import user_name
from panel.workspace.loading import Workspace
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool
from panel.workspace.verdict import clean_text

LOCK = ".deciding"  # in runs/
TEXT_LIMIT = 20_000  # characters of a take
NOTE_LIMIT = 2_000
NAME_LIMIT = 200


def editor_name(root: Path, named: str | None) -> str:
    """Return who decides: the name given, or git's user.name; raises UsageError without one."""
    name = _line(named if named is not None else user_name(root) or "")
    if not name:
        raise UsageError(
            "nobody is named as the editor. Give --editor NAME, or 'git config user.name NAME'."
        )
    if len(name) > NAME_LIMIT:
        raise UsageError(f"the editor's name is longer than {NAME_LIMIT} characters. Shorten it.")
    return name


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in clean_text(text)).split())


@contextmanager
def deciding(runs: Path) -> Iterator[None]:
    """Hold the lock under which decisions are read and written; waits for its turn."""
    runs.mkdir(parents=True, exist_ok=True)
    with (runs / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def decide(
    workspace: Workspace, decision: Decision, writer: JournalWriter | None = None
) -> Decision:
    """Write a decision down; returns it with its id, its time and what its answer said.

    Of approve, edit and reject ``attempt_id`` names the answer and ``text`` is the whole
    wording; verdict, confidence and evidence are taken from the answer. ``writer``: the
    journal of a session; None writes one of its own. Raises ConflictError where ``follows``
    is not the latest decision any more, UsageError for a decision that cannot be,
    JournalError, StoreError.
    """
    decision = _checked(decision)
    journal = writer or JournalWriter(workspace.runs, new_run_id())
    try:
        with deciding(workspace.runs):
            with opened(workspace.runs) as connection:
                chain = decisions_on(connection, *decision.pair)
                decision = _answered(decision, answer(connection, decision.attempt_id or ""))
            latest = chain[-1] if chain else None
            _refuse_late(decision, latest)
            if decision.action == "undo":
                _refuse_deeper(decision, chain)
            decision = replace(
                decision,
                decision_id=f"{journal.run_id}-{secrets.token_hex(4)}",
                decided_at=_after(latest.decided_at if latest else ""),
            )
            journal.append(encode({"kind": "decision", **asdict(decision)}))
            with suppress(StoreBusyError):  # it is on disk; the next reader brings it in
                ingest(workspace.runs)
    finally:
        if writer is None:
            journal.close()
    return decision


def _checked(decision: Decision) -> Decision:
    text = None if decision.text is None else clean_text(decision.text).strip()
    note = None if decision.note is None else clean_text(decision.note).strip() or None
    editor = _line(decision.editor)
    if not editor:
        raise UsageError("a decision needs an editor's name.")
    if decision.action in ("approve", "edit", "reject") and not text:
        raise UsageError("the take is empty. Write its words, or reject it.")
    if text and len(text) > TEXT_LIMIT:
        raise UsageError(
            f"the take has {len(text):,} characters, more than {TEXT_LIMIT:,}. Shorten it."
        )
    if note and len(note) > NOTE_LIMIT:
        raise UsageError(
            f"the note has {len(note):,} characters, more than {NOTE_LIMIT:,}. Shorten it."
        )
    if decision.action == "ask_again" and not note:
        raise UsageError("asking again needs a note. Write what the reviewer is to look at.")
    return replace(decision, text=text, note=note, editor=editor)


def _answered(decision: Decision, found: Revision | None) -> Decision:
    """Take from the answer what it said; raises UsageError where there is no such answer."""
    if found is None:
        if decision.action in ("approve", "edit", "reject"):
            raise UsageError(
                f"there is no answer {decision.attempt_id!r} with a verdict to decide on. Load "
                "the take again."
            )
        return replace(decision, attempt_id=None)
    if decision.fingerprint not in (None, found.fingerprint):
        raise UsageError(f"the answer {decision.attempt_id!r} is to another question.")
    return replace(
        decision,
        fingerprint=found.fingerprint,
        model_identity=found.model_identity,
        repeat=found.repeat,
        verdict=found.verdict,
        confidence=found.confidence,
        evidence=found.evidence,
    )


DONE = {
    "approve": "approved this take",
    "reject": "rejected this take",
    "edit": "edited this take",
    "ask_again": "asked this reviewer again",
    "undo": "taken back the last decision",
}


def _refuse_late(decision: Decision, latest: Decision | None) -> None:
    seen = latest.decision_id if latest else None
    if decision.follows == seen:
        return
    if latest is None:
        raise ConflictError("the decision that you saw is gone. Load the take again.")
    raise ConflictError(
        f"{latest.editor} has {DONE[latest.action]} since you opened it. Look at both, then "
        "decide again.",
        latest,
    )


def _refuse_deeper(decision: Decision, chain: list[Decision]) -> None:
    """Only the newest decision in force can be taken back, or the undo that came just now."""
    allowed = [each.decision_id for each in (undoable(chain), redoable(chain)) if each]
    if decision.undoes not in allowed:
        raise UsageError("only the last decision on a take can be taken back. Load it again.")


def _after(latest: str) -> str:
    """Return the time now, or a microsecond after ``latest`` if the clock has gone back."""
    now = utc_now()
    if now > latest:
        return now
    moment = datetime.fromisoformat(latest) + timedelta(microseconds=1)
    return moment.isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True)
class Entry:
    """One tool × persona in the editors' queue.

    answer: the outcome that speaks for the persona; None where it was never asked. review:
    what editors decided. stale: the answer is not to what would be asked now; published_stale:
    neither is the published wording. findings: how many there are, None until counted.
    """

    tool: Tool
    persona: Persona
    answer: StoredCell | None
    review: ReviewState
    stale: bool
    published_stale: bool
    findings: int | None = None

    @property
    def pair(self) -> Pair:
        """The tool × persona."""
        return (self.tool.slug, self.persona.id)

    @property
    def has_words(self) -> bool:
        """Whether there is a verdict, and with it a take to decide on."""
        return self.answer is not None and self.answer.outcome == "verdict"

    @property
    def state(self) -> State:
        """The state of the present answer."""
        return self.review.state_of(self.answer.fingerprint) if self.answer else "draft"

    @property
    def text(self) -> str:
        """The wording an editor sees now: their own words if edited, else the model's."""
        if self.answer is None:
            return ""
        words = self.review.wording
        if words is not None and words.fingerprint == self.answer.fingerprint:
            return words.text
        return self.answer.take or ""

    @property
    def flips(self) -> bool:
        """Whether the verdict is another than the published one."""
        said, published = self.answer and self.answer.verdict, self.review.published
        return said is not None and published is not None and said != published.verdict

    def subject(self) -> Subject | None:
        """Return the take as the checks want it; None without words."""
        said = self.answer
        if said is None or said.verdict not in ("ship", "skip"):
            return None
        return Subject(
            tool=self.tool,
            persona=self.persona,
            text=self.text,
            verdict=said.verdict,  # type: ignore[arg-type]
            confidence=said.confidence,
            beats=said.beats if self.text == said.take else {},
            evidence=said.evidence,
        )

    @property
    def waits(self) -> bool:
        """Whether an editor has something to decide here."""
        return self.has_words and self.state in ("draft", "edited")


def queue(workspace: Workspace, prepared: Prepared) -> list[Entry]:
    """Return every tool × persona of the selection, in the order of tools and panel."""
    with opened(workspace.runs) as connection:
        stored, standings = stored_cells(connection, prepared.model), review_states(connection)
    repeats = {slug: max(cell.repeat for cell in cells) for slug, cells in stored.items()}
    asking = Asking(workspace.prompts, prepared.endpoint, prepared.model, prepared.guidance)
    fresh = fingerprints(asking, prepared.tools, prepared.personas, repeats)
    return [
        entry_of(tool, persona, stored.get(tool.slug, []), standings, fresh[tool.slug, persona.id])
        for tool in prepared.tools
        for persona in prepared.personas
    ]


def fingerprints(
    asking: Asking, tools: Sequence[Tool], personas: Sequence[Persona], repeats: Mapping[str, int]
) -> dict[Pair, frozenset[str]]:
    """Return what each tool × persona would be asked now, by the hash; repeats by tool, else 1."""
    cells = cells_by_pair(asking, tools, personas, repeats)
    return {
        pair: frozenset(cell.fingerprint for cell in repeated.values())
        for pair, repeated in cells.items()
    }


def entry_of(
    tool: Tool,
    persona: Persona,
    stored: list[StoredCell],
    standings: Mapping[Pair, ReviewState],
    fresh: Collection[str],
) -> Entry:
    """Make the entry of a tool × persona; ``fresh``: the fingerprints of its cells as of now."""
    known = standings.get((tool.slug, persona.id), UNTOUCHED)
    answer = speaking([cell for cell in stored if cell.persona == persona.id])
    published = known.published
    return Entry(
        tool,
        persona,
        answer,
        known,
        stale=answer is not None and answer.fingerprint not in fresh,
        published_stale=published is not None and published.fingerprint not in fresh,
    )


def speaking(cells: list[StoredCell]) -> StoredCell | None:
    """Return the outcome that speaks for a persona: the first repeat's that has a verdict.

    The first one's where none has; None for no cells.
    """
    return next((cell for cell in cells if cell.outcome == "verdict"), cells[0] if cells else None)


def history(workspace: Workspace, tool: str, persona: str) -> list[Decision]:
    """Return every decision on a tool × persona, oldest first, those taken back included."""
    with opened(workspace.runs) as connection:
        return decisions_on(connection, tool, persona)
