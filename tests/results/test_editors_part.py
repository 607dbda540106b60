"""What readers are told of editors' hands in a verdict, from a workspace with a real journal."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest

from panel.readers.digest.gathering import Days, digest_content
from panel.readers.digest.render import render_digest
from panel.results.publication import publication
from panel.site.publication import Publication
from panel.workspace.loading import load_workspace
from tests.support.editors import do, entry, undo
from tests.support.faces import always, voting
from tests.support.frozen_verdicts import freeze
from tests.support.mock_endpoint import MockEndpoint
from tests.support.results import target_of, thaw
from tests.support.runs import run
from tests.support.site_pages import Reading, files_of
from tests.support.space import Panel, Space
from tests.support.templates import Make

PAIR = ("anvil", "skeptic")
NOTE = "Think of <b>small teams</b> & ship?"
SHOWN = "tools/anvil.html"


def all_skip(space: Space, mock: MockEndpoint) -> None:
    """Ask every cell, each answer a skip."""
    mock.face = always("skip")
    run(space)


def swayed(space: Space, mock: MockEndpoint, *notes: str) -> None:
    """Reject the skeptic's skip, ask again with each note, and approve what the last brings."""
    mock.face = voting(lambda _system, user: "ship" if "small teams" in user else "skip")
    do(space, "reject", PAIR, note="Too harsh.")
    for note in notes:
        do(space, "ask_again", PAIR, note=note)
        run(space, tools=[PAIR[0]], personas=[PAIR[1]])
    do(space, "approve", PAIR)
    for persona in ("builder", "futurist", "business-analyst"):
        do(space, "approve", (PAIR[0], persona))


def gathered(space: Space, drafts: bool = False) -> Publication:
    workspace = load_workspace(space.root)
    with target_of(space.root) as (target, connection):
        return publication(
            workspace, target, connection, drafts, base_url="https://verdicts.example/"
        )


def test_readers_are_told_of_the_note_with_which_an_editor_asked_again(
    copied: Callable[[Make], Space], mock: MockEndpoint
) -> None:
    """The receipt has the earlier answer, the take has the note, and it is counted."""
    space = copied(all_skip)
    swayed(space, mock, NOTE)
    files = files_of(gathered(space))
    read = Reading(files[SHOWN])
    assert "First published verdict of Skeptic: ship. Skeptic first answered skip; Ada" in read.text
    assert f"asked again with a note (“{NOTE}”), and the answer was ship." in read.text
    assert "Skeptic gave a first verdict" not in read.text
    assert (
        f"Asked again by an editor with a note: “{NOTE}” The question was asked twice" in read.text
    )
    assert "Asked again with a note: 1 of 4 takes." in read.text
    assert "b" not in {tag for tag, _ in read.tags}, "a note is text"
    assert "1 of 4" in read.text, "the percentage counts the present answers"
    method = Reading(files["methodology.html"]).text
    assert "Takes asked again with a note1" in method
    assert "An editor has read an earlier answer to this" in method, "the real prompt"
    feed = ET.fromstring(files["feed.xml"])
    assert "Skeptic (ship; asked again by an editor with a note)" in "".join(feed.itertext())
    (page, *_) = read.linked
    told = [each["creditText"] for each in page["mainEntity"]["review"]]
    assert sum("asked again with a note" in each for each in told) == 1


@pytest.mark.slow
def test_every_note_is_told_however_often_an_editor_asked(
    copied: Callable[[Make], Space], mock: MockEndpoint
) -> None:
    """Three notes are three in the receipt, each with its answer."""
    space = copied(all_skip)
    swayed(space, mock, "Look at the price.", "Is it fast?", NOTE)
    text = Reading(files_of(gathered(space))[SHOWN]).text
    for note, answer in (("Look at the price.", "skip"), ("Is it fast?", "skip"), (NOTE, "ship")):
        assert f"asked again with a note (“{note}”), and the answer was {answer}" in text
    assert "The question was asked 4 times; the reviewer first answered skip." in text
    assert "Every note that was in the question (3)" in text


@pytest.mark.slow
def test_a_note_that_was_taken_back_is_told_where_another_is_in_the_question(
    copied: Callable[[Make], Space], mock: MockEndpoint
) -> None:
    """Nobody can try notes until one fits, and show the last alone; without one nothing is told."""
    space = copied(all_skip)
    mock.face = voting(lambda _system, user: "ship" if "small teams" in user else "skip")
    do(space, "ask_again", PAIR, note="Look at the price.")
    run(space, tools=[PAIR[0]])
    undo(space, PAIR)
    run(space, tools=[PAIR[0]])
    do(space, "approve", PAIR)
    assert "sked again" not in Reading(files_of(gathered(space))[SHOWN]).text
    do(space, "ask_again", PAIR, note=NOTE)
    run(space, tools=[PAIR[0]])
    do(space, "approve", PAIR)
    made = gathered(space)
    text = Reading(files_of(made)[SHOWN]).text
    assert "The question was asked 3 times" in text
    assert "Skeptic turned from skip to ship. An editor’s note on the question had changed." in text
    issue = digest_content(made, Days(made.today, made.today.replace(year=2999)), None)
    assert "asked again with a note" in " ".join(render_digest(issue, None).text.split())


@pytest.mark.slow
def test_a_clone_without_journals_tells_of_the_note_too(
    copied: Callable[[Make], Space], mock: MockEndpoint
) -> None:
    """What is on record has the decisions, and with them the answer that was rejected."""
    space = copied(all_skip)
    swayed(space, mock, NOTE)
    freeze(space)
    shutil.rmtree(space.root / "runs")
    thaw(space.root)
    text = Reading(files_of(gathered(space))[SHOWN]).text
    assert "Skeptic first answered skip; Ada, an editor, asked again with a note" in text
    assert "Asked again with a note: 1 of 4 takes." in text


@pytest.mark.slow
def test_a_clone_that_has_not_the_published_answer_tells_of_note_and_edit_all_the_same(
    copied: Callable[[Make], Space], mock: MockEndpoint
) -> None:
    """What is on file since the question changed holds the decisions on that answer alone."""
    space = copied(all_skip)
    swayed(space, mock, NOTE)
    do(space, "edit", PAIR, editor="Bob", text="No model wrote these words of an anvil.")
    do(space, "approve", PAIR)
    space.tool("anvil", description="Another anvil, under the MIT licence.")
    run(space)
    freeze(space)
    shutil.rmtree(space.root / "runs")
    thaw(space.root)
    text = Reading(files_of(gathered(space))[SHOWN]).text
    assert "No model wrote these words of an anvil." in text
    assert "Edited by Bob, an editor. What the model wrote is not known here." in text
    assert "Asked again by an editor with a note:" in text


@pytest.mark.slow
def test_no_clock_hides_a_note(copied: Callable[[Make], Space], mock: MockEndpoint) -> None:
    """A decision's time may lie after that of the answer which its note brought."""
    space = copied(all_skip)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "panel.desk.decide.utc_after", lambda *_earlier: "2099-01-01T00:00:00.000000Z"
        )
        swayed(space, mock, NOTE)
    text = Reading(files_of(gathered(space))[SHOWN]).text
    assert f"Asked again by an editor with a note: “{NOTE}”" in text


@pytest.mark.slow
def test_edited_words_say_whose_they_are_and_what_the_model_wrote(
    copied: Callable[[Make], Space], panel: Panel
) -> None:
    """On the tool's page, the comparison, in the feed and for search engines; drafts, too."""
    space = copied(all_skip)
    words = entry(space, PAIR).text
    do(space, "edit", PAIR, editor="Bob", text=f"{words} Nobody needs a second anvil.")
    drafts = Reading(files_of(gathered(space, drafts=True))[SHOWN]).text
    assert "edited by Bob" in drafts and "approved by" not in drafts
    do(space, "approve", PAIR)
    do(space, "approve", ("anvil", "builder"), text="Hard as iron, and as cheap as it is old.")
    do(space, "approve", ("anvil", "futurist"))
    do(space, "approve", ("bellows", "skeptic"))
    settings = (space.root / "panel.toml").read_text()
    space.settings(f'{settings}\n[site]\npairs = [["anvil", "bellows"]]\n')
    files = files_of(gathered(space))
    text = Reading(files[SHOWN]).text
    assert "edited by Bob, approved by Ada" in text and "edited and approved by Ada" in text
    assert text.count("What the model wrote as") == 2
    assert "<ins>Nobody needs a second anvil.</ins>" in files[SHOWN].decode()
    assert "Edited by an editor: 2 of 3 takes." in text
    versus = files["compare/anvil-vs-bellows.html"].decode()
    assert 'href="../tools/anvil.html#edited-skeptic"' in versus
    assert "edited by Bob, approved by Ada" in Reading(versus).text
    assert "(skip; edited by Bob)" in "".join(ET.fromstring(files["feed.xml"]).itertext())
    (page, *_) = Reading(files[SHOWN]).linked
    kinds = [each["digitalSourceType"][19:28] for each in page["mainEntity"]["review"]]
    assert kinds == ["Composite", "Composite", "TrainedAl"]
    assert "Takes edited by an editor2" in Reading(files["methodology.html"]).text
    alone = panel("compare", "anvil", "bellows", "--html", "-", cwd=space.root).out
    assert "Edited by Bob, an editor." in Reading(alone).text
    assert "<ins>Nobody needs a second anvil.</ins>" in alone
