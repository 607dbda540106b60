"""Finds out which server answers at an address: its name, version, models and context window.

Bodies are judged, never status codes alone: one server answers unknown paths with 200, another
imitates a third one's paths.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeGuard

from panel.cells.journal import utc_now
from panel.endpoint.client import Client
from panel.endpoint.faults import classify_fault
from panel.endpoint.responses import RawResponse
from panel.endpoint.waits import asked_wait
from panel.text import one_line
from panel.workspace.endpoints import Endpoint

PROBE_SECONDS = 3.0
PAUSE_SECONDS = 1.1  # before a busy server is asked again, and twice that before the last try
LONGEST_PAUSE_SECONDS = 10.0  # what a server may ask for
BUSY = (429, 503)
LONGEST_NAME = 200  # characters
# What servers and gateways call the context window in their model lists.
WINDOWS = (
    *("max_model_len", "context_length", "max_context_length"),
    *("context_window", "max_input_tokens"),
)

# What servers write into the owned_by field of their model lists, and which server that is.
# Gateways write the names of hosted services there, so those are known by their hosts alone.
OWNERS = {
    "vllm": "vLLM",
    "sglang": "SGLang",
    "llamacpp": "llama.cpp",
    "organization_owner": "LM Studio",
    "library": "Ollama",
}
# Hosts of services, and whose they are; those below them too ("eu.api.openai.com").
HOSTED = {"api.openai.com": "OpenAI", "api.mistral.ai": "Mistral", "openrouter.ai": "OpenRouter"}
HOSTED |= {"codestral.mistral.ai": "Mistral", "openai.azure.com": "Azure OpenAI"}
# Requests in flight to begin with. Servers that usually answer one request at a time begin with
# one: too many at once would run into timeouts of their own making.
STARTS = dict.fromkeys(("Ollama", "LM Studio", "llama.cpp", "llama.cpp (embedded)", "LiteLLM"), 1)
STARTS |= dict.fromkeys(("vLLM", "SGLang", "TGI", *HOSTED.values()), 4)
# Servers with one cache for all that is in flight; others have one for each request, or none.
ONE_CACHE = {"vLLM", "SGLang", "TGI", *HOSTED.values()}


@dataclass(frozen=True, slots=True)
class Probe:
    """A path that only one server answers in its own way.

    known_by: whether a JSON body is that server's. version, context, slots: read from the body,
    the second for a model; they may raise where it has none. below: the path is below base_url, and
    not its host's.
    """

    path: str
    known_by: Callable[[Any], bool]
    version: Callable[[Any], Any] = lambda _body: None
    context: Callable[[Any, str], Any] = lambda _body, _model: None
    slots: Callable[[Any], Any] = lambda _body: None
    below: bool = False


PROBES = {
    "LiteLLM": Probe(
        "/model/info",
        lambda b: isinstance(b.get("data"), list) and any("litellm_params" in m for m in b["data"]),
        # A name may stand for several models, of which any may be asked.
        context=lambda b, model: min(
            m["model_info"]["max_input_tokens"]
            for m in b["data"]
            if m["model_name"] == model and m["model_info"].get("max_input_tokens")
        ),
        below=True,
    ),
    "Ollama": Probe("/api/version", lambda b: set(b) == {"version"}, lambda b: b["version"]),
    "SGLang": Probe(
        "/server_info",
        lambda b: "model_path" in b or "tp_size" in b,
        lambda b: b.get("version"),
        lambda b, _model: b.get("max_req_input_len") or b.get("context_length"),
    ),
    "llama.cpp": Probe(
        "/props",
        lambda b: "default_generation_settings" in b or "build_info" in b,
        lambda b: b.get("build_info"),
        lambda b, _model: b["default_generation_settings"]["n_ctx"],
        lambda b: b["total_slots"],
    ),
    "LM Studio": Probe(
        "/api/v0/models",
        lambda b: isinstance(b.get("data"), list) and any("state" in m for m in b["data"]),
        context=lambda b, _model: next(
            m["loaded_context_length"] for m in b["data"] if m.get("loaded_context_length")
        ),
    ),
    "TGI": Probe(
        "/info",
        lambda b: "model_id" in b and "max_total_tokens" in b,
        lambda b: b.get("version"),
        lambda b, _model: b.get("max_total_tokens"),
    ),
    "vLLM": Probe("/version", lambda b: set(b) == {"version"}, lambda b: b["version"]),
}


@dataclass(frozen=True, slots=True)
class Server:
    """Which server answers, as far as it tells.

    name: "unknown" where nothing tells. context: the model's context window in tokens, None
    where the server does not say. slots: how many requests it works on at a time, each with a cache
    of its own; None likewise. fault: why it did not answer, None where it did. seconds:
    the time that its model list took. seen_at: when it was found out (UTC), "" where the server
    did not answer all that it was asked. entries: its model list as it came.
    """

    name: str = "unknown"
    version: str | None = None
    models: list[str] = field(default_factory=list)
    context: int | None = None
    slots: int | None = None
    fault: str | None = None
    seconds: float = 0.0
    seen_at: str = ""
    entries: Sequence[dict[str, Any]] = field(default=(), repr=False, compare=False)


async def patiently(
    ask: Callable[[], Awaitable[RawResponse]], seconds: float = LONGEST_PAUSE_SECONDS
) -> RawResponse:
    """Ask, and ask again twice at most where the server is busy or limits the rate.

    seconds: by when the last try begins, and the longest that the server may ask to wait.
    """
    ends = time.monotonic() + seconds
    answer = await ask()
    for pause in (PAUSE_SECONDS, 2 * PAUSE_SECONDS):
        wait = min(asked_wait(answer) or pause, seconds)
        if answer.status in BUSY and time.monotonic() + wait <= ends:
            await asyncio.sleep(wait)
            answer = await ask()
    return answer


async def identify(client: Client, endpoint: Endpoint) -> Server:
    """Find out which server answers, in 3 s at most for each request, one after another.

    Hosted services are known by their host names and asked for their model list only. Never
    raises for what a server does.
    """
    listing = await patiently(lambda: client.models(PROBE_SECONDS), PROBE_SECONDS)
    return await identified(client, endpoint, listing)


async def identified(client: Client, endpoint: Endpoint, listing: RawResponse) -> Server:
    """Find out which server answers, as ``identify``, from the model list that it has sent."""
    hosted = hosted_by(client.host)
    if listing.transport_fault is not None:
        missing = classify_fault(listing, constrained=False)
        fault = missing.sentence() if missing else None
        return Server(hosted or "unknown", fault=fault, seconds=listing.seconds)
    entries = entries_of(listing)
    models = [entry["id"] for entry in entries]
    window = next((window_of(each) for each in entries if each["id"] == endpoint.model), None)
    found = Server(hosted or "unknown", None, models, window, seconds=listing.seconds)
    found = replace(found, entries=entries)
    if hosted is None and listing.status not in BUSY:
        found = await _probed(client, endpoint.model, _signed(entries), found)
    elif listing.status not in BUSY:
        found = replace(found, seen_at=utc_now())
    if found.name == "Ollama":
        loaded = await _ollama_window(client, endpoint.model)
        found = replace(found, context=loaded or found.context)
    return found


async def listed_models(client: Client) -> list[str]:
    """Return the names of the models that a server lists."""
    listing = await patiently(lambda: client.models(PROBE_SECONDS))
    return [entry["id"] for entry in entries_of(listing)]


def hosted_by(host: str) -> str | None:
    """Return whose service answers at a host; None for any other server."""
    return next((name for own, name in HOSTED.items() if f".{host}".endswith(f".{own}")), None)


def entries_of(listing: RawResponse) -> list[dict[str, Any]]:
    """Return the entries of a model list; none where the answer is something else."""
    body = listing.json()
    entries = body.get("data") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        return []
    return [entry for entry in entries if isinstance(entry, dict) and is_name(entry.get("id"))]


def is_name(name: Any) -> bool:
    """Whether a server told a model's name, which people are shown: in one line, as it is."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable()


def _signed(entries: list[dict[str, Any]]) -> str | None:
    owners = {str(entry.get("owned_by")) for entry in entries}
    return next((name for owner, name in OWNERS.items() if owner in owners), None)


async def _probed(client: Client, model: str, named: str | None, listed: Server) -> Server:
    """Ask the path that confirms a server, or path after path until one is known.

    A server that lets a path hang, or that is busy for long, is asked no more.
    """
    wanted = {named: PROBES[named]} if named in PROBES else PROBES
    for name, probe in wanted.items():
        ask = client.below if probe.below else client.page
        page = await patiently(partial(ask, probe.path, PROBE_SECONDS), PROBE_SECONDS)
        if page.transport_fault is not None or page.status in BUSY:
            return replace(listed, name=named or "unknown")
        body = page.json() if page.status == 200 else None
        try:
            known = isinstance(body, dict) and probe.known_by(body)
        except (AttributeError, TypeError):
            continue
        if known:
            version = _tried(probe.version, body)
            return replace(
                listed,
                name=str(name),
                version=one_line(str(version)[:LONGEST_NAME]) if version else None,
                context=listed.context or _whole(probe.context, body, model),
                slots=_whole(probe.slots, body),
                seen_at=utc_now(),
            )
    return replace(listed, name=named or "unknown", seen_at=utc_now())


def _tried(read: Callable[..., Any], *of: Any) -> Any:
    try:
        return read(*of)
    except (KeyError, TypeError, AttributeError, StopIteration, ValueError):
        return None


def _whole(read: Callable[..., Any], *of: Any) -> int | None:
    value = _tried(read, *of)
    return value if is_count(value) else None


def is_count(value: Any) -> TypeGuard[int]:
    """Whether a server told a number of things: it may tell anything under any name."""
    return type(value) is int and 0 < value < 2**40


def window_of(entry: dict[str, Any]) -> int | None:
    """Return the context window in tokens that an entry of a model list tells; None for none."""
    for name in WINDOWS:
        if is_count(value := entry.get(name)):
            return value
    return _whole(lambda e: e["meta"]["n_ctx"], entry)


async def _ollama_window(client: Client, model: str) -> int | None:
    """Return the window of the loaded model. Ollama tells it only while the model is loaded."""
    body = (await client.page("/api/ps", PROBE_SECONDS)).json()
    entries = body.get("models") if isinstance(body, dict) else None
    wanted = {model, f"{model}:latest"}
    for loaded in entries if isinstance(entries, list) else []:
        if isinstance(loaded, dict) and str(loaded.get("name") or loaded.get("model")) in wanted:
            return _whole(lambda entry: entry["context_length"], loaded)
    return None
