"""``panel doctor``."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from panel.cells.cells import Target, identify
from panel.cli.main import ExitCode
from panel.cli.options import EndpointName, Json, Model, NoDetect
from panel.cli.output import note, out, print_json, safe
from panel.cli.servers import show_servers
from panel.endpoint.choice import asking_settings
from panel.engines.base import load_engine
from panel.errors import WorkspaceError
from panel.runs.run import MEMORY
from panel.scorecard import NOT_JUDGEMENT
from panel.text import counted
from panel.workspace.endpoints import Endpoint, chosen_endpoint, resolve_endpoint
from panel.workspace.loading import RUNS, find_root, load_workspace
from panel.workspace.settings_file import load_settings
from panel.workspace.validation import nearest

if TYPE_CHECKING:  # it pulls in the HTTP stack, which --help needs not
    from panel.endpoint.detect import Diagnosis

app = typer.Typer(rich_markup_mode=None)

MODELS_SHOWN = 12
NOT_MEASURED = "not measured"
# What the words of a diagnosis mean to somebody who has never seen one.
STRUCTURED = {
    "enforced": "yes: the server holds the model to the form that verdicts have (a JSON schema)",
    "not enforced": "NO: the server ignores the form (a JSON schema); every reply is checked here",
    "refused": "no: the server refuses it, so it is asked for otherwise; every reply is checked",
    "unknown": NOT_MEASURED,
}
MODES = {
    "json_schema": "json_schema: the schema goes along with each request",
    "native": "native: the schema goes along in the server's own field",
    "tool": "tool: the verdict is asked for as a call of a function",
    "json_object": "json_object: JSON is asked for, the fields are named in the prompt",
    "prompted": "prompted: in words only, in the prompt",
}
PLACES = {
    "content": "the reply",
    "tool": "the call of a function",
    "reasoning": "the reasoning field, where other models write what they think",
}
ORDERS = {"schema": "as asked for", "alphabetical": "alphabetical"}
# P(ship): how probable the model itself holds the word "ship" to be.
PROBABILITIES = {
    "told": "told: how probable 'ship' was is stored beside each verdict",
    "before the mask": "told: how probable 'ship' was is stored beside each verdict, with the "
    "share of both words, as the model had it before the schema ruled others out",
    "after the mask": "told: how probable 'ship' was is stored beside each verdict, as it was "
    "after the schema had ruled other words out",
    "not told": "not told; no verdict needs them",
    "refused": "refused, so they are not asked for; no verdict needs them",
    "unknown": None,
}
DECISIONS = {
    "there": "there: 'panel probabilities' asks it how probable ship is, given a take",
    "not there": "not there, as with most servers; only 'panel probabilities' needs it",
    "refused": "refused",
    "unknown": None,
}
_SYSTEM_ROLE = {True: "taken", False: "refused: its text goes into the user's message", None: None}
_FEW_TOKENS = "none: 'panel run' can bound calls (--max-calls), not tokens or cost"
# How a larger context window is had, by server; {tokens} and {model} are filled in.
ENLARGE = {
    "Ollama": "OLLAMA_CONTEXT_LENGTH={tokens} ollama serve",
    "vLLM": "vllm serve {model} --max-model-len {tokens}",
    "SGLang": "--context-length {tokens}",
    "llama.cpp": "llama-server --ctx-size {tokens} (times the number of slots)",
    "LM Studio": "lms load {model} --context-length {tokens}",
    "TGI": "--max-total-tokens {tokens}",
}


@app.command()
def doctor(
    endpoint: EndpointName = None,
    model: Model = None,
    no_detect: NoDetect = False,
    as_json: Json = False,
) -> None:
    """Look at an endpoint: server, models, structured output. Asks a few short questions.

    Where none is configured or named, look at the model servers that run on this machine.
    """
    root = find_root(Path.cwd())
    settings = load_settings(root)
    if chosen_endpoint(settings, endpoint, model) is None:
        if model is None:
            show_servers(settings, root, no_detect, as_json)
            return
        settings = asking_settings(settings, root, model, no_detect)
    found = resolve_endpoint(settings, root, endpoint, model, model_needed=False)
    seen = load_engine("local").diagnose(found, root / RUNS / MEMORY)
    longest = _longest(root, found)
    advice = _advice(found, seen, longest)
    if as_json:
        more = {"longest_prompt_tokens": longest, "advice": advice}
        print_json({"endpoint": found.name, "model": found.model or None, **asdict(seen), **more})
    else:
        _print_diagnosis(found, seen, longest, advice)
    if seen.fault:
        raise typer.Exit(ExitCode.ENDPOINT)


def _print_diagnosis(
    found: Endpoint, seen: Diagnosis, longest: int | None, advice: list[str]
) -> None:
    address = "this process (embedded)" if found.embedded else str(found.base_url)
    if found.replicas:
        address += f", the first of {len(found.addresses)} addresses"
    models = ", ".join(seen.models[:MODELS_SHOWN]) or "none listed"
    if len(seen.models) > MODELS_SHOWN:
        models += f" and {len(seen.models) - MODELS_SHOWN} more"
    window = "the server does not say what fits"
    if seen.context is not None:
        window = f"{counted(seen.context, 'token')} fit (the context window)"
    if longest is not None:
        window += f"; yours takes about {longest:,}, its answer included"
    unmeasured = None if seen.fault else _unmeasured(found, seen)
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in (
        ("endpoint", f"{found.name} at {address}"),
        ("server", _server(seen)),
        ("models it lists", models),
        ("model asked", _asked(found.model, seen.models)),
        ("longest prompt", window),
        ("keeps to a form", STRUCTURED[seen.structured_output]),
        ("asked for by", MODES[seen.output_mode] if seen.output_mode else "-"),
        ("answers stand in", PLACES.get(str(seen.place), seen.place)),
        ("order of fields", ORDERS[seen.order] if seen.order else None),
        ("system message", _SYSTEM_ROLE[seen.system_role]),
        ("probabilities", PROBABILITIES[seen.logprobs]),
        ("/v1/decisions", _decisions(seen)),
        ("token counts", _usage(seen)),
        ("requests differ", ", ".join(seen.adapted) or None),
        ("answer took", f"{seen.seconds:.2f} s" if found.model else None),
        ("problem", seen.fault or (None if unmeasured else "none")),
        ("not measured", unmeasured),
        *(("advice", sentence) for sentence in advice),
    ):
        if value is not None:
            table.add_row(name, safe(value))
    out().print(table)
    if found.demo:
        note(NOT_JUDGEMENT)


def _server(seen: Diagnosis) -> str:
    if seen.server == "unknown":
        return "not recognised; any that speaks OpenAI's API will do"
    return f"{seen.server} {seen.version or ''}".strip()


def _usage(seen: Diagnosis) -> str:
    if seen.output_mode is None:
        return NOT_MEASURED
    return ", ".join(seen.usage) or _FEW_TOKENS


def _unmeasured(found: Endpoint, seen: Diagnosis) -> str | None:
    """Say that nothing was measured since no model was named, and what measures; else None."""
    if found.model:
        return None
    model = shlex.quote(seen.models[0]) if seen.models else "NAME"
    return (
        "no model was named, so only the server was looked at. This asks one: 'panel doctor "
        f"--endpoint {shlex.quote(found.name)} --model {model}'"
    )


def _decisions(seen: Diagnosis) -> str | None:
    said = seen.decisions_said if seen.decisions == "refused" else None
    return f"refused: {said}" if said else DECISIONS[seen.decisions]


def _longest(root: Path, endpoint: Endpoint) -> int | None:
    """Return the tokens of the workspace's longest question and its answer, roughly."""
    try:
        workspace = load_workspace(root)
        model = identify(endpoint, None)
        everything = (workspace.tools, workspace.personas)
        cells = Target(workspace.prompts, endpoint, model, *everything).lay_out()
    except WorkspaceError:  # 'panel check' says what is wrong; this is about the endpoint
        return None
    longest = max((cell.prompt_characters for cell in cells), default=0)
    return round(longest / endpoint.chars_per_token) + (endpoint.sampling.max_tokens or 0)


def _advice(endpoint: Endpoint, seen: Diagnosis, longest: int | None) -> list[str]:
    """Say what would make this endpoint serve better; nothing where all is well."""
    advice = []
    if seen.context is not None and longest is not None and longest > seen.context:
        tokens = 1 << (longest - 1).bit_length()
        how = ENLARGE.get(seen.server, "").format(tokens=tokens, model=shlex.quote(endpoint.model))
        advice.append(
            f"The window of {counted(seen.context, 'token')} is too small for the longest question "
            f"({longest:,}). Enlarge it" + (f": {how}" if how else ".")
        )
    if seen.server == "Ollama" and seen.context is None and endpoint.model:
        advice.append("Ollama tells its window once the model is loaded: run this again.")
    if seen.structured_output == "not enforced":
        advice.append("Expect abstentions: nothing but the prompt asks the model for JSON.")
    if seen.order == "alphabetical":
        advice.append(
            "Fields are written in alphabetical order: beat ids that sort before 'verdict' keep "
            "reasons first, which 'panel check' sees to."
        )
    if seen.place == "reasoning":
        advice.append("Answers come in the reasoning field: switch the model's thinking off.")
    if seen.usage == [] and seen.output_mode is not None:
        advice.append("No token counts come back: --max-calls is the budget to rely on.")
    if seen.miscounted:
        advice.append(
            "The token counts are unreliable: fewer than the question has (a cache may be left "
            "out). Such counts are left out; --max-calls is the budget to rely on."
        )
    return advice


def _asked(model: str, listed: list[str]) -> str:
    if not model:
        return "none: no model is named"
    there = not listed or {model, f"{model}:latest"} & {*listed}
    if there:
        return model
    near = nearest(model, listed)
    return f"{model}, which it does not list" + (f". Did you mean {near!r}?" if near else "")
