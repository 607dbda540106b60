"""Looks for model servers on this machine: at OLLAMA_HOST, and at the ports that they usually use.

Any program may listen there: bodies are judged, each request has a short deadline, no redirect is
followed, and neither a key nor a header of the user's is sent to a port that was guessed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from panel.text import one_line, shortened, without_pages
from panel.workspace.addresses import is_loopback, ollama_host
from panel.workspace.endpoints import Endpoint

if TYPE_CHECKING:  # the HTTP stack, which is not needed where nothing listens
    from panel.endpoint.client import Client
    from panel.endpoint.responses import RawResponse
    from panel.endpoint.served_models import ServedModel
    from panel.endpoint.servers import Server

PORTS = (11434, 1234, 8000, 8080, 30000)  # Ollama, LM Studio, vLLM, llama.cpp, SGLang
REQUEST_SECONDS = 2.0  # for one answer
LOOK_SECONDS = 8.0  # for all that one server is asked
KNOCK_SECONDS = 1.0  # for a connection on this machine
# What an endpoint is called whose server is known; any other is "local".
NAMES = {
    "Ollama": "ollama",
    "LM Studio": "lmstudio",
    "vLLM": "vllm",
    "llama.cpp": "llamacpp",
    "SGLang": "sglang",
}


@dataclass(frozen=True, slots=True)
class FoundServer:
    """What answers at an address. server: None where it is no model server, or does not say.

    models: those that can chat. trouble: why nothing can be asked there, None where it can.
    """

    address: str
    server: Server | None = None
    models: tuple[ServedModel, ...] = ()
    trouble: str | None = None

    @property
    def endpoint(self) -> str:
        """The name of the endpoint that it is asked as."""
        return NAMES.get(self.server.name if self.server else "", "local")

    @property
    def title(self) -> str:
        """Its name and version."""
        if self.server is None:
            return "no model server"
        name = "a server of an unknown kind" if self.server.name == "unknown" else self.server.name
        return f"{name} {shortened(one_line(self.server.version or ''), 40)}".strip()


def usual_places() -> list[str]:
    """Return where servers are looked for; raises UsageError for an OLLAMA_HOST that is none."""
    told = ollama_host()
    places = [f"http://localhost:{port}/v1" for port in PORTS]
    if told is not None:
        known = urlsplit(told)
        at = known.port if is_loopback(known.hostname or "") else None
        places = [told, *(place for place in places if urlsplit(place).port != at)]
    return places


def find_servers(places: Sequence[str] | None = None) -> list[FoundServer]:
    """Look at all places at once, and return what answers there, in their order.

    places: base_urls; None for the usual ones. Nothing that listens there makes it raise or hang.
    """
    return asyncio.run(_look_at_all(usual_places() if places is None else places))


async def _look_at_all(places: Sequence[str]) -> list[FoundServer]:
    open_ones = await asyncio.gather(*map(_is_open, places))
    looks = [_look(place) for place, is_open in zip(places, open_ones, strict=True) if is_open]
    return list(await asyncio.gather(*looks))


async def _is_open(place: str) -> bool:
    """Whether something listens; of another machine it is not known before it is asked."""
    address = urlsplit(place)
    if not is_loopback(address.hostname or ""):
        return True
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        async with asyncio.timeout(KNOCK_SECONDS):
            _reader, writer = await asyncio.open_connection(address.hostname, port)
    except OSError:  # a TimeoutError is one, too
        return False
    writer.close()
    return True


async def _look(place: str) -> FoundServer:
    from panel.endpoint.client import Client  # noqa: PLC0415
    from panel.errors import EndpointError  # noqa: PLC0415

    endpoint = Endpoint("found", None, place, "", timeout_seconds=REQUEST_SECONDS)
    try:
        async with asyncio.timeout(LOOK_SECONDS), Client(place, None, endpoint) as client:
            return await _looked(client, endpoint, place)
    except TimeoutError:
        return FoundServer(place, trouble=f"gave no whole answer within {LOOK_SECONDS:g} s")
    except EndpointError as error:  # the way there: a proxy, certificates
        return FoundServer(place, trouble=str(error))


async def _looked(client: Client, endpoint: Endpoint, place: str) -> FoundServer:
    from panel.endpoint.served_models import chat_models  # noqa: PLC0415
    from panel.endpoint.servers import PROBE_SECONDS, Server, identified, patiently  # noqa: PLC0415

    listing = await patiently(partial(client.models, PROBE_SECONDS), PROBE_SECONDS)
    if _is_list(listing):
        server = await identified(client, endpoint, listing)
    elif listing.transport_fault is not None:
        return FoundServer(place, trouble=_no_list(listing))
    elif (version := await _ollama_version(client)) is not None:
        server = Server("Ollama", version)
    else:
        return FoundServer(place, trouble=_no_list(listing))
    if server.name == "unknown" and not _is_signed(listing.json()):
        return FoundServer(place, trouble="has a list, and not one of models")
    models = tuple(await chat_models(client, server))
    return FoundServer(place, server, models, None if models else "has no model that can chat")


def _is_list(listing: RawResponse) -> bool:
    body = listing.json() if listing.status == 200 else None
    entries = body.get("data") if isinstance(body, dict) else None
    return isinstance(entries, list) and all(
        isinstance(each, dict) and isinstance(each.get("id"), str) for each in entries
    )


def _is_signed(body: dict[str, Any]) -> bool:
    """Whether a list says of itself that it is one of models; other services have lists, too."""
    entries = body["data"]
    return bool(entries) and (
        body.get("object") == "list"
        or any({"object", "owned_by"} & each.keys() for each in entries)
    )


async def _ollama_version(client: Client) -> str | None:
    """Return the version of an Ollama that lists its models in its own way; None for others."""
    from panel.endpoint.servers import PROBE_SECONDS  # noqa: PLC0415

    version = (await client.page("/api/version", PROBE_SECONDS)).json()
    if not isinstance(version, dict) or set(version) != {"version"}:
        return None
    tags = (await client.page("/api/tags", PROBE_SECONDS)).json()
    listed = isinstance(tags, dict) and isinstance(tags.get("models"), list)
    return str(version["version"]) if listed else None


def _no_list(listing: RawResponse) -> str:
    """Say why something that answers is no server to ask."""
    if listing.transport_fault is not None:
        kind, detail = listing.transport_fault
        if kind == "tls_wanted":
            return "speaks TLS: name it with an https:// base_url"
        return f"does not answer as a model server does ({shortened(one_line(detail), 100)})"
    if listing.status in (401, 403):
        return f"answers {listing.status}: it wants a key, and none is sent unasked"
    said = shortened(one_line(without_pages(listing.error_text()[0])), 80)
    return f"lists no models (HTTP {listing.status}{': ' + said if said else ''})"
