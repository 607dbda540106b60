"""``panel setup``: a short dialogue that chooses the model and writes it into panel.toml."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from panel.cli.choices import Choice, fetched, to_fetch, with_keys
from panel.cli.dialogue import agreed, chosen_number, typed
from panel.cli.fetch import fetch_shown
from panel.cli.main import ExitCode
from panel.cli.options import EndpointName, Model
from panel.cli.output import note
from panel.cli.trial import tried
from panel.endpoint.choice import choose, detection_off, options_of
from panel.endpoint.found import FoundServer, find_servers
from panel.engines.base import load_engine
from panel.errors import UnconfiguredError, UsageError
from panel.runs.run import MEMORY
from panel.workspace.addresses import endpoint_address, is_loopback
from panel.workspace.catalogue import pinned
from panel.workspace.endpoints import configured_endpoints, resolve_endpoint, served_here
from panel.workspace.loading import RUNS, WorkspaceFiles, find_root, load_workspace
from panel.workspace.plain_files import read_bytes
from panel.workspace.presets import EMBEDDED, PRESETS
from panel.workspace.settings import Settings
from panel.workspace.settings_edit import Edit, Values, put_in_place, with_values
from panel.workspace.settings_file import FILE, settings_of

app = typer.Typer(rich_markup_mode=None)
MODELS_SHOWN = 20
EXAMPLE = "mistral-small-latest"  # of a model's name
ELSEWHERE = "another address"
# What "?" says at each question.
ABOUT_CHOICES = "The model that reads your tools. Type its number or name; it is tried before use."
ABOUT_ADDRESS = "Where the server's API begins, as its documentation says; it usually ends in /v1."
ABOUT_KEY = "The name of an environment variable, not the key itself: panel.toml keeps no secret."
ABOUT_MODEL = "The model's name as the server lists it; the server may have several."
ABOUT_FAILED = "y writes the lines although the try failed; n leaves panel.toml as it is."
ABOUT_LINES = "y puts the lines shown above into panel.toml; n leaves the file as it is."


@app.command()
def setup(
    endpoint: EndpointName = None,
    model: Model = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="The address of a server, up to its /v1.")
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option("--api-key-env", metavar="NAME", help="The variable that holds its key."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing: take what is named or found.")
    ] = False,
) -> None:
    """Choose the model to ask, try one question, and write it into panel.toml.

    Looks for servers on this machine and for keys in the environment. Only the lines that are
    shown are written; Ctrl-C writes nothing. Exit 3: the model gave no answer.
    """
    root = find_root(Path.cwd())
    workspace = load_workspace(root)
    named = Choice(endpoint or "", model, base_url, api_key_env)
    if not yes and not sys.stdin.isatty():
        raise UsageError(
            "'panel setup' asks questions, and stdin is no terminal. Type "
            f"'panel setup --yes {named.options or '--endpoint NAME --model MODEL'}'."
        )
    if not yes:
        note("At each question, ? says what it is about. Ctrl-C leaves, and writes nothing.")
    choice = _at_its_api(_chosen(workspace, named, yes))
    choice = _with_model(root, workspace.settings, choice, yes)
    edit = _edited(root, choice)
    settings = settings_of(root / FILE, edit.text)
    answered = tried(replace(workspace, settings=settings), choice.endpoint)
    if not answered and (yes or not agreed("Write it all the same?", about=ABOUT_FAILED)):
        note(f"Nothing was written. To try it again: panel setup --yes {choice.options}")
        raise typer.Exit(ExitCode.ENDPOINT)
    _write(root, edit, yes)


def _chosen(workspace: WorkspaceFiles, named: Choice, yes: bool) -> Choice:
    """Return what the options name, else what is found; raises UsageError where that is unclear."""
    if named.base_url is not None:
        return replace(named, endpoint=named.endpoint or _name_of(named.base_url))
    if named.endpoint and (named.model or named.endpoint not in _local(workspace)):
        return named
    if named.model in served_here():
        return Choice(EMBEDDED, named.model)
    found = find_servers() if detection_off() is None else []
    options = options_of(workspace.settings, workspace.root, found)
    if named.endpoint:
        options = [each for each in options if each.endpoint == named.endpoint]
    running = [
        Choice(
            each.endpoint,
            each.model.name,
            each.explicit,
            label=f"{each.model.name}, of {each.server.title} at {each.server.address}",
        )
        for each in options
    ]
    if yes or named.model:
        only = choose(options, found, named.model)
        return Choice(only.endpoint, only.model.name, only.explicit)
    return _asked(running, found)


def _at_its_api(choice: Choice) -> Choice:
    """Return a choice with /v1 added to its address where that was left out: a server says so."""
    address = urlsplit(choice.base_url or "")
    if choice.base_url is None or address.path.endswith("/v1") or address.query:
        return choice
    for found in find_servers([f"{choice.base_url.rstrip('/')}/v1"]):
        if found.server is not None:
            note(f"The server answers at {found.address}, so that is its base URL.")
            return replace(choice, base_url=found.address)
    return choice


def _local(workspace: WorkspaceFiles) -> set[str]:
    """Return the endpoints of servers on this machine, whose models can be looked for."""
    presets = (name for name in PRESETS if name != EMBEDDED)
    found = (resolve_endpoint(Settings(), workspace.root, each, "any") for each in presets)
    return {
        each.name for each in found if is_loopback(urlsplit(each.base_url or "").hostname or "")
    }


def _name_of(base_url: str) -> str:
    """Return the name of the endpoint of an address; raises UsageError for what is none."""
    try:
        host = urlsplit(endpoint_address(base_url)).hostname or ""
    except ValueError as error:
        raise UsageError(f"--base-url {error}") from None
    return "local" if is_loopback(host) else re.sub(r"[^a-z0-9]+", "-", host).strip("-")


def _asked(running: Sequence[Choice], found: Sequence[FoundServer]) -> Choice:
    """Show what can be asked, numbered, and return what is chosen."""
    here, demo = fetched()
    known = [*running, *with_keys(), *here]
    # A model that judges is offered before the demo, which is never what Enter chooses.
    choices: list[Choice] = [*(known or to_fetch()), *demo]
    for each in found:
        if each.trouble:
            note(f"{each.address}: {each.title}, {each.trouble}.")
    try:
        if not known and not demo:
            choose([], found)  # raises, and names the ways on
    except UnconfiguredError as error:
        note(str(error))
    note("These can be asked:" if known or demo else "Or choose here:")
    labels = [*(each.label for each in choices), ELSEWHERE]
    names = [[each.endpoint, each.model or each.label] for each in choices] + [[ELSEWHERE]]
    default = "1" if known or not choices else None
    number = chosen_number(labels, "Which one", names, ABOUT_CHOICES, default)
    if number == len(choices):
        return _elsewhere()
    pin = pinned(choices[number].model or "")
    if choices[number].endpoint == EMBEDDED and pin is not None and not pin.fetched():
        fetch_shown(pin)
    return choices[number]


def _with_scheme(address: str) -> str:
    """Return an address with the scheme that it leaves out, as OLLAMA_HOST may."""
    if "://" in address or not re.search(r"[.:]", address):
        return address
    host = urlsplit(f"//{address}").hostname or ""
    return f"{'http' if is_loopback(host) else 'https'}://{address}"


def _elsewhere() -> Choice:
    """Ask for the address of a server and for where its key is; the key itself is never asked."""
    while True:
        try:
            asked = "Its base URL, such as https://llm.example.org/v1"
            base_url = endpoint_address(_with_scheme(typed(asked, about=ABOUT_ADDRESS)))
        except ValueError as error:
            note(f"The base URL {error}")
            continue
        here = is_loopback(urlsplit(base_url).hostname or "")
        if not here or find_servers([base_url]):
            break
        note(f"Nothing listens at {base_url}. Start the server, or correct the address.")
    while True:
        asked = "The variable that holds its key, such as LAB_API_KEY (empty: no key)"
        name = typed(asked, "", ABOUT_KEY)
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and os.environ.get(name, "").strip():
            return Choice(_name_of(base_url), base_url=base_url, api_key_env=name)
        if not name:
            return Choice(_name_of(base_url), base_url=base_url)
        note(  # what was typed may be the key, so it is not shown again
            "No variable of this name is set. Type a name, not the key; to set one, leave with "
            "Ctrl-C and type: export LAB_API_KEY=..."
        )


def _with_model(root: Path, settings: Settings, choice: Choice, yes: bool) -> Choice:
    """Return the choice with a model: its own, its preset's, or one that is asked for."""
    if choice.endpoint not in settings.endpoint_names() and choice.base_url is None:
        resolve_endpoint(settings, root, choice.endpoint)  # raises, with the nearest name
    known = choice.model
    if known is None and choice.base_url is None:
        known = resolve_endpoint(settings, root, choice.endpoint, model_needed=False).model or None
    if known is not None:
        return choice
    if yes:
        raise UsageError(f"endpoint {choice.endpoint!r} has no model of its own. Add --model NAME.")
    from panel.endpoint.served_models import can_chat  # noqa: PLC0415 - the HTTP stack

    asked = settings_of(root / FILE, _edited(root, choice).text)
    listed = resolve_endpoint(asked, root, choice.endpoint, model_needed=False)
    seen = load_engine("local").diagnose(listed, root / RUNS / MEMORY)
    names = [name for name in seen.models if can_chat(name, {})][:MODELS_SHOWN]
    if seen.fault:
        note(seen.fault)
    if names:
        note("It lists " + ", ".join(names) + ".")
    else:
        note(
            f"Type a model's name as its provider writes it, such as {EXAMPLE}; or leave with "
            "Ctrl-C, and call 'panel setup' again once the server can be reached."
        )
    default = names[0] if len(names) == 1 else None
    while not (model := typed("Which model", default, ABOUT_MODEL).strip("?")):
        note(f"Type the name of one model, such as {names[0] if names else EXAMPLE}.")
    return replace(choice, model=model)


def _edited(root: Path, choice: Choice) -> Edit:
    """Return panel.toml as it will be: the endpoint's table, and that it is meant where unclear."""
    file = root / FILE
    source = read_bytes(file).decode("utf-8-sig")
    table: Values = {("endpoints", choice.endpoint): choice.values}
    edit = with_values(source, table)
    if configured_endpoints(settings_of(file, edit.text)) != [choice.endpoint]:
        edit = with_values(source, {("panel",): {"endpoint": choice.endpoint}, **table})
    return edit


def _write(root: Path, edit: Edit, yes: bool) -> None:
    file = root / FILE
    if not edit.added and not edit.replaced:
        note(f"{FILE} says so already.")
        return
    note(f"{FILE} gets these lines:" if edit.added else f"{FILE} changes:")
    for line in edit.added:
        note(f"    {line}")
    for each in edit.replaced:
        note(f"    line {each.line}: {each.key} = {each.was} becomes {each.key} = {each.now}")
    if not yes and not agreed("Write them?", not edit.replaced, ABOUT_LINES):
        note("Nothing was written.")
        return
    put_in_place(file, edit)
    note("Written. Next: panel run")
