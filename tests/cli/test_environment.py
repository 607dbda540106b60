"""Streams, locale, terminal and home as a program really meets them: never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.cli.streams import open_streams
from panel.errors import UsageError
from panel.workspace.settings import cache_folder
from tests.support import sizes
from tests.support.mock_endpoint import MockEndpoint
from tests.support.readers_server import write_site
from tests.support.space import Panel, Space, write_tool
from tests.support.templates import Make, everything_asked

PANEL = f"{sys.executable} -m panel"
FOREIGN = "Anvil 漢字 😀"
NO_UTF8 = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def shell(command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash, with ``$PANEL`` as the program; no traceback, whatever it does."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=cwd,
        env=os.environ | {"PANEL": PANEL} | environment,
        capture_output=True,
        check=False,
        timeout=60,
    )
    for word in (b"Traceback", b"Exception ignored"):
        assert word not in done.stderr, done.stderr.decode("utf-8", "replace")
    return done


def asked_of_a_foreign_name(space: Space, mock: MockEndpoint) -> None:
    """Ask of a tool whose name no encoding but Unicode's has."""
    write_tool(space.root, "anvil", name=FOREIGN)
    everything_asked(space, mock)


@pytest.fixture
def foreign(copied: Callable[[Make], Space]) -> Space:
    """Make an asked workspace with a tool whose name no encoding but Unicode's has."""
    return copied(asked_of_a_foreign_name)


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "cp437", "utf-16"])
def test_an_encoding_without_a_character_prints_another_in_its_place(
    foreign: Space, encoding: str
) -> None:
    every = ("show", "plan", "compare anvil bellows", "lint --notes", "nope")
    commands = sizes.size(("show", "plan"), every)
    line = "; ".join(f"$PANEL {words}" for words in commands)
    done = shell(line, foreign.root, PYTHONIOENCODING=encoding)
    shown = done.stdout.decode(encoding)
    assert "8 cells" in shown and "Anvil" in shown
    assert ("漢字" in shown) is (encoding == "utf-16")


@pytest.mark.long
def test_the_plain_c_locale_prints_everything_too(foreign: Space) -> None:
    done = shell("$PANEL show && $PANEL plan", foreign.root, LC_ALL="C", TERM="dumb", **NO_UTF8)
    assert done.returncode == 0 and b"Anvil" in done.stdout


@pytest.mark.slow
def test_json_loses_nothing_where_the_encoding_lacks_characters(foreign: Space) -> None:
    line = "$PANEL sql 'SELECT name FROM tools' --format json && $PANEL export --format jsonl"
    done = shell(line, foreign.root, PYTHONIOENCODING="cp1252")
    assert done.returncode == 0
    names, rows = done.stdout.decode("ascii").split("\n]\n")
    assert {"name": FOREIGN} in json.loads(names + "]")
    assert json.loads(rows.splitlines()[0])["name"] == FOREIGN


@pytest.mark.slow
def test_the_error_handler_of_pythonioencoding_is_kept(foreign: Space) -> None:
    done = shell("$PANEL show", foreign.root, PYTHONIOENCODING="ascii:xmlcharrefreplace")
    assert b"&#28450;" in done.stdout


@pytest.mark.slow
def test_files_are_utf_8_whatever_the_terminal_is(foreign: Space) -> None:
    line = "$PANEL export -o rows.csv && $PANEL compare anvil bellows --html page.html"
    assert shell(line, foreign.root, LC_ALL="C", **NO_UTF8).returncode == 0
    for name in ("rows.csv", "page.html"):
        assert FOREIGN in (foreign.root / name).read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_nothing_but_what_is_heard(
    mocked: Space, panel: Panel, closed: str
) -> None:
    done = shell(f"$PANEL run {closed}", mocked.root)
    assert done.returncode == 0
    assert len(mocked.journals) == 1
    query = "SELECT count(*) AS n FROM verdicts"
    rows = panel("sql", query, "--format", "csv", cwd=mocked.root)
    assert rows.out == "n\n8\n", "nothing was printed into the database"


@pytest.mark.slow
def test_a_closed_stdout_is_said_on_stderr(mocked: Space) -> None:
    done = shell("$PANEL check >&-", mocked.root)
    assert done.returncode == 0
    assert done.stderr == b"panel: stdout is closed, so what belongs there is lost.\n"


@pytest.mark.slow
def test_a_stderr_that_takes_nothing_stops_no_work(mocked: Space) -> None:
    assert shell("$PANEL run 2>/dev/full", mocked.root).returncode == 0
    assert shell("$PANEL nope 2>/dev/full", mocked.root).returncode == 2


@pytest.mark.slow
def test_a_stdout_that_cannot_be_written_is_one_sentence(mocked: Space) -> None:
    done = shell("$PANEL check 1</dev/null", mocked.root)
    assert done.returncode == 2 and done.stderr == b"panel: Bad file descriptor.\n"


@pytest.mark.sample(3)
@pytest.mark.parametrize("size", ["0", "-5", "abc", "²", "１２", "", "99999999", "1", "2"])
def test_any_width_of_the_terminal_will_do(
    asked: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    monkeypatch.setenv("COLUMNS", size)
    monkeypatch.setenv("LINES", size)
    for words in (("show",), ("plan",), ("compare", "anvil", "bellows"), ("--help",)):
        done = panel(*words, cwd=asked.root)
        assert done.code == 0 and 0 < len(done.out) < 100_000


def test_a_width_that_is_one_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for said, kept in (("80", "80"), ("0120", "0120"), ("0", None), ("1e3", None)):
        monkeypatch.setenv("COLUMNS", said)
        open_streams()
        assert os.environ.get("COLUMNS") == kept


@pytest.mark.slow
def test_a_folder_that_is_gone_is_named_as_the_reason(mocked: Space, tmp_path: Path) -> None:
    gone = "mkdir gone && cd gone && rmdir ../gone && "
    for words in ("check", "sql 'SELECT 1'"):
        done = shell(f"{gone} $PANEL {words}", tmp_path)
        assert done.returncode == 2
        assert b"the folder that this was called in is gone" in done.stderr
    assert shell(f"{gone} $PANEL -C {mocked.root} check", tmp_path).returncode == 0


# --- the home folder ----------------------------------------------------------------------------


def as_nobody_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user without HOME whom the system does not know."""
    for name in ("HOME", "PANEL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 12345)


def test_without_a_home_only_the_embedded_model_asks_for_one(
    space: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_nobody_known(monkeypatch)
    for words in (["check"], ["plan"]):
        assert panel(*words, cwd=space.root).code == 0
    for words in (["run"], ["doctor"], ["fetch"]):
        done = panel(*words, cwd=space.root)
        assert done.code == 2 and "HOME is not set" in done.err and "PANEL_CACHE" in done.err


def test_weights_of_ones_own_need_no_home(
    space: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_nobody_known(monkeypatch)
    (space.root / "own.gguf").write_bytes(b"GGUF")
    space.settings('[endpoints.embedded]\nweights = "own.gguf"\n')
    assert "8 cells" in panel("plan", cwd=space.root).out
    space.settings('[endpoints.embedded]\nweights = "~/own.gguf"\n')
    assert "HOME is not set" in panel("plan", cwd=space.root).err


def test_the_cache_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PANEL_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the specification: to be ignored
    assert cache_folder() == tmp_path / ".cache" / "reviewer-panel"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "reviewer-panel"
    monkeypatch.setenv("PANEL_CACHE", "~/weights")
    assert cache_folder() == tmp_path / "weights"
    monkeypatch.setenv("PANEL_CACHE", "~nobody-of-this-name/weights")
    with pytest.raises(UsageError, match="~nobody-of-this-name"):
        cache_folder()


def test_a_cache_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PANEL_CACHE", str(tmp_path / "file" / "cache"))
    done = panel("fetch", "demo", cwd=tmp_path)
    assert done.code == 3 and "set PANEL_CACHE to another folder" in done.err


# --- a disk that is read-only -------------------------------------------------------------------


@pytest.mark.slow
def test_servers_on_a_read_only_disk_say_so_in_one_line(asked: Space, tmp_path: Path) -> None:
    site, disk = write_site(tmp_path / "site"), tmp_path / "disk"
    disk.mkdir()
    (asked.root / "runs" / "panel.duckdb").unlink()  # it would have to be made
    mounted = (
        f"mount -t tmpfs -o size=64m tmpfs {disk} && cp -r {asked.root} {disk}/space && "
        f"mount -o remount,ro {disk} && cd {disk}/space || exit 99\n"
    )
    commands = ("desk --no-browser --port 0 --editor Ada", f"serve {site} --port 0", "show")
    line = mounted + "; ".join(f"$PANEL {words}; echo $?" for words in commands)
    done = shell(f"unshare -rm bash -c '{line}'", tmp_path)
    if done.returncode in (1, 99):
        pytest.skip("no mount namespace of one's own on this machine")
    assert done.stdout == b"2\n2\n2\n"
    said = done.stderr.decode().splitlines()
    assert len([each for each in said if "Read-only file system" in each]) == 3
    assert len([each for each in said if each.startswith("panel: ")]) == 3
