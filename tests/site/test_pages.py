"""What readers find on the pages of the site, read as a browser would read them."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from panel.scorecard import VerdictChange
from panel.site.build import SiteBuilder
from panel.site.publication import PublishedTool
from panel.stats import Tally
from panel.workspace.settings import SiteSettings
from panel.workspace.tools import Pricing
from tests.support.seed_takes import CODESTRAL, MISTRAL, TAKES
from tests.support.site_pages import (
    VERSUS,
    Reading,
    files_of,
    made_up,
    page,
    with_forms,
    with_take,
    with_tool,
)
from tests.support.site_publication import (
    ASKED,
    MODEL,
    TODAY,
    demo_publication,
    seed_publication,
)


def test_every_element_of_the_seed_page_is_on_the_comparison_page() -> None:
    publication = seed_publication()
    text = page(publication, VERSUS).text
    wanted = ["AI tool comparison", "Mistral 8x22B Instruct v2 vs Codestral 2.0"]
    wanted += ["Which one should you ship with?", "100 % Panel ship"]
    wanted += ["Entry Free", "Reviewer split", "Reviewer scorecard", "Developer Tools"]
    wanted += ["4 of 4 ship · 95 % interval 51–100 %", "the panel does not tell these two apart"]
    for edition in publication.tools:
        wanted += [edition.tool.tagline, " ".join(edition.tool.description.split())]
        for line in edition.card.lines:
            assert line.take
            wanted += [line.name, line.motto, line.take.take]
    assert [each for each in wanted if each not in text] == []


def test_a_tool_page_has_verdicts_beats_quotes_prices_and_the_receipt() -> None:
    text = page(seed_publication(), f"tools/{CODESTRAL}.html").text
    for beats in (TAKES[CODESTRAL, who]["beats"] for who in ("builder", "skeptic")):
        assert all(words in text for words in beats.values())
    for wanted in (
        "100 % Panel ship",
        "The DX bet",
        "From the description fill-in-the-middle",
        "Price not verified.",
        "The receipt",
        "23 Nov 2026 Builder gave a first verdict: ship. Model: local/some-model",
        "approved by Ada",
    ):
        assert wanted in text
    assert "stated confidence" not in text


def test_stated_confidence_is_printed_only_where_it_is_known_to_foretell_repeats() -> None:
    proven = replace(seed_publication(), confidence=True)
    text = page(proven, f"tools/{CODESTRAL}.html").text
    assert "model’s own stated confidence 84/100" in text


def test_an_editors_wording_is_shown_and_not_the_models() -> None:
    edited = with_take(seed_publication(), take="An editor wrote this instead.")
    for path in (f"tools/{CODESTRAL}.html", VERSUS):
        text = page(edited, path).text
        assert "An editor wrote this instead." in text
        assert TAKES[CODESTRAL, "builder"]["beats"]["dx_bet"] not in text


@pytest.mark.parametrize("state", ["draft", "edited", "rejected"])
def test_what_nobody_approved_is_not_shown_and_does_not_count(state: str) -> None:
    hidden = with_take(seed_publication(), state=state, verdict="skip")
    words = TAKES[CODESTRAL, "builder"]["beats"]["dx_bet"]
    files = files_of(hidden)
    assert not [path for path, content in files.items() if words.encode() in content]
    text = Reading(files[f"tools/{CODESTRAL}.html"]).text
    assert "Builder not published" in text
    assert "3 of 4 reviewers published; 1 not published. Only what is published counts." in text
    assert "3 of 3 ship · 95 % interval 44–100 %" in text
    assert "Ships 1 of 1" in Reading(files["index.html"]).text
    assert "does not count in the percentage" in Reading(files["methodology.html"]).text


def test_drafts_are_shown_when_asked_for_and_marked_on_every_page() -> None:
    drafts = with_take(seed_publication(drafts=True), state="draft")
    for path, content in files_of(drafts).items():
        if path.endswith(".html"):
            reading = Reading(content)
            assert "Drafts. Not for readers." in reading.text, path
            assert reading.metas("robots") == ["noindex"]
    for path in ("index.html", "methodology.html"):
        assert "Takes shown" in page(drafts, path).text
        assert "Takes published" not in page(drafts, path).text
    text = page(drafts, f"tools/{CODESTRAL}.html").text
    assert text.count("Draft: no editor has approved these words.") == 1
    assert "Draft:" in page(drafts, VERSUS).text
    assert "4 of 4 ship" in text
    rejected = with_take(seed_publication(drafts=True), state="rejected")
    assert "4 of 4 ship" in page(rejected, f"tools/{CODESTRAL}.html").text, "as show counts"


def test_without_drafts_no_page_speaks_of_any() -> None:
    for path, content in files_of(seed_publication()).items():
        assert b"Not for readers" not in content and b"Draft:" not in content, path


def test_an_approved_take_whose_text_has_moved_on_stays_and_is_marked() -> None:
    stale = with_take(seed_publication(), stale=True)
    for path in (f"tools/{CODESTRAL}.html", VERSUS):
        text = page(stale, path).text
        assert "Written earlier: the description or the questions have changed since." in text
        assert "Naming a local runtime beside the hosted one" in text
    assert "Written earlier" not in page(seed_publication(), VERSUS).text


def test_an_abstention_is_counted_apart_and_keeps_its_reason_to_itself() -> None:
    silent = with_take(
        seed_publication(),
        outcome="abstain",
        verdict=None,
        take="",
        beats=(),
        reason="filtered: x9",
    )
    text = page(silent, f"tools/{CODESTRAL}.html").text
    assert "Builder abstains" in text and "Counted apart: 1 abstained" in text
    assert "filtered: x9" not in text and "3 of 3 ship" in text


@pytest.mark.parametrize(("days", "marked"), [(90, False), (91, True)])
def test_a_price_is_marked_once_it_is_older_than_the_bound(days: int, marked: bool) -> None:
    pricing = Pricing(entry="$5 a month", verified=TODAY - timedelta(days=days))
    priced = with_tool(seed_publication(), pricing=pricing)
    text = page(priced, f"tools/{CODESTRAL}.html").text
    assert ("Price may be out of date. Last checked 2026-08-2" in text) == marked
    assert ("Price checked 2026-08-26." in text) == (not marked)
    text = page(priced, VERSUS).text
    assert f"$5 a month checked {TODAY - timedelta(days=days)}" in text
    assert (f"checked {TODAY - timedelta(days=days)}, more than 90 days ago" in text) == marked


def test_a_persona_page_has_its_base_rate_with_count_and_interval_by_category() -> None:
    skipping = with_take(seed_publication(), 1, verdict="skip")
    text = page(skipping, "personas/skeptic.html").text
    assert "50 % of its verdicts are ship" in text
    assert "1 of 2 ship · 95 % interval 9–91 %" in text
    assert "Developer Tools 1 of 2 9–91 %" in text
    assert "Which claim here could be shown wrong, and who has checked it?" in text
    assert "What ends it within a year" in text
    assert "Codestral 2.0 Developer Tools · 2026-11-23 Skip" in text


def ratings(value: Any) -> list[Any]:
    if isinstance(value, dict):
        own = [value] if "rating" in str(value.get("@type", "")).lower() else []
        return own + [found for each in value.values() for found in ratings(each)]
    return [found for each in value for found in ratings(each)] if isinstance(value, list) else []


def test_personas_are_never_a_rating_and_readers_are_one_with_their_count() -> None:
    for path, content in files_of(seed_publication()).items():
        if path.endswith(".html"):
            assert ratings(Reading(content).linked) == [], path
    voted = with_forms(seed_publication(votes={CODESTRAL: Tally(ships=3, skips=1)}))
    [rating] = ratings(page(voted, f"tools/{CODESTRAL}.html").linked)
    assert (rating["@type"], rating["ratingValue"], rating["ratingCount"]) == (
        "AggregateRating",
        75.0,
        4,
    )


def test_every_page_says_in_text_and_metadata_that_a_machine_wrote_it() -> None:
    for path, content in files_of(seed_publication()).items():
        if path.endswith(".html"):
            reading = Reading(content)
            assert reading.metas("ai-generated") == ["true"], path
            assert "A language model wrote the takes" in reading.text
            assert reading.open == []
    linked = page(seed_publication(), f"tools/{CODESTRAL}.html").linked[0]
    assert "TrainedAlgorithmicMedia" in linked["digitalSourceType"]
    reviews = linked["mainEntity"]["review"]
    assert len(reviews) == 4 and all("language model" in each["creditText"] for each in reviews)


def test_the_methodology_shows_the_real_prompts_the_model_and_the_figures() -> None:
    publication = seed_publication()
    reading = page(publication, "methodology.html")
    for text in (*publication.systems.values(), publication.review):
        assert " ".join(text.split()) in reading.text
    for wanted in ("local/some-model", "temperature 0.7", "json_schema (8)", "8 of 8 · 68–100 %"):
        assert wanted in reading.text


def test_the_receipt_tells_what_turned_and_why() -> None:
    turned = VerdictChange(
        CODESTRAL, "skeptic", "skip", "ship", ASKED, "description changed", str(MODEL)
    )
    publication = seed_publication()
    publication = replace(publication, changes=(turned, *publication.changes))
    line = "Skeptic turned from skip to ship. The description had changed. Model: local/some-model"
    assert f"23 Nov 2026 {line}" in page(publication, f"tools/{CODESTRAL}.html").text
    text = page(publication, "changes.html").text
    assert f"23 Nov 2026 Codestral 2.0: {line}" in text and "first verdict" not in text


def test_links_pictures_and_addresses_are_whole() -> None:
    """Every link inside the site arrives at a file of it, every fragment at an id."""
    plant = SiteBuilder(seed_publication())
    files = {file.path: file.make() for file in plant.files}
    readings = {path: Reading(text) for path, text in files.items() if path.endswith(".html")}
    for path, reading in readings.items():
        ids = reading.values("id")
        assert len(ids) == len(set(ids))
        for link in reading.values("href") + reading.values("src"):
            if link.startswith(("https://", "mailto:")):
                continue
            target, _, mark = link.partition("#")
            root = "/panel/" if path == "404.html" else "../" * path.count("/")
            assert target.startswith(root) or not target
            target = target.removeprefix(root) if target else path
            assert target in files, (path, link)
            if mark and not mark.startswith("is-"):
                assert mark in readings[target].values("id")
        [image] = reading.metas("og:image") or [None]
        if image:
            assert files[image.removeprefix("https://verdicts.example/panel/")][:4] == b"\x89PNG"
        assert sum(each.startswith("h1") for each, _ in reading.tags) == 1
        levels = [int(tag[1]) for tag, _ in reading.tags if re.fullmatch("h[1-6]", tag)]
        assert all(b - a <= 1 for a, b in itertools.pairwise(levels)), (path, levels)
    assert readings[VERSUS].metas("og:image") and readings["index.html"].metas("og:image")


def test_without_an_address_nothing_claims_one() -> None:
    bare = seed_publication(site=SiteSettings(title="Local"))
    for path, content in files_of(bare).items():
        assert b"verdicts.example" not in content and b"canonical" not in content, path
    assert not [file for file in SiteBuilder(bare).files if file.named]
    assert "sitemap.xml" not in files_of(bare)


def test_the_demo_model_is_announced_on_every_page() -> None:
    for path, content in files_of(demo_publication(seed_publication())).items():
        if path.endswith(".html"):
            assert "Its verdicts are no judgement" in Reading(content).text, path


def test_nowhere_on_a_site_is_there_a_percentage_of_a_demo_model() -> None:
    """Nor in its feed, its pictures' words or its data for search engines."""
    shares = re.compile(r"\d+ (?:of|/) \d+|\d\s?% (?:ship|of verdicts)|95\s% interval \d")
    for path, content in files_of(demo_publication(seed_publication())).items():
        if path.endswith((".html", ".xml", ".json")):
            text = content.decode()
            assert not shares.search(Reading(content).text if path.endswith("html") else text), path
            assert '"@type":"Review"' not in text, path


@pytest.mark.slow
def test_long_lists_are_spread_over_pages_that_hold_everything_once() -> None:
    files = files_of(made_up(100))
    parts = [files["tools.html"], *(files[f"tools-{n}.html"] for n in range(2, 6))]
    names = [re.findall(r">(T\d{3})</a>", part.decode()) for part in parts]
    assert [*itertools.chain(*names)] == [f"T{n:03}" for n in range(100)]
    assert max(map(len, names)) == 24
    assert "Page 2 of 5" in Reading(parts[1]).text


def test_a_tool_page_names_the_tools_of_its_category_that_share_most_tags() -> None:
    """Six at most, then what else it is compared with; each once, with a way to the comparison."""
    base = made_up(9, max_pairs_per_category=500)
    tags = {0: ("Code", "local"), 7: ("code", "local"), 8: ("code",)}
    tools = tuple(
        PublishedTool(each.tool.model_copy(update={"tags": tags.get(n, ("x",))}), each.card)
        for n, each in enumerate(base.tools)
    )
    content = files_of(replace(base, tools=tools))["tools/t000.html"].decode()
    told = content.partition('id="alternatives"')[2].partition("</section>")[0]
    names = re.findall(r">(T\d{3})</a>", told)
    assert names[:6] == ["T007", "T008", "T001", "T002", "T003", "T004"]
    assert sorted(names[6:]) == ["T005", "T006"] and "Compare it" not in content
    assert "the most alike first, then the others that it is compared with." in told
    assert told.count("All four ship") == 8 == told.count('href="../compare/')
    assert 'href="../compare/t000-vs-t007.html"' in told
    assert "Alternatives" not in page(made_up(1), "tools/t000.html").text


@pytest.mark.parametrize("most", [0, 3, 500])
def test_pairs_of_a_category_are_bounded_and_everyone_meets_about_as_many(most: int) -> None:
    contents = SiteBuilder(made_up(10, max_pairs_per_category=most)).index
    assert len(contents.pairs) == min(most, 45)
    met = [len(contents.pairs_of.get(slug, ())) for slug in contents.tools]
    assert max(met) - min(met) <= 1 or most == 3
    assert len({frozenset((p.left.tool.slug, p.right.tool.slug)) for p in contents.pairs}) == len(
        contents.pairs
    )


def test_chosen_pairs_keep_their_order_and_are_not_made_twice() -> None:
    contents = SiteBuilder(replace(made_up(3), pairs=(("t002", "t000"), ("t000", "gone")))).index
    first = contents.pairs[0]
    assert (first.left.tool.slug, first.right.tool.slug, first.chosen) == ("t002", "t000", True)
    assert len(contents.pairs) == 3 and contents.left_out == [("t000", "gone")]
    only = replace(made_up(3, all_pairs=False), pairs=(("t002", "t000"),))
    assert len(SiteBuilder(only).index.pairs) == 1


@pytest.mark.slow
def test_a_page_with_its_stylesheet_and_script_stays_under_a_hundred_kilobytes() -> None:
    full = made_up(120, max_pairs_per_category=500)
    long = full.tools[0].tool.model_copy(update={"description": "word " * 20_000})
    full = replace(full, tools=(PublishedTool(long, full.tools[0].card), *full.tools[1:]))
    files = files_of(full)
    own = (path for path in files if path.startswith("assets/") and not path.endswith(".woff2"))
    shared = sum(len(files[path]) for path in own)
    heavy = {
        path: len(content) + shared for path, content in files.items() if path.endswith(".html")
    }
    assert max(heavy.values()) < 100_000, max(heavy.items(), key=lambda pair: pair[1])


def test_an_empty_date_of_verification_is_never_taken_for_today() -> None:
    contents = SiteBuilder(seed_publication(today=date(2030, 1, 1))).index
    assert all(contents.price_is_stale(edition) for edition in contents.by_name)


def test_a_long_description_says_that_it_goes_on_and_where() -> None:
    whole = "\n\n".join(f"Paragraph {number} of many. MIT licence." for number in range(1000))
    described = with_tool(seed_publication(), description=whole)
    first, *rest = described.tools
    first = replace(first, card=replace(first.card, description=whole))
    publication = replace(described, tools=(first, *rest))
    files = files_of(publication)
    said = page(publication, f"tools/{CODESTRAL}.html")
    assert "The rest of the description" not in said.text and "More of the description" in said.text
    assert f"The whole description has {len(whole):,} characters." in said.text
    assert f"{CODESTRAL}.txt" in files[f"tools/{CODESTRAL}.html"].decode()
    assert files[f"tools/{CODESTRAL}.txt"].decode() == whole + "\n"
    assert "Paragraph 999" not in said.text
    assert f'href="../tools/{CODESTRAL}.html#described"' in files[VERSUS].decode()
    assert f"tools/{MISTRAL}.txt" not in files, "a short one is on its page as a whole"
    assert ".txt" not in files["sitemap.xml"].decode()


def test_a_description_of_some_length_folds_without_a_script() -> None:
    """Its beginning is open, the rest is on the page, folded."""
    whole = "\n\n".join(f"Paragraph {number} of many. MIT licence." for number in range(100))
    described = with_tool(seed_publication(), description=whole)
    files = files_of(described)
    start, rest = files[f"tools/{CODESTRAL}.html"].decode().split('<details class="more">')
    assert "Paragraph 9 " in start and "Paragraph 99 " in rest
    assert f"tools/{CODESTRAL}.txt" not in files


def test_a_description_is_rendered_as_markdown_wherever_it_stands() -> None:
    """On the tool's page and on its card of a comparison; headings go below the page's own."""
    text = "## Plans\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- `one`\n"
    described = with_tool(seed_publication(), description=text)
    first, *rest = described.tools
    first = replace(first, card=replace(first.card, description=text))
    files = files_of(replace(described, tools=(first, *rest)))
    for path, heading in ((f"tools/{CODESTRAL}.html", "h3"), (VERSUS, "h4")):
        content = files[path].decode()
        assert f"<{heading}>Plans</{heading}>" in content and "<td>1</td>" in content, path
        assert "<li><code>one</code></li>" in content, path


def test_prompts_that_are_cut_say_so() -> None:
    text = page(seed_publication(review="word " * 2000), "methodology.html").text
    assert "Only the beginning is shown" in text
    assert "Only the beginning" not in page(seed_publication(), "methodology.html").text


def test_the_box_to_subscribe_is_headed_as_the_settings_say() -> None:
    site = seed_publication().site.model_copy(
        update={"community": True, "newsletter": "Brief & <us>"}
    )
    text = page(seed_publication(site=site), "index.html").text
    assert "Brief & <us> Get the next comparison" in text


def test_the_vendors_words_are_not_said_to_be_in_the_sites_language() -> None:
    """A description may be in any; what the reviewers say is in the page's own."""
    tagline = "コードを書く道具"
    found = page(
        with_tool(seed_publication(), tagline=tagline, description=tagline),
        f"tools/{CODESTRAL}.html",
    )
    marked = [attrs for tag, attrs in found.tags if attrs.get("lang") == ""]
    assert {attrs.get("class") for attrs in marked} >= {"lede", "written"}
    assert all(attrs.get("class") != "closing" for attrs in marked)
