"""Resolves what a command is about: endpoint, model, tools and personas by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from panel.cells.cells import NO_GUIDANCE, Guidance, Target
from panel.endpoint.embedded import model_identity
from panel.endpoint.prices import known_prices
from panel.errors import UsageError
from panel.scorecard import no_judgement
from panel.workspace.endpoints import resolve_endpoint
from panel.workspace.loading import WorkspaceFiles


@dataclass(frozen=True, slots=True)
class Chosen:
    """Names of what a command is about: None or nothing means panel.toml's, or all."""

    tools: Sequence[str] = ()
    personas: Sequence[str] = ()
    categories: Sequence[str] = ()
    endpoint: str | None = None
    model: str | None = None


def refuse_demo(target: Target) -> None:
    """Raise UsageError where the model is a demo, of whose verdicts nothing is worked out."""
    if target.endpoint.demo:
        raise UsageError(no_judgement([str(target.model)]))


def resolve_target(
    workspace: WorkspaceFiles, chosen: Chosen, guidance: Guidance = NO_GUIDANCE
) -> Target:
    """Return the target with these names. Opens no connection.

    Raises UsageError with the nearest valid name for an unknown one.
    """
    found = resolve_endpoint(workspace.settings, workspace.root, chosen.endpoint, chosen.model)
    return Target(
        prompts=workspace.prompts,
        endpoint=replace(found, prices=known_prices(found)),
        model=model_identity(found),
        tools=workspace.select_tools(list(chosen.tools), list(chosen.categories)),
        personas=workspace.select_personas(list(chosen.personas)),
        guidance=guidance,
    )
