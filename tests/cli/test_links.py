"""Links in folders that the program writes: none leads it to what is somebody else's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from panel.cells.packed import pack
from tests.support.space import Panel, Space


@pytest.fixture
def ran(mocked: Space, panel: Panel) -> Space:
    """Return a workspace with a run and its database."""
    assert panel("run", cwd=mocked.root).code == 0
    assert panel("show", cwd=mocked.root).code == 0
    return mocked


def moved(file: Path, elsewhere: Path) -> None:
    """Put a file or folder elsewhere, and a link in its place."""
    shutil.move(file, elsewhere)
    file.symlink_to(elsewhere)


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(each.relative_to(folder)): (each.stat().st_mtime_ns, each.stat().st_size)
        for each in folder.rglob("*")
        if each.is_file()
    }


@pytest.mark.parametrize(
    "what",
    ["*/", "*/attempts.jsonl", "*/attempts.jsonl.zst", "panel.duckdb", ".packing.lock"],
)
def test_what_runs_hold_is_not_read_or_written_through_a_link(
    ran: Space, panel: Panel, tmp_path: Path, what: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (ran.root / "runs" / ".packing.lock").touch()
    if what.endswith(".zst"):
        pack(next((ran.root / "runs").glob("*/attempts.jsonl")))
    [place] = (ran.root / "runs").glob(what)
    moved(place, elsewhere / place.name)
    before = state(elsewhere)
    for words in ("show", "sql 'SELECT 1'", "run", "rebuild", "verify", "lint", "publish public"):
        told = panel(*words.replace("'", "").split(" ", 1), cwd=ran.root)
        assert told.code == 2 and f"{place.name}: leads out of its folder" in told.err, words
    assert state(elsewhere) == before
    assert not (ran.root / "public").exists()


def test_a_link_within_runs_and_one_in_the_place_of_runs_are_followed(
    ran: Space, panel: Panel, tmp_path: Path
) -> None:
    shown = panel("show", "--json", cwd=ran.root).out
    moved(ran.root / "runs", tmp_path / "disk")
    [run] = (tmp_path / "disk").glob("*/")
    moved(run / "attempts.jsonl", run / "kept.jsonl")
    assert panel("show", "--json", cwd=ran.root).out == shown


def test_no_vote_is_read_or_written_through_a_link(
    ran: Space, panel: Panel, tmp_path: Path
) -> None:
    assert panel("publish", "public", "--drafts", cwd=ran.root).code == 0
    (tmp_path / "mine.jsonl").write_text("mine\n")
    (ran.root / "community").mkdir()
    (ran.root / "community" / "votes.jsonl").symlink_to(tmp_path / "mine.jsonl")
    for words in (("publish", "public", "--drafts"), ("serve", "public", "--port", "0")):
        told = panel(*words, cwd=ran.root)
        assert told.code == 2 and "votes.jsonl: leads out of its folder" in told.err
    assert (tmp_path / "mine.jsonl").read_text() == "mine\n"


@pytest.mark.parametrize("out", ["public", "public/new", "tools/../public"])
def test_a_site_is_not_written_through_a_link_of_the_workspace(
    ran: Space, panel: Panel, tmp_path: Path, out: str
) -> None:
    """Who names a folder elsewhere, or a link that stands elsewhere, has chosen it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (ran.root / "public").symlink_to(elsewhere)
    told = panel("publish", out, "--drafts", cwd=ran.root)
    assert told.code == 2 and "leads out of its folder" in told.err
    assert not list(elsewhere.iterdir())
    (tmp_path / "link").symlink_to(elsewhere)
    assert panel("publish", str(tmp_path / "link"), "--drafts", cwd=ran.root).code == 0
    assert (elsewhere / "index.html").is_file()
