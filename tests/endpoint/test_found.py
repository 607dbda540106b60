"""Looking for model servers: what is one, which of its models can chat, and what is none."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from panel.endpoint.found import PORTS, FoundServer, find_servers, usual_places
from panel.endpoint.served_models import ServedModel, can_chat
from panel.errors import UsageError
from tests.support.certificates import make_certificate, server_context
from tests.support.local_servers import Ollama, listed
from tests.support.mock_endpoint import Answer, MockEndpoint

LLAMA_CPP = {"default_generation_settings": {"n_ctx": 4096}, "build_info": "b7000"}


def look(*places: str) -> list[FoundServer]:
    return find_servers(places)


def names(server: FoundServer) -> list[str]:
    return [model.name for model in server.models]


@contextmanager
def listener(says: bytes = b"", ends: bool = False) -> Iterator[str]:
    """Listen on loopback; send some bytes to whoever comes, endlessly again where nothing ends."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        held: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    caller, _ = door.accept()
                    held.append(caller)
                    if says:
                        threading.Thread(target=send, args=(caller,), daemon=True).start()
                except OSError:
                    return

        def send(caller: socket.socket) -> None:
            try:
                caller.recv(65536)
                caller.sendall(says)
                while not ends:
                    caller.sendall(b"x" * 65536)
                caller.close()
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}/v1"
        door.shutdown(socket.SHUT_RDWR)
        for caller in held:
            caller.close()


# --- servers ---


def test_ollama_is_found_with_its_chat_models() -> None:
    models = {
        "mistral-small:latest": ("completion", "tools"),
        "qwen3:8b": None,  # an old Ollama tells nothing of what it can
        "nomic-embed-text:latest": ("embedding",),
        "house-notes:latest": ("embedding",),
        "jina:latest": None,
        "mxbai-embed-large:latest": None,
    }
    with Ollama(
        models=models, loaded=["qwen3:8b"], families={"jina:latest": "jina-bert-v2"}
    ) as ollama:
        [found] = look(ollama.base_url)
    assert (found.endpoint, found.title, found.trouble) == ("ollama", "Ollama 0.12.9", None)
    assert found.models == (
        ServedModel("mistral-small", None, loaded=False),
        ServedModel("qwen3:8b", 8192, loaded=True),
    )


def test_an_ollama_that_lists_its_models_in_its_own_way_only_is_found() -> None:
    with Ollama() as ollama:
        ollama.instead = {"/v1/models": Answer(404, "404 page not found")}
        [found] = look(ollama.base_url)
    assert (found.endpoint, names(found)) == ("ollama", ["mistral-small"])


KINDS: list[tuple[dict[str, Answer], str, list[ServedModel]]] = [
    (
        {
            "/v1/models": listed({"id": "a/b", "owned_by": "vllm", "max_model_len": 32768}),
            "/version": Answer(body={"version": "0.11.2"}),
        },
        "vllm",
        [ServedModel("a/b", 32768, loaded=True)],
    ),
    (
        {
            "/v1/models": listed({"id": "m.gguf", "owned_by": "llamacpp", "meta": {"n_ctx": 4096}}),
            "/props": Answer(body=LLAMA_CPP),
        },
        "llamacpp",
        [ServedModel("m.gguf", 4096, loaded=True)],
    ),
    (
        {
            "/v1/models": listed(
                {"id": "a", "owned_by": "llamacpp", "status": {"value": "loaded"}},
                {"id": "b", "owned_by": "llamacpp", "status": {"value": "unloaded"}},
            ),
            "/props": Answer(body=LLAMA_CPP),
        },
        "llamacpp",
        [ServedModel("a", None, loaded=True), ServedModel("b", None, loaded=False)],
    ),
    (
        {
            "/v1/models": listed({"id": "a"}, {"id": "b"}, {"id": "c"}),
            "/api/v0/models": Answer(
                body={
                    "data": [
                        {"id": "a", "type": "embeddings", "state": "loaded"},
                        {"id": "b", "type": "llm", "state": "not-loaded", "max_context_length": 9},
                        {"id": "c", "type": "vlm", "state": "loaded", "loaded_context_length": 8},
                    ]
                }
            ),
        },
        "lmstudio",
        [ServedModel("b", 9, loaded=False), ServedModel("c", 8, loaded=True)],
    ),
    (
        {
            "/v1/models": listed({"id": "m", "owned_by": "sglang", "max_model_len": 7}),
            "/server_info": Answer(body={"model_path": "m"}),
        },
        "sglang",
        [ServedModel("m", 7, loaded=True)],
    ),
    (
        {
            "/v1/models": listed({"id": "gpt", "owned_by": "openai"}, {"id": "ada"}),
            "/v1/model/info": Answer(
                body={
                    "data": [
                        {
                            "model_name": "gpt",
                            "litellm_params": {},
                            "model_info": {"mode": "chat", "max_input_tokens": 16000},
                        },
                        {
                            "model_name": "ada",
                            "litellm_params": {},
                            "model_info": {"mode": "embedding"},
                        },
                    ]
                }
            ),
        },
        "local",
        [ServedModel("gpt", 16000, loaded=None)],
    ),
    (
        {"/v1/models": listed({"id": "gpt-4o", "owned_by": "openai"})},
        "local",
        [ServedModel("gpt-4o")],
    ),
]


@pytest.mark.parametrize(("pages", "endpoint", "models"), KINDS)
def test_every_kind_of_server_is_found_under_the_name_of_its_endpoint(
    mock: MockEndpoint, pages: dict[str, Answer], endpoint: str, models: list[ServedModel]
) -> None:
    mock.pages = pages
    [found] = look(mock.base_url)
    assert (found.endpoint, list(found.models), found.trouble) == (endpoint, models, None)


@pytest.mark.parametrize(
    ("name", "told", "can"),
    [
        ("mistral-small", {}, True),
        ("Qwen3-4B-Instruct-2507-Q4_K_M.gguf", {}, True),
        ("embeddinggemma:300m", {}, False),
        ("BAAI/bge-m3", {}, False),
        ("intfloat/e5-mistral-7b-instruct", {}, False),
        ("Qwen/Qwen3-Reranker-0.6B", {}, False),
        ("Systran/faster-whisper-small", {}, False),
        ("openai/whisper-large-v3", {}, False),
        ("all-minilm:33m", {}, False),
        ("hexgrad/Kokoro-82M", {}, False),
        ("house", {"type": "embeddings"}, False),
        ("house", {"task": "automatic-speech-recognition"}, False),
        ("house", {"capabilities": ["embedding"]}, False),
        ("house", {"capabilities": {"completion_chat": False, "moderation": True}}, False),
        ("house", {"type": "nomic-bert"}, False),
        ("whisperer-embed", {"capabilities": ["completion"]}, True),
        ("whisperer-embed", {"capabilities": {"completion_chat": True}}, True),
        ("house", {"type": "model", "capabilities": 7, "mode": None}, True),
    ],
)
def test_a_model_chats_by_what_is_told_of_it_or_else_by_its_name(
    name: str, told: dict[str, Any], can: bool
) -> None:
    assert can_chat(name, told) is can


def test_a_server_without_a_chat_model_is_found_and_cannot_be_asked(mock: MockEndpoint) -> None:
    mock.pages = {"/v1/models": listed({"id": "bge-m3", "owned_by": "vllm"})}
    with Ollama(models={}) as empty:
        first, second = look(mock.base_url, empty.base_url)
    assert (first.title, first.models, first.trouble) == ("vLLM", (), "has no model that can chat")
    assert (second.title, second.trouble) == ("Ollama 0.12.9", "has no model that can chat")


@pytest.mark.parametrize("name", ["", "a\x1b[31m", "a\nb", "x" * 300, "\u202ex"])
def test_a_model_whose_name_no_command_could_hold_is_left_out(
    mock: MockEndpoint, name: str
) -> None:
    mock.pages = {"/v1/models": listed({"id": name}, {"id": "plain"})}
    [found] = look(mock.base_url)
    assert names(found) == ["plain"]


@pytest.mark.parametrize(
    "page",
    [
        {"data": [{"model_name": ["m"], "model_info": {"mode": "embedding"}}]},
        {"data": [{"model_name": {}, "model_info": []}, 5, None, {"model_name": "m"}]},
        {"data": [{"model_name": "m", "model_info": {"mode": 5, "max_input_tokens": "many"}}]},
    ],
)
def test_a_gateway_may_tell_anything_of_its_models(mock: MockEndpoint, page: Any) -> None:
    page["data"].append({"litellm_params": {}})
    page["data"] = [each for each in page["data"] if isinstance(each, dict)]
    mock.pages = {"/v1/models": listed({"id": "m"}), "/v1/model/info": Answer(body=page)}
    [found] = look(mock.base_url)
    assert (found.title, found.models) == ("LiteLLM", (ServedModel("m"),))


@pytest.mark.parametrize("told", [True, 0, -5, 2**70, 1.5, "8k", [8], {}, None])
def test_a_window_that_is_no_number_of_tokens_is_none(mock: MockEndpoint, told: object) -> None:
    mock.pages = {
        "/v1/models": listed({"id": "m", "owned_by": "vllm", "max_model_len": told}),
        "/version": Answer(body={"version": "1"}),
    }
    [found] = look(mock.base_url)
    assert found.models == (ServedModel("m", None, loaded=True),)


def test_a_model_that_is_listed_twice_is_one(mock: MockEndpoint) -> None:
    mock.pages = {"/v1/models": listed({"id": "b"}, {"id": "a"}, {"id": "b"})}
    with Ollama(models={"x:latest": None, "x": None, ":latest": None, "y": None}) as ollama:
        found = look(mock.base_url, ollama.base_url)
    assert [names(each) for each in found] == [["b", "a"], ["x", "y"]]


# --- what is none ---


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(body="<html><title>Jenkins</title></html>"), "HTTP 200.*Jenkins"),
        (Answer(404, "<html><h1>Not Found</h1></html>"), "HTTP 404.*Not Found"),
        (Answer(302, "", {"location": "http://127.0.0.1:9/login"}), "HTTP 302"),
        (Answer(401, {"error": "unauthorized"}), "wants a key"),
        (Answer(403, {"error": "forbidden"}), "wants a key"),
        (Answer(500, "boom"), "HTTP 500: boom"),
        (Answer(503, {"error": {"message": "Loading model"}}), "HTTP 503: Loading model"),
        (Answer(body="[]"), "HTTP 200"),
        (Answer(body={"data": "many"}), "HTTP 200"),
        (Answer(body={"data": [{"id": 7}]}), "HTTP 200"),
        (Answer(body={"data": [{"id": "golf", "doors": 4}]}), "not one of models"),
        (Answer(body={"data": []}), "not one of models"),
        (Answer(drop=True), "does not answer as a model server does"),
        (Answer(200, "x", {"content-length": "9"}), "does not answer as a model server does"),
    ],
)
def test_what_answers_something_else_is_no_server(
    mock: MockEndpoint, answer: Answer, why: str
) -> None:
    mock.pages = {"/v1/models": answer}
    [found] = look(mock.base_url)
    assert found.server is None and found.models == ()
    assert re.search(why, found.trouble or ""), found.trouble


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"


@pytest.mark.parametrize(
    ("says", "ends"),
    [
        (b"", False),
        (b"SSH-2.0-OpenSSH_9.2\r\n", True),
        (b"\x00\xff" * 50, True),
        (HEAD + b'{"data": [', False),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 400_000, False),
    ],
    ids=["silent", "ssh", "bytes", "endless body", "endless head"],
)
def test_whatever_listens_there_neither_hangs_nor_raises(says: bytes, ends: bool) -> None:
    with listener(says, ends) as place, Ollama() as ollama:
        strange, known = look(place, ollama.base_url)
    assert strange.server is None and strange.trouble
    assert names(known) == ["mistral-small"]


def test_a_port_that_speaks_tls_is_no_server(tmp_path: Path) -> None:
    make_certificate(tmp_path, "IP:127.0.0.1")
    with MockEndpoint(tls=server_context(tmp_path)) as secret:
        [found] = look(secret.base_url.replace("https:", "http:"))
    assert found.trouble == "speaks TLS: name it with an https:// base_url"


def test_a_server_that_lets_the_pages_of_others_hang_is_found_by_its_list(
    mock: MockEndpoint,
) -> None:
    slow = Answer(body={}, delay=30)
    paths = ("/v1/model/info", "/api/version", "/server_info", "/props", "/info", "/version")
    mock.pages = {"/v1/models": listed({"id": "m"}), **dict.fromkeys(paths, slow)}
    [found] = look(mock.base_url)
    assert (found.endpoint, names(found)) == ("local", ["m"])


def test_closed_ports_are_no_servers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    assert look(f"http://127.0.0.1:{port}/v1", f"http://localhost:{port}/v1") == []


def test_neither_keys_nor_headers_nor_proxies_are_used_to_look(
    mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MockEndpoint() as proxy, Ollama() as ollama:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        for name in ("OPENAI_API_KEY", "MISTRAL_API_KEY", "OLLAMA_API_KEY"):
            monkeypatch.setenv(name, "sk-Very5ecretValue")
        monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Own: 5ecret")
        monkeypatch.setenv("OPENAI_ORG_ID", "org-5ecret")
        assert len(look(mock.base_url, ollama.base_url)) == 2
        sent = [*mock.requests, *ollama.requests]
    assert not proxy.requests and len(sent) > 8
    assert "authorization" not in {name for each in sent for name in each["headers"]}
    assert "5ecret" not in str(sent)


# --- places ---


@pytest.mark.parametrize(
    ("written", "first", "many"),
    [
        ("", "http://localhost:11434/v1", 5),
        ("0.0.0.0", "http://127.0.0.1:11434/v1", 5),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/v1", 5),
        ("localhost:5000", "http://localhost:5000/v1", 6),
        ("gpu:11434", "http://gpu:11434/v1", 6),
    ],
)
def test_the_usual_places_begin_with_ollamas_own(
    monkeypatch: pytest.MonkeyPatch, written: str, first: str, many: int
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", written)
    places = usual_places()
    assert (places[0], len(places), len(set(places))) == (first, many, many)
    assert len(PORTS) == 5


def test_an_ollama_host_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "http://me:hunter2@gpu")
    with pytest.raises(UsageError, match="OLLAMA_HOST holds credentials") as refusal:
        usual_places()
    assert "hunter2" not in str(refusal.value)
