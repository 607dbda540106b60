"""What one issue of the digest holds: plain values, all of them what readers may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from panel.stats import PanelResult
from panel.text import counted


@dataclass(frozen=True, slots=True)
class Link:
    """A name and its page; link: None without the site's address."""

    name: str
    link: str | None


@dataclass(frozen=True, slots=True)
class ToolLine:
    """A tool in the digest; words: its verdict in words.

    hands: of how many takes the words are an editor's, or were asked for with a note; "" for none.
    """

    name: str
    tagline: str
    category: str
    entry_price: str
    words: str
    result: PanelResult
    link: str | None
    hands: str = ""


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """Words of a reviewer's published take; says: "ships", or "ships, edited by Ada"."""

    name: str
    says: str
    words: str


@dataclass(frozen=True, slots=True)
class LeadStory:
    """The first story.

    by: the editor whose headline or standfirst it has, None without one; part: what is theirs.
    confirmed: that words stand by an editor's word alone, which the headline leaves out; "" or a
    sentence.
    """

    tool: ToolLine
    headline: str
    standfirst: str
    by: str | None
    quotes: tuple[QuoteLine, ...]
    part: str = "Written"
    confirmed: str = ""


@dataclass(frozen=True, slots=True)
class Intro:
    """What an editor says of the issue: ``editorial/digest/<first day>.md``. text: Markdown."""

    headline: str
    standfirst: str
    text: str
    by: str | None


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A persona's verdict on a tool that changed; changed_on: ISO date, UTC.

    who: who turned it, up to the verb. edited: an editor turned it, and not the persona. asked:
    with which notes editors asked again before; "" without any.
    """

    tool: str
    who: str
    before: str
    after: str
    changed_on: str
    reason: str
    link: str | None
    edited: bool = False
    asked: str = ""


@dataclass(frozen=True, slots=True)
class CorrectionLine:
    """What was wrong on a page, and the ISO date on which that was put right."""

    name: str
    note: str
    corrected_on: str
    link: str | None


@dataclass(frozen=True, slots=True)
class DigestContent:
    """One issue: since the first day up to, but not including, the day ``until`` (UTC).

    base_url: the site's address without its last slash, None when it has none. new_tools: few, and
    without the lead; also_new, comparisons: the others, by name. new, compared, changed: how many
    there are in all, those that are not named included; more_new: how many new ones are not.
    first: no issue went before, so that every published tool is new to its readers.
    """

    title: str
    since: date
    until: date
    base_url: str | None
    intro: Intro | None = None
    lead: LeadStory | None = None
    new_tools: tuple[ToolLine, ...] = ()
    also_new: tuple[Link, ...] = ()
    changes: tuple[ChangeLine, ...] = ()
    divided: tuple[ToolLine, ...] = ()
    corrections: tuple[CorrectionLine, ...] = ()
    comparisons: tuple[Link, ...] = ()
    new: int = 0
    compared: int = 0
    changed: int = 0
    more_new: int = 0
    first: bool = False
    drafts: bool = False
    demo: bool = False

    @property
    def id(self) -> str:
        """What identifies this issue: only its first day.

        So nobody gets the issue of a week twice because the command ran again on the next
        day, or because a verdict came in meanwhile.
        """
        return f"digest-{self.since.isoformat()}"

    @property
    def last_day(self) -> date:
        """The last day that it covers."""
        return self.until - timedelta(days=1)

    @property
    def empty(self) -> bool:
        """Whether nothing happened. Divided panels alone are not news."""
        told = self.new or self.compared or self.changed or self.corrections
        return not (told or self.intro or self.lead)

    @property
    def subject(self) -> str:
        """The subject of the mail: the editor's headline, else what there is."""
        if self.intro is not None and self.intro.headline:
            return f"{self.title}: {self.intro.headline}"
        parts = []
        if self.new:
            parts.append(counted(self.new, "new tool"))
        if self.changed:
            parts.append(counted(self.changed, "changed verdict"))
        return f"{self.title}: {' and '.join(parts) or 'the week'}"
