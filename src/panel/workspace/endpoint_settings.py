"""What panel.toml may say of an endpoint: where it is, how it is asked, sampling, prices."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from panel.hashing import canonical_json
from panel.workspace.addresses import endpoint_address
from panel.workspace.fields import Strict
from panel.workspace.headers import HeaderName, HeaderValue
from panel.workspace.mistakes import shown
from panel.workspace.presets import BatchService, Profile


def _variable_name(text: Any) -> Any:
    if not isinstance(text, str) or not re.fullmatch(r"[A-Z_][A-Z0-9_]{0,79}", text):
        # The text is not shown: it may be the secret itself.
        raise ValueError(
            "is not the name of an environment variable. Write the name, such as MISTRAL_API_KEY; "
            "the key itself belongs in the environment."
        )
    return text


VariableName = Annotated[str, BeforeValidator(_variable_name)]


# What is asked, of whom and in which form: the fields of a request that the program makes of the
# cell, and those that have a setting of their own.
_NOT_EXTRA = {
    *("model", "messages", "stream", "n", "response_format", "structured_outputs"),
    *("tools", "tool_choice", "functions", "function_call", "logprobs", "top_logprobs"),
    *("temperature", "top_p", "max_tokens", "max_completion_tokens", "seed"),
}


def _extra(fields: dict[str, Any]) -> dict[str, Any]:
    if ours := [name for name in fields if name.casefold() in _NOT_EXTRA]:  # to some, case is none
        raise ValueError(
            f"names {shown(ours[0])}, which the program itself sends, or not. Remove it."
        )
    try:
        canonical_json(fields)
    except (TypeError, ValueError):  # TOML knows inf, nan, dates, times and 5,000 digits
        raise ValueError(
            "holds a value that JSON cannot say (inf, nan, a date or a time). Write a number or "
            "text."
        ) from None
    return fields


class Sampling(Strict):
    """What influences an answer besides its messages; part of every fingerprint.

    extra: fields of one server's own (min_p, repeat_penalty, ...), sent as they are; none of those
    that the program sends, or what a model was asked would not be what is on record.
    """

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=16, le=1_000_000)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    extra: Annotated[dict[str, Any], AfterValidator(_extra)] = Field(default_factory=dict)

    def over(self, base: Sampling) -> Sampling:
        """Return ``base``, overridden by what is set here."""
        extra = {**base.extra, **self.extra}
        return base.model_copy(update={**self.model_dump(exclude_none=True), "extra": extra})


ATTEMPTS = 8  # tries of one request, the first included
TIMEOUT_SECONDS = 180.0
LONGEST_WAIT_SECONDS = 600.0


class Limits(Strict):
    """How endpoints are asked; never part of a fingerprint. rpm, tpm: per minute.

    longest_wait_seconds: a run that a server asks to wait for longer ends instead.
    """

    concurrency: int | None = Field(default=None, ge=1, le=1000)
    timeout_seconds: float = Field(default=TIMEOUT_SECONDS, gt=0, le=86_400)
    longest_wait_seconds: float = Field(default=LONGEST_WAIT_SECONDS, ge=0, le=86_400)
    attempts: int = Field(default=ATTEMPTS, ge=1, le=20)
    rpm: int | None = Field(default=None, ge=1)
    tpm: int | None = Field(default=None, ge=1)


class Prices(Strict):
    """US dollars per million tokens; ``cached`` is the price of cached prompt tokens."""

    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)


EndpointAddress = Annotated[str, AfterValidator(endpoint_address)]


class EndpointSettings(Strict):
    """One ``[endpoints.<name>]`` table.

    base_urls: in place of base_url, the addresses of several servers of one model. headers: sent
    with every request below those, and no secrets. headers_env: the same for secrets, each the
    name of the environment variable that holds it. logprobs: whether to ask for the probabilities
    of the reply's tokens; by default where 'panel doctor' has seen them.
    batch: whose batch API the endpoint has. batch_price_factor: what a request costs there, as a
    share of its usual price.
    """

    preset: str | None = None
    base_url: EndpointAddress | None = None
    base_urls: Annotated[tuple[EndpointAddress, ...], Field(min_length=1)] | None = None
    model: str | None = Field(default=None, min_length=1)
    api_key_env: VariableName | None = None
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    headers_env: dict[HeaderName, VariableName] = Field(default_factory=dict)
    concurrency: int | None = Field(default=None, ge=1, le=1000)
    timeout_seconds: float | None = Field(default=None, gt=0, le=86_400)
    rpm: int | None = Field(default=None, ge=1)
    tpm: int | None = Field(default=None, ge=1)
    profile: Profile | None = None
    weights: Path | None = None
    context: int | None = Field(default=None, ge=512)
    threads: int | None = Field(default=None, ge=1, le=1024)
    logprobs: bool | None = None
    batch: BatchService | None = None
    batch_price_factor: float | None = Field(default=None, ge=0, le=10)
    sampling: Sampling = Sampling()
    prices: Prices | None = None

    @property
    def names_a_server(self) -> bool:
        """Whether the table says who is to be asked, and not only how.

        A key or a header is for one server: what has any goes to none that was only found.
        """
        own = (self.preset, self.base_url, self.base_urls, self.model, self.weights)
        return any((*own, self.api_key_env, self.headers, self.headers_env))
