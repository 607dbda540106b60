"""Settings: what panel.toml may hold."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from panel.errors import UsageError
from panel.text import composed
from panel.workspace.endpoint_settings import EndpointSettings, Limits, Sampling
from panel.workspace.fields import Strict
from panel.workspace.media import MediaName
from panel.workspace.mistakes import shown
from panel.workspace.presets import PRESETS


def _language(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}", text):
        raise ValueError(
            f"{shown(text)} is not the code of a language (BCP 47). Write one such as en, fr or "
            "pt-BR."
        )
    return text


def _month(text: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
        raise ValueError(f'{shown(text)} is not a month. Write year and month, such as "2026-11".')
    return text


class PanelSettings(Strict):
    """The ``[panel]`` table: the panel's personas (default: all), in order, and its endpoint.

    endpoint: by default the only one that has a table of its own; without any, a server is looked
    for on this machine (endpoint/choice.py). language: a BCP 47 code; the reviewers write in it.
    as_of: the month (YYYY-MM) that they take for the present one; without it they are told that
    the date is unknown. Both stand in the prompts, so a change asks again.
    """

    personas: tuple[str, ...] | None = Field(default=None, min_length=1)
    endpoint: Annotated[str, AfterValidator(composed)] | None = None
    language: Annotated[str, AfterValidator(_language)] = "en"
    as_of: Annotated[str, AfterValidator(_month)] | None = None


class CiSettings(Strict):
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


def _colour(text: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError(f"{shown(text)} is not a colour. Write one such as #0b6e4f.")
    return text.lower()


_OWN = (
    *("tools", "personas", "prompts", "experiments", "probes", "verdicts", "editorial", "media"),
    *("runs", "community", "digests"),
)


def _site_folder(text: str) -> str:
    parts = text.split("/")
    plain = all(part and part[0] != "." for part in parts) and not re.search(
        r"[\\:\x00-\x1f]", text
    )
    if not plain or parts[0].casefold() in _OWN:
        raise ValueError(
            f"{shown(text)} is not a folder for a site. Name one of its own in this workspace, "
            "such as public."
        )
    return text


OneLine = Annotated[
    str, Field(min_length=1, max_length=300), AfterValidator(_one_line), AfterValidator(composed)
]


class SiteSettings(Strict):
    """The ``[site]`` table: what ``panel publish`` writes, under which name and address.

    personas: ids of the reviewers that readers see; by default each that has an approved
    take or has answered about a published tool. pairs: comparisons to make in any case, as slugs
    or names. all_pairs: whether to compare the tools of each category too, in at most
    ``max_pairs_per_category`` pairs.
    stale_price_days: the age from which a checked price is marked. community: whether pages
    have forms to vote and to subscribe, which only ``panel serve`` answers. newsletter: what the
    box to subscribe is headed with. votes_per_address: how many new votes on one tool count from
    one network address in 24 hours. folder: where the desk writes the site, in the workspace.
    logo: a file of media/. accent: the colour of links and marks.
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
    folder: Annotated[str, AfterValidator(_site_folder)] = "public"
    logo: MediaName | None = None
    accent: Annotated[str, AfterValidator(_colour)] | None = None


class DeskSettings(Strict):
    """The ``[desk]`` table. sign_off: how many editors have to approve a take."""

    sign_off: int = Field(default=1, ge=1, le=2)


class Settings(Strict):
    """All of panel.toml."""

    panel: PanelSettings = PanelSettings()
    sampling: Sampling = Sampling()
    limits: Limits = Limits()
    ci: CiSettings = CiSettings()
    endpoints: dict[Annotated[str, AfterValidator(composed)], EndpointSettings] = Field(
        default_factory=dict
    )
    site: SiteSettings = SiteSettings()
    desk: DeskSettings = DeskSettings()

    def endpoint_names(self) -> list[str]:
        """Return the endpoints that can be asked: those of the file, then the presets."""
        return [*dict.fromkeys([*self.endpoints, *PRESETS])]

    def completed(self, endpoint: str, model: str, base_url: str | None = None) -> Settings:
        """Return these settings as if panel.toml named this endpoint and its model, too.

        base_url: None for the one that the endpoint has already.
        """
        table = self.endpoints.get(endpoint, EndpointSettings())
        told = {"model": model} | ({"base_url": base_url} if base_url else {})
        return self.model_copy(
            update={
                "panel": self.panel.model_copy(update={"endpoint": endpoint}),
                "endpoints": {**self.endpoints, endpoint: table.model_copy(update=told)},
            }
        )


def cache_folder() -> Path:
    """Return where downloaded weights are kept: PANEL_CACHE, or a folder of the user's cache.

    Raises UsageError where neither is set and the user has no home folder.
    """
    chosen = os.environ.get("PANEL_CACHE")
    if chosen:
        return at_home(Path(chosen))
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else at_home(Path("~/.cache"))) / "reviewer-panel"


def state_folder() -> Path:
    """Return where this user's own state is kept, which no workspace can bring; as cache_folder."""
    base = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (base if base.is_absolute() else at_home(Path("~/.local/state"))) / "reviewer-panel"


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
