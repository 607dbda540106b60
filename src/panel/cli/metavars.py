"""What ``--help`` writes for the value of an option: a word for people, and no type of Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# By the option's name; all others take a NAME.
WORDS = {
    "since": "REVISION",
    "revision": "REVISION",
    "base_url": "URL",
    "url": "URL",
    "address": "ADDRESS",
    "host": "ADDRESS",
    "price": "TEXT",
    "tagline": "TEXT",
    "form": "FORMAT",
    "fail_on": "WORD",
    "warn_on": "WORD",
    "expect": "WORD",
}
TYPES = {"path": "PATH", "int": "N", "int range": "N", "float": "N", "float range": "N"}


def name_values(command: Any, context: Any) -> None:
    """Give every option of a command, and of those below it, a word for its value."""
    below: Mapping[str, Any] = getattr(command, "commands", {})
    for each in below.values():
        name_values(each, context)
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = _nothing  # its name says it
        elif not (parameter.is_flag or parameter.metavar):
            kind = parameter.display_type(context).strip("<>").removeprefix("list[").rstrip("]")
            choice = kind if parameter.type_descriptor.is_choice else None
            word = choice or WORDS.get(parameter.name) or TYPES.get(kind, "NAME")
            parameter.metavar = word


def _nothing(ctx: Any) -> None:
    """Write no type beside the name of an argument."""
