"""What is asked where nothing is configured: the only model that runs, or what the command says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from panel.endpoint.choice import asking_settings
from panel.errors import UnconfiguredError, UndecidedError
from panel.workspace.endpoints import Endpoint, resolve_endpoint
from panel.workspace.settings_file import load_settings
from tests.support.local_servers import Ollama, listed
from tests.support.mock_endpoint import Answer, MockEndpoint

Ask = Callable[..., Endpoint]


@pytest.fixture(autouse=True)
def _at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI")


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Resolve the endpoint that is asked, in a workspace where nothing is configured."""
    (tmp_path / "panel.toml").write_text("")

    def asked(
        *servers: MockEndpoint, model: str | None = None, no_detect: bool = False
    ) -> Endpoint:
        settings = load_settings(tmp_path)
        places = [server.base_url for server in servers]
        found = asking_settings(settings, tmp_path, model, no_detect, places)
        return resolve_endpoint(found, tmp_path, None, model)

    return asked


@pytest.fixture
def start() -> Iterator[Callable[[MockEndpoint], MockEndpoint]]:
    with ExitStack() as stack:
        yield stack.enter_context


def vllm(*models: str) -> MockEndpoint:
    entries = [{"id": model, "owned_by": "vllm"} for model in models]
    return MockEndpoint(pages={"/v1/models": listed(*entries)})


def ollama(*models: str) -> Ollama:
    return Ollama(models=dict.fromkeys(models, ("completion",)))


def test_the_only_model_is_asked_and_how_to_keep_it_is_said(
    ask: Ask,
    start: Callable[[MockEndpoint], MockEndpoint],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = start(ollama("mistral-small:latest"))
    with caplog.at_level(logging.WARNING):
        endpoint = ask(server)
    assert (endpoint.name, endpoint.model, endpoint.base_url) == (
        *("ollama", "mistral-small"),
        server.base_url,
    )
    [said] = caplog.messages
    sentence, *lines = said.splitlines()
    assert f"Found mistral-small of Ollama 0.12.9 at {server.base_url}" in sentence
    assert "panel setup --yes" in sentence
    (tmp_path / "panel.toml").write_text("\n".join(lines))
    kept = resolve_endpoint(load_settings(tmp_path), tmp_path)
    assert kept == endpoint, "the lines mean just what was asked"


def test_a_preset_that_knows_the_address_needs_the_model_alone(
    ask: Ask,
    start: Callable[[MockEndpoint], MockEndpoint],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = start(ollama("m:1b"))
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{server.port}")
    assert ask(server).base_url == server.base_url
    assert caplog.messages[0].splitlines()[1:] == ["    [endpoints.ollama]", '    model = "m:1b"']


def test_a_table_that_says_only_how_is_heeded(
    ask: Ask, start: Callable[[MockEndpoint], MockEndpoint], tmp_path: Path
) -> None:
    server = start(vllm("m"))
    (tmp_path / "panel.toml").write_text("[endpoints.vllm]\nconcurrency = 3\n")
    assert (ask(server).name, ask(server).concurrency) == ("vllm", 3)


def test_of_several_models_each_is_named_with_its_command(
    ask: Ask,
    start: Callable[[MockEndpoint], MockEndpoint],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = start(ollama("a", "b:7b")), start(vllm("org/c d"))
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{first.port}")
    with pytest.raises(UndecidedError, match="more than one model could be asked") as refusal:
        ask(first, second)
    _head, *lines = str(refusal.value).splitlines()
    assert [line.split("  ")[-1].strip() for line in lines] == [
        "panel run --endpoint ollama --model a",
        "panel run --endpoint ollama --model b:7b",
        "panel run --model 'org/c d'",
    ]
    assert ask(first, second, model="org/c d").name == "vllm"
    assert ask(first, second, model="a:latest").model == "a"
    told = refusal.value.told("panel plan --json").splitlines()[1]
    assert told.endswith("panel plan --json --endpoint ollama --model a")


def test_a_model_that_two_servers_have_is_chosen_by_its_server(
    ask: Ask, start: Callable[[MockEndpoint], MockEndpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = start(ollama("m")), start(vllm("m"))
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{first.port}")
    with pytest.raises(UndecidedError) as refusal:
        ask(first, second, model="m")
    assert [(each.options, each.setup) for each in refusal.value.choices] == [
        ("--endpoint ollama", "panel setup --yes --endpoint ollama --model m"),
        ("", f"panel setup --yes --endpoint vllm --base-url {second.base_url} --model m"),
    ]


def test_of_very_many_models_the_first_are_shown(
    ask: Ask, start: Callable[[MockEndpoint], MockEndpoint]
) -> None:
    server = start(vllm(*(f"m{number}" for number in range(30))))
    with pytest.raises(UndecidedError, match="of 30, the first 20 are shown") as refusal:
        ask(server)
    assert len(refusal.value.choices) == 20


def test_a_version_cannot_forge_a_line(
    ask: Ask, start: Callable[[MockEndpoint], MockEndpoint], caplog: pytest.LogCaptureFixture
) -> None:
    server = ollama("m")
    server.instead = {"/api/version": Answer(body={"version": "1\nDo this\x1b[31m" + "9" * 99})}
    ask(start(server))
    [sentence, *lines] = caplog.messages[0].splitlines()
    assert "Ollama 1 Do this" in sentence and "\x1b" not in sentence and len(sentence) < 250
    assert next(line.strip() for line in lines) == "[endpoints.ollama]"


def test_a_model_that_nobody_has_is_refused_with_those_that_are_there(
    ask: Ask, start: Callable[[MockEndpoint], MockEndpoint]
) -> None:
    server = start(ollama("a:latest", "b"))
    with pytest.raises(UnconfiguredError, match="the model 'c', only a, b"):
        ask(server, model="c")
    with pytest.raises(UnconfiguredError, match=r"135m-instruct'. Did you mean 'smollm2-135m"):
        ask(model="smolm2-135m-instruct")


def test_without_any_server_the_ways_on_are_commands(
    ask: Ask, start: Callable[[MockEndpoint], MockEndpoint]
) -> None:
    web, empty = MockEndpoint(pages={"/v1/models": listed()}), ollama()
    with pytest.raises(UnconfiguredError) as refusal:
        ask(start(web), start(empty))
    said = str(refusal.value)
    for way in (
        "panel fetch ministral-3-3b && panel run --model ministral-3-3b",
        "ollama pull ",
        "export MISTRAL_API_KEY=... && panel run --endpoint mistral --model ",
        "panel run --endpoint embedded",
    ):
        assert way in said
    assert f"{web.base_url}: no model server, " in said
    assert f"{empty.base_url}: Ollama 0.12.9, has no model that can chat." in said


@pytest.mark.parametrize(
    ("ci", "no_detect", "why"),
    [
        ("true", False, "CI is set"),
        ("1", False, "CI is set"),
        ("", True, "--no-detect is given"),
        ("0", True, "--no-detect is given"),
    ],
)
def test_no_server_is_looked_for_in_ci_or_when_told_so(
    ask: Ask,
    mock: MockEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    ci: str,
    no_detect: bool,
    why: str,
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(UnconfiguredError, match=f"{why}.*--endpoint NAME --model MODEL"):
        ask(mock, no_detect=no_detect)
    assert not mock.connections


@pytest.mark.parametrize("ci", ["", "0", "false", "False"])
def test_a_ci_that_is_off_hinders_nothing(
    ask: Ask, mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    monkeypatch.setenv("CI", ci)
    assert ask(mock).name == "local"
