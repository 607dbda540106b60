"""Opening the database: with patience, with clear words, and shut off from everything else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from panel.errors import StoreBusyError, StoreError
from panel.store.connection import FILE, reading, refuse_if_held, writing
from panel.store.ingest import ingest, rebuild
from panel.store.queries import opened
from tests.support.sizes import size
from tests.support.space import Panel, Space, new_space
from tests.support.store_ledger import Ledger

HOLD = (
    "import sys, duckdb; c = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'read')\n"
    "print('held', flush=True); sys.stdin.read(); c.close()\n"
)

MAKE_VIEWS = (
    "import duckdb, json, sys; c = duckdb.connect('panel.duckdb')\n"
    "for name, query in json.loads(sys.argv[1]).items():\n"
    "    c.execute(f'CREATE VIEW {name} AS {query}')\n"
)


@contextmanager
def held(file: Path, how: str = "write") -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", HOLD, str(file), how]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        yield process


@pytest.fixture
def file(tmp_path: Path) -> Path:
    ingest(tmp_path / "runs")
    return tmp_path / "runs" / FILE


def test_a_held_database_is_refused_in_time_naming_the_holder(file: Path) -> None:
    with held(file) as holder:
        words = f"held by process {holder.pid} .* within 0.4 s"
        with pytest.raises(StoreBusyError, match=words), writing(file, wait=0.4):
            pass
        with pytest.raises(StoreBusyError, match="nothing is lost"), reading(file, wait=0.1):
            pass
        with pytest.raises(StoreBusyError):
            refuse_if_held(file, wait=0.1)


def test_a_database_that_is_let_go_in_time_is_waited_for(file: Path) -> None:
    with held(file) as holder:
        assert holder.stdin
        threading.Timer(0.5, holder.stdin.close).start()
        with writing(file, wait=20) as connection:
            assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_many_processes_may_read_at_once(file: Path) -> None:
    with held(file, "read"), reading(file, wait=0.1) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchall() == [(0,)]


@pytest.mark.parametrize("shut", [False, True])
def test_two_parts_of_one_process_may_read_at_once(file: Path, shut: bool) -> None:
    with reading(file, shut=shut) as one, reading(file, shut=shut) as other:
        for connection in (one, other):
            assert connection.execute("SELECT count(*) FROM runs").fetchall() == [(0,)]


@pytest.mark.slow
@pytest.mark.parametrize("shut", [False, True])
def test_a_part_that_ends_reading_leaves_the_other_its_lock(file: Path, shut: bool) -> None:
    with reading(file, shut=shut):
        with reading(file, shut=shut):
            pass
        words = [sys.executable, "-c", HOLD, str(file), "write"]
        done = subprocess.run(words, input="", capture_output=True, text=True, check=False)
        assert "Could not set lock" in done.stderr
    with held(file):
        pass


def test_what_others_ask_waits_for_what_the_program_asks_itself(file: Path) -> None:
    """They differ in what they may reach, and one process opens a file once."""
    with reading(file), pytest.raises(StoreBusyError), reading(file, wait=0.1, shut=True):
        pass
    with reading(file, shut=True), pytest.raises(StoreBusyError), reading(file, wait=0.1):
        pass


def test_a_reader_in_the_same_process_makes_a_writer_wait(file: Path) -> None:
    with reading(file), pytest.raises(StoreBusyError), writing(file, wait=0.1):
        pass
    with writing(file, wait=0.1):
        pass


@pytest.mark.slow
def test_threads_read_and_write_several_databases_at_once(tmp_path: Path) -> None:
    files = [tmp_path / str(n) / FILE for n in range(3)]
    for each in files:
        ingest(each.parent)
    turns, faults = size(8, 50), []

    def write(number: int) -> None:
        try:
            for turn in range(turns):
                with writing(files[number % 3]) as connection:
                    values = f"('{number}-{turn}', 1, 0)"
                    connection.execute(f"INSERT INTO journal.files VALUES {values}").fetchall()
                with reading(files[turn % 3]) as connection:
                    connection.execute("SELECT count(*) FROM attempts").fetchall()
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    for each in files:
        with reading(each) as connection:
            counted = connection.execute("SELECT count(*) FROM journal.files").fetchall()
        assert counted == [(2 * turns,)]
    assert {path.name for path in tmp_path.glob("*/[!.]*")} == {FILE}


def test_what_one_block_makes_for_itself_is_not_there_for_the_next(file: Path) -> None:
    with reading(file) as one, reading(file) as other:
        one.execute("CREATE TEMP TABLE mine AS SELECT 1")
        one.execute("SET VARIABLE mine = 1")
        with reading(file) as third:
            for connection in (other, third):
                assert connection.execute("SELECT getvariable('mine')").fetchall() == [(None,)]
                with pytest.raises(duckdb.CatalogException):
                    connection.execute("FROM mine")


@pytest.mark.parametrize("opening", [reading, writing])
def test_a_variable_of_the_program_is_no_table(file: Path, opening: Any) -> None:
    attempt = duckdb.sql("SELECT 1")
    with pytest.raises(StoreError, match="attempt does not exist"), opening(file) as connection:
        connection.execute("FROM attempt")
    assert attempt.fetchall() == [(1,)]


def test_what_memory_cannot_hold_goes_beside_the_database_and_is_gone_with_the_program(
    file: Path,
) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from panel.store.connection import reading\n"
        "file = Path(sys.argv[1])\n"
        "with reading(file) as connection:\n"
        "    connection.execute(\"SET memory_limit = '30MB'\")\n"
        "    rows = 'SELECT hash(n)::VARCHAR FROM range(1500000) r(n)'\n"
        "    connection.execute(f'CREATE TEMP TABLE t AS {rows}')\n"
        "    print(*[each.parent.name for each in file.parent.glob('*/*')])\n"
    )
    words = [sys.executable, "-c", script, str(file)]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert set(told.split()) == {f"{FILE}.tmp"}
    assert {path.name for path in file.parent.glob("[!.]*")} == {FILE}


@pytest.mark.parametrize("folder", ["runs", "r?uns, 'a'[b]*"])
@pytest.mark.parametrize("way", [{}, {"shut": True}, {"into": "exports"}, None])
def test_a_view_of_a_database_from_elsewhere_reads_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, way: dict[str, Any] | None
) -> None:
    """In whichever way it is opened, for the first time or again."""
    ingest(tmp_path / "runs")
    for place in (tmp_path / "mine.csv", tmp_path / "runs" / "mine.csv"):
        place.write_text("a,b\nmy,words\n")
    (tmp_path / "exports").mkdir()
    file = tmp_path / folder / FILE
    views = {
        "text": "FROM read_text('mine.csv')",
        "blob": "FROM read_blob('../mine.csv')",
        "rows": "FROM 'mine.csv'",
        "names": "FROM glob('*')",
        "environment": "FROM read_text('/proc/self/environ')",
    }
    words = [sys.executable, "-c", MAKE_VIEWS, json.dumps(views)]
    subprocess.run(words, cwd=tmp_path / "runs", check=True)
    (tmp_path / "runs").rename(file.parent)
    if way and "into" in way:
        way = {"into": tmp_path / "exports"}
    opening = partial(writing, file) if way is None else partial(reading, file, **way)
    monkeypatch.chdir(file.parent)
    for view in [*views, *views]:
        with pytest.raises(StoreError, match="disabled by configuration"), opening() as connection:
            print(view, connection.execute(f"FROM {view}").fetchall())
    with opening() as connection:
        assert connection.execute("SELECT count(*) FROM verdicts").fetchall() == [(0,)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system copies no processes")
def test_the_copy_of_a_process_opens_the_database_by_itself(file: Path) -> None:
    """And ends as usual: what it does not have, the threads of DuckDB, it does not wait for."""
    script = (
        "import os, sys; from pathlib import Path\n"
        "from panel.store.connection import reading, writing\n"
        "def counted():\n"
        "    with reading(Path(sys.argv[1])) as c:\n"
        "        return c.execute('SELECT count(*) FROM journal.files').fetchall()\n"
        "print(counted(), flush=True)\n"
        "if os.fork() == 0:\n"
        "    with writing(Path(sys.argv[1])) as c:\n"
        "        c.execute(\"INSERT INTO journal.files VALUES ('r', 1, 0)\").fetchall()\n"
        "    sys.exit()\n"
        "assert os.wait()[1] == 0\n"
        "print(counted())\n"
    )
    words = [sys.executable, "-c", script, str(file)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[(0,)]\n[(1,)]\n", "")


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("opening", [reading, writing])
def test_ctrl_c_amid_a_query_is_ctrl_c_and_lets_the_database_go(file: Path, opening: Any) -> None:
    """DuckDB has two ways to tell of it, and which comes is a matter of chance."""
    for turn in range(20):
        with pytest.raises(KeyboardInterrupt), opening(file) as connection:
            wait = 0.005 + turn / 1000
            threading.Timer(wait, os.kill, (os.getpid(), signal.SIGINT)).start()
            while True:
                connection.execute("SELECT max(hash(n)) FROM range(1000000) AS r(n)")
    with held(file):
        pass


def test_a_block_that_fails_leaves_nothing_behind(file: Path) -> None:
    insert = "INSERT INTO journal.files VALUES ('r', 1, 0)"
    with pytest.raises(ZeroDivisionError), writing(file) as connection:
        connection.execute(insert).fetchall()
        raise ZeroDivisionError
    with reading(file) as connection:
        assert connection.execute("SELECT * FROM journal.files").fetchall() == []
    with writing(file) as connection:
        connection.execute(insert).fetchall()
    with reading(file) as connection:
        assert connection.execute("SELECT * FROM journal.files").fetchall() == [("r", 1, 0)]


def test_what_duckdb_refuses_is_told_with_the_remedy(file: Path) -> None:
    for opening, words in ((writing, "cannot be written"), (reading, "cannot be read")):
        with (
            pytest.raises(StoreError, match=f"{words}.*panel rebuild"),
            opening(file) as connection,
        ):
            connection.execute("SELECT * FROM nowhere").fetchall()


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("how", ["garbage", "empty", "truncated", "middle"])
def test_a_broken_file_is_made_again_or_named_with_the_remedy(ledger: Ledger, how: str) -> None:
    ledger.run([(cell, "ship") for cell in ledger.cells()])
    ingest(ledger.runs)
    before, file = ledger.views(), ledger.runs / FILE
    whole = file.read_bytes()
    if how == "middle":
        file.write_bytes(whole[:8192] + os.urandom(len(whole) - 8192))
    else:
        file.write_bytes({"garbage": os.urandom(9999), "empty": b""}.get(how, whole[:20_000]))
    if how == "middle":  # it opens, and may be found out by the first query that reads there
        with suppress(StoreError), opened(ledger.runs) as connection:
            connection.execute("SELECT * FROM attempts").fetchall()
        rebuild(ledger.runs)
    ingest(ledger.runs)
    assert ledger.views() == before


@pytest.mark.slow
def test_rebuild_refuses_while_another_process_holds_the_database(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.run([(ledger.cells()[0], "ship")])
    ingest(ledger.runs)
    before = ledger.views()
    monkeypatch.setattr(refuse_if_held, "__defaults__", (0.2,))
    with held(ledger.runs / FILE), pytest.raises(StoreBusyError):
        rebuild(ledger.runs)
    assert ledger.views() == before


def test_nothing_is_downloaded_or_loaded_by_itself(file: Path) -> None:
    for opening in (reading, writing):
        with opening(file) as connection:
            for name in ("autoinstall_known_extensions", "autoload_known_extensions"):
                sql = f"SELECT current_setting('{name}')"
                assert connection.execute(sql).fetchall() == [(False,)]


def test_a_new_database_leaves_no_other_file(space: Space) -> None:
    with opened(space.root / "runs"):
        pass
    assert [path.name for path in (space.root / "runs").glob("[!.]*")] == [FILE]


def test_the_clock_of_the_machine_does_not_matter(file: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from panel.store.connection import reading\n"
        "with reading(Path(sys.argv[1])) as c:\n"
        "    print(c.execute(\"SELECT current_setting('TimeZone')\").fetchall()[0][0])\n"
    )
    words = [sys.executable, "-c", script, str(file)]
    env = os.environ | {"TZ": "America/New_York"}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "UTC\n"


def test_nobody_meets_a_database_that_is_half_made(tmp_path: Path) -> None:
    """A watcher in another process never finds the file smaller than a whole empty one."""
    count = size(5, 20)
    script = (
        "import os, sys\n"
        "print('ready', flush=True)\n"
        f"for n in range({count}):\n"
        "    while True:\n"
        "        try: size = os.stat(f'{sys.argv[1]}/{n}/panel.duckdb').st_size\n"
        "        except FileNotFoundError: continue\n"
        "        print(size); break\n"
    )
    words = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout and watcher.stdout.readline() == "ready\n"
        for n in range(count):
            ingest(tmp_path / str(n))
        sizes = [int(line) for line in watcher.stdout]
    assert len(sizes) == count and min(sizes) > 8192
    assert {path.name for path in tmp_path.glob("*/[!.]*")} == {FILE}


@pytest.mark.slow
def test_processes_that_all_come_first_share_one_database(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from panel.store.ingest import ingest\n"
    script += f"for n in range({size(2, 6)}): ingest(Path(sys.argv[1]) / str(n))\n"
    words = [sys.executable, "-c", script, str(tmp_path)]
    started = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=120)[1] for process in started] == [""] * 4
    assert {path.name for path in tmp_path.glob("*/[!.]*")} == {FILE}


@pytest.mark.slow
@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "name", ["ship or skip?", "?/a?b=c", "it's [*]{a}", "x=1;#%20", "-a", "é\n😀"]
)
def test_a_database_works_below_a_folder_of_any_name(
    ledger: Ledger, tmp_path: Path, name: str
) -> None:
    """Nothing is left beside it either: DuckDB puts a log elsewhere where a "?" is in the path."""
    ledger.runs = runs = tmp_path / name / "runs"
    for _ in range(2):
        ledger.run([(cell, "ship") for cell in ledger.cells()])
        ingest(runs)
    with suppress(ZeroDivisionError), writing(runs / FILE) as connection:
        connection.execute("DELETE FROM journal.attempts")
        raise ZeroDivisionError
    rows = ledger.ask("SELECT count(*) FROM attempts")
    rebuild(runs)
    assert ledger.ask("SELECT count(*) FROM attempts") == rows != [(0,)]
    assert sorted(path.name for path in runs.glob("panel*")) == [FILE]


@pytest.mark.parametrize(("name", "why"), [("a\udcffb", "not UTF-8"), ("a\\b", "a backslash")])
def test_a_path_that_duckdb_cannot_open_is_said_by_check_before_anything_is_asked(
    tmp_path: Path, panel: Panel, name: str, why: str
) -> None:
    space = new_space(tmp_path / name)
    space.settings('[panel]\nendpoint = "ollama"\n[endpoints.ollama]\nmodel = "m"\n')
    checked = panel("check", cwd=space.root)
    assert checked.code == 2 and why in checked.out and "Move the workspace" in checked.out
    for words in (["run"], ["rebuild"]):
        done = panel(*words, cwd=space.root)
        assert done.code == 2 and why in done.err and "Move the workspace" in done.err
    assert not space.journals


@pytest.mark.process
def test_duckdb_draws_no_progress_bar_on_the_stdout_of_a_program_without_a_script(
    file: Path,
) -> None:
    asked = "c.execute(\"SELECT current_setting('enable_progress_bar')\").fetchall()"
    script = (
        "from pathlib import Path; from panel.store.connection import reading, writing\n"
        f"file = Path({str(file)!r})\n"
        f"with reading(file) as c: print({asked})\n"
        f"with reading(file, shut=True) as c: print({asked})\n"
        f"with writing(file) as c: print({asked})\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[(False,)]\n" * 3, ran.stderr
