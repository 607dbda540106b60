"""Files as they were at a git revision, out of real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from panel.errors import UsageError
from panel.workspace.git import (
    changed_files,
    changed_lines,
    commit_of,
    folder_in_repository,
    user_name,
)
from panel.workspace.git_files import changed_contents, workspace_at
from panel.workspace.loading import load_workspace
from panel.workspace.plain_files import LARGEST
from tests.support.git_repository import commit, git, repository
from tests.support.space import Space, edit, write_tool

pytestmark = pytest.mark.process  # git's


@pytest.fixture
def kept(space: Space) -> Space:
    """Make a workspace that is a git repository, with one commit."""
    repository(space.root)
    return space


def laid_out(root: Path, revision: str) -> dict[str, bytes]:
    """Return the files of a revision by their path."""
    with workspace_at(root, revision) as folder:
        return {
            str(file.relative_to(folder)): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.is_file() or file.is_symlink()
        }


def working(root: Path) -> dict[str, bytes]:
    """Return the files people write as they lie in the working tree."""
    return {
        str(file.relative_to(root)): file.read_bytes()
        for part in ("panel.toml", "personas", "prompts", "tools", "verdicts")
        for file in sorted([root / part, *(root / part).rglob("*")])
        if file.is_file()
    }


def test_a_revision_is_laid_out_byte_for_byte_and_is_a_workspace(kept: Space) -> None:
    before, tools = working(kept.root), load_workspace(kept.root).tools
    edit(kept.root / "tools/anvil.md", "reads JSON", "eats JSON")
    kept.tool("crucible")
    (kept.root / "tools/bellows.md").unlink()
    commit(kept.root)
    assert laid_out(kept.root, "HEAD~1") == before
    assert laid_out(kept.root, "HEAD") == working(kept.root)
    with workspace_at(kept.root, "HEAD~1") as folder:
        assert load_workspace(folder).tools == tools


def test_neither_the_working_tree_nor_the_index_is_touched_or_seen(kept: Space) -> None:
    edit(kept.root / "tools/anvil.md", "reads JSON", "eats JSON")
    git(kept.root, "add", "-A")
    edit(kept.root / "tools/anvil.md", "eats JSON", "drinks JSON")
    said = git(kept.root, "status", "--porcelain")
    assert b"reads JSON" in laid_out(kept.root, "HEAD")["tools/anvil.md"]
    assert git(kept.root, "status", "--porcelain") == said == "MM tools/anvil.md\n"


def test_the_folder_is_gone_afterwards_even_when_its_reader_fails(kept: Space) -> None:
    with pytest.raises(ZeroDivisionError), workspace_at(kept.root, "HEAD") as folder:
        raise ZeroDivisionError
    assert not folder.exists()


def test_only_what_people_write_is_laid_out(kept: Space) -> None:
    (kept.root / "src").mkdir()
    (kept.root / "src" / "secret.py").write_text("x = 1\n")
    (kept.root / "verdicts").mkdir()
    (kept.root / "verdicts" / "anvil.json").write_text("{}\n")
    commit(kept.root)
    found = laid_out(kept.root, "HEAD")
    assert "verdicts/anvil.json" in found
    assert {name.partition("/")[0] for name in found} == {
        "panel.toml", "personas", "prompts", "tools", "verdicts",
    }  # fmt: skip


def test_a_workspace_in_a_subfolder_is_laid_out_from_there(space: Space, tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "not-ours.md").write_text("of another project")
    repository(tmp_path)
    before = working(space.root)
    edit(space.root / "tools/anvil.md", "reads JSON", "eats JSON")
    commit(tmp_path)
    assert laid_out(space.root, "HEAD~1") == before
    assert changed_files(space.root, "HEAD~1", "HEAD") == [("tools/anvil.md", 1, 1)]


def test_attributes_of_the_repository_have_no_say(kept: Space) -> None:
    (kept.root / ".gitattributes").write_text(
        "tools/bellows.md export-ignore\ntools/anvil.md export-subst ident\n* text=auto eol=crlf\n"
    )
    edit(kept.root / "tools/anvil.md", "reads JSON", "reads $Format:%H$ $Id$ JSON")
    commit(kept.root)
    found = laid_out(kept.root, "HEAD")
    assert "tools/bellows.md" in found
    assert b"$Format:%H$ $Id$" in found["tools/anvil.md"] and b"\r" not in found["tools/anvil.md"]


def test_a_diff_driver_or_textconv_of_the_repository_is_not_run(
    kept: Space, tmp_path: Path
) -> None:
    trace = tmp_path / "ran"
    script = tmp_path / "driver.sh"
    script.write_text(f"#!/bin/sh\ntouch {trace}\n")
    script.chmod(0o755)
    git(kept.root, "config", "diff.evil.command", str(script))
    git(kept.root, "config", "diff.evil.textconv", str(script))
    git(kept.root, "config", "diff.external", str(script))
    (kept.root / ".gitattributes").write_text("* diff=evil filter=evil\n")
    edit(kept.root / "tools/anvil.md", "reads JSON", "eats JSON")
    commit(kept.root)
    assert laid_out(kept.root, "HEAD")
    assert changed_files(kept.root, "HEAD~1", "HEAD") == [("tools/anvil.md", 1, 1)]
    assert not trace.exists()


def test_line_ends_are_as_they_were_committed(kept: Space) -> None:
    (kept.root / "tools/anvil.md").write_bytes(
        (kept.root / "tools/anvil.md").read_bytes().replace(b"\n", b"\r\n")
    )
    git(kept.root, "-c", "core.autocrlf=false", "commit", "-qam", "crlf")
    assert b"\r\n" in laid_out(kept.root, "HEAD")["tools/anvil.md"]
    assert b"\r\n" not in laid_out(kept.root, "HEAD~1")["tools/anvil.md"]


def test_a_link_is_left_out_wherever_it_leads(kept: Space, tmp_path: Path) -> None:
    (tmp_path / "outside.md").write_text("secret")
    (kept.root / "tools/escape.md").symlink_to(tmp_path / "outside.md")
    (kept.root / "tools/within.md").symlink_to("anvil.md")
    (kept.root / "verdicts").symlink_to(tmp_path)
    commit(kept.root)
    found = laid_out(kept.root, "HEAD")
    assert not {name for name in found if "escape" in name or "within" in name}
    assert not {name for name in found if name.startswith("verdicts")}
    assert "tools/anvil.md" in found


def test_another_repository_within_is_left_out(kept: Space) -> None:
    inner = kept.root / "tools" / "inner"
    inner.mkdir()
    (inner / "x.md").write_text("x")
    git(inner, "init", "-q", "-b", "main")
    commit(inner)
    git(kept.root, "-c", "advice.addEmbeddedRepo=false", "add", "-A")
    git(kept.root, "commit", "-qm", "inner")
    assert not {name for name in laid_out(kept.root, "HEAD") if "inner" in name}


NAMES = [
    "a b.md",
    "naïve-über.md",
    "鍛冶屋.md",
    'quo"te.md',
    "tab\there.md",
    "line\nend.md",
    "-dash.md",
    "back\\slash.md",
    "*.md",
    ":(top)x.md",
    "deep/er/and deeper/x.md",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_characters_comes_back(kept: Space, name: str) -> None:
    file = kept.root / "tools" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"odd\0bytes\n\n")
    commit(kept.root)
    assert laid_out(kept.root, "HEAD")[f"tools/{name}"] == b"odd\0bytes\n\n"


def test_a_name_that_is_not_utf_8_comes_back(kept: Space) -> None:
    name = os.fsdecode(b"caf\xe9.md")
    (kept.root / "tools" / name).write_bytes(b"x")
    commit(kept.root)
    assert laid_out(kept.root, "HEAD")[f"tools/{name}"] == b"x"


def test_empty_and_large_files_come_back(kept: Space) -> None:
    (kept.root / "tools" / "empty.md").write_bytes(b"")
    large = bytes(range(256)) * 8192
    (kept.root / "tools" / "large.bin").write_bytes(large)
    commit(kept.root)
    found = laid_out(kept.root, "HEAD")
    assert found["tools/empty.md"] == b"" and found["tools/large.bin"] == large


@pytest.mark.slow
def test_files_of_more_bytes_than_are_read_at_once_come_back(kept: Space) -> None:
    half = LARGEST // 2 + 1
    for name in ("a", "b"):
        with (kept.root / "tools" / f"{name}.bin").open("wb") as file:
            file.truncate(half)
    (kept.root / "tools" / "c.bin").write_bytes(b"last")
    commit(kept.root)
    found = laid_out(kept.root, "HEAD")
    assert [found[f"tools/{name}.bin"].count(0) for name in ("a", "b")] == [half, half]
    assert len(found["tools/b.bin"]) == half and found["tools/c.bin"] == b"last"


@pytest.mark.slow
@pytest.mark.parametrize("length", [4, 200])
def test_a_few_kilobytes_that_stand_for_very_many_files_are_refused(
    kept: Space, length: int
) -> None:
    """Folders of git that hold the same ones: 250,000 files, or 100 MB of their names."""
    (kept.root / "tools" / "small.md").write_text("x")
    commit(kept.root)
    blob = git(kept.root, "rev-parse", "HEAD:tools/small.md").strip()
    kind, made = f"100644 blob {blob}", ""
    for _level in range(2):
        rows = "".join(f"{kind}\t{number:0{length}}\n" for number in range(500))
        made = mktree(kept.root, rows)
        kind = f"040000 tree {made}"
    root = mktree(kept.root, f"040000 tree {made}\ttools\n")
    bomb = git(kept.root, "commit-tree", root, "-m", "many").strip()
    with (
        pytest.raises(UsageError, match="has more than 200,000 files"),
        workspace_at(kept.root, bomb),
    ):
        pass


def mktree(root: Path, rows: str) -> str:
    words = ["git", "-C", str(root), "mktree"]
    return subprocess.run(
        words, input=rows, text=True, capture_output=True, check=True
    ).stdout.strip()


@pytest.mark.slow
def test_a_file_that_is_large_only_when_unpacked_is_refused_before_it_is_read(kept: Space) -> None:
    with (kept.root / "tools" / "zeros.md").open("wb") as file:
        file.truncate(LARGEST + 1)
    commit(kept.root)
    with pytest.raises(UsageError, match=r"'tools/zeros.md' of .* is larger than 64 MiB"):
        laid_out(kept.root, "HEAD")


@pytest.mark.skipif(os.name == "nt", reason="the program that git would start is a shell script")
def test_no_program_of_the_repositorys_configuration_is_started(
    kept: Space, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-index-change").symlink_to(program)
    git(kept.root, "config", "core.fsmonitor", str(program))
    git(kept.root, "config", "core.hooksPath", str(hooks))
    (kept.root / "tools" / "anvil.md").write_text("changed")
    assert changed_files(kept.root, "HEAD", None) and laid_out(kept.root, "HEAD")
    assert not (tmp_path / "started").exists()


def test_a_repository_that_came_as_files_of_another_is_refused_and_starts_nothing(
    space: Space, tmp_path: Path
) -> None:
    """A clone brings its configuration, which may name what git starts to fetch what is missing."""
    git(tmp_path, "init", "-q", "--bare", "elsewhere.git")
    for name, content in {
        "HEAD": "ref: refs/heads/main\n",
        "refs/heads/main": "1" * 40 + "\n",
        "objects/.keep": "",
        "config": "[core]\nrepositoryformatversion = 1\nbare = true\n"
        "[extensions]\npartialClone = origin\n"
        f'[remote "origin"]\nurl = {tmp_path}/elsewhere.git\npromisor = true\n'
        f'uploadpack = "touch {tmp_path}/started; git-upload-pack"\n',
    }.items():
        file = space.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    with pytest.raises(UsageError, match="bare"):
        changed_files(space.root, "HEAD", None)
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("name", ["main", "v1", "HEAD", "HEAD~0", "HEAD^{commit}", "main@{0}"])
def test_whatever_names_a_commit_names_a_revision(kept: Space, name: str) -> None:
    git(kept.root, "tag", "-a", "v1", "-m", "one")
    assert commit_of(kept.root, name) == git(kept.root, "rev-parse", "HEAD").strip()


@pytest.mark.parametrize(
    "name",
    [
        "nowhere",
        "",
        "-h",
        "--help",
        "--git-dir",
        "-",
        "HEAD:tools",
        "HEAD^{tree}",
        "a\nb",
        "main..HEAD",
    ],
)
def test_what_names_no_commit_is_a_usage_error_and_never_an_option(kept: Space, name: str) -> None:
    assert commit_of(kept.root, name) is None
    with pytest.raises(UsageError, match=r"no revision|cannot read"), workspace_at(kept.root, name):
        pass


def test_a_branch_that_looks_like_an_option_is_not_taken_for_one(kept: Space) -> None:
    git(kept.root, "update-ref", "refs/heads/-x", "HEAD")
    assert commit_of(kept.root, "-x") is None
    assert commit_of(kept.root, "refs/heads/-x") is not None


def test_outside_any_repository_there_is_no_revision(space: Space) -> None:
    with pytest.raises(UsageError, match="not a git repository"), workspace_at(space.root, "HEAD"):
        pass


def test_without_git_the_message_says_so(kept: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="git is not installed"), workspace_at(kept.root, "HEAD"):
        pass


def test_a_shallow_clone_says_how_to_fetch_the_rest(kept: Space, tmp_path: Path) -> None:
    commit(kept.root, "second")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{kept.root}", "shallow")
    shallow = tmp_path / "shallow"
    assert laid_out(shallow, "HEAD") == working(kept.root)
    with (
        pytest.raises(UsageError, match=r"shallow.*fetch-depth: 0"),
        workspace_at(shallow, "HEAD~1"),
    ):
        pass


def test_a_repository_that_git_distrusts_is_said_in_gits_own_words(
    kept: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commonest trouble in a container: the checkout belongs to another user."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    with pytest.raises(UsageError, match="ownership"), workspace_at(kept.root, "HEAD"):
        pass


def test_a_name_whose_commit_is_lost_is_not_called_unknown(kept: Space) -> None:
    lost = git(kept.root, "rev-parse", "HEAD").strip()
    (kept.root / ".git/objects" / lost[:2] / lost[2:]).unlink()
    with pytest.raises(UsageError, match=f"{lost}.*damaged"), workspace_at(kept.root, "main"):
        pass


def test_a_damaged_repository_is_never_one_in_which_nothing_differs(kept: Space) -> None:
    """Whatever is asked of it, git's own reason comes back."""
    verdict = kept.root / "verdicts/anvil.json"
    verdict.parent.mkdir(exist_ok=True)
    verdict.write_bytes((kept.root / "tools/anvil.md").read_bytes())  # one content, one object
    commit(kept.root)
    verdict.unlink()
    edit(kept.root / "tools/anvil.md", "reads JSON", "eats JSON")
    blob = git(kept.root, "rev-parse", "HEAD:tools/anvil.md").strip()
    file = kept.root / ".git/objects" / blob[:2] / blob[2:]
    file.chmod(0o600)
    file.write_bytes(b"junk")
    for ask in (
        lambda: changed_files(kept.root, "HEAD", None),
        lambda: changed_lines(kept.root, "HEAD", None, "tools"),
        lambda: changed_contents(kept.root, "HEAD", "verdicts", kept.root / "verdicts"),
        lambda: laid_out(kept.root, "HEAD"),
    ):
        with pytest.raises(UsageError, match=r"inflate|corrupt|unable to"):
            ask()


def test_settings_that_git_cannot_read_are_the_reason_that_nobody_is_named(kept: Space) -> None:
    with (kept.root / ".git/config").open("a") as config:
        config.write("[broken\n")
    with pytest.raises(UsageError, match="bad config line"):
        user_name(kept.root)
    with pytest.raises(UsageError, match="bad config line"), workspace_at(kept.root, "main"):
        pass


def test_an_object_that_is_not_there_is_an_error_of_one_line(kept: Space) -> None:
    """As in a clone with --filter=blob:none whose server is gone."""
    edit(kept.root / "tools/anvil.md", "reads JSON", "eats JSON")
    commit(kept.root)
    blob = git(kept.root, "rev-parse", "HEAD~1:tools/anvil.md").strip()
    (kept.root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(UsageError), workspace_at(kept.root, "HEAD~1"):
        pass


def test_within_a_hook_git_looks_at_the_workspace_all_the_same(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hooks of a linked worktree run with GIT_DIR set, and git then forgets subfolders."""
    repository(tmp_path)
    expected = working(space.root)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert laid_out(space.root, "HEAD") == expected


def test_a_worktree_and_a_detached_head_serve_as_well(kept: Space, tmp_path: Path) -> None:
    git(kept.root, "worktree", "add", "-q", "--detach", str(tmp_path / "beside"))
    git(kept.root, "pack-refs", "--all")
    assert laid_out(tmp_path / "beside", "main") == working(kept.root)


def test_a_revision_from_before_the_workspace_is_an_empty_folder(tmp_path: Path) -> None:
    root = tmp_path / "young"
    root.mkdir()
    repository(root)
    (root / "panel.toml").write_text("")
    commit(root)
    assert laid_out(root, "HEAD~1") == {} and list(laid_out(root, "HEAD")) == ["panel.toml"]


def test_changed_files_counts_lines_of_what_people_write(kept: Space) -> None:
    edit(kept.root / "tools/anvil.md", "reads JSON", "eats JSON")
    write_tool(kept.root, "crucible")
    (kept.root / "tools/bellows.md").rename(kept.root / "tools/bell ö.md")
    (kept.root / "tools/blob.bin").write_bytes(b"\0\1\2")
    (kept.root / "README.md").write_text("not an input\n")
    for name, text in (("editorial/tools/anvil.md", "---\n---\n"), ("media/anvil.png", "\0")):
        (kept.root / name).parent.mkdir(parents=True)
        (kept.root / name).write_text(text)
    (kept.root / "verdicts").mkdir()
    (kept.root / "verdicts/anvil.json").write_text("{}\n")
    commit(kept.root)
    lines = len((kept.root / "tools/crucible.md").read_text().splitlines())
    assert changed_files(kept.root, "HEAD~1", "HEAD") == [
        ("editorial/tools/anvil.md", 2, 0),
        ("media/anvil.png", 0, 0),
        ("tools/anvil.md", 1, 1),
        ("tools/bell ö.md", lines, 0),
        ("tools/bellows.md", 0, lines),
        ("tools/blob.bin", 0, 0),
        ("tools/crucible.md", lines, 0),
    ]
    assert changed_files(kept.root, "HEAD", "HEAD") == []


def test_changed_files_without_a_head_looks_at_the_files_now(kept: Space) -> None:
    edit(kept.root / "panel.toml", "", "# one\n# two\n")
    assert changed_files(kept.root, "HEAD", None) == [("panel.toml", 2, 0)]


def test_changed_files_now_are_those_too_that_git_does_not_track_yet(kept: Space) -> None:
    (kept.root / ".gitignore").write_text("runs/\n*.bak\n")
    write_tool(kept.root, "crucible")
    (kept.root / "tools/crucible.md.bak").write_text("ignored\n")
    git(kept.root, "rm", "-q", "--cached", "tools/bellows.md")
    edit(kept.root / "tools/anvil.md", "reads JSON", "eats JSON")
    git(kept.root, "add", "tools/anvil.md")
    lines = len((kept.root / "tools/crucible.md").read_text().splitlines())
    before = git(kept.root, "status", "--porcelain")
    assert changed_files(kept.root, "HEAD", None) == [
        ("tools/anvil.md", 1, 1),
        ("tools/crucible.md", lines, 0),
    ]
    assert git(kept.root, "status", "--porcelain") == before, "the index is left alone"
    (kept.root / "tools/bellows.md").unlink()
    assert ("tools/bellows.md", 0, lines) in changed_files(kept.root, "HEAD", None)


def test_line_ends_are_no_change_of_a_file(kept: Space) -> None:
    file = kept.root / "tools/anvil.md"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert changed_files(kept.root, "HEAD", None) == []
    edit(file, "reads JSON", "eats JSON")
    assert changed_files(kept.root, "HEAD", None) == [("tools/anvil.md", 1, 1)]


@pytest.mark.parametrize("base", ["nowhere", "--output=stolen.txt", "-h"])
def test_changed_files_of_no_revision_is_an_error_and_never_an_option(
    kept: Space, base: str
) -> None:
    with pytest.raises(UsageError):
        changed_files(kept.root, base, None)
    assert not (kept.root / "stolen.txt").exists()


def test_changed_lines_gives_the_first_line_that_differs_of_each_file(kept: Space) -> None:
    def write(name: str, text: str) -> None:
        (kept.root / "tools" / name).write_text(text)

    write("a b.md", "1\n2\n3\n4\n")
    write("gone.md", "1\n2\n3\n")
    write("plus.md", "1\n+++ b/tools/forged.md\n@@ -1 +99 @@\n")
    write("ümlaut.md", "1\n2\n")
    commit(kept.root)
    write("a b.md", "1\n2\nthree\n4\nfive\n")
    write("gone.md", "2\n3\n")
    write("plus.md", "1\n++ b/tools/forged.md\n@@ -1 +77 @@\n")
    write("ümlaut.md", "1\n2\n3\n")
    expected = {"tools/a b.md": 3, "tools/gone.md": 1, "tools/plus.md": 2, "tools/ümlaut.md": 3}
    assert changed_lines(kept.root, "HEAD", None, "tools") == expected
    commit(kept.root)
    assert changed_lines(kept.root, "HEAD~1", "HEAD", "tools") == expected
    assert changed_lines(kept.root, "HEAD", None, "tools") == {}


def test_a_folder_says_where_in_its_repository_it_lies(space: Space, tmp_path: Path) -> None:
    assert folder_in_repository(space.root) == ""
    outer = tmp_path / "outer"
    inner = outer / "a b" / "ümlaut"
    inner.mkdir(parents=True)
    repository(outer)
    assert (folder_in_repository(outer), folder_in_repository(inner)) == ("", "a b/ümlaut/")


@pytest.mark.parametrize("method", ["sha1", "sha256"])
def test_only_what_differs_from_a_folder_is_read_from_git(tmp_path: Path, method: str) -> None:
    root, folder = tmp_path, tmp_path / "verdicts"
    git(root, "init", "-q", f"--object-format={method}")
    (folder / "deep").mkdir(parents=True)
    for name in ("same.json", "other.json", "gone.json", "ümlaut.json", "deep/left-out.json"):
        (folder / name).write_bytes(b"then\r\n\n")
    (folder / "empty.json").touch()
    (folder / "no-verdict").touch()
    (folder / "outside.json").write_bytes(b"then\r\n\n")
    commit(root)
    (folder / "outside.json").unlink()
    (tmp_path / "elsewhere").write_bytes(b"then\r\n\n")
    (folder / "outside.json").symlink_to(tmp_path / "elsewhere")
    (folder / "other.json").write_bytes(b"now\n")
    (folder / "gone.json").unlink()
    (folder / "new.json").write_bytes(b"now\n")
    found = changed_contents(root, "HEAD", "verdicts", folder)
    assert found == {"same.json": None, "other.json": b"then\r\n\n", "gone.json": b"then\r\n\n",
                     "outside.json": b"then\r\n\n", "ümlaut.json": None,
                     "empty.json": None}  # fmt: skip
    whole = changed_contents(root, "HEAD", "verdicts", None)
    assert whole.keys() == found.keys() and whole["same.json"] == b"then\r\n\n"
