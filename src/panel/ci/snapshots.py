"""The two snapshots of a diff: verdicts at a git revision, in a folder, or after a run."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from panel.cells.journal import FILE, JournalFile, find_journals, read_lines
from panel.errors import Problem, UsageError, WorkspaceError
from panel.frozen.files import (
    CANARIES,
    FOLDER,
    CanaryCheck,
    Frozen,
    FrozenTool,
    parse_canaries,
    parse_frozen,
    read_canaries,
    read_frozen,
)
from panel.frozen.freeze import as_canary_check, publish
from panel.store.ingest import opened
from panel.store.queries import answers_by_pair, latest_canaries, run_totals
from panel.workspace.documents import decode_text
from panel.workspace.git import changed_contents, commit_of, workspace_at
from panel.workspace.loading import RUNS

_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
NOW = "now"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One of the two states that a diff compares.

    name: as the user wrote it. revision: its commit, if it is one. root: of the workspace that
    goes with it, while the diff is made; None for a base, a run or a folder.
    """

    name: str
    frozen: Frozen
    canaries: CanaryCheck | None
    revision: str | None = None
    root: Path | None = None

    @property
    def folder(self) -> Path | None:
        """Where its ``verdicts/`` can be read."""
        return self.root / FOLDER if self.root else None


@contextmanager
def snapshots(root: Path, base: str, head: str | None) -> Iterator[tuple[Snapshot, Snapshot]]:
    """Read both snapshots. Without a head, the second is the workspace as it is now.

    root: of the workspace. Raises UsageError for a word that is neither a revision, a folder nor
    a run, and WorkspaceError for verdicts that cannot be read. No other files are read yet.
    """
    if head is None and _is_run(root, base):
        now = _after(root, None, _model_of(root, base))
        yield _without_files(root, base), now
    elif head is None:
        now = _of_folder(NOW, root / FOLDER, root=root)
        yield _base(root, base, now), now
    else:
        with _head(root, head) as then:
            yield _base(root, base, then), then


@contextmanager
def _head(root: Path, word: str) -> Iterator[Snapshot]:
    """Read a head: at a revision, with the tools, personas and prompts that go with it."""
    commit = _commit(root, word)
    if commit is None:
        yield _without_files(root, word)
        return
    with workspace_at(root, commit) as then:
        yield _of_folder(word, then / FOLDER, commit, then)


def _base(root: Path, word: str, head: Snapshot) -> Snapshot:
    """Read a base: at a revision, the verdicts alone.

    Its tools, personas and prompts may be of a version that this one no longer reads. A file
    that is the same in the head is not read twice: in a large catalog most of them are.
    """
    commit = _commit(root, word)
    if commit is None:
        return _without_files(root, word)
    frozen: Frozen = {}
    canaries: CanaryCheck | None = None
    problems: list[Problem] = []
    found = changed_contents(root, commit, FOLDER, head.folder)
    for name, content in sorted(found.items()):
        file = Path(f"{word}:{FOLDER}") / name
        try:
            if name == CANARIES:
                canaries = head.canaries
                if content is not None:
                    canaries = parse_canaries(decode_text(content, file), file)
            elif file.suffix == ".json":
                same = head.frozen[file.stem] if content is None else None
                frozen[file.stem] = same or parse_frozen(decode_text(content or b"", file), file)
        except WorkspaceError as error:
            problems += error.problems
    if problems:
        raise WorkspaceError(problems)
    return Snapshot(word, frozen, canaries, commit)


def _commit(root: Path, word: str) -> str | None:
    return None if _is_run(root, word) else commit_of(root, word)


def _without_files(root: Path, word: str) -> Snapshot:
    """Read what is no revision: a run, or a folder of verdicts."""
    if _is_run(root, word):
        return _after(root, word, _model_of(root, word))
    if word and Path(word).is_dir():
        return _of_folder(word, Path(word))
    raise UsageError(
        f"{word!r} is neither a git revision, a folder of frozen verdicts nor a run. Name one: "
        "'git log' lists revisions (in CI, fetch them first), the view 'runs' runs."
    )


def _of_folder(
    name: str, folder: Path, revision: str | None = None, root: Path | None = None
) -> Snapshot:
    return Snapshot(name, read_frozen(folder), read_canaries(folder), revision, root)


def _is_run(root: Path, word: str) -> bool:
    return bool(_RUN_ID.fullmatch(word)) and (root / RUNS / word / FILE).is_file()


def _model_of(root: Path, run_id: str) -> str:
    with opened(root / RUNS) as connection:
        totals = run_totals(connection, run_id)
    if totals is None or not totals["model"]:
        raise UsageError(f"run {run_id} asked no model, so there is nothing to compare.")
    return str(totals["model_identity"])


def _after(root: Path, run_id: str | None, model: str) -> Snapshot:
    """Return what the store held of a model after a run, or holds now if ``run_id`` is None.

    Reads the journals up to that run into a temporary store, since the store has no history.
    """
    if run_id is None:
        return _from_store(root / RUNS, NOW, model)
    began = {journal: _began(journal) for journal in find_journals(root / RUNS)}
    until = next(at for journal, at in began.items() if journal.run_id == run_id)
    with tempfile.TemporaryDirectory(prefix="panel-") as folder:
        runs = Path(folder) / RUNS
        runs.mkdir()
        for journal, at in began.items():
            if at <= until:
                (runs / journal.run_id).symlink_to(journal.file.parent.resolve())
        return _from_store(runs, run_id, model)


def _began(journal: JournalFile) -> tuple[str, str]:
    """Return when a run began, to the microsecond, and its id, which has only the second."""
    first = next(read_lines(journal.file), None)
    fields = (first.fields if first else None) or {}
    return str(fields.get("started_at", "")), journal.run_id


def _from_store(runs: Path, name: str, model: str) -> Snapshot:
    with opened(runs) as connection:
        answers = answers_by_pair(connection, model)
        canaries = latest_canaries(connection, model)
    frozen = {}
    for tool, group in groupby(answers, key=lambda pair: pair[0]):
        personas = {}
        for pair in group:
            settled = [answer for answer in answers[pair] if answer.outcome != "error"]
            if settled:
                personas[pair[1]] = publish(settled, None)
        frozen[tool] = FrozenTool(tool=tool, personas=personas)
    return Snapshot(name, frozen, as_canary_check(canaries))
