"""The schema: made once, refused when newer, and strict about what it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from panel.errors import StoreError
from panel.store import migrations
from panel.store.connection import FILE, reading, writing
from panel.store.ingest import ingest, rebuild
from panel.store.migrations import STEPS, is_current, migrate
from tests.support.store_ledger import Ledger


def schema(connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE NOT internal ORDER BY ALL"
    ).fetchall()


def test_migrating_again_changes_nothing() -> None:
    with duckdb.connect() as connection:
        assert not is_current(connection)
        migrate(connection)
        before = schema(connection), connection.execute("FROM journal.migrations").fetchall()
        migrate(connection)
        assert is_current(connection)
        after = schema(connection), connection.execute("FROM journal.migrations").fetchall()
    assert before == after and len(before[1]) == len(STEPS)


def test_a_step_that_fails_leaves_nothing_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("CREATE TABLE journal.half (x INTEGER)").fetchall()
        raise ZeroDivisionError

    with duckdb.connect() as connection:
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "STEPS", [*STEPS, ("failing", fail)])
            with pytest.raises(ZeroDivisionError):
                migrate(connection)
            assert not is_current(connection)
        assert is_current(connection)
        assert "half" not in {table for _schema, table, *_ in schema(connection)}


def test_a_database_of_a_newer_version_is_refused_and_rebuild_replaces_it(ledger: Ledger) -> None:
    ledger.run([(ledger.cells()[0], "ship")])
    ingest(ledger.runs)
    with writing(ledger.runs / FILE) as connection:
        connection.execute("INSERT INTO journal.migrations VALUES ('votes', now())").fetchall()
    with pytest.raises(StoreError, match=r"newer version of panel \(step 'votes'\).*panel rebuild"):
        ingest(ledger.runs)
    rebuild(ledger.runs)
    assert ledger.ask("SELECT count(*) FROM verdicts") == [(1,)]


GOOD: dict[str, Any] = {
    "attempt_id": "a", "run_id": "r", "tool": "t", "persona": "p", "endpoint": "e", "model": "m",
    "model_identity": "e/m", "repeat": 1, "fingerprint": "f", "ordinal": 1,
    "output_mode": "prompted",
    "repair": False, "final": True, "outcome": "verdict", "verdict": "ship", "confidence": 50,
    "take": "Good.", "started_at": "2026-11-24", "finished_at": "2026-11-24", "seconds": 0,
    "messages": [], "tool_digest": "1", "persona_digest": "2", "templates_digest": "3",
    "sampling_digest": "4",
}  # fmt: skip
NO_VERDICT = {"verdict": None, "take": None, "confidence": None}


def insert(file: Path, fields: dict[str, Any]) -> None:
    names = ", ".join(fields)
    marks = ", ".join("?" * len(fields))
    with writing(file) as connection:
        connection.execute(
            f"INSERT INTO journal.attempts ({names}) VALUES ({marks})", list(fields.values())
        ).fetchall()


@pytest.mark.parametrize("fields", [{}, NO_VERDICT | {"outcome": "abstain"}, {"confidence": 0}])
def test_a_good_attempt_is_taken(tmp_path: Path, fields: dict[str, Any]) -> None:
    insert(tmp_path / FILE, GOOD | fields)
    with reading(tmp_path / FILE) as connection:
        assert connection.execute("SELECT count(*) FROM verdicts").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": "maybe"},
        {"verdict": "shop"},
        {"take": None},
        {"verdict": None},
        NO_VERDICT,
        {"confidence": 101},
        {"confidence": -1},
        {"outcome": "error"},
        {"outcome": "abstain"},
        {"final": False},
        {"repeat": 0},
        {"ordinal": 0},
        {"seconds": -1},
        {"cost_usd": -0.01},
        {"prompt_tokens": -1},
        {"fingerprint": None},
    ],
    ids=str,
)
def test_an_attempt_that_cannot_be_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="Constraint Error"):
        insert(tmp_path / FILE, GOOD | fields)


def test_the_same_attempt_is_not_taken_twice(tmp_path: Path) -> None:
    insert(tmp_path / FILE, GOOD)
    with pytest.raises(StoreError, match="Duplicate key"):
        insert(tmp_path / FILE, GOOD)


def test_a_database_of_before_readings_is_brought_up_to_date(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows stay, and say NULL where their journals said nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", STEPS[:1])
        with writing(ledger.runs / FILE) as connection:
            names, marks = ", ".join(GOOD), ", ".join("?" * len(GOOD))
            connection.execute(
                f"INSERT INTO journal.attempts ({names}) VALUES ({marks})", list(GOOD.values())
            ).fetchall()
            connection.execute(
                "INSERT INTO journal.runs "
                "VALUES ('r', '2026-11-24', '0', 'e', 'm', 'e/m', [], 1, 0)"
            ).fetchall()
            connection.execute("INSERT INTO journal.ends VALUES ('r', '2026-11-24', NULL)")
    ledger.run([(ledger.cells()[0], "ship")])
    ingest(ledger.runs)
    old = "FROM verdicts WHERE run_id = 'r'"
    assert ledger.ask(f"SELECT outcome, degraded, adapted, read_at {old}") == [
        ("verdict", None, None, None)
    ]
    told = (
        "SELECT server, server_version, output_mode, concurrency, stopped "
        "FROM runs WHERE run_id = 'r'"
    )
    assert ledger.ask(told) == [(None,) * 5]
    new = "SELECT degraded, adapted FROM verdicts WHERE run_id <> 'r'"
    assert ledger.ask(new) == [(False, [])]
