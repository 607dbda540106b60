"""The orders in which a list of tools can be read, and the filters on it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from panel.site.addresses import sorted_path
from panel.site.index import published_date
from panel.site.publication import PublishedTool
from panel.site.wording import leanings

SORTABLE = 6  # tools from which on a list is worth sorting and filtering
FILTERS = (("ships", "Most ship"), ("skips", "Most skip"), ("divided", "They disagree"))

Place = Callable[[int], str]
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Order:
    """An order of a list of tools: its name as a link, in titles, and in addresses.

    judges: it sorts by verdicts, so a demo model's tools have no such order.
    """

    name: str
    title: str
    path: str
    key: Callable[[PublishedTool], Any]
    judges: bool = False

    def at(self, place: Place) -> Place:
        """Return where the pages of a list are in this order; place: where they are by name."""
        return partial(_elsewhere, self.path, place) if self.path else place


def _elsewhere(path: str, place: Place, number: int) -> str:
    return sorted_path(path, place(number))


def _share(published: PublishedTool) -> tuple[float, int]:
    result = published.card.result
    return (1 if result.ship_percent is None else -result.ship_percent), -result.n


def _age(published: PublishedTool) -> int:
    found = published_date(published)
    return -date.fromisoformat(found).toordinal() if _DAY.fullmatch(found) else 0


def _unchecked(published: PublishedTool) -> int:
    verified = published.tool.pricing.verified
    return -verified.toordinal() if verified else 0


BY_NAME = Order("A to Z", "A to Z", "", lambda _published: 0)  # as the lists come
ORDERS = (
    BY_NAME,
    Order("Most ship", "most ship first", "most-ship", _share, judges=True),
    Order("Newest", "newest first", "newest", _age),
    Order("Price checked", "price checked last first", "price-checked", _unchecked),
)


def orders(demo: bool) -> list[Order]:
    """Return the orders of a site's lists; demo: its verdicts are a demo model's."""
    return [order for order in ORDERS if not (demo and order.judges)]


def filters(tools: Sequence[PublishedTool]) -> list[tuple[str, str, int]]:
    """Return value, label and count of each filter; [] where there is nothing to filter."""
    counted = Counter(each for published in tools for each in leanings(published.card))
    if len(tools) < SORTABLE or not counted:
        return []
    return [(value, label, counted[value]) for value, label in FILTERS]
