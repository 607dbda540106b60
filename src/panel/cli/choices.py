"""What ``panel setup`` offers to ask: by keys in the environment, on the disk, or to be fetched."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from panel.cli.fetch import can_serve
from panel.endpoint.weights import gigabytes
from panel.workspace.catalogue import RECOMMENDED, known_pins, pinned
from panel.workspace.presets import EMBEDDED, EMBEDDED_MODEL, PRESETS


@dataclass(frozen=True, slots=True)
class Choice:
    """What may be asked. model, base_url, api_key_env: None where the endpoint's preset says it.

    label: how a list names it.
    """

    endpoint: str
    model: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    label: str = ""

    @property
    def values(self) -> dict[str, str]:
        """What its table in panel.toml says."""
        named = ("base_url", "model", "api_key_env")
        return {name: value for name in named if (value := getattr(self, name))}

    @property
    def options(self) -> str:
        """The options of ``panel setup`` that name it."""
        named = {"endpoint": self.endpoint, **self.values}
        return " ".join(
            f"--{name.replace('_', '-')} {shlex.quote(text)}"
            for name, text in named.items()
            if text
        )


def with_keys() -> list[Choice]:
    """Return the services whose keys are in the environment; the keys are never shown."""
    return [
        Choice(name, label=f"{name}, by the key in {variable}")
        for name, preset in PRESETS.items()
        if (variable := preset.get("api_key_env")) and os.environ.get(variable, "").strip()
    ]


def fetched() -> tuple[list[Choice], list[Choice]]:
    """Return the models on the disk that panel serves itself: those that judge, and the demo."""
    here = [pin.name for pin in known_pins() if pin.fetched()]
    judges = [
        Choice(EMBEDDED, name, label=f"{name}, served by panel itself")
        for name in here
        if name != EMBEDDED_MODEL
    ]
    label = f"{EMBEDDED_MODEL}, served by panel itself (a demo: its verdicts are no judgement)"
    demo = [Choice(EMBEDDED, EMBEDDED_MODEL, label=label)] if EMBEDDED_MODEL in here else []
    return judges, demo


def to_fetch() -> Iterator[Choice]:
    """Yield the recommended model, where it is not on the disk and could be served."""
    pin = pinned(RECOMMENDED)
    if pin is not None and not pin.fetched() and can_serve():
        size = gigabytes(pin.bytes)
        label = f"{RECOMMENDED}, fetched first ({size}), then served by panel itself (recommended)"
        yield Choice(EMBEDDED, RECOMMENDED, label=label)
