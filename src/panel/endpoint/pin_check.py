"""Holds the pin of a model against its file here and against the hub, without a download."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from panel.endpoint.hub import Hub, MissingError, Passing
from panel.endpoint.weights import holds
from panel.errors import EndpointError
from panel.workspace.catalogue import Pin


@dataclass(frozen=True, slots=True)
class PinCheck:
    """What was found of one model. here, hub: in words.

    agrees: whether the hub has the file as it is pinned, None where that was not found out.
    differs: whether anything is not as it is pinned.
    """

    name: str
    here: str
    hub: str
    agrees: bool | None
    differs: bool


def check_pin(pin: Pin, hub: Hub) -> PinCheck:
    """Hash the file of a model, if it is here, and ask the hub what it has. Never raises."""
    here = "not on this machine"
    if pin.fetched():
        here = (
            "the file here is as pinned"
            if holds(pin, pin.path, anew=True)
            else f"WRONG: {pin.path} is not as pinned"
        )
    agrees, told = _asked(pin, hub)
    return PinCheck(pin.name, here, told, agrees, agrees is False or here.startswith("WRONG"))


def _asked(pin: Pin, hub: Hub) -> tuple[bool | None, str]:
    if not pin.repo:
        return None, f"not on the hub: it comes in the package {pin.revision}"
    try:
        listed = asyncio.run(hub.look(pin))
    except MissingError as error:
        return False, f"the hub DIFFERS: {error}"
    except (EndpointError, Passing) as error:
        return None, f"the hub could not be asked: {error}"
    pairs = (
        ("revision", pin.revision, listed.commit),
        ("bytes", pin.bytes, listed.bytes),
        ("SHA-256", pin.sha256, listed.sha256),
    )
    wrong = [
        f"{what} {told}, pinned {expected}"
        for what, expected, told in pairs
        if told not in (None, expected)
    ]
    unsaid = [what for what, _expected, told in pairs if told is None]
    if wrong:
        return False, f"the hub DIFFERS: {'; '.join(wrong)}"
    if unsaid:
        return None, f"the hub does not tell its {', '.join(unsaid)}"
    return True, "the hub has it as pinned"
