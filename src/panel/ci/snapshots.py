"""The two snapshots of a diff: verdicts at a git revision, in a folder, or after a run."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from panel.cells.journal import FILE, JournalFile, find_journals, read_lines
from panel.errors import UsageError
from panel.frozen.canaries import CanaryChecks, read_canaries, stored_canaries
from panel.frozen.files import FOLDER, Frozen, FrozenTool, read_frozen, verdict_on
from panel.frozen.publish import publish
from panel.store.ingest import opened
from panel.store.queries import answers_by_pair, run_totals
from panel.workspace.git import commit_of, workspace_at
from panel.workspace.loading import RUNS, WorkspaceFiles, load_workspace

_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
NOW = "now"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One of the two states that a diff compares.

    name: as the user wrote it. revision: its commit, if it is one. workspace: the tools,
    personas and prompts that go with it; None for a folder, a run or a base. folder: where its
    ``verdicts/`` can be read; None for a folder or a run.
    """

    name: str
    frozen: Frozen
    canaries: CanaryChecks
    revision: str | None = None
    workspace: WorkspaceFiles | None = None
    folder: Path | None = None


@contextmanager
def snapshots(
    workspace: WorkspaceFiles, base: str, head: str | None
) -> Iterator[tuple[Snapshot, Snapshot]]:
    """Read both snapshots. Without a head, the second is the workspace as it is now.

    Raises UsageError for a word that is neither a revision, a folder nor a run, and
    WorkspaceError for files that cannot be read.
    """
    with ExitStack() as stack:
        before = stack.enter_context(_snapshot(workspace, base))
        if head is None and _is_run(workspace, base):
            after = _after(workspace, None, _model_of(workspace, base), before.frozen)
        elif head is None:
            after = _working_tree(workspace)
        else:
            after = stack.enter_context(_snapshot(workspace, head, before.frozen))
        yield before, after


@contextmanager
def _snapshot(
    workspace: WorkspaceFiles, word: str, over: Frozen | None = None
) -> Iterator[Snapshot]:
    """Read one snapshot. over: the verdicts of the base, for a head.

    Tools, personas and prompts are read for a head only: those of a base may be of a version
    that this one no longer reads.
    """
    if _is_run(workspace, word):
        yield _after(workspace, word, _model_of(workspace, word), over or {})
    elif (commit := commit_of(workspace.root, word)) is not None:
        with workspace_at(workspace.root, commit) as root:
            folder = root / FOLDER
            then = load_workspace(root) if over is not None else None
            yield Snapshot(word, read_frozen(folder), read_canaries(folder), commit, then, folder)
    elif word and Path(word).is_dir():
        yield Snapshot(word, read_frozen(Path(word)), read_canaries(Path(word)))
    else:
        raise UsageError(
            f"{word!r} is neither a git revision, a folder of frozen verdicts nor a run. Name one: "
            "'git log' lists revisions (in CI, fetch them first), the view 'runs' runs."
        )


def _working_tree(workspace: WorkspaceFiles) -> Snapshot:
    folder = workspace.root / FOLDER
    return Snapshot(
        NOW, read_frozen(folder), read_canaries(folder), workspace=workspace, folder=folder
    )


def _is_run(workspace: WorkspaceFiles, word: str) -> bool:
    return bool(_RUN_ID.fullmatch(word)) and (workspace.runs / word / FILE).is_file()


def _model_of(workspace: WorkspaceFiles, run_id: str) -> str:
    with opened(workspace.runs) as connection:
        totals = run_totals(connection, run_id)
    if totals is None or not totals["model"]:
        raise UsageError(f"run {run_id} asked no model, so there is nothing to compare.")
    return str(totals["model_identity"])


def _after(workspace: WorkspaceFiles, run_id: str | None, model: str, over: Frozen) -> Snapshot:
    """Return what the store held of a model after a run, or holds now if ``run_id`` is None.

    over: what had been published before, which the answers have to overturn. Reads the journals
    up to that run into a temporary store, since the store has no history.
    """
    if run_id is None:
        return from_store(workspace.runs, NOW, model, over)
    began = {journal: _began(journal) for journal in find_journals(workspace.runs)}
    until = next(at for journal, at in began.items() if journal.run_id == run_id)
    with tempfile.TemporaryDirectory(prefix="panel-") as folder:
        runs = Path(folder) / RUNS
        runs.mkdir()
        for journal, at in began.items():
            if at <= until:
                (runs / journal.run_id).symlink_to(journal.file.parent.resolve())
        return from_store(runs, run_id, model, over)


def _began(journal: JournalFile) -> tuple[str, str]:
    """Return when a run began, to the microsecond, and its id, which has only the second."""
    first = next(read_lines(journal.file), None)
    fields = (first.fields if first else None) or {}
    return str(fields.get("started_at", "")), journal.run_id


def from_store(runs: Path, name: str, model: str, over: Frozen) -> Snapshot:
    """Return what a store holds of a model: its latest answers and its canaries.

    over: what had been published before, which the answers have to overturn.
    """
    with opened(runs) as connection:
        answers = answers_by_pair(connection, model)
        canaries = stored_canaries(connection, model)
    frozen = {}
    for tool, group in groupby(answers, key=lambda pair: pair[0]):
        personas = {}
        for pair in group:
            settled = [answer for answer in answers[pair] if answer.outcome != "error"]
            if settled:
                personas[pair[1]] = publish(settled, verdict_on(over, pair))
        frozen[tool] = FrozenTool(tool=tool, personas=personas)
    return Snapshot(name, frozen, canaries)
