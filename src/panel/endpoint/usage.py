"""Token counts: read wherever a server puts them, what they cost, and what a run has spent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from panel.cells.lines import Attempt, Reading
from panel.workspace.endpoint_settings import Prices


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Token counts; None where the server gave none. The prompt's hold the cached ones.

    beside: of the completion's, those of thoughts that the server counts apart from it.
    """

    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    beside: int = 0


@dataclass(slots=True)
class RunUsage:
    """What a run has spent so far. Tokens only where the server counts them.

    degraded: replies found only in a reasoning field. models: names that the server returned.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0
    degraded: int = 0
    models: set[str] = field(default_factory=set)

    def add(self, request: Attempt | Reading) -> None:
        """Count one more request."""
        self.requests += 1
        self.prompt_tokens += request.prompt_tokens or 0
        self.completion_tokens += request.completion_tokens or 0
        self.cached_tokens += request.cached_tokens or 0
        self.cost_usd += request.cost_usd or 0
        self.degraded += isinstance(request, Attempt) and request.degraded
        if request.returned_model:
            self.models.add(request.returned_model)


def _count(value: Any) -> int | None:
    """Return a count of tokens; some gateways write it as text or with a decimal point."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,16}(\.0*)?\s*", value):
        value = float(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < 2**53 else None


# Where servers put a count, in the order of belief; the second word is a field of the first.
_PROMPT = (
    *("prompt_tokens", "input_tokens", "promptTokens", "inputTokens"),
    *("promptTokenCount", "prompt_eval_count"),  # Gemini, Ollama, where a gateway passes them on
)
_COMPLETION = (
    *("completion_tokens", "output_tokens", "completionTokens", "outputTokens"),
    *("candidatesTokenCount", "eval_count"),
)
_CACHED = (
    # OpenAI, vLLM (--enable-prompt-tokens-details), SGLang (--enable-cache-report), llama.cpp,
    # newer Ollamas, TensorRT-LLM, Mistral, Groq, xAI, Cerebras, Fireworks, OpenRouter, Gemini
    "prompt_tokens_details.cached_tokens",
    "input_tokens_details.cached_tokens",
    *("cache_read_input_tokens", "cacheReadInputTokens"),  # Anthropic, Bedrock
    "prompt_cache_hit_tokens",  # DeepSeek
    "cached_tokens",  # Together, Moonshot, Cohere
    *("num_cached_tokens", "cached_prompt_tokens", "cachedInputTokens"),
    "cached_prompt_text_tokens",  # xAI's own
    *("total_cached_tokens", "cachedContentTokenCount", "cached_content_token_count"),  # Gemini
    "prompt_eval_cached_count",  # Ollama's own
)
_TOTAL = ("total_tokens", "totalTokens", "totalTokenCount")
_THOUGHTS = (
    *("completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens"),
    *("reasoning_tokens", "thoughtsTokenCount"),
)
_BESIDE = ("cache_read_input_tokens", "cacheReadInputTokens")  # not in the prompt's count there
_WRITTEN = (  # into the cache, by this request
    *("cache_creation_input_tokens", "cacheWriteInputTokens"),
    "prompt_tokens_details.cache_creation_tokens",
    "prompt_tokens_details.cache_write_tokens",
)


def read_usage(usage: Any, timings: Any = None) -> TokenUsage:
    """Read the counts, with the cached tokens in the prompt's where the server left them out.

    OpenAI counts cached tokens as part of the prompt, Anthropic beside it. Which was meant
    shows where the sum is told, or where more is cached than the prompt is said to have. The sum
    shows as well where thoughts are counted beside the completion (xAI, Gemini): they are paid.
    No prompt is empty: a server that tells 0 does not count.
    timings: llama.cpp's, which tell what it took from its cache also where the usage does not.
    """
    if not isinstance(usage, dict):
        return TokenUsage(None, None, None)
    prompt, completion = _told(usage, _PROMPT), _told(usage, _COMPLETION)
    cached = _told(usage, _CACHED)
    if cached is None and isinstance(timings, dict):
        cached = _told(timings, ("cache_n",))
    beside = (cached or 0) + (_told(usage, _WRITTEN) or 0)
    total = _told(usage, _TOTAL)
    if prompt is not None and beside:
        anthropic = "prompt_tokens" not in usage and any(name in usage for name in _BESIDE)
        if anthropic or beside > prompt or total == prompt + beside + (completion or 0):
            prompt += beside
    if not prompt:
        return TokenUsage(None, completion or None, cached or None)
    rest = (total or 0) - prompt - (completion or 0)
    thoughts = _told(usage, _THOUGHTS)
    if completion is None or rest <= 0 or thoughts not in (None, rest):
        return TokenUsage(prompt, completion, cached)
    return TokenUsage(prompt, completion + rest, cached, rest)


def _told(usage: dict[str, Any], names: Iterable[str]) -> int | None:
    """Return the first of the counts that is told; one of 0 only where no other is."""
    counts = []
    for name in names:
        value: Any = usage
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        counts.append(_count(value))
    return next((count for count in counts if count), 0 if 0 in counts else None)


def cost(usage: TokenUsage, prices: Prices | None) -> float | None:
    """Return the US dollars for a request; None, not 0, when a price or a count is not known."""
    if prices is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    cached = usage.cached_tokens or 0
    cached_price = prices.prompt if prices.cached is None else prices.cached
    full = usage.prompt_tokens - min(cached, usage.prompt_tokens)
    total = full * prices.prompt + min(cached, usage.prompt_tokens) * cached_price
    return (total + usage.completion_tokens * prices.completion) / 1_000_000
