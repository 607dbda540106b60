"""The filter of the queue, read from an address and written to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import parse_qsl, urlencode

from panel.checks import Finding
from panel.results.entries import Entry

PER_PAGE = 50
STATES: dict[str, Callable[[Entry], bool]] = {
    "waiting": lambda entry: entry.waits,
    "draft": lambda entry: entry.has_words and entry.state == "draft",
    "edited": lambda entry: entry.has_words and entry.state == "edited",
    "approved": lambda entry: entry.has_words and entry.state == "approved",
    "rejected": lambda entry: entry.has_words and entry.state == "rejected",
    "stale": lambda entry: (entry.stale and not entry.confirmed) or entry.published_stale,
    "unanswered": lambda entry: not entry.has_words,
    "all": lambda entry: True,
}
FINDINGS = ("any", "errors", "none")
Counted = Callable[[Entry], Sequence[Finding] | None]


@dataclass(frozen=True, slots=True)
class Filter:
    """What an editor wants to see. By default only ``state`` filters.

    tool: part of a name or slug; findings: "" or one of FINDINGS; page: from 1.
    """

    state: str = "waiting"
    tool: str = ""
    persona: str = ""
    findings: str = ""
    flips: bool = False
    page: int = 1

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> Self:
        """Read a filter from the fields of an address; invalid values are ignored."""
        state, findings = fields.get("state", ""), fields.get("findings", "")
        page = fields.get("page", "")
        return cls(
            state=state if state in STATES else "waiting",
            tool=fields.get("tool", "").strip()[:200],
            persona=fields.get("persona", "")[:200],
            findings=findings if findings in FINDINGS else "",
            flips=fields.get("flips") == "1",
            page=max(1, int(page[:9])) if page.isascii() and page.isdigit() else 1,
        )

    @classmethod
    def of_query(cls, query: str) -> Self:
        """Read a filter from the query of an address."""
        try:
            return cls.parse(dict(parse_qsl(query, max_num_fields=20)))
        except ValueError:
            return cls()

    def query(self, **changed: object) -> str:
        """Return the filter as the query of an address, with fields changed."""
        wanted = replace(self, **changed) if changed else self  # type: ignore[arg-type]
        plain = Filter()
        return urlencode(
            {
                name: 1 if value is True else value
                for name in ("state", "tool", "persona", "findings", "flips", "page")
                if (value := getattr(wanted, name)) != getattr(plain, name)
            }
        )

    def matches(self, entry: Entry, counted: Counted) -> bool:
        """Whether an entry is shown. A filter by findings hides takes that are not checked yet."""
        word = self.tool.casefold()
        if word and word not in entry.tool.name.casefold() and word not in entry.tool.slug:
            return False
        if self.persona and entry.persona.id != self.persona:
            return False
        if self.flips and not entry.flips:
            return False
        if not STATES[self.state](entry):
            return False
        if not self.findings:
            return True
        found = counted(entry)
        if found is None or not entry.has_words:
            return False
        if self.findings == "none":
            return not found
        return any(self.findings == "any" or each.severity == "error" for each in found)


def counts(entries: Iterable[Entry]) -> dict[str, int]:
    """Count the entries by state, in the order of STATES; an entry can be under several."""
    counted = Counter(name for entry in entries for name, holds in STATES.items() if holds(entry))
    return {name: counted[name] for name in STATES}
