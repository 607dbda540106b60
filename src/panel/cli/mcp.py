"""``panel mcp``: the workspace for an MCP client, on stdin and stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from panel.cli.main import ExitCode
from panel.cli.options import EndpointName, StoredModel
from panel.cli.output import note
from panel.desk.limits import checked_name, editor_name
from panel.desk.session import Desk
from panel.endpoint.target import Chosen
from panel.errors import UsageError
from panel.workspace.loading import find_root

app = typer.Typer(rich_markup_mode=None)


@app.command()
def mcp(
    write: Annotated[
        bool, typer.Option("--write", help="Let the client draft edits; it approves nothing.")
    ] = False,
    editor: Annotated[
        str | None,
        typer.Option("--editor", metavar="NAME", help="Whose drafts (git's user.name)."),
    ] = None,
    endpoint: EndpointName = None,
    model: StoredModel = None,
) -> None:
    """Serve the workspace to an MCP client, on stdin and stdout.

    Tools to list what waits, read a take, compare two tools, look for stale verdicts and plan a
    run. None approves, publishes, asks a model or spends money. Needs the extra: pip install
    'reviewer-panel[mcp]'. A client starts it, and it ends with its stdin.
    """
    try:
        from panel.mcp.drafting import editor_by_mcp  # noqa: PLC0415 - an optional extra
        from panel.mcp.serving import serve  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(
            f"panel mcp needs {error.name!r}: pip install 'reviewer-panel[mcp]'."
        ) from None
    if editor is not None and not write:
        raise typer.BadParameter("--editor says whose drafts they are. Add --write.")
    root = find_root(Path.cwd())
    name = editor_by_mcp(checked_name(editor_name(root, editor))) if write else ""
    desk = Desk(root, name, endpoint, model)
    if sys.stdin.isatty():
        note("This speaks the Model Context Protocol: an MCP client starts it. Ctrl-C ends it.")
    try:
        serve(desk, Chosen(endpoint=endpoint, model=model), write)
    finally:
        desk.close()
    raise typer.Exit(ExitCode.OK)
