"""What a site is not written for: drafts over a published one, a stranger's file, a lost page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from panel.errors import UsageError
from panel.site import output
from panel.site.output import MANIFEST
from panel.site.publication import Publication
from panel.site.render import OutputFile
from panel.text import counted

NAMED = 8  # files, in a message


def refuse_drafts(publication: Publication, before: output.Standing, out: Path) -> None:
    """Raise UsageError where drafts would replace a published site."""
    if publication.drafts and before.files and not before.drafts:
        raise UsageError(
            f"{str(out)!r} holds the published site, and drafts would replace it. Name another "
            f"folder: 'panel publish {out}-drafts --drafts'."
        )


def refuse_foreign(files: list[OutputFile], known: dict[str, str], out: Path) -> None:
    """Raise UsageError for files that the list does not have where the site's would stand.

    What others wrote under such a name would be loaded and read as the site's own. One that is as
    it would be made is the site's.
    """
    found = [
        file.path
        for file in files
        if file.path not in known and os.path.lexists(out / file.path)
        if output.differs(out / file.path, file.make())
    ]
    if not found:
        return
    many = "a file" if len(found) == 1 else counted(len(found), "file")
    raise UsageError(
        f"{str(out)!r} holds {many} in the place of the site's that {MANIFEST} does not list: "
        f"{_first(found)}. Move or delete what stands there, then publish again."
    )


def refuse_loss(pages: Sequence[str]) -> None:
    """Raise UsageError where pages would go that readers may have links to."""
    if not pages:
        return
    many = "a published page" if len(pages) == 1 else counted(len(pages), "published page")
    raise UsageError(
        f"this would remove {many}: {_first(pages)}. Where a page is to "
        "stay, approve a take again or lift the tool's hold; or publish with --remove."
    )


def _first(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - NAMED:,} more" if len(paths) > NAMED else ""
    return f"{', '.join(paths[:NAMED])}{more}"
