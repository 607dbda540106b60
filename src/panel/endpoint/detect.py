"""Looks at an endpoint: which server, which models, what it holds a model to, what it costs it.

Bodies are judged, never status codes alone: one server answers unknown paths with 200, another
imitates a third one's paths.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from panel.endpoint.client import Client, RawResponse
from panel.endpoint.faults import classify_fault
from panel.endpoint.output_modes import OutputMode, RequestProfile, optional_fields
from panel.endpoint.replies import read_reply
from panel.hashing import text_hash
from panel.workspace.settings import Endpoint

Enforced = Literal["enforced", "not enforced", "refused", "unknown"]
PROBE_SECONDS = 3.0

# How servers sign their model lists (field owned_by).
_OWNERS = {
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
# Requests in flight to begin with: one for servers that usually answer one at a time, since a
# fan-out that causes its own timeouts is their commonest failure.
STARTS = dict.fromkeys(("Ollama", "LM Studio", "llama.cpp", "llama.cpp (embedded)"), 1)
STARTS |= dict.fromkeys(("vLLM", "SGLang", "TGI", "OpenAI", "Mistral", "OpenRouter"), 4)


@dataclass(frozen=True, slots=True)
class _Probe:
    """A path that only one server answers so: how to know it, where version and window stand."""

    path: str
    known_by: Callable[[Any], bool]
    version: Callable[[Any], Any] = lambda _body: None
    context: Callable[[Any], Any] = lambda _body: None


_PROBES = {
    "Ollama": _Probe("/api/version", lambda b: set(b) == {"version"}, lambda b: b["version"]),
    "SGLang": _Probe(
        "/server_info",
        lambda b: "model_path" in b or "tp_size" in b,
        lambda b: b.get("version"),
        lambda b: b.get("max_req_input_len") or b.get("context_length"),
    ),
    "llama.cpp": _Probe(
        "/props",
        lambda b: "default_generation_settings" in b or "build_info" in b,
        lambda b: b.get("build_info"),
        lambda b: b["default_generation_settings"]["n_ctx"],
    ),
    "LM Studio": _Probe(
        "/api/v0/models",
        lambda b: isinstance(b.get("data"), list) and any("state" in m for m in b["data"]),
        context=lambda b: next(
            m["loaded_context_length"] for m in b["data"] if m.get("loaded_context_length")
        ),
    ),
    "TGI": _Probe(
        "/info",
        lambda b: "model_id" in b and "max_total_tokens" in b,
        lambda b: b.get("version"),
        lambda b: b.get("max_total_tokens"),
    ),
    "vLLM": _Probe("/version", lambda b: set(b) == {"version"}, lambda b: b["version"]),
}


@dataclass(frozen=True, slots=True)
class Server:
    """Which server answers: name ("unknown" where nothing tells), version, models, window.

    context: the model's context window in tokens, None where the server does not say.
    """

    name: str = "unknown"
    version: str | None = None
    models: list[str] = field(default_factory=list)
    context: int | None = None
    fault: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found. fault: why the endpoint cannot be used, None when it can.

    structured_output: enforced; not enforced (the schema was ignored); refused (an error);
    unknown (no model to ask). output_mode: the highest that the server takes. place: where its JSON
    stands. order: whether fields come as the schema has them, or alphabetically.
    """

    server: str
    version: str | None
    models: list[str]
    context: int | None
    structured_output: Enforced
    output_mode: OutputMode | None
    place: str | None
    order: Literal["schema", "alphabetical"] | None
    system_role: bool | None
    usage: list[str]
    adapted: list[str]
    fault: str | None
    seconds: float


async def identify(client: Client, endpoint: Endpoint) -> Server:
    """Find out which server answers. Never raises for what it does; 3 s at most for each step.

    Hosted services are known by their names and asked for their model list only.
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
        return Server(named or "unknown", None, models, _window(entries, endpoint.model))
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
    return next((name for owner, name in _OWNERS.items() if owner in owners), None)


async def _probed(client: Client, named: str | None) -> tuple[str, str | None, int | None]:
    """Ask the path that confirms a server; all of them where its name is not known."""
    wanted = {named: _PROBES[named]} if named in _PROBES else _PROBES
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
    """Return the window of the loaded model; Ollama says it only while the model is loaded."""
    body = (await client.page("/api/ps", PROBE_SECONDS)).json()
    entries = body.get("models") if isinstance(body, dict) else None
    wanted = {model, f"{model}:latest"}
    for loaded in entries if isinstance(entries, list) else []:
        if isinstance(loaded, dict) and str(loaded.get("name") or loaded.get("model")) in wanted:
            return _whole(lambda entry: entry["context_length"], loaded)
    return None


# The question asks for a word that the schema forbids: only a server that really holds the
# model to the schema answers with one of the two allowed ones. The fields stand against the
# alphabet, since some servers sort them.
_CANARY = {
    "type": "object",
    "properties": {
        "zone": {"type": "string", "enum": ["k7", "q9"]},
        "answer": {"type": "string", "enum": ["k7", "q9"]},
    },
    "required": ["zone", "answer"],
    "additionalProperties": False,
}
_MESSAGES = (
    ("system", "You answer with one JSON object."),
    ("user", 'Reply with the JSON object {"zone": "banana", "answer": "banana"}.'),
)
_STEPS = 12  # requests at most: five output_modes, a few fields, the system role


async def diagnose(client: Client, endpoint: Endpoint) -> tuple[Diagnosis, RequestProfile]:
    """Ask for the model list, then the canary question, down to a output mode that is taken.

    Returns what was found and the shape of request that works. Never raises for what a
    server does.
    """
    server = await identify(client, endpoint)
    shape = RequestProfile(native=native_form(server.name))
    if server.fault is not None or not endpoint.model:
        return _diagnosis(server, shape, None, server.fault), shape
    refused = False
    for _step in range(_STEPS):
        fields = {"temperature": 0, endpoint.max_tokens_field: 64}
        messages = shape.shown(_MESSAGES)
        body = shape.request(endpoint, messages, _CANARY, fields, shape.output_mode)
        answer = await client.complete(body)
        sent = optional_fields(body) & (fields.keys() | shape.renamed.values())
        fault = classify_fault(answer, shape.output_mode != "prompted", sent)
        if fault is None or fault.action != "degrade":
            break
        if fault.field is not None:
            shape.drop(fault.field)
        elif fault.label == "system_refused" and not shape.merge_system:
            shape.merge_system = True
        else:
            refused, shape.output_mode = True, shape.step_down(fault.detail)
    if fault is not None:
        return _diagnosis(server, shape, None, fault.sentence()), shape
    return _diagnosis(server, shape, answer, None, refused), shape


def native_form(server: str) -> str | None:
    """Return whose own form of structured output a server has; None where it has none."""
    return server if server in ("TGI", "vLLM", "llama.cpp") else None


def _diagnosis(
    server: Server,
    shape: RequestProfile,
    answer: RawResponse | None,
    fault: str | None,
    refused: bool = False,
) -> Diagnosis:
    completion = answer.completion() if answer is not None else None
    enforced: Enforced = "unknown"
    place = order = None
    usage: list[str] = []
    if completion is not None:
        reply = read_reply(completion)
        held = [word for word in ('"k7"', '"q9"') if word in reply.text]
        enforced = "refused" if refused else "enforced" if held else "not enforced"
        place = reply.place
        zone, other = reply.text.find('"zone"'), reply.text.find('"answer"')
        if zone >= 0 and other >= 0:
            order = "schema" if zone < other else "alphabetical"
        found = completion.get("usage")
        if isinstance(found, dict):
            usage = sorted(name for name in found if found[name] is not None)
    return Diagnosis(
        server=server.name,
        version=server.version,
        models=server.models,
        context=server.context,
        structured_output=enforced,
        output_mode=shape.output_mode if completion is not None else None,
        place=place,
        order=order,  # type: ignore[arg-type]
        system_role=not shape.merge_system if completion is not None else None,
        usage=usage,
        adapted=list(shape.adapted()),
        fault=fault,
        seconds=answer.seconds if answer is not None else server.seconds,
    )


class Memory:
    """What was learned of endpoints, kept in one JSON file: shapes by address, model, version."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def recall(self, endpoint: Endpoint, server: Server) -> RequestProfile:
        """Return the remembered shape; the plain one for an endpoint that is not known."""
        try:
            return RequestProfile.of(self._read()[_key(endpoint, server)])
        except (KeyError, TypeError, ValueError, AttributeError):
            return RequestProfile(native=native_form(server.name))

    def keep(self, endpoint: Endpoint, server: Server, shape: RequestProfile) -> None:
        """Remember a shape. A folder that takes no file is no error: it is learned again."""
        known = self._read()
        entry = {"endpoint": endpoint.name, "server": server.name, **shape.record()}
        if known.get(_key(endpoint, server)) == entry:
            return
        known[_key(endpoint, server)] = entry
        fresh = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps(known, indent=1))
            fresh.replace(self._file)
        except OSError:
            pass

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self._file.read_text())
        except (OSError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}


def _key(endpoint: Endpoint, server: Server) -> str:
    parts = [endpoint.base_url, endpoint.model, server.name, server.version]
    return text_hash(json.dumps(parts))
