"""Settings: panel.toml, the endpoint presets and the secrets of the environment."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from panel.errors import EndpointError, Problem, UsageError, WorkspaceError
from panel.workspace.documents import FieldPath, Lines, read_text, toml_lines
from panel.workspace.validation import did_you_mean, validate

FILE = "panel.toml"
EMBEDDED = "embedded"
CHARACTERS_PER_TOKEN = 4.0  # rough, English prose; until the endpoint's own counts are known
EMBEDDED_MODEL = "smollm2-135m-instruct-q4_1"

Profile = Literal["standard", "embedded"]

_SECRET_IN_QUERY = re.compile(r"(?i)(^|&)[^=&]*(key|token|secret|password|auth)[^=&]*=")


def _variable_name(text: Any) -> Any:
    if not isinstance(text, str) or not re.fullmatch(r"[A-Z_][A-Z0-9_]{0,79}", text):
        # Not shown: what does not look like a name may be the secret itself.
        raise ValueError(
            "is not the name of an environment variable. Write the name, such as MISTRAL_API_KEY; "
            "the key itself belongs into the environment."
        )
    return text


def _base_url(text: str) -> str:
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        _ = parts.port  # raises where it is none
    except ValueError:  # its message may hold a password
        raise ValueError("is not a web address. Begin it with http:// or https://.") from None
    if "@" in parts.netloc or parts.fragment or _SECRET_IN_QUERY.search(parts.query):
        raise ValueError("holds credentials. Put the key into the environment (api_key_env).")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        # Not shown: a key that was put into the wrong line would be.
        raise ValueError("is not a web address. Begin it with http:// or https://.")
    return text.rstrip("/").removesuffix("/chat/completions").rstrip("/")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sampling(_Strict):
    """What shapes an answer besides its messages; part of every fingerprint.

    ``extra`` holds fields of one server's own (min_p, repeat_penalty, ...), sent as they are.
    """

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=16, le=1_000_000)
    seed: int | None = None
    extra: dict[str, Any] = {}

    def over(self, base: Sampling) -> Sampling:
        """Return ``base`` with what is set here put over it."""
        extra = {**base.extra, **self.extra}
        return base.model_copy(update={**self.model_dump(exclude_none=True), "extra": extra})


class Limits(_Strict):
    """Operational knobs: never part of a fingerprint."""

    concurrency: int | None = Field(default=None, ge=1, le=1000)
    timeout_seconds: float = Field(default=180.0, gt=0, le=86_400)
    attempts: int = Field(default=8, ge=1, le=20)
    rpm: int | None = Field(default=None, ge=1)
    tpm: int | None = Field(default=None, ge=1)


class Prices(_Strict):
    """US dollars per million tokens; ``cached`` is the price of cached prompt tokens."""

    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)


class EndpointSettings(_Strict):
    """One ``[endpoints.<name>]`` table."""

    preset: str | None = None
    base_url: Annotated[str, AfterValidator(_base_url)] | None = None
    model: str | None = Field(default=None, min_length=1)
    api_key_env: Annotated[str, BeforeValidator(_variable_name)] | None = None
    concurrency: int | None = Field(default=None, ge=1, le=1000)
    timeout_seconds: float | None = Field(default=None, gt=0, le=86_400)
    rpm: int | None = Field(default=None, ge=1)
    tpm: int | None = Field(default=None, ge=1)
    profile: Profile | None = None
    weights: Path | None = None
    context: int | None = Field(default=None, ge=512)
    threads: int | None = Field(default=None, ge=1, le=1024)
    sampling: Sampling = Sampling()
    prices: Prices | None = None


class PanelSettings(_Strict):
    """The ``[panel]`` table: the personas of the panel (default: all) and the endpoint."""

    personas: tuple[str, ...] | None = Field(default=None, min_length=1)
    endpoint: str = EMBEDDED


class CiSettings(_Strict):
    """The ``[ci]`` table: what ``panel run --changed`` asks besides what is stale.

    canaries: slugs of unchanged tools that are asked again in every such run, to see whether
    the model has moved. repeats: how often each stale cell is asked.
    """

    canaries: tuple[str, ...] = ()
    repeats: int = Field(default=1, ge=1, le=1000)


def _site_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a web address. Begin it with https:// or http://.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\\]", text):
        raise ValueError("is not a web address. Begin it with https:// or http://.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("holds more than an address. Leave out '@', '?' and '#'.")
    return text.rstrip("/") + "/"


SiteUrl = Annotated[str, AfterValidator(_site_url)]
OneLine = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]


class SiteSettings(_Strict):
    """The ``[site]`` table: what ``panel publish`` writes, and under which name and address.

    pairs: comparisons that are always made, as slugs or names. all_pairs: also those within
    each category, at most ``max_pairs_per_category`` of them. stale_price_days: the age at
    which a checked price is marked. community: whether pages have forms to vote and to
    subscribe, which only ``panel serve`` answers.
    """

    title: OneLine = "Panel verdicts"
    base_url: SiteUrl | None = None
    description: OneLine = "AI tools, reviewed by a panel of personas: ship or skip, and why."
    author: OneLine | None = None
    contact: OneLine | None = None
    pairs: tuple[tuple[OneLine, OneLine], ...] = ()
    all_pairs: bool = True
    max_pairs_per_category: int = Field(default=100, ge=0, le=10_000)
    stale_price_days: int = Field(default=90, ge=1, le=3650)
    community: bool = False


class Settings(_Strict):
    """All of panel.toml."""

    panel: PanelSettings = PanelSettings()
    sampling: Sampling = Sampling()
    limits: Limits = Limits()
    ci: CiSettings = CiSettings()
    endpoints: dict[str, EndpointSettings] = {}
    site: SiteSettings = SiteSettings()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A resolved endpoint: preset, panel.toml and command line put together.

    base_url is None for the embedded endpoint, which starts its own server. rpm, tpm:
    requests and tokens a minute, None for no bound. chars_per_token: for estimates.
    """

    name: str
    preset: str | None
    base_url: str | None
    model: str
    api_key_env: str | None = None
    concurrency: int = 8
    timeout_seconds: float = 180.0
    attempts: int = 8
    rpm: int | None = None
    tpm: int | None = None
    profile: Profile = "standard"
    weights: Path | None = None
    context: int = 8192
    threads: int | None = None
    sampling: Sampling = field(default_factory=Sampling)
    prices: Prices | None = None
    max_tokens_field: str = "max_tokens"
    seed_field: str = "seed"
    chars_per_token: float = CHARACTERS_PER_TOKEN

    @property
    def embedded(self) -> bool:
        """Whether this program serves the model itself."""
        return self.base_url is None

    def api_key(self) -> str | None:
        """Read the key from the environment; raises EndpointError naming an unset variable."""
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise EndpointError(
                f"endpoint {self.name!r} wants its key in the environment variable "
                f"{self.api_key_env}, which is not set. Set it and run again."
            )
        return key


def cache_folder() -> Path:
    """Return where downloaded weights are kept: PANEL_CACHE, or a folder of the user's cache."""
    chosen = os.environ.get("PANEL_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "reviewer-panel"


BASE_SAMPLING = Sampling(temperature=0.7, max_tokens=1500)

# What each preset knows. Concurrency is the most requests in flight; limits.py finds how many
# of them pay.
PRESETS: dict[str, dict[str, Any]] = {
    EMBEDDED: {
        "model": EMBEDDED_MODEL,
        "concurrency": 1,
        "timeout_seconds": 600.0,
        "profile": "embedded",
        "sampling": Sampling(
            top_p=0.9, max_tokens=1200, seed=7, extra={"min_p": 0.1, "repeat_penalty": 1.1}
        ),
    },
    # Loading a large model takes minutes, during which Ollama and LM Studio let a request hang.
    "ollama": {
        "base_url": "http://localhost:11434/v1",
        "concurrency": 4,
        "timeout_seconds": 600.0,
    },
    "vllm": {"base_url": "http://localhost:8000/v1", "concurrency": 32},
    "llamacpp": {"base_url": "http://localhost:8080/v1", "concurrency": 4},
    "lmstudio": {
        "base_url": "http://localhost:1234/v1",
        "concurrency": 4,
        "timeout_seconds": 600.0,
    },
    "mistral": {
        "base_url": "https://api.mistral.ai/v1",
        "api_key_env": "MISTRAL_API_KEY",
        "concurrency": 4,
        "seed_field": "random_seed",
    },
    "openai": {
        "base_url": "https://api.openai.com/v1",
        "api_key_env": "OPENAI_API_KEY",
        "concurrency": 16,
        "max_tokens_field": "max_completion_tokens",
    },
    "openrouter": {
        "base_url": "https://openrouter.ai/api/v1",
        "api_key_env": "OPENROUTER_API_KEY",
        "concurrency": 8,
    },
}

_SECRET_KEYS = (
    *("api_key", "apikey", "key", "token", "access_token", "bearer", "bearer_token"),
    *("secret", "password", "authorization"),
)


def load_settings(root: Path) -> Settings:
    """Read ``panel.toml`` below ``root``; raises WorkspaceError with all its problems."""
    file = root / FILE
    source = read_text(file)
    try:
        fields = tomllib.loads(source)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else None
        raise WorkspaceError(
            [Problem(file, line, "", f"is not valid TOML: {error}", "Correct that line.")]
        ) from None
    lines = toml_lines(source)
    problems = _refused_secrets(fields, file, lines)
    if problems:
        raise WorkspaceError(problems)
    settings = validate(Settings, fields, file, lines)
    for name, table in settings.endpoints.items():
        if table.preset is not None and table.preset not in PRESETS:
            message, remedy = (
                f"unknown preset {table.preset!r}",
                did_you_mean(table.preset, PRESETS),
            )
            line = lines(("endpoints", name, "preset"))
            problems.append(Problem(file, line, f"endpoints.{name}.preset", message, remedy))
        elif (table.preset or name) not in PRESETS and not (table.base_url or table.weights):
            message = "has no base_url and no preset"
            remedy = "Add base_url, or preset = one of " + ", ".join(PRESETS) + "."
            line = lines(("endpoints", name))
            problems.append(Problem(file, line, f"endpoints.{name}", message, remedy))
    if not _known(settings, settings.panel.endpoint):
        message = f"there is no endpoint {settings.panel.endpoint!r}"
        remedy = did_you_mean(settings.panel.endpoint, [*settings.endpoints, *PRESETS])
        line = lines(("panel", "endpoint"))
        problems.append(Problem(file, line, "panel.endpoint", message, remedy))
    if problems:
        raise WorkspaceError(problems)
    return settings


def _refused_secrets(
    table: dict[str, Any], file: Path, lines: Lines, above: FieldPath = ()
) -> list[Problem]:
    problems = []
    for key, value in table.items():
        path = (*above, key)
        if isinstance(value, dict):
            problems += _refused_secrets(value, file, lines, path)
        elif key.lower().replace("-", "_") in _SECRET_KEYS:
            message = "a secret may not stand in this file"
            remedy = 'Set it in the environment and write api_key_env = "NAME_OF_THE_VARIABLE".'
            problems.append(Problem(file, lines(path), ".".join(map(str, path)), message, remedy))
    return problems


def _known(settings: Settings, name: str) -> bool:
    return name in settings.endpoints or name in PRESETS


def resolve_endpoint(
    settings: Settings,
    root: Path,
    name: str | None = None,
    model: str | None = None,
    model_needed: bool = True,
) -> Endpoint:
    """Put preset, panel.toml and command line together into one Endpoint.

    Raises UsageError for an unknown endpoint, or one that names no model where
    ``model_needed``; the model is "" otherwise.
    """
    name = name or settings.panel.endpoint
    if not _known(settings, name):
        raise UsageError(
            f"there is no endpoint {name!r}. {did_you_mean(name, [*settings.endpoints, *PRESETS])}"
        )
    table = settings.endpoints.get(name, EndpointSettings())
    preset = table.preset or (name if name in PRESETS else None)
    if preset is None and table.weights is not None:
        preset = EMBEDDED
    known = dict(PRESETS.get(preset or "", {}))
    base = settings.sampling.over(known.pop("sampling", Sampling()).over(BASE_SAMPLING))
    written = table.model_dump(exclude_none=True, exclude={"preset", "sampling", "prices"})
    if settings.limits.concurrency is not None and preset != EMBEDDED:
        known["concurrency"] = settings.limits.concurrency
    known |= settings.limits.model_dump(include={"rpm", "tpm"})
    if "timeout_seconds" in settings.limits.model_fields_set or "timeout_seconds" not in known:
        known["timeout_seconds"] = settings.limits.timeout_seconds
    merged = {"base_url": None, "model": None, **known, **written}
    if table.weights is not None:
        merged["weights"] = root / table.weights.expanduser()
        merged["model"] = table.model or merged["weights"].stem.lower()
        # Examples and length bounds are for the default 135M model alone.
        merged["profile"] = table.profile or "standard"
    if merged["base_url"] is None and model not in (None, merged["model"]):
        raise UsageError(
            f"endpoint {name!r} serves {merged['model']!r} only. Another GGUF file is one line in "
            f'{FILE}: [endpoints.{name}] weights = "FILE.gguf".'
        )
    merged["model"] = model or merged["model"] or ""
    if not merged["model"] and model_needed:
        raise UsageError(
            f'endpoint {name!r} names no model. Pass --model NAME, or write model = "NAME" under '
            f"[endpoints.{name}] in {FILE}; 'panel doctor --endpoint {name}' lists those there."
        )
    return Endpoint(
        name=name,
        preset=preset,
        attempts=settings.limits.attempts,
        sampling=table.sampling.over(base),
        prices=table.prices,
        **merged,
    )


def check_endpoint(settings: Settings, root: Path) -> None:
    """Check the endpoint that a run would ask; raises WorkspaceError for what it lacks."""
    file, name = root / FILE, settings.panel.endpoint
    try:
        endpoint = resolve_endpoint(settings, root)
    except UsageError as error:
        message, remedy = str(error).split(". ", 1)
        raise WorkspaceError([Problem(file, None, f"endpoints.{name}", message, remedy)]) from None
    if endpoint.weights is not None and not endpoint.weights.is_file():
        message = f"there is no file {endpoint.weights}"
        problem = Problem(file, None, f"endpoints.{name}.weights", message, "Correct the path.")
        raise WorkspaceError([problem])
