"""A hang-up and a termination end a command in order, and then as the signal would have."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.mock_endpoint import MockEndpoint
from tests.support.readers_server import write_site
from tests.support.space import Space

pytestmark = pytest.mark.process

BLOCK = (
    "import signal, tempfile\n"
    "from panel.cli.signals import signals_taken\n"
    "with signals_taken(), tempfile.TemporaryDirectory() as folder:\n"
    "    print(folder, flush=True)\n"
    "    signal.pause()\n"
)


@contextmanager
def started(words: list[str], cwd: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        words, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def panel_words(*words: str) -> list[str]:
    return [sys.executable, "-m", "panel", *words]


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_is_under_way_is_cleared_away_before_the_signal_ends_the_process(
    tmp_path: Path, number: signal.Signals
) -> None:
    with started([sys.executable, "-c", BLOCK], tmp_path) as process:
        folder = Path(read_line(process))
        assert folder.is_dir()
        process.send_signal(number)
        assert process.wait(30) == -number
        assert not folder.exists() and process.stderr and process.stderr.read() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_first_process_of_a_container_ends_in_order_too(
    tmp_path: Path, number: signal.Signals
) -> None:
    """No signal ends it by itself: the kernel ignores those that it does not handle."""
    alone = ["unshare", "--user", "--map-root-user", "--pid", "--fork"]
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine gives no process namespace")
    with started([*alone, "--kill-child", sys.executable, "-c", BLOCK], tmp_path) as process:
        folder = Path(read_line(process))
        [first] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(first), number)
        assert process.wait(30) == 128 + number
        assert not folder.exists() and process.stderr and process.stderr.read() == ""


def test_a_hangup_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """As ``nohup`` has it."""
    with started(["nohup", sys.executable, "-c", BLOCK], tmp_path) as process:
        folder = Path(read_line(process))
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM and not folder.exists()


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_hangup_stops_a_run_as_a_termination_does_and_keeps_what_was_paid(
    space: Space, number: signal.Signals
) -> None:
    with MockEndpoint(delay=0.3) as mock:
        space.point_at(mock)
        with started(panel_words("run"), space.root) as process:
            while not mock.asked:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        assert process.returncode == 130 and "Everything answered is kept" in err
        (journal,) = space.journals
        text = journal.read_text(encoding="utf-8")
        assert '"stopped":"interrupted"' in text
        assert text.count('"kind":"attempt"') == mock.asked < 8, out


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_servers_end_in_order_and_then_by_the_signal(
    asked: Space, tmp_path: Path, number: signal.Signals
) -> None:
    site = write_site(tmp_path / "out")
    for words in (
        ("serve", str(site), "--port", "0"),
        ("desk", "--port", "0", "--no-browser", "--editor", "Ada"),
    ):
        with started(panel_words(*words), asked.root) as process:
            assert re.match(r"http://127\.0\.0\.1:\d+", read_line(process))
            process.send_signal(number)
            _out, err = process.communicate(timeout=60)
        assert process.returncode == -number and "Traceback" not in err
