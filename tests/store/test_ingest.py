"""Journals into the database: once, whatever happens in between."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.cells.cells import Cell
from panel.cells.journal import JournalWriter, encode
from panel.cells.lines import Recorder
from panel.errors import StoreError
from panel.stats import Tally, combine, newcombe, tally
from panel.store import chunks, progress, touched
from panel.store.connection import FILE
from panel.store.ingest import Ingested, ingest, rebuild
from panel.store.percentages import count_ships
from panel.workspace.loading import load_workspace
from tests.support.journals import changed, older
from tests.support.sizes import size
from tests.support.store_ledger import Ledger, Said, a_long_history


def test_a_journal_fills_every_view(ledger: Ledger) -> None:
    ledger.run([(cell, "ship") for cell in ledger.cells()])
    done = ingest(ledger.runs)
    assert done == Ingested(lines=2 + 2 + 4 + 8 + 6, unreadable=0)
    counts = {view: len(rows) for view, rows in ledger.views().items()}
    assert counts == {
        "attempts": 8,
        "verdicts": 8,
        "takes": 8,
        "decisions": 0,
        "published": 0,
        "ship_percentages": 2 + 8,
        "ship_percentages_by_panel": 2 + 8,
        "model_differences": 0,
        "observations": 0,
        "superseded": 0,
        "runs": 1,
        "tools": 2,
        "personas": 4,
        "labels": 0,
        "probabilities": 0,
        "batches": 0,
    }


@pytest.mark.slow
def test_ingesting_again_reads_nothing_and_changes_nothing(ledger: Ledger) -> None:
    a_long_history(ledger)
    ingest(ledger.runs)
    before, stamp = ledger.views(), (ledger.runs / FILE).stat().st_mtime_ns
    assert ingest(ledger.runs) == Ingested(0, 0)
    assert ledger.views() == before
    assert (ledger.runs / FILE).stat().st_mtime_ns == stamp  # not even opened for writing


def test_an_empty_workspace_gets_its_tables(ledger: Ledger) -> None:
    assert ingest(ledger.runs) == Ingested(0, 0)
    assert set(map(len, ledger.views().values())) == {0}


@pytest.mark.slow
def test_lines_read_twice_are_kept_once(ledger: Ledger) -> None:
    """Forgetting how far a journal was read costs time and nothing else."""
    a_long_history(ledger)
    ingest(ledger.runs)
    before = ledger.views()
    with duckdb.connect(str(ledger.runs / FILE)) as connection:
        connection.execute("DELETE FROM journal.files").fetchall()
    assert ingest(ledger.runs).lines > 0
    assert ledger.views() == before


def test_a_torn_last_line_is_read_once_it_is_whole(ledger: Ledger) -> None:
    file = ledger.run([(cell, "ship") for cell in ledger.cells()], ended=False)
    whole = file.read_bytes()
    file.write_bytes(whole[:-10])
    ingest(ledger.runs)
    assert ledger.ask("SELECT count(*) FROM attempts") == [(7,)]
    stamp = (ledger.runs / FILE).stat().st_mtime_ns
    assert ingest(ledger.runs) == Ingested(0, 0)
    assert (ledger.runs / FILE).stat().st_mtime_ns == stamp
    file.write_bytes(whole)
    assert ingest(ledger.runs) == Ingested(1, 0)
    assert ledger.ask("SELECT count(*) FROM attempts") == [(8,)]


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "bad",
    [
        b"not json",
        b"[1, 2]",
        b'{"kind":"attempt"}',
        b'{"kind":"attempt","attempt_id":"x","tool":"t","repeat":"many"}',
        b'{"kind":"tool","digest":"b2:0","seen_at":"2026-11-24"}',
        b'{"kind":"tool","digest":"b2:0","seen_at":"2026-11-24","record":null}',
        b'{"kind":"run","started_at":"yesterday"}',
        b'{"kind":"message","message":"b2:1","role":"judge","content":""}',
        b'{"kind":"message","message":"b2:1","role":"user","content":' + b"9" * 60 + b"}",
    ],
)
def test_a_line_that_cannot_be_read_is_counted_and_left_out(ledger: Ledger, bad: bytes) -> None:
    """One bad line neither stops the others nor comes back at every ingest.

    In a journal of older versions: in one with seals such a line has none.
    """
    file = ledger.run([(cell, "ship") for cell in ledger.cells()])
    older(file)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:12], bad + b"\n", *lines[12:]]))
    assert ingest(ledger.runs) == Ingested(len(lines), 1)
    assert ledger.ask("SELECT count(*) FROM attempts") == [(8,)]
    assert ledger.ask("SELECT unreadable FROM journal.files") == [(1,)]
    assert ingest(ledger.runs) == Ingested(0, 0)
    assert rebuild(ledger.runs) == Ingested(len(lines), 1)


@pytest.mark.parametrize("quotes", [["x" * 1001], ["x"] * 21])
def test_an_answer_with_more_or_longer_quotes_than_any_has_is_left_out(
    ledger: Ledger, quotes: list[str]
) -> None:
    """To look for each in a description takes a tenth of a second, wherever it is shown."""
    file = ledger.run([(cell, "ship") for cell in ledger.cells()])

    def longer(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        last = [place for place, line in enumerate(lines) if line["kind"] == "attempt"][-1]
        return [*lines[:last], lines[last] | {"evidence": quotes}, *lines[last + 1 :]]

    changed(file, longer)
    assert ingest(ledger.runs).unreadable == 1
    assert ledger.ask("SELECT count(*) FROM attempts") == [(7,)]


def test_bad_lines_of_several_journals_are_counted_where_they_stand(ledger: Ledger) -> None:
    bad = b'{"kind":"run","started_at":"yesterday"}\n'
    files = [ledger.run([(cell, "ship")]) for cell in ledger.cells()[:5]]
    for place, many in ((1, 1), (3, 2)):
        files[place].write_bytes(bad * many + files[place].read_bytes())
    assert ingest(ledger.runs).unreadable == 3
    found = ledger.ask("SELECT unreadable, bytes FROM journal.files ORDER BY run_id")
    sizes = [file.stat().st_size for file in files]
    assert found == [*zip([0, 1, 0, 2, 0], sizes, strict=True)]
    assert ledger.ask("SELECT count(*) FROM attempts") == [(5,)]


def test_many_new_journals_are_counted_once(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A count looks at every answer in the store, however short the journals are."""
    counted = []

    def count(*words: Any) -> None:
        counted.append(words)
        count_ships(*words)

    monkeypatch.setattr(touched, "count_ships", count)
    panels = [[persona.id for persona in ledger.personas[:many]] for many in (2, 3, 4)]
    cells = ledger.cells()
    for read in (ingest, ingest, rebuild):  # a database made, a known one, one made again
        counted.clear()
        for turn in range(6):
            said = "ship" if turn % 2 else "skip"
            ledger.run([(cells[turn], said)], panel=panels[turn % 3])
        read(ledger.runs)
        assert len(counted) == 1
    assert ledger.ask("SELECT count(*) FROM runs") == [(18,)]


def test_a_kind_of_line_from_a_later_version_is_passed_over(ledger: Ledger) -> None:
    file = ledger.run([(ledger.cells()[0], "ship")])
    changed(file, lambda lines: [*lines, {"kind": "vote", "ship": True}])
    assert ingest(ledger.runs).unreadable == 0


def test_a_journal_shorter_than_what_was_read_is_an_error(ledger: Ledger) -> None:
    file = ledger.run([(ledger.cells()[0], "ship")])
    ingest(ledger.runs)
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(StoreError, match="was cut or replaced"):
        ingest(ledger.runs)
    rebuild(ledger.runs)
    assert ledger.ask("SELECT count(*) FROM attempts") == [(1,)]


@pytest.mark.slow
@pytest.mark.parametrize("chunk", size([10], [3, 10]))
def test_the_size_of_a_transaction_changes_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    a_long_history(ledger)
    ingest(ledger.runs)
    before = ledger.views()
    (ledger.runs / FILE).unlink()
    monkeypatch.setattr(chunks, "CHUNK", chunk)
    ingest(ledger.runs)
    assert ledger.views() == before


@pytest.mark.slow
def test_the_order_in_which_journals_arrive_changes_nothing(ledger: Ledger) -> None:
    a_long_history(ledger)
    ingest(ledger.runs)
    before = ledger.views()
    folders = [file.parent for file in ledger.runs.glob("*/attempts.jsonl")]
    random.Random(7).shuffle(folders)
    away = ledger.runs.parent / "away"
    shutil.move(ledger.runs, away)
    for folder in folders:
        shutil.copytree(away / folder.name, folder)
        ingest(ledger.runs)
    assert ledger.views() == before


NOT_THERE = (
    "decisions",
    "published",
    "observations",
    "labels",
    "probabilities",
    "batches",
)  # in the history below


@pytest.mark.slow
def test_rebuild_gives_the_same_views_row_for_row(ledger: Ledger) -> None:
    a_long_history(ledger)
    for _step in range(2):
        ingest(ledger.runs)
    before = ledger.views()
    assert all(rows for view, rows in before.items() if view not in NOT_THERE)
    rebuild(ledger.runs)
    assert ledger.views() == before
    assert sorted(path.name for path in ledger.runs.glob("*duckdb*")) == [FILE]


INGEST = (
    "import sys, time; from pathlib import Path; from panel.store.ingest import ingest\n"
    "until = time.monotonic() + float(sys.argv[2])\n"
    "while True:\n    ingest(Path(sys.argv[1]))\n    if time.monotonic() >= until: break\n"
)


def ingesting(runs: Path, seconds: float = 0) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", INGEST, str(runs), str(seconds)]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)


def no_faults(processes: Iterable[subprocess.Popen[str]]) -> list[str]:
    return [err for process in processes if (err := process.communicate(timeout=60)[1])]


def test_four_processes_at_once_leave_each_attempt_exactly_once(ledger: Ledger) -> None:
    for n in range(6):
        ledger.run([(cell, "ship") for cell in ledger.cells(repeats=n + 1)])
    assert no_faults([ingesting(ledger.runs) for _ in range(4)]) == []
    attempts = 8 * (1 + 2 + 3 + 4 + 5 + 6)
    found = ledger.ask("SELECT count(*), count(DISTINCT attempt_id) FROM journal.attempts")
    assert found == [(attempts, attempts)]
    before = ledger.views()
    rebuild(ledger.runs)
    assert ledger.views() == before


@pytest.mark.slow
def test_reading_a_journal_that_grows_meanwhile_is_no_fault(ledger: Ledger) -> None:
    """Another process may have read further than the journal was long a moment ago."""
    cells = ledger.cells()
    seconds = size(1, 3)
    readers = [ingesting(ledger.runs, seconds) for _ in range(seconds)]
    writer = JournalWriter(ledger.runs, "20261124T090000Z-growing")
    until = time.monotonic() + seconds
    ledger.write(writer, [(cells[0], "ship")])
    recorder, asked = Recorder(writer.run_id + "x"), 1
    while time.monotonic() < until:
        writer.append(recorder.attempt_lines(ledger.attempt(cells[asked % 8], "ship")))
        asked += 1
    writer.close()
    assert no_faults(readers) == []
    ingest(ledger.runs)
    assert ledger.ask("SELECT count(*) FROM attempts") == [(asked,)]


def test_times_are_utc(ledger: Ledger) -> None:
    """A zone that some other writer put there is converted, not dropped."""
    file = ledger.run([(ledger.cells()[0], "ship")])
    head = file.read_text()
    zoned = {"finished_at": "2026-11-24T11:30:00+02:00"}
    changed(file, lambda lines: [*lines[:-1], lines[-1] | zoned])
    ingest(ledger.runs)
    utc = datetime(2026, 11, 24, 9, 30)  # noqa: DTZ001
    assert ledger.ask("SELECT finished_at FROM runs") == [(utc,)]
    first = ledger.ask("SELECT finished_at FROM attempts")[0][0]
    assert f'"finished_at":"{first.isoformat(timespec="microseconds")}"' in head
    kinds = ledger.ask("SELECT DISTINCT data_type FROM duckdb_columns() WHERE column_name ~ '_at$'")
    assert kinds == [("TIMESTAMP",)]


def test_a_long_reading_says_how_far_it_is(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(chunks, "CHUNK", 3)
    a_long_history(ledger)
    with caplog.at_level("INFO", "panel.store"):
        ingest(ledger.runs)
    told = [int(found[1]) for found in re.finditer(r"journals: (\d+) % of", caplog.text)]
    assert told == sorted(told)
    assert (len(told) > 5, told[-1]) == (True, 100)


@pytest.mark.slow
def test_several_transactions_or_one_make_no_difference(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bad lines among them, of which none stops a line beside it."""
    a_long_history(ledger)

    def worse(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        *_others, last = (line for line in lines if line["kind"] in ("attempt", "run"))
        middle = len(lines) // 2
        return [*lines[:middle], last | {"started_at": "never"}, *lines[middle:]]

    for file in sorted(ledger.runs.glob("*/attempts.jsonl"))[:2]:
        changed(file, worse)
    ingest(ledger.runs)
    before = ledger.views()
    assert ledger.ask("SELECT sum(unreadable) FROM journal.files") == [(2,)]
    for chunk, batch in ((20, 2), (50, 100)):
        monkeypatch.setattr(chunks, "CHUNK", chunk)
        monkeypatch.setattr(chunks, "BATCH", batch)
        rebuild(ledger.runs)
        assert ledger.views() == before


def test_text_of_any_kind_survives(ledger: Ledger) -> None:
    nasty = '\'; DROP TABLE x; -- \0 \u202e \N{PILE OF POO} \\ " \n {"a": $1}'
    cell = ledger.cells()[0]
    writer = JournalWriter(ledger.runs, "20261124T090000Z-nasty")
    ledger.write(writer, [])
    attempt = replace(ledger.attempt(cell, "ship"), reply=nasty, body=nasty.encode())
    writer.append(Recorder(writer.run_id).attempt_lines(attempt))
    writer.close()
    ingest(ledger.runs)
    assert ledger.ask("SELECT reply, body FROM attempts") == [
        (nasty, nasty.replace("\0", "\ufffd"))
    ]


# -- what counts: the latest outcome of each cell --


def outcomes(ledger: Ledger) -> list[tuple[Any, ...]]:
    ingest(ledger.runs)
    return ledger.ask("SELECT fingerprint, outcome, verdict FROM verdicts")


HISTORIES: dict[str, tuple[list[str], tuple[str, str | None]]] = {
    "an error then a verdict": (["error", "ship"], ("verdict", "ship")),
    "a verdict then an error": (["ship", "error"], ("verdict", "ship")),
    "an abstention then an error": (["abstain", "error"], ("abstain", None)),
    "two verdicts": (["ship", "skip"], ("verdict", "skip")),
    "a verdict then a begun try": (["skip", "begun"], ("verdict", "skip")),
    "only errors": (["error", "error"], ("error", None)),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_cell_has_one_row_its_latest_answer(ledger: Ledger, name: str) -> None:
    said, expected = HISTORIES[name]
    cell = ledger.cells()[0]
    for outcome in said:
        ledger.run([(cell, outcome)])
    assert outcomes(ledger) == [(cell.fingerprint, *expected)]


def test_a_cell_that_never_ended_has_no_row(ledger: Ledger) -> None:
    ledger.run([(ledger.cells()[0], "begun")])
    assert outcomes(ledger) == []


def test_an_edited_text_counts_from_its_first_outcome_on(ledger: Ledger) -> None:
    old, new = ledger.cells()[0], ledger.cells(temperature=0.5)[0]
    ledger.run([(old, "ship")])
    ledger.run([(new, "begun")])
    assert outcomes(ledger) == [(old.fingerprint, "verdict", "ship")]
    ledger.run([(new, "error")])
    assert outcomes(ledger) == [(new.fingerprint, "error", None)]


def test_an_adopted_answer_counts_again(ledger: Ledger) -> None:
    old, new = ledger.cells()[0], ledger.cells(temperature=0.5)[0]
    ledger.run([(old, "ship")])
    ledger.run([(new, "skip")])
    assert outcomes(ledger) == [(new.fingerprint, "verdict", "skip")]
    ledger.run([], adopted=[old])
    assert outcomes(ledger) == [(old.fingerprint, "verdict", "ship")]
    percents = ledger.ask("SELECT ship_percent FROM ship_percentages WHERE level = 'panel'")
    assert percents == [(100.0,)]


# -- ship percentages --

SAID = st.sampled_from(["ship", "skip", "abstain", "error"])


def percentages(ledger: Ledger, level: str) -> dict[str, tuple[Any, ...]]:
    rows = ledger.ask(
        "SELECT concat_ws('/', tool, model_identity, persona), ships, skips, abstains, errors, n, "
        f"ship_percent, low, high, undecided, split FROM ship_percentages WHERE level = '{level}'"
    )
    assert len({name for name, *_ in rows}) == len(rows)
    return {name: tuple(rest) for name, *rest in rows}


def worked_out(said: Sequence[Said], name: Callable[[Cell], str]) -> dict[str, tuple[Any, ...]]:
    found = {}
    for row in {name(cell) for cell, _ in said}:
        mine = [(cell, what) for cell, what in said if name(cell) == row]
        votes = {"ship": ("verdict", "ship"), "skip": ("verdict", "skip")}
        result = combine(
            [
                tally(votes.get(what, (what, None)) for cell, what in mine if cell.persona is who)  # type: ignore[misc]
                for who in {cell.persona.id: cell.persona for cell, _ in mine}.values()
            ]
        )
        interval = result.interval
        found[row] = (
            *(result.ships, result.skips, result.abstains, result.errors, result.n),
            pytest.approx(result.ship_percent),
            pytest.approx(interval.low if interval else None),
            pytest.approx(interval.high if interval else None),
            result.undecided,
            result.split,
        )
    return found


@settings(max_examples=size(3, 12), deadline=None)
@given(said=st.lists(SAID, min_size=24, max_size=24), asked=st.integers(1, 24))
def test_ship_percentages_are_the_scorecards_own_numbers(
    tmp_path_factory: pytest.TempPathFactory, said: list[str], asked: int
) -> None:
    workspace = load_workspace(Path(__file__).parents[2])
    runs = tmp_path_factory.mktemp("percent") / "runs"
    ledger = Ledger(runs, workspace.prompts, workspace.tools[:2], workspace.personas)
    cells = random.Random(asked).sample(ledger.cells(repeats=3), asked)
    answers = [*zip(cells, said, strict=False)]
    ledger.run(answers)
    ingest(runs)
    assert percentages(ledger, "panel") == worked_out(
        answers, lambda cell: f"{cell.tool.slug}/{cell.model}"
    )
    assert percentages(ledger, "persona") == worked_out(
        answers, lambda cell: f"{cell.tool.slug}/{cell.model}/{cell.persona.id}"
    )


def test_another_panel_rewrites_no_number_of_an_earlier_one_or_of_another_model(
    ledger: Ledger,
) -> None:
    said = ["ship", "ship", "skip", "skip", "ship", "ship", "ship", "ship"]  # persona by persona
    ledger.run([*zip(ledger.cells(), said, strict=True)])
    ledger.run([*zip(ledger.cells("mock-2"), said, strict=True)])
    ingest(ledger.runs)
    assert percentages(ledger, "panel")["anvil/mock/mock-1"][:2] == (3, 1)
    whole = [persona.id for persona in ledger.personas]
    ledger.run([], panel=[name for name in whole if name != whole[1]])
    ingest(ledger.runs)
    shown = percentages(ledger, "panel")
    assert shown["anvil/mock/mock-1"][:2] == (3, 0)
    assert shown["anvil/mock/mock-2"][:2] == (3, 1)
    assert len(percentages(ledger, "persona")) == 16
    assert ledger.ask(
        "SELECT len(panel), present, ships, skips FROM ship_percentages_by_panel "
        "WHERE level = 'panel' AND tool = 'anvil' AND model_identity = 'mock/mock-1' ORDER BY 1"
    ) == [(3, True, 3, 0), (4, False, 3, 1)]


def test_answers_to_an_earlier_wording_are_counted_nowhere_but_as_superseded(
    ledger: Ledger,
) -> None:
    first = ledger.cells(repeats=5)
    ledger.run([(cell, "ship") for cell in first])
    ledger.tools[0] = ledger.tools[0].model_copy(update={"description": "It only sings now."})
    ledger.run([(cell, "skip") for cell in ledger.cells()])
    ingest(ledger.runs)
    rows = ledger.ask(
        "SELECT tool, ships, skips, n, superseded FROM ship_percentages WHERE level = 'panel' "
        "ORDER BY tool"
    )
    edited, other = (tool.slug for tool in ledger.tools[:2])
    assert sorted(rows) == sorted([(edited, 0, 4, 4, 20), (other, 16, 4, 20, 0)])
    assert ledger.ask(f"SELECT count(*) FROM verdicts WHERE tool = '{edited}'") == [(4,)]
    assert ledger.ask("SELECT tool, count(*) FROM superseded GROUP BY tool") == [(edited, 20)]
    ledger.run([], adopted=[cell for cell in first if cell.repeat == 1])
    ingest(ledger.runs)
    assert ledger.ask(
        f"SELECT ships, skips, superseded FROM ship_percentages WHERE tool = '{edited}' "
        "AND level = 'panel'"
    ) == [(20, 0, 4)], "a text changed back brings every repeat of it back"


def test_two_models_are_compared_by_newcombes_interval_of_the_difference(ledger: Ledger) -> None:
    for model, said in (("mock-1", "ship"), ("mock-2", "skip")):
        ledger.run([(cell, said) for cell in ledger.cells(model, repeats=5)])
    ingest(ledger.runs)
    one, other = combine([Tally(ships=5)]).rate, combine([Tally(skips=5)]).rate
    assert one is not None and other is not None
    expected = newcombe(one, other)
    rows = ledger.ask(
        "SELECT difference, difference_low, difference_high, differs FROM model_differences "
        "WHERE level = 'persona'"
    )
    assert len(rows) == 8
    wanted = (100.0, pytest.approx(expected.low), pytest.approx(expected.high), True)
    assert all(row == wanted for row in rows)


def test_ten_thousand_attempts_of_one_journal_are_all_read(ledger: Ledger) -> None:
    tool, count = ledger.tools[0], size(250, 2500)
    ledger.tools = [tool.model_copy(update={"slug": f"t{n}"}) for n in range(count)]
    ledger.run([(cell, "ship") for cell in ledger.cells()[:1]])
    ledger.run([(cell, "ship") for cell in ledger.cells()])
    assert ingest(ledger.runs).unreadable == 0
    assert ledger.ask("SELECT count(*) FROM attempts") == [(4 * count + 1,)]


def test_what_an_attempt_and_an_end_say_of_the_server_is_kept(ledger: Ledger) -> None:
    writer = JournalWriter(ledger.runs, "20261124T090000Z-server")
    ledger.write(writer, [])
    attempt = replace(
        ledger.attempt(ledger.cells()[0], "ship"), degraded=True, adapted=("without seed",)
    )
    writer.append(Recorder(writer.run_id).attempt_lines(attempt))
    end = {"kind": "end", "finished_at": ledger.now(), "stopped": None, "server": "ollama"}
    changes = [[0.5, 8, "start"], [2.0, 4, "http_429"]]
    told = {"server_version": "0.9", "output_mode": "tool", "concurrency": changes}
    writer.append(encode(end | told))
    writer.close()
    assert ingest(ledger.runs).unreadable == 0
    assert ledger.ask("SELECT degraded, adapted FROM verdicts") == [(True, ["without seed"])]
    [row] = ledger.ask("SELECT server, server_version, output_mode, concurrency FROM runs")
    assert (*row[:3], json.loads(row[3])) == ("ollama", "0.9", "tool", changes)


@pytest.mark.slow
def test_threads_of_one_process_can_ingest_at_the_same_time(ledger: Ledger) -> None:
    """A desk reads while it asks; DuckDB's lock keeps only other processes apart."""
    faults: list[BaseException] = []

    def read() -> None:
        try:
            for _round in range(3):
                ingest(ledger.runs)
        except BaseException as error:
            faults.append(error)

    for _run in range(3):
        ledger.run([(cell, "ship") for cell in ledger.cells()])
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert faults == []
    assert ledger.ask("SELECT count(*) FROM attempts") == [(24,)]
