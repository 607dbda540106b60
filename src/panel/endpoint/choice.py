"""Chooses what is asked where nothing is configured: the one model that runs on this machine.

Only what asks comes here. Commands that read take the model that was asked last
(frozen/reading.py), and never look at a port. Nothing is written into panel.toml.
"""

from __future__ import annotations

import logging
import os
import shlex
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from panel.endpoint.found import PORTS, FoundServer, find_servers
from panel.errors import Choice, UnconfiguredError, UndecidedError
from panel.workspace.addresses import OLLAMA_HOST, is_loopback
from panel.workspace.catalogue import RECOMMENDED
from panel.workspace.endpoints import chosen_endpoint, resolve_endpoint, served_here
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.settings import Settings
from panel.workspace.settings_edit import quoted
from panel.workspace.settings_file import FILE
from panel.workspace.validation import nearest

if TYPE_CHECKING:
    from panel.endpoint.served_models import ServedModel

LOG = logging.getLogger(__name__)
NAMED = 20  # models that are named in one message
WAYS = (
    ("a local model", f"panel fetch {RECOMMENDED} && panel run --model {RECOMMENDED}"),
    ("Ollama", "ollama pull ministral-3:3b && panel run"),
    (
        "a hosted service",
        "export MISTRAL_API_KEY=... && panel run --endpoint mistral --model mistral-small-latest",
    ),
    ("only to see a demo", "panel fetch demo && panel run --endpoint embedded"),
)


@dataclass(frozen=True, slots=True)
class Option:
    """A model that could be asked. explicit: its address, where its endpoint has another."""

    server: FoundServer
    model: ServedModel
    explicit: str | None

    @property
    def endpoint(self) -> str:
        """The name of its endpoint."""
        return self.server.endpoint

    @property
    def lines(self) -> str:
        """What panel.toml says to ask it from now on."""
        told = {"base_url": self.explicit, "model": self.model.name}
        lines = [f"{name} = {quoted(value)}" for name, value in told.items() if value]
        return "\n".join([f"[endpoints.{self.endpoint}]", *lines])

    @property
    def indented(self) -> str:
        """The same lines, as a message shows them."""
        return textwrap.indent(self.lines, "    ")


def asking(
    workspace: WorkspaceFiles,
    endpoint: str | None = None,
    model: str | None = None,
    no_detect: bool = False,
) -> WorkspaceFiles:
    """Return the workspace with an endpoint that can be asked; as it is where one is configured.

    endpoint, model: what the command names. no_detect: look for no server. Raises as
    ``asking_settings``.
    """
    if chosen_endpoint(workspace.settings, endpoint, model) is not None:
        return workspace
    found = asking_settings(workspace.settings, workspace.root, model, no_detect)
    return replace(workspace, settings=found)


def asking_settings(
    settings: Settings,
    root: Path,
    model: str | None = None,
    no_detect: bool = False,
    places: Sequence[str] | None = None,
) -> Settings:
    """Return settings, in which nothing is configured, with the model that runs on this machine.

    model: which one. places: where to look; None for the usual places. Says what it found by a
    warning of the log, which the command line shows on stderr. Raises UnconfiguredError where
    nothing can be asked, UndecidedError where there is a choice.
    """
    refuse_if_off(no_detect)
    found = find_servers(places)
    option = choose(options_of(settings, root, found), found, model)
    here = is_loopback(urlsplit(option.server.address).hostname or "")
    LOG.warning(
        "Found %s of %s at %s, %s. 'panel setup --yes' keeps that, or these lines in %s:\n%s",
        *(option.model.name, option.server.title, option.server.address),
        "on this machine" if here else f"by {OLLAMA_HOST}",
        *(FILE, option.indented),
    )
    return settings.completed(option.endpoint, option.model.name, option.explicit)


def detection_off(no_detect: bool = False) -> str | None:
    """Return why no server may be looked for, in words; None where one may."""
    if no_detect:
        return "--no-detect is given"
    return "CI is set" if in_ci() else None


def in_ci() -> bool:
    """Whether nobody sits there: CI services set the variable CI."""
    return os.environ.get("CI", "").strip().lower() not in ("", "0", "false")


def refuse_if_off(no_detect: bool = False) -> None:
    """Raise UnconfiguredError where no server may be looked for: by option, or since CI is set."""
    if (why := detection_off(no_detect)) is not None:
        raise UnconfiguredError(
            f"no endpoint is configured, and {why}, so no server is looked for. Name one with "
            "--endpoint NAME --model MODEL, or let 'panel setup' write it into panel.toml."
        )


def options_of(settings: Settings, root: Path, found: Sequence[FoundServer]) -> list[Option]:
    """Return every model that could be asked, server by server."""
    made = []
    for server in found:
        for model in server.models:
            usual = resolve_endpoint(settings, root, server.endpoint, model.name).base_url
            same = _where(usual) == _where(server.address)
            made.append(Option(server, model, None if same else server.address))
    return made


def choose(
    options: Sequence[Option], found: Sequence[FoundServer], model: str | None = None
) -> Option:
    """Return the only option, or the only one with a model of this name.

    Raises UndecidedError where there are several, UnconfiguredError where there is none.
    """
    wanted = model.removesuffix(":latest") if model else None
    fitting = [each for each in options if wanted in (None, each.model.name)]
    if len(fitting) == 1:
        return fitting[0]
    if model and not fitting:
        has = ", ".join(dict.fromkeys(each.model.name for each in options[:NAMED]))
        only = f", only {has}" if has else ""
        near = nearest(model, [*served_here(), *(each.model.name for each in options)])
        hint = f"Did you mean {near!r}?" if near else "'panel doctor' looks closer."
        raise UnconfiguredError(
            f"no endpoint is configured, and no server on this machine has the model "
            f"{model!r}{only}. {hint} --endpoint NAME asks another server."
        )
    if not options:
        raise UnconfiguredError(_nothing_found(found))
    many = f" (of {len(fitting):,}, the first {NAMED} are shown)" if len(fitting) > NAMED else ""
    raise UndecidedError(
        f"no endpoint is configured, and more than one model could be asked. Choose one{many}:",
        [_choice(each, fitting, named=model is not None) for each in fitting[:NAMED]],
    )


def _choice(option: Option, among: Sequence[Option], named: bool) -> Choice:
    """Return how an option is chosen. named: the command names the model already."""
    model = option.model.name
    alone = [each.model.name for each in among].count(model) == 1
    at = [] if option.explicit is None else ["--base-url", option.explicit]
    setup = ["panel", "setup", "--yes", "--endpoint", option.endpoint, *at, "--model", model]
    words = ["--endpoint", option.endpoint] if option.explicit is None else []
    words += [] if named else ["--model", model]
    return Choice(
        f"{option.server.title} at {option.server.address}",
        model,
        shlex.join(words) if alone or option.explicit is None else "",
        shlex.join(setup),
    )


def _nothing_found(found: Sequence[FoundServer]) -> str:
    told = os.environ.get(OLLAMA_HOST, "").strip()
    at = f"{OLLAMA_HOST}, which says {told!r}, and " if told else ""
    lines = [
        (
            "no endpoint is configured, and no model to ask was found on this machine "
            f"({at}ports {', '.join(map(str, PORTS))})."
        ),
        *(f"  {each.address}: {each.title}, {each.trouble}." for each in found),
        "Ways on:",
    ]
    wide = max(len(name) for name, _command in WAYS)
    return "\n".join([*lines, *(f"  {name:<{wide}}  {command}" for name, command in WAYS)])


def _where(address: str | None) -> tuple[str | None, int | None, str]:
    """Return what an address comes to: this machine has several names."""
    parts = urlsplit(address or "")
    host = "localhost" if parts.hostname in ("127.0.0.1", "::1") else parts.hostname
    return host, parts.port, parts.path.rstrip("/")
