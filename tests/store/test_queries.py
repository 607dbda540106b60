"""What the program and its users ask of the store."""

from __future__ import annotations

import random
import re
from pathlib import Path

import duckdb
import pytest

from panel.cells.plan import make_plan
from panel.errors import UsageError
from panel.store.exports import export_parquet
from panel.store.ingest import ingest, opened
from panel.store.known import known_cells, known_records
from panel.store.queries import answers_by_pair, models_with_outcomes, run_totals, select
from tests.support.sizes import size
from tests.support.space import ROOT
from tests.support.store_ledger import VIEWS, Ledger, a_long_history, edited

DOCS = (ROOT / "docs/store.md").read_text(encoding="utf-8")


def test_what_is_known_of_a_cell_is_its_latest_wording_and_every_settled_one(
    ledger: Ledger,
) -> None:
    old, new = ledger.cells(), ledger.cells(temperature=0.5)
    ledger.run([(old[0], "ship"), (old[1], "error"), (old[2], "begun"), (old[3], "abstain")])
    ledger.run([(new[0], "skip"), (old[4], "ship"), (new[4], "error"), (old[5], "error")])
    with opened(ledger.runs) as connection:
        known = known_cells(connection, old[0].model)
    seen = {cell.key: known[cell.key] for cell in old[:6]}
    assert known.keys() == seen.keys()
    assert [k.asked and k.asked.outcome for k in seen.values()] == [
        *("verdict", "error", None, "abstain", "error", "error"),
    ]
    assert set(seen[old[0].key].settled) == {old[0].fingerprint, new[0].fingerprint}
    assert seen[old[1].key].settled == seen[old[2].key].settled == ()
    assert seen[old[3].key].settled == (old[3].fingerprint,)
    assert seen[old[4].key].settled == (old[4].fingerprint,)
    latest = [seen[old[place].key].asked for place in (4, 0)]
    assert latest[0] and latest[0].fingerprint == new[4].fingerprint
    assert latest[1] and latest[1].inputs == new[0].inputs


def test_a_plan_made_from_the_store_asks_what_is_left(ledger: Ledger) -> None:
    cells = ledger.cells()
    said = ["ship", "abstain", "error", "begun"]
    ledger.run([*zip(cells, said, strict=False)])
    with opened(ledger.runs) as connection:
        plan = make_plan(cells, known_cells(connection, cells[0].model))
    assert plan.reasons() == {"new": 4, "previous error": 1, "unfinished": 1}
    assert (plan.reused, plan.adopted) == (2, [])


def test_a_text_changed_back_is_adopted_once(ledger: Ledger) -> None:
    old, new = ledger.cells()[:1], ledger.cells(temperature=0.5)[:1]
    ledger.run([(old[0], "ship")])
    ledger.run([(new[0], "skip")])
    with opened(ledger.runs) as connection:
        plan = make_plan(old, known_cells(connection, old[0].model))
    assert (plan.pending, plan.adopted) == ([], old)
    ledger.run([], adopted=plan.adopted)
    with opened(ledger.runs) as connection:
        plan = make_plan(old, known_cells(connection, old[0].model))
        assert answers_by_pair(connection, old[0].model)["anvil", "builder"][0].verdict == "ship"
    assert (plan.pending, plan.adopted, plan.reused) == ([], [], 1)


def test_each_model_has_its_own_cells(ledger: Ledger) -> None:
    ledger.run([(cell, "ship") for cell in ledger.cells()])
    other = ledger.cells(model="mock-2")
    ledger.run([(cell, "skip") for cell in other[:3]])
    with opened(ledger.runs) as connection:
        assert models_with_outcomes(connection) == ["mock/mock-1", "mock/mock-2"]
        assert len(known_cells(connection, other[0].model)) == 3
        stored = answers_by_pair(connection, other[0].model)
    assert sum(map(len, stored.values())) == 3
    assert {cell.verdict for cells in stored.values() for cell in cells} == {"skip"}


def test_a_stored_cell_comes_back_as_it_was_written(ledger: Ledger) -> None:
    cell = ledger.cells()[0]
    ledger.run([(cell, "ship"), (ledger.cells()[1], "abstain")])
    with opened(ledger.runs) as connection:
        stored = answers_by_pair(connection, cell.model)
    (found,) = stored["anvil", "builder"]
    assert list(found.beats) == [beat.id for beat in cell.persona.beats]
    assert found.take == " ".join(found.beats.values()) and found.evidence == ("a quote",)
    assert re.fullmatch(r"2026-11-24T09:00:\d\dZ", found.asked_at)
    (abstained,) = stored["bellows", "builder"]
    assert (abstained.beats, abstained.evidence, abstained.take) == ({}, (), "")


def test_records_are_the_latest_tools_personas_and_panel(ledger: Ledger) -> None:
    with opened(ledger.runs) as connection:
        assert known_records(connection) == (set(), [])
    ledger.run([])
    ledger.personas = [edited(ledger.personas[0], "Another voice."), *ledger.personas[1:]]
    ledger.run([], panel=["builder"])
    with opened(ledger.runs) as connection:
        digests, panel = known_records(connection)
    assert digests == {item.digest() for item in [*ledger.tools, *ledger.personas]}
    assert panel == ["builder"]


def test_a_run_is_summed_up(ledger: Ledger) -> None:
    said = ["ship", "skip", "abstain", "error", "begun"]
    file = ledger.run([*zip(ledger.cells(), said, strict=False)])
    cut = ledger.run([(ledger.cells()[0], "ship")], ended=False)
    with opened(ledger.runs) as connection:
        totals = run_totals(connection, file.parent.name)
        stopped = run_totals(connection, cut.parent.name)
        assert run_totals(connection, "nowhere") is None
    assert totals is not None and stopped is not None
    counts = ("asked", "verdicts", "abstains", "errors", "requests", "prompt_tokens", "stopped")
    assert [totals[name] for name in counts] == [4, 2, 1, 1, 5, 50, None]
    assert totals["cost_usd"] == pytest.approx(0.005) and totals["cached_tokens"] is None
    assert stopped["stopped"] == "cut off" and stopped["finished_at"] is not None


@pytest.mark.sample(5)
@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO journal.files VALUES ('r', 1, 0)",
        "DELETE FROM journal.attempts",
        "UPDATE journal.attempts SET take = ''",
        "DROP VIEW verdicts",
        "CREATE TABLE mine (x INTEGER)",
        "CREATE TABLE memory.main.mine (x INTEGER)",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "COPY attempts TO '{folder}/out.parquet'",
        "EXPORT DATABASE '{folder}/out'",
        "ATTACH '{folder}/other.duckdb'",
        "ATTACH ':memory:' AS other",
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM read_text('{folder}/secret.csv')",
        "SELECT * FROM glob('{folder}/*')",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "RESET enable_external_access",
        "SELECT getenv('HOME')",
        "SELECT 1; DROP TABLE journal.attempts",
        "",
        "-- nothing",
        "SELEKT 1",
        "SELECT '\udcff'",
        "SELECT now()",
        "SELECT $1",
    ],
)
def test_a_query_can_only_read_the_store(ledger: Ledger, tmp_path: Path, sql: str) -> None:
    ledger.run([(ledger.cells()[0], "ship")])
    ingest(ledger.runs)
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    files = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError) as refused:
        select(ledger.runs, sql.replace("{folder}", str(tmp_path)))
    assert "Traceback" not in str(refused.value)
    assert sorted(tmp_path.iterdir()) == files
    assert ledger.ask("SELECT count(*) FROM attempts") == [(1,)]


def test_a_query_answers_with_columns_and_rows(ledger: Ledger) -> None:
    table = select(ledger.runs, "SELECT 1 AS one, NULL AS nothing")
    assert (table.columns, table.rows) == (["one", "nothing"], [(1, None)])


def test_parquet_holds_the_rows_of_verdicts(ledger: Ledger, tmp_path: Path) -> None:
    a_long_history(ledger)
    file = tmp_path / "it's.parquet"
    with file.open("wb") as stream:
        export_parquet(ledger.runs, stream)
    with duckdb.connect() as connection:
        found = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(file)]).fetchall()
    assert found == ledger.ask("SELECT count(*) FROM verdicts")


def test_forty_thousand_cells_are_all_known(ledger: Ledger) -> None:
    copies = size(500, 5000)
    ledger.run([(cell, "ship") for cell in ledger.cells()])
    ingest(ledger.runs)
    with duckdb.connect(str(ledger.runs / "panel.duckdb")) as connection:
        connection.execute(
            "INSERT INTO journal.attempts SELECT a.* REPLACE (attempt_id || n AS attempt_id, "
            f"tool || n AS tool) FROM journal.attempts AS a, range({copies}) AS many(n)"
        ).fetchall()
    with opened(ledger.runs) as connection:
        known = known_cells(connection, ledger.cells()[0].model)
    assert len(known) == 8 * copies + 8


def documented() -> dict[str, list[tuple[str, str]]]:
    sections = re.split(r"^## ", DOCS, flags=re.MULTILINE)
    return {
        section.split("\n", 1)[0]: re.findall(r"^\| (\w+) \| ([A-Z]+(?:\[\])?) \|", section, re.M)
        for section in sections
    }


def test_every_column_of_every_view_is_documented(ledger: Ledger) -> None:
    pages = documented()
    views = select(
        ledger.runs,
        "SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'",
    )
    assert {name for (name,) in views.rows} == set(VIEWS)
    for view in VIEWS:
        described = ledger.ask(f"DESCRIBE {view}")
        assert pages[view] == [(name, kind) for name, kind, *_ in described], view


def test_models_that_differ_by_noise_alone_differ_in_few_rows(ledger: Ledger) -> None:
    """Two models with the same rates, ten tools, five repeats: single answers differ in a third."""
    draw = random.Random(5)
    tool = ledger.tools[0]
    ledger.tools = [tool.model_copy(update={"slug": f"t{n}", "name": f"T{n}"}) for n in range(10)]
    rates = {cell.key[:2]: draw.random() for cell in ledger.cells()}
    for model in ("mock-1", "mock-2"):
        cells = ledger.cells(model, repeats=5)
        ships = [draw.random() < rates[cell.key[:2]] for cell in cells]
        ledger.run([(c, "ship" if ship else "skip") for c, ship in zip(cells, ships, strict=True)])
    ingest(ledger.runs)
    [(naive,)] = ledger.ask(
        "SELECT count(*) FROM verdicts a JOIN verdicts b USING (tool, persona, repeat) "
        "WHERE a.model_identity < b.model_identity AND a.verdict <> b.verdict"
    )
    rows = ledger.ask("SELECT level, differs FROM model_differences")
    assert naive > 200 * 0.25
    assert len(rows) == 10 + 40
    assert [differs for _level, differs in rows].count(True) <= 0.1 * len(rows)


@pytest.mark.parametrize("sql", re.findall(r"```sql\n(.*?)```", DOCS, re.DOTALL))
def test_every_example_query_runs(ledger: Ledger, sql: str) -> None:
    """And finds something, in a store that holds a split panel and a flipping persona."""
    a_long_history(ledger)
    third = ledger.cells(model="mock-3", repeats=2)
    ships = {cell.key for cell in third if cell.persona.order * 2 - cell.repeat in (0, 1, 2)}
    ledger.run([(cell, "ship" if cell.key in ships else "skip") for cell in third])
    sure = ledger.cells(model="mock-4", repeats=4)
    ledger.run([(cell, "ship" if cell.persona.order % 2 else "skip") for cell in sure])
    table = select(ledger.runs, sql.replace("'ferrowisp'", "'anvil'"))
    assert table.columns and table.rows
