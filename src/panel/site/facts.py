"""The facts of two tools side by side: price, plans, licence, hosting, limits, with sources.

They come from the front matter alone. What one of the two does not state is left open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from panel.scorecard import Comparison
from panel.workspace.tools import Fact, Tool

ENTRY, PLANS, RELEASED = "Entry", "Plans", "Released"
KNOWN = ("Licence", "Hosting", "Limits")  # stand first, in this order
_SAME = {"license": "Licence"} | {label.casefold(): label for label in KNOWN}


@dataclass(frozen=True, slots=True)
class Stated:
    """What one tool states of a fact; no ``values`` where it states nothing.

    source: where it was read. checked: the day of that. old: it is a price that has not been
    checked for too long, or never.
    """

    values: tuple[str, ...] = ()
    source: str | None = None
    checked: date | None = None
    old: bool = False


@dataclass(frozen=True, slots=True)
class FactRow:
    """A fact by its label, of each of two tools."""

    label: str
    left: Stated
    right: Stated


@dataclass(frozen=True, slots=True)
class FactTable:
    """The facts of two tools; days: after how many a price has to be checked again."""

    rows: tuple[FactRow, ...]
    days: int


def price_is_old(tool: Tool, today: date, days: int) -> bool:
    """Whether a tool's price was checked more than so many days ago, or never."""
    verified = tool.pricing.verified
    return verified is None or today - verified > timedelta(days=days)


def fact_table(left: Tool, right: Tool, today: date, days: int) -> FactTable:
    """Return what at least one of two tools states, the price first, then the known facts.

    days: after how many from ``today`` a price is old.
    """
    sides = [_facts(tool, price_is_old(tool, today, days)) for tool in (left, right)]
    labels = list(dict.fromkeys(label for side in sides for label in side))
    labels.sort(key=_place)
    rows = (FactRow(each, *(side.get(each, Stated()) for side in sides)) for each in labels)
    return FactTable(tuple(rows), days)


def fact_table_of(
    tools: Iterable[Tool], comparison: Comparison, today: date, days: int
) -> FactTable:
    """Return the facts of the two tools of a comparison, found by slug among ``tools``."""
    known = {tool.slug: tool for tool in tools}
    left, right = known[comparison.left.tool], known[comparison.right.tool]
    return fact_table(left, right, today, days)


def own_facts(tool: Tool) -> list[tuple[str, Fact]]:
    """Return a tool's facts by label, the known ones first."""
    named = {_label(label): fact for label, fact in tool.facts.items()}
    return sorted(named.items(), key=lambda pair: _place(pair[0]))


def _facts(tool: Tool, old: bool) -> dict[str, Stated]:
    pricing = tool.pricing
    found = {ENTRY: Stated((pricing.entry,), None, pricing.verified, old)}
    if pricing.plans:
        found[PLANS] = Stated(tuple(f"{plan.name}: {plan.price}" for plan in pricing.plans))
    for label, fact in own_facts(tool):
        found.setdefault(label, Stated((fact.value,), fact.source, fact.checked))
    if tool.released:
        found[RELEASED] = Stated((tool.released.isoformat(),))
    return found


def _label(label: str) -> str:
    return _SAME.get(label.casefold(), label)


def _place(label: str) -> int:
    order = (ENTRY, PLANS, *KNOWN)
    return order.index(label) if label in order else len(order) + (label == RELEASED)
