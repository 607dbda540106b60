"""No page breaks a word that fits on a line, however narrow its columns are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from panel.scorecard import Comparison
from panel.site.build import build
from panel.site.comparison import render_comparison
from panel.site.facts import fact_table
from panel.site.publication import Publication
from panel.workspace.tools import Fact, PricePlan
from tests.site.test_comparison import MADE
from tests.support.browser import NewPage, serving, violations
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.site_pages import VERSUS, with_tool
from tests.support.site_publication import TODAY, seed_publication

PLANS = (
    PricePlan(name="Free", price="€0", includes="Public repositories, one reviewer"),
    PricePlan(
        name="Pro", price="€19 per person and month", includes="Private repositories, unlimited"
    ),
    PricePlan(
        name="Enterprise",
        price="on request",
        includes="Self-hosted index, audit log, https://patchwren.example/enterprise/agreement",
    ),
)
PAGES = (
    "index.html",
    "tools.html",
    f"tools/{CODESTRAL}.html",
    f"tools/{MISTRAL}.html",
    VERSUS,
    "own.html",
    "personas.html",
    "personas/builder.html",
    "categories.html",
    "comparisons.html",
    "methodology.html",
    "changes.html",
)
# Words of a page that stand on more than one line, without the long ones that must break.
BROKEN = """() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    if (node.parentElement.closest("script, style, pre, .unseen, .search")) continue;
    for (const word of node.data.matchAll(/[^\\s-]+/gu)) {
      if (word[0].length > 22) continue;
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = [...range.getClientRects()].filter(each => each.width);
      if (new Set(lines.map(each => Math.round(each.top))).size > 1) found.push(word[0]);
    }
  }
  return found;
}"""


def wordy() -> Publication:
    """Return the seed's publication with plans, facts, and names of several long words."""
    plain = seed_publication()
    facts = {
        "Deployment": Fact(value="Self-hosted or managed"),
        "Certification": Fact(value="ISO", source="https://iso.example/", checked=TODAY),
    }
    first = plain.tools[0].tool
    pricing = first.pricing.model_copy(update={"plans": PLANS})
    made = with_tool(
        plain, pricing=pricing, facts=facts, category="Developer Tools and Documentation Systems"
    )
    tools = tuple(
        replace(
            each,
            card=replace(
                each.card,
                lines=tuple(
                    replace(line, name="Infrastructure Representative") if place == 3 else line
                    for place, line in enumerate(each.card.lines)
                ),
            ),
        )
        for each in made.tools
    )
    return replace(made, tools=tools)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve that site, with the page of `panel compare` beside it."""
    folder, made = tmp_path_factory.mktemp("wordy"), wordy()
    build(made, folder)
    left, right = (each.tool for each in made.tools)
    pair = Comparison(made.tools[0].card, made.tools[1].card, str(made.model))
    page = render_comparison(pair, MADE, "0", fact_table(left, right, TODAY, 90))
    (folder / "own.html").write_text(page, "utf-8")
    with serving(folder) as address:
        yield address


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 760, 1010, 1280])
def test_no_word_is_broken_that_fits_on_a_line(base: str, new_page: NewPage, width: int) -> None:
    """Plans, facts, names, labels: a column gives way to its words, not they to it."""
    page = new_page(width=width)
    broken = {}
    for path in PAGES:
        page.goto(f"{base}/{path}")
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        broken[path] = page.evaluate(BROKEN)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    assert {path: words for path, words in broken.items() if words} == {}


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_tables_are_still_tables_to_those_who_hear_them(
    base: str, new_page: NewPage, width: int
) -> None:
    """Rows that are laid out for a narrow window keep their headings."""
    page = new_page(width=width)
    page.goto(f"{base}/tools/{CODESTRAL}.html")
    assert page.get_by_role("rowheader", name="Enterprise").count() == 1
    assert violations(page) == []
    page.goto(f"{base}/{VERSUS}")
    assert page.get_by_role("rowheader", name="Deployment").count() == 1
    assert violations(page) == []
