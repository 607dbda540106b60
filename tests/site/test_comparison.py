"""The comparison page, read as a browser and as a reader would read it."""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from panel.scorecard import PICKED, Comparison, PersonaLine, Scorecard, Take
from panel.site import formats as room
from panel.site.comparison import render_comparison
from panel.stats import Interval, Tally, combine
from tests.support.site_pages import Reading
from tests.support.site_publication import as_demo

GOLDEN = Path(__file__).parents[1] / "golden" / "comparison.html"
MADE = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
PERSONAS = (
    ("Builder", "Show me the call I would write."),
    ("Skeptic", "What breaks first, and who already does this?"),
    ("Futurist", "A bet with a date on it, or no bet at all."),
    ("Business Analyst", "Who signs, for how much, and why again next year?"),
)
SHIP, SKIP = Tally(ships=1), Tally(skips=1)
ABSTAIN, ERROR = Tally(abstains=1), Tally(errors=1)


def a_take(tally: Tally, who: str, tool: str) -> Take:
    voted = tally.n > 0
    parts = (
        ("The thing", f"{who} on {tool}: a model one can download, call and measure at home."),
        ("The decision", "The licence is stated, and it is what settles the matter."),
    )
    return Take(
        outcome="verdict" if voted else "abstain" if tally.abstains else "error",
        verdict=("ship" if tally.ships else "skip") if voted else None,
        confidence=80 if voted else None,
        take=" ".join(text for _, text in parts) if voted else "",
        beats=parts if voted else (),
        evidence=("weights one can download", "no royalties") if voted else (),
        reason=None if voted else "no reply in 60 s",
        asked_at="2026-11-23T22:15:00Z",
        output_mode="json_schema",
        stale=False,
    )


def a_card(name: str, tallies: tuple[Tally, ...]) -> Scorecard:
    lines = tuple(
        PersonaLine(who.lower(), who, motto, tally, a_take(tally, who, name))
        for (who, motto), tally in zip(PERSONAS, tallies, strict=True)
    )
    return Scorecard(
        tool=name.lower().replace(" ", "-"),
        name=name,
        tagline=f"What {name} is in one line",
        category="Developer Tools",
        entry_price="Free",
        description=f"{name} reads code & writes it.\n\nIt runs at home.",
        url=f"https://{name.lower().replace(' ', '-')}.example/",
        model="local/some-model",
        lines=lines,
        result=combine(tallies),
    )


def a_comparison(
    left: tuple[Tally, ...] = (SHIP, SKIP, SHIP, SHIP),
    right: tuple[Tally, ...] = (SHIP, SHIP, ABSTAIN, ERROR),
) -> Comparison:
    cards = a_card("Mixtral Open", left), a_card("Coder Two", right)
    return Comparison(*cards, "local/some-model@sha256:1f2e")


def a_demo() -> Comparison:
    real = a_comparison()
    return replace(real, left=as_demo(real.left), right=as_demo(real.right))


def page_of(comparison: Comparison | None = None) -> str:
    return render_comparison(comparison or a_comparison(), MADE, "0.1.0")


def poisoned(bad: str) -> Comparison:
    """Return a comparison whose every text field is the given string."""
    plain = a_comparison()

    def line(each: PersonaLine) -> PersonaLine:
        assert each.take
        take = replace(each.take, asked_at=bad, output_mode=bad)
        if take.outcome == "verdict":
            take = replace(take, take=bad, beats=((bad, bad),), evidence=(bad, bad))
        else:
            take = replace(take, reason=bad)
        return replace(each, persona=bad, name=bad, motto=bad, take=take)

    def card(each: Scorecard) -> Scorecard:
        return replace(
            each, tool=bad, name=bad, tagline=bad, category=bad, entry_price=bad,
            description=bad, url=bad, model=bad, lines=tuple(map(line, each.lines)),
        )  # fmt: skip

    return Comparison(card(plain.left), card(plain.right), bad, False)


def test_the_page_equals_the_golden_file() -> None:
    page = page_of()
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(page, encoding="utf-8", newline="\n")
    assert page == GOLDEN.read_text(encoding="utf-8")


def test_every_element_of_the_seed_page_is_there() -> None:
    comparison = a_comparison()
    text = Reading(page_of(comparison)).text
    wanted = ["AI tool comparison", "Mixtral Open vs Coder Two", "Which one should you ship with?"]
    wanted += ["Panel ship", "Entry Free", "Reviewer scorecard", "Reviewer split"]
    for card in (comparison.left, comparison.right):
        wanted += [card.category, card.name, card.tagline, *card.description.split("\n\n")]
        for line in card.lines:
            assert line.take
            wanted += [line.name, line.motto, line.take.take, *line.take.evidence]
    assert [each for each in wanted if each not in text] == []


def test_a_share_is_shown_with_its_count_its_interval_and_what_is_counted_apart() -> None:
    text = Reading(page_of()).text
    assert "75 % Panel ship" in text and "3 of 4 ship · 95 % interval 30–95 %" in text
    assert "100 % Panel ship" in text and "2 of 2 ship · 95 % interval 34–100 %" in text
    assert "Counted apart: 1 abstained, 1 ended in error" in text
    assert text.count("Undecided.") == 2


def test_no_vote_is_a_dash_and_never_zero_percent() -> None:
    text = Reading(page_of(a_comparison(right=(ABSTAIN, ABSTAIN, ERROR, ERROR)))).text
    assert "— Panel ship" in text and "no votes on the present description yet" in text
    assert "There are no votes on the present description of Coder Two yet" in text
    assert not re.search(r"(?<!\d)0 % (·|Panel)", text)


def test_a_difference_whose_interval_holds_zero_is_none_and_the_interval_is_shown() -> None:
    text = Reading(page_of()).text
    assert (
        "the panel does not tell these two apart: Coder Two minus Mixtral Open is \u221244 to "
        "+70 points (Newcombe\u2019s 95 % interval of the difference), which includes 0." in text
    )


@pytest.mark.parametrize("turned", [False, True])
def test_a_difference_beyond_noise_names_the_tool_the_panel_prefers(turned: bool) -> None:
    sides = [(Tally(ships=9, skips=1),) * 4, (Tally(ships=1, skips=9),) * 4]
    left, right = reversed(sides) if turned else sides
    text = Reading(page_of(a_comparison(left, right))).text
    first, second = ("Coder Two", "Mixtral Open") if turned else ("Mixtral Open", "Coder Two")
    assert f"The panel prefers {first} to {second}: the difference is +62 to +89 points" in text


def test_repeats_are_shown_as_counts_and_a_tie_as_tied() -> None:
    tie, most = Tally(ships=2, skips=2), Tally(ships=4, skips=1)
    text = Reading(page_of(a_comparison(left=(tie, most, SHIP, SKIP)))).text
    assert "Builder is undecided on Mixtral Open and ships Coder Two" in text
    assert "2 of 4 answers ship" in text
    assert "4 of 5 answers ship; the newest of the majority is shown" in text


def test_every_outcome_is_named_in_words() -> None:
    comparison = a_comparison(right=(SHIP, ABSTAIN, ERROR, Tally()))
    lines = comparison.right.lines
    unasked = (*lines[:3], replace(lines[3], take=None))
    comparison = replace(comparison, right=replace(comparison.right, lines=unasked))
    text = Reading(page_of(comparison)).text
    for word in ("Ship", "Abstained", "Error", "Not asked"):
        assert f"Coder Two {word}" in text
    assert "no reply in 60 s" in text and "has not been asked" in text


def test_a_stale_take_says_so_where_it_stands_and_below() -> None:
    comparison = a_comparison()
    first = comparison.left.lines[0]
    assert first.take and "Stale:" not in page_of(comparison)
    aged = replace(first, take=replace(first.take, stale=True))
    left = replace(comparison.left, lines=(aged, *comparison.left.lines[1:]))
    text = Reading(page_of(replace(comparison, left=left))).text
    assert "Stale: the description or prompt changed since." in text
    assert "Some takes are stale." in text


def test_a_demo_model_is_announced_on_top_and_beside_each_verdict() -> None:
    reading = Reading(page_of(a_demo()))
    assert reading.text.index("Its verdicts are no judgement") < reading.text.index(" vs ", 80)
    assert reading.text.count("Demo model: no judgement") == 8
    assert "noindex" in reading.values("content")


def test_a_demo_models_page_says_first_that_there_is_nothing_to_compare() -> None:
    """No chip names a verdict, no headline asks for one, and the apostrophes are of one kind."""
    reading = Reading(page_of(a_demo()))
    first = "Two tools, and no judgement yet A demo model picked the sentences and nothing was "
    assert f"{first}judged, so there is nothing to compare." in reading.text
    assert "Which one" not in reading.text and reading.text.count("nothing to compare") == 1
    assert not {"badge ship", "badge skip"} & set(reading.values("class"))
    assert "headings are those that a reviewer would write under" in reading.text
    assert "'" not in reading.text and "'" not in Reading(page_of()).text


def test_takes_that_no_editor_has_approved_are_called_drafts() -> None:
    """The page may be passed on; the takes of a known page are drafts, or none is."""
    text = Reading(page_of()).text
    assert re.search(r"Drafts: no editor has approved \d+ of the \d+ takes on this page\.", text)


def test_no_percentage_of_a_demo_model_stands_on_a_page() -> None:
    text = Reading(page_of(a_demo())).text
    assert "demo no ship percentage" in text and "there is nothing to compare" in text
    assert "Panel ship" not in text
    assert not re.search(r"\d\s?% ship|interval \d|[+−]\d", text)
    assert not re.search(r"\d+ of \d+|Undecided|Split\b\.", text)
    assert text.count(f"{PICKED}:") == 6  # beside each take that there is


def test_a_real_model_has_no_demo_banner() -> None:
    reading = Reading(page_of())
    assert not re.search("demo|fit to publish", reading.text, re.IGNORECASE)
    assert "noindex" not in reading.values("content")


@pytest.mark.parametrize(
    "bad",
    [
        "<script>alert(1)</script>",
        "\"'><img src=x onerror=alert(1)>",
        "</style></title></svg><iframe srcdoc=x>",
        "javascript:alert(1)",
        "{{ 7*7 }}{% raw %}<!--",
        "&lt;b onclick=x&gt;",
    ],
)
def test_hostile_text_in_any_field_is_shown_and_does_nothing(bad: str) -> None:
    reading = Reading(page_of(poisoned(bad)))
    assert bad in reading.text and "49" not in reading.text
    assert {tag for tag, _ in reading.tags} <= {tag for tag, _ in Reading(page_of()).tags}
    assert not [name for _, attrs in reading.tags for name in attrs if name.startswith("on")]
    assert all(each.startswith("#") for each in reading.values("href"))


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JaVaScript:x", " https://a.example", "https://a\n.example", "data:x",
     "//a.example", "https://", "http://[", "ftp://a.example", "https:\\\\a.example", "", None],
)  # fmt: skip
def test_only_a_plain_web_address_becomes_a_link(url: str | None) -> None:
    comparison = a_comparison()
    sides = [replace(card, url=url) for card in (comparison.left, comparison.right)]
    reading = Reading(page_of(Comparison(sides[0], sides[1], "m", False)))
    assert all(each.startswith("#") for each in reading.values("href"))


def test_a_link_to_a_tool_vouches_for_nothing() -> None:
    links = [attrs for tag, attrs in Reading(page_of()).tags if tag == "a" and "rel" in attrs]
    assert [link["href"] for link in links] == [
        "https://mixtral-open.example/",
        "https://coder-two.example/",
    ]
    assert {link["rel"] for link in links} == {"nofollow noopener"}


def test_control_and_bidirectional_override_characters_are_dropped() -> None:
    hidden = [chr(code) for code in (0, 7, 8, 11, 13, 27, 127, 133, 0x202E, 0x2066, 0x2069, 0xD800)]
    page = page_of(poisoned("safe" + "".join(hidden) + "text"))
    assert not set(page) & set(hidden)
    assert "safetext" in page
    page.encode("utf-8")


def test_arabic_is_kept_and_finds_its_own_direction() -> None:
    arabic = "أداة مفيدة للمطوّرين"
    page = page_of(poisoned(arabic))
    assert f'<p class="tagline" dir="auto" lang="">{arabic}</p>' in page


def test_a_description_is_rendered_as_markdown() -> None:
    comparison = a_comparison()
    text = "One\nline.\r\n \r\n**Two**\n\n- a\n- b"
    page = page_of(replace(comparison, left=replace(comparison.left, description=text)))
    assert "<p>One\nline.</p>\n<p><strong>Two</strong></p>\n<ul>\n<li>a</li>\n<li>b</li>" in page


def test_nothing_is_loaded_and_nothing_runs() -> None:
    page = page_of()
    assert not re.search(r"<(script|link|img|iframe|form|base|object|embed)\b", page)
    assert not re.search(r"\ssrc=|url\(|@import|\sstyle=", page)
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page


def test_the_page_says_that_a_machine_wrote_it_and_where_it_came_from() -> None:
    reading = Reading(page_of())
    assert any(attrs.get("name") == "ai-generated" for _, attrs in reading.tags)
    for each in (
        "Personas on one model are not independent opinions.",
        "Nobody tried the tools.",
        "It is not a probability",
        "local/some-model@sha256:1f2e",
        "Asked (UTC) 2026-11-23",
        "json_schema",
        "Panel version 0.1.0",
        "2026-11-24 06:30",
    ):
        assert each in reading.text
    assert "confidence 80" not in reading.text
    assert "80 %" not in reading.text


def test_stated_confidence_is_printed_only_where_it_is_known_to_foretell_repeats() -> None:
    proven = replace(a_comparison(), confidence=True)
    assert "model’s own stated confidence 80/100" in Reading(page_of(proven)).text


def test_ids_are_unique_and_every_link_inside_the_page_arrives() -> None:
    reading = Reading(page_of())
    ids = reading.values("id")
    assert len(ids) == len(set(ids))
    inner = {each[1:] for each in reading.values("href") if each.startswith("#")}
    inner |= {name for each in reading.values("aria-labelledby") for name in each.split()}
    assert inner <= set(ids)


def test_headings_step_down_one_level_at_a_time() -> None:
    levels = [int(tag[1]) for tag, _ in Reading(page_of()).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_every_tag_is_closed_in_order() -> None:
    assert Reading(page_of(a_demo())).open == []


def test_two_tools_by_four_long_takes_stay_under_sixty_kilobytes() -> None:
    comparison = a_comparison((SHIP,) * 4, (SKIP,) * 4)

    def long(line: PersonaLine) -> PersonaLine:
        assert line.take
        beats = tuple((label, "word " * 40) for label in "abcd")
        return replace(line, take=replace(line.take, take="words " * 160, beats=beats))

    sides = [
        replace(card, lines=tuple(map(long, card.lines)), description="words " * 200)
        for card in (comparison.left, comparison.right)
    ]
    page = page_of(Comparison(sides[0], sides[1], "model", True))
    assert len(page.encode()) < 60_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_colours_meet_the_contrast_of_wcag_aa(scheme: str) -> None:
    blocks = re.findall(r":root \{(.*?)\}", page_of(), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[scheme == "dark"]))
    pairs = [(ink, paper) for ink in ("ink", "muted", "accent", "ship", "skip", "wary")
             for paper in ("paper", "card", "tint")]  # fmt: skip
    for ink, paper in [*pairs, ("on", "ship"), ("on-warn", "warn")]:
        light, dark = sorted((luminance(colours[ink]), luminance(colours[paper])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (scheme, ink, paper)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "—"), (0.0, "0 %"), (0.2, "<1 %"), (66.67, "67 %"), (99.8, ">99 %"), (100.0, "100 %")],
)
def test_a_percentage_never_rounds_to_a_certainty_it_is_not(
    value: float | None, shown: str
) -> None:
    assert room.percent(value).replace("\u00a0", " ") == shown


def test_an_interval_is_written_with_a_dash() -> None:
    assert room.interval_text(Interval(30.06, 95.44)) == "30–95\u00a0%"
    assert room.interval_text(None) == "—"


def test_times_are_told_in_utc_whatever_zone_they_came_in() -> None:
    made = datetime(2026, 11, 24, 1, 0, tzinfo=timezone(timedelta(hours=3)))
    assert "2026-11-23 22:00" in render_comparison(a_comparison(), made, "0.1.0")
    assert "2026-11-24 01:00" in render_comparison(a_comparison(), made.replace(tzinfo=None), "1")
    assert room.day("2026-11-24T01:00:00+03:00") == "2026-11-23"
    assert room.day("some day") == "some day"
