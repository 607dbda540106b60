"""The local engine: one process, asyncio, as many cells in flight as the endpoint can serve."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack
from pathlib import Path

from panel.cells.journal import utc_now
from panel.endpoint import detect
from panel.endpoint.client import Client
from panel.endpoint.detect import Diagnosis
from panel.endpoint.embedded import Served
from panel.endpoint.memory import Memory
from panel.endpoint.recording import ReplayClient
from panel.endpoint.servers import Server
from panel.endpoint.weights import weights_of
from panel.engines.base import Job, RunStats
from panel.engines.job_run import JobRun
from panel.engines.opening import EMBEDDED, interruptible, opened_clients, opened_endpoint
from panel.workspace.endpoints import Endpoint


def ready(endpoint: Endpoint) -> None:
    """Raise EndpointError where a key, another secret or weights are missing; see Engine.ready."""
    endpoint.api_key()
    endpoint.secret_headers()
    if endpoint.embedded:
        weights_of(endpoint)


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
        served: dict[str, list[Served]] = {}
        for job in jobs:
            name = _pool_of(job.endpoint)
            if name not in served:
                cells = (c for each in jobs if _pool_of(each.endpoint) == name for c in each.cells)
                served[name] = stack.enter_context(opened_endpoint(job.endpoint, cells))
        return asyncio.run(_in_turns(jobs, rounds, served))


async def _in_turns(
    jobs: Sequence[Job], rounds: int, served: Mapping[str, Sequence[Served]]
) -> list[RunStats]:
    first = JobRun(jobs[0])
    runs = [first, *(JobRun(job, first.budget) for job in jobs[1:])]
    clients: dict[str, list[Client]] = {}
    async with AsyncExitStack() as stack:
        with _interruptible(runs):
            for run in runs:
                endpoint, name = run.job.endpoint, _pool_of(run.job.endpoint)
                if name not in clients:
                    opened = opened_clients(endpoint, served[name])
                    clients[name] = await stack.enter_async_context(opened)
                await asyncio.gather(*(run.open(each, stack) for each in _asked(run.job, clients)))
                run.refuse_missing()
            for number in range(rounds):
                for run in runs:
                    if not any(each.stats.stopped for each in runs):
                        await run.take_turn(number, rounds)
        for run in runs:
            await run.close()
    return [run.result() for run in runs]


def _asked(job: Job, clients: Mapping[str, list[Client]]) -> list[Client]:
    """Return the clients that a job asks by."""
    of_endpoint = clients[_pool_of(job.endpoint)]
    if job.record is None or len(of_endpoint) == 1:
        return of_endpoint
    first = of_endpoint[:1]
    job.notice(f"A recording is of one server: only {first[0].endpoint.base_url} is asked.")
    return first


async def _replayed(run: JobRun, recording: ReplayClient) -> RunStats:
    """Let a recording answer: nothing is sent, waited for or remembered."""
    with _interruptible([run]):
        run.open_recording(recording)
        await run.take_turn(0, 1)
    await run.close()
    return run.result()


def _pool_of(endpoint: Endpoint) -> str:
    """Return the name under which an endpoint's client is kept; a model served here has its own."""
    return f"{endpoint.name}/{endpoint.model}" if endpoint.embedded else endpoint.name


def _interruptible(runs: Sequence[JobRun]) -> AbstractContextManager[None]:
    """Let Ctrl-C and SIGTERM end these runs with what is in flight."""

    def interrupt() -> None:
        for run in runs:
            run.interrupt()

    return interruptible(interrupt)


def diagnose(endpoint: Endpoint, memory: Path) -> Diagnosis:
    """Diagnose one endpoint at its first address; see Engine.diagnose. Raises EndpointError."""

    async def look(served: Sequence[Served]) -> Diagnosis:
        async with opened_clients(endpoint, served) as [client]:
            found, profile = await detect.diagnose(client, endpoint)
        if found.output_mode is not None:
            server = Server(found.server, found.version, seen_at=utc_now())
            server = EMBEDDED if endpoint.embedded else server
            Memory(memory).keep(endpoint, server, profile)
        return found

    endpoint = endpoint.at(endpoint.base_url)
    with opened_endpoint(endpoint) as served:
        return asyncio.run(look(served))
