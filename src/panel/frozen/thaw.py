"""Thaws frozen verdicts: answers in ``verdicts/`` that the store does not hold are brought in.

That is how a fresh clone knows what has been asked without a database in git. They come in
by a journal like everything else, as lines of kind ``thaw``.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from panel.cells.answers import Answer
from panel.cells.journal import JournalWriter, find_journals, journal_line, new_run_id
from panel.cells.lines import end_line, record_lines, run_line
from panel.frozen.files import (
    FOLDER,
    Frozen,
    FrozenDecision,
    answers_of,
    decisions_of,
    frozen_files,
    read_frozen,
)
from panel.store.connection import Connection
from panel.store.decisions import chains
from panel.store.queries import held_fingerprints, known_records
from panel.workspace.loading import WorkspaceFiles

WRITTEN_AT_ONCE = 2000  # lines to one forcing to disk


@dataclass(frozen=True, slots=True)
class Thawed:
    """What ``panel thaw --json`` prints: answers and decisions on file, and those brought in.

    run_id: None where the store held them all.
    """

    run_id: str | None
    answers: int
    brought_in: int
    decisions: int = 0
    decisions_brought_in: int = 0


def thaw(workspace: WorkspaceFiles, frozen: Frozen, connection: Connection) -> Thawed:
    """Journal what is on file and not in the store; a store opened later holds it.

    Raises JournalError. Once more changes nothing.
    """
    held = held_fingerprints(connection)
    decided = {each.decision_id for chain in chains(connection).values() for each in chain}
    digests, _panel = known_records(connection)
    return _bring_in(workspace, frozen, held, decided, digests)


def thaw_if_fresh(workspace: WorkspaceFiles) -> Thawed | None:
    """Thaw where nothing has been journaled yet and there is something on file."""
    if not is_fresh(workspace.root, workspace.runs):
        return None
    frozen = read_frozen(workspace.root / FOLDER)
    return _bring_in(workspace, frozen, set(), set(), set())


def is_fresh(root: Path, runs: Path) -> bool:
    """Whether nothing has been journaled and ``verdicts/`` is not empty, as on a fresh clone."""
    return bool(frozen_files(root / FOLDER)) and not find_journals(runs)


def _bring_in(
    workspace: WorkspaceFiles,
    frozen: Frozen,
    held: Container[str],
    decided: Container[str],
    digests: Container[str],
) -> Thawed:
    answers = list(answers_of(frozen.values()))
    missing = [found for found in answers if found[2].fingerprint not in held]
    decisions = list(decisions_of(frozen.values()))
    undecided = [found for found in decisions if found[2].decision_id not in decided]
    counts = (len(answers), len(missing), len(decisions), len(undecided))
    if not missing and not undecided:
        return Thawed(None, *counts)
    writer = JournalWriter(workspace.runs, new_run_id())
    try:
        writer.append(
            run_line(workspace.personas, purpose="thaw")
            + record_lines(workspace.tools, workspace.personas, digests)
        )
        for start in range(0, len(missing), WRITTEN_AT_ONCE):
            part = missing[start : start + WRITTEN_AT_ONCE]
            writer.append(b"".join(_answer_line(*found) for found in part))
        writer.append(b"".join(_decision_line(*found) for found in undecided) + end_line())
    finally:
        writer.close()
    return Thawed(writer.run_id, *counts)


def _answer_line(tool: str, persona: str, answer: Answer) -> bytes:
    return journal_line("thaw", {"tool": tool, "persona": persona, **answer.line_fields()})


def _decision_line(tool: str, persona: str, decision: FrozenDecision) -> bytes:
    fields = decision.model_dump(mode="json")
    return journal_line("decision", {"tool": tool, "persona": persona, **fields})
