"""Links in folders that the program writes: none leads it to what is somebody else's."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.cells.packed import pack
from tests.support.mock_endpoint import MockEndpoint
from tests.support.space import Panel, Space

Led = Callable[[Path, Path], None]


@pytest.fixture
def ran(mocked: Space, panel: Panel) -> Space:
    """Return a workspace with a run and its database."""
    assert panel("run", cwd=mocked.root).code == 0
    assert panel("show", cwd=mocked.root).code == 0
    return mocked


def lead(link: Path, target: Path) -> None:
    link.symlink_to(target)


def lead_far(link: Path, target: Path) -> None:
    """Make a link by way of a path that is too long to be told, and can be followed all the same.

    Its text is short enough, and so is each path in a repository; with the folders above it is not.
    """
    room = 4080 - len(link.parent.name)
    names = ["d" * 200] * (room // 201 - 2)
    deep = "/".join([*names, "e" * (room - 201 * len(names) - 252)])
    with contextlib.chdir(link.parent):
        Path(deep).mkdir(parents=True)
        Path(deep, "x" * 250).symlink_to(target)
    link.symlink_to(f"{deep}/{'x' * 250}")


def lead_nowhere(link: Path, _target: Path) -> None:
    link.symlink_to(link.name)


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


def test_runs_may_be_a_link_to_another_disk(ran: Space, panel: Panel, tmp_path: Path) -> None:
    shown = panel("show", "--json", cwd=ran.root).out
    moved(ran.root / "runs", tmp_path / "disk")
    assert panel("show", "--json", cwd=ran.root).out == shown


@pytest.mark.parametrize("name", ["panel.duckdb.wal", "again", "2026/attempts.jsonl"])
def test_no_link_gives_a_journal_to_whoever_writes_another_file(
    ran: Space, panel: Panel, name: str
) -> None:
    """DuckDB would write its log into it, and the answers that were paid for would be lost."""
    [journal] = (ran.root / "runs").glob("*/attempts.jsonl")
    before = journal.read_bytes()
    link = ran.root / "runs" / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(journal.parent if name == "again" else journal)
    for words in (("show",), ("run", "--again"), ("rebuild",), ("verify",)):
        told = panel(*words, cwd=ran.root)
        assert told.code == 2 and f"{link.name}: " in told.err, words
    assert journal.read_bytes() == before


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


# What a link stands for, and the commands that would read or write there.
PLACES = {
    "tools/leak.md": ("check", "plan", "show", "lint", "publish new --drafts"),
    "tools": ("check", "plan"),
    "personas/leak.md": ("check", "plan", "run"),
    "prompts/leak.j2": ("check", "plan", "run --again"),
    "prompts/unread.j2": ("check", "plan"),
    "probes": ("probe hype",),
    "probes/tools": ("probe hype",),
    "digests": ("digest",),
    "verdicts/leak.json": ("check --frozen", "lint", "publish new --drafts"),
    "verdicts": ("check", "freeze", "check --frozen"),
    "verdicts/_canaries": ("freeze", "check --frozen"),
    "experiments": ("check", "experiment plan leak"),
    "experiments/leak.toml": ("check", "experiment plan leak"),
    "editorial/front.md": ("check", "publish new --drafts"),
    "community/votes.jsonl": ("votes show", "publish new --drafts", "votes import votes.csv"),
    "community/.gitignore": ("serve site --port 0", "votes import votes.csv"),
    "community/secret": ("serve site --port 0", "votes import votes.csv"),
    "community/mine.jsonl": ("verify",),
    "runs/leak": ("show", "run", "verify", "sql FROM(runs)"),
    "runs/panel.duckdb.wal": ("show", "run", "rebuild", "sql FROM(runs)"),
    "runs/panel.duckdb.tmp/leak": ("show", "run", "rebuild", "sql FROM(runs)"),
    "runs/endpoints.json": ("run", "doctor"),
    "public": ("publish public --drafts", "publish {root}/public --drafts"),
    "site/.panel-site.json": ("publish site --drafts",),
    "site/tools": ("publish site --drafts",),
    "takes.csv": ("export -o takes.csv",),
    "takes.parquet": ("export -o takes.parquet",),
    "panel.md": ("diff verdicts --markdown panel.md",),
}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("led", [lead, lead_far, lead_nowhere])
@pytest.mark.parametrize("kind", ["file", "folder", "nothing"])
def test_no_link_leads_a_command_out_of_the_workspace(
    ran: Space, mock: MockEndpoint, panel: Panel, tmp_path: Path, place: str, led: Led, kind: str
) -> None:
    """Each says in one line what it refuses, or goes on without it."""
    assert panel("publish", "site", "--drafts", cwd=ran.root).code == 0
    (ran.root / "votes.csv").write_text("tool,ships,skips\nanvil,1,1\n")
    review = ran.root / "prompts" / "review.md.j2"
    review.write_text(f'{review.read_text()}{{% include "leak.j2" ignore missing %}}')
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    target = elsewhere / "mine"
    if kind == "folder":
        shutil.copytree(ran.root / "tools", target)
    elif kind == "file":
        target.write_text("KEPT OUT")
    before = state(elsewhere)
    link = ran.root / place
    link.parent.mkdir(exist_ok=True)
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    led(link, target)
    for words in PLACES[place]:
        told = panel(*words.format(root=ran.root).replace("(", " (").split(" "), cwd=ran.root)
        assert "KEPT OUT" not in told.out + told.err, words
        assert "Traceback" not in told.err and told.err.count("leads out of") <= 2, words
        assert state(elsewhere) == before, words
    assert mock.requests and "KEPT OUT" not in str(mock.requests)


@pytest.mark.parametrize("out", ["public", "public/new", "tools/../public"])
def test_a_site_is_not_written_through_a_link_of_the_workspace(
    ran: Space, panel: Panel, tmp_path: Path, out: str
) -> None:
    """Who names a folder elsewhere, or a link that stands elsewhere, has chosen it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (ran.root / "public").symlink_to(elsewhere)
    told = panel("publish", out, "--drafts", cwd=ran.root)
    assert told.code == 2 and "public: is a link" in told.err
    assert not list(elsewhere.iterdir())
    (tmp_path / "link").symlink_to(elsewhere)
    assert panel("publish", str(tmp_path / "link"), "--drafts", cwd=ran.root).code == 0
    assert (elsewhere / "index.html").is_file()


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("runs/panel.duckdb", "show"),
        ("runs/panel.duckdb.wal", "show"),
        ("runs/panel.duckdb.wal", "rebuild"),
        ("runs/leak/attempts.jsonl", "show"),
        ("runs/leak/attempts.jsonl.zst", "verify"),
        ("community/votes.jsonl", "votes show"),
        ("community/secret", "votes import votes.csv"),
        ("site/.panel-site.json", "publish site --drafts"),
    ],
)
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(
    ran: Space, panel: Panel, place: str, command: str
) -> None:
    (ran.root / "votes.csv").write_text("tool,ships,skips\nanvil,1,1\n")
    pipe = ran.root / place
    pipe.parent.mkdir(exist_ok=True)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    told = panel(*command.split(), cwd=ran.root)
    assert told.code == 2 and pipe.name in told.err and "Traceback" not in told.err


@pytest.mark.parametrize(
    "listed", ["[" * 100_000, '{"files": {"\\ud800x": "x"}}', '{"files": {"../x": "x"}}']
)
def test_a_list_of_files_that_no_site_has_written_is_refused(
    ran: Space, panel: Panel, listed: str
) -> None:
    (ran.root / "site").mkdir()
    (ran.root / "site" / ".panel-site.json").write_text(listed)
    told = panel("publish", "site", "--drafts", cwd=ran.root)
    assert told.code == 2 and ".panel-site.json" in told.err


def test_a_run_whose_name_is_not_utf_8_is_refused_by_name(ran: Space, panel: Panel) -> None:
    folder = os.fsencode(ran.root / "runs") + b"/\xff"
    os.mkdir(folder)  # noqa: PTH102 - a name of bytes
    shutil.copy(next((ran.root / "runs").glob("2*/attempts.jsonl")), folder + b"/attempts.jsonl")
    for command in ("show", "verify", "run", "rebuild"):
        told = panel(command, cwd=ran.root)
        assert told.code == 2 and "has a name that is not UTF-8" in told.err


def test_what_the_database_puts_aside_is_not_written_through_a_link(
    ran: Space, panel: Panel, tmp_path: Path
) -> None:
    (ran.root / "runs" / "panel.duckdb.tmp").mkdir()
    (ran.root / "runs" / "panel.duckdb.tmp" / "leak").symlink_to(tmp_path / "new")
    told = panel("show", cwd=ran.root)
    assert told.code == 2 and "leak: leads out of its folder" in told.err


def test_experiments_of_another_folder_are_not_read(
    ran: Space, panel: Panel, tmp_path: Path
) -> None:
    (tmp_path / "leak.toml").write_text('question = "q"\nseed = "KEPT OUT"\n')
    shutil.rmtree(ran.root / "experiments", ignore_errors=True)
    (ran.root / "experiments").symlink_to(tmp_path)
    for words in (("check",), ("experiment", "plan", "leak")):
        told = panel(*words, cwd=ran.root)
        said = told.out + told.err
        assert told.code == 2 and "leads out of its folder" in said and "KEPT OUT" not in said


@pytest.mark.parametrize(
    ("place", "target", "command"),
    [
        ("prompts", ".", "check"),
        ("prompts", "..", "plan"),
        ("prompts", ".git/prompts", "check"),
        ("tools", "config", "check"),
        ("tools", "../repository", "check"),
        ("personas", "config", "run"),
        ("verdicts", ".git/refs/heads", "freeze"),
        ("digests", ".git/hooks", "digest"),
        ("experiments", "config", "check"),
        ("probes", ".", "probe hype"),
        ("probes/tools", "config", "probe hype"),
        ("public", ".git", "publish public --drafts"),
        ("editorial", "config", "publish new --drafts"),
    ],
)
def test_a_folder_is_no_link_to_what_else_a_repository_holds(
    ran: Space, panel: Panel, place: str, target: str, command: str
) -> None:
    """Git's own files and keys are in it, too, and the workspace itself."""
    for folder in (".git/refs/heads", ".git/hooks", ".git/prompts", "config"):
        (ran.root / folder).mkdir(parents=True, exist_ok=True)
    (ran.root / ".env").write_text("MISTRAL_API_KEY=KEPT IN\n")
    link = ran.root / place
    link.parent.mkdir(exist_ok=True)
    shutil.rmtree(link, ignore_errors=True)
    up = "../" if "/" in place else ""
    link.symlink_to(up + target.replace("repository", ran.root.name))
    before = state(ran.root / ".git")
    told = panel(*command.split(), cwd=ran.root)
    said = told.out + told.err
    assert told.code == 2 and f"{link.name}: " in said and "KEPT IN" not in said
    assert ": is a link" in said or "leads out of its folder" in said
    assert state(ran.root / ".git") == before


def test_a_folder_is_no_link_to_the_workspace_whatever_that_is_called(
    ran: Space, panel: Panel
) -> None:
    root = ran.root.rename(ran.root.with_name("ai-tools"))
    shutil.rmtree(root / "tools")
    (root / "tools").symlink_to(".")
    told = panel("check", cwd=root)
    assert told.code == 2 and "tools: is a link" in told.err


def test_verdicts_are_behind_no_link_where_git_would_see_none_change(
    ran: Space, panel: Panel
) -> None:
    """The gates compare what git holds of a revision with the files as they are now."""
    (ran.root.parent / ".git").mkdir()
    assert panel("freeze", cwd=ran.root).code == 0
    (ran.root / "verdicts" / "old").mkdir()
    file = next((ran.root / "verdicts").glob("*.json"))
    moved = file.rename(file.parent / "old" / file.name)
    file.symlink_to(f"old/{file.name}")
    for command in (("check", "--frozen"), ("diff", "verdicts"), ("freeze",)):
        told = panel(*command, cwd=ran.root)
        assert told.code == 2 and f"{file.name}: is a link" in told.err, command
    file.unlink()
    moved.rename(file)
    shutil.move(ran.root / "verdicts", ran.root.parent / "verdicts")
    (ran.root / "verdicts").symlink_to("../verdicts")
    told = panel("check", cwd=ran.root)
    assert told.code == 2 and "verdicts: is a link" in told.err


def test_a_folder_may_be_a_link_to_its_like_in_the_same_repository(
    ran: Space, panel: Panel
) -> None:
    (ran.root.parent / ".git").mkdir()
    (ran.root.parent / "shared").mkdir()
    for name in ("tools", "personas", "prompts"):
        shutil.move(ran.root / name, ran.root.parent / "shared")
        (ran.root / name).symlink_to(f"../shared/{name}")
    told = panel("check", cwd=ran.root)
    assert told.code == 0, told.err


@pytest.mark.parametrize("name", ["panel.toml", "tools/keys.csv", "prompts/keys.j2"])
def test_no_file_is_a_link_to_a_hidden_one(ran: Space, panel: Panel, name: str) -> None:
    file = ran.root / name
    (file.parent / ".env").write_text("[KEPT_IN]\n")
    file.unlink(missing_ok=True)
    file.symlink_to(".env")
    told = panel("check", cwd=ran.root)
    said = told.out + told.err
    assert told.code == 2 and f"{file.name}: leads to a hidden file" in said
    assert "KEPT_IN" not in said


@pytest.mark.parametrize("place", ["prompts/leak.j2", "experiments/leak/prompts/leak.j2"])
def test_an_arm_of_an_experiment_includes_no_file_of_elsewhere(
    ran: Space, mock: MockEndpoint, panel: Panel, place: str
) -> None:
    (ran.root / ".git").mkdir()
    (ran.root / ".git" / "config").write_text("KEPT IN")
    arm = ran.root / "experiments" / "leak" / "prompts"
    arm.mkdir(parents=True)
    (arm / "review.md.j2").write_text('{% include "leak.j2" %}')
    (ran.root / "experiments" / "leak.toml").write_text(
        'question = "?"\nrepeats = 1\nseed = 1\n[arms.a]\n[arms.b]\nprompts = "leak/prompts"\n'
    )
    (ran.root / place).symlink_to(ran.root / ".git" / "config")
    told = panel("experiment", "run", "leak", cwd=ran.root)
    assert told.code == 2 and "leak.j2: leads out of its folder" in told.err
    assert "KEPT IN" not in str(mock.requests)


def test_a_new_workspace_is_not_written_through_links(panel: Panel, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("panel.toml", ".gitignore", "tools", "runs", "tools/codestral-2-0.md"):
        folder = tmp_path / "new"
        (folder / name).parent.mkdir(parents=True)
        (folder / name).symlink_to(outside / "file" if "." in name else outside)
        told = panel("init", "new", cwd=tmp_path)
        assert not list(outside.iterdir()), name
        assert told.code == 2 or name == ".gitignore"
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "command",
    [
        "export -o FOLDER/takes.csv",
        "export -o FOLDER/takes.parquet",
        "compare anvil bellows --html FOLDER/pair.html",
        "report --house --html FOLDER/house.html",
        "report --house --svg FOLDER",
        "run --again --record FOLDER/record.jsonl",
        "batch export --out FOLDER",
        "digest --out FOLDER",
        "publish FOLDER --drafts",
        "publish FOLDER/site --drafts",
        "publish ../FOLDER --drafts",
        "serve FOLDER --port 0",
    ],
)
def test_what_is_written_or_shown_goes_through_no_link_of_a_branch(
    ran: Space, panel: Panel, tmp_path: Path, command: str
) -> None:
    """Who commits a link says where that is; in the folder may be anything."""
    (ran.root.parent / ".git").mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "tax.txt").write_text("mine\n")
    link = ran.root.parent / "led" if "../" in command else ran.root / "led"
    link.symlink_to(outside)
    told = panel(*command.replace("FOLDER", "led").split(), cwd=ran.root)
    assert told.code == 2 and "led: is a link" in told.err, told.err
    assert [each.name for each in outside.iterdir()] == ["tax.txt"]


@pytest.mark.parametrize("target", ["runs/kept.jsonl", "../mine", "missing"])
def test_a_report_is_written_into_no_file_that_a_link_of_the_branch_names(
    ran: Space, panel: Panel, target: str
) -> None:
    file = ran.root / target
    if target != "missing":
        file.write_text("mine\n")
    (ran.root / "takes.csv").symlink_to(target)
    told = panel("export", "-o", "takes.csv", cwd=ran.root)
    assert told.code == 2 and "takes.csv: is a link" in told.err
    assert target == "missing" or file.read_text() == "mine\n"
    assert not (ran.root / "missing").exists()


def test_a_link_that_is_in_no_repository_is_the_users_own(
    ran: Space, panel: Panel, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "mine").symlink_to(tmp_path / "outside")
    assert panel("export", "-o", str(tmp_path / "mine" / "takes.csv"), cwd=ran.root).code == 0
    assert (tmp_path / "outside" / "takes.csv").is_file()
    assert panel("export", "-o", "/dev/stdout", cwd=ran.root).code == 0


def test_a_file_of_elsewhere_is_verified_as_nobodys_votes(
    ran: Space, panel: Panel, tmp_path: Path
) -> None:
    (tmp_path / "mine.jsonl").write_text("mine\n")
    (ran.root / "community").mkdir()
    (ran.root / "community" / "votes.jsonl").symlink_to(tmp_path / "mine.jsonl")
    told = panel("verify", cwd=ran.root)
    assert told.code == 2 and "votes.jsonl: leads out of its folder" in told.err


@pytest.mark.parametrize("command", ["verify", "diff verdicts verdicts", "new Adze", "check"])
def test_a_folder_of_elsewhere_is_refused_before_anything_of_it_is_read(
    ran: Space, panel: Panel, tmp_path: Path, command: str
) -> None:
    docker = tmp_path / "docker"
    docker.mkdir()
    (docker / "config.json").write_text('{"format": "KEPT OUT"}')
    shutil.rmtree(ran.root / "verdicts", ignore_errors=True)
    (ran.root / "verdicts").symlink_to(docker)
    told = panel(*command.split(), cwd=ran.root)
    said = told.out + told.err
    assert told.code == 2 and "verdicts: leads out of its folder" in said and "KEPT OUT" not in said


@pytest.mark.parametrize("listed", ["subscribers.jsonl", "secret", ".git/config", "tools/x.md"])
def test_nothing_is_removed_that_no_site_has(ran: Space, panel: Panel, listed: str) -> None:
    file = ran.root / "site" / listed
    file.parent.mkdir(parents=True)
    file.write_text("mine\n")
    (ran.root / "site" / ".panel-site.json").write_text(f'{{"files": {{"{listed}": "x"}}}}')
    told = panel("publish", "site", "--drafts", "--remove", cwd=ran.root)
    assert told.code == 2 and "no file of a site" in told.err and file.exists()
