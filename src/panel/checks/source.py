"""The source: everything the persona was shown about a tool, prepared for look-ups."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from panel.checks.folding import folded
from panel.checks.mentions import Mention, licence_mentions
from panel.checks.quantities import Quantity, quantities
from panel.checks.sentences import Sentences
from panel.workspace.tools import Tool

WORD = re.compile(r"\w+(?:[.&/'’+#-]\w+)*\+{0,2}|\w+#")
_PART = re.compile(r"[\w.+#&]+")


@dataclass(frozen=True, slots=True)
class Source:
    """A tool's record as one text, with its words, figures and licences.

    words: folded words and the parts of hyphenated ones, without possessive endings.
    """

    text: str
    folded: str
    words: frozenset[str]
    quantities: tuple[Quantity, ...]
    licences: tuple[Mention, ...]
    sentences: Sentences

    def holds(self, quantity: Quantity) -> bool:
        """Whether the source states this figure."""
        return any(quantity.same(known) for known in self.quantities)


def record_text(tool: Tool) -> str:
    """Return everything shown about a tool as one text, a paragraph per field."""
    lines = [tool.name, tool.tagline, tool.category, tool.pricing.entry]
    lines += [f"{plan.name}: {plan.price}. {plan.includes}" for plan in tool.pricing.plans]
    lines += [*tool.tags, *tool.links, tool.slug]
    for day in (tool.released, tool.pricing.verified):
        if day is not None:
            lines += [day.isoformat(), f"{day:%B %Y}", str(day.year)]
    return "\n\n".join([*lines, tool.description])


class ById:
    """A cache key: this very tool, which is quicker to compare than all that it holds."""

    __slots__ = ("tool",)

    def __init__(self, tool: Tool) -> None:
        self.tool = tool

    def __hash__(self) -> int:
        return id(self.tool)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ById) and self.tool is other.tool


def source_of(tool: Tool) -> Source:
    """Return a tool's source; cached for the latest tools."""
    return _source(ById(tool))


@lru_cache(maxsize=4096)
def _source(key: ById) -> Source:
    text = record_text(key.tool)
    return Source(
        text=text,
        folded=folded(text).text,
        words=frozenset(words_of(text)),
        quantities=_quantities(text),
        licences=tuple(licence_mentions(text)),
        sentences=Sentences(text),
    )


@lru_cache(maxsize=16384)
def _quantities(text: str) -> tuple[Quantity, ...]:
    """Return the figures of a text; small beside the rest of a source, and so kept for longer."""
    return tuple(quantities(text))


def figures_of(tool: Tool) -> tuple[Quantity, ...]:
    """Return the figures of a tool's source, without the rest of it."""
    return _quantities(record_text(tool))


def bare(word: str) -> str:
    """Return a word folded, without its possessive ending."""
    return unpossessed(word.casefold())


def unpossessed(word: str) -> str:
    """Return a word without its possessive ending: Mistral's → Mistral."""
    for ending in ("'s", "’s", "'", "’"):
        if word.endswith(ending):
            return word[: -len(ending)]
    return word


@lru_cache(maxsize=16)
def tokens_in(text: str) -> list[tuple[int, int, str]]:
    """Return start, end and word of the words of a text; cached for the latest few texts.

    Compounds are one word; the word is without a possessive ending, start and end are with it.
    """
    return [
        (match.start(), match.end(), word if word.isalnum() else unpossessed(word))
        for match in WORD.finditer(text)
        for word in (match[0],)
    ]


def words_of(text: str) -> Iterator[str]:
    """Yield the folded words of a text, and the parts of compound ones."""
    for match in WORD.finditer(text):
        word = bare(match[0])
        yield word
        if not word.isalnum():
            yield from _PART.findall(word)
