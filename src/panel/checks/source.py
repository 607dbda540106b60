"""The source: everything the persona was shown about a tool, prepared for look-ups."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Generic, TypeVar

from panel.checks.folding import folded, unaccented
from panel.checks.mentions import Mention, licence_mentions
from panel.checks.numerals import Kind
from panel.checks.quantities import Quantity, quantities
from panel.checks.rates import Rate, rates
from panel.checks.sentences import Sentences
from panel.checks.stated import Stated
from panel.checks.words import compounds, listed, unpossessed
from panel.workspace.tools import Tool

_LATIN = re.compile(r"[A-Za-z0-9\u00c0-\u024f]+(?:[.&/'’+#-][A-Za-z0-9\u00c0-\u024f]+)*")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})  # Muenchen
_PART = re.compile(r"[\w.+#&]+")

_NAME_WORD = re.compile(r"[\w.+]+")
OTHER_SCRIPT = 0.05  # share of letters by which a source is in another script
_LETTERS = re.compile(r"[^\W\d_]+")
_BEYOND_LATIN = re.compile(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff]")
Thing = TypeVar("Thing")
SLIP = 3  # digits from which on a slip of one of them is told from another number
SMALLEST = 100  # up to which a whole number is not rounded
_TELLING = 20  # words by which a language is known
_ENGLISH = frozenset(
    listed("the of and to for with that it by be are or from at its can not they which")
)


@dataclass(frozen=True)
class Source:
    """A tool's record as one text, with its words, figures and licences.

    words: folded words and the parts of hyphenated ones, without possessive endings.
    """

    text: str
    folded: str
    words: frozenset[str]
    quantities: tuple[Quantity, ...]
    licences: tuple[Mention, ...]

    @cached_property
    def sentences(self) -> Sentences:
        """The sentences of the text."""
        return Sentences(self.text)

    def has(self, pattern: re.Pattern[str]) -> bool:
        """Whether it has a match of a pattern, which is looked for once."""
        if pattern not in self._has:
            self._has[pattern] = pattern.search(self.text) is not None
        return self._has[pattern]

    @cached_property
    def _has(self) -> dict[re.Pattern[str], bool]:
        return {}

    @cached_property
    def name_words(self) -> frozenset[str]:
        """The words of the tool's name."""
        return frozenset(_NAME_WORD.findall(self.text.split("\n\n", 1)[0].casefold()))

    @cached_property
    def unlatin(self) -> float:
        """The share of its characters that are letters of another script than Latin, 0-1."""
        return len(_BEYOND_LATIN.findall(self.text)) / (len(self.text) or 1)

    @cached_property
    def foreign(self) -> bool:
        """Whether it is in another language than English, or in another script."""
        return self.unlatin > OTHER_SCRIPT or not _english(self.text)

    @cached_property
    def exact(self) -> dict[tuple[Kind, str], list[float]]:
        """The values, in order, that round numbers stand for, by kind and unit.

        Small whole ones are not rounded, nor are those that are said by the way.
        """
        exact = defaultdict[tuple[Kind, str], set[float]](set)
        for one in self.quantities:
            if not one.implied and not (one.value == round(one.value) and one.value < SMALLEST):
                exact[one.kind, one.unit].add(one.value)
        return {kind: sorted(values) for kind, values in exact.items()}

    @cached_property
    def last_year(self) -> float | None:
        """The last year that it names, alone or in a date; None where it names none."""
        years = (one.value for one in self.quantities if one.kind in ("date", "year"))
        return max(years, default=None)

    @cached_property
    def slips(self) -> dict[tuple[int, str], dict[str, list[Quantity]]]:
        """Its figures by their significant digits, each time without one of them."""
        slips: dict[tuple[int, str], dict[str, list[Quantity]]] = {}
        for one in self.stated:
            digits = one.mantissa
            for key in slips_of(digits):
                slips.setdefault(key, {}).setdefault(digits, []).append(one)
        return slips

    @cached_property
    def prices(self) -> list[tuple[str, Quantity]]:
        """Its prices, each once and in cents: "0.40"."""
        prices = (one for one in self.stated if one.kind == "money" and one.value)
        return [(f"{one.value:.2f}", one) for one in prices]

    @cached_property
    def sorted_words(self) -> list[str]:
        """Its words in order, to find those that begin in some way."""
        return sorted(self.words)

    @cached_property
    def nouns(self) -> frozenset[str]:
        """What its figures count."""
        return frozenset(one.noun for one in self.quantities if one.noun)

    @cached_property
    def rates(self) -> list[Rate]:
        """The figures, each with what it is for."""
        return rates(self.text, self.quantities)

    def holds(self, quantity: Quantity) -> bool:
        """Whether the source states this figure.

        In a foreign source, a number whose unit is not read is compared by its bare value.
        """
        if quantity.key == "" and self._values.isdisjoint(_values(quantity)):
            return False
        near = self.stated.near
        if self.stated.has(quantity) or any(_as_many(quantity, one) for one in near(quantity)):
            return True
        return self.foreign and any(_unread(quantity, one) for one in near(quantity))

    @cached_property
    def stated(self) -> Stated:
        """Its figures, to be looked up."""
        return Stated(self.quantities)

    @cached_property
    def bare_values(self) -> frozenset[float]:
        """What its figures come to, also without their "thousand" or "B": 141 of 141B."""
        values = {value for one in self.quantities for value in (one.value, one.size)}
        return frozenset(
            value / scale for value in values for scale in (1, 1e3, 1e6, 1e9) if value >= scale
        ) | {value for value in values if 0 < value < 1}

    @cached_property
    def sorted_values(self) -> list[float]:
        """What its figures come to, in order."""
        return sorted(self.bare_values)

    @cached_property
    def _values(self) -> frozenset[float]:
        """All that its figures come to, so that most others are known at once to be none."""
        return frozenset(value for one in self.quantities for value in _values(one))


def slips_of(digits: str) -> Iterator[tuple[int, str]]:
    """Yield digits without each of them: two that have one of these differ in that place alone."""
    if len(digits) > SLIP:
        for at in range(len(digits)):
            yield at, f"{digits[:at]} {digits[at + 1 :]}"


def _values(quantity: Quantity) -> list[float]:
    values = (quantity.value, quantity.size, quantity.other or 0.0)
    return [float(f"{value:.5g}") for value in values if value] or [0.0]


def _as_many(quantity: Quantity, known: Quantity) -> bool:
    """Whether "forty" is meant where the source says "40 times"."""
    return known.kind == "times" and quantity.kind == "plain" and quantity.value == known.value


def _unread(quantity: Quantity, known: Quantity) -> bool:
    if quantity.kind == "date":  # the month's name is not read
        return known.kind == "year" and known.value == quantity.value
    return known.kind == "plain" and not known.unit and quantity.as_much(known)


def _english(text: str) -> bool:
    """Whether a text is in English, by its small words; so is one that is too short to tell."""
    words = _LETTERS.findall(text.casefold())
    return len(words) < _TELLING or 10 * sum(map(_ENGLISH.__contains__, words)) >= len(words)


def record_text(tool: Tool) -> str:
    """Return everything shown about a tool as one text, a paragraph per field."""
    lines = [tool.name, tool.tagline, tool.category, tool.pricing.entry]
    lines += [f"{plan.name}: {plan.price}. {plan.includes}" for plan in tool.pricing.plans]
    lines += [*tool.tags, *tool.links, tool.slug]
    for day in (tool.released, tool.pricing.verified):
        if day is not None:
            lines += [day.isoformat(), f"{day:%B %Y}", str(day.year)]
    return "\n\n".join([*lines, tool.description])


class ById(Generic[Thing]):
    """A cache key: this very thing, which is quicker to compare than all that it holds."""

    __slots__ = ("thing",)

    def __init__(self, thing: Thing) -> None:
        self.thing = thing

    def __hash__(self) -> int:
        return id(self.thing)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ById) and self.thing is other.thing


def source_of(tool: Tool) -> Source:
    """Return a tool's source; cached for the latest tools."""
    return _source(ById(tool))


@lru_cache(maxsize=4096)
def _source(key: ById[Tool]) -> Source:
    text = record_text(key.thing)
    return Source(
        text=text,
        folded=folded(text).text,
        words=frozenset(words_of(text)),
        quantities=_quantities(text),
        licences=tuple(licence_mentions(text)),
    )


@lru_cache(maxsize=16384)
def _quantities(text: str) -> tuple[Quantity, ...]:
    """Return the figures of a text; small beside the rest of a source, and so kept for longer."""
    return quantities(text)


def figures_of(tool: Tool) -> tuple[Quantity, ...]:
    """Return the figures of a tool's source, without the rest of it."""
    return _quantities(record_text(tool))


def bare(word: str) -> str:
    """Return a word folded, without its possessive ending and without accents."""
    return unaccented(unpossessed(word.casefold()))


def words_of(text: str) -> set[str]:
    """Return the folded words of a text, and the parts of compound ones.

    Letters of a script that writes no blanks are not part of a Latin word beside them.
    """
    tokens = compounds(text)
    words = set(" ".join(tokens).casefold().split(" "))
    if not text.isascii():
        words = set(map(unaccented, words))
        for token in tokens:
            if not token.isascii():
                words.update(map(bare, _LATIN.findall(token)))
                words.add(unaccented(token.casefold().translate(_UMLAUTS)))
    for word in [word for word in words if not word.isalnum()]:
        words.update(_PART.findall(word))
    return words - {""}
