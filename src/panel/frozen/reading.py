"""Which model a command that only reads is about, where panel.toml does not say: the last asked.

Such a command looks at no port: what was asked is in the store, and on file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from panel.endpoint.target import Chosen
from panel.errors import UnconfiguredError, UsageError
from panel.frozen.files import Frozen, answers_of
from panel.store.connection import Connection
from panel.store.queries import last_asked
from panel.workspace.endpoints import chosen_endpoint, configured_endpoints, resolve_endpoint
from panel.workspace.loading import WorkspaceFiles

LastAsked = Callable[[Sequence[str], str | None], tuple[str, str] | None]


def read_from_store(
    workspace: WorkspaceFiles, chosen: Chosen, connection: Connection
) -> WorkspaceFiles:
    """Return the workspace with the model that was asked last, where nothing else says which.

    It is as it was where panel.toml and the command say endpoint and model. Raises
    UnconfiguredError where nothing was asked yet.
    """
    return _completed(workspace, chosen, partial(last_asked, connection))


def read_from_files(workspace: WorkspaceFiles, chosen: Chosen, frozen: Frozen) -> WorkspaceFiles:
    """Return the workspace likewise, with the model of the newest answer in ``verdicts/``."""

    def newest(endpoints: Sequence[str], model: str | None) -> tuple[str, str] | None:
        found = [
            (answer.asked_at, answer.endpoint, answer.model)
            for _tool, _persona, answer in answers_of(frozen.values())
            if answer.endpoint in endpoints and model in (None, answer.model)
        ]
        return max(found)[1:] if found else None

    return _completed(workspace, chosen, newest)


def _completed(workspace: WorkspaceFiles, chosen: Chosen, last: LastAsked) -> WorkspaceFiles:
    settings, model = workspace.settings, chosen.model
    try:
        name = chosen_endpoint(settings, chosen.endpoint, model)
    except UsageError:  # panel.toml has several, and one of them was asked last
        name = None
    if name is not None:
        found = resolve_endpoint(settings, workspace.root, name, model, model_needed=False)
        if found.model:
            return workspace
    among = [name] if name else configured_endpoints(settings) or settings.endpoint_names()
    asked = last(among, model.removesuffix(":latest") if model else None)
    if asked is not None:
        return replace(workspace, settings=settings.completed(*asked))
    if name is not None:
        return workspace  # what is made of it says that it names no model
    of = f" of the model {model!r}" if model else ""
    raise UnconfiguredError(
        f"no run{of} was made yet, and no endpoint is configured. Begin with 'panel run', which "
        "asks a model that runs on this machine, or with 'panel setup', which helps to choose one."
    )
