"""Several servers of one model: how its cells are spread, and what becomes of a dead one's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from panel.endpoint import health
from panel.endpoint.allowance import ROOM_SECONDS, Allowance, OverBudget
from panel.endpoint.budget import Budget
from panel.endpoint.health import EndpointHealth
from panel.endpoint.limits import ConcurrencyLimiter
from panel.endpoint.patience import Patience
from panel.endpoint.responses import RawResponse
from panel.engines.base import RunBudget
from panel.runs.run import ProgressReporter, Recording, RunSummary, execute
from panel.runs.selection import Selection, prepare
from panel.workspace.loading import load_workspace
from tests.engines.test_trouble import named
from tests.support.decision_servers import openai
from tests.support.mock_endpoint import Answer, MockEndpoint, completion
from tests.support.runs import rows
from tests.support.space import Panel, Space
from tests.support.weather import error

CELLS = 40
SERVERS = 3


@pytest.fixture
def servers() -> Iterator[list[MockEndpoint]]:
    with ExitStack() as stack:
        yield [stack.enter_context(MockEndpoint(delay=0.005)) for _ in range(SERVERS)]


@pytest.fixture
def spread(space: Space, servers: list[MockEndpoint]) -> Space:
    for number in range(CELLS // 4 - 2):
        space.tool(f"tool-{number}")
    return settings(space, [server.base_url for server in servers])


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "WAIT_CAP_SECONDS", 0.02)


def settings(space: Space, addresses: list[str], more: str = "") -> Space:
    space.settings(
        f'[panel]\nendpoint = "lab"\n\n[endpoints.lab]\nbase_urls = {addresses!r}\n'
        f'model = "mock-1"\nconcurrency = 4\n{more}'
    )
    return space


def run(
    space: Space, recording: Recording | None = None, budget: RunBudget | None = None
) -> tuple[RunSummary, list[str]]:
    notices: list[str] = []
    workspace = load_workspace(space.root)
    reporter = ProgressReporter(lambda _stats: None, notices.append)
    summary, stats = execute(
        workspace,
        prepare(workspace, Selection()),
        reporter,
        budget or RunBudget(),
        recording or Recording(),
    )
    return summary, [*notices, *([stats.why] if stats.why else [])]


def asked(servers: list[MockEndpoint]) -> list[int]:
    return [server.asked for server in servers]


def dies_after(many: int) -> Callable[[int, dict[str, Any]], Answer | None]:
    return lambda index, _body: Answer(drop=True) if index >= many else None


def test_the_cells_of_one_model_are_spread_over_its_servers(
    spread: Space, servers: list[MockEndpoint]
) -> None:
    summary, notices = run(spread)
    assert (summary.verdicts, summary.requests, notices) == (CELLS, CELLS, [])
    assert sum(asked(servers)) == CELLS
    assert min(asked(servers)) >= 1


def test_a_server_that_answers_faster_is_asked_more(
    spread: Space, servers: list[MockEndpoint]
) -> None:
    servers[0].delay = 0.2
    run(spread)
    slow, *fast = asked(servers)
    assert slow < min(fast)


def test_which_server_answered_changes_no_fingerprint(
    spread: Space, servers: list[MockEndpoint]
) -> None:
    run(settings(spread, [servers[0].base_url]))
    summary, _notices = run(settings(spread, [server.base_url for server in servers]))
    assert (summary.reused, summary.asked) == (CELLS, 0)


@pytest.mark.parametrize("answered", [0, 5])
def test_a_server_that_dies_is_left_and_its_cells_go_on_elsewhere(
    spread: Space, servers: list[MockEndpoint], answered: int
) -> None:
    servers[1].face = dies_after(answered)
    summary, [notice] = run(spread)
    assert (summary.verdicts, summary.errors, summary.stopped) == (CELLS, 0, None)
    assert rows(spread, "SELECT count(*), count(DISTINCT fingerprint) FROM verdicts") == [
        (CELLS, CELLS)
    ]
    assert f"{servers[1].base_url} is given up; the others go on." in notice
    assert servers[1].asked < answered + 30


@pytest.mark.parametrize(
    "answer",
    [
        error(400, "worker crashed: CUDA error"),
        error(403, "Your request was blocked by your organization's security policy."),
        Answer(body=completion("No healthy backend.")),
    ],
)
def test_a_server_that_turns_bad_takes_no_cell_of_the_healthy_ones(
    spread: Space, servers: list[MockEndpoint], answer: Answer
) -> None:
    servers[1].face = lambda index, _body: answer if index else None
    for healthy in (servers[0], servers[2]):
        healthy.delay = 0.05
    summary, [notice] = run(spread)
    assert (summary.verdicts, summary.abstains, summary.errors) == (CELLS, 0, 0)
    assert f"{servers[1].base_url} is given up; the others go on." in notice


def test_what_one_cell_meets_everywhere_ends_that_cell_and_no_server(
    spread: Space, servers: list[MockEndpoint]
) -> None:
    for server in servers:
        server.face = named("Anvil", error(400, "This prompt is too long for the context length"))
    summary, notices = run(spread)
    assert (summary.verdicts, summary.errors, notices) == (CELLS - 4, 4, [])


def test_a_server_that_is_not_there_costs_the_others_nothing(
    spread: Space, servers: list[MockEndpoint]
) -> None:
    addresses = ["http://127.0.0.1:9/v1", *(server.base_url for server in servers)]
    summary, [notice] = run(settings(spread, addresses))
    assert (summary.verdicts, summary.errors, summary.stopped) == (CELLS, 0, None)
    assert "http://127.0.0.1:9/v1 is given up" in notice


def test_one_server_without_the_model_is_left(spread: Space, servers: list[MockEndpoint]) -> None:
    unknown = {
        "error": {"message": "The model `mock-1` does not exist.", "code": "model_not_found"}
    }
    servers[2].face = lambda _index, _body: Answer(404, unknown)
    summary, [notice] = run(spread)
    assert (summary.verdicts, summary.errors) == (CELLS, 0)
    assert servers[2].asked == 1
    assert "does not exist" in notice


@pytest.mark.slow
def test_a_run_ends_when_every_server_is_gone(spread: Space, servers: list[MockEndpoint]) -> None:
    for server in servers:
        server.face = dies_after(3)
    summary, notices = run(spread)
    assert summary.stopped == "endpoint"
    assert sum("is given up" in notice for notice in notices) == SERVERS - 1
    for server in servers:
        server.face = None
    again, _notices = run(spread)
    assert again.verdicts + summary.verdicts == CELLS, "nothing is asked twice"


def test_a_budget_holds_over_all_servers(spread: Space, servers: list[MockEndpoint]) -> None:
    summary, _notices = run(spread, budget=RunBudget(max_calls=11))
    assert (summary.stopped, summary.requests, sum(asked(servers))) == ("budget", 11, 11)


def test_what_another_server_has_set_aside_is_waited_for() -> None:
    """Its reply may take less: the budget has room again once it is there."""

    async def ask() -> list[str]:
        budget, seen = Budget(max_tokens=150), list[str]()
        near, far = (allowance(budget) for _ in range(2))
        first = await far.reserve(0, 100, None)

        async def second() -> None:
            reserved = await near.reserve(0, 100, None)
            seen.append("second")
            near.release(reserved, RawResponse(0.1, 200), None, 100, None)
            with pytest.raises(OverBudget):
                await near.reserve(0, 100, None)

        waiting = asyncio.create_task(second())
        await asyncio.sleep(3 * ROOM_SECONDS)
        seen.append("first")
        far.release(first, RawResponse(0.1, 200), None, 20, None)
        await waiting
        return seen

    assert asyncio.run(ask()) == ["first", "second"]


def allowance(budget: Budget) -> Allowance:
    return Allowance(Patience("lab", ConcurrencyLimiter(4, 4), EndpointHealth(5, 1.0)), budget)


def test_one_recording_is_of_one_server(
    spread: Space, servers: list[MockEndpoint], tmp_path: Path
) -> None:
    file = tmp_path / "recording.jsonl"
    summary, [notice] = run(spread, Recording(record=file))
    assert asked(servers) == [CELLS, 0, 0]
    assert notice == f"A recording is of one server: only {servers[0].base_url} is asked."
    assert summary.verdicts == CELLS


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('base_url = "http://127.0.0.1:9/v1"', "stands beside base_url or weights"),
        ('weights = "my.gguf"', "stands beside base_url or weights"),
    ],
)
def test_one_address_beside_several_is_refused(
    space: Space, panel: Panel, more: str, problem: str
) -> None:
    settings(space, ["http://127.0.0.1:7/v1", "http://127.0.0.1:8/v1"], more)
    result = panel("check", cwd=space.root)
    assert (result.code, problem in result.out) == (2, True)


def test_an_address_that_is_named_twice_is_refused(space: Space, panel: Panel) -> None:
    settings(space, ["http://127.0.0.1:7/v1", "http://127.0.0.1:7/v1/"])
    result = panel("check", cwd=space.root)
    assert (result.code, "names an address twice" in result.out) == (2, True)


@pytest.mark.slow
def test_takes_are_read_by_several_servers_too(
    spread: Space, servers: list[MockEndpoint], panel: Panel
) -> None:
    run(spread)
    for server in servers[1:]:
        server.decisions = openai(lambda _body: 0.8)
    servers[0].decisions = lambda _index, _body: Answer(401, {"error": {"message": "no"}})
    done = panel("probabilities", "--json", cwd=spread.root)
    found = json.loads(done.out)
    assert (done.code, found["told"], found["errors"]) == (0, {"decisions": CELLS}, 0)
    assert servers[0].decided == 1
    assert servers[0].base_url in done.err
