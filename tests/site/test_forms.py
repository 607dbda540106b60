"""The forms of a site whose settings say that ``panel serve`` answers them, and their absence."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from panel.site.output import Standing, vote_ids_meanwhile
from panel.site.publication import PublishedTool
from panel.stats import Tally
from panel.workspace.settings import SiteSettings
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.site_pages import VERSUS, Reading, files_of, made_up, page, with_forms
from tests.support.site_publication import seed_publication

TOOL = f"tools/{CODESTRAL}.html"


def forms(reading: Reading) -> list[str | None]:
    return [attrs.get("action") for tag, attrs in reading.tags if tag == "form"]


def hidden(reading: Reading, name: str) -> list[tuple[str | None, str | None]]:
    return [
        (attrs.get("form"), attrs.get("value"))
        for tag, attrs in reading.tags
        if tag == "input" and attrs.get("name") == name
    ]


def test_nothing_of_the_forms_is_in_a_site_that_did_not_ask_for_them() -> None:
    assert SiteSettings().community is False
    for path, content in files_of(seed_publication()).items():
        if path.endswith((".html", ".css")):
            for trace in (b"data-community", b"/subscribe", b"/vote", b"vote.js", b".join"):
                assert trace not in content, (path, trace)


def test_no_page_of_a_site_without_forms_holds_anything_about_readers_votes() -> None:
    """Not even where there are votes: without the setting, nobody can cast or check one."""
    voted = {CODESTRAL: Tally(ships=13, skips=8), MISTRAL: Tally()}
    about = re.compile(r"communit|no votes|reader(?:s’|’s)? vote|per reader|\b62\s%|Rating")
    pages = [(p, c) for p, c in files_of(seed_publication(votes=voted)).items() if "html" in p]
    assert len(pages) > 12
    for path, content in pages:
        assert not about.search(content.decode()), path
    told = page(with_forms(seed_publication(votes=voted)), "methodology.html").text
    assert "The community vote is separate." in told


def test_drafts_are_not_voted_on() -> None:
    assert files_of(with_forms(seed_publication(drafts=True))) == files_of(
        seed_publication(drafts=True)
    )


def test_a_tool_page_has_one_vote_form_that_leads_back_to_it() -> None:
    found = page(with_forms(seed_publication()), TOOL)
    assert forms(found) == [None, "/vote", "/subscribe"]
    assert hidden(found, "tool") == [(None, CODESTRAL)]
    assert hidden(found, "next") == [(f"vote-{CODESTRAL}", f"/{TOOL}#voted-{CODESTRAL}")]
    assert "Your vote: would you ship Codestral 2.0?" in found.text
    assert "/-/vote.js" in found.values("src")


def test_the_form_of_a_tool_that_was_renamed_holds_the_id_of_its_votes() -> None:
    renamed = with_forms(seed_publication(vote_ids={CODESTRAL: "codestral~codestral-1"}))
    for path in (TOOL, VERSUS):
        found = page(renamed, path)
        held = [value for _form, value in hidden(found, "tool")]
        assert "codestral~codestral-1" in held and CODESTRAL not in held
        assert {*held} == {*found.values("data-community")}
        assert (f"vote-{CODESTRAL}", f"/{path}#voted-{CODESTRAL}") in hidden(found, "next")


def test_a_comparison_has_a_vote_form_for_each_tool_that_leads_back_to_it() -> None:
    found = page(with_forms(seed_publication()), VERSUS)
    assert forms(found) == [None, "/vote", "/vote", "/subscribe"]
    assert hidden(found, "next") == [
        (f"vote-{slug}", f"/{VERSUS}#voted-{slug}") for slug in (MISTRAL, CODESTRAL)
    ]
    assert {f"vote-{slug}" for slug in (MISTRAL, CODESTRAL)} <= set(found.values("id"))
    assert len(found.values("id")) == len(set(found.values("id")))


def test_a_tool_in_many_comparisons_is_led_back_to_each_of_them() -> None:
    publication = with_forms(made_up(4))
    versus = [path for path in files_of(publication) if path.startswith("compare/")]
    assert len(versus) == 6
    for path in versus:
        ways = hidden(page(publication, path), "next")
        assert [(way or "").partition("#")[0] for _form, way in ways] == [f"/{path}"] * 2


def test_every_page_has_the_newsletter_box_and_only_where_one_votes_the_script() -> None:
    for path, content in files_of(with_forms(seed_publication())).items():
        if not path.endswith(".html"):
            continue
        found = Reading(content)
        assert "Weekly AI Tool Verdicts Get the next comparison in your inbox" in found.text
        assert "E-mail address" in found.text
        assert forms(found).count("/subscribe") == 1
        assert ("/-/vote.js" in found.values("src")) == (forms(found).count("/vote") > 0)


@pytest.mark.parametrize(
    ("votes", "share", "count"),
    [
        (Tally(ships=13, skips=8), "62 %", "13 of 21 ship, 95 % interval 41–79 %"),
        (Tally(), "—", "no votes"),
        (None, "—", "no votes"),
    ],
)
def test_the_share_is_baked_in_with_n_and_interval_and_a_dash_when_nobody_voted(
    votes: Tally | None, share: str, count: str
) -> None:
    cast = {CODESTRAL: votes} if votes is not None else {}
    for path in (TOOL, VERSUS):
        found = page(with_forms(seed_publication(votes=cast)), path)
        assert f"Community {share} {count}" in found.text


def test_the_forms_stand_in_the_stylesheet_of_their_site_only() -> None:
    plain = [path for path in files_of(seed_publication()) if path.endswith(".css")]
    files = files_of(with_forms(seed_publication()))
    [style] = [path for path in files if path.endswith(".css")]
    assert [style] != plain
    assert b"@media print{.vote, .join{display: none}}" in files[style]


def test_a_hostile_name_stays_text_in_the_forms() -> None:
    publication = with_forms(seed_publication())
    first, *rest = publication.tools
    bad = '"><script>alert(1)</script>'
    tool = first.tool.model_copy(update={"name": bad})
    publication = replace(publication, tools=(PublishedTool(tool, first.card), *rest))
    content = next(v for k, v in files_of(publication).items() if k == TOOL).decode()
    assert "<script>alert" not in content
    legend = re.search("<legend>(.*)</legend>", content)
    assert legend is not None and "&lt;script&gt;" in legend[1]


@pytest.mark.slow
def test_a_page_with_forms_and_its_assets_stays_under_a_hundred_kilobytes() -> None:
    full = with_forms(made_up(120, max_pairs_per_category=500))
    long = full.tools[0].tool.model_copy(update={"description": "word " * 20_000})
    full = replace(full, tools=(PublishedTool(long, full.tools[0].card), *full.tools[1:]))
    files = files_of(full)
    own = (path for path in files if path.startswith("assets/") and not path.endswith(".woff2"))
    shared = sum(len(files[path]) for path in own)
    pages = {path: len(content) for path, content in files.items() if path.endswith(".html")}
    script = 4_000  # /-/vote.js, which the server brings
    assert max(pages.values()) + shared + script < 100_000


PAGES = {"tools/anvil.html": "", "tools/bellows.html": "", "tools/crane.html": ""}


@pytest.mark.parametrize(
    ("ids", "before", "found"),
    [
        ({"anvil": "anvil"}, {}, {}),
        ({"crane": "anvil"}, {}, {"crane": ("anvil", "crane")}),
        ({"derrick": "anvil"}, {}, {"derrick": ("anvil",)}),
        ({"anvil": "anvil~crane"}, {}, {"anvil": ("anvil~crane", "anvil")}),
        ({"derrick": "a"}, {"crane": ("a",)}, {"crane": ("a",), "derrick": ("a",)}),
        ({"derrick": "a"}, {"gone": ("a",)}, {"derrick": ("a",)}),
        ({"crane": "a"}, {"crane": ("b", "a", "c")}, {"crane": ("a", "b", "c")}),
        ({"crane": "a"}, {"crane": (*"bcdefghi",)}, {"crane": (*"abcdefgh",)}),
    ],
)
def test_while_a_site_is_written_its_manifest_tells_the_ids_of_old_and_new_pages(
    ids: dict[str, str], before: dict[str, tuple[str, ...]], found: dict[str, tuple[str, ...]]
) -> None:
    assert vote_ids_meanwhile(ids, Standing(PAGES, vote_ids=before)) == found
