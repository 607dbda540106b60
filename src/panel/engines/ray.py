"""The Ray engine: workers on the machines of a Ray cluster, or several on this one.

Ray Data hands batches of cells to actors that each hold our own client (``ray_worker.py``). This
process asks nothing and writes no answer; it brings the store up to date, as a local run does.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from panel.cells.cells import Cell, Target
from panel.cells.journal import FILE
from panel.engines.base import Job, RunStats, load_engine
from panel.engines.job_run import CHECKPOINT_SECONDS
from panel.engines.ray_cluster import WORKER_CPUS, cluster, imported
from panel.engines.ray_coordinator import Coordinator, State
from panel.engines.ray_worker import Asker, Order
from panel.errors import EndpointError, JournalError, UsageError
from panel.workspace.endpoints import Endpoint

if TYPE_CHECKING:
    from panel.endpoint.detect import Diagnosis

POLL_SECONDS = 0.3
ROUNDS = 16  # cells of a batch to each request that a worker may have in flight
SHARES = 4  # least batches to each worker, so that a slow one does not keep the others waiting
SEEN_SECONDS = 60.0  # for which a shared disk may show an older size of a file
_RAISED = {"EndpointError": EndpointError, "JournalError": JournalError}


def ready(endpoint: Endpoint) -> None:
    """Raise UsageError where the extra is not installed, or the endpoint cannot be shared."""
    if endpoint.embedded:
        raise UsageError(
            "the embedded model answers on this machine alone, one question at a time. Take "
            "--engine local, or another --endpoint."
        )
    imported()
    load_engine("local").ready(endpoint)


def ask_all(job: Job) -> RunStats:
    """Ask every cell on the workers; see Engine.ask_all.

    Ctrl-C as of a local run. Raises UsageError where there is no cluster at the address, or a
    worker cannot do its work; EndpointError, JournalError.
    """
    with _signals() as interrupts, cluster(job) as many:
        return _Asking(job, many, interrupts).run()


def ask_in_turns(jobs: Sequence[Job], rounds: int) -> list[RunStats]:
    """Take no turns: an experiment is asked by the local engine."""
    raise UsageError("an experiment is asked by the local engine, without --engine ray.")


def diagnose(endpoint: Endpoint, memory: Path) -> Diagnosis:
    """Diagnose one endpoint from here; see Engine.diagnose."""
    return load_engine("local").diagnose(endpoint, memory)


class _Interrupts:
    """How often Ctrl-C or SIGTERM came."""

    def __init__(self) -> None:
        self.came = 0

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.came += 1

    def set(self) -> None:
        """Take both signals from now on: Ray takes SIGTERM for itself when it starts."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self)


@contextlib.contextmanager
def _signals() -> Iterator[_Interrupts]:
    """Put the handlers of signals back after the block."""
    interrupts = _Interrupts()
    if threading.current_thread() is not threading.main_thread():
        interrupts.set = lambda: None  # type: ignore[method-assign]  # only the main thread can
        yield interrupts
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _target(cells: Sequence[Cell], endpoint: Endpoint) -> Target:
    """Return what these cells depend on, and nothing else."""
    return Target(
        cells[0].prompts,
        endpoint,
        cells[0].model,
        [*{cell.tool.slug: cell.tool for cell in cells}.values()],
        [*{cell.persona.id: cell.persona for cell in cells}.values()],
        {cell.pair: cell.note for cell in cells if cell.note is not None},
    )


def _share(endpoint: Endpoint, many: int) -> Endpoint:
    """Return an endpoint with one worker's share of its limits."""

    def part(limit: int | None) -> int | None:
        return None if limit is None else max(1, limit // many)

    return replace(
        endpoint,
        concurrency=max(1, endpoint.concurrency // many),
        rpm=part(endpoint.rpm),
        tpm=part(endpoint.tpm),
    )


class _Asking:
    """A job under way."""

    def __init__(self, job: Job, many: int, interrupts: _Interrupts) -> None:
        self._ray, self._job, self._many, self._interrupts = imported(), job, many, interrupts
        self._sent = 0  # interrupts
        self._checkpoint: Future[None] | None = None
        self._checked = time.monotonic()
        self._counts = RunStats()  # what the rows say of the cells
        endpoint = _share(job.endpoint, many)
        self._batch = ROUNDS * endpoint.concurrency
        self._target = self._ray.put(_target(job.cells, endpoint))
        bounds = job.budget
        bounded = any(b is not None for b in (bounds.max_calls, bounds.max_tokens, bounds.max_cost))
        runs = job.writer.file.parent.parent
        memory = job.memory.resolve()
        home = os.environ.get("HOME") if job.workers.address is None else None
        self._order = Order(job.writer.run_id, runs.resolve(), memory, bounded, home)
        made = self._ray.remote(num_cpus=0)(Coordinator)
        self._coordinator = made.remote(bounds, time.monotonic)

    def run(self) -> RunStats:
        self._interrupts.set()
        cells, state = [*self._job.cells], State()
        with ThreadPoolExecutor(2) as threads:
            while cells and state.stopped is None:
                asking = threads.submit(self._ask, cells)
                while not asking.done():
                    state = self._look(threads)
                    with contextlib.suppress(TimeoutError):
                        asking.result(POLL_SECONDS)
                cells = self._more(cells, asking.result())
                state = self._look(threads)
        stats = self._summed_up(state)
        self._wait_for_journals(state)
        if state.raised is not None:
            raise _RAISED.get(state.raised, UsageError)(state.why)
        return stats

    def _ask(self, cells: Sequence[Cell]) -> list[dict[str, Any]]:
        """Have cells asked; return a row for each that ended."""
        rows = [
            {
                "place": place,
                "tool": cell.tool.slug,
                "persona": cell.persona.id,
                "repeat": cell.repeat,
                "fingerprint": cell.fingerprint,
            }
            for place, cell in enumerate(cells)
        ]
        size = max(1, min(self._batch, math.ceil(len(rows) / (SHARES * self._many))))
        data = self._ray.data
        asked = data.from_items(rows, override_num_blocks=math.ceil(len(rows) / size)).map_batches(
            Asker,
            batch_size=None,
            compute=data.ActorPoolStrategy(size=self._many, max_tasks_in_flight_per_actor=1),
            fn_constructor_args=(self._order, self._target, self._coordinator),
            num_cpus=WORKER_CPUS,
        )
        return [*asked.iter_rows()]

    def _more(self, cells: Sequence[Cell], rows: Sequence[dict[str, Any]]) -> list[Cell]:
        """Count how cells ended; return those to be asked besides."""
        more: list[Cell] = []
        for row in rows:
            cell, outcome, verdict = cells[row["place"]], row["outcome"], row["verdict"] or None
            self._counts.asked += 1
            if cell.key in self._job.canaries:
                self._counts.canaries += 1
            else:
                self._counts.count(outcome, verdict, None)
                more += self._job.more(cell, outcome, verdict)
        self._counts.added += len(more)
        return more

    def _look(self, threads: ThreadPoolExecutor) -> State:
        """See how the run stands, and let others see it."""
        while self._sent < self._interrupts.came:
            self._sent += 1
            if self._sent > 2:  # the workers do not answer
                self._ray.shutdown()
                raise KeyboardInterrupt
            self._coordinator.interrupt.remote()
        state: State = self._ray.get(self._coordinator.state.remote())
        for notice in dict.fromkeys(state.notices):
            self._job.notice(notice)
        self._job.progress(state.total())
        if time.monotonic() > self._checked + CHECKPOINT_SECONDS and (
            self._checkpoint is None or self._checkpoint.done()
        ):
            self._checked = time.monotonic()
            self._checkpoint = threads.submit(self._job.checkpoint)
        return state

    def _summed_up(self, state: State) -> RunStats:
        """Return the counts of the workers, and of cells what their rows say."""
        counted = ("asked", "canaries", "added", "ships", "skips", "abstains", "errors")
        exact = {name: getattr(self._counts, name) for name in counted}
        return replace(state.total(), **exact)

    def _wait_for_journals(self, state: State) -> None:
        """Wait until a shared disk shows here all that workers wrote there."""
        deadline = time.monotonic() + SEEN_SECONDS
        for name, size in state.sizes.items():
            while size and _size(self._order.runs / name / FILE) < size:
                if time.monotonic() > deadline:
                    self._job.notice(
                        f"{self._order.runs / name / FILE} is not here whole yet. It is read in "
                        "once the shared disk shows it."
                    )
                    return
                time.sleep(POLL_SECONDS)


def _size(file: Path) -> int:
    """Return the size of a file; opened, since a network disk then asks its server for it."""
    try:
        with file.open("rb") as handle:
            return os.fstat(handle.fileno()).st_size
    except OSError:
        return 0
