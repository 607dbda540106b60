"""Lists of tools: their orders, and what the filters count."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from panel.site.publication import Publication
from panel.stats import Tally, combine
from tests.support.site_pages import Reading, files_of, made_up
from tests.support.site_publication import TODAY, demo_publication


def _mixed(many: int) -> Publication:
    """Return tools of which each third ships, is split, skips; each has a day of its own."""
    base = made_up(many)
    tools = []
    for number, published in enumerate(base.tools):
        ships = {0: 4, 1: 2, 2: 0}[number % 3]
        lines = tuple(
            replace(line, tally=Tally().plus("verdict", "ship" if at < ships else "skip"))
            for at, line in enumerate(published.card.lines)
        )
        day = TODAY - timedelta(days=number * 7 % many)
        dated = tuple(
            replace(line, take=replace(line.take, asked_at=f"{day}T00:00:00Z"))
            for line in lines
            if line.take
        )
        pricing = published.tool.pricing.model_copy(
            update={"verified": day if number % 2 else None}
        )
        card = replace(published.card, lines=dated, result=combine([e.tally for e in dated]))
        tool = published.tool.model_copy(update={"pricing": pricing})
        tools.append(replace(published, tool=tool, card=card))
    return replace(base, tools=tuple(tools))


def _names(content: bytes) -> list[str]:
    return re.findall(r">(T\d{3})</a>", content.decode())


@pytest.mark.slow
def test_a_list_can_be_read_in_other_orders_over_all_its_pages() -> None:
    """The pages of each order hold every tool once, and are no pages of their own to engines."""
    files = files_of(_mixed(50))
    for order in ("most-ship", "newest", "price-checked"):
        rest = [files[f"sorted/{order}/tools-{n}.html"] for n in (2, 3)]
        pages = [files[f"sorted/{order}/tools.html"], *rest]
        names = [name for content in pages for name in _names(content)]
        assert sorted(names) == [f"T{n:03}" for n in range(50)] != names
    assert "sorted/" not in files["sitemap.xml"].decode() and ET.fromstring(files["sitemap.xml"])
    assert "sorted/newest/categories/developer-tools/2.html" in files


@pytest.mark.slow
def test_a_list_in_another_order_is_marked_in_the_menu() -> None:
    """As the list that it is, but not as the very page that the menu leads to."""
    files = files_of(_mixed(50))
    for path, word in (
        ("sorted/newest/tools.html", "Tools"),
        ("sorted/newest/tools-2.html", "Tools"),
        ("sorted/most-ship/categories/developer-tools.html", "Categories"),
    ):
        menu = files[path].decode().partition('aria-label="Site"')[2].partition("</nav>")[0]
        assert re.findall(r'aria-current="(\w+)">([^<]+)<', menu) == [("true", word)], path


@pytest.mark.slow
def test_no_tool_or_category_takes_the_address_of_a_list() -> None:
    base = made_up(50)
    slugs = ("page-2", "tools-2", "page", "index", *(f"t-{n}" for n in range(46)))
    named = zip(base.tools, slugs, strict=True)
    tools = tuple(
        replace(
            each,
            tool=each.tool.model_copy(update={"slug": slug, "category": f"Page {n % 25}"}),
            card=replace(each.card, tool=slug),
        )
        for n, (each, slug) in enumerate(named)
    )
    files = files_of(replace(base, tools=tools))
    assert {f"tools/{slug}.html" for slug in slugs} == {
        path for path in files if path.startswith("tools/") and path.endswith(".html")
    }
    names = [name for n in ("", "-2", "-3") for name in _names(files[f"tools{n}.html"])]
    assert sorted(names) == [f"T{n:03}" for n in range(50)]


def test_each_order_puts_what_it_names_first() -> None:
    """By share, by the day of the newest take, by that of the price; never checked is last."""
    publication = _mixed(10)
    files = files_of(publication)
    cards = {each.tool.name: each for each in publication.tools}
    shares = [
        cards[name].card.result.ship_percent
        for name in _names(files["sorted/most-ship/tools.html"])
    ]
    assert shares == sorted(shares, reverse=True)  # type: ignore[type-var]
    newest = _names(files["sorted/newest/tools.html"])
    assert newest[0] == "T000" and newest[1] == "T003"
    checked = [
        cards[name].tool.pricing.verified
        for name in _names(files["sorted/price-checked/tools.html"])
    ]
    known = [day for day in checked if day]
    assert checked == sorted(known, reverse=True) + [None] * 5


def test_filters_say_how_many_they_show_and_a_short_list_has_none() -> None:
    """Four of ten ship, three skip, in three the reviewers disagree."""
    text = Reading(files_of(_mixed(10))["tools.html"]).text
    assert "Sort A to Z Most ship Newest Price checked" in text
    assert "Show All 10 Most ship 4 Most skip 3 They disagree 3" in text
    short = files_of(_mixed(5))
    assert "They disagree" not in Reading(short["tools.html"]).text
    assert not [path for path in short if path.startswith("sorted/")]


def test_what_a_demo_model_picked_is_neither_sorted_nor_filtered_by_verdict() -> None:
    """Its verdicts are no judgement; by day and price its tools can be sorted."""
    files = files_of(demo_publication(_mixed(10)))
    assert "sorted/newest/tools.html" in files and "sorted/most-ship/tools.html" not in files
    assert "They disagree" not in Reading(files["tools.html"]).text
