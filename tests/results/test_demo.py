"""A demo model's takes and verdicts, from the question to every place where they are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from panel.cli.main import ExitCode
from panel.endpoint.target import Chosen, resolve_target
from panel.research.probes import PROBES
from panel.results.publication import publication
from panel.results.scorecards import scorecards
from panel.runs.reparse import reparse
from panel.scorecard import PICKED
from panel.site.publication import Publication
from panel.store.ingest import opened
from panel.workspace.loading import load_workspace
from tests.support.desk_forms import form_of
from tests.support.desk_session import desk_open
from tests.support.editors import do
from tests.support.mock_endpoint import Answer, MockEndpoint, completion, filled
from tests.support.runs import rows, run
from tests.support.site_pages import Reading
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


def one_line(text: str) -> str:
    return " ".join(text.split())


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
    assert "No ship percentage" in shown.out and "no judgement" in shown.out
    assert "Panel ship" not in shown.out
    assert PICKED in " ".join(shown.out.replace("│", " ").split())
    assert re.search("│ The DX bet: “", shown.out)  # each beat on a line of its own
    assert not QUOTABLE.search(shown.out)
    assert "judgement" not in shown.err, "the card says it"
    [card] = json.loads(panel("show", "anvil", "--json", cwd=demo.root).out)
    assert card["demo"] is True and card["ship_percent"] is None and card["n"] == 4
    assert {each["demo"] for each in card["personas"]} == {True}
    compared = panel("compare", "anvil", "bellows", cwd=demo.root)
    assert "nothing to compare" in compared.out and not QUOTABLE.search(compared.out)
    health = json.loads(panel("show", "--panel", "--json", cwd=demo.root).out)
    assert {(each["demo"], each["ship_percent"]) for each in health["personas"]} == {(True, None)}


def test_a_run_says_how_many_verdicts_came_back_and_not_which(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mocked.point_at(mock, PICKS)
    done = panel("run", cwd=mocked.root)
    assert "8 demo verdicts (no judgement), 0 abstained" in done.out
    assert not re.search(r"\d ship|\d skip", done.out)


def test_statistics_make_no_share_of_ships_and_mark_the_rest(demo: Space, panel: Panel) -> None:
    said = panel("stats", cwd=demo.root)
    assert "(a demo model: no judgement)" in said.out and "the catalog's: demo." in said.out
    assert not re.search(r"How often it ships|majorities.* ship|\d % ship|includes? 50", said.out)
    [arm] = json.loads(panel("stats", "--json", cwd=demo.root).out)["arms"]
    [found] = arm["panels"]
    assert found["demo"] is True and found["alarms"] == []
    rates = [found["catalog"], *(each["rate"] for each in found["base_rates"])]
    assert {(each["value"], each["interval"]) for each in rates} == {(None, None)}
    assert found["agreement"]["ships"] is None and found["tool_rates"]["tools"] == 0
    results = [result for tool in arm["tools"] for result in tool["panels"]]
    assert {(each["demo"], each["ship_percent"]) for each in results} == {(True, None)}


def test_beside_a_real_model_a_demo_counts_in_nothing_over_models(
    demo: Space, mock: MockEndpoint, panel: Panel
) -> None:
    """The demo's panel stands by itself; what is said over models is of the real one alone."""
    demo.settings((demo.root / "panel.toml").read_text().replace("mock-1", "mock-2"))
    demo.settings((demo.root / "panel.toml").read_text().replace(PICKS, ""))
    run(demo)
    [arm] = json.loads(panel("stats", "--json", cwd=demo.root).out)["arms"]
    assert [each["demo"] for each in arm["panels"]] == [True, False]
    assert arm["panels"][1]["catalog"]["value"] is not None
    assert arm["catalog"]["value"] is None and arm["variance"] is None
    drawn = panel("labels", "draw", "3", "--json", cwd=demo.root)
    assert json.loads(drawn.out)["model"] == "mock/mock-2"
    refused = panel("power", "--from", "house", cwd=demo.root)
    assert refused.code == ExitCode.USAGE and "name another's: model:IDENTITY" in one_line(
        refused.err
    )


@pytest.mark.parametrize(
    "command",
    [
        ("power", "--from", "house"),
        ("compare-arms", "house", "model:mock/mock-1"),
        ("takes",),
        ("labels", "draw", "5"),
        ("probabilities", "--plan"),
        *(("probe", name, "--anyway") for name in PROBES),
    ],
    ids=" ".join,
)
def test_what_is_worked_out_of_verdicts_is_refused_with_the_way_to_a_real_model(
    demo: Space, mock: MockEndpoint, panel: Panel, command: tuple[str, ...]
) -> None:
    asked = len(mock.requests)
    refused = panel(*command, cwd=demo.root)
    assert refused.code == ExitCode.USAGE and not refused.out
    said = one_line(refused.err)
    assert "mock/mock-1, a demo model, are no judgement" in said and "'panel setup'" in said
    assert len(mock.requests) == asked


@pytest.mark.slow
def test_a_report_marks_each_figure_and_has_no_share_of_ships(demo: Space, panel: Panel) -> None:
    told = panel("report", "--house", cwd=demo.root)
    assert "Of 8 answers: 8 demo, 0 abstain, 0 error. A demo verdict is no judgement." in told.out
    [part] = json.loads(panel("report", "--house", "--json", cwd=demo.root).out)["parts"]
    figures = {each["key"]: each for each in part["figures"]}
    assert part["demo"] is True
    for key in ("outcomes", "ship-percent", "map", "agreement", "variance", "flips"):
        assert figures[key]["title"].endswith("(demo)"), key
        assert figures[key]["finding"].startswith("Demo. "), key
    for key, column in (("ship-percent", 1), ("map", 2)):
        assert figures[key]["chart"] is None
        shares = [row[column : column + 3] for row in figures[key]["rows"]]
        assert shares and all(each == [None, None, None] for each in shares), key
    assert [row[0] for row in figures["outcomes"]["rows"]] == ["demo"]


EXPERIMENT = """question = "Does the temperature matter?"
[arms.cold]
sampling = { temperature = 0.0 }
[arms.warm]
sampling = { temperature = 1.0 }
[[compare]]
a = "cold"
b = "warm"
"""


@pytest.mark.slow
def test_an_experiment_compares_no_arm_of_a_demo_model(demo: Space, panel: Panel) -> None:
    (demo.root / "experiments").mkdir()
    (demo.root / "experiments" / "heat.toml").write_text(EXPERIMENT)
    assert panel("experiment", "run", "heat", cwd=demo.root).code == ExitCode.OK
    found = json.loads(panel("experiment", "report", "heat", "--json", cwd=demo.root).out)
    for arm in found["arms"]:
        assert (arm["demo"], arm["tools"], arm["rate"]["value"]) == (True, 2, None)
        assert "no judgement" in arm["rate"]["why"]
    [compared] = found["comparisons"]
    assert compared["found"] is None and "no judgement" in compared["sentence"]
    shown = panel("experiment", "report", "heat", cwd=demo.root)
    assert " demo " in shown.out and not re.search(r"\d+–\d+ %|\d points", shown.out)


def test_a_panel_s_own_figures_say_that_they_are_a_demo_s(demo: Space, panel: Panel) -> None:
    shown = panel("show", "--panel", cwd=demo.root)
    assert shown.out.startswith("Figures of a demo model (demo)")
    found = json.loads(panel("show", "--panel", "--json", cwd=demo.root).out)
    assert found["demo"] is True and found["warning"] is None
    assert "say nothing of how independent" in found["sentence"]
    assert not re.search(r"\w+ (ships|skips) every", shown.out)


def test_no_page_of_a_site_has_a_number_to_quote(demo: Space, panel: Panel) -> None:
    out = demo.root / "out"
    assert panel("publish", str(out), "--drafts", cwd=demo.root).code == ExitCode.OK
    pages = {each.relative_to(out).as_posix(): each for each in out.rglob("*.html")}
    assert {"index.html", "methodology.html", "tools/anvil.html", "personas/builder.html"} <= {
        *pages
    }
    for name, page in pages.items():
        text = Reading(page.read_bytes()).text
        assert not QUOTABLE.search(text), name
        assert not re.search(r"[Dd]emo ship|Ships no|demo and demo", text), name
        assert not re.search(
            r"\b(Builder|Skeptic|Futurist|Business Analyst) (ships|skips)\b", text
        ), name
    told = pages["tools/anvil.html"].read_text()
    assert told.count("Demo model: no judgement") == 4 and "<s>" not in told
    assert not re.search(r'class="(badge|step|take) ?(ship|skip)', told)


def test_a_real_model_s_verdicts_are_no_demo(asked: Space, panel: Panel) -> None:
    [card] = json.loads(panel("show", "anvil", "--json", cwd=asked.root).out)
    assert card["demo"] is False and card["ship_percent"] is not None
    assert rows(asked, "SELECT DISTINCT profile FROM attempts") == [(None,)]


@pytest.mark.slow
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


def test_canaries_of_a_demo_model_are_counted_and_not_which_ship(
    demo: Space, mock: MockEndpoint, panel: Panel
) -> None:
    demo.ci('canaries = ["anvil"]')
    told = panel("canary", cwd=demo.root)
    assert "anvil: 4 demo verdicts on record, 4 now" in told.out
    asked = json.loads(panel("canary", "--json", cwd=demo.root).out)
    assert asked["canaries"][0]["demo"] is True


def test_picked_sentences_that_left_the_description_are_not_confirmed_unseen(demo: Space) -> None:
    """That they still stand takes a reason, on a tool's page as on the take's own."""
    do(demo, "approve")
    demo.tool("anvil", description="Something else entirely. It is sold by the hour.")
    with desk_open(demo.root) as session:
        form = form_of(session, "/tool/anvil", "/tool/anvil/stands")
        status, page = session.post("/tool/anvil/stands", form | {"only": ""})
    assert status == 422 and "Why do these words stand all the same?" in page
    assert "What Builder says" in page
