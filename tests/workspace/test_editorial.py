"""The editors' own words: what each file is about, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from panel.errors import WorkspaceError
from panel.workspace.editorial import Editorial, editorial_file, load_editorial

SLUGS = ("anvil", "bellows")


def _write(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_each_file_speaks_of_the_page_it_is_named_after(tmp_path: Path) -> None:
    """Front page, tool, pair in either order, and digest are told by folder and name."""
    _write(tmp_path, "front.md", "---\nlead: anvil\n---\n")
    _write(tmp_path, "tools/anvil.md", "---\npick: yes\nwhy: It is quick.\n---\nWords.\n")
    _write(tmp_path, "pairs/bellows--anvil.md", "---\nheadline: Two ways\n---\n")
    _write(tmp_path, "digest/2026-11-20.md", "---\n{}\n---\nThis week.\n")
    found = load_editorial(tmp_path, SLUGS)
    assert found.front == Editorial(lead="anvil")
    assert found.tools == {"anvil": Editorial(pick=True, why="It is quick.", text="Words.")}
    assert found.pairs[frozenset(SLUGS)].headline == "Two ways"
    assert found.digests["2026-11-20"].text == "This week."


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    """A workspace without editorial/ is in order."""
    assert load_editorial(tmp_path / "editorial", SLUGS).tools == {}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tools/anvl.md", "there is no tool 'anvl' · Did you mean 'anvil'?"),
        ("pairs/anvil.md", "is about nothing that has a page"),
        ("pairs/anvil--anvil.md", "is about nothing that has a page"),
        ("pairs/anvil--x.md", "there is no tool 'x'"),
        ("digest/yesterday.md", "Name it after the first day"),
        ("about.md", "Call it front.md"),
    ],
)
def test_a_file_about_nothing_is_named(tmp_path: Path, name: str, says: str) -> None:
    """A file whose name fits no page is refused with the name that would do."""
    _write(tmp_path, name, "---\nheadline: x\n---\n")
    with pytest.raises(WorkspaceError) as raised:
        load_editorial(tmp_path, SLUGS)
    (problem,) = raised.value.problems
    assert says in f"{problem.message} · {problem.remedy}"


def test_the_file_of_a_page_is_found_again(tmp_path: Path) -> None:
    """What is written where editorial_file says is read as being about that page."""
    file = editorial_file(tmp_path, "pairs", "bellows", "anvil")
    _write(file.parent, file.name, "---\nby: Ada\n---\n")
    assert load_editorial(tmp_path / "editorial", SLUGS).pairs[frozenset(SLUGS)].by == "Ada"
