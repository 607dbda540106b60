"""Thaws frozen verdicts: answers in ``verdicts/`` that the store does not hold are brought in.

That is how a fresh clone knows what has been asked without a database in git. They come in
by a journal like everything else, as lines of kind ``thaw``.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from panel.cells.decided import RecordedDecision
from panel.cells.journal import JournalWriter, find_journals, journal_line, new_run_id
from panel.cells.lines import end_line, record_lines, run_line
from panel.frozen.files import FOLDER, Frozen, answers_of, frozen_files, read_frozen
from panel.frozen.integrity import is_intact
from panel.frozen.receipts import Receipts, receipts_of
from panel.frozen.verdicts import FrozenAnswer
from panel.store.connection import Connection
from panel.store.decisions import chains
from panel.store.ingest import opened
from panel.store.known import held_fingerprints, known_records
from panel.workspace.loading import RUNS, WorkspaceFiles, load_workspace

WRITTEN_AT_ONCE = 2000  # lines to one forcing to disk


@dataclass(frozen=True, slots=True)
class Thawed:
    """What ``panel thaw --json`` prints: answers and decisions on file, and those brought in.

    run_id: None where the store held them all. altered: answers on file that were changed by
    hand, and are left out.
    """

    run_id: str | None
    answers: int
    brought_in: int
    decisions: int = 0
    decisions_brought_in: int = 0
    altered: int = 0


def thaw(
    workspace: WorkspaceFiles, frozen: Frozen, connection: Connection, since: Frozen | None = None
) -> Thawed:
    """Journal what is on file and not in the store; a store opened later holds it.

    since: what was on file at another revision, whose answers are wanted too: a text may have
    been changed back. Raises JournalError. Once more changes nothing.
    """
    held = held_fingerprints(connection)
    decided = {each.decision_id for chain in chains(connection).values() for each in chain}
    digests, _panel = known_records(connection)
    return _bring_in(workspace, _wanted(frozen, since), held, decided, digests)


def thaw_if_fresh(workspace: WorkspaceFiles) -> Thawed | None:
    """Thaw where nothing has been journaled yet and there is something on file."""
    if not is_fresh(workspace.root, workspace.runs):
        return None
    frozen = read_frozen(workspace.root / FOLDER)
    return _bring_in(workspace, _wanted(frozen), set(), set(), set())


@contextmanager
def opened_thawed(root: Path) -> Iterator[Connection]:
    """Open the store of a workspace; on a fresh clone with the answers in ``verdicts/``.

    Raises as ``thaw`` and ``opened``.
    """
    with opened(thawed_runs(root)) as connection:
        yield connection


def thawed_runs(root: Path) -> Path:
    """Return the folder of the store of a workspace, with ``verdicts/`` thawed on a fresh clone.

    The other files of the workspace are read only then.
    """
    if is_fresh(root, root / RUNS):
        thaw_if_fresh(load_workspace(root))
    return root / RUNS


def is_fresh(root: Path, runs: Path) -> bool:
    """Whether nothing has been journaled and ``verdicts/`` is not empty, as on a fresh clone."""
    return bool(frozen_files(root / FOLDER)) and not find_journals(runs)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the store is to hold, each with its tool and persona."""

    answers: list[tuple[str, str, FrozenAnswer]]
    decisions: list[tuple[str, str, RecordedDecision]]
    altered: int
    receipts: Receipts


def _wanted(frozen: Frozen, since: Frozen | None = None) -> _Wanted:
    """Return what is on file as it was written; what was changed by hand is not brought in."""
    answers = [*answers_of(frozen.values()), *answers_of((since or {}).values())]
    intact = [found for found in answers if found[2].intact]
    decisions = [
        (tool.tool, persona, decision)
        for tool in frozen.values()
        for persona, verdict in tool.personas.items()
        if verdict.decisions and is_intact(verdict)
        for decision in verdict.decisions
    ]
    receipts = receipts_of([*frozen.values(), *(since or {}).values()])
    return _Wanted(intact, decisions, len(answers) - len(intact), receipts)


def _bring_in(
    workspace: WorkspaceFiles,
    wanted: _Wanted,
    held: Container[str],
    decided: Container[str],
    digests: Container[str],
) -> Thawed:
    known: dict[str, tuple[str, str, FrozenAnswer]] = {}
    for found in wanted.answers:  # of two answers to one question, that of the file
        known.setdefault(found[2].fingerprint, found)
    missing = [found for key, found in known.items() if key not in held]
    undecided = [found for found in wanted.decisions if found[2].decision_id not in decided]
    counts = (len(known), len(missing), len(wanted.decisions), len(undecided), wanted.altered)
    if not missing and not undecided:
        return Thawed(None, *counts)
    with JournalWriter(workspace.runs, new_run_id()) as writer:
        writer.append(
            run_line(workspace.personas, purpose="thaw")
            + b"".join(record_lines(workspace.tools, workspace.personas, digests))
        )
        for start in range(0, len(missing), WRITTEN_AT_ONCE):
            part = missing[start : start + WRITTEN_AT_ONCE]
            writer.append(b"".join(_answer_line(*found, wanted.receipts) for found in part))
        decided_on = (_decision_line(*found, wanted.receipts) for found in undecided)
        writer.append(b"".join(decided_on) + end_line())
    return Thawed(writer.run_id, *counts)


def _answer_line(tool: str, persona: str, answer: FrozenAnswer, receipts: Receipts) -> bytes:
    line = {"tool": tool, "persona": persona, **answer.line_fields()}
    del line["digest"]
    line["receipt"] = receipts.get(answer.attempt_id)
    return journal_line("thaw", line)


def _decision_line(
    tool: str, persona: str, decision: RecordedDecision, receipts: Receipts
) -> bytes:
    fields = decision.model_dump(mode="json")
    fields["receipt"] = receipts.get(decision.decision_id)
    return journal_line("decision", {"tool": tool, "persona": persona, **fields})
