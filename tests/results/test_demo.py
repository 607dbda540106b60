"""A demo model's takes and verdicts, from the question to every place where they are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from panel.cli.main import ExitCode
from panel.endpoint.target import Chosen, resolve_target
from panel.results.publication import publication
from panel.results.scorecards import scorecards
from panel.runs.reparse import reparse
from panel.scorecard import PICKED
from panel.site.publication import Publication
from panel.store.ingest import opened
from panel.workspace.loading import load_workspace
from tests.support.editors import do
from tests.support.mock_endpoint import Answer, MockEndpoint, completion, filled
from tests.support.runs import rows, run
from tests.support.space import Panel, Space
from tests.support.templates import Make

PICKS = 'profile = "extractive"\n'
QUOTABLE = re.compile(r"\d\s?%|\d+ of \d+ ship")


def a_demo(mocked: Space, mock: MockEndpoint) -> None:
    mocked.point_at(mock, PICKS)
    run(mocked)


@pytest.fixture
def demo(copied: Callable[[Make], Space], mock: MockEndpoint) -> Space:
    """Make a workspace whose eight cells a demo model has answered."""
    space = copied(a_demo)
    space.point_at(mock, PICKS)
    return space


def published(space: Space) -> Publication:
    workspace = load_workspace(space.root)
    with opened(workspace.runs) as connection:
        return publication(workspace, resolve_target(workspace, Chosen()), connection)


def invented(_index: int, body: dict[str, object]) -> Answer:
    """Answer in the form that was asked for, with sentences of its own."""
    schema = body["response_format"]["json_schema"]["schema"]  # type: ignore[index]
    said = filled(schema, "x")
    said["primitive"] = "Anvil has 10K parameters."
    return Answer(body=completion(json.dumps(said)))


def test_the_store_says_whose_verdicts_they_are_and_makes_no_percentage(demo: Space) -> None:
    assert rows(demo, "SELECT DISTINCT outcome, profile FROM verdicts") == [
        ("verdict", "extractive")
    ]
    found = rows(demo, "SELECT DISTINCT n > 0, demo, ship_percent, undecided FROM ship_percentages")
    assert found == [(True, True, None, None)]
    assert rows(demo, "SELECT count(*) FROM takes WHERE profile = 'extractive'") == [(8,)]


def test_a_take_is_made_of_sentences_of_its_own_description(demo: Space) -> None:
    workspace = load_workspace(demo.root)
    with opened(workspace.runs) as connection:
        cards = scorecards(resolve_target(workspace, Chosen()), connection)
    for card in cards:
        assert card.demo and card.result.demo and card.result.ship_percent is None
        shown = card.description + card.tagline + card.entry_price + card.category + card.name
        for take in (line.take for line in card.lines if line.take):
            assert take.demo and take.picked
            sentences = re.findall("“([^”]*)”", take.take)
            assert len(set(sentences)) == len(take.beats)
            assert all(each in " ".join(shown.split()) for each in sentences)


def test_the_checks_find_nothing_in_it(demo: Space, panel: Panel) -> None:
    linted = panel("lint", "--json", "--fail-on", "warning", cwd=demo.root)
    assert linted.code == ExitCode.OK, linted.out
    assert len(json.loads(linted.out)) == 8


def test_in_the_terminal_there_is_a_word_where_the_percentage_would_be(
    demo: Space, panel: Panel
) -> None:
    shown = panel("show", "anvil", cwd=demo.root)
    assert "Panel ship demo" in shown.out and "no judgement" in shown.out
    assert PICKED in " ".join(shown.out.replace("│", " ").split())
    assert not QUOTABLE.search(shown.out)
    assert "no percentage is made of them" in shown.err
    [card] = json.loads(panel("show", "anvil", "--json", cwd=demo.root).out)
    assert card["demo"] is True and card["ship_percent"] is None and card["n"] == 4
    assert {each["demo"] for each in card["personas"]} == {True}
    compared = panel("compare", "anvil", "bellows", cwd=demo.root)
    assert "nothing to compare" in compared.out and not QUOTABLE.search(compared.out)
    health = json.loads(panel("show", "--panel", "--json", cwd=demo.root).out)
    assert {(each["demo"], each["ship_percent"]) for each in health["personas"]} == {(True, None)}


def test_a_real_model_s_verdicts_are_no_demo(asked: Space, panel: Panel) -> None:
    [card] = json.loads(panel("show", "anvil", "--json", cwd=asked.root).out)
    assert card["demo"] is False and card["ship_percent"] is not None
    assert rows(asked, "SELECT DISTINCT profile FROM attempts") == [(None,)]


def test_an_editor_s_words_are_a_person_s_and_the_verdict_stays_a_demo_s(demo: Space) -> None:
    """Both may be published once they are approved, each marked for what it is."""
    do(demo, "approve", ("anvil", "builder"))
    do(demo, "edit", ("anvil", "skeptic"), text="It breaks where a hammer is missing.")
    do(demo, "approve", ("anvil", "skeptic"), text="It breaks where a hammer is missing.")
    made = published(demo)
    takes = {line.persona: line.take for line in made.tools[0].card.lines if line.take}
    assert {who: (take.demo, take.picked) for who, take in takes.items()} == {
        "builder": (True, True),
        "skeptic": (True, False),
    }
    assert made.demo and made.tools[0].card.result.ship_percent is None


def test_what_is_frozen_knows_it_and_so_does_the_diff(demo: Space, panel: Panel) -> None:
    assert panel("freeze", cwd=demo.root).code == ExitCode.OK
    text = (demo.root / "verdicts" / "anvil.json").read_text()
    assert text.count('"profile": "extractive"') == 4
    assert panel("check", "--frozen", cwd=demo.root).code == ExitCode.OK


def test_a_reply_of_other_sentences_is_asked_again_and_then_is_no_verdict(
    mocked: Space, mock: MockEndpoint
) -> None:
    """Nothing is shown of it, and no later reading makes a verdict of it."""
    mocked.point_at(mock, PICKS)
    mock.face = invented
    summary = run(mocked, tools=["anvil"], personas=["builder"])
    assert (summary.verdicts, summary.abstains, summary.requests) == (0, 1, 2)
    [(detail,)] = rows(mocked, "SELECT detail FROM verdicts")
    assert detail.startswith("primitive: is none of the sentences to pick from, such as: ")
    repair = mock.requests[-1]["body"]["messages"][-1]["content"]
    assert "primitive: is none of the sentences" in repair and "anvil reads" in repair
    report = reparse(load_workspace(mocked.root), None)
    assert (report.replies, report.unknown, dict(report.changes)) == (2, 0, {})


def test_reading_its_replies_again_changes_nothing(demo: Space) -> None:
    report = reparse(load_workspace(demo.root), None, dry_run=True)
    assert (report.replies, report.unknown, dict(report.changes)) == (8, 0, {})
