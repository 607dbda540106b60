"""`panel init`: a workspace that works at once, and never over another's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from panel.errors import UsageError
from panel.workspace.loading import check_rendering, load_workspace
from panel.workspace.scaffold import create, shipped


def test_a_new_workspace_is_whole_and_loads(tmp_path: Path) -> None:
    written = create(tmp_path / "new" / "space")
    root = tmp_path / "new" / "space"
    assert {file for file in root.rglob("*") if file.is_file()} == {root / f for f in written}
    assert {Path("panel.toml"), Path("prompts/examples/builder.yaml"), Path("runs/.gitignore")} <= {
        *written
    }
    assert all((root / file).read_bytes() == (shipped() / file).read_bytes() for file in written)
    check_rendering(load_workspace(root))


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "personas").mkdir()
    (tmp_path / "personas/builder.md").write_text("mine")
    with pytest.raises(UsageError, match=r"already holds personas/builder.md. Nothing was written"):
        create(tmp_path)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files == [tmp_path / "personas/builder.md"] and files[0].read_text() == "mine"


def test_a_second_init_names_a_few_files_and_counts_the_rest(tmp_path: Path) -> None:
    written = create(tmp_path)
    with pytest.raises(UsageError, match=f"panel.toml, .* and {len(written) - 3} more"):
        create(tmp_path)


@pytest.mark.parametrize("file", [".", "space", "space/personas"])
def test_a_file_in_the_way_is_named_and_nothing_written(tmp_path: Path, file: str) -> None:
    root = tmp_path / "above" / "space"
    way = tmp_path / "above" / file
    way.parent.mkdir(parents=True, exist_ok=True)
    way.write_text("mine")
    with pytest.raises(UsageError, match=r"is a file. Nothing was written"):
        create(root)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [way]


def test_files_beside_it_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    create(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"
