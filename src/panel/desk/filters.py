"""The filter and the order of the queue, read from an address and written to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from panel.checks import Finding
from panel.decisions import Pair, same_editor
from panel.desk.reasons import REASONS, reason_of
from panel.results.entries import Entry

PER_PAGE = 50
FINDINGS = ("any", "errors", "none")
SORTS = ("", "severity", "age", "name")
UNCHECKED = 9  # its place among severities: after all that is known
Counted = Callable[[Entry], Sequence[Finding] | None]


@dataclass(frozen=True, slots=True)
class Sight:
    """What an editor knows beside the takes.

    counted: the findings of a take, None where it is not checked yet. assigned: whose each take
    is. editor: who looks.
    """

    counted: Counted = lambda _entry: None
    assigned: Mapping[Pair, str] = field(default_factory=dict)
    editor: str = ""

    def is_mine(self, entry: Entry) -> bool:
        """Whether a take was given to whoever looks."""
        return same_editor(self.assigned.get(entry.pair, ""), self.editor)

    def has_signed(self, entry: Entry) -> bool:
        """Whether whoever looks has approved a take that waits for another editor."""
        words = entry.review.revision
        signed = entry.state == "signed" and words is not None
        return signed and words is not None and same_editor(words.editor, self.editor)


STATES: dict[str, Callable[[Entry, Sight], bool]] = {
    "waiting": lambda entry, sight: (
        (entry.waits and not sight.has_signed(entry)) or entry.stands_or_falls
    ),
    "draft": lambda entry, _: entry.has_words and entry.state == "draft",
    "edited": lambda entry, _: entry.has_words and entry.state == "edited",
    "signed": lambda entry, _: entry.has_words and entry.state == "signed",
    "approved": lambda entry, _: entry.has_words and entry.state == "approved",
    "rejected": lambda entry, _: entry.has_words and entry.state == "rejected",
    "stale": lambda entry, _: (entry.stale and not entry.confirmed) or entry.published_stale,
    "unanswered": lambda entry, _: not entry.has_words,
    "all": lambda _entry, _: True,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """What an editor wants to see. By default only ``state`` filters.

    tool: part of a name or slug; says: words that stand in the take; findings: "" or one of
    FINDINGS; editor: who decided last; reason: why it was rejected, a key of REASONS; mine: given
    to whoever looks; sort: one of SORTS, "" as in the workspace; page: from 1.
    """

    state: str = "waiting"
    tool: str = ""
    says: str = ""
    category: str = ""
    persona: str = ""
    findings: str = ""
    editor: str = ""
    reason: str = ""
    flips: bool = False
    mine: bool = False
    sort: str = ""
    page: int = 1

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> Self:
        """Read a filter from the fields of an address; invalid values are ignored."""

        def one_of(name: str, allowed: Iterable[str], plain: str = "") -> str:
            given = fields.get(name, plain)
            return given if given in allowed else plain

        page = fields.get("page", "")
        return cls(
            state=one_of("state", STATES, "waiting"),
            **{name: fields.get(name, "").strip()[:200] for name in ("tool", "says")},
            **{name: fields.get(name, "")[:200] for name in ("category", "persona", "editor")},
            findings=one_of("findings", FINDINGS),
            reason=one_of("reason", REASONS),
            flips=fields.get("flips") == "1",
            mine=fields.get("mine") == "1",
            sort=one_of("sort", SORTS),
            page=max(1, int(page[:9])) if page.isascii() and page.isdigit() else 1,
        )

    @classmethod
    def of_query(cls, query: str) -> Self:
        """Read a filter from the query of an address."""
        try:
            return cls.parse(dict(parse_qsl(query, max_num_fields=200)))
        except ValueError:
            return cls()

    def query(self, **changed: object) -> str:
        """Return the filter as the query of an address, with fields changed."""
        wanted = replace(self, **changed) if changed else self  # type: ignore[arg-type]
        plain = Filter()
        return urlencode(
            {
                name: 1 if value is True else value
                for name in self.__slots__
                if (value := getattr(wanted, name)) != getattr(plain, name)
            }
        )

    @property
    def narrowed(self) -> int:
        """How many of the lesser filters are in use: those that a form may fold away."""
        names = ("category", "persona", "findings", "editor", "reason", "flips", "mine")
        return sum(bool(getattr(self, name)) for name in names)

    @property
    def chosen(self) -> int:
        """How many filters are in use, besides the state."""
        return self.narrowed + bool(self.tool) + bool(self.says)

    def matches(self, entry: Entry, sight: Sight) -> bool:
        """Whether an entry is shown. A filter by findings hides takes that are not checked yet."""
        return (
            STATES[self.state](entry, sight)
            and self._names(entry)
            and (not self.flips or entry.flips)
            and (not self.mine or sight.is_mine(entry))
            and (not self.editor or self.editor == _decided_by(entry))
            and (not self.reason or self.reason == reason_of(entry))
            and (not self.says or self.says.casefold() in entry.text.casefold())
            and (not self.findings or self._found(entry, sight.counted(entry)))
        )

    def _names(self, entry: Entry) -> bool:
        word = self.tool.casefold()
        if word and word not in entry.tool.name.casefold() and word not in entry.tool.slug:
            return False
        if self.category and entry.tool.category != self.category:
            return False
        return not self.persona or entry.persona.id == self.persona

    def _found(self, entry: Entry, found: Sequence[Finding] | None) -> bool:
        if found is None or not entry.has_words:
            return False
        if self.findings == "none":
            return not found
        return any(self.findings == "any" or each.severity == "error" for each in found)

    def shown(
        self, entries: Sequence[Entry], sight: Sight, also: Entry | None = None
    ) -> list[Entry]:
        """Return the entries that match, and ``also``, in order, those of a tool together."""
        found = [each for each in entries if each is also or self.matches(each, sight)]
        if self.state == "waiting":  # a group of their own, after the drafts
            drafts = [each for each in found if not each.stands_or_falls]
            stale = [each for each in found if each.stands_or_falls]
            return [*self._sorted(drafts, sight), *self._sorted(stale, sight)]
        return self._sorted(found, sight)

    def _sorted(self, found: list[Entry], sight: Sight) -> list[Entry]:
        """Return entries in the order that is wanted, those of a tool together."""
        if not self.sort:
            return found
        keys = {id(entry): self._key(entry, sight) for entry in found}
        first: dict[str, Any] = {}
        for entry in found:
            key = keys[id(entry)]
            first[entry.tool.slug] = min(first.get(entry.tool.slug, key), key)
        return sorted(
            found, key=lambda each: (first[each.tool.slug], each.tool.slug, keys[id(each)])
        )

    def _key(self, entry: Entry, sight: Sight) -> tuple[Any, ...]:
        if self.sort == "name":
            return (entry.tool.name.casefold(),)
        if self.sort == "age":
            return (entry.answer.asked_at if entry.answer else "9",)
        found = sight.counted(entry)
        if found is None:
            return (UNCHECKED, 0)
        return (min((each.rank for each in found), default=UNCHECKED - 1), -len(found))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a take stands in the queue: its neighbours, and its number among ``of`` takes.

    number: from 1; None where the filter does not show it any more.
    """

    before: Entry | None
    after: Entry | None
    number: int | None
    of: int


def place_among(entries: Sequence[Entry], entry: Entry, wanted: Filter, sight: Sight) -> Place:
    """Return where a take stands among those that a filter shows, even if it is not among them."""
    shown = wanted.matches(entry, sight)
    order = wanted.shown(entries, sight, also=entry)
    at = order.index(entry)
    return Place(
        order[at - 1] if at else None,
        order[at + 1] if at + 1 < len(order) else None,
        at + 1 if shown else None,
        len(order) - (not shown),
    )


def _decided_by(entry: Entry) -> str | None:
    words = entry.review.revision
    return words.editor if words is not None and entry.state != "draft" else None


def counts(entries: Iterable[Entry], sight: Sight | None = None) -> dict[str, int]:
    """Count the entries by state, in the order of STATES; an entry can be under several."""
    sight = sight or Sight()
    counted = Counter(
        name for entry in entries for name, holds in STATES.items() if holds(entry, sight)
    )
    return {name: counted[name] for name in STATES}
