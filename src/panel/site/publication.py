"""Everything a site is made of; ``panel.site.build`` needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from panel.cells.cells import ModelIdentity
from panel.cells.renames import Rename
from panel.scorecard import Scorecard, VerdictChange
from panel.site.media import MediaFolder
from panel.stats import Tally
from panel.workspace.editorial import EditorialFiles
from panel.workspace.personas import Persona
from panel.workspace.settings import SiteSettings
from panel.workspace.tools import Tool

NAMED = 3  # tools that are published in part, by name


@dataclass(frozen=True, slots=True)
class PublishedTool:
    """A tool as readers see it: the content of its file and its published scorecard.

    ``panel.scorecard.published`` made the scorecard: one vote for each published take.
    """

    tool: Tool
    card: Scorecard


@dataclass(frozen=True, slots=True)
class Partial:
    """A published tool of which readers see the takes of some reviewers only.

    shown, of: how many of its reviewers that have a take; the others' is not approved.
    """

    tool: str
    shown: int
    of: int


def in_part(tools: Sequence[Partial]) -> str:
    """Return one sentence on tools of which readers see some reviewers only; there is one."""
    first, *others = tools
    named = [f"{first.tool} shows {first.shown} of {first.of} reviewers"]
    named += [f"{each.tool} {each.shown} of {each.of}" for each in others[: NAMED - 1]]
    more = f" and {len(tools) - NAMED:,} more" if len(tools) > NAMED else ""
    if sum(each.of - each.shown for each in tools) == 1:
        return f"{named[0]}: the other is not approved, and is not counted."
    return f"{', '.join(named)}{more}: the others are not approved, and are not counted."


@dataclass(frozen=True, slots=True)
class Publication:
    """All that a build needs, in plain values that can be sent to other processes.

    tools: the published tools, by slug. personas: the panel, in order. pairs: chosen
    comparisons, as slugs. changes: what readers may see of the verdicts' history, newest
    first. systems: persona id → its rendered system prompt. review: the rendered question
    on one published tool, named in ``review_of``. guidance: what is rendered at its end where an
    editor has asked again with a note. votes: tool slug → readers' votes.
    vote_ids: tool slug → id of its votes, where that is not the slug.
    renames: tools and personas that had another name; their old addresses lead to the new ones.
    today: the day by which a price is stale or not, and the only date from outside the
    content. confidence: the confidence that the model stated may be printed, since it foretells
    repeats better than the base rate. drafts: takes that nobody has approved are included, and
    marked. editorial: the editors' own words about what is published. held: names of tools that
    would be published if their files did not hold them back; with drafts they are shown. media:
    the pictures of its tools, personas and head. partial: tools of which not all takes are
    approved. waiting: how many takes wait for an editor, of all tools.
    """

    site: SiteSettings
    tools: tuple[PublishedTool, ...]
    personas: tuple[Persona, ...]
    model: ModelIdentity
    today: date
    pairs: tuple[tuple[str, str], ...] = ()
    changes: tuple[VerdictChange, ...] = ()
    systems: Mapping[str, str] = field(default_factory=dict)
    review: str = ""
    review_of: str = ""
    guidance: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    votes: Mapping[str, Tally] = field(default_factory=dict)
    vote_ids: Mapping[str, str] = field(default_factory=dict)
    renames: tuple[Rename, ...] = ()
    confidence: bool = False
    drafts: bool = False
    version: str = ""
    editorial: EditorialFiles = field(default_factory=EditorialFiles)
    held: tuple[str, ...] = ()
    media: MediaFolder = field(default_factory=MediaFolder)
    partial: tuple[Partial, ...] = ()
    waiting: int = 0

    # Whether anything of a demo model is on its pages.
    demo: bool = field(init=False)

    def __post_init__(self) -> None:
        """Look once at every tool whether a demo model is on the pages: each row of a list asks."""
        object.__setattr__(self, "demo", any(each.card.demo for each in self.tools))

    def vote_id(self, slug: str) -> str:
        """Return the id of a tool's votes, which its page holds and the votes are kept by."""
        return self.vote_ids.get(slug, slug)

    @property
    def shown_as(self) -> str:
        """What its tools and takes are: "shown" where drafts may be among them."""
        return "shown" if self.drafts else "published"

    @property
    def has_forms(self) -> bool:
        """Whether readers can vote and subscribe on its pages; never on drafts."""
        return self.site.community and not self.drafts
