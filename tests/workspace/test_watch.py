"""Which files have changed since the last look."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from panel.workspace.watch import Watched


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """Watch one file and one folder with two."""
    for name in ("one.toml", "folder/two.md", "folder/below/three.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return Watched(tmp_path, ["one.toml", "folder", "missing"])


def test_files_that_nobody_touches_keep_their_marks(watched: Watched, tmp_path: Path) -> None:
    first = watched.look()
    assert [Path(file).name for file in first] == ["one.toml", "two.md", "three.md"]
    assert watched.look() == first
    os.utime(tmp_path / "one.toml", (0, 0))  # touched, and read: it says what it said
    (tmp_path / "folder/two.md").write_text("folder/two.md")
    changed = watched.look()
    assert changed.keys() == first.keys()
    assert (
        changed[str(tmp_path / "folder/below/three.md")]
        is (first[str(tmp_path / "folder/below/three.md")])
    )


@pytest.mark.parametrize("name", ["one.toml", "folder/two.md", "folder/below/three.md"])
def test_a_change_gives_that_file_another_mark_though_size_and_time_are_the_same(
    watched: Watched, tmp_path: Path, name: str
) -> None:
    for text in ("x" * len(name), "y" * len(name), name):
        before, about = watched.look(), (tmp_path / name).stat()
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, ns=(about.st_atime_ns, about.st_mtime_ns))
        now = watched.look()
        assert {file for file in now if now[file] is not before[file]} == {str(tmp_path / name)}


def test_a_pipe_among_the_files_holds_nobody_up(watched: Watched, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "folder/pipe.md")
    before = watched.look()
    assert str(tmp_path / "folder/pipe.md") in before
    assert watched.look() == before


def test_new_files_and_those_that_are_gone_are_seen(watched: Watched, tmp_path: Path) -> None:
    before = watched.look()
    (tmp_path / "folder/two.md").rename(tmp_path / "folder/four.md")
    now = watched.look()
    assert now.keys() ^ before.keys() == {
        str(tmp_path / "folder/two.md"),
        str(tmp_path / "folder/four.md"),
    }
