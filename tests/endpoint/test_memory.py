"""What is remembered of an endpoint between two runs: its server, and what it refused."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from panel.endpoint.client import Client
from panel.endpoint.memory import Memory
from panel.endpoint.output_modes import RequestProfile
from panel.endpoint.servers import Server
from panel.workspace.endpoints import Endpoint
from tests.support.mock_endpoint import Answer, MockEndpoint
from tests.support.space import Panel, Space

ENDPOINT = Endpoint("mock", None, "http://localhost:9/v1", "mock-1", timeout_seconds=5)

LEARNED = RequestProfile(
    output_mode="native",
    native="TGI",
    without={"seed"},
    renamed={"max_tokens": "max_completion_tokens"},
    merge_system=True,
)
TGI = Server("TGI", "3.3.5")


def test_a_shape_is_remembered_for_just_its_address_model_and_version(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "runs" / "endpoints.json")
    memory.keep(ENDPOINT, TGI, LEARNED)
    memory.keep(replace(ENDPOINT, model="other"), TGI, RequestProfile(output_mode="tool"))
    assert memory.recall(ENDPOINT, TGI) == LEARNED
    assert memory.recall(replace(ENDPOINT, name="renamed"), TGI) == LEARNED
    assert memory.recall(ENDPOINT, Server("TGI", "4.0")) == RequestProfile(native="TGI")
    assert memory.recall(ENDPOINT, Server("Ollama", "3.3.5")) == RequestProfile()
    assert memory.recall(replace(ENDPOINT, base_url="http://b/v1"), TGI) == RequestProfile(
        native="TGI"
    )
    assert memory.recall(replace(ENDPOINT, model="other"), TGI).output_mode == "tool"


def test_a_file_of_somebody_else_renames_and_leaves_out_nothing_that_the_program_would_not(
    tmp_path: Path,
) -> None:
    file = tmp_path / "endpoints.json"
    Memory(file).keep(ENDPOINT, TGI, LEARNED)
    [(key, entry)] = json.loads(file.read_bytes()).items()
    entry["renamed"] |= {"trace": "messages", "label": "model", "seed": "stream"}
    entry["without"] += ["messages", "response_format", "tools"]
    file.write_text(json.dumps({key: entry}))
    assert Memory(file).recall(ENDPOINT, TGI) == LEARNED


def test_the_slots_of_a_server_are_remembered(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "endpoints.json")
    memory.keep(ENDPOINT, replace(TGI, slots=4), LEARNED)
    known = memory.server(ENDPOINT)
    assert known is not None and known.slots == 4


def test_what_is_known_already_is_not_written_again(tmp_path: Path) -> None:
    file = tmp_path / "endpoints.json"
    Memory(file).keep(ENDPOINT, TGI, LEARNED)
    before = file.stat().st_mtime_ns, file.stat().st_ino
    Memory(file).keep(ENDPOINT, TGI, LEARNED)
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"\xff\xfe",
        b"[" * 100_000,
        b"KEY:null",
        b"KEY:[]",
        b'KEY:{"output_mode": "ladder"}',
        b'KEY:{"output_mode": "tool"}',
        b'KEY:{"output_mode": [], "native": [], "without": 3, "renamed": [], "merge_system": 1}',
        b'KEY:{"output_mode": "tool", "native": [], "without": [], "renamed": {}, "merge_system": 1}',  # noqa: E501
        b'KEY:{"output_mode": "tool", "native": null, "without": 3, "renamed": {}, "merge_system": 1}',  # noqa: E501
        b'KEY:{"output_mode": "tool", "native": null, "without": [], "renamed": [], "merge_system": 1}',  # noqa: E501
    ],
)
def test_a_damaged_memory_is_an_empty_one(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "endpoints.json"
    Memory(file).keep(ENDPOINT, TGI, LEARNED)
    [key] = json.loads(file.read_text())
    if damage.startswith(b"KEY:"):
        damage = b'{"%s": %s}' % (key.encode(), damage[4:])
    file.write_bytes(damage)
    assert Memory(file).recall(ENDPOINT, TGI) == RequestProfile(native="TGI")
    Memory(file).keep(ENDPOINT, TGI, LEARNED)
    assert Memory(file).recall(ENDPOINT, TGI) == LEARNED


@pytest.mark.skipif(os.name == "nt", reason="no pipes with names")
@pytest.mark.timeout(20)
def test_what_is_no_plain_file_is_an_empty_memory(tmp_path: Path) -> None:
    """Opened as a file, a pipe would wait for ever."""
    os.mkfifo(tmp_path / "endpoints.json")
    assert Memory(tmp_path / "endpoints.json").recall(ENDPOINT, Server("vllm")).adapted() == ()


def test_a_place_that_takes_no_file_is_no_error(tmp_path: Path) -> None:
    occupied = tmp_path / "runs"
    occupied.write_text("a file where the folder should be")
    memory = Memory(occupied / "endpoints.json")
    memory.keep(ENDPOINT, TGI, LEARNED)
    assert memory.recall(ENDPOINT, TGI) == RequestProfile(native="TGI")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    Memory(locked / "endpoints.json").keep(ENDPOINT, TGI, LEARNED)  # root may write all the same
    folder = tmp_path / "endpoints.json"
    folder.mkdir()
    Memory(folder).keep(ENDPOINT, TGI, LEARNED)
    assert Memory(folder).recall(ENDPOINT, TGI) == RequestProfile(native="TGI")


# --- when it is looked again at who answers ---


def seen(age: timedelta) -> Server:
    return replace(TGI, seen_at=(datetime.now(UTC) - age).isoformat())


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        (seen(timedelta(hours=1)), False),
        (seen(timedelta(hours=23)), False),
        (seen(timedelta(hours=25)), True),
        (seen(-timedelta(hours=1)), True),  # from the future: a clock was set back
        (TGI, True),
        (replace(TGI, seen_at="yesterday"), True),
    ],
)
def test_a_server_is_known_for_a_day(
    mock: MockEndpoint, tmp_path: Path, kept: Server, asked: bool
) -> None:
    endpoint, memory = replace(ENDPOINT, base_url=mock.base_url), Memory(tmp_path / "e.json")
    memory.keep(endpoint, kept, LEARNED)

    async def recognise() -> Server:
        async with Client(mock.base_url, None, endpoint) as client:
            return await memory.recognise(client, endpoint)

    found = asyncio.run(recognise())
    assert bool(mock.requests) == asked
    assert found.name == ("unknown" if asked else "TGI")


def test_a_server_that_cannot_be_looked_at_is_the_one_it_was(
    mock: MockEndpoint, tmp_path: Path
) -> None:
    """Its refusals are still known, and the next run looks again."""
    endpoint, memory = replace(ENDPOINT, base_url=mock.base_url), Memory(tmp_path / "e.json")
    memory.keep(endpoint, seen(timedelta(days=2)), LEARNED)
    mock.pages = {"/v1/models": Answer(drop=True)}

    async def recognise() -> Server:
        async with Client(mock.base_url, None, endpoint) as client:
            return await memory.recognise(client, endpoint)

    assert asyncio.run(recognise()) == TGI
    assert memory.recall(endpoint, TGI) == LEARNED


def gets(mock: MockEndpoint) -> int:
    return sum(request["method"] == "GET" for request in mock.requests)


def test_only_the_first_run_looks_at_who_answers(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    assert panel("run", cwd=mocked.root).code == 0
    first = gets(mock)
    assert first > 1
    assert panel("run", "--again", cwd=mocked.root).code == 0
    assert gets(mock) == first


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize("change", ["model", "key", "refusal", "stop"])
def test_it_is_looked_again_after_a_change_and_after_a_refusal(
    mocked: Space,
    mock: MockEndpoint,
    panel: Panel,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    panel("run", cwd=mocked.root)
    first, settings = gets(mock), mocked.root / "panel.toml"
    if change == "model":
        panel("run", "--model", "mock-2", cwd=mocked.root)
    elif change == "key":
        monkeypatch.setenv("LAB_API_KEY", "sk-0123456789")
        table = "base_url = "
        keyed = f'api_key_env = "LAB_API_KEY"\n{table}'
        settings.write_text(settings.read_text().replace(table, keyed))
        panel("run", "--again", cwd=mocked.root)
    else:
        refused = {"error": {"message": "response_format is not supported"}}
        status = 400 if change == "refusal" else 401

        def face(_index: int, body: dict[str, Any]) -> Answer | None:
            return Answer(status, refused) if "response_format" in body else None

        mock.face = face
        panel("run", "--again", cwd=mocked.root)
        assert gets(mock) == first
        mock.face = None
        panel("run", "--again", cwd=mocked.root)
    assert gets(mock) > first
