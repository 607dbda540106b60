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


def source_of(tool: Tool) -> Source:
    """Return a tool's source; cached for the latest tools."""
    return _source(record_text(tool))


@lru_cache(maxsize=4096)
def _source(text: str) -> Source:
    return Source(
        text=text,
        folded=folded(text).text,
        words=frozenset(words_of(text)),
        quantities=tuple(quantities(text)),
        licences=tuple(licence_mentions(text)),
        sentences=Sentences(text),
    )


def bare(word: str) -> str:
    """Return a word folded, without its possessive ending."""
    return unpossessed(word.casefold())


def unpossessed(word: str) -> str:
    """Return a word without its possessive ending: Mistral's → Mistral."""
    for ending in ("'s", "’s", "'", "’"):
        if word.endswith(ending):
            return word[: -len(ending)]
    return word


def words_of(text: str) -> Iterator[str]:
    """Yield the folded words of a text, and the parts of compound ones."""
    for match in WORD.finditer(text):
        word = bare(match[0])
        yield word
        if not word.isalnum():
            yield from _PART.findall(word)
