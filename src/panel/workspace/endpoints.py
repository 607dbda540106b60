"""Endpoints: preset, panel.toml, command line and environment put together."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from panel.errors import EndpointError, Problem, UnconfiguredError, UsageError, WorkspaceError
from panel.text import composed
from panel.workspace.addresses import ollama_host
from panel.workspace.catalogue import Pin, model_names, pinned
from panel.workspace.endpoint_settings import (
    ATTEMPTS,
    LONGEST_WAIT_SECONDS,
    TIMEOUT_SECONDS,
    EndpointSettings,
    Prices,
    Sampling,
)
from panel.workspace.headers import is_header_value
from panel.workspace.presets import (
    DEMO,
    EMBEDDED,
    EMBEDDED_MODEL,
    EXTRACTIVE,
    PRESETS,
    BatchService,
    Preset,
    Profile,
)
from panel.workspace.settings import Settings, at_home
from panel.workspace.settings_file import FILE
from panel.workspace.validation import did_you_mean

CHARACTERS_PER_TOKEN = 4.0  # rough, English prose; until the endpoint's own counts are known
BASE_SAMPLING = Sampling(temperature=0.7, max_tokens=1500)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A resolved endpoint: preset, panel.toml and command line put together.

    base_url: None for the embedded endpoint, which starts its own server. replicas: the addresses
    of other servers of the same model. headers: added to its
    requests; headers_env: those whose values are in environment variables. concurrency: the
    most requests in flight. longest_wait_seconds: the most that a server may ask a run to
    wait. attempts: tries of one request. rpm, tpm: requests and tokens a
    minute, None for no bound. profile: whether its model writes or only picks. weights, context,
    threads: for the embedded endpoint. weights: None for a model by name. context: tokens of one
    slot, None for as many as the longest question needs. chars_per_token: for estimates.
    logprobs: whether the probabilities of the reply's tokens are asked for; None where the server
    has been seen to tell them. batch: whose batch API it has, None for none that is known.
    batch_price_factor: what a request costs in a batch, as a share of its usual price; None where
    that is not known.
    """

    name: str
    preset: str | None
    base_url: str | None
    model: str
    api_key_env: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    headers_env: Mapping[str, str] = field(default_factory=dict)
    concurrency: int = 8
    timeout_seconds: float = TIMEOUT_SECONDS
    longest_wait_seconds: float = LONGEST_WAIT_SECONDS
    attempts: int = ATTEMPTS
    rpm: int | None = None
    tpm: int | None = None
    profile: Profile = "standard"
    weights: Path | None = None
    context: int | None = None
    threads: int | None = None
    sampling: Sampling = field(default_factory=Sampling)
    prices: Prices | None = None
    max_tokens_field: str = "max_tokens"
    seed_field: str = "seed"
    chars_per_token: float = CHARACTERS_PER_TOKEN
    logprobs: bool | None = None
    batch: BatchService | None = None
    batch_price_factor: float | None = None
    replicas: tuple[str, ...] = ()

    @property
    def batch_prices(self) -> Prices | None:
        """What tokens cost in a batch; None where that is not known."""
        factor = self.batch_price_factor
        if self.prices is None or factor is None:
            return None
        usual = self.prices.model_dump(exclude_none=True)
        return Prices(**{name: price * factor for name, price in usual.items()})

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address that the model is asked at; none for the embedded endpoint."""
        return () if self.base_url is None else (self.base_url, *self.replicas)

    def at(self, base_url: str | None) -> Endpoint:
        """Return the endpoint with this address alone."""
        return replace(self, base_url=base_url, replicas=())

    @property
    def embedded(self) -> bool:
        """Whether this program serves the model itself."""
        return self.base_url is None

    @property
    def demo(self) -> bool:
        """Whether its model only picks sentences, so that its verdicts are no judgement."""
        return self.profile == EXTRACTIVE

    def api_key(self) -> str | None:
        """Read the key from the environment; raises EndpointError naming the variable at fault."""
        return self._secret("its key", self.api_key_env) if self.api_key_env else None

    def secret_headers(self) -> dict[str, str]:
        """Read the headers that are secrets from the environment; raises as ``api_key`` does."""
        named = self.headers_env.items()
        return {header: self._secret(f"its header {header}", name) for header, name in named}

    def _secret(self, what: str, variable: str) -> str:
        secret = os.environ.get(variable, "").strip()
        if not secret:
            raise EndpointError(
                f"endpoint {self.name!r} needs {what} in the environment variable {variable}, "
                "which is not set. Set it and run again."
            )
        if not is_header_value(secret):
            raise EndpointError(
                f"{variable} holds a character that no HTTP header can carry, such as a line "
                "break or an accent. Copy it again."
            )
        return secret


def served_here() -> Sequence[str]:
    """Return the models that panel serves itself, by the names that say so."""
    return model_names()


def configured_endpoints(settings: Settings) -> list[str]:
    """Return the endpoints that panel.toml means where none is named: none, one, or undecided.

    That is ``[panel] endpoint``, else those whose own tables name a server.
    """
    if settings.panel.endpoint is not None:
        return [settings.panel.endpoint]
    return [name for name, table in settings.endpoints.items() if table.names_a_server]


def chosen_endpoint(settings: Settings, name: str | None, model: str | None) -> str | None:
    """Return the endpoint that a command means; None where nothing is configured.

    A model that panel serves itself names its endpoint, unless panel.toml's own has one of that
    name. Raises UsageError where panel.toml has several endpoints and does not choose.
    """
    if name:
        return composed(name)
    configured = configured_endpoints(settings)
    tables = (settings.endpoints.get(each, EndpointSettings()) for each in configured)
    if model and model in served_here() and model not in {table.model for table in tables}:
        return EMBEDDED
    if len(configured) > 1:
        named = ", ".join(map(repr, configured))
        raise UsageError(
            f"{FILE} has the endpoints {named} and does not say which is meant. Pass --endpoint "
            f'{configured[0]}, or write endpoint = "{configured[0]}" under [panel].'
        )
    return configured[0] if configured else None


def resolve_endpoint(
    settings: Settings,
    root: Path,
    name: str | None = None,
    model: str | None = None,
    model_needed: bool = True,
) -> Endpoint:
    """Put preset, panel.toml and command line together into one Endpoint.

    Raises UsageError for an unknown endpoint, or one that names no model where
    ``model_needed``; the model is "" otherwise. Raises UnconfiguredError where nothing says which
    endpoint is meant.
    """
    name = chosen_endpoint(settings, name, model)
    if name is None:
        raise UnconfiguredError(
            "no endpoint is configured. Name one with --endpoint NAME --model MODEL; 'panel "
            f"setup' writes it into {FILE}."
        )
    names = settings.endpoint_names()
    if name not in names:
        raise UsageError(f"there is no endpoint {name!r}. {did_you_mean(name, names)}")
    table = settings.endpoints.get(name, EndpointSettings())
    preset = table.preset or (name if name in PRESETS else None)
    if preset is None and table.weights is not None:
        preset = EMBEDDED
    known = PRESETS.get(preset or "", {})
    served: dict[str, Any] = {}
    if table.weights is not None:
        weights = root / at_home(table.weights)
        served = {"weights": weights, "model": table.model or weights.stem.lower()}
    elif preset == EMBEDDED and not table.base_url and not table.base_urls:
        model = _pin(name, model or table.model or EMBEDDED_MODEL).name
        known = {**known, **(DEMO if model == EMBEDDED_MODEL else {})}
        served = {"model": model}
    merged = _merged(settings, table, known, preset) | served
    merged["model"] = _model(name, merged, model)
    if preset == "ollama":  # its usual tag, which people leave out
        merged["model"] = merged["model"].removesuffix(":latest")
    if not merged["model"] and model_needed:
        raise UsageError(
            f'endpoint {name!r} names no model. Pass --model NAME, or write model = "NAME" under '
            f"[endpoints.{name}] in {FILE}; 'panel doctor --endpoint {shlex.quote(name)}' lists "
            "its models."
        )
    usual = Sampling(**known.get("sampling", {})).over(BASE_SAMPLING)
    return Endpoint(
        name=name,
        preset=preset,
        attempts=settings.limits.attempts,
        longest_wait_seconds=settings.limits.longest_wait_seconds,
        sampling=table.sampling.over(settings.sampling.over(usual)),
        prices=table.prices,
        **merged,
    )


def _merged(
    settings: Settings, table: EndpointSettings, known: Preset, preset: str | None
) -> dict[str, Any]:
    """Return an endpoint's fields: its table over [limits] over what is known beforehand."""
    limits = settings.limits
    merged: dict[str, Any] = {
        "base_url": None,
        "model": None,
        "timeout_seconds": limits.timeout_seconds,
        **known,
        "rpm": limits.rpm,
        "tpm": limits.tpm,
    }
    merged.pop("sampling", None)
    if limits.concurrency is not None and preset != EMBEDDED:
        merged["concurrency"] = limits.concurrency
    if preset == "ollama" and table.base_url is None and (told := ollama_host()) is not None:
        merged["base_url"] = told
    if "timeout_seconds" in limits.model_fields_set:
        merged["timeout_seconds"] = limits.timeout_seconds
    if table.base_urls:
        merged["base_url"], *replicas = table.base_urls
        merged["replicas"] = tuple(replicas)
    others = {"preset", "sampling", "prices", "base_urls"}
    return merged | table.model_dump(exclude_none=True, exclude=others)


def _pin(name: str, model: str) -> Pin:
    """Return the model of a name; raises UsageError for one that nobody knows."""
    pin = pinned(model)
    if pin is None:
        raise UsageError(
            f"endpoint {name!r} serves no model {model!r}. {did_you_mean(model, model_names())} "
            f"'panel fetch' lists them. Another GGUF file is one line in {FILE}: "
            f'[endpoints.{name}] weights = "FILE.gguf".'
        )
    return pin


def _model(name: str, merged: dict[str, Any], model: str | None) -> str:
    """Return the model to ask: the one wanted, else the endpoint's, else ""."""
    served: str | None = merged["model"]
    if merged["base_url"] is None and model not in (None, served):
        raise UsageError(
            f"endpoint {name!r} serves {served!r} only. Another GGUF file is one line in "
            f'{FILE}: [endpoints.{name}] weights = "FILE.gguf".'
        )
    return model or served or ""


def check_endpoint(settings: Settings, root: Path) -> None:
    """Check the endpoint that a run would ask; raises WorkspaceError for what it lacks.

    Where none is configured, or several are, the command says which.
    """
    file, configured = root / FILE, configured_endpoints(settings)
    if len(configured) != 1:
        return
    [name] = configured
    try:
        endpoint = resolve_endpoint(settings, root, name)
    except UsageError as error:
        message, remedy = str(error).split(". ", 1)
        raise WorkspaceError.single(file, None, f"endpoints.{name}", message, remedy) from None
    if endpoint.weights is not None and not endpoint.weights.is_file():
        message = f"there is no file {endpoint.weights}"
        problem = Problem(file, None, f"endpoints.{name}.weights", message, "Correct the path.")
        raise WorkspaceError([problem])
