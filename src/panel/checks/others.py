"""Finds names and figures of other catalog tools that strayed into a tool's take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import NamedTuple

from panel.checks.findings import Finding, Span, Spans, Subject, at
from panel.checks.folding import folded
from panel.checks.quantities import Quantity
from panel.checks.source import ById, Source, figures_of
from panel.checks.words import compounds, listed, words_in
from panel.workspace.tools import Tool

TELLING = 3  # significant digits
# Figures that look exact and are not: powers of two, the days of a year, usual uptimes.
_COMMON = frozenset(listed("1.28 2.56 5.12 1.024 2.048 4.096 8.192 3.65 9.99 9.999 9.95"))
_Key = tuple[str, str, float, str]


class Traces(NamedTuple):
    """What an index of a catalog holds of one tool: its name, word by word, and telling figures."""

    slug: str
    name: str
    words: tuple[str, ...]
    figures: frozenset[_Key]


class OtherTools:
    """A catalog indexed by names and distinctive figures, for the checks of many takes.

    The tool under review may be among its tools; the checks skip it.
    """

    def __init__(self, tools: Iterable[Tool], before: OtherTools | None = None) -> None:
        """Index a catalog; of tools that are in ``before`` nothing is read again."""
        known = {} if before is None else before._known
        self._known: dict[ById[Tool], Traces] = {
            key: known.get(key) or _traces(key) for key in map(ById, tools)
        }
        self._index(self._known.values())

    @classmethod
    def of(cls, traces: Iterable[Traces]) -> OtherTools:
        """Index a catalog by what was found in its tools, in their order."""
        made = cls([])
        made._index(traces)
        return made

    def _index(self, catalog: Iterable[Traces]) -> None:
        self._all = tuple(catalog)
        self._names: dict[str, list[Traces]] = {}
        self._firsts = set[str]()  # the first letters up to a sign of those names
        self._longest = max((len(tool.words) for tool in self._all), default=0)
        self._figures: dict[_Key, list[Traces]] = {}
        for tool in self._all:
            if len("".join(tool.words)) > 2:
                self._names.setdefault(tool.words[0], []).append(tool)
                self._firsts.add(next(iter(words_in(tool.words[0]).places)))
            for key in tool.figures:
                self._figures.setdefault(key, []).append(tool)

    def same_traces(self, other: OtherTools) -> bool:
        """Whether both catalogs leave the same findings in a take, whatever it says."""
        return {*self._all} == {*other._all}

    def named(self, text: str) -> Iterator[tuple[Span, Traces]]:
        """Yield spans and tools of the names in a text that are spelled as in the catalog."""
        found = words_in(text)
        firsts = found.small & self._firsts
        for place in sorted(chain.from_iterable(map(found.places.__getitem__, firsts))):
            tokens = [*islice(found.tokens_from(place), self._longest)]
            words = tuple(word for _start, _end, word in tokens)
            for tool in self._names.get(words[0], ()) if words else ():
                many = len(tool.words)
                if words[:many] == tool.words:
                    yield (place, tokens[many - 1][0] + len(tool.words[-1])), tool

    def owner(self, quantity: Quantity, but: str) -> Traces | None:
        """Return the only tool, besides the slug ``but``, that states a figure; None otherwise."""
        key = _telling(quantity)
        owners = [tool for tool in self._figures.get(key, ()) if tool.slug != but] if key else []
        return owners[0] if len(owners) == 1 else None


def _telling(quantity: Quantity) -> _Key | None:
    """Return the index key of a figure that is distinctive enough to point at one tool.

    It takes three significant digits: 30 days, 24 hours and $20 are in many descriptions.
    """
    if quantity.kind in ("year", "date", "version", "times") or quantity.implied:
        return None
    if quantity.digits < TELLING or quantity.mantissa in _COMMON:
        return None
    size = quantity.size if quantity.unit in ("time", "bytes") else quantity.value
    return quantity.kind, quantity.unit, float(f"{size:.9g}"), ""


def index_of(others: OtherTools | Sequence[Tool]) -> OtherTools:
    """Return the index of a catalog; the latest few are cached."""
    if isinstance(others, OtherTools):
        return others
    return _index(_Same(others))


class _Same:
    """A cache key of tools, compared by object identity; holding them keeps their ids valid."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self.tools = tuple(tools)
        self.key = tuple(map(id, self.tools))

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.key == other.key


def traces_of(tool: Tool) -> Traces:
    """Return what an index of a catalog holds of one tool; cached for the latest tools."""
    return _traces(ById(tool))


@lru_cache(maxsize=8192)
def _traces(key: ById[Tool]) -> Traces:
    tool = key.thing
    telling = frozenset(filter(None, map(_telling, figures_of(tool))))
    return Traces(tool.slug, tool.name, tuple(compounds(tool.name)), telling)


@lru_cache(maxsize=4)
def _index(same: _Same) -> OtherTools:
    return OtherTools(same.tools)


def check_others(
    subject: Subject,
    others: OtherTools,
    source: Source,
    figures: list[tuple[Finding, Quantity]],
) -> list[Finding]:
    """Find names and figures of other catalog tools that are not in this tool's record.

    One such fact is a warning. Two facts of the same other tool are a mix-up, an error.
    figures: those that are not in the source.
    """
    text = subject.text
    found: list[tuple[Span, Traces, str]] = []
    told = Spans()
    for span, tool in others.named(text):
        name = folded(tool.name).text
        if tool.slug == subject.tool.slug or not name or name in source.folded:
            continue
        if not told.touch(span):
            told.add(span)
            found.append((span, tool, "the name"))
    for finding, quantity in figures:
        owner = others.owner(quantity, subject.tool.slug) if finding.severity == "warning" else None
        if owner is not None and finding.span is not None:
            found.append((finding.span, owner, "a figure"))
    facts = {(tool.slug, text[span[0] : span[1]]) for span, tool, _what in found}
    counts = Counter(slug for slug, _words in facts)
    return [_finding(text, span, tool, what, counts[tool.slug]) for span, tool, what in found]


def _finding(text: str, span: Span, tool: Traces, what: str, count: int) -> Finding:
    message = f"{what} of another tool, {tool.name}, and not in this tool's record"
    if count > 1:
        message += f" (one of {count} in this take)"
    says = (message, f"Make sure that the take is not about {tool.name}; remove what is.")
    finding = at(text, span, "other-tools-fact", "warning", says)
    return finding._replace(severity="error") if count > 1 else finding
