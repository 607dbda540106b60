"""``panel serve`` and ``panel votes``: the site with its readers, and what they vote."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated

import typer

from panel.cells.journal import utc_now
from panel.cli.options import AllowHost, Json, TrustProxy, host_names, stdin_for_dash
from panel.cli.output import note, percent, print_json, say
from panel.endpoint.target import Chosen
from panel.errors import UsageError
from panel.frozen.files import FOLDER, read_frozen
from panel.frozen.renames import opened_renamed, vote_ids_of
from panel.frozen.thaw import thaw_if_fresh
from panel.readers.community.links import VARIABLE, parse_base_url
from panel.readers.community.secret import community_secret
from panel.readers.community.votes import Votes, share_record
from panel.site.output import published_address
from panel.stats import Tally
from panel.text import composed, counted
from panel.workspace.addresses import is_loopback
from panel.workspace.loading import find_root, load_workspace
from panel.workspace.settings_file import load_settings

app = typer.Typer(rich_markup_mode=None)
votes_app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Readers' votes: take them in from a file, show what they add up to.",
)
app.add_typer(votes_app, name="votes")


@app.command()
def serve(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="What 'panel publish' wrote.")],
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 8321,
    allow_host: AllowHost = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", envvar=VARIABLE, help="Its address, for mails.")
    ] = None,
    trust_proxy: TrustProxy = None,
) -> None:
    """Serve a published site; take readers' votes and subscriptions."""
    try:
        from panel.readers.serve import app as application  # noqa: PLC0415 - an optional extra
        from panel.readers.serve import server  # noqa: PLC0415
        from panel.readers.serve.proxies import TrustedProxies  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(
            f"'panel serve' needs {error.name}, which is not installed. Install it: "
            "pip install 'reviewer-panel[desk]'"
        ) from None
    root = find_root(Path.cwd())
    allowed, proxies = host_names(allow_host), TrustedProxies.parse(trust_proxy or ())
    with server.bind(host, port) as bound:
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{bound.getsockname()[1]}"
        site = load_settings(root).site
        named = base_url or published_address(folder) or site.base_url
        named = named or (f"https://{min(allowed)}" if allowed else None)
        if named is None and site.community:
            note(
                f"The links in mails lead to {address}, which other machines do not "
                "reach. Set base_url under [site] in panel.toml, or give --base-url."
            )
        home, hosts = _at_root(named or address), allowed | _own_address(host, shown)
        serving = application.Serving(
            root,
            folder,
            home,
            site.title,
            hosts,
            votes_per_address=site.votes_per_address,
        )
        made = application.create_app(serving, os.environ, server.once_a_minute(note))
        if not is_loopback(host):
            note(
                f"Listening on {host}: other machines can reach this. Put a proxy that speaks "
                "https in front, and name the site: --allow-host NAME (docs/community.md)."
            )
        server.narrate(note)
        say(address)
        note("Ctrl-C ends it.")
        server.make_server(made, serving.bounds, proxies).run(sockets=[bound])


def _at_root(text: str) -> str:
    address = parse_base_url(text)
    if address.count("/") > 2:
        raise UsageError(f"{text!r} is no host's root, where 'panel serve' has to stand.")
    return address


def _own_address(host: str, shown: str) -> frozenset[str]:
    """Return the Host that a bound address is asked for by; none for "every address"."""
    if not _is_address(host) or ipaddress.ip_address(host).is_unspecified:
        return frozenset()
    return frozenset({shown.lower()})


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@votes_app.command("import")
def import_votes(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="VOTES.CSV",
            help="Columns tool,ships,skips or tool,vote,voter; - is stdin.",
            callback=stdin_for_dash,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Add the votes of a CSV file, all or none; the same content is never added twice."""
    root = find_root(Path.cwd())
    secret = community_secret(root, os.environ)
    ballots = Votes(root).import_csv(file, _vote_ids(root), secret, utc_now())
    if as_json:
        print_json({"imported": ballots is not None, "rows": ballots.rows if ballots else 0})
    elif ballots is None:
        say(f"{file} was imported before; nothing is counted twice.")
    else:
        say(f"Imported {counted(ballots.rows, 'line')} of {file}.")


def _vote_ids(root: Path) -> dict[str, str]:
    """Return the vote ids of a workspace's tools, by slug."""
    workspace = load_workspace(root)
    thaw_if_fresh(workspace)
    with opened_renamed(workspace, Chosen()) as connection:
        return vote_ids_of(workspace, read_frozen(root / FOLDER), connection)


@votes_app.command("show")
def show_votes(
    tool: Annotated[
        list[str] | None, typer.Argument(metavar="TOOL", help="Slugs; all when none.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print ships, skips, percentage and interval of each tool that readers voted on."""
    root = find_root(Path.cwd())
    votes, ids = Votes(root), _vote_ids(root)
    slugs = {vote_id: slug for slug, vote_id in ids.items()}
    # Votes on a tool that is gone stand under its slug, unless another tool has it.
    named = {
        slugs.get(each, each): pair
        for each, pair in votes.counts().items()
        if each in slugs or each not in ids
    }
    counts = dict(sorted(named.items()))
    asked = map(composed, tool or ())
    tool = [slug if slug in ids else slugs.get(slug, slug) for slug in asked]
    for slug in tool:
        if slug not in counts:
            raise UsageError(f"nobody has voted on {slug!r} yet.")
    shown = {slug: Tally(*counts[slug]) for slug in tool or counts}
    if votes.damaged:
        count = "counts" if votes.damaged == 1 else "count"
        lines = counted(votes.damaged, "line")
        note(f"{lines} of the votes cannot be read and {count} for nothing.")
    if as_json:
        print_json({"votes": [share_record(slug, tally) for slug, tally in shown.items()]})
        return
    for slug, tally in shown.items():
        interval = tally.interval
        span = f", 95 % interval {interval.low:.0f}–{interval.high:.0f} %" if interval else ""
        say(f"{slug}: {percent(tally.ship_percent)}  {tally.ships} of {tally.n} ship{span}")
    if not shown:
        note("Nobody has voted yet.")
