"""What the tests of frozen verdicts share: steered votes, runs, freezes, git repositories."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from panel.engines.base import NO_BUDGET, RunBudget
from panel.frozen.check import frozen_status
from panel.frozen.files import FOLDER, FrozenVerdict, read_frozen
from panel.frozen.freeze import Freezing
from panel.frozen.freeze import freeze as freeze_verdicts
from panel.frozen.staleness import StaleEntry
from panel.frozen.thaw import opened_with_frozen
from panel.runs.run import ProgressReporter, RunSummary, execute
from panel.runs.selection import Selection, prepare, resolve
from panel.store.ingest import opened
from panel.store.queries import select
from panel.workspace.loading import load_workspace
from tests.support.mock_endpoint import Answer, MockEndpoint, completion, filled
from tests.support.space import ROOT, Space

SILENT = ProgressReporter(lambda _tallies: None, lambda _notice: None)
Face = Callable[[int, dict[str, Any]], Answer | None]


def voting(word: Callable[[str, str], str | None]) -> Face:
    """Return a face whose verdicts are steered; ``word(system, user)``: None is a refusal."""

    def face(_index: int, body: dict[str, Any]) -> Answer:
        system, user = (body["messages"][at]["content"] for at in (0, -1))
        said = word(system, user)
        if said is None:
            return Answer(body=completion(None, refusal="No."))
        fields = filled(body["response_format"]["json_schema"]["schema"], user)
        return Answer(body=completion(json.dumps(fields | {"verdict": said})))

    return face


def make_frozen(root: Path, more: Iterable[str] = ()) -> None:
    """Make a workspace like the fixture ``mocked``, with more tools, all of it asked and frozen.

    Once for many tests: each copies the folder and points it at an endpoint of its own, which
    is no part of any fingerprint.
    """
    for part in ("personas", "prompts"):
        shutil.copytree(ROOT / part, root / part)
    space = Space(root)
    space.tool("anvil")
    space.tool("bellows", tagline="Blows air", category="Data")
    for slug in more:
        space.tool(slug)
    with MockEndpoint() as mock:
        space.point_at(mock)
        run(space)
        freeze(space)


def always(word: str | None) -> Face:
    """Return a face that says one word to everything."""
    return voting(lambda _system, _user: word)


def run(space: Space, bounds: RunBudget = NO_BUDGET, **selection: Any) -> RunSummary:
    """Run a selection; returns its summary."""
    workspace = load_workspace(space.root)
    prepared = prepare(workspace, Selection(**selection))
    return execute(workspace, prepared, SILENT, bounds)[0]


def pending(space: Space, **selection: Any) -> list[tuple[str, str, int, str]]:
    """Return (tool, persona, repeat, reason) of what a run would ask."""
    prepared = prepare(load_workspace(space.root), Selection(**selection))
    return [(*cell.key, reason) for cell, reason in prepared.plan.pending]


def freeze(space: Space, prune: bool = False, accept: bool = False, **selection: Any) -> Freezing:
    """Freeze a selection; returns what became of it."""
    workspace = load_workspace(space.root)
    frozen = read_frozen(space.root / FOLDER)
    with opened_with_frozen(workspace, frozen) as connection:
        target = resolve(workspace, Selection(**selection), connection)
        return freeze_verdicts(workspace, target, frozen, connection, prune, accept)


def status(space: Space) -> list[StaleEntry]:
    """Return what ``panel check --frozen`` finds."""
    return frozen_status(load_workspace(space.root)).found


def on_file(space: Space, tool: str = "anvil", persona: str = "builder") -> FrozenVerdict:
    """Return one frozen verdict."""
    return read_frozen(space.root / FOLDER)[tool].personas[persona]


def texts(space: Space) -> dict[str, bytes]:
    """Return every file of ``verdicts/`` by name."""
    return {file.name: file.read_bytes() for file in sorted((space.root / FOLDER).iterdir())}


def rows(space: Space, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query, the store brought up to date."""
    with opened(space.root / "runs") as store:
        return select(store, sql).rows


def edit(file: Path, old: str, new: str) -> None:
    """Replace one piece of a file, which must be there."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def git(root: Path, *words: str, check: bool = True) -> str:
    """Run git in a folder, heedless of the developer's own settings; returns its stdout."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    ours = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{what}": f"{who}@example.org".lower() for who in ("AUTHOR", "COMMITTER")
           for what in ("NAME", "EMAIL")},
    }  # fmt: skip
    done = subprocess.run(
        ["git", "-C", str(root), *words],
        env=plain | ours, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


def repository(root: Path) -> None:
    """Make a git repository of a folder, with everything but runs/ in its first commit."""
    (root / ".gitignore").write_text("runs/\n")
    git(root, "init", "-q", "-b", "main")
    commit(root, "first")


def commit(root: Path, message: str = "more") -> None:
    """Commit everything there is."""
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message, "--allow-empty")
