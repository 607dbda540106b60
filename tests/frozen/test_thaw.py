"""Thawing: a fresh clone knows what was asked, and no answer is lost on the way."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from panel.cells.journal import find_journals
from panel.frozen.files import FOLDER, answers_of, read_frozen
from panel.frozen.thaw import Thawed, is_fresh
from panel.scorecard import Scorecard
from panel.store.ingest import rebuild
from panel.store.known import held_fingerprints
from panel.store.queries import opened
from tests.support.faces import always, voting
from tests.support.frozen_verdicts import freeze, on_file, status, texts
from tests.support.mock_endpoint import MockEndpoint
from tests.support.results import cards_of, thaw
from tests.support.runs import pending, rows, run
from tests.support.sizes import size
from tests.support.space import ROOT, Panel, Space, edit
from tests.support.templates import Make

ALL = 8  # two tools, four personas


def every_outcome(space: Space, mock: MockEndpoint) -> None:
    """Ask and freeze: some ship, some skip, some are refused."""
    words = {"anvil": "ship", "bellows": "skip"}
    mock.face = voting(
        lambda system, user: (
            None
            if "futurist" in system.lower()[:2000] and "bellows" in user
            else next(word for name, word in words.items() if name in user)
        )
    )
    run(space)
    freeze(space)


@pytest.fixture
def frozen(copied: Callable[[Make], Space]) -> Space:
    """Make a workspace whose answers are frozen: some ship, some skip, some are refused."""
    return copied(every_outcome)


def forget(space: Space) -> None:
    """Make a fresh clone of a workspace: its files, and no store."""
    shutil.rmtree(space.root / "runs")


def thawed(space: Space) -> Thawed:
    return thaw(space.root)


def cards(space: Space) -> list[Scorecard]:
    return cards_of(space.root)


OUTCOMES = (
    "SELECT tool, persona, repeat, outcome, reason, verdict, confidence, take, beats, evidence, "
    "output_mode, fingerprint, endpoint, model, model_identity, returned_model, "
    "system_fingerprint, "
    "date_trunc('second', finished_at) FROM verdicts ORDER BY ALL"
)
SHIPS = "SELECT * FROM ship_percentages ORDER BY ALL"


@pytest.mark.slow
def test_a_fresh_clone_fills_itself_and_asks_nothing(frozen: Space, mock: MockEndpoint) -> None:
    assert {o for (o,) in rows(frozen, "SELECT outcome FROM verdicts")} == {"verdict", "abstain"}
    before, percentages = rows(frozen, OUTCOMES), rows(frozen, SHIPS)
    forget(frozen)
    connections = mock.connections
    assert pending(frozen) == [] and run(frozen).asked == 0
    assert mock.connections == connections
    assert rows(frozen, OUTCOMES) == before
    assert rows(frozen, SHIPS) == percentages


def test_thawing_twice_changes_nothing(frozen: Space) -> None:
    forget(frozen)
    first = thawed(frozen)
    assert (first.answers, first.brought_in) == (ALL, ALL) and first.run_id
    before = {file: file.stat().st_size for file in (frozen.root / "runs").rglob("*.jsonl")}
    assert thawed(frozen) == Thawed(None, ALL, 0)
    assert {f: f.stat().st_size for f in (frozen.root / "runs").rglob("*.jsonl")} == before


def test_where_the_store_holds_the_answers_nothing_is_brought_in(frozen: Space) -> None:
    assert thawed(frozen) == Thawed(None, ALL, 0)
    assert len(frozen.journals) == 1


@pytest.mark.long
def test_freeze_forget_thaw_freeze_gives_the_same_bytes(frozen: Space) -> None:
    run(frozen, repeats=3)
    freeze(frozen)
    before = texts(frozen)
    forget(frozen)
    thawed(frozen)
    done = freeze(frozen)
    assert (done.written, done.unchanged, done.unasked) == ([], 2, 0)
    assert texts(frozen) == before


def test_one_answer_a_cell_is_frozen_the_same_out_of_the_store_alone(frozen: Space) -> None:
    before = texts(frozen)
    forget(frozen)
    thawed(frozen)
    shutil.rmtree(frozen.root / FOLDER)
    freeze(frozen)
    assert texts(frozen) == before


@pytest.mark.slow
def test_a_kept_answer_to_an_earlier_wording_is_thawed_too(
    frozen: Space, mock: MockEndpoint
) -> None:
    edit(frozen.root / "tools/anvil.md", "reads JSON", "eats JSON")
    mock.face = always("skip")
    run(frozen)
    freeze(frozen)
    kept = on_file(frozen)
    assert kept.kept is not None and kept.verdict == "ship"
    before = texts(frozen)
    forget(frozen)
    assert thawed(frozen).brought_in == ALL + 4
    assert freeze(frozen).written == [] and texts(frozen) == before
    edit(frozen.root / "tools/anvil.md", "eats JSON", "reads JSON")
    assert [each for each in pending(frozen) if each[0] == "anvil"] == []


def test_thawed_answers_count_in_scorecards_and_as_nothing_that_was_asked(frozen: Space) -> None:
    before = cards(frozen)
    forget(frozen)
    thawed(frozen)
    after = cards(frozen)
    assert [card.result for card in after] == [card.result for card in before]
    assert [line.tally for card in after for line in card.lines] == [
        line.tally for card in before for line in card.lines
    ]
    assert [line.take for card in after for line in card.lines] == [
        line.take for card in before for line in card.lines
    ]
    assert rows(frozen, "SELECT count(*) FROM attempts") == [(0,)]
    counted = "SELECT asked, verdicts, abstains, errors, canaries, requests, stopped FROM runs"
    assert rows(frozen, counted) == [(0, 0, 0, 0, 0, 0, None)]
    assert rows(frozen, "SELECT sum(cost_usd), sum(prompt_tokens) FROM runs") == [(None, None)]


def test_names_and_categories_come_with_a_thaw(frozen: Space) -> None:
    names = "SELECT tool, name, category FROM tools ORDER BY 1"
    before = rows(frozen, names), rows(frozen, "SELECT persona, name FROM personas ORDER BY 1")
    forget(frozen)
    thawed(frozen)
    assert before == (
        rows(frozen, names),
        rows(frozen, "SELECT persona, name FROM personas ORDER BY 1"),
    )


@pytest.mark.slow
def test_an_abstention_is_thawed_with_its_reason(mocked: Space, mock: MockEndpoint) -> None:
    mock.face = always(None)
    run(mocked)
    freeze(mocked)
    answer = on_file(mocked).answers[0]
    assert (answer.outcome, answer.verdict, answer.reason) == ("abstain", None, "refusal")
    before = rows(mocked, OUTCOMES)
    forget(mocked)
    thawed(mocked)
    assert rows(mocked, OUTCOMES) == before
    assert pending(mocked) == []
    assert {card.result.abstains for card in cards(mocked)} == {4}
    assert {card.result.ship_percent for card in cards(mocked)} == {None}


@pytest.mark.slow
def test_a_thawed_abstention_may_be_asked_again_and_the_verdict_then_counts(
    mocked: Space, mock: MockEndpoint
) -> None:
    mock.face = always(None)
    run(mocked)
    freeze(mocked)
    forget(mocked)
    mock.face = always("ship")
    assert run(mocked, retry=frozenset(["abstain"])).verdicts == ALL
    freeze(mocked)
    assert on_file(mocked).verdict == "ship" and on_file(mocked).n == 1


def test_rebuild_brings_thawed_answers_back_from_the_journal(frozen: Space) -> None:
    forget(frozen)
    thawed(frozen)
    before, percentages = rows(frozen, OUTCOMES), rows(frozen, SHIPS)
    shutil.rmtree(frozen.root / FOLDER)
    rebuild(frozen.root / "runs")
    assert rows(frozen, OUTCOMES) == before and rows(frozen, SHIPS) == percentages
    assert rows(frozen, "SELECT count(*) FROM attempts") == [(0,)]


def test_later_answers_stay_the_latest_after_a_thaw_of_old_files(
    frozen: Space, mock: MockEndpoint
) -> None:
    """As after a checkout of a branch that froze an earlier wording."""
    before = texts(frozen)
    file = frozen.root / "tools" / "anvil.md"
    forget(frozen)
    shutil.rmtree(frozen.root / FOLDER)
    edit(file, "reads JSON", "eats JSON")
    mock.face = always("skip")
    run(frozen)
    (frozen.root / FOLDER).mkdir()
    for name, text in before.items():
        (frozen.root / FOLDER / name).write_bytes(text)
    assert thawed(frozen).brought_in == 4, "bellows is held, anvil is not as it was"
    assert pending(frozen) == []
    assert not any(line.take and line.take.stale for card in cards(frozen) for line in card.lines)


@pytest.mark.slow
def test_another_model_on_file_is_kept_apart(frozen: Space, mock: MockEndpoint) -> None:
    mock.face = always("skip")
    run(frozen, model="mock-2")
    freeze(frozen, model="mock-2", accept=True)
    forget(frozen)
    thawed(frozen)
    assert rows(frozen, "SELECT DISTINCT model_identity FROM verdicts") == [("mock/mock-2",)]
    assert {why for *_, why in pending(frozen)} == {"model changed"}
    assert pending(frozen, model="mock-2") == []


def test_only_a_store_without_journals_is_fresh(frozen: Space) -> None:
    runs = frozen.root / "runs"
    assert not is_fresh(frozen.root, runs)
    forget(frozen)
    assert is_fresh(frozen.root, runs)
    thawed(frozen)
    assert not is_fresh(frozen.root, runs)
    forget(frozen)
    shutil.rmtree(frozen.root / FOLDER)
    assert not is_fresh(frozen.root, runs)


def test_reading_a_workspace_without_verdicts_writes_nothing(mocked: Space) -> None:
    assert thawed(mocked) == Thawed(None, 0, 0)
    assert find_journals(mocked.root / "runs") == []


def test_the_command_says_how_many_were_brought_in(frozen: Space, panel: Panel) -> None:
    forget(frozen)
    done = panel("thaw", cwd=frozen.root)
    assert (done.code, done.out) == (0, "8 answers on file, 8 of them brought in.\n")
    said = json.loads(panel("thaw", "--json", cwd=frozen.root).out)
    assert said == {
        "run_id": None,
        "answers": 8,
        "brought_in": 0,
        "decisions": 0,
        "decisions_brought_in": 0,
        "altered": 0,
    }


def test_a_broken_file_stops_a_thaw_with_its_place(frozen: Space, panel: Panel) -> None:
    forget(frozen)
    (frozen.root / FOLDER / "anvil.json").write_text("<<<<<<< HEAD\n")
    done = panel("thaw", cwd=frozen.root)
    assert done.code == 2 and "anvil.json:1: holds the marks of a merge" in done.err
    assert "Traceback" not in done.err and find_journals(frozen.root / "runs") == []


ODD: dict[str, dict[str, Any]] = {
    "NUL in a beat": {"beats": {"primitive": "a\0b"}},
    "half a surrogate in a beat": {"beats": {"primitive": "a\ud800b"}},
    "a day that is none": {"asked_at": "2026-99-99T99:99:99Z"},
    "an abstention with a word": {"outcome": "abstain", "beats": {}},
    "an abstention with beats": {"outcome": "abstain", "verdict": None},
    "a repeat beyond all bounds": {"repeat": 2**40},
    "a model of a long name": {"model_identity": "m" * 500},
}


@pytest.mark.sample(3)
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ODD)
def test_an_answer_that_the_store_would_not_take_is_refused_or_mended(
    frozen: Space, panel: Panel, name: str
) -> None:
    """Files come with pull requests: what nobody wrote by hand may stand in them."""
    file = frozen.root / FOLDER / "anvil.json"
    fields = json.loads(file.read_text())
    fields["personas"]["builder"]["answers"][0] |= ODD[name]
    file.write_text(json.dumps(fields))
    forget(frozen)
    first, second = (panel("thaw", "--json", cwd=frozen.root) for _ in range(2))
    assert "Traceback" not in first.err + second.err
    assert first.code == second.code
    if first.code == 0:
        assert json.loads(second.out)["brought_in"] == 0, "what was brought in is there"
        assert panel("freeze", cwd=frozen.root).code == 0
        assert panel("check", "--frozen", cwd=frozen.root).code in (0, 1)
    else:
        assert first.code == 2 and "anvil.json" in first.err


@pytest.mark.parametrize("field", ["take", "fingerprint", "beats of the answer kept"])
def test_half_a_surrogate_on_file_is_no_traceback(frozen: Space, panel: Panel, field: str) -> None:
    file = frozen.root / FOLDER / "anvil.json"
    fields = json.loads(file.read_text())
    builder = fields["personas"]["builder"]
    if field == "beats of the answer kept":
        builder["kept"] = builder["answers"][0] | {"beats": {"primitive": "a\ud800b"}}
    else:
        builder[field] = "a\ud800b"
    file.write_text(json.dumps(fields))
    edit(frozen.root / "tools/anvil.md", "reads JSON", "eats JSON")  # nothing answers it yet
    for words in (("check", "--frozen"), ("thaw",), ("freeze",), ("run", "--changed")):
        done = panel(*words, cwd=frozen.root)
        assert done.code in (0, 1, 2) and "Traceback" not in done.err, words


# -- any mixture -----------------------------------------------------------------------------

steps = st.lists(
    st.sampled_from(
        ["run", "repeat", "edit", "back", "freeze", "thaw", "rebuild", "forget", "delete store"]
    ),
    min_size=3,
    max_size=7,
)


@contextmanager
def a_workspace(mock: MockEndpoint) -> Iterator[Space]:
    """Make a workspace of one tool and two personas for a drawn history."""
    with tempfile.TemporaryDirectory() as folder:
        space = Space(Path(folder) / "space")
        for part in ("personas", "prompts"):
            shutil.copytree(ROOT / part, space.root / part)
        space.point_at(mock)
        edit(space.root / "panel.toml", "[panel]", '[panel]\npersonas = ["builder", "skeptic"]')
        space.tool("anvil")
        yield space


def held(space: Space) -> set[str]:
    with opened(space.root / "runs") as store:
        return held_fingerprints(store)


def filed(space: Space) -> set[str]:
    return {a.fingerprint for _t, _p, a in answers_of(read_frozen(space.root / FOLDER).values())}


def step(space: Space, name: str) -> None:
    file = space.root / "tools" / "anvil.md"
    match name:
        case "run":
            run(space)
        case "repeat":
            run(space, again=True)
        case "edit":
            file.write_text(file.read_text().replace("reads JSON", "eats JSON"))
        case "back":
            file.write_text(file.read_text().replace("eats JSON", "reads JSON"))
        case "freeze":
            freeze(space)
        case "thaw":
            thawed(space)
        case "rebuild":
            rebuild(space.root / "runs")
        case "delete store":
            (space.root / "runs" / "panel.duckdb").unlink(missing_ok=True)
        case "forget":
            shutil.rmtree(space.root / "runs", ignore_errors=True)


@pytest.mark.slow
@settings(
    max_examples=size(1, 3),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=steps)
def test_no_mixture_of_freezing_thawing_and_rebuilding_loses_an_answer(
    mock: MockEndpoint, history: list[str]
) -> None:
    """But for what lay in the store alone when the store was thrown away."""
    with a_workspace(mock) as space:
        expected: set[str] = set()
        for name in history:
            before = filed(space)
            step(space, name)
            if name == "forget":
                expected = set(before)
                thawed(space)
            now = held(space)
            assert expected <= now, f"{name} of {history} lost {expected - now}"
            expected = now | filed(space) if name == "thaw" else now
        freeze(space)
        wrote = texts(space) if (space.root / FOLDER).is_dir() else {}
        assert freeze(space).written == []
        thawed(space)
        assert filed(space) <= held(space)
        stale = [each for each in status(space) if each.status != "missing"]
        shutil.rmtree(space.root / "runs")
        thawed(space)
        assert freeze(space).written == [], history
        assert texts(space) == wrote
        assert [each for each in status(space) if each.status != "missing"] == stale


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        *(("stats",), ("compare-arms", "house", "model:other"), ("power", "--from", "house")),
        *(("takes",), ("labels", "draw", "1"), ("report", "--house", "--html", "-")),
        *(("sql", "SELECT count(*) FROM verdicts"), ("labels", "report")),
        ("probe", "retest", "--tools", "2", "--plan", "--anyway"),
    ],
)
def test_whatever_reads_the_store_first_finds_the_answers_on_file(
    frozen: Space, panel: Panel, words: tuple[str, ...]
) -> None:
    before = rows(frozen, OUTCOMES)
    forget(frozen)
    panel("-C", frozen.root, *words, cwd=frozen.root)
    assert rows(frozen, OUTCOMES) == before


def test_statistics_of_a_fresh_clone_are_those_of_the_workspace_that_was_frozen(
    frozen: Space, panel: Panel
) -> None:
    told = panel("stats", cwd=frozen.root)
    forget(frozen)
    assert panel("stats", cwd=frozen.root).out == told.out
    assert "Business Analyst" in told.out and "business-analyst" not in told.out
