"""``panel desk``: the editors' review desk, in a browser on this machine."""

from __future__ import annotations

import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from panel.cli.main import ExitCode
from panel.cli.options import EndpointName
from panel.cli.output import note, say
from panel.desk.decide import editor_name
from panel.errors import UsageError
from panel.workspace.loading import find_root

app = typer.Typer(rich_markup_mode=None)

Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")]
Host = Annotated[str, typer.Option("--host", help="Elsewhere than loopback needs --token.")]
Token = Annotated[str | None, typer.Option("--token", help="What visitors must know.")]
Editor = Annotated[
    str | None, typer.Option("--editor", metavar="NAME", help="Who decides (git's user.name).")
]


@app.command()
def desk(
    port: Port = 8320,
    host: Host = "127.0.0.1",
    token: Token = None,
    editor: Editor = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, open no browser.")
    ] = False,
    endpoint: EndpointName = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Whose takes are on the desk.")
    ] = None,
) -> None:
    """Open the editors' desk in a browser: edit, approve, ask again.

    Drafts beside their descriptions, with what the checks found. Needs the
    extra: pip install 'reviewer-panel[desk]'.
    """
    try:
        from panel.desk.serving import Place, serve  # noqa: PLC0415 - an optional extra
        from panel.desk.session import Desk  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the desk needs {error.name!r}: pip install 'reviewer-panel[desk]'."
        ) from None
    place = Place(host, port, token)
    place.check()
    root = find_root(Path.cwd())
    session = Desk(root, editor_name(root, editor), endpoint, model)

    def opened(address: str) -> None:
        say(address)
        note(f"{session.editor}'s desk is open. Ctrl-C closes it; every decision is kept.")
        if not no_browser:
            # Of its own: a browser inside the terminal would wait for pages not yet served.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    serve(session, place, opened)
    raise typer.Exit(ExitCode.OK)
