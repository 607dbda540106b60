"""Locks of the community files: one writer at a time, and a killed process holds nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

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
