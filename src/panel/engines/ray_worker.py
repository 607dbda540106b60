"""What runs on the workers of the Ray engine: a client each, and a journal each.

Workers send rows and figures to the process that began the run, and answers to nobody: those
stand in the worker's own journal, forced to disk line by line as those of a local run. A worker
that is killed loses what was in flight, as a local run does, and nothing that it wrote.
"""

from __future__ import annotations

import asyncio
import os
import platform
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from panel import __version__
from panel.cells.cells import Cell, CellKey, Target
from panel.cells.journal import FILE, JournalWriter, part_id, read_lines
from panel.cells.lines import Recorder
from panel.engines.base import Job, RunStats
from panel.engines.job_run import JobRun
from panel.engines.opening import opened_clients, opened_endpoint
from panel.engines.ray_coordinator import Remote, SharedBudget, Word
from panel.errors import PanelError, UsageError
from panel.stats import Outcome, ShipOrSkip

TICK_SECONDS = 0.5  # between two words of a worker to the coordinator


@dataclass(frozen=True, slots=True)
class Order:
    """What every worker is given: the run, its folder, and whether budgets bound it.

    home: the home folder of who began the run; a worker of this machine was given another.
    """

    run_id: str
    runs: Path
    memory: Path
    bounded: bool
    home: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A cell that is to be asked: its place among all, what it is about, and its fingerprint."""

    place: int
    tool: str
    persona: str
    repeat: int
    fingerprint: str

    @property
    def key(self) -> CellKey:
        """Tool, persona, repeat."""
        return (self.tool, self.persona, self.repeat)


Ended = tuple[int, Outcome, ShipOrSkip | None]  # place of a cell, how it ended


class Asker:
    """One worker: Ray Data makes it once and gives it batches, one after the other."""

    def __init__(self, order: Order, target: Any, handle: Any) -> None:
        import ray  # noqa: PLC0415 - on a worker it is there

        if order.home is not None:
            os.environ["HOME"] = order.home
        remote = Remote(handle, ray.get)
        # A loop of its own for good: its client, its semaphores and its limiter belong to one,
        # and Ray may call from any thread.
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._worker = Worker(order, ray.get(target), remote)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Ask the cells of a batch; return a row for each that ended."""
        names = [each.name for each in fields(Row)]
        rows = [Row(*row) for row in zip(*(list(batch[name]) for name in names), strict=True)]
        rows = [replace(row, place=int(row.place), repeat=int(row.repeat)) for row in rows]
        ended = asyncio.run_coroutine_threadsafe(self._worker.ask(rows), self._loop).result()
        return {
            "place": [place for place, _outcome, _verdict in ended],
            "outcome": [outcome for _place, outcome, _verdict in ended],
            "verdict": [verdict or "" for _place, _outcome, verdict in ended],
        }


class Worker:
    """Asks batches of cells with one client, one journal, and its share of the limits."""

    def __init__(self, order: Order, target: Target, remote: Remote) -> None:
        self._order, self._target, self._remote = order, target, remote
        self._tools = {tool.slug: tool for tool in target.tools}
        self._personas = {persona.id: persona for persona in target.personas}
        self.name = part_id(order.run_id)
        self._writer = JournalWriter(order.runs, self.name)
        self._cells: list[Cell] = []  # of the batch that is asked
        self._places: dict[str, int] = {}
        self._ended: list[Ended] = []
        self._run: JobRun | None = None  # until it may ask
        self._stack = AsyncExitStack()  # its clients; they end with the process
        self._heeded = 0  # interrupts
        self._ticking: asyncio.Task[None] | None = None

    def _job(self) -> Job:
        def progress(_stats: RunStats) -> None:
            """Tell nobody: the ticks do."""

        def more(cell: Cell, outcome: Outcome, verdict: ShipOrSkip | None) -> Collection[Cell]:
            self._ended.append((self._places[cell.fingerprint], outcome, verdict))
            return ()

        return Job(
            self._cells,
            self._target.endpoint,
            self._writer,
            Recorder(self.name),
            progress,
            lambda: None,
            lambda notice: self._remote.tell("say", notice),
            self._order.memory,
            more=more,
        )

    async def ask(self, rows: list[Row]) -> list[Ended]:
        """Ask these cells, but for those that a worker asked that has died since."""
        self._ended = []
        try:
            cells = self._laid_out(rows)
            run = self._run or await self._opened(cells)
            if run is not None and run.stats.stopped is None:
                before = await self._remote.ask("begin", rows[0].fingerprint, self.name)
                self._ended += [each for name in before for each in self._settled(name)]
                done = {place for place, _outcome, _verdict in self._ended}
                self._cells[:] = [c for c in cells if self._places[c.fingerprint] not in done]
                await run.take_turn(0, 1)
                await run.close()
                run.result()
                await self._tick(run)
        except PanelError as error:
            await self._remote.ask("stop", "error", str(error), type(error).__name__)
        return self._ended

    def _laid_out(self, rows: Iterable[Row]) -> list[Cell]:
        """Return the cells of these rows; raises UsageError where they are not what was planned."""
        by_persona: dict[tuple[str, int], list[Row]] = defaultdict(list)
        for row in rows:
            by_persona[row.persona, row.repeat].append(row)
        self._places = {row.fingerprint: row.place for row in rows}
        made: dict[CellKey, Cell] = {}
        for (persona, repeat), mine in by_persona.items():
            tools = [self._tools[row.tool] for row in mine]
            part = replace(self._target, tools=tools, personas=[self._personas[persona]])
            made |= {cell.key: cell for cell in part.lay_out(1, repeat)}
        for row in rows:
            if made[row.key].fingerprint != row.fingerprint:
                raise UsageError(
                    f"a worker on {platform.node()} would not ask what was planned of "
                    f"{row.tool} × {row.persona}. It has panel {__version__}: install the same "
                    "version on every machine."
                )
        return [made[row.key] for row in rows]

    async def _opened(self, cells: list[Cell]) -> JobRun | None:
        """Make ready to ask, once the endpoint has answered another worker or this one is first.

        None where the run has ended before. cells: by which the endpoint's health is judged.
        """
        beside = self._order.runs / self._order.run_id / FILE
        if not beside.is_file():
            raise UsageError(
                f"a worker on {platform.node()} does not see {beside}. Put the workspace on a "
                "disk that all machines share, under the same path."
            )
        served = self._stack.enter_context(opened_endpoint(self._target.endpoint))
        while not (word := await self._remote.ask("tick", self.name)).go:
            if word.interrupts:
                return None
            await asyncio.sleep(TICK_SECONDS)
        self._cells[:] = cells
        made = JobRun(
            self._job(), SharedBudget(self._remote, self.name) if self._order.bounded else None
        )
        self._ticking = asyncio.create_task(self._keep_ticking(made))
        opened = opened_clients(self._target.endpoint, served)
        for client in await self._stack.enter_async_context(opened):
            await made.open(client, self._stack)
        self._run = made
        return made

    def _settled(self, name: str) -> list[Ended]:
        """Return what a journal of this run holds of the batch."""
        file = self._order.runs / name / FILE
        if not file.is_file():
            return []  # it was killed before its first answer
        attempts = (line.fields for line in read_lines(file) if line.fields)
        return [
            (self._places[each["fingerprint"]], each["outcome"], each.get("verdict"))
            for each in attempts
            if each["kind"] == "attempt" and each["final"] and each["fingerprint"] in self._places
        ]

    async def _keep_ticking(self, run: JobRun) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            try:
                await self._tick(run)
            except Exception:  # the run that it works for has gone: ask nothing more
                run.interrupt()
                raise

    async def _tick(self, run: JobRun) -> None:
        size = self._writer.file.stat().st_size if self._writer.started else 0
        word: Word = await self._remote.ask("tick", self.name, run.stats, size)
        while self._heeded < word.interrupts:
            self._heeded += 1
            run.interrupt()
