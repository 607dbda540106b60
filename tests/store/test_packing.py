"""Which journals are compressed, and that a kill at any moment leaves a whole one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from panel.cells.journal import JournalWriter, find_journals, journal_line
from panel.cells.packed import pack, packed
from panel.cells.verify import verify
from panel.store import packing
from panel.store.connection import FILE
from panel.store.ingest import ingest, opened, rebuild
from tests.support.sizes import size
from tests.support.store_ledger import Ledger, a_long_history


@pytest.fixture
def smallest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every journal for a large one."""
    monkeypatch.setattr(packing, "SMALLEST", 1)


def compressed(ledger: Ledger) -> list[bool]:
    return [
        packed(each.file).exists() and not each.file.exists() for each in find_journals(ledger.runs)
    ]


@pytest.mark.usefixtures("smallest")
def test_a_run_that_has_ended_is_compressed_by_the_next_that_brings_something(
    ledger: Ledger,
) -> None:
    cells = ledger.cells()
    ledger.run([(cells[0], "ship")])
    ingest(ledger.runs)
    ledger.run([(cells[1], "ship")], ended=False)
    ledger.run([(cells[2], "ship")])
    assert compressed(ledger) == [False, False, False]
    with opened(ledger.runs):
        pass
    assert compressed(ledger) == [True, False, False]
    ledger.run([(cells[3], "ship")])
    ingest(ledger.runs)
    assert compressed(ledger) == [True, False, True, False]  # the one that was cut off stays
    assert [path.name for path in ledger.runs.glob("*/.*")] == []


def test_a_small_journal_is_not_compressed(ledger: Ledger) -> None:
    for cell in ledger.cells()[:3]:
        ledger.run([(cell, "ship")])
        ingest(ledger.runs)
    rebuild(ledger.runs)
    assert not any(compressed(ledger))


@pytest.mark.slow
@pytest.mark.usefixtures("smallest")
def test_the_database_is_the_same_from_compressed_journals(ledger: Ledger) -> None:
    a_long_history(ledger)
    ingest(ledger.runs)
    before = ledger.views()
    rebuild(ledger.runs)
    assert compressed(ledger).count(True) == 5  # all but the one that was cut off
    stamp = (ledger.runs / FILE).stat().st_mtime_ns
    assert ingest(ledger.runs).lines == 0
    assert (ledger.runs / FILE).stat().st_mtime_ns == stamp
    assert ledger.views() == before
    rebuild(ledger.runs)
    assert ledger.views() == before
    (ledger.runs / FILE).unlink()
    ingest(ledger.runs)
    assert ledger.views() == before


@pytest.mark.usefixtures("smallest")
def test_lines_behind_a_read_part_of_a_compressed_journal_are_read(ledger: Ledger) -> None:
    """As where another machine compressed a journal that this database knows half of."""
    file = ledger.run([(cell, "ship") for cell in ledger.cells()])
    whole = file.read_bytes()
    file.write_bytes(b"".join(whole.splitlines(keepends=True)[:12]))
    ingest(ledger.runs)
    file.write_bytes(whole)
    pack(file)
    ingest(ledger.runs)
    assert ledger.ask("SELECT count(*) FROM attempts") == [(8,)]
    assert compressed(ledger) == [True]


PACK = (
    "import sys; from pathlib import Path; from panel.cells.packed import pack; print(flush=True)\n"
    "pack(Path(sys.argv[1]))"
)


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_whole_journal_and_the_next_one_finishes(
    tmp_path: Path,
) -> None:
    writer = JournalWriter(tmp_path / "runs", "run")
    line = journal_line("note", {"text": os.urandom(300_000).hex()})
    for _line in range(20):
        writer.append(line)
    writer.close()
    lines = verify(writer.file, tmp_path).lines
    for turn in range(size(8, 40)):
        words = [sys.executable, "-c", PACK, str(writer.file)]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.015 * turn)
            child.send_signal(signal.SIGKILL)
        found = verify(writer.file, tmp_path)
        assert (found.lines, found.faults) == (lines, [])
        if not writer.file.exists():
            break
    if writer.file.exists():
        pack(writer.file)
    assert [path.name for path in writer.file.parent.iterdir()] == [packed(writer.file).name]
    assert verify(writer.file, tmp_path).lines == lines
