"""The version of a build: git's tag, wherever the files come from."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

from tests.support.distributions import archived, copy_checkout
from tests.support.git_repository import commit, git

pytestmark = pytest.mark.process

UNKNOWN = "0.0.0.dev0+unknown"


def version_in(tree: Path) -> str:
    """Return the version that a build of this folder would have."""
    version: str = ProjectMetadata(str(tree), PluginManager()).version
    return version


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Make a repository of what a version comes from, with one commit."""
    tree = copy_checkout(tmp_path / "history", "pyproject.toml", ".gitattributes", ".gitignore")
    git(tree, "init", "-q", "-b", "main")
    commit(tree)
    return tree


def test_the_version_of_a_tagged_commit_is_the_tags(history: Path) -> None:
    git(history, "tag", "v1.2.0")
    assert version_in(history) == "1.2.0"


def test_a_commit_after_a_tag_has_a_version_before_the_next(history: Path) -> None:
    git(history, "tag", "v1.2.0rc1")
    git(history, "tag", "nightly")  # is no version
    commit(history)
    assert re.fullmatch(r"1\.2\.0\.dev1\+g[0-9a-f]{7,}", version_in(history))
    git(history, "tag", "v1.2.0")
    commit(history)
    commit(history)
    assert re.fullmatch(r"1\.3\.0\.dev2\+g[0-9a-f]{7,}", version_in(history))


def test_a_change_that_is_not_committed_is_in_the_version(history: Path) -> None:
    git(history, "tag", "v1.2.0")
    with (history / "pyproject.toml").open("a") as file:
        file.write("# and more\n")
    assert re.fullmatch(r"1\.3\.0\.dev0\+g[0-9a-f]{7,}\.dirty", version_in(history))


def test_a_repository_without_tags_has_a_version_before_the_first(history: Path) -> None:
    commit(history)
    assert re.fullmatch(r"0\.0\.0\.dev1\+g[0-9a-f]{7,}", version_in(history))


def test_a_shallow_clone_has_a_version(history: Path, tmp_path: Path) -> None:
    git(history, "tag", "v1.2.0")
    commit(history)
    git(tmp_path, "clone", "-q", "--depth", "1", history.as_uri(), "shallow")
    assert version_in(tmp_path / "shallow") == UNKNOWN


def test_an_archive_of_the_repository_knows_its_version(history: Path, tmp_path: Path) -> None:
    assert version_in(archived(history, tmp_path / "none")) == UNKNOWN
    git(history, "tag", "v1.2.0")
    assert version_in(archived(history, tmp_path / "exact")) == "1.2.0"
    commit(history)
    after = version_in(archived(history, tmp_path / "after"))
    assert re.fullmatch(r"1\.3\.0\.dev1\+g[0-9a-f]{7,}", after)


def test_a_copy_of_the_files_alone_can_be_built(history: Path) -> None:
    shutil.rmtree(history / ".git")
    assert version_in(history) == UNKNOWN
