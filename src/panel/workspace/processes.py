"""Work spread over several processes: how many, how they start and how they end."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from panel.errors import PanelError

_SAFE_PATH = "PYTHONSAFEPATH"
MOST = 8  # more wait for the process that started them


def cores() -> int:
    """Return how many processes are of use: one for each core that this one may run on, or 8."""
    try:
        return min(len(os.sched_getaffinity(0)), MOST)
    except AttributeError:  # not on Linux
        return min(os.cpu_count() or 1, MOST)


@contextmanager
def pool(many: int, begin: Callable[..., Any], *parts: Any) -> Iterator[ProcessPoolExecutor]:
    """Have so many processes for the block, each of which calls ``begin(*parts)`` first.

    They are new interpreters and no copies of this one, whose threads and database a copy would
    break. Give them their work in ``without_interrupts``, since they start with it. They end with
    the block, and with this process, however that ends. Raises PanelError where one is lost.
    """
    context = multiprocessing.get_context("spawn")
    with _safe_path():  # which starts a process that looks after what they share
        executor = ProcessPoolExecutor(many, context, _begin, (begin, parts))
    with executor as started:
        try:
            yield started
        except BrokenProcessPool:
            raise PanelError(
                "the system ended a process that did a part of the work, perhaps because memory "
                "ran out. What was written so far is complete; run the command again."
            ) from None
        finally:
            started.shutdown(cancel_futures=True)  # after Ctrl-C nothing more is begun


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Hide Ctrl-C from processes that start in the block; this one gets it after the block.

    Nor do they take a module from the current folder, which may be a stranger's workspace.
    """
    with _safe_path():
        if sys.platform == "win32":
            yield
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # which they inherit
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _safe_path() -> Iterator[None]:
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def _begin(begin: Callable[..., Any], parts: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    atexit.register(os._exit, 0)  # to give memory back piece by piece takes seconds
    begin(*parts)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # nobody is left to take the result
