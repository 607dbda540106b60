"""The front page: its lead, its quotes, and what it has to tell when there is little."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.scorecard import Take, VerdictChange
from panel.site.publication import Publication
from panel.site.quotes import MOST, quote_of, sides
from panel.workspace.editorial import Correction, Editorial, EditorialFiles
from panel.workspace.personas import Persona
from tests.support.seed_takes import CODESTRAL, MISTRAL, TAKES
from tests.support.site_pages import Reading, files_of, with_take
from tests.support.site_publication import (
    ASKED,
    MODEL,
    a_line,
    a_take,
    an_edition,
    demo_publication,
    seed_publication,
)


def front(publication: Publication) -> Reading:
    return Reading(files_of(publication)["index.html"])


def of_panel(count: int, verdicts: str = "ship skip") -> Publication:
    """Return the seed's two tools as so many reviewers see them, in turn of these verdicts."""
    base = seed_publication()
    first, said = base.personas[0], verdicts.split()
    panel = [
        first.model_copy(update={"id": f"r{number}", "name": f"Reviewer {number}"})
        for number in range(count)
    ]
    tools = tuple(
        an_edition(each.tool, [_line(panel, number, said, slug) for number in range(count)])
        for slug, each in zip((CODESTRAL, MISTRAL), base.tools, strict=True)
    )
    return replace(base, tools=tools, personas=tuple(panel), changes=(), systems={})


def _line(panel: list[Persona], number: int, said: list[str], slug: str):  # type: ignore[no-untyped-def]
    fields = TAKES[slug, "builder"] | {"verdict": said[number % len(said)]}
    return a_line(panel[number], a_take(panel[number], fields))


def test_the_lead_is_the_tool_that_divides_the_panel_with_a_quote_of_each_side() -> None:
    """The words are of published takes, and each name leads to its reviewer."""
    publication = with_take(seed_publication(), 1, verdict="skip")
    read = front(publication)
    assert "Codestral 2.0: Builder, Futurist and Business Analyst ship; Skeptic skips" in read.text
    card = publication.tools[0].card
    quotes = sides(card)
    assert [(each.line.name, each.side) for each in quotes] == [
        ("Builder", "ship"),
        ("Skeptic", "skip"),
    ]
    for each in quotes:
        assert f"“{each.words}” " in read.text.replace("”B", "” B").replace("”S", "” S")
        assert each.line.take is not None and each.words in each.line.take.take
        assert f"personas/{each.line.persona}.html" in read.values("href")


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_the_front_page_holds_for_a_panel_of_any_size(count: int) -> None:
    """Every reviewer is named with what it says, however many there are."""
    text = front(of_panel(count)).text
    for number in range(count):
        assert f"Reviewer {number} {'skips' if number % 2 else 'ships'}" in text


def test_a_panel_that_agrees_has_one_voice_quoted_and_no_section_of_divided_tools() -> None:
    """Nothing is made to look divided."""
    publication = of_panel(2, "ship")
    read = front(publication)
    assert "both ship" in read.text and "divides the panel" not in read.text
    assert read.text.count("“") == 1


def test_a_site_with_one_tool_tells_it_once() -> None:
    """The lead is the whole story: no list repeats it."""
    publication = of_panel(2)
    one = replace(publication, tools=publication.tools[:1], pairs=())
    read = front(one)
    assert read.text.count("Codestral 2.0") == 1
    assert "New" not in read.text.split() and "Side by side" not in read.text


def test_a_demo_models_picks_are_not_quoted_and_divide_nobody() -> None:
    """What is no judgement is no story of two sides."""
    read = front(demo_publication(with_take(seed_publication(), 1, verdict="skip")))
    assert "Picked by a demo model: no judgement" in read.text
    assert "“" not in read.text and "divides the panel" not in read.text
    assert "Skeptic skips" not in read.text


def test_what_turned_stands_with_both_words() -> None:
    """A turn of a published verdict is news; a first verdict is none."""
    turned = VerdictChange(CODESTRAL, "skeptic", "ship", "skip", ASKED, "price changed", "m")
    new = VerdictChange(MISTRAL, "skeptic", None, "ship", ASKED, "new", str(MODEL))
    text = front(seed_publication(changes=(turned, new))).text
    assert "Skeptic turned from ship to skip on Codestral 2.0" in text
    assert "turned from" not in front(seed_publication(changes=(new,))).text


def edited(**front_page: object) -> Publication:
    written = EditorialFiles(
        front=Editorial(**front_page),  # type: ignore[arg-type]
        tools={
            MISTRAL: Editorial(
                headline="Open, large, hungry",
                pick=True,
                why="It **can** be <b>forked</b>.",
                by="Ada",
                corrections=(Correction(date=date(2026, 11, 20), note="The price was wrong."),),
            )
        },
    )
    return seed_publication(editorial=written)


def test_the_editors_choose_the_lead_and_their_words_carry_their_name() -> None:
    """A headline of an editor is said to be a person's."""
    read = front(edited(lead=MISTRAL, headline="Half a server", by="Jonas"))
    assert "Half a server" in read.text and "Headline by Jonas, editor" in read.text
    other = front(edited(lead=MISTRAL))
    assert "Open, large, hungry" in other.text and "Headline by Ada, editor" in other.text
    assert "Our picks" in other.text and "Picked by Ada, editor" in other.text, "not the tagline"


def test_editors_words_without_a_lead_stand_above_it_and_are_no_headline_of_a_tool() -> None:
    """The lead changes by itself; a headline for one tool must not slide to another."""
    text = front(edited(headline="A quiet week", text="We read *everything*.", by="Jonas")).text
    assert text.index("A quiet week") < text.index("Codestral 2.0: all four ship")
    assert "From the editor We read everything." in text


def a_wording(text: str) -> Take:
    persona = seed_publication().personas[0]
    return a_take(persona, TAKES[CODESTRAL, "builder"], take=text)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("It installs in one line. That is rare.", "It installs in one line. That is rare."),
        ("A first thought. " + "so long " * 40 + "it ends. Last of all.", "Last of all."),
        ("It is fast, says everyone who has tried it here.\n\n- a list\n- of things", "It is fast"),
        (
            "The price is a fact that anyone can check today. It beats Rival X [unverified].",
            "The price is a fact that anyone can check today.",
        ),
        ("no end", ""),
        ("word " * 60 + ".", ""),
    ],
)
def test_a_quote_is_whole_sentences_from_the_end_of_a_take(text: str, quoted: str) -> None:
    """What decides it stands last; what nobody has checked is not what is quoted."""
    assert quote_of(a_wording(text)).startswith(quoted) and bool(quoted) == bool(
        quote_of(a_wording(text))
    )


def test_a_sentence_that_stands_alone_is_quoted_before_one_that_leans_on_another() -> None:
    """It is not begun in the middle; where every sentence leans, the last ones are taken."""
    lone = "The free tier covers a team of five for as long as it likes."
    assert quote_of(a_wording(f"{lone} It also exports to Parquet.")).startswith(lone)
    long = f"Nobody reads a price list of {'very ' * 20} many rows before lunch."
    last = "Reviews take four minutes a piece and cost nothing."
    told = a_wording(f"{long} It also reads every pull request that is open. {last}")
    assert quote_of(told) == last
    leaning = "It also reads every pull request that is open."
    assert quote_of(a_wording(leaning)) == leaning


@given(st.text(alphabet="ab c.!?\n“”-1", max_size=600))
def test_no_quote_says_what_a_take_does_not(text: str) -> None:
    """Whatever the take, the quote is short and stands in it, word for word."""
    quote = quote_of(a_wording(text))
    assert len(quote) <= MOST and " ".join(quote.split()) in " ".join(text.split())


def test_a_take_of_very_many_sentences_is_quoted_in_no_time() -> None:
    """The longest take that an editor may write, of nothing but short sentences."""
    take = a_take(seed_publication().personas[0], TAKES[CODESTRAL, "builder"], take="A. " * 6_600)
    assert len(quote_of(take)) in range(MOST - 3, MOST + 1)
