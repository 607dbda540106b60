"""Says which models of a found server can review: those that chat, their windows, what is loaded.

A server's own words on a model count; where it has none, the model's name does.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from panel.endpoint.client import Client
from panel.endpoint.servers import PROBE_SECONDS, Server, is_count, is_name, window_of

MOST_SHOWN = 64  # models that Ollama is asked about one by one
# Fields of model lists that say what a model is for, and their words for one that chats.
_FIELDS = ("capabilities", "type", "task", "tasks", "mode", "model_type", "pipeline_tag")
_CHATS = {"completion", "completions", "chat", "chat-completion", "completion_chat", "llm", "vlm"}
_CHATS |= {"text-generation", "image-text-to-text", "responses"}
# How words begin that are said of other models, or stand in their names.
_OTHERS: tuple[str, ...] = (
    "embed",
    "rerank",
    "whisper",
    "automatic-speech",
    "audio_",
    "text-to-",
    "image_gen",
)
_OTHERS += ("moderation", "feature-extraction", "sentence-similarity", "transcri", "diffusion")
_OTHER_WORDS = {"bge", "e5", "gte", "minilm", "mpnet", "colbert", "tts", "stt", "asr", "clip"}
_OTHER_WORDS |= {"bert", "kokoro", "parakeet", "sdxl", "classification", "score"}
_ALWAYS_LOADED = ("vLLM", "SGLang", "TGI", "llama.cpp")  # they serve what they were started with


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server can be asked for.

    context: its window in tokens; loaded: whether it is in memory; None where that is not told.
    """

    name: str
    context: int | None = None
    loaded: bool | None = None


async def chat_models(client: Client, server: Server) -> list[ServedModel]:
    """Return the models of a server that can chat, in its own order. Never raises for an answer."""
    found = await (_of_ollama(client) if server.name == "Ollama" else _listed(client, server))
    once: dict[str, ServedModel] = {}  # a name that is listed twice is one model to whoever asks
    for model in found:
        once.setdefault(model.name, model)
    return [*once.values()]


def surely_lacks(server: Server, model: str) -> bool:
    """Whether a server would refuse a model, by the list that it has just sent.

    True of Ollama alone, which lists all that it has. Others serve names that they do not list:
    gateways their aliases and wildcards, vLLM and SGLang adapters that they load when asked,
    llama.cpp any name at all. Of Ollama's own, names with a registry and models that it does not
    run itself ("-cloud") are left to it.
    """
    if server.name != "Ollama" or not server.models or "/" in model or "cloud" in model.lower():
        return False
    return _untagged(model).lower() not in {_untagged(each).lower() for each in server.models}


async def _listed(client: Client, server: Server) -> list[ServedModel]:
    entries, loaded = list(server.entries), server.name in _ALWAYS_LOADED or None
    if server.name == "LM Studio":
        page = (await client.page("/api/v0/models", PROBE_SECONDS)).json()
        entries = _dicts(page, "data") or entries
    elif server.name == "LiteLLM":
        page = (await client.below("/model/info", PROBE_SECONDS)).json()
        known = {
            each["model_name"]: each["model_info"]
            for each in _dicts(page, "data")
            if is_name(each.get("model_name")) and isinstance(each.get("model_info"), dict)
        }
        entries = [{**known.get(each["id"], {}), **each} for each in entries]
    return [
        ServedModel(str(each["id"]), _window(each), _loaded(each, loaded))
        for each in entries
        if is_name(each.get("id")) and can_chat(str(each["id"]), each)
    ]


def can_chat(name: str, told: dict[str, Any]) -> bool:
    """Whether a model answers questions in words, by what is told of it, else by its name."""
    words = {word for field in _FIELDS for word in _words(told.get(field))}
    if words & _CHATS:
        return True
    if any(map(_is_other, [part for word in words for part in (word, *word.split("-"))])):
        return False
    return not any(map(_is_other, re.split(r"[^a-z0-9]+", name.lower())))


def _is_other(word: str) -> bool:
    return word in _OTHER_WORDS or word.startswith(_OTHERS)


def _words(value: Any) -> Iterable[str]:
    """Return the words of a field: of a text, of a list, or of what is true in an object."""
    if isinstance(value, dict):
        value = [name for name, holds in value.items() if holds]
    words = value if isinstance(value, list) else [value]
    return [word.lower() for word in words if isinstance(word, str)]


def _window(entry: dict[str, Any]) -> int | None:
    loaded = entry.get("loaded_context_length")  # LM Studio's, of a model in memory
    return loaded if is_count(loaded) else window_of(entry)


def _loaded(entry: dict[str, Any], otherwise: bool | None) -> bool | None:
    """Whether an entry is of a model in memory: LM Studio's state, llama.cpp's status."""
    state = entry.get("state", entry.get("status"))
    state = state.get("value") if isinstance(state, dict) else state
    return state == "loaded" if isinstance(state, str) else otherwise


def _untagged(name: str) -> str:
    return name.removesuffix(":latest")


def _dicts(body: Any, field: str) -> list[dict[str, Any]]:
    listed = body.get(field) if isinstance(body, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


async def _of_ollama(client: Client) -> list[ServedModel]:
    """Ask Ollama for its models, what is loaded, and what each can do.

    Its models have a tag; the usual one, ":latest", is left out, as people write their names.
    """
    tags, running = await asyncio.gather(
        client.page("/api/tags", PROBE_SECONDS), client.page("/api/ps", PROBE_SECONDS)
    )
    entries = [
        each
        for each in _dicts(tags.json(), "models")
        if is_name(each.get("name")) and _untagged(each["name"])
    ]
    shown = await _shown(client, [each["name"] for each in entries[:MOST_SHOWN]])
    loaded = {str(each.get("name")): each for each in _dicts(running.json(), "models")}
    found = []
    for entry in entries:
        name, details = entry["name"], entry.get("details")
        family = details.get("family") if isinstance(details, dict) else None
        told = {"type": family, **entry, **shown.get(name, {})}
        if can_chat(name, told):
            window = loaded.get(name, {}).get("context_length")
            window = window if is_count(window) else None
            found.append(ServedModel(_untagged(name), window, name in loaded))
    return found


async def _shown(client: Client, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    asked = [client.page("/api/show", PROBE_SECONDS, {"model": name}) for name in names]
    bodies = [answer.json() for answer in await asyncio.gather(*asked)]
    return {
        name: {"capabilities": body["capabilities"]}
        for name, body in zip(names, bodies, strict=True)
        if isinstance(body, dict) and body.get("capabilities")
    }
