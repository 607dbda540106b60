"""Presets: what is known beforehand of the servers and services that people use."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Profile = Literal["standard", "extractive"]
BatchService = Literal["openai", "mistral", "together"]

# The profile of a model that cannot be trusted with words: it picks sentences of the description.
EXTRACTIVE: Literal["extractive"] = "extractive"
EMBEDDED = "embedded"
EMBEDDED_MODEL = "smollm2-135m-instruct-q4_1"


class Preset(TypedDict, total=False):
    """Settings of an endpoint that hold unless panel.toml says otherwise.

    concurrency: the most requests in flight; how many of them pay is found out while asking.
    sampling: fields of ``settings.Sampling``. max_tokens_field, seed_field: what the server
    calls these fields. batch, batch_price_factor: as in ``settings.EndpointSettings``.
    """

    base_url: str
    model: str
    api_key_env: str
    concurrency: int
    timeout_seconds: float
    profile: Profile
    sampling: dict[str, Any]
    max_tokens_field: str
    seed_field: str
    batch: BatchService
    batch_price_factor: float


PRESETS: dict[str, Preset] = {
    # A large model on a small machine takes minutes for one answer, and begins it again after a
    # timeout; nobody else is served.
    EMBEDDED: {"concurrency": 1, "timeout_seconds": 3600.0},
    # Loading a large model takes minutes, during which Ollama and LM Studio let a request hang.
    "ollama": {"base_url": "http://localhost:11434/v1", "concurrency": 4, "timeout_seconds": 600.0},
    "vllm": {"base_url": "http://localhost:8000/v1", "concurrency": 32},
    "llamacpp": {"base_url": "http://localhost:8080/v1", "concurrency": 4},
    "lmstudio": {
        "base_url": "http://localhost:1234/v1",
        "concurrency": 4,
        "timeout_seconds": 600.0,
    },
    "sglang": {"base_url": "http://localhost:30000/v1", "concurrency": 32},
    # Any other server that was found on this machine.
    "local": {"base_url": "http://localhost:8000/v1", "concurrency": 4, "timeout_seconds": 600.0},
    "mistral": {
        "base_url": "https://api.mistral.ai/v1",
        "api_key_env": "MISTRAL_API_KEY",
        "concurrency": 4,
        "seed_field": "random_seed",
        "batch": "mistral",
        "batch_price_factor": 0.5,
    },
    "openai": {
        "base_url": "https://api.openai.com/v1",
        "api_key_env": "OPENAI_API_KEY",
        "concurrency": 16,
        "max_tokens_field": "max_completion_tokens",
        "batch": "openai",
        "batch_price_factor": 0.5,
    },
    "openrouter": {
        "base_url": "https://openrouter.ai/api/v1",
        "api_key_env": "OPENROUTER_API_KEY",
        "concurrency": 8,
    },
}
# The embedded endpoint with its smallest model: what holds for no other model there.
DEMO: Preset = {
    "model": EMBEDDED_MODEL,
    "timeout_seconds": 600.0,
    "profile": EXTRACTIVE,
    "sampling": {
        "top_p": 0.9,
        "max_tokens": 1200,
        "seed": 7,
        "extra": {"min_p": 0.1, "repeat_penalty": 1.1},
    },
}
