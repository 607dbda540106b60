"""Kills of batch work, each at a step of it: nothing paid for is lost, or paid for twice.

The steps are those before and after anything is forced to disk, asked or fetched. The server that
runs the commands is that of test_guarantees.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.runs.test_batch import verdicts
from tests.store.test_guarantees import Server, one_server  # noqa: F401 - a fixture
from tests.support.batch_services import BatchService, Service
from tests.support.mock_endpoint import Answer, MockEndpoint, completion
from tests.support.runs import pending, run
from tests.support.sizes import size
from tests.support.space import Space, new_space

pytestmark = [pytest.mark.process, pytest.mark.timeout(size(120, 900))]
FURTHEST = 9  # steps that a command may come forward before its first kill


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("PANEL_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"PANEL_TEST_SEED={seed}")
    return random.Random(seed)


@pytest.fixture(params=["openai", "mistral"])
def service(request: pytest.FixtureRequest, space: Space) -> Iterator[BatchService]:
    kind: Service = request.param
    with BatchService(service=kind) as started:
        space.settings(started.toml())
        yield started


def until_done(server: Server, chance: random.Random, *words: str) -> int:
    """Run a command again and again, killed at some step each time, until it comes to its end."""
    kills = 0
    while True:
        done = server(*words, die_at=chance.randint(1, FURTHEST + int(kills * size(5, 1 / 8))))
        if not done.killed:
            assert done.code == 0, done.err
            return kills
        kills += 1


@pytest.mark.slow
def test_kills_at_any_of_the_steps_of_a_batch_neither_lose_nor_repeat_what_is_paid_for(
    space: Space,
    server_at: Server,
    service: BatchService,
    chance: random.Random,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    service.face = repair_of_the_builder
    local = new_space(tmp_path_factory.mktemp("local") / "space")
    with MockEndpoint(face=repair_of_the_builder) as mock:
        local.point_at(mock)
        run(local)
    kills = Counter[str]()
    for _round in range(2):  # the second asks for the repairs; an export that was killed at its end
        # leaves a file behind, whose cells wait in another batch by then: it is left alone
        kills["export"] += until_done(server_at, chance, "batch", "export")
        kills["submit"] += until_done(server_at, chance, "batch", "submit")
        service.finish()
        kills["import"] += until_done(server_at, chance, "batch", "import")
    assert pending(space) == [] and verdicts(space) == verdicts(local)
    assert set(Counter(service.paid).values()) == {1} and len(service.paid) == 8 + 2
    assert len(service.batches) == 2
    assert server_at("verify").code == 0
    for state in json.loads(server_at("batch", "status", "--json").out):
        assert state["state"] in ("written", "ended")
    print(
        f"{service.service}: {dict(kills)} kills, {len(service.paid)} requests paid for, once each"
    )
    assert kills.total() >= 10  # of each of the two services


@pytest.fixture
def server_at(one_server: Server, space: Space) -> Server:  # noqa: F811
    """Return the server, its commands called in the workspace."""
    one_server.cwd = space.root
    return one_server


def repair_of_the_builder(_number: int, body: dict[str, Any]) -> Answer | None:
    """Answer as the builder what cannot be read, until the reply is shown again."""
    builder = "# You are the Builder" in body["messages"][0]["content"]
    if not builder or any(message["role"] == "assistant" for message in body["messages"]):
        return None
    return Answer(body=completion("Well.", usage={"prompt_tokens": 5000}))
