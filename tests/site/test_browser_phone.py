"""The pages on a phone, in a real browser: nothing is cut off, and what scrolls can be reached."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from panel.site.build import build
from panel.site.comparison import render_comparison
from panel.site.facts import fact_table_of
from panel.site.index import SiteIndex
from panel.site.publication import Publication
from panel.stats import Tally
from panel.workspace.tools import PricePlan
from tests.support.browser import NewPage, serving
from tests.support.seed_takes import CODESTRAL
from tests.support.site_pages import made_up, with_forms, with_take
from tests.support.site_publication import TODAY, seed_publication

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LONG = "Infrastructure and developer tools for regulated companies"
CODE = f"Run this:\n\n    curl --silent https://tool.example/v1/{'chat/' * 12}completions\n"
TABLE = "\n| Region | Latency | Throughput | Uptime |\n|---|---|---|---|\n| Here | 12 | 3 | 9 |\n"
# Elements that are wider inside than out, but for vendors' that scroll, can be reached and named.
CUT = """() => {
  document.querySelectorAll("details").forEach((each) => (each.open = true));
  const wide = (each) => each.clientWidth > 1 && each.scrollWidth > each.clientWidth;
  const scrolls = (each) =>
    each.matches(".written *") && ["auto", "scroll"].includes(getComputedStyle(each).overflowX) &&
    each.tabIndex === 0 && each.role && each.ariaLabel;
  const within = (each) => each && (scrolls(each) || within(each.parentElement));
  return [...document.querySelectorAll("body *")]
    .filter((each) => each instanceof HTMLElement && each.checkVisibility() && wide(each))
    .filter((each) => !within(each))
    .map((each) => `${each.tagName}.${each.className}: ${each.scrollWidth} in ${each.clientWidth}`);
}"""


def crowded() -> Publication:
    """Return a site whose tables have all that they can: plans, long names, many categories."""
    base = made_up(12)
    plans = (
        PricePlan(name="Enterprise", price="from $1,200 a month", includes="Single sign-on. " * 6),
    )
    tools = []
    for number, each in enumerate(base.tools):
        pricing = each.tool.pricing.model_copy(update={"plans": plans})
        changed = {
            "category": LONG if number % 2 else f"Category {number}",
            "pricing": pricing,
            "description": CODE + TABLE,
        }
        lines = tuple(
            replace(line, tally=Tally(ships=int(at < number % 5), skips=int(at >= number % 5)))
            for at, line in enumerate(each.card.lines)
        )
        card = replace(each.card, lines=lines)
        tools.append(replace(each, tool=each.tool.model_copy(update=changed), card=card))
    return with_forms(replace(base, tools=tuple(tools), votes={"t000": Tally(ships=13, skips=8)}))


@pytest.mark.slow
def test_nothing_on_any_page_is_wider_than_its_box_on_a_phone(
    new_page: NewPage, tmp_path: Path
) -> None:
    """Of each kind of page, with all that unfolds unfolded; code and vendors' tables scroll."""
    seed = with_take(with_take(seed_publication(), 1, verdict="skip"), 2, state="draft")
    build(seed, tmp_path / "seed")
    build(crowded(), tmp_path / "crowded")
    index = SiteIndex(seed)
    compared = index.comparison(index.pairs[0])
    facts = fact_table_of([each.tool for each in seed.tools], compared, TODAY, 90)
    alone = tmp_path / "alone.html"
    alone.write_text(render_comparison(compared, NOW, "1", facts), encoding="utf-8")
    # One page of each kind of a folder: a page of one tool is like that of the next.
    first = {}
    for path in sorted(tmp_path.rglob("*.html")):
        whole = path.relative_to(tmp_path)
        kind = whole if whole.parent in (Path(), Path("seed"), Path("crowded")) else whole.parent
        first.setdefault(kind, whole.as_posix())
    assert len(first) > 25
    page = new_page(width=390, scripts=True)
    cut = {}
    with serving(tmp_path) as base:
        for path in first.values():
            page.goto(f"{base}/{path}")
            cut[path] = page.evaluate(CUT)
        assert {path: found for path, found in cut.items() if found} == {}
        page.goto(f"{base}/crowded/methodology.html")
        row = page.get_by_role("table").first.get_by_role("row", name="Skeptic")
        shown = row.evaluate("each => getComputedStyle(each.cells[1], '::before').content")
        assert shown == '"Ship"', "a cell says its column before its value"


@pytest.mark.slow
def test_facts_use_the_width_of_a_desk(new_page: NewPage, tmp_path: Path) -> None:
    """Without a table of plans beside them, they stand in two columns."""
    build(seed_publication(), tmp_path)
    page = new_page(width=1280)
    with serving(tmp_path) as base:
        page.goto(f"{base}/tools/{CODESTRAL}.html")
        facts = page.locator("section[aria-labelledby=price] dl > div")
        one, other = (facts.nth(at).bounding_box() for at in (0, 1))
        whole = page.locator("section[aria-labelledby=price]").bounding_box()
    assert one and other and whole
    assert one["y"] == other["y"] and other["x"] > whole["x"] + whole["width"] / 2 - 1
