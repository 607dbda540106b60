"""The model servers that run on this machine, as ``panel doctor`` and ``panel setup`` show them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from panel.cli.output import note, plain_table, print_json, print_wide, safe
from panel.endpoint.choice import Option, choose, options_of, refuse_if_off
from panel.endpoint.found import FoundServer, find_servers
from panel.engines.base import load_engine
from panel.errors import UndecidedError
from panel.runs.run import MEMORY
from panel.workspace.endpoints import resolve_endpoint
from panel.workspace.loading import RUNS
from panel.workspace.settings import Settings
from panel.workspace.settings_file import FILE

LONGEST_QUESTION_SECONDS = 60.0
NOT_ASKED = "not asked"
SCHEMAS = {"enforced": "yes", "not enforced": "NO", "refused": "refused"}


def show_servers(settings: Settings, root: Path, no_detect: bool, as_json: bool) -> None:
    """Print every server with its models, windows, and whether it holds a model to a schema.

    Raises UnconfiguredError where there is none to ask.
    """
    refuse_if_off(no_detect)
    found = find_servers()
    options = options_of(settings, root, found)
    held = {server.address: _schemas(settings, root, options, server) for server in found}
    if as_json:
        print_json({"servers": [_record(server, held[server.address]) for server in found]})
    elif found:
        _print(found, held)
        _tell_how_to_ask([each for each in options if held[each.server.address] is None])
    try:
        only = choose(options, found)
    except UndecidedError as error:
        note(str(error))
    else:
        note(
            f"'panel run' asks {only.model.name} by itself. 'panel setup --yes' keeps that, or "
            f"these lines in {FILE}:\n{only.indented}"
        )


def _tell_how_to_ask(unasked: Sequence[Option]) -> None:
    """Name the command that asks the first of these models what the table does not know."""
    for each in unasked[:1]:
        note(
            "Only a model in memory is asked here, since to load one may take minutes. This asks "
            f"all the same: 'panel doctor --model {shlex.quote(each.model.name)}'."
        )


def _schemas(
    settings: Settings, root: Path, options: Sequence[Option], server: FoundServer
) -> tuple[str, str] | None:
    """Ask the first model in memory a short question; return its name, and whether it obeyed.

    None where no model is known to be in memory: to load one takes minutes.
    """
    loaded = [each for each in options if each.server is server and each.model.loaded]
    if not loaded:
        return None
    name, model = loaded[0].endpoint, loaded[0].model.name
    asked = settings.completed(name, model, loaded[0].explicit)
    endpoint = replace(
        resolve_endpoint(asked, root, name), timeout_seconds=LONGEST_QUESTION_SECONDS, attempts=1
    )
    seen = load_engine("local").diagnose(endpoint, root / RUNS / MEMORY)
    return model, seen.structured_output


def _record(server: FoundServer, held: tuple[str, str] | None) -> dict[str, object]:
    return {
        "address": server.address,
        "server": server.server.name if server.server else None,
        "version": server.server.version if server.server else None,
        "endpoint": server.endpoint if server.server else None,
        "models": [asdict(model) for model in server.models],
        "model_asked": held[0] if held else None,
        "structured_output": held[1] if held else None,
        "trouble": server.trouble,
    }


def _print(found: Sequence[FoundServer], held: dict[str, tuple[str, str] | None]) -> None:
    table = plain_table(
        ["Server", "Address", "Model", "In memory", "Keeps to a form"], ["Tokens that fit"]
    )
    for server in found:
        if server.trouble is not None:
            table.add_row(safe(server.title), safe(server.address), safe(server.trouble))
        asked, schemas = held[server.address] or (None, NOT_ASKED)
        for model in server.models:
            table.add_row(
                safe(server.title),
                safe(server.address),
                safe(model.name),
                {True: "yes", False: "no", None: "not told"}[model.loaded],
                SCHEMAS.get(schemas, schemas) if model.name == asked else NOT_ASKED,
                "not told" if model.context is None else f"{model.context:,}",
            )
    print_wide(table)
