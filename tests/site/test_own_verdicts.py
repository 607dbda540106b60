"""What readers see where an editor has set another verdict than the reviewer's."""

from __future__ import annotations

from dataclasses import replace

from panel.readers.digest.gathering import Days, digest_content
from panel.readers.digest.render import render_digest
from panel.scorecard import EDITED, VerdictChange
from panel.site.preview import preview
from panel.site.publication import Publication
from panel.site.quotes import sides
from panel.site.wording import leanings, public_verdict, word_of
from panel.stats import Tally, combine
from tests.support.seed_takes import CODESTRAL
from tests.support.site_pages import VERSUS, Reading, files_of
from tests.support.site_publication import ASKED, MODEL, TODAY, seed_publication

BUILDER = 0


def overruled(stale: bool = False) -> Publication:
    """Return the seed's publication; an editor says skip in place of Builder, which shipped."""
    plain = seed_publication()
    shown = next(each for each in plain.tools if each.tool.slug == CODESTRAL)
    line = shown.card.lines[BUILDER]
    assert line.take is not None and line.take.verdict == "ship"
    take = replace(line.take, verdict="skip", verdict_reason="It has no price.", stale=stale)
    line = replace(line, take=take, tally=Tally() if stale else line.tally)
    lines = (line, *shown.card.lines[1:])
    result = combine([each.tally for each in lines])
    card = replace(shown.card, lines=lines, result=result)
    tools = (replace(shown, card=card), *(each for each in plain.tools if each is not shown))
    turned = VerdictChange(
        CODESTRAL, line.persona, "ship", "skip", ASKED, EDITED, str(MODEL), False, "Ada", "ship"
    )
    return replace(plain, tools=tools, changes=(turned, *plain.changes))


def test_an_editors_verdict_is_nowhere_told_as_the_reviewers() -> None:
    """The count and the words are the reviewer's; wherever the editor's stands, it says so."""
    publication = overruled()
    card = publication.tools[0].card
    assert card.result.ships == 4
    assert word_of(card.lines[BUILDER]) == ("ship", "ships")
    shown = preview("Codestral", card)
    assert shown is not None and set(shown.verdicts) == {"ship"}
    assert [each.line.name for each in sides(card)] != ["Builder"]
    files = files_of(publication)
    turned = "Ada, an editor, turned the verdict of Builder from ship to skip"
    for path in ("index.html", "changes.html", f"tools/{CODESTRAL}.html"):
        text = Reading(files[path]).text
        assert turned in text and "Builder turned" not in text, path
    told = "Reviewer: ship Editor: skip"
    assert told in Reading(files["personas/builder.html"]).text
    assert told in Reading(files[VERSUS]).text
    assert told in Reading(files[f"tools/{CODESTRAL}.html"]).text
    for path in ("index.html", "tools.html", f"tools/{CODESTRAL}.html"):
        assert "Builder ships Editor: skip" in Reading(files[path]).text, "both at first sight"
    assert f"{turned}. The reviewer said ship." in Reading(files["changes.html"]).text
    for feed in (files["feed.xml"].decode(), files["rss.xml"].decode()):
        assert turned in feed and "Builder (ship by the reviewer, skip by the editor)" in feed
    (page, *_) = Reading(files[f"tools/{CODESTRAL}.html"]).linked
    named = page["mainEntity"]["review"][BUILDER]["name"]
    assert named == "Builder: ship by the reviewer, skip by the editor"
    issue = digest_content(publication, Days(TODAY.replace(day=20), TODAY), None)
    rendered = render_digest(issue, None)
    assert "Ada, an editor, turned the verdict of Builder" in " ".join(rendered.text.split())
    assert "Builder turned" not in rendered.html


def test_a_reason_without_a_full_stop_gets_one() -> None:
    """What follows an editor's words is a sentence of its own."""
    plain = overruled()
    shown = plain.tools[0]
    line = shown.card.lines[BUILDER]
    assert line.take is not None
    line = replace(line, take=replace(line.take, verdict_reason="No figure is given anywhere"))
    card = replace(shown.card, lines=(line, *shown.card.lines[1:]))
    tools = (replace(shown, card=card), *plain.tools[1:])
    text = Reading(files_of(replace(plain, tools=tools))[f"tools/{CODESTRAL}.html"]).text
    assert "No figure is given anywhere. The reviewer said ship" in text


def test_a_vote_that_no_longer_counts_is_not_said_to_count() -> None:
    """Of an earlier wording the page tells what the reviewer said, and no more."""
    publication = overruled(stale=True)
    text = Reading(files_of(publication)[f"tools/{CODESTRAL}.html"]).text
    assert "The reviewer said ship. Written earlier" in text
    assert word_of(publication.tools[0].card.lines[BUILDER]) == ("ship", "ships, written earlier")


def confirmed(*places: int) -> Publication:
    """Return the seed's; of some takes of Codestral an editor says that the words still stand."""
    plain = seed_publication()
    shown = next(each for each in plain.tools if each.tool.slug == CODESTRAL)
    lines = tuple(
        replace(line, tally=Tally()) if place in places else line
        for place, line in enumerate(shown.card.lines)
    )
    result = combine([each.tally for each in lines])
    card = replace(shown.card, lines=lines, result=result)
    tools = (replace(shown, card=card), *(each for each in plain.tools if each is not shown))
    return replace(plain, tools=tools)


def test_confirmed_words_speak_though_they_are_no_votes() -> None:
    """They are not called earlier ones without a verdict, and the number says that it has none."""
    publication = confirmed(0, 1, 2, 3)
    files = files_of(publication)
    said = "All four ship; an editor says that their earlier words still stand"
    none = "no votes on the present description yet"
    apart = "An editor says that their earlier words still stand"
    headline = '<a href="tools/codestral-2-0.html">Codestral 2.0: all four ship</a></h2>'
    assert headline in files["index.html"].decode(), "short: the rest stands below it"
    for path in ("index.html", "tools.html", f"tools/{CODESTRAL}.html"):
        text = Reading(files[path]).text
        assert said in text or (path == "index.html" and apart in text), path
        assert none in text and "ritten earlier" not in text and "No verdict" not in text, path
    text = Reading(files[VERSUS]).text
    assert "All four ship both; an editor says that earlier words on Codestral 2.0" in text
    assert f"There are {none.replace('yet', 'of Codestral 2.0 yet')}" in text
    card = publication.tools[0].card
    shown = preview("Codestral", card)
    assert shown is not None and (shown.words, shown.counted) == (said, none)
    assert word_of(card.lines[BUILDER]) == ("ship", "ships")
    issue = digest_content(publication, Days(TODAY.replace(day=20), TODAY, True), None)
    mail = render_digest(issue, None)
    assert apart in " ".join(mail.text.split()) and apart in mail.html
    assert leanings(card) == (), "no vote tells which side has most"
    method = Reading(files["methodology.html"]).text
    assert "Written before the last change4 an editor says that 4 of them still stand" in method
    assert "4 of the takes answer an earlier description or question" in method
    assert "Tools it ships" not in method, "each reviewer has answered once on each tool"
    some = confirmed(0).tools[0].card
    assert public_verdict(some) == (
        "All four ship; an editor says that the earlier words of Builder still stand"
    )


def test_takes_are_counted_as_takes_however_often_a_reviewer_was_asked() -> None:
    """Eight takes of three answers each are eight takes published, of 24 answers."""
    plain = seed_publication()
    tools = []
    for each in plain.tools:
        lines = tuple(replace(line, tally=Tally(3, 0)) for line in each.card.lines)
        card = replace(each.card, lines=lines, result=combine([line.tally for line in lines]))
        tools.append(replace(each, card=card))
    for path in ("index.html", "methodology.html"):
        content = files_of(replace(plain, tools=tuple(tools)))[path]
        assert b"<dt>Takes published</dt><dd>8</dd>" in content, path
        assert "24 of 24" in Reading(content).text, path


def test_a_panel_of_one_is_told_as_one() -> None:
    """No sentence compares a reviewer with others where there are none."""
    plain = seed_publication()
    tools = []
    for each in plain.tools:
        lines = each.card.lines[:1]
        card = replace(each.card, lines=lines, result=combine([line.tally for line in lines]))
        tools.append(replace(each, card=card))
    files = files_of(replace(plain, tools=tuple(tools), personas=plain.personas[:1]))
    method = Reading(files["methodology.html"]).text
    assert "One language model plays one persona. Of each tool" in method
    assert "One reviewer is one opinion." in method
    for words in ("All agree", "Personas o", "each asked separately", "reviewers are these"):
        assert words not in method, words
    assert "The reviewer One persona, one language model." in Reading(files["personas.html"]).text
    assert "What the reviewer says" in Reading(files[f"tools/{CODESTRAL}.html"]).text
