"""Thaws frozen verdicts: answers in ``verdicts/`` that the store does not hold are brought in.

That is how a fresh clone knows what has been asked without a database in git. They come in
by a journal like everything else, as lines of kind ``thaw``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from panel import __version__
from panel.cells.journal import JournalWriter, encode, find_journals, new_run_id, utc_now
from panel.frozen.files import (
    FOLDER,
    FrozenAnswer,
    FrozenDecision,
    answers_of,
    decisions_of,
    frozen_files,
    read_frozen,
)
from panel.store.decisions import chains
from panel.store.ingest import ingest
from panel.store.queries import held_fingerprints, known_records, opened
from panel.workspace.loading import Workspace

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


def thaw(workspace: Workspace) -> Thawed:
    """Bring in the answers on file that the store does not hold; once more changes nothing.

    Raises WorkspaceError for files that cannot be read, JournalError, StoreError.
    """
    frozen = read_frozen(workspace.root / FOLDER)
    with opened(workspace.runs) as connection:
        held = held_fingerprints(connection)
        decided = {each.decision_id for chain in chains(connection).values() for each in chain}
        digests, _panel = known_records(connection)
    answers = list(answers_of(frozen.values()))
    missing = [found for found in answers if found[2].fingerprint not in held]
    decisions = list(decisions_of(frozen.values()))
    undecided = [found for found in decisions if found[2].decision_id not in decided]
    counts = (len(answers), len(missing), len(decisions), len(undecided))
    if not missing and not undecided:
        return Thawed(None, *counts)
    writer = JournalWriter(workspace.runs, new_run_id())
    try:
        writer.append(_opening(workspace, digests))
        for start in range(0, len(missing), WRITTEN_AT_ONCE):
            part = missing[start : start + WRITTEN_AT_ONCE]
            lines = [
                _line(f"{writer.run_id}-{number:07}", *found)
                for number, found in enumerate(part, start + 1)
            ]
            writer.append(b"".join(lines))
        writer.append(b"".join(_decision(*found) for found in undecided))
        writer.append(encode({"kind": "end", "finished_at": utc_now(), "stopped": None}))
    finally:
        writer.close()
    ingest(workspace.runs)
    return Thawed(writer.run_id, *counts)


def thaw_if_fresh(workspace: Workspace) -> Thawed | None:
    """Thaw where nothing has been journaled yet and there is something on file."""
    if not is_fresh(workspace.root, workspace.runs):
        return None
    return thaw(workspace)


def is_fresh(root: Path, runs: Path) -> bool:
    """Whether the store is empty and ``verdicts/`` is not, as on a fresh clone."""
    return bool(frozen_files(root / FOLDER)) and not find_journals(runs)


def _opening(workspace: Workspace, digests: set[str]) -> bytes:
    now = utc_now()
    run = {
        "kind": "run",
        "format": 1,
        "started_at": now,
        "version": __version__,
        "endpoint": "",
        "model": "",
        "model_identity": "thaw",
        "panel": [persona.id for persona in workspace.personas],
        "planned": 0,
        "reused": 0,
    }
    records = [
        encode({"kind": kind, "digest": digest, "seen_at": now, "record": item.record()})
        for kind, items in (("tool", workspace.tools), ("persona", workspace.personas))
        for item in items
        if (digest := item.digest()) not in digests
    ]
    return b"".join([encode(run), *records])


def _line(id_: str, tool: str, persona: str, answer: FrozenAnswer) -> bytes:
    fields = {
        "kind": "thaw",
        "tool": tool,
        "persona": persona,
        **answer.model_dump(mode="json", exclude={"inputs"}),
        "attempt_id": answer.attempt_id or id_,
        "take": answer.take if answer.verdict else None,
        "beats": answer.beats or None,
        "evidence": list(answer.evidence) if answer.verdict else None,
        "tool_digest": answer.inputs.tool,
        "persona_digest": answer.inputs.persona,
        "templates_digest": answer.inputs.templates,
        "sampling_digest": answer.inputs.sampling,
        "guidance_digest": answer.inputs.guidance,
    }
    return encode(fields)


def _decision(tool: str, persona: str, decision: FrozenDecision) -> bytes:
    fields = decision.model_dump(mode="json")
    return encode({"kind": "decision", "tool": tool, "persona": persona, **fields})
