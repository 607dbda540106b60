"""Publishes a site with its readers' votes, which go on under the new slugs of renamed tools."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from panel.cells.journal import utc_now
from panel.readers.community.ledger import FOLDER
from panel.readers.community.votes import Votes
from panel.site.build import Built, Told, build
from panel.site.publication import Publication


def with_votes(root: Path, publication: Publication) -> Publication:
    """Return a publication with the votes of a workspace, as they will stand once it is built."""
    votes = Votes(root)
    votes.foresee(publication.slug_changes, utc_now())
    return replace(publication, votes=votes.tallies())


def build_with_votes(
    root: Path, publication: Publication, out: Path, remove: bool = True, told: Told | None = None
) -> Built:
    """Write the site to ``out``, as ``panel.site.build``, and put down which slugs tools have.

    First the renames: a vote on an old page counts for the tool, whatever it is called meanwhile.
    Last the slugs that are used again, since until then their pages may be those of the old tool.
    Drafts change nothing, and where there are no readers nothing is written.
    """
    kept = not publication.drafts and (publication.has_forms or (root / FOLDER).is_dir())
    votes = Votes(root)
    if kept:
        votes.follow(publication.slug_changes, utc_now())
    built = build(publication, out, remove, told)
    if kept:
        votes.begin((each.tool.slug for each in publication.tools), utc_now())
    return built
