"""The local engine: one process, asyncio, as many cells in flight as the endpoint can serve."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

from panel.cells.journal import utc_now
from panel.endpoint import detect
from panel.endpoint.client import Client
from panel.endpoint.detect import Diagnosis
from panel.endpoint.embedded import Served, serve
from panel.endpoint.memory import Memory
from panel.endpoint.recording import ReplayClient
from panel.endpoint.servers import Server
from panel.engines.base import Job, RunStats
from panel.engines.job_run import EMBEDDED, JobRun
from panel.workspace.endpoints import Endpoint


def ask_all(job: Job) -> RunStats:
    """Ask every cell, journal every attempt; see Engine.ask_all.

    The first Ctrl-C (or SIGTERM) lets the calls in flight finish, since they are paid
    for. The second drops them. Raises EndpointError, JournalError.
    """
    if job.replay is not None:
        return asyncio.run(_replayed(JobRun(job), ReplayClient(job.replay)))
    [stats] = ask_in_turns([job], 1)
    return stats


def ask_in_turns(jobs: Sequence[Job], rounds: int) -> list[RunStats]:
    """Ask several jobs in turns, with one client for each endpoint; see Engine.ask_in_turns."""
    with ExitStack() as stack:
        served: dict[str, Served] = {}
        for job in jobs:
            name = _pool_of(job.endpoint)
            if name not in served:
                served[name] = stack.enter_context(_opened(job.endpoint))
        return asyncio.run(_in_turns(jobs, rounds, served))


async def _in_turns(
    jobs: Sequence[Job], rounds: int, served: Mapping[str, Served]
) -> list[RunStats]:
    first = JobRun(jobs[0])
    runs = [first, *(JobRun(job, first.budget) for job in jobs[1:])]
    clients: dict[str, Client] = {}
    async with AsyncExitStack() as stack:
        with _signals(runs):
            for run in runs:
                name = _pool_of(run.job.endpoint)
                if name not in clients:
                    made = Client(served[name].base_url, served[name].key, run.job.endpoint)
                    clients[name] = await stack.enter_async_context(made)
                await run.open(clients[name], stack)
            for number in range(rounds):
                for run in runs:
                    if not any(each.stats.stopped for each in runs):
                        await run.take_turn(number, rounds)
        for run in runs:
            await run.close(clients[_pool_of(run.job.endpoint)])
    return [run.result() for run in runs]


async def _replayed(run: JobRun, recording: ReplayClient) -> RunStats:
    """Let a recording answer: nothing is sent, waited for or remembered."""
    with _signals([run]):
        run.open_recording(recording)
        await run.take_turn(0, 1)
    await run.close(None)
    return run.result()


def _pool_of(endpoint: Endpoint) -> str:
    """Return the name under which an endpoint's client is kept; a model served here has its own."""
    return f"{endpoint.name}/{endpoint.model}" if endpoint.embedded else endpoint.name


@contextmanager
def _signals(runs: Sequence[JobRun]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end these runs with what is in flight."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can handle signals
        return

    def interrupt() -> None:
        for run in runs:
            run.interrupt()

    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler or signal.SIG_DFL)


def diagnose(endpoint: Endpoint, memory: Path) -> Diagnosis:
    """Diagnose one endpoint; see Engine.diagnose. Raises EndpointError."""

    async def look(served: Served) -> Diagnosis:
        async with Client(served.base_url, served.key, endpoint) as client:
            found, profile = await detect.diagnose(client, endpoint)
        if found.output_mode is not None:
            server = Server(found.server, found.version, seen_at=utc_now())
            server = EMBEDDED if endpoint.embedded else server
            Memory(memory).keep(endpoint, server, profile)
        return found

    with _opened(endpoint) as served:
        return asyncio.run(look(served))


@contextmanager
def _opened(endpoint: Endpoint) -> Iterator[Served]:
    if endpoint.embedded:
        with serve(endpoint) as served:
            yield served
    else:
        assert endpoint.base_url is not None
        yield Served(endpoint.base_url, endpoint.api_key() or "")
