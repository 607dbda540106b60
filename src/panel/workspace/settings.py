"""Settings: what panel.toml may hold, read and checked."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from panel.errors import Problem, UsageError, WorkspaceError
from panel.hashing import canonical_json
from panel.text import composed
from panel.workspace.addresses import endpoint_address
from panel.workspace.documents import FieldPath, Lines, read_text, reason_of, toml_lines
from panel.workspace.headers import HeaderName, HeaderValue, holds_secret
from panel.workspace.presets import EMBEDDED, PRESETS, Profile
from panel.workspace.validation import did_you_mean, validate

FILE = "panel.toml"


def _variable_name(text: Any) -> Any:
    if not isinstance(text, str) or not re.fullmatch(r"[A-Z_][A-Z0-9_]{0,79}", text):
        # The text is not shown: it may be the secret itself.
        raise ValueError(
            "is not the name of an environment variable. Write the name, such as MISTRAL_API_KEY; "
            "the key itself belongs in the environment."
        )
    return text


VariableName = Annotated[str, BeforeValidator(_variable_name)]


def _json_values(fields: dict[str, Any]) -> dict[str, Any]:
    try:
        canonical_json(fields)
    except (TypeError, ValueError):  # TOML knows inf, nan, dates, times and 5,000 digits
        raise ValueError(
            "holds a value that JSON cannot say (inf, nan, a date or a time). Write a number or "
            "text."
        ) from None
    return fields


class _Strict(BaseModel):
    # JSON, in which everything is sent and printed, has neither infinity nor NaN.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Sampling(_Strict):
    """What influences an answer besides its messages; part of every fingerprint.

    extra: fields of one server's own (min_p, repeat_penalty, ...), sent as they are.
    """

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=16, le=1_000_000)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    extra: Annotated[dict[str, Any], AfterValidator(_json_values)] = {}

    def over(self, base: Sampling) -> Sampling:
        """Return ``base``, overridden by what is set here."""
        extra = {**base.extra, **self.extra}
        return base.model_copy(update={**self.model_dump(exclude_none=True), "extra": extra})


DEEPEST = 32  # levels of tables and lists
LONGEST = 1_000_000  # characters of panel.toml
MOST_DOTS = 1000  # in one of its lines: reading a key takes the square of its parts
ATTEMPTS = 8  # tries of one request, the first included
TIMEOUT_SECONDS = 180.0
LONGEST_WAIT_SECONDS = 600.0


class Limits(_Strict):
    """How endpoints are asked; never part of a fingerprint. rpm, tpm: per minute.

    longest_wait_seconds: a run that a server asks to wait for longer ends instead.
    """

    concurrency: int | None = Field(default=None, ge=1, le=1000)
    timeout_seconds: float = Field(default=TIMEOUT_SECONDS, gt=0, le=86_400)
    longest_wait_seconds: float = Field(default=LONGEST_WAIT_SECONDS, ge=0, le=86_400)
    attempts: int = Field(default=ATTEMPTS, ge=1, le=20)
    rpm: int | None = Field(default=None, ge=1)
    tpm: int | None = Field(default=None, ge=1)


class Prices(_Strict):
    """US dollars per million tokens; ``cached`` is the price of cached prompt tokens."""

    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)


class EndpointSettings(_Strict):
    """One ``[endpoints.<name>]`` table.

    headers: sent with every request below base_url, and no secrets. headers_env: the same for
    secrets, each the name of the environment variable that holds it.
    """

    preset: str | None = None
    base_url: Annotated[str, AfterValidator(endpoint_address)] | None = None
    model: str | None = Field(default=None, min_length=1)
    api_key_env: VariableName | None = None
    headers: dict[HeaderName, HeaderValue] = {}
    headers_env: dict[HeaderName, VariableName] = {}
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
    """The ``[panel]`` table: the panel's personas (default: all), in order, and its endpoint."""

    personas: tuple[str, ...] | None = Field(default=None, min_length=1)
    endpoint: Annotated[str, AfterValidator(composed)] = EMBEDDED


class CiSettings(_Strict):
    """The ``[ci]`` table: what ``panel run --changed`` asks besides what is stale.

    canaries: slugs of unchanged tools that every such run asks again, to see whether the model
    has changed. canary_cells: the most of their cells that one run asks. repeats: how often each
    stale cell is asked. most_repeats: how often at most, while its answers are not sure; None for
    no more than ``repeats``.
    """

    canaries: tuple[Annotated[str, AfterValidator(composed)], ...] = ()
    canary_cells: int = Field(default=48, ge=1, le=100_000)
    repeats: int = Field(default=1, ge=1, le=1000)
    most_repeats: int | None = Field(default=None, ge=1, le=1000)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.most_repeats is not None and self.most_repeats < self.repeats:
            raise ValueError(
                f"most_repeats = {self.most_repeats} is below repeats = {self.repeats}. Raise it, "
                "or leave it out."
            )
        return self


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


def _one_line(text: str) -> str:
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError("holds a line break or a control character. Write it on one line.")
    return text


OneLine = Annotated[
    str, Field(min_length=1, max_length=300), AfterValidator(_one_line), AfterValidator(composed)
]


class SiteSettings(_Strict):
    """The ``[site]`` table: what ``panel publish`` writes, under which name and address.

    personas: ids of the reviewers that readers see; by default each joins with its first
    approved take. pairs: comparisons to make in any case, as slugs or names. all_pairs: whether
    to compare the tools of each category too, in at most ``max_pairs_per_category`` pairs.
    stale_price_days: the age from which a checked price is marked. community: whether pages
    have forms to vote and to subscribe, which only ``panel serve`` answers. newsletter: what the
    box to subscribe is headed with. votes_per_address: how many new votes on one tool count from
    one network address in 24 hours.
    """

    title: OneLine = "Panel verdicts"
    base_url: SiteUrl | None = None
    description: OneLine = "AI tools, reviewed by a panel of personas: ship or skip, and why."
    author: OneLine | None = None
    contact: OneLine | None = None
    personas: tuple[OneLine, ...] | None = Field(default=None, min_length=1)
    pairs: tuple[tuple[OneLine, OneLine], ...] = ()
    all_pairs: bool = True
    max_pairs_per_category: int = Field(default=100, ge=0, le=10_000)
    stale_price_days: int = Field(default=90, ge=1, le=3650)
    community: bool = False
    newsletter: OneLine = "Weekly AI Tool Verdicts"
    votes_per_address: int = Field(default=5, ge=1, le=10_000)


class Settings(_Strict):
    """All of panel.toml."""

    panel: PanelSettings = PanelSettings()
    sampling: Sampling = Sampling()
    limits: Limits = Limits()
    ci: CiSettings = CiSettings()
    endpoints: dict[Annotated[str, AfterValidator(composed)], EndpointSettings] = {}
    site: SiteSettings = SiteSettings()

    def endpoint_names(self) -> list[str]:
        """Return the endpoints that can be asked: those of the file, then the presets."""
        return [*self.endpoints, *PRESETS]


def cache_folder() -> Path:
    """Return where downloaded weights are kept: PANEL_CACHE, or a folder of the user's cache.

    Raises UsageError where neither is set and the user has no home folder.
    """
    chosen = os.environ.get("PANEL_CACHE")
    if chosen:
        return at_home(Path(chosen))
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else at_home(Path("~/.cache"))) / "reviewer-panel"


def at_home(path: Path) -> Path:
    """Return a path with a leading "~" or "~name" replaced; raises UsageError for an unknown home.

    A container that was started under a bare user number has neither HOME nor an entry in passwd.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise UsageError(
            f"nothing says which folder {path.parts[0]!r} in {str(path)!r} is: HOME is not set, "
            "and the system does not know the user. Set HOME; or set PANEL_CACHE to a folder, for "
            "the embedded model's weights."
        ) from None


_SECRET_KEYS = (
    *("api_key", "apikey", "key", "token", "access_token", "bearer", "bearer_token"),
    *("secret", "password", "authorization"),
)


def load_settings(root: Path) -> Settings:
    """Read ``panel.toml`` below ``root``; raises WorkspaceError with all its problems."""
    file = root / FILE
    source = read_text(file)
    if len(source) > LONGEST or any(line.count(".") > MOST_DOTS for line in source.split("\n")):
        message = f"has more than {LONGEST:,} characters, or {MOST_DOTS:,} dots in one line"
        raise WorkspaceError.single(file, None, "", message, "Shorten it.")
    try:
        fields = tomllib.loads(source)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else None
        raise WorkspaceError.single(
            file, line, "", f"is not valid TOML: {reason_of(error)}", "Correct that line."
        ) from None
    lines = toml_lines(source)
    if problems := _refused_secrets(fields, file, lines):
        raise WorkspaceError(problems)
    settings = validate(Settings, fields, file, lines)
    if problems := _endpoint_problems(settings, file, lines):
        raise WorkspaceError(problems)
    return settings


def _endpoint_problems(settings: Settings, file: Path, lines: Lines) -> list[Problem]:
    problems = []
    for name, table in settings.endpoints.items():
        place = f"endpoints.{name}"
        if table.preset is not None and table.preset not in PRESETS:
            message, remedy = (
                f"unknown preset {table.preset!r}",
                did_you_mean(table.preset, PRESETS),
            )
            line = lines(("endpoints", name, "preset"))
            problems.append(Problem(file, line, f"{place}.preset", message, remedy))
        elif (table.preset or name) not in PRESETS and not (table.base_url or table.weights):
            message = "has no base_url and no preset"
            remedy = "Add base_url, or preset = one of " + ", ".join(PRESETS) + "."
            problems.append(Problem(file, lines(("endpoints", name)), place, message, remedy))
        for header in _twice(table):
            message, line = "is set twice", lines(("endpoints", name, "headers_env", header))
            field = f"{place}.headers_env.{header}"
            problems.append(Problem(file, line, field, message, "Remove one of the two."))
    chosen = settings.panel.endpoint
    if chosen not in settings.endpoint_names():
        remedy = did_you_mean(chosen, settings.endpoint_names())
        message, line = f"there is no endpoint {chosen!r}", lines(("panel", "endpoint"))
        problems.append(Problem(file, line, "panel.endpoint", message, remedy))
    return problems


def _twice(table: EndpointSettings) -> list[str]:
    """Return the secret headers whose names stand elsewhere in the table, in capitals or not."""
    names = [name.lower() for name in (*table.headers, *table.headers_env)]
    return [name for name in table.headers_env if names.count(name.lower()) > 1]


def _is_secret(key: Any) -> bool:
    return str(key).lower().replace("-", "_") in _SECRET_KEYS


def _refused_secrets(
    table: dict[Any, Any], file: Path, lines: Lines, above: FieldPath = ()
) -> list[Problem]:
    problems: list[Problem] = []
    for key, value in table.items():
        path = (*above, key)
        header = above[-1:] == ("headers",)
        inner = dict(enumerate(value)) if isinstance(value, list) else value
        if isinstance(inner, dict):
            if len(path) > DEEPEST:  # what sends it could not nest as deep
                message, place = f"nests deeper than {DEEPEST} levels", ".".join(map(str, path))
                problem = Problem(file, lines(path), place, message, "Write it more plainly.")
                return [*problems, problem]
            if key != "headers_env":  # that holds names of variables
                problems += _refused_secrets(inner, file, lines, path)
        elif str(key).lower().replace("-", "_") in _SECRET_KEYS or (
            header and holds_secret(key, value)
        ):
            message = "a secret must not be in this file"
            written = f"headers_env = {{{key} = " if header else "api_key_env = "
            written += '"NAME_OF_THE_VARIABLE"' + ("}" if header else "")
            remedy = f"Set it in the environment and write {written}."
            problems.append(Problem(file, lines(path), ".".join(map(str, path)), message, remedy))
    return problems
