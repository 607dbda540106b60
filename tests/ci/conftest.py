"""What the tests of CI share: the programs that pyproject.toml promises, and a GitHub job."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from panel.ci import github
from tests.support.git_repository import git, repository
from tests.support.github_api import REPOSITORY, Forge, served
from tests.support.github_job import Job


@pytest.fixture
def forge() -> Iterator[Forge]:
    """Start a stand-in for GitHub's API."""
    with served(Forge()) as made:
        yield made


@pytest.fixture
def job(tmp_path: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch) -> Job:
    """Make a clone of a bare repository with one commit on main, and a job's environment."""
    made, origin, root = tmp_path / "made", tmp_path / "origin.git", tmp_path / "work"
    (made / "verdicts").mkdir(parents=True)
    (made / "verdicts/anvil.json").write_text("{}\n")
    repository(made)
    git(tmp_path, "clone", "-q", "--bare", str(made), str(origin))
    git(tmp_path, "clone", "-q", str(origin), str(root))
    outputs = tmp_path / "outputs"
    outputs.touch()
    monkeypatch.chdir(root)
    inputs = ("BASE", "MODE", "COMMIT", "REPLAY", "WORKING_DIRECTORY", "ENDPOINT", "MODEL")
    for name in (*inputs, "GITHUB_REF_NAME", "GITHUB_SERVER_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    monkeypatch.setenv("GITHUB_API_URL", forge.url)
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    monkeypatch.setenv("GITHUB_TOKEN", "the-token")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    def step(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["panel-github", *words])
        try:
            github.main()
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 2
        return 0

    return Job(root, outputs, step)
