"""Models by name are served as they are: their own template, a schema held, room for the question.

The model here is the first layer of the demonstration model: real tokens and a real server, and
nonsense for answers.
"""

from __future__ import annotations

import hashlib
import json
import struct
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from panel.endpoint.embedded import model_identity, serve
from panel.endpoint.weights import keep_record
from panel.engines.opening import longest_question
from panel.errors import EndpointError
from panel.runs.selection import Selection, prepare
from panel.workspace.catalogue import CATALOGUE, Pin, pinned
from panel.workspace.endpoints import Endpoint, resolve_endpoint
from panel.workspace.loading import load_workspace
from panel.workspace.presets import EMBEDDED_MODEL
from panel.workspace.settings import Settings
from tests.support.one_layer import cut_to_one_layer
from tests.support.space import Space

NAME = "one-layer"
# As SmolLM3 has it: the model thinks unless it is told not to.
TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    "{% if enable_thinking is not defined or enable_thinking %}<think>{% else %}<think></think>"
    "{% endif %}{#"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a model file with a chat template of its own."""
    file = tmp_path_factory.mktemp("model") / "one.gguf"
    cut_to_one_layer(CATALOGUE[EMBEDDED_MODEL].path, file)
    whole = file.read_bytes()
    key = b"tokenizer.chat_template" + struct.pack("<I", 8)
    place = whole.index(key) + len(key)
    [size] = struct.unpack_from("<Q", whole, place)
    template = TEMPLATE.encode() + b" " * (size - len(TEMPLATE) - 2) + b"#}"
    return whole[: place + 8] + template + whole[place + 8 + size :]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PANEL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def keep(model: bytes, thinks: bool = False) -> Pin:
    """Put a model where one that was fetched stands."""
    sha256 = hashlib.sha256(model).hexdigest()
    pin = Pin(NAME, "smiths/one", "a" * 40, "one.gguf", len(model), sha256, thinks=thinks)
    keep_record(pin)
    pin.path.write_bytes(model)
    return pin


def resolved(tmp_path: Path, **more: Any) -> Endpoint:
    settings = Settings.model_validate({"endpoints": {"embedded": more}} if more else {})
    return resolve_endpoint(settings, tmp_path, model=NAME)


def asked(address: str, key: str, path: str, body: Any = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    request = urllib.request.Request(address.removesuffix("/v1") + path, data, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.mark.slow
@pytest.mark.parametrize("thinks", [False, True])
def test_its_own_template_is_used_and_thinking_is_switched_off_where_it_is_known(
    cache: Path, tmp_path: Path, model: bytes, thinks: bool
) -> None:
    keep(model, thinks)
    with serve(resolved(tmp_path, context=512)) as served:
        messages = [{"role": "user", "content": "Hi"}]
        made = asked(served.base_url, served.key, "/apply-template", {"messages": messages})
    assert made["prompt"] == ("<user>Hi<think></think>" if thinks else "<user>Hi<think>")


@pytest.mark.slow
def test_a_schema_is_held(cache: Path, tmp_path: Path, model: bytes) -> None:
    keep(model, thinks=True)
    kinds = {"type": "string", "enum": ["ship", "skip"]}
    schema = {"type": "object", "properties": {"verdict": kinds}, "required": ["verdict"]}
    shape = {"type": "json_schema", "json_schema": {"name": "v", "schema": schema}}
    body = {
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 100,
        "response_format": shape,
    }
    with serve(resolved(tmp_path, context=512)) as served:
        answer = asked(served.base_url, served.key, "/v1/chat/completions", body)
    assert json.loads(answer["choices"][0]["message"]["content"])["verdict"] in ("ship", "skip")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "written", "context"),
    [
        (None, None, 8192),
        (1000, None, 4096),  # 400 tokens, and 1,500 for an answer and again for its repair
        (10_000, None, 7168),
        (100_000, None, 8192),  # what the model was trained for
        (100_000, 1024, 1024),
        (10, 20_000, 8192),
    ],
)
def test_its_context_has_room_for_the_longest_question_and_no_more(
    cache: Path,
    tmp_path: Path,
    model: bytes,
    question: int | None,
    written: int | None,
    context: int,
) -> None:
    keep(model)
    endpoint = resolved(tmp_path, **({"context": written} if written else {}))
    with serve(endpoint, question) as served:
        told = asked(served.base_url, served.key, "/props")["default_generation_settings"]
    assert told["n_ctx"] == context


def test_the_longest_question_is_that_of_the_most_bytes(space: Space) -> None:
    space.tool("cjk", description="刀を研ぐ道具です。" * 120)
    space.tool("long", description="It sharpens knives. " * 70)
    cells = prepare(load_workspace(space.root), Selection()).plan.pending
    sizes = {
        cell.key: sum(len(content.encode()) for _role, content in cell.messages)
        for cell, _reason in cells
    }
    longest = max(sizes, key=sizes.__getitem__)
    assert longest[0] == "cjk", "though 'long' has more characters"
    assert longest_question(cell for cell, _reason in cells) == sizes[longest]
    assert longest_question([]) == 0


def test_its_identity_is_its_pinned_hash_before_it_is_fetched(
    cache: Path, tmp_path: Path, model: bytes
) -> None:
    pin = CATALOGUE["ministral-3-3b"]
    endpoint = resolve_endpoint(Settings(), tmp_path, model=pin.name)
    assert str(model_identity(endpoint)) == "embedded/ministral-3-3b@sha256:9ed150d4367e"
    with pytest.raises(EndpointError, match=r"Run 'panel fetch ministral-3-3b' \(2\.1 GB\)"):
        serve(endpoint).__enter__()
    own = keep(model)
    assert model_identity(resolved(tmp_path)).digest == f"sha256:{own.sha256}"
    assert pinned(NAME) == own and own.fetched()


def test_a_file_that_is_not_the_pinned_one_is_not_served(
    cache: Path, tmp_path: Path, model: bytes
) -> None:
    keep(model).path.write_bytes(model[:-1] + bytes([model[-1] ^ 1]))
    with pytest.raises(EndpointError, match=r"is damaged. Run 'panel fetch one-layer' again"):
        serve(resolved(tmp_path)).__enter__()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            b"\5\0\0\0\0\0\0\0llama",
            b"\5\0\0\0\0\0\0\0zlama",
            "architecture 'zlama', which the llama",
        ),
        (b"llama.block_count", b"llama.block_coump", "cannot be loaded: .*may be damaged"),
    ],
)
def test_a_model_that_llama_cpp_does_not_load_is_one_sentence(
    tmp_path: Path,
    model: bytes,
    capfd: pytest.CaptureFixture[str],
    old: bytes,
    new: bytes,
    said: str,
) -> None:
    file = tmp_path / "own.gguf"
    file.write_bytes(model.replace(old, new, 1))
    settings = Settings.model_validate({"endpoints": {"own": {"weights": str(file)}}})
    with pytest.raises(EndpointError, match=said):
        serve(resolve_endpoint(settings, tmp_path, "own")).__enter__()
    assert capfd.readouterr().err == ""
