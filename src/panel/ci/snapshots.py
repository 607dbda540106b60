"""The two snapshots of a diff: verdicts at a git revision, in a folder, or after a run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from panel.cells.journal import FILE, JournalFile, find_journals, read_lines, run_of
from panel.cells.packed import size_of
from panel.errors import Problem, UsageError, WorkspaceError
from panel.frozen.canaries import (
    CANARIES,
    CanaryChecks,
    parse_canaries,
    read_canaries,
    stored_canaries,
)
from panel.frozen.files import (
    FOLDER,
    Frozen,
    FrozenTool,
    parse_frozen,
    read_document,
    read_frozen,
    verdict_on,
)
from panel.frozen.publish import publish
from panel.store.connection import Connection
from panel.store.ingest import opened, opened_of
from panel.store.queries import answers_by_pair, run_totals
from panel.text import composed
from panel.workspace.git import commit_of, why_unknown
from panel.workspace.git_files import changed_contents, workspace_at
from panel.workspace.loading import RUNS

_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
NOW = "now"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One of the two states that a diff compares.

    name: as the user wrote it. revision: its commit, if it is one. root: of the workspace that
    goes with it, while the diff is made; None for a base, a run or a folder.
    """

    name: str
    frozen: Frozen
    canaries: CanaryChecks
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
        before = _without_files(root, base)
        yield before, _after(root, None, _model_of(root, base), before.frozen)
    elif head is None:
        now = _of_folder(NOW, root / FOLDER, root=root)
        yield _base(root, base, now), now
    elif (commit := _commit(root, head)) is not None:
        with workspace_at(root, commit) as folder:
            then = _of_folder(head, folder / FOLDER, commit, folder)
            yield _base(root, base, then), then
    else:
        before = _base(root, base)
        yield before, _without_files(root, head, before.frozen)


def _base(root: Path, word: str, head: Snapshot | None = None) -> Snapshot:
    """Read a base: at a revision, the verdicts and the canaries alone.

    Its tools, personas and prompts may be of a version that this one no longer reads. A file
    that is the same in the head is not read twice: in a large catalog most of them are.
    """
    commit = _commit(root, word)
    if commit is None:
        return _without_files(root, word)
    problems: list[Problem] = []
    own = head.folder if head else None
    same = head.frozen if head else {}
    frozen = _read_at(root, (commit, word, FOLDER), (own, same), parse_frozen, problems)
    part = f"{FOLDER}/{CANARIES}"
    checked = head.canaries if head else {}
    beside = own / CANARIES if own else None
    canaries = _read_at(root, (commit, word, part), (beside, checked), parse_canaries, problems)
    if problems:
        raise WorkspaceError(problems)
    return Snapshot(word, frozen, canaries, commit)


def _read_at(
    root: Path,
    where: tuple[str, str, str],
    known: tuple[Path | None, Mapping[str, T]],
    parse: Callable[[str, Path], T],
    problems: list[Problem],
) -> dict[str, T]:
    """Read the JSON files of a folder at a commit; what cannot be read goes into ``problems``.

    where: the commit, the word for it, and the folder. known: a folder of the head, and what has
    been read from its files already.
    """
    commit, word, part = where
    own, read = known
    found = {}
    for name, content in sorted(changed_contents(root, commit, part, own).items()):
        file = Path(f"{word}:{part}") / name
        try:
            slug = composed(file.stem)
            found[slug] = (
                read[slug] if content is None else parse(read_document(file, content), file)
            )
        except WorkspaceError as error:
            problems += error.problems
    return found


def _commit(root: Path, word: str) -> str | None:
    return None if _is_run(root, word) else commit_of(root, word)


def _without_files(root: Path, word: str, over: Frozen | None = None) -> Snapshot:
    """Read what is no revision: a run, or a folder of verdicts. over: see from_store."""
    if _is_run(root, word):
        return _after(root, word, _model_of(root, word), over or {})
    if word and Path(word).is_dir():
        return _of_folder(word, Path(word))
    raise UsageError(
        f"{word!r} is neither a git revision, a folder of frozen verdicts nor a run (the view "
        f"'runs' lists runs): {why_unknown(root, word)}"
    )


def _of_folder(
    name: str, folder: Path, revision: str | None = None, root: Path | None = None
) -> Snapshot:
    return Snapshot(name, read_frozen(folder), read_canaries(folder), revision, root)


def _is_run(root: Path, word: str) -> bool:
    return bool(_RUN_ID.fullmatch(word)) and size_of(root / RUNS / word / FILE) is not None


def _model_of(root: Path, run_id: str) -> str:
    with opened(root / RUNS) as connection:
        totals = run_totals(connection, run_id)
    if totals is None or not totals["model"]:
        raise UsageError(f"run {run_id} asked no model, so there is nothing to compare.")
    return str(totals["model_identity"])


def _after(root: Path, run_id: str | None, model: str, over: Frozen) -> Snapshot:
    """Return what the store held of a model after a run, or holds now if ``run_id`` is None.

    over: what had been published before, which the answers have to overturn. Reads the journals
    up to that run into a temporary store, since the store has no history.
    """
    if run_id is None:
        with opened(root / RUNS) as connection:
            return from_store(connection, NOW, model, over)
    began = {journal: _began(journal) for journal in find_journals(root / RUNS)}
    runs_began = {journal.run_id: at for journal, at in began.items()}
    until = runs_began[run_id]
    before = [
        journal
        for journal, at in began.items()
        if runs_began.get(run_of(journal.run_id), at) <= until  # with all of its journals
    ]
    with opened_of(before) as connection:
        return from_store(connection, run_id, model, over)


def _began(journal: JournalFile) -> tuple[str, str]:
    """Return when a run began, to the microsecond, and its id, which has only the second."""
    first = next(read_lines(journal.file), None)
    fields = (first.fields if first else None) or {}
    return str(fields.get("started_at", "")), journal.run_id


def from_store(connection: Connection, name: str, model: str, over: Frozen) -> Snapshot:
    """Return what a store holds of a model: its latest answers and its canaries.

    over: what had been published before, which the answers have to overturn.
    """
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
