"""Weighs the figures of the sums that a take writes out, and what repeats their results."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from panel.checks.equations import Equation, equations
from panel.checks.findings import Severity
from panel.checks.quantities import Quantity
from panel.checks.sentences import Sentences
from panel.checks.source import Source, slips_of
from panel.checks.stated import Stated

Said = tuple[Severity | None, str]  # severity and message; no severity where it is harmless
ASSUMED: Said = ("note", "a number that the take assumes for a sum")
SMALL = 12  # up to this, a whole number beside a sum belongs to it
MANY = 100  # from this on, a number beside a sum may be one of its own and a stated one together


def weighed_sums(
    sentences: Sentences, said: Mapping[Quantity, Said], source: Source
) -> dict[Quantity, Said]:
    """Return severity and message of the figures that sums tell about.

    said: the figures from outside, as they are weighed without the sums. A wrong result is a
    warning. In a sum that counts, where a figure of the source or the result of another that
    counts is in it, the take's own numbers are notes, as are repetitions of its result.
    """
    sums = list(equations(sentences.text, source.rates))
    weighed: dict[Quantity, Said] = {
        one.result: ("warning", f"not what the sum comes to ({one.shown}): verify")
        for one in sums
        if not one.right
    }
    counting = _counting(sums, source.bare_values)
    for one in counting:
        for term in one.terms:
            if term in said and not _claims(term, one.terms, source):
                weighed.setdefault(term, ("note", "a figure of a sum that the take shows"))
        _weigh_beside(weighed, one, sentences, said, source)
    results = Stated(one.result for one in counting if one.right)
    for quantity in said:
        if results.has(quantity):
            weighed.setdefault(quantity, ("note", "the result of a sum that the take shows"))
    return weighed


def _counting(sums: Sequence[Equation], stated: frozenset[float]) -> list[Equation]:
    """Return the sums with a stated figure, and those that are joined to one by a result."""
    known, wanted = set(stated), set[float]()
    found: list[Equation] = []
    others = [(one, _numbers(one)) for one in sums]
    while others:
        new: list[tuple[Equation, set[float]]] = []
        left: list[tuple[Equation, set[float]]] = []
        for one, numbers in others:
            joined = not known.isdisjoint(numbers) or (one.right and one.result.value in wanted)
            (new if joined else left).append((one, numbers))
        if not new:
            break
        for one, numbers in new:
            known |= {one.result.value, one.result.size} - {0.0} if one.right else set()
            wanted |= {value for value in numbers if value > SMALL}
        found += [one for one, _numbers in new]
        others = left
    return found


def _numbers(one: Equation) -> set[float]:
    return {value for term in one.terms for value in (term.value, term.size) if value}


def _weigh_beside(
    weighed: dict[Quantity, Said],
    one: Equation,
    sentences: Sentences,
    said: Mapping[Quantity, Said],
    source: Source,
) -> None:
    """Weigh the numbers of its sentence that a sum takes: "ten people, so 10 x ..."."""
    numbers = _numbers(one)
    numbers -= {term.value for term in one.terms if _claims(term, one.terms, source)}
    first, last = sentences.around(one.span[0])
    for quantity in said:
        if quantity.kind == "plain" and first <= quantity.span[0] < last:
            small = quantity.bare and quantity.value <= SMALL and quantity.value % 1 == 0
            if small or quantity.value in numbers or _and_more(quantity.value, numbers, source):
                weighed.setdefault(quantity, ASSUMED)


def _and_more(value: float, numbers: set[float], source: Source) -> bool:
    """Whether a value is one of the numbers and one of the source's together."""
    known = source.sorted_values
    for number in numbers:
        if number >= MANY:
            at = bisect_left(known, value, key=number.__add__)
            if at < len(known) and number + known[at] == value:
                return True
    return False


def _claims(one: Quantity, terms: Sequence[Quantity], source: Source) -> bool:
    """Whether a figure of a sum says something of the tool, and is no assumption.

    Prices and percentages do, and numbers that differ by a digit from one of the source.
    """
    if one.kind in ("money", "percent"):
        return one.value != MANY
    digits = one.mantissa
    return any(
        other != digits and not any(map(known.same, terms))
        for key in slips_of(digits)
        for other, knowns in source.slips.get(key, {}).items()
        for known in knowns
    )
