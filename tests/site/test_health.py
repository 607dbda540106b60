"""As how many independent votes a published panel counts, and where readers learn of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from panel.cells.cells import ModelIdentity
from panel.site.health import sentence
from panel.site.publication import Publication
from panel.stats import Interval, Tally, panel_health
from tests.support.seed_takes import CODESTRAL, TAKES
from tests.support.site_pages import VERSUS, Reading, files_of, page, with_take
from tests.support.site_publication import a_line, a_take, an_edition, seed_publication

ROWS = ["1111"] * 4 + ["0000"] * 3 + ["1110", "0100", "11.1"]
WORTH = "methodology.html#reviewers"


def voted(rows: list[str], drafts: bool = False) -> Publication:
    """Return as many tools as rows, with each persona's take as its column says; "." has none."""
    base = seed_publication(drafts=drafts)
    tool = base.tools[0].tool
    editions = []
    for number, row in enumerate(rows):
        lines = [
            a_line(persona, None)
            if vote == "."
            else a_line(
                persona,
                a_take(
                    persona,
                    TAKES[CODESTRAL, persona.id],
                    verdict="ship" if vote == "1" else "skip",
                    state="draft" if drafts else "approved",
                ),
            )
            for persona, vote in zip(base.personas, row, strict=True)
        ]
        named = tool.model_copy(update={"slug": f"t{number:02}", "name": f"T{number:02}"})
        editions.append(an_edition(named, lines))
    return replace(base, tools=tuple(editions), pairs=(), changes=())


@pytest.mark.parametrize("drafts", [False, True])
def test_the_methodology_says_as_how_many_votes_the_published_panel_counts(drafts: bool) -> None:
    text = page(voted(ROWS, drafts), "methodology.html").text
    for wanted in (
        "On local/some-model, these four reviewers count as about 1.2 independent votes",
        "(95 % interval 1.0 to 1.6, 9 tools).",
        "These four reviewers count for less than half as many independent votes:",
        "All agree on 7 of the 9 tools with a vote of every reviewer (78 %)",
        "and differ on 2 (22 %).",
        "The mean phi is 0.81.",
        "Builder and Skeptic 10 90 % 0.80",
        "Builder and Futurist 9 100 % 1.00",
        "Builder 6 of 10 31–83 %",
    ):
        assert wanted in text, wanted


def test_a_take_that_is_not_published_has_no_vote_there() -> None:
    hidden = with_take(voted(ROWS), 1, state="draft")
    text = page(hidden, "methodology.html").text
    assert "Builder and Skeptic 9 89 %" in text and "8 tools)." in text


def test_a_site_of_few_tools_says_that_they_are_too_few() -> None:
    text = page(seed_publication(), "methodology.html").text
    assert (
        "Too few tools to say how many independent votes these four reviewers are: on "
        "local/some-model, 2 tools have a vote of each, and it takes 5." in text
    )
    assert "less than half as many" not in text and "Builder and Skeptic 2 100 % — neither" in text


def test_a_reviewer_that_never_varies_is_named_where_its_phi_would_stand() -> None:
    rows = ["1111", "0100", "1101", "0101", "1100", "0110"]
    text = page(voted(rows), "methodology.html").text
    assert "Builder and Skeptic 6 50 % — Skeptic never varies" in text
    assert "without the 3 pairs that have none" in text


def test_reviewers_of_many_minds_are_not_warned_of() -> None:
    rows = [f"{number:04b}" for number in range(16)]
    text = page(voted(rows), "methodology.html").text
    assert "count as about 4.0 independent votes" in text and "less than half" not in text


def test_every_page_with_a_percentage_of_the_panel_leads_to_what_it_is_worth() -> None:
    showing = set()
    for path, content in files_of(seed_publication()).items():
        if not path.endswith(".html") or path.startswith("personas"):
            continue
        reading = Reading(content)
        if re.search(r"\d % (Panel )?ship\b", reading.text.partition("Written by a machine")[0]):
            showing.add(path.split("/")[0])
            links = [link.removeprefix("../") for link in reading.values("href")]
            assert WORTH in links, path
    assert showing == {
        "index.html", "tools.html", "tools", "compare", "categories", "tags",
    }  # fmt: skip


def test_each_large_percentage_of_the_panel_is_itself_a_link_to_it() -> None:
    files = files_of(seed_publication())
    for path, many in ((f"tools/{CODESTRAL}.html", 1), (VERSUS, 2)):
        assert files[path].decode().count(f'<a href="../{WORTH}">Panel ship</a>') == many
    assert WORTH not in files["personas/skeptic.html"].decode(), "that is the share of one persona"


def test_a_hostile_name_of_a_model_does_nothing_in_the_sentence() -> None:
    model = ModelIdentity("lab", "</p><b>so\u202eme")
    content = files_of(replace(voted(ROWS), model=model))["methodology.html"].decode()
    assert "On lab/&lt;/p&gt;&lt;b&gt;some, these four reviewers count as" in content
    assert "\u202e" not in content


@pytest.mark.parametrize(
    ("low", "said"),
    [
        (3.97, "nothing tells that these four reviewers count as fewer independent votes"),
        (3.94, "about 4.0 independent votes (95 % interval 3.9 to 4.0, 60 tools)"),
    ],
)
def test_an_interval_that_is_one_number_as_it_is_printed_is_told_in_words(
    low: float, said: str
) -> None:
    """From 4.0 to 4.0 tells nobody anything."""
    sides = Tally(1, 0), Tally(0, 1)
    found = panel_health([dict.fromkeys("abcd", sides[tool % 2]) for tool in range(60)])
    found = replace(found, effective=3.99, interval=Interval(low, 4.0))
    assert said in sentence(found, "m")
