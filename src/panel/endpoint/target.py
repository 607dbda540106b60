"""Resolves what a command is about: endpoint, model, tools and personas by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from panel.cells.cells import NO_GUIDANCE, Guidance, Target
from panel.endpoint.embedded import model_identity
from panel.endpoint.prices import known_prices
from panel.workspace.endpoints import resolve_endpoint
from panel.workspace.loading import Workspace


def resolve_target(
    workspace: Workspace,
    endpoint: str | None = None,
    model: str | None = None,
    guidance: Guidance = NO_GUIDANCE,
    tools: Sequence[str] = (),
    personas: Sequence[str] = (),
    categories: Sequence[str] = (),
) -> Target:
    """Return the target with these names; None or nothing means panel.toml's, or all.

    Opens no connection. Raises UsageError with the nearest valid name for an unknown one.
    """
    found = resolve_endpoint(workspace.settings, workspace.root, endpoint, model)
    return Target(
        prompts=workspace.prompts,
        endpoint=replace(found, prices=known_prices(found)),
        model=model_identity(found),
        tools=workspace.select_tools(list(tools), list(categories)),
        personas=workspace.select_personas(list(personas)),
        guidance=guidance,
    )
