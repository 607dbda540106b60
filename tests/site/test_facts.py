"""The facts of two tools side by side."""

from __future__ import annotations

from datetime import date
from typing import Any

from panel.site.facts import Stated, fact_table
from panel.workspace.tools import Fact, PricePlan, Pricing, Tool
from tests.support.seed_takes import CODESTRAL
from tests.support.site_pages import VERSUS, page, with_tool
from tests.support.site_publication import TODAY, seed_publication

SOURCE = "https://tool.example/licence"


def _tool(**changed: Any) -> Tool:
    fields = {"slug": "t", "name": "T", "tagline": "T", "category": "C", "description": "D"}
    return Tool.model_validate(fields | {"pricing": {"entry": "Free"}} | changed)


def test_known_facts_stand_in_one_order_and_what_one_tool_does_not_state_is_left_open() -> None:
    """Entry and plans come first, then licence, hosting and limits, then the rest."""
    left = _tool(facts={"Runs on": "Linux", "limits": "128K", "License": "MIT"})
    right = _tool(
        facts={"Hosting": {"value": "Cloud", "source": SOURCE, "checked": "2026-11-01"}},
        released="2026-03-02",
        pricing={"entry": "$9", "plans": [{"name": "Team", "price": "$12"}]},
    )
    table = fact_table(left, right, TODAY, 90)
    assert [row.label for row in table.rows] == [
        "Entry", "Plans", "Licence", "Hosting", "Limits", "Runs on", "Released",
    ]  # fmt: skip
    rows = {row.label: row for row in table.rows}
    assert rows["Plans"].left == Stated() and rows["Plans"].right.values == ("Team: $12",)
    assert rows["Hosting"].right == Stated(("Cloud",), SOURCE, date(2026, 11, 1))
    assert rows["Entry"].left.old and rows["Licence"].left.values == ("MIT",)


def test_a_comparison_shows_each_fact_with_its_source_and_the_day_it_was_checked() -> None:
    """A missing fact is said to be not stated; a source is a link that vouches for nothing."""
    facts = {"Licence": Fact(value="MNPL", source=SOURCE, checked=date(2026, 11, 1))}
    plans = (PricePlan(name="API", price="$1"), PricePlan(name="Team", price="$9"))
    pricing = Pricing(entry="Free", plans=plans, verified=TODAY)
    found = page(with_tool(seed_publication(), facts=facts, pricing=pricing), VERSUS)
    assert "Licence Apache 2.0 MNPL source, checked 2026-11-01" in found.text
    assert "Hosting weights to download not stated" in found.text
    assert "Entry Free not checked by anybody yet Free checked 2026-11-24" in found.text
    assert "Plans not stated API: $1Team: $9" in found.text
    assert {"class": "source", "href": SOURCE, "rel": "nofollow noopener"} in [
        attrs for tag, attrs in found.tags if tag == "a"
    ]
    own = page(with_tool(seed_publication(), facts=facts, pricing=pricing),
               f"tools/{CODESTRAL}.html")  # fmt: skip
    assert "MNPL source, checked 2026-11-01" in own.text
    words = own.text
    assert words.index("Plan Price Includes API $1") < words.index("The vendor’s description")
