"""SIGTERM and SIGHUP: end the command in order, then end the process as the signal would have."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

# Windows has none.
_HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)


class Terminated(BaseException):
    """SIGTERM or SIGHUP has come, and no part of the program that runs takes it by itself."""


@contextmanager
def signals_taken() -> Iterator[None]:
    """Let SIGTERM unwind the block (locks, temporary folders, processes), and SIGHUP do the same.

    SIGHUP is passed on as SIGTERM, so that what handles that one (a run, a server) handles
    both. At the end of the block a process that was terminated ends by the signal itself, which
    service managers and shells expect; the first process of a container exits with 128 and the
    signal's number. A signal that is ignored (``nohup``) stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can handle signals
        return
    came: list[int] = []
    owner = os.getpid()

    def end(number: int, _frame: FrameType | None) -> None:
        if os.getpid() != owner:  # a process that was forked off
            _end_by(number)
        came.append(number)
        if number == _HANGUP:
            signal.raise_signal(signal.SIGTERM)
        else:
            raise Terminated

    numbers = [number for number in (signal.SIGTERM, _HANGUP) if number is not None]
    taken = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    except Terminated:
        _end_by(came[0])
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _end_by(number: int) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    # The first process of a container is ended by no signal: it ends as a shell would tell it.
    raise SystemExit(128 + number)
