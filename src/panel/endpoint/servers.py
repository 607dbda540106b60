"""Finds out which server answers at an address: its name, version, models and context window.

Bodies are judged, never status codes alone: one server answers unknown paths with 200, another
imitates a third one's paths.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from panel.endpoint.client import Client, RawResponse
from panel.endpoint.faults import classify_fault
from panel.workspace.endpoints import Endpoint

PROBE_SECONDS = 3.0

# What servers write into the owned_by field of their model lists, and which server that is.
OWNERS = {
    "vllm": "vLLM",
    "sglang": "SGLang",
    "llamacpp": "llama.cpp",
    "organization_owner": "LM Studio",
    "library": "Ollama",
    "mistralai": "Mistral",
    "openai": "OpenAI",
    "openai-internal": "OpenAI",
    "system": "OpenAI",
}
HOSTED = {"api.openai.com": "OpenAI", "api.mistral.ai": "Mistral", "openrouter.ai": "OpenRouter"}
HOSTED |= {"codestral.mistral.ai": "Mistral"}
# Requests in flight to begin with. Servers that usually answer one request at a time begin with
# one: too many at once would run into timeouts of their own making.
STARTS = dict.fromkeys(("Ollama", "LM Studio", "llama.cpp", "llama.cpp (embedded)"), 1)
STARTS |= dict.fromkeys(("vLLM", "SGLang", "TGI", "OpenAI", "Mistral", "OpenRouter"), 4)


@dataclass(frozen=True, slots=True)
class Probe:
    """A path that only one server answers in its own way.

    known_by: whether a JSON body is that server's. version, context: read from the body;
    they may raise where it has none.
    """

    path: str
    known_by: Callable[[Any], bool]
    version: Callable[[Any], Any] = lambda _body: None
    context: Callable[[Any], Any] = lambda _body: None


PROBES = {
    "Ollama": Probe("/api/version", lambda b: set(b) == {"version"}, lambda b: b["version"]),
    "SGLang": Probe(
        "/server_info",
        lambda b: "model_path" in b or "tp_size" in b,
        lambda b: b.get("version"),
        lambda b: b.get("max_req_input_len") or b.get("context_length"),
    ),
    "llama.cpp": Probe(
        "/props",
        lambda b: "default_generation_settings" in b or "build_info" in b,
        lambda b: b.get("build_info"),
        lambda b: b["default_generation_settings"]["n_ctx"],
    ),
    "LM Studio": Probe(
        "/api/v0/models",
        lambda b: isinstance(b.get("data"), list) and any("state" in m for m in b["data"]),
        context=lambda b: next(
            m["loaded_context_length"] for m in b["data"] if m.get("loaded_context_length")
        ),
    ),
    "TGI": Probe(
        "/info",
        lambda b: "model_id" in b and "max_total_tokens" in b,
        lambda b: b.get("version"),
        lambda b: b.get("max_total_tokens"),
    ),
    "vLLM": Probe("/version", lambda b: set(b) == {"version"}, lambda b: b["version"]),
}


@dataclass(frozen=True, slots=True)
class Server:
    """Which server answers, as far as it tells.

    name: "unknown" where nothing tells. context: the model's context window in tokens, None
    where the server does not say. fault: why it did not answer, None where it did. seconds:
    the time that its model list took.
    """

    name: str = "unknown"
    version: str | None = None
    models: list[str] = field(default_factory=list)
    context: int | None = None
    fault: str | None = None
    seconds: float = 0.0


async def identify(client: Client, endpoint: Endpoint) -> Server:
    """Find out which server answers, in 3 s at most for each request.

    Hosted services are known by their host names and asked for their model list only. Never
    raises for what a server does.
    """
    host = client.host
    listing = await client.models(PROBE_SECONDS)
    if listing.transport_fault is not None:
        missing = classify_fault(listing, constrained=False)
        fault = missing.sentence() if missing else None
        return Server(HOSTED.get(host, "unknown"), fault=fault, seconds=listing.seconds)
    entries = _entries(listing)
    models = [str(entry["id"]) for entry in entries]
    named = HOSTED.get(host) or _signed(entries)
    if host in HOSTED or named in ("OpenRouter", "Mistral", "OpenAI"):
        window = _window(entries, endpoint.model)
        return Server(named or "unknown", None, models, window, seconds=listing.seconds)
    name, version, context = await _probed(client, named)
    context = _window(entries, endpoint.model) or context
    if name == "Ollama":
        context = await _ollama_window(client, endpoint.model) or context
    return Server(name, version, models, context, seconds=listing.seconds)


def _entries(listing: RawResponse) -> list[dict[str, Any]]:
    body = listing.json()
    entries = body.get("data") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        return []
    return [entry for entry in entries if isinstance(entry, dict) and "id" in entry]


def _signed(entries: list[dict[str, Any]]) -> str | None:
    if any("supported_parameters" in entry for entry in entries):
        return "OpenRouter"
    owners = {str(entry.get("owned_by")) for entry in entries}
    return next((name for owner, name in OWNERS.items() if owner in owners), None)


async def _probed(client: Client, named: str | None) -> tuple[str, str | None, int | None]:
    """Ask the path that confirms a server, or all paths where its name is not known."""
    wanted = {named: PROBES[named]} if named in PROBES else PROBES
    pages = await asyncio.gather(
        *(client.page(probe.path, PROBE_SECONDS) for probe in wanted.values())
    )
    for (name, probe), page in zip(wanted.items(), pages, strict=True):
        body = page.json() if page.status == 200 else None
        try:
            if isinstance(body, dict) and probe.known_by(body):
                version = _tried(probe.version, body)
                return str(name), str(version) if version else None, _whole(probe.context, body)
        except (AttributeError, TypeError):
            continue
    return named or "unknown", None, None


def _tried(read: Callable[[Any], Any], body: Any) -> Any:
    try:
        return read(body)
    except (KeyError, TypeError, AttributeError, StopIteration):
        return None


def _whole(read: Callable[[Any], Any], body: Any) -> int | None:
    value = _tried(read, body)
    return value if isinstance(value, int) and value > 0 else None


def _window(entries: list[dict[str, Any]], model: str) -> int | None:
    for entry in entries:
        if entry["id"] == model:
            for name in ("max_model_len", "context_length", "max_context_length"):
                if isinstance(entry.get(name), int):
                    return int(entry[name])
            return _whole(lambda e: e["meta"]["n_ctx"], entry)
    return None


async def _ollama_window(client: Client, model: str) -> int | None:
    """Return the window of the loaded model. Ollama tells it only while the model is loaded."""
    body = (await client.page("/api/ps", PROBE_SECONDS)).json()
    entries = body.get("models") if isinstance(body, dict) else None
    wanted = {model, f"{model}:latest"}
    for loaded in entries if isinstance(entries, list) else []:
        if isinstance(loaded, dict) and str(loaded.get("name") or loaded.get("model")) in wanted:
            return _whole(lambda entry: entry["context_length"], loaded)
    return None
