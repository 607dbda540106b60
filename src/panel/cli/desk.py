"""``panel desk``: the editors' review desk, in a browser on this machine."""

from __future__ import annotations

import os
import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from panel.cli.main import ExitCode
from panel.cli.options import AllowHost, EndpointName, TrustProxy, host_names
from panel.cli.output import note, say
from panel.desk.limits import editor_name
from panel.errors import UsageError
from panel.workspace.loading import find_root

app = typer.Typer(rich_markup_mode=None)

Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")]
Host = Annotated[str, typer.Option("--host", help="Elsewhere than loopback needs a token.")]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help="What visitors must know."),
]
Editor = Annotated[
    str | None, typer.Option("--editor", metavar="NAME", help="Who decides (git's user.name).")
]


@app.command()
def desk(
    port: Port = 8320,
    host: Host = "127.0.0.1",
    token_file: TokenFile = None,
    allow_host: AllowHost = None,
    trust_proxy: TrustProxy = None,
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
    extra: pip install 'reviewer-panel[desk]'. The token that visitors from
    elsewhere must know comes from PANEL_DESK_TOKEN or --token-file.
    """
    try:
        from panel.desk.serving import Place, read_token, serve  # noqa: PLC0415 - an optional extra
        from panel.desk.session import Desk  # noqa: PLC0415
        from panel.readers.serve.proxies import TrustedProxies  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the desk needs {error.name!r}: pip install 'reviewer-panel[desk]'."
        ) from None
    token, proxies = read_token(token_file, os.environ), TrustedProxies.parse(trust_proxy or ())
    place = Place(host, port, token, host_names(allow_host), proxies)
    place.check()
    root = find_root(Path.cwd())
    session = Desk(root, editor_name(root, editor), endpoint, model)

    def opened(address: str) -> None:
        say(address)
        whose = f"{session.editor}'s desk" if session.editor else "The desk"
        note(f"{whose} is open. Ctrl-C closes it; every decision is kept.")
        if not session.editor:
            note("git knows no user.name, so the page asks for yours.")
        if token:
            note("Visitors log in with the token.")
        if not no_browser:
            # Of its own: a browser inside the terminal would wait for pages not yet served.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    serve(session, place, opened, note)
    raise typer.Exit(ExitCode.OK)
