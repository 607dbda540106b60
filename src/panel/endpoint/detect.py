"""Looks at an endpoint: which server, which models, and whether schemas are enforced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from panel.endpoint.client import Answer, Client
from panel.endpoint.faults import judge
from panel.endpoint.replies import read_reply
from panel.settings import Endpoint

Enforced = Literal["enforced", "not enforced", "refused", "unknown"]

# How servers sign their model lists (field owned_by).
_OWNERS = {
    "vllm": "vLLM",
    "sglang": "SGLang",
    "llamacpp": "llama.cpp",
    "organization_owner": "LM Studio",
    "library": "Ollama",
    "mistralai": "Mistral",
    "openai": "OpenAI",
    "system": "OpenAI",
}
# The question asks for a word that the schema forbids: only a server that really holds the
# model to the schema answers with one of the two allowed ones.
_CANARY = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": ["k7", "q9"]}},
    "required": ["answer"],
    "additionalProperties": False,
}
_QUESTION = 'Reply with the JSON object {"answer": "banana"} and nothing else.'


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found. fault: why the endpoint cannot be used, None when it can.

    structured_output: enforced; not enforced (the schema was ignored); refused (an error);
    unknown (no model to ask).
    """

    server: str
    models: list[str]
    structured_output: Enforced
    fault: str | None
    seconds: float


async def diagnose(client: Client, endpoint: Endpoint) -> Diagnosis:
    """Ask for the model list, then the canary question. Never raises for what a server does."""
    listing = await client.models()
    if listing.transport_fault is not None:
        missing = judge(listing, schema_sent=False)
        fault = f"{missing.label}: {missing.detail}" if missing else None
        return Diagnosis("unknown", [], "unknown", fault, listing.seconds)
    models, server = _models(listing)
    if not endpoint.model:
        return Diagnosis(server, models, "unknown", None, listing.seconds)
    answer = await client.complete(
        {
            "model": endpoint.model,
            "messages": [{"role": "user", "content": _QUESTION}],
            "temperature": 0,
            endpoint.max_tokens_field: 64,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "canary", "strict": True, "schema": _CANARY},
            },
        }
    )
    fault_found = judge(answer, schema_sent=True)
    if fault_found is None:
        completion = answer.completion()
        text = read_reply(completion).text if completion else ""
        held = '"k7"' in text or '"q9"' in text
        return Diagnosis(
            server, models, "enforced" if held else "not enforced", None, answer.seconds
        )
    if fault_found.action == "degrade":
        return Diagnosis(server, models, "refused", None, answer.seconds)
    fault = f"{fault_found.label}: {fault_found.detail}"
    return Diagnosis(server, models, "unknown", fault, answer.seconds)


def _models(listing: Answer) -> tuple[list[str], str]:
    body: Any = listing.json()
    entries = body.get("data") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        return [], "unknown"
    found = [entry for entry in entries if isinstance(entry, dict) and "id" in entry]
    owners = {str(entry.get("owned_by")) for entry in found}
    names = [name for owner, name in _OWNERS.items() if owner in owners]
    if any("supported_parameters" in entry for entry in found):
        names = ["OpenRouter"]
    return [str(entry["id"]) for entry in found], names[0] if names else "unknown"
