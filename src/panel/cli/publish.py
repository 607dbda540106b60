"""``panel publish``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from panel.cli.main import ExitCode
from panel.cli.options import EndpointName, Json, StoredModel
from panel.cli.output import note, print_json, say
from panel.cli.workspace import open_tools
from panel.readers.community.votes import Votes
from panel.results.publication import publication
from panel.runs.selection import Selection, opened_for
from panel.scorecard import NOT_JUDGEMENT
from panel.site.build import Built, Plan, build, plan
from panel.site.index import SiteIndex
from panel.site.pillow import available
from panel.site.publication import Publication, in_part
from panel.text import counted
from panel.workspace.plain_files import refuse_link_on_the_way

NAMED = 8  # tools that are held back, by name

app = typer.Typer(rich_markup_mode=None)


@app.command()
def publish(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="The site's folder: new, empty, or its last one.")
    ],
    endpoint: EndpointName = None,
    model: StoredModel = None,
    drafts: Annotated[
        bool, typer.Option("--drafts", help="Also takes nobody has approved, marked as drafts.")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Also remove published pages that are no longer made.")
    ] = False,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="The site's address, over panel.toml's.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; write nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the static site of approved takes: pages, feed, sitemap, search, pictures.

    Writes only files whose content changed. Exit 1, and nothing written, when no take is
    approved yet. Exit 2, and nothing written, when pages that stand in OUT would be removed
    (--remove does), when drafts would replace a published site, or when a file that this program
    did not write stands in the place of one of the site's. A tool whose file says 'hold: true', or
    a later day as 'publish_after', is left out.
    """
    workspace = open_tools()
    refuse_link_on_the_way(out)
    votes = Votes(workspace.root).tallies()
    with opened_for(workspace, Selection(endpoint=endpoint, model=model)) as (target, connection):
        gathered = publication(workspace, target, connection, drafts, base_url, votes)
    if gathered.held:
        note(_held_back(gathered))
    if not gathered.tools:
        what = "Nothing else is approved" if gathered.held else "Nothing is approved yet"
        note(
            f"{what}, so nothing was written: {_waiting(gathered, f' of {target.model}')}. Approve "
            "takes with 'panel desk'; 'panel publish OUT --drafts' shows the site with those that "
            "are not approved, marked as drafts."
        )
        raise typer.Exit(ExitCode.FAILED)
    if gathered.demo:
        note(NOT_JUDGEMENT)
    if dry_run:
        _tell_plan(gathered, plan(gathered, out), out, as_json)
        return
    built = build(gathered, out, remove)
    _remark(gathered)
    if as_json:
        print_json(_record(gathered, built, out))
        return
    say(
        f"{_sizes(built)} in {str(out)!r}: {counted(len(built.written), 'file')} written, "
        f"{built.unchanged:,} unchanged, {len(built.removed):,} removed."
    )


def _waiting(gathered: Publication, whose: str = "") -> str:
    if not gathered.waiting:
        return f"no take{whose} waits for an editor"
    return f"{counted(gathered.waiting, f'take{whose} waits', f'takes{whose} wait')} for an editor"


def _tell_left_out(gathered: Publication) -> None:
    """Say which takes readers will not see, and which tools show only some of their reviewers."""
    if gathered.waiting and not gathered.drafts:
        note(f"{_waiting(gathered)} and {'is' if gathered.waiting == 1 else 'are'} not in it.")
    if gathered.partial:
        note(in_part(gathered.partial))


def _held_back(gathered: Publication) -> str:
    """Say which tools their files hold back from readers."""
    names, shown = gathered.held, "; drafts show them" if gathered.drafts else ""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return (
        f"Held back from readers by hold or publish_after in their files: "
        f"{', '.join(names[:NAMED])}{more}{shown}."
    )


def _tell_plan(gathered: Publication, planned: Plan, out: Path, as_json: bool) -> None:
    """Print what publishing would do: one line a file, and how many of each."""
    _remark(gathered)
    if as_json:
        print_json(
            {
                "out": str(out),
                "drafts": gathered.drafts,
                "waiting": gathered.waiting,
                **_counts(planned),
                "added": list(planned.added),
                "changed": list(planned.changed),
                "removed": list(planned.removed),
                "unchanged": planned.unchanged,
            }
        )
        return
    for word, paths in (
        ("add", planned.added),
        ("change", planned.changed),
        ("remove", planned.removed),
    ):
        for path in paths:
            say(f"{word:<6} {path}")
    say(
        f"{_sizes(planned)} in {str(out)!r}: {counted(len(planned.added), 'file')} would be "
        f"added, {len(planned.changed):,} changed, {len(planned.removed):,} removed; "
        f"{planned.unchanged:,} would stay. Nothing was written."
    )
    if planned.guarded:
        note(
            f"To be removed {counted(len(planned.guarded), 'is a page', 'are pages')} that readers "
            "may have links to: only --remove takes pages away."
        )


def _remark(gathered: Publication) -> None:
    """Say what the site lacks, and how it could have it."""
    _tell_left_out(gathered)
    if gathered.drafts:
        note("Drafts are shown, and marked on every page: this site is not for readers.")
    if gathered.site.base_url is None:
        note(
            "No feeds, no sitemap and no pictures for links: they need the site's address. Write "
            "base_url under [site] in panel.toml, or give --base-url."
        )
    elif not available():
        note("No pictures for links: 'pip install reviewer-panel[site]' brings Pillow.")
    if gathered.has_forms and urlsplit(gathered.site.base_url or "").path.strip("/"):
        note(
            f"community = true, but {gathered.site.base_url} is not the root of its host: 'panel "
            "serve' stands at a root only, and the forms send to /vote and /subscribe there."
        )
    if gathered.media.ignored:
        note("No pictures of media/: 'pip install reviewer-panel[site]' brings Pillow.")
    for problem in gathered.media.problems:
        note(f"A picture was left out: {problem}")
    for left, right in SiteIndex(gathered).left_out:
        note(f"No comparison of {left} and {right}: one of them is not published.")


def _record(gathered: Publication, built: Built, out: Path) -> dict[str, object]:
    return {
        "out": str(out),
        "drafts": gathered.drafts,
        "held": list(gathered.held),
        "waiting": gathered.waiting,
        **_counts(built),
        "written": len(built.written),
        "unchanged": built.unchanged,
        "removed": len(built.removed),
    }


def _sizes(made: Built | Plan) -> str:
    return (
        f"{counted(made.tools, 'tool')}, {counted(made.comparisons, 'comparison')}, "
        f"{counted(made.pages, 'page')}"
    )


def _counts(made: Built | Plan) -> dict[str, object]:
    return {
        "tools": made.tools,
        "comparisons": made.comparisons,
        "pages": made.pages,
        "pictures": made.pictures,
    }
