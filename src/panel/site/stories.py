"""What a site has to tell: its lead, what turned, what the editors picked and wrote."""

from __future__ import annotations

from collections.abc import Iterator

from panel.scorecard import VerdictChange
from panel.site.addresses import HOME
from panel.site.index import SiteIndex, published_date, published_path
from panel.site.publication import Publication, PublishedTool
from panel.workspace.editorial import Editorial


def lead_of(index: SiteIndex) -> PublishedTool | None:
    """Return the tool of the first story.

    The one that the editors name, else the newest on which the panel is divided, else the newest.
    """
    front = index.publication.editorial.front
    if front is not None and front.lead in index.tools:
        return index.tools[front.lead]
    newest = sorted(index.divided, key=published_date, reverse=True)
    return next(iter(newest or index.newest), None)


def picks(index: SiteIndex) -> list[PublishedTool]:
    """Return the tools that the editors picked, newest first."""
    said = ((each, index.said_of(each)) for each in index.newest)
    return [published for published, words in said if words is not None and words.pick]


def part_of(said: Editorial) -> str:
    """Return what an editor wrote of a headline and a standfirst, before "by" and a name."""
    if said.headline and said.standfirst:
        return "Written"
    return "Headline" if said.headline else "Standfirst"


def turned(index: SiteIndex) -> list[VerdictChange]:
    """Return the changes of published verdicts, newest first; none of a demo model."""
    shown = (each for each in index.publication.changes if each.tool in index.tools)
    return [each for each in shown if each.before and not each.demo]


def edited(publication: Publication) -> bool:
    """Whether any page has words that editors wrote in their own name."""
    files = publication.editorial
    return bool(files.front or files.tools or files.pairs)


def edited_pages(index: SiteIndex) -> Iterator[tuple[str, str, Editorial]]:
    """Yield path and name of each page that editors have words on, with these."""
    front = index.publication.editorial.front
    if front is not None:
        yield HOME, index.site.title, front
    for published in index.by_name:
        said = index.said_of(published)
        if said is not None:
            yield published_path(published), published.tool.name, said
    for pair in index.pairs:
        said = index.said_of_pair(pair)
        if said is not None:
            yield pair.path, pair.name, said
