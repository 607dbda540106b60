"""Locks of the community files: one writer at a time, and a killed process holds nothing."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from panel.cells.journal import read_lines
from panel.errors import UsageError
from panel.readers.community.deliveries import Deliveries
from panel.readers.community.ledger import Ledger

WORK = """
import sys, time
from pathlib import Path
from panel.readers.community.deliveries import Deliveries
from panel.readers.community.ledger import Ledger
what, root = sys.argv[1], Path(sys.argv[2])
ledger = Ledger(root / "community" / "lines.jsonl", lambda line: None, lambda: None)
if what == "append":
    ledger.append({"from": "other"})
    sys.exit()
with Deliveries(root).only_sender() if what == "send" else ledger.writing():
    print("held", flush=True)
    time.sleep(600)
"""


def start(what: str, root: Path) -> subprocess.Popen[str]:
    """Start a process that holds a lock until it is killed ("send", "write"), or appends."""
    command = [sys.executable, "-c", WORK, what, str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@contextmanager
def holder(what: str, root: Path) -> Iterator[subprocess.Popen[str]]:
    with start(what, root) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_sender_is_refused_until_the_first_one_is_killed(tmp_path: Path) -> None:
    deliveries = Deliveries(tmp_path)
    with holder("send", tmp_path) as process:
        with pytest.raises(UsageError, match="another 'panel digest --send'"):
            deliveries.only_sender().__enter__()
        process.kill()
        process.wait()
        with deliveries.only_sender():
            deliveries.write("digest-2026-11-23", "0" * 32, "sent")
    assert deliveries.state("digest-2026-11-23", "0" * 32) == "sent"


@pytest.mark.slow
def test_a_writer_waits_for_another_process_and_goes_on_when_that_is_killed(
    tmp_path: Path,
) -> None:
    lines: list[object] = []
    ledger = Ledger(tmp_path / "community" / "lines.jsonl", lines.append, lines.clear)
    with holder("write", tmp_path) as process:
        waiting = start("append", tmp_path)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
        ledger.refresh()  # reading does not wait
        assert lines == []
        process.kill()
        assert waiting.communicate(timeout=60) == ("", None) and waiting.returncode == 0
    ledger.append({"from": "here"})
    assert lines == [{"from": "other"}, {"from": "here"}]


def ledger_of(file: Path, lines: list[object]) -> Ledger:
    ledger = Ledger(file, lines.append, lines.clear)
    ledger.refresh()
    return ledger


def three_lines(root: Path) -> tuple[Path, list[bytes]]:
    """Write three lines, by two writers in turn; return the file and its lines."""
    file = root / "community" / "lines.jsonl"
    for number in range(3):
        ledger_of(file, []).append({"n": number})
    return file, file.read_bytes().splitlines(keepends=True)


def test_writers_in_turn_keep_one_chain(tmp_path: Path) -> None:
    file, _lines = three_lines(tmp_path)
    assert [line.fault for line in read_lines(file)] == [None] * 3
    lines: list[object] = []
    assert ledger_of(file, lines).damaged == 0
    assert lines == [{"n": 0}, {"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    ("order", "kept", "damaged"),
    [
        ([0, 1, 2, 0], [0, 1, 2], 0),  # an earlier vote put in again does not count again
        ([1, 0, 2], [0, 1, 2], 0),
        ([0, 2], [0, 2], 0),
        ([0, 2, 1], [0, 1, 2], 0),
        ([0, 2, 2, 0], [0, 2], 0),
        (["x", 2, 0, 1, 1], [0, 1, 2], 1),
        ([0, "x", 2], [0, 2], 1),
    ],
)
def test_lines_count_once_and_in_the_order_in_which_they_were_written(
    tmp_path: Path, order: list[int | str], kept: list[int], damaged: int
) -> None:
    """Whatever somebody did to the file; and what is appended then is in the chain."""
    file, lines = three_lines(tmp_path)
    spoilt = [lines[1].replace(b'"n":1', b'"n":7') if n == "x" else lines[int(n)] for n in order]
    file.write_bytes(b"".join(spoilt))
    read: list[object] = []
    ledger = ledger_of(file, read)
    ledger.append({"n": 9})
    assert read == [{"n": n} for n in [*kept, 9]] and ledger.damaged == damaged
    again: list[object] = []
    ledger_of(file, again)
    assert again == read
    assert [line.fault for line in read_lines(file)][-1] is None


def test_lines_that_come_in_another_order_are_put_in_theirs_while_the_file_is_open(
    tmp_path: Path,
) -> None:
    file, lines = three_lines(tmp_path)
    file.write_bytes(lines[0])
    read: list[object] = []
    ledger = ledger_of(file, read)
    for more, known in ((lines[2], [0, 2]), (lines[0], [0, 2]), (lines[2] + lines[1], [0, 2])):
        with file.open("ab") as handle:
            handle.write(more)
        ledger.refresh()
        assert read == [{"n": n} for n in known]
    file.write_bytes(lines[0])
    again: list[object] = []
    ledger = ledger_of(file, again)
    with file.open("ab") as handle:
        handle.write(lines[2] + lines[1])
    ledger.refresh()
    assert again == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_a_long_file_is_read_without_holding_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "community" / "lines.jsonl"
    ledger_of(file, []).append(*({"n": number, "fill": "x" * 500} for number in range(3000)))
    read: list[int] = []
    ledger = Ledger(file, lambda line: read.append(len(line)), read.clear)
    tracemalloc.start()
    try:
        ledger.refresh()
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(read) == 3000 and most < file.stat().st_size / 5


def test_older_lines_are_read_and_sealed_with_the_next_one(tmp_path: Path) -> None:
    file, _lines = three_lines(tmp_path)
    file.write_bytes(b"".join(b'{"n":%d}\n' % n for n in range(3)))
    read: list[object] = []
    ledger = ledger_of(file, read)
    assert read == [{"n": 0}, {"n": 1}, {"n": 2}] and ledger.damaged == 0
    ledger.append({"n": 3})
    assert read == [{"n": 0}, {"n": 1}, {"n": 2}, {"n": 3}]
    found = list(read_lines(file))
    assert all(line.seal for line in found) and not any(line.fault for line in found)


def test_what_is_erased_leaves_no_hash_of_it_behind(tmp_path: Path) -> None:
    file, lines = three_lines(tmp_path)
    seals = [line[-35:-3] for line in lines]
    ledger_of(file, []).rewrite(lambda line: line if line["n"] != 1 else None)
    assert seals[1] not in file.read_bytes() and seals[0] in file.read_bytes()
    assert [(line.fields, line.fault) for line in read_lines(file)] == [
        ({"n": 0}, None),
        ({"n": 2}, None),
    ]
