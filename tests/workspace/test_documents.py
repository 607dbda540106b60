"""Files people write: where their fields stand and what they may be called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from panel.errors import WorkspaceError
from panel.workspace.documents import (
    LONGEST_FRONT_MATTER,
    parse_yaml,
    read_front_matter,
    yaml_lines,
)
from panel.workspace.loading import load_workspace
from panel.workspace.plain_files import LARGEST, read_text
from panel.workspace.toml_lines import toml_lines
from tests.support.space import Space

HERE = Path("here.yaml")
YAML = "a: 1\nb:\n  - c: x\n    d: y\n  - e\nf: {g: 1,\n  h: 2}\n"
TOML = 'x = 1\n[a]\ny = 2\n# z = 3\n[a.b]\n"c" = 4\nd.e = 5\n[ "q" ]\n'


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 1),
        (("b", 0, "d"), 4),
        (("b", 1), 5),
        (("f", "h"), 7),
        (("b", 0, "missing"), 3),
        (("b", 9), 2),
        ((), 1),
    ],
)
def test_a_yaml_field_has_its_line_or_that_of_its_nearest_parent(
    path: tuple[str | int, ...], line: int
) -> None:
    assert yaml_lines(YAML)(path) == line
    assert yaml_lines(YAML, first_line=10)(path) == line + 9


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("x",), 1),
        (("a", "y"), 3),
        (("a", "z"), 2),
        (("a", "b", "c"), 6),
        (("a", "b", "d", "e"), 7),
        (("q", "r"), 8),
        (("none",), None),
    ],
)
def test_a_toml_key_has_its_line_or_that_of_its_table(
    path: tuple[str | int, ...], line: int | None
) -> None:
    assert toml_lines(TOML)(path) == line


def test_the_lines_of_all_fields_take_one_look_at_the_file() -> None:
    """Each of 5,000 endpoints may have a problem, whose line is told."""
    looks = []

    class Source(str):
        __slots__ = ()

        def split(self, *words: Any) -> list[str]:  # type: ignore[override]
            looks.append(words)
            return str.split(self, *words)

    lines = toml_lines(Source("\n".join(f"[endpoints.e{number}]" for number in range(50))))
    assert [lines(("endpoints", f"e{number}", "key")) for number in range(50)] == [*range(1, 51)]
    assert len(looks) == 1


def test_nothing_written_has_no_line() -> None:
    assert parse_yaml("", HERE) is None and yaml_lines("")(("a",)) is None


@pytest.mark.parametrize("source", ["a: \0", "a: {b", "a: \x07"])
def test_yaml_that_cannot_be_a_value_is_one_problem(source: str) -> None:
    with pytest.raises(WorkspaceError, match=r"here.yaml.* is not valid YAML") as refusal:
        parse_yaml(source, HERE)
    assert len(refusal.value.problems) == 1 and "\n" not in str(refusal.value)


def test_only_plain_whole_numbers_and_nothing_are_more_than_text() -> None:
    read = parse_yaml("[1, -2, 0, 01, 1.5, 1_0, 0x1, 1:30, yes, true, 2026-01-31, ~, null, ]", HERE)
    assert read[:3] == [1, -2, 0] and read[-2:] == [None, None]
    assert read[3:-2] == ["01", "1.5", "1_0", "0x1", "1:30", "yes", "true", "2026-01-31"]


def test_front_matter_may_end_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("---\na: b\n---")
    document = read_front_matter(file)
    assert (document.fields, document.body, document.lines(("a",))) == ({"a": "b"}, "", 2)


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="cannot be read: No such file"):
        read_text(tmp_path / "none.md")
    with pytest.raises(WorkspaceError, match="cannot be read: Is a directory"):
        read_text(tmp_path)


# --- the marks of a merge ---------------------------------------------------------------------

MERGE = "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> branch\n"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (MERGE, [1]),
        (f"a\n\n{MERGE}b\n{MERGE}", [3, 9]),
        (MERGE.replace("\n", "\r\n"), [1]),
        (MERGE.replace("=======", "||||||| base\nb\n======="), [1]),
        ("<<<<<<<\n", [1]),
        ("a\n>>>>>>> branch", [2]),
        ("a\n=======\nb\n>>>>>>> branch", [2]),
        ("Heading\n=======\n\n" + MERGE, [4]),
        ("Heading\n=======\n\ntext\n", []),
        ("a <<<<<<< b\n    <<<<<<< HEAD\n<<<<<<<<<< ten\n> > > > > > > deep\n", []),
    ],
)
def test_each_conflict_that_git_left_has_its_line_and_a_heading_is_none(
    tmp_path: Path, text: str, lines: list[int]
) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(text.encode())
    if lines:
        with pytest.raises(WorkspaceError, match="holds the marks of a merge") as refusal:
            read_text(file)
        assert [problem.line for problem in refusal.value.problems] == lines
    else:
        assert read_text(file)


@pytest.mark.parametrize(
    "name", ["tools/x.md", "tools/x.csv", "tools/x.parquet", "personas/x.md", "panel.toml"]
)
@pytest.mark.parametrize("target", ["secret", "/dev/zero", "/proc/self/environ"])
def test_a_link_out_of_its_folder_is_refused_and_not_read(
    space: Space, name: str, target: str
) -> None:
    secret = space.root.parent / "secret"
    secret.write_text("name,description\nKEPT OUT,KEPT OUT\n")
    file = space.root / name
    file.unlink(missing_ok=True)
    file.symlink_to(secret if target == "secret" else target)
    with pytest.raises(WorkspaceError) as error:
        load_workspace(space.root)
    assert f"{file}: leads out of its folder" in str(error.value)
    assert "KEPT OUT" not in str(error.value)


def test_a_link_within_its_folder_is_read(space: Space) -> None:
    (space.root / "tools" / "second.md").symlink_to("anvil.md")
    assert {tool.slug for tool in load_workspace(space.root).tools} >= {"anvil", "second"}


def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.md")
    with pytest.raises(WorkspaceError, match="is not a plain file"):
        read_text(tmp_path / "a.md")


def test_a_front_matter_is_refused_by_its_size(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("---\na: " + "x" * (LONGEST_FRONT_MATTER - 4) + "\n---\nbody")
    assert read_front_matter(file).body == "body"
    file.write_text("---\na: " + "[" * 3_000_000 + "\n---\nbody")
    with pytest.raises(WorkspaceError, match="the front matter has 3,000,004 characters"):
        read_front_matter(file)


@pytest.mark.parametrize(
    "text",
    [
        "a: !!int 1" + ":1" * 100_000,
        "a: !!float 1:1",
        "a: !!binary aGk=",
        "a: !!set {b}",
        "a: !!timestamp 2001-01-01",
        "a: !!python/object/apply:os.system [true]",
        "a: !own b",
        "a: !!int x",
        "!!int a: 1",
    ],
)
def test_a_tag_that_makes_more_than_plain_data_is_refused(text: str) -> None:
    with pytest.raises(WorkspaceError, match=r"x.yaml:1: has the tag '.*', which is not read"):
        parse_yaml(text, Path("x.yaml"))


def test_the_tags_of_plain_data_are_read() -> None:
    text = "a: !!str 7\nb: !!int 7\nc: !!seq [1]\nd: !!map {e: !!null ''}"
    assert parse_yaml(text, HERE) == {"a": "7", "b": 7, "c": [1], "d": {"e": None}}


@pytest.mark.slow
def test_yaml_with_very_many_values_is_refused_before_they_are_made() -> None:
    with pytest.raises(WorkspaceError, match="more than 500,000 values"):
        parse_yaml("- a\n" * 500_001, Path("x.yaml"))


@pytest.mark.parametrize("name", ["tools", "personas", "prompts"])
def test_a_folder_that_is_a_link_stays_in_its_repository(
    space: Space, tmp_path: Path, name: str
) -> None:
    """A link is a file like any other to git, and may come with a stranger's branch."""
    folder = space.root / name
    folder.mkdir(exist_ok=True)
    shared = tmp_path / f"shared-{name}"
    folder.rename(shared)
    folder.symlink_to(shared)
    with pytest.raises(WorkspaceError, match=f"{name}: leads out of its folder"):
        load_workspace(space.root)
    (tmp_path / ".git").mkdir()
    assert load_workspace(space.root)


def test_a_file_larger_than_any_catalog_is_refused_by_its_size(tmp_path: Path) -> None:
    file = tmp_path / "zeros.md"
    with file.open("wb") as hole:
        hole.truncate(LARGEST + 1)
    with pytest.raises(WorkspaceError, match="is larger than 64 MiB"):
        read_text(file)
