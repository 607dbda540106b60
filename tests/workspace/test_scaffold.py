"""`panel init`: a workspace that works at once, and never over another's files."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from panel.errors import UsageError
from panel.workspace.endpoints import BASE_SAMPLING
from panel.workspace.loading import check_rendering, load_workspace
from panel.workspace.scaffold import create, shipped
from panel.workspace.settings import Settings
from panel.workspace.settings_file import FILE
from tests.support.git_repository import git
from tests.support.space import Panel, Space


def test_a_new_workspace_is_whole_and_loads(tmp_path: Path) -> None:
    written = create(tmp_path / "new" / "space")
    root = tmp_path / "new" / "space"
    assert {file for file in root.rglob("*") if file.is_file()} == {root / f for f in written}
    assert {Path("panel.toml"), Path("prompts/system.md.j2"), Path("runs/.gitignore")} <= {*written}
    copied = [file for file in written if file != Path(".gitignore")]
    assert all((root / file).read_bytes() == (shipped() / file).read_bytes() for file in copied)
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
    with pytest.raises(UsageError, match=f"panel.toml, .* and {len(written) - 4} more"):
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


@pytest.mark.parametrize("name", ["README.md", ".gitignore"])
def test_files_beside_it_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    create(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_git_leaves_out_mails_drafts_and_secrets_and_the_site_is_ones_choice(
    tmp_path: Path,
) -> None:
    create(tmp_path)
    git(tmp_path, "init", "-q")
    for name in ("digests/a.html", "preview/index.html", "desk.token", ".env", "public/index.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    git(tmp_path, "add", "--all")
    added = {Path(name) for name in git(tmp_path, "diff", "--cached", "--name-only").splitlines()}
    assert Path("public/index.html") in added and Path("panel.toml") in added
    assert not added & {Path(n) for n in ("digests/a.html", "preview/index.html", ".env")}
    assert Path("desk.token") not in added


def test_init_without_a_folder_says_how_to_make_it_here(tmp_path: Path, panel: Panel) -> None:
    done = panel("init", cwd=tmp_path)
    assert done.code == 2 and "'panel init .' makes it here" in done.err
    assert panel("init", ".", cwd=tmp_path).code == 0


def test_init_says_which_tools_are_invented_and_how_much_a_run_asks(
    tmp_path: Path, panel: Panel
) -> None:
    """Invented ones have an address that nobody can have; a smaller first step stands first."""
    told = panel("init", "new", cwd=tmp_path).err
    tools = load_workspace(tmp_path / "new").tools
    real = [tool for tool in tools if not (tool.url or "").endswith(".example")]
    assert f"are invented, except {' and '.join(tool.name for tool in real)}." in told
    assert f"panel run --tool {real[0].slug}. It asks 4 questions of a model" in told
    assert f"about all {len(tools)} tools: {4 * len(tools)} questions" in told
    assert "invented" not in panel("init", "other", "--empty", cwd=tmp_path).err


SETTING = re.compile(r"(?:# )?(\w+) = ([^#]+?)\s*(?:#.*?default: ([^;,]+).*|#.*)?$")


def shown_settings() -> Iterator[tuple[str, str, str]]:
    """Yield table, key and what is shown as the default of every line of panel.toml.

    Tables of endpoints hold examples. A comment may give the default of another example.
    """
    table = ""
    for line in (shipped() / FILE).read_text(encoding="utf-8").splitlines():
        if head := re.match(r"(?:# )?\[([\w.]+)\]", line):
            table = head[1]
        found = SETTING.match(line)
        if found and not table.startswith("endpoints"):
            yield table, found[1], found[3] or found[2]


def test_every_default_that_a_new_panel_toml_shows_is_the_programs_own() -> None:
    shown = list(shown_settings())
    assert len(shown) >= 14
    defaults = {**Settings().model_dump(mode="json"), "sampling": BASE_SAMPLING.model_dump()}
    for table, key, text in shown:
        if text in ("none", "all"):
            assert defaults[table][key] is None, key
        else:
            assert tomllib.loads(f"x = {text}") == {"x": defaults[table][key]} or (
                text == "[]" and not defaults[table][key]
            ), key


def test_the_page_of_endpoints_gives_the_programs_own_number_of_tries() -> None:
    page = (Path(__file__).parents[2] / "docs" / "endpoints.md").read_text(encoding="utf-8")
    assert re.findall(r"attempts = (\d+)", page) == [str(Settings().limits.attempts)]


@pytest.mark.slow
def test_what_runs_hold_is_for_their_owner_alone(
    mocked: Space, panel: Panel, tmp_path: Path
) -> None:
    """Made by init or by the first command that writes; never changed afterwards."""
    before = os.umask(0o022)
    try:
        assert panel("init", tmp_path / "new", cwd=tmp_path).code == 0
        assert panel("run", "--tool", "anvil", cwd=mocked.root).code == 0
    finally:
        os.umask(before)
    runs = mocked.root / "runs"
    for folder in (tmp_path / "new" / "runs", runs):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert panel("check", cwd=mocked.root).err == ""
    for mode, said in ((0o755, True), (0o750, False), (0o701, True)):
        runs.chmod(mode)
        assert panel("run", cwd=mocked.root).code == 0
        assert ("Other users" in panel("check", cwd=mocked.root).err) is said
        assert runs.stat().st_mode & 0o777 == mode


def test_a_fresh_clone_without_runs_has_nothing_to_say_of_them(mocked: Space, panel: Panel) -> None:
    (mocked.root / "runs").mkdir(mode=0o755)
    (mocked.root / "runs" / ".gitignore").write_text("*\n!.gitignore\n")
    assert panel("check", cwd=mocked.root).err == ""
