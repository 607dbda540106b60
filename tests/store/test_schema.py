"""One schema and no migrations: whatever is wrong with a database, the journals make it again."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from panel.cells.journal import FORMAT, find_journals
from panel.errors import JournalError, StoreError
from panel.store import schema
from panel.store.connection import FILE, reading, writing
from panel.store.ingest import ingest, opened, rebuild
from tests.support.space import ROOT, Panel, Space
from tests.support.store_ledger import VIEWS, Ledger

# A row that the table takes, and ways to spoil it.
GOOD: dict[str, Any] = {
    "attempt_id": "a", "run_id": "r", "tool": "t", "persona": "p", "endpoint": "e", "model": "m",
    "model_identity": "e/m", "repeat": 1, "fingerprint": "f", "wording": "w", "ordinal": 1,
    "output_mode": "prompted",
    "repair": False, "final": True, "outcome": "verdict", "verdict": "ship", "confidence": 50,
    "take": "Good.", "started_at": "2026-11-24", "finished_at": "2026-11-24", "seconds": 0,
    "messages": [], "tool_digest": "x", "persona_digest": "x", "templates_digest": "x",
    "sampling_digest": "x",
}  # fmt: skip


def rows(runs: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of every view, and what the views stand on, in an order of its own."""
    tables = [f"journal.{name}" for name in ("cell_events", "review_states", "reparses")]
    with opened(runs) as connection:
        return {
            name: sorted(connection.execute(f"FROM {name}").fetchall(), key=repr)
            for name in (*VIEWS, *tables)
        }


@pytest.fixture
def asked(ledger: Ledger) -> Ledger:
    """Make a history: votes, abstentions, an error, a text changed back."""
    cells = ledger.cells(repeats=2)
    words = ("ship", "skip", "abstain", "error")
    ledger.run([(cell, words[n % 4]) for n, cell in enumerate(cells)])
    ledger.run([(cell, "ship") for cell in ledger.cells(temperature=0.5)[:3]])
    ledger.run([], adopted=cells[:1])
    return ledger


def missing(file: Path) -> None:
    file.unlink()


def of_another_schema(file: Path) -> None:
    with writing(file) as connection:
        connection.execute("UPDATE journal.schema SET hash = 'b2:older'").fetchall()


def without_a_schema(file: Path) -> None:
    file.unlink()
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE attempts (x INTEGER)").fetchall()


def of_migrations(file: Path) -> None:
    """Make a database as earlier versions made it."""
    file.unlink()
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            "CREATE SCHEMA journal; CREATE TABLE journal.migrations (name VARCHAR);"
            "CREATE TABLE journal.files (run_id VARCHAR, bytes BIGINT, unreadable BIGINT)"
        ).fetchall()


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def of_sqlite(file: Path) -> None:
    """DuckDB would fetch an extension for it."""
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE attempts (x INTEGER)")


def no_database(file: Path) -> None:
    file.write_bytes(b"This is a note, not a database.\n" * 400)


def empty(file: Path) -> None:
    file.write_bytes(b"")


SPOILT = (
    missing, of_another_schema, without_a_schema, of_migrations, cut_short, of_sqlite, no_database,
    empty,
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_a_database_that_cannot_be_used_is_made_again_with_the_same_rows(
    asked: Ledger, spoil: Any
) -> None:
    before = rows(asked.runs)
    spoil(asked.runs / FILE)
    assert rows(asked.runs) == before
    with reading(asked.runs / FILE) as connection:
        assert schema.is_current(connection, asked.runs / FILE)


@pytest.mark.sample(3)
@pytest.mark.parametrize("spoil", SPOILT[1:], ids=lambda spoil: spoil.__name__)
def test_the_command_line_says_in_one_line_that_it_is_made_again(
    space: Space, panel: Panel, spoil: Any
) -> None:
    assert panel("sql", "SELECT 1", cwd=space.root).err == "", "a new workspace is no news"
    spoil(space.root / "runs" / FILE)
    told = panel("sql", "SELECT 1 AS one", "--format", "csv", cwd=space.root)
    assert (told.code, told.out) == (0, "one\n1\n")
    assert told.err.count("\n") == 1 and "made again" in told.err and FILE in told.err
    assert panel("sql", "SELECT 1", cwd=space.root).err == ""


def test_the_hash_of_what_duckdb_makes_of_the_schema_is_known(tmp_path: Path) -> None:
    """Else every command makes the schema once more, to compare the database with it."""
    ingest(tmp_path)
    with reading(tmp_path / FILE) as connection:
        assert schema.definitions(connection) == schema.KNOWN


def test_a_database_is_known_after_each_opening(tmp_path: Path) -> None:
    """DuckDB writes what a star excludes and replaces in another order each time."""
    ingest(tmp_path)
    for _opening in range(3):
        with duckdb.connect(str(tmp_path / FILE)) as connection:
            assert schema.definitions(connection) == schema.KNOWN
            connection.execute("FORCE CHECKPOINT")


SWAPPED = {
    "of a function": [
        ("COALESCE(s.state, 'draft')", "COALESCE(s.state, v.take)"),
        ('COALESCE(s."text", v.take)', "COALESCE(s.\"text\", 'draft')"),
    ],
    "of a list": [("SELECT v.tool, v.persona", "SELECT v.persona, v.tool")],
}


@pytest.mark.parametrize("swaps", SWAPPED.values(), ids=SWAPPED.keys())
def test_a_view_of_the_same_words_in_another_order_is_not_ours(
    asked: Ledger, swaps: list[tuple[str, str]]
) -> None:
    before = rows(asked.runs)
    with duckdb.connect(str(asked.runs / FILE)) as connection:
        find = "SELECT sql FROM duckdb_views() WHERE view_name = 'takes'"
        [(sql,)] = connection.execute(find).fetchall()
        made = sql
        for ours, theirs in swaps:
            assert ours in made
            made = made.replace(ours, theirs)
        connection.execute(made.replace("CREATE VIEW", "CREATE OR REPLACE VIEW"))
    with duckdb.connect(str(asked.runs / FILE)) as connection:
        assert schema.definitions(connection) != schema.KNOWN
    assert rows(asked.runs) == before


FOREIGN = {
    "another view": "CREATE VIEW more AS SELECT 1",
    "a view that is changed": "CREATE OR REPLACE VIEW main.runs AS FROM read_text('secret')",
    "the hash as a view": "DROP TABLE journal.schema; "
    "CREATE VIEW journal.schema AS SELECT '{hash}' AS hash",
    "a function": "CREATE MACRO main.count(x) AS 7",
    "a function for a table": "CREATE MACRO main.duckdb_views() AS TABLE SELECT 1",
    "a default": "ALTER TABLE journal.files ALTER run_id SET DEFAULT 'x'",
    "a column that is computed": "CREATE TABLE main.more (x INTEGER, y AS (x + 1))",
    "a type": "CREATE TYPE main.more AS ENUM ('a')",
    "an index": "CREATE INDEX more ON journal.files (bytes)",
    "a sequence": "CREATE SEQUENCE main.more",
    "a schema": "CREATE SCHEMA more",
    "a comment": "COMMENT ON VIEW main.runs IS 'x'",
    "a trigger": "CREATE TRIGGER more AFTER INSERT ON journal.files FOR EACH STATEMENT "
    "INSERT INTO journal.schema VALUES ('x')",
}


@pytest.mark.parametrize("done", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_database_that_defines_anything_else_is_made_again_before_it_is_asked(
    asked: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: str
) -> None:
    """Whoever made it: its views and functions may do more than tell rows."""
    before = rows(asked.runs)
    runs = tmp_path / "elsewhere"
    shutil.copytree(asked.runs, runs)
    (tmp_path / "secret").write_text("mine")
    monkeypatch.chdir(tmp_path)
    with duckdb.connect(str(runs / FILE)) as connection:
        for statement in done.format(hash=schema.HASH).split("; "):
            connection.execute(statement)
    for _again in range(2):
        assert rows(runs) == before
    with reading(runs / FILE) as connection:
        assert schema.definitions(connection) == schema.KNOWN


def test_every_view_is_created_once_and_there_is_no_other_schema() -> None:
    folder = ROOT / "src" / "panel" / "store"
    made = [
        name
        for file in sorted(folder.iterdir())
        if file.is_file()
        for name in re.findall(r"CREATE (?:OR REPLACE )?VIEW ([\w.]+)", file.read_text("utf-8"))
        if name != "AS"
    ]
    assert Counter(made).most_common(1)[0][1] == 1
    assert {name for name in made if "." not in name} == set(VIEWS)


def test_the_help_of_sql_names_every_view(space: Space, panel: Panel) -> None:
    told = panel("sql", "--help", cwd=space.root).out
    assert [view for view in VIEWS if not re.search(rf"\b{view}\b", told)] == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("outcome", "maybe"), ("verdict", "perhaps"), ("verdict", None), ("take", None),
        ("confidence", 101), ("repeat", 0), ("ordinal", 0), ("seconds", -1), ("final", False),
        ("prompt_tokens", -1), ("cost_usd", -0.1), ("messages", None), ("tool_digest", None),
        ("wording", None),
    ],
)  # fmt: skip
def test_the_table_of_attempts_takes_nothing_that_contradicts_itself(
    ledger: Ledger, column: str, value: Any
) -> None:
    ingest(ledger.runs)
    names = ", ".join(GOOD | {column: value})
    marks = ", ".join("?" for _ in GOOD | {column: value})
    insert = f"INSERT INTO journal.attempts ({names}) VALUES ({marks})"
    with writing(ledger.runs / FILE) as connection:
        connection.execute(insert, list((GOOD | {column: GOOD.get(column)}).values())).fetchall()
    spoilt = GOOD | {"attempt_id": "b", column: value}
    with pytest.raises(StoreError), writing(ledger.runs / FILE) as connection:
        connection.execute(insert, list(spoilt.values())).fetchall()


# --- formats of journal lines ---------------------------------------------------------------


def rewritten(runs: Path, change: Any) -> None:
    """Change every line of every journal."""
    for journal in find_journals(runs):
        lines = [json.loads(line) for line in journal.file.read_text("utf-8").splitlines()]
        text = "".join(json.dumps(change(line)) + "\n" for line in lines)
        journal.file.write_text(text, encoding="utf-8")


def as_format_1(line: dict[str, Any]) -> dict[str, Any]:
    """Write a line as the first format had it: its format on the first line only."""
    kinds, names = {"reparse": "reading"}, {"output_mode": "rung"}
    old = {names.get(name, name): value for name, value in line.items() if name != "format"}
    old["kind"] = kinds.get(line["kind"], line["kind"])
    return old | {"format": 1} if line["kind"] == "run" else old


def test_every_line_says_its_format(asked: Ledger) -> None:
    for journal in find_journals(asked.runs):
        for line in journal.file.read_text("utf-8").splitlines():
            assert json.loads(line)["format"] == FORMAT


def test_journals_of_an_older_format_give_the_same_rows(asked: Ledger) -> None:
    before = rows(asked.runs)
    rewritten(asked.runs, as_format_1)
    rebuild(asked.runs)
    assert rows(asked.runs) == before


def test_a_reparse_of_an_older_format_counts(asked: Ledger) -> None:
    ingest(asked.runs)
    [(attempt,)] = asked.ask("SELECT attempt_id FROM verdicts WHERE outcome = 'abstain' LIMIT 1")
    old = {
        "kind": "reading", "attempt_id": attempt, "read_at": "2026-11-25T00:00:00",
        "outcome": "verdict", "verdict": "ship", "confidence": 60, "take": "Read anew.",
        "beats": {"one": "Read anew."}, "evidence": [], "reply": "{}", "degraded": False,
    }  # fmt: skip
    file = asked.runs / "20261125T000000Z-aaaaaa" / "attempts.jsonl"
    file.parent.mkdir()
    file.write_text(json.dumps(old) + "\n", encoding="utf-8")
    ingest(asked.runs)
    told = asked.ask(f"SELECT verdict, take FROM verdicts WHERE attempt_id = '{attempt}'")
    assert told == [("ship", "Read anew.")]


@pytest.mark.parametrize("written", [FORMAT + 1, 99, "3", None, 2.5])
def test_a_line_of_a_newer_format_is_refused_by_name(asked: Ledger, written: Any) -> None:
    rewritten(asked.runs, lambda line: line | {"format": written})
    first = find_journals(asked.runs)[0].file
    with pytest.raises(JournalError, match=re.escape(str(first))) as refusal:
        rebuild(asked.runs)
    assert "Update panel" in str(refusal.value) and repr(written) in str(refusal.value)


# --- several at once ------------------------------------------------------------------------


DIES = """
import os, signal, sys
from pathlib import Path
from panel.store import ingest
ingest.refuse_if_held = lambda _file: os.kill(os.getpid(), signal.SIGKILL)
ingest.rebuild(Path(sys.argv[1]))
"""


@pytest.mark.slow
@pytest.mark.process
def test_what_a_killed_rebuild_leaves_behind_is_removed_by_the_next(asked: Ledger) -> None:
    """Each has a file of its own; one that is killed before it is put in place changes nothing."""
    before = rows(asked.runs)
    for _kill in range(2):
        done = subprocess.run([sys.executable, "-c", DIES, asked.runs], check=False)
        assert done.returncode == -signal.SIGKILL
    [left] = asked.runs.glob("rebuilding*.duckdb")
    left.with_name(left.name + ".tmp").mkdir()  # where DuckDB puts what memory does not hold
    (asked.runs / "rebuilding.duckdb.wal").write_bytes(b"of an earlier version")
    assert rows(asked.runs) == before
    rebuild(asked.runs)
    assert rows(asked.runs) == before
    assert not list(asked.runs.glob("rebuilding*"))


@pytest.mark.slow
def test_two_rebuilds_at_once_leave_one_whole_database(asked: Ledger) -> None:
    before = rows(asked.runs)
    threads = [threading.Thread(target=rebuild, args=(asked.runs,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(asked.runs) == before
    assert not list(asked.runs.glob("rebuilding*.duckdb*"))
