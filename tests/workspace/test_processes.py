"""Processes that share work: how they start and how they end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from panel.errors import PanelError
from panel.workspace.processes import cores, pool, without_interrupts

# Says its process's id, and has it work until somebody ends one of the two.
WAITING = """
import os, sys, threading, time
from panel.workspace.processes import pool, without_interrupts
try:
    with pool(1, os.getpid) as started:
        with without_interrupts():
            print(started.submit(os.getpid).result(), flush=True)
            asked = started.submit(time.sleep, 0.2)
        asked.result()
        threading.Event().wait()
except KeyboardInterrupt:
    sys.exit(130)
"""


@contextmanager
def waiting() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a program that waits for its process; gives the program and the process's id."""
    program = subprocess.Popen(
        [sys.executable, "-c", WAITING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert program.stdout is not None
    try:
        yield program, int(program.stdout.readline())
    finally:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.communicate()


def test_a_process_ends_with_the_one_that_started_it_even_if_that_is_killed() -> None:
    with waiting() as (program, process):
        os.kill(process, 0)
        program.kill()
        # The process holds the other end of stdout: it has ended when nothing more can come.
        assert program.communicate(timeout=60)[0] == ""


def test_ctrl_c_reaches_the_program_and_none_of_its_processes() -> None:
    with waiting() as (program, _process):
        os.killpg(program.pid, signal.SIGINT)
        told = program.communicate(timeout=60)
        assert (program.returncode, told) == (130, ("", ""))


def test_a_process_that_the_system_ends_is_one_line() -> None:
    with pytest.raises(PanelError, match=r"memory ran out\. .* run the command again\."):  # noqa: SIM117
        with pool(1, os.getpid) as started, without_interrupts():
            started.submit(os._exit, 9).result()
    assert multiprocessing.active_children() == []


def test_no_more_processes_are_of_use_than_there_are_cores_or_eight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(3)), raising=False)
    assert cores() == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(64)))
    assert cores() == 8
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1
