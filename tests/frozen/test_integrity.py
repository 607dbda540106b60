"""Verdict files that were changed by hand: found without a model, and never taken for answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from panel.frozen.files import FOLDER, FrozenTool, encode_frozen, read_frozen
from panel.frozen.integrity import faults, is_intact, with_digest
from panel.frozen.publish import publish
from panel.frozen.verdicts import FrozenAnswer, FrozenVerdict
from panel.store.decisions import review_states
from panel.store.queries import opened
from tests.support.editors import do
from tests.support.faces import voting
from tests.support.frozen_diffs import answer
from tests.support.frozen_verdicts import freeze, on_file, status, texts
from tests.support.git_repository import commit, git, repository
from tests.support.mock_endpoint import MockEndpoint
from tests.support.results import thaw
from tests.support.runs import pending, rows, run
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make

Entry = dict[str, Any]


def mixed(space: Space, mock: MockEndpoint) -> None:
    """Ask anvil three times, two ships and a skip each; approve one take; freeze."""
    votes: dict[str, int] = {}

    def word(system: str, user: str) -> str:
        key = system + user
        votes[key] = votes.get(key, 0) + 1
        return "skip" if votes[key] == 2 else "ship"

    space.point_at(mock, "")
    edit(space.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    mock.face = voting(word)
    run(space, repeats=3)
    do(space, "edit", ("anvil", "skeptic"), text="My own words, checked twice.")
    do(space, "approve", ("anvil", "skeptic"))
    freeze(space)


@pytest.fixture
def frozen(copied: Callable[[Make], Space]) -> Space:
    """Make a workspace of frozen verdicts: each two ships and a skip, one approved by an editor."""
    return copied(mixed)


def forge(space: Space, change: Callable[[Entry], object], persona: str = "builder") -> None:
    """Change an entry of anvil's file by hand."""
    file = space.root / FOLDER / "anvil.json"
    fields = json.loads(file.read_text())
    change(fields["personas"][persona])
    file.write_text(json.dumps(fields, ensure_ascii=False, indent=2) + "\n")


def swap(entry: Entry) -> None:
    """Publish the verdict of the one answer of another mind, with its take."""
    other = next(each for each in entry["answers"] if each["verdict"] != entry["verdict"])
    entry |= {
        "verdict": other["verdict"],
        "take": " ".join(other["beats"].values()),
        "confidence": other["confidence"],
        "fingerprint": other["fingerprint"],
    }


def turn(entry: Entry) -> None:
    """Turn an answer."""
    said = entry["answers"][0]["verdict"]
    entry["answers"][0]["verdict"] = "skip" if said == "ship" else "ship"


def invent(entry: Entry) -> None:
    """Add an answer that nobody gave."""
    entry["answers"].append({**entry["answers"][0], "repeat": 4})
    entry |= {"ships": 3, "n": 4}


def put(*path: Any, to: Any) -> Callable[[Entry], None]:
    """Return an edit that puts one value in place."""

    def change(entry: Entry) -> None:
        at: Any = entry
        for name in path[:-1]:
            at = at[name]
        assert at.get(path[-1]) != to if isinstance(at, dict) else True
        at[path[-1]] = to

    return change


EDITS: dict[str, Callable[[Entry], object]] = {
    "the verdict": put("verdict", to="skip"),
    "the verdict, with its take": swap,
    "no verdict": put("verdict", to=None),
    "the take": put("take", to="A better take."),
    "the confidence": put("confidence", to=99),
    "the ships": put("ships", to=3),
    "the votes": put("n", to=30),
    "contested": put("contested", to=False),
    "the state": put("state", to="approved"),
    "the fingerprint of the take": put("fingerprint", to="b2:0"),
    "an answer's verdict": turn,
    "an answer's confidence": put("answers", 0, "confidence", to=99),
    "an answer's evidence": put("answers", 0, "evidence", to=["It is the best."]),
    "an answer's beat": lambda entry: entry["answers"][0]["beats"].update(
        {next(iter(entry["answers"][0]["beats"])): "Invented."}
    ),
    "the order of an answer's beats": lambda entry: entry["answers"][0].update(
        {"beats": dict(reversed(entry["answers"][0]["beats"].items()))}
    ),
    "an answer's model": put("answers", 0, "returned_model", to="another"),
    "an answer's time": put("answers", 0, "asked_at", to="2026-01-01T00:00:00Z"),
    "an answer's wording": put("answers", 0, "fingerprint", to="b2:0"),
    "an answer's digest": put("answers", 0, "digest", to="b2:0"),
    "the digest": put("digest", to="b2:0"),
    "no digest": lambda entry: entry.pop("digest"),
    "an answer twice": lambda entry: entry["answers"].append(entry["answers"][0]),
    "an answer less": lambda entry: entry["answers"].pop(),
    "an answer invented": invent,
    "the order of the answers": lambda entry: entry["answers"].reverse(),
    "an answer kept that is none": lambda entry: entry.update({"kept": entry["answers"][1]}),
}


@pytest.mark.slow
@pytest.mark.sample(9)
@pytest.mark.parametrize("name", EDITS)
def test_whatever_is_changed_by_hand_is_altered_and_freezing_undoes_it(
    frozen: Space, name: str
) -> None:
    before = texts(frozen)
    forge(frozen, EDITS[name])
    found = status(frozen)
    assert [(each.tool, each.persona, each.status) for each in found] == [
        ("anvil", "builder", "altered")
    ]
    assert found[0].reason
    freeze(frozen)
    assert texts(frozen) == before, "from the answers in the store"


def sealed(space: Space, persona: str = "builder") -> None:
    """Give an entry of anvil new digests, as one who knows how would."""
    folder = space.root / FOLDER
    tool = read_frozen(folder)["anvil"]
    entry = tool.personas[persona]

    def anew(found: FrozenAnswer | None) -> FrozenAnswer | None:
        return found and replace(found, digest=found.content_digest())

    update = {"answers": tuple(map(anew, entry.answers)), "kept": anew(entry.kept)}
    entry = with_digest(entry.model_copy(update=update))
    tool = tool.model_copy(update={"personas": tool.personas | {persona: entry}})
    (folder / "anvil.json").write_text(encode_frozen(tool))


UNNOTICED = {
    # One of three answers of another mind: so it would stand had it been published before.
    "the verdict, with its take",
    # What nobody but the model can know.
    *("an answer's confidence", "an answer's evidence", "an answer's beat", "an answer's model"),
    *("an answer's time", "an answer's verdict", "an answer's digest", "the digest", "no digest"),
    *("an answer less", "an answer's wording"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(EDITS.keys() - UNNOTICED))
def test_a_new_digest_does_not_hide_what_follows_from_the_answers(frozen: Space, name: str) -> None:
    forge(frozen, EDITS[name])
    sealed(frozen)
    [found] = status(frozen)
    assert found.persona == "builder" and found.status in ("altered", "stale")


@pytest.mark.sample(9)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("decisions", 1, "follows", to="nothing"), "refers to 'nothing'"),
        (lambda entry: entry["decisions"].pop(0), "not before it"),
        (lambda entry: entry["decisions"].reverse(), "not in the order of their times"),
        (lambda entry: entry["decisions"].append(entry["decisions"][1]), "two decisions"),
        (lambda entry: entry["decisions"].pop(), "state"),
        (lambda entry: entry.pop("decisions"), "take"),
        (put("decisions", 1, "text", to="Other words."), "take"),
        (put("take", to="Other words."), "take"),
        (put("verdict", to="skip"), "verdict"),
    ],
)
@pytest.mark.parametrize("digests", ["old", "new"])
def test_approved_words_are_those_of_the_chain_of_decisions(
    frozen: Space, change: Callable[[Entry], object], says: str, digests: str
) -> None:
    forge(frozen, change, "skeptic")
    if digests == "new":
        sealed(frozen, "skeptic")
    [found] = status(frozen)
    assert (found.persona, found.status) == ("skeptic", "altered") and says in found.reason


def test_what_is_altered_is_never_brought_into_a_store(frozen: Space, panel: Panel) -> None:
    forge(frozen, put("answers", 0, "evidence", to=["It is the best."]))
    forge(frozen, put("decisions", 1, "text", to="Words that Ada never approved."), "skeptic")
    shutil.rmtree(frozen.root / "runs")
    done = thaw(frozen.root)
    assert (done.altered, done.brought_in, done.decisions) == (1, 23, 0)
    held = rows(frozen, "SELECT count(*) FROM verdicts WHERE evidence = ['It is the best.']")
    assert held == [(0,)]
    with opened(frozen.root / "runs") as connection:
        assert review_states(connection) == {}
    shutil.rmtree(frozen.root / "runs")
    assert "Left out: 1 answer on file, changed by hand" in panel("thaw", cwd=frozen.root).err


@pytest.mark.slow
def test_an_altered_answer_that_no_store_has_is_asked_again(
    frozen: Space, mock: MockEndpoint
) -> None:
    forge(frozen, turn)
    shutil.rmtree(frozen.root / "runs")
    assert pending(frozen, changed=True) == [("anvil", "builder", 1, "new")]
    mock.face = None
    assert run(frozen, changed=True).asked == 1
    freeze(frozen)
    assert status(frozen) == []


def test_a_flipped_verdict_is_not_laundered_by_freezing_on_a_fresh_clone(frozen: Space) -> None:
    before = texts(frozen)
    forge(frozen, swap)
    shutil.rmtree(frozen.root / "runs")
    freeze(frozen)
    assert texts(frozen) == before


def test_an_altered_verdict_of_main_is_no_base_to_go_back_to(frozen: Space) -> None:
    repository(frozen.root)
    forge(frozen, swap)
    commit(frozen.root, "forged")
    git(frozen.root, "switch", "-qc", "mine")
    freeze(frozen, since="main")
    assert on_file(frozen).verdict == "ship" and status(frozen) == []


def test_the_command_names_what_is_altered_and_exits_1(frozen: Space, panel: Panel) -> None:
    forge(frozen, put("ships", to=3))
    done = panel("check", "--frozen", cwd=frozen.root)
    assert done.code == 1
    assert done.out == (
        "altered: anvil × builder: ships: not what the answers and decisions come to\n"
    )
    assert "7 of 8 verdicts" in done.err and "'panel freeze', which writes it anew" in done.err
    done = panel("diff", str(frozen.root / FOLDER), "--fail-on", "stale", cwd=frozen.root)
    assert done.code == 1 and "anvil × builder (ships: " in done.err


@pytest.mark.parametrize(
    "entry",
    [
        publish([], None),
        publish([answer()], None),
        publish([answer(None)], publish([answer()], None)),
        publish([answer("skip", tool="t2")], publish([answer()], None)),
        publish([answer("skip", tool="t2"), answer("ship", repeat=2)], publish([answer()], None)),
        publish([answer("skip"), answer("ship", repeat=2)], None),
        publish([answer("ship", repeat=2), answer(None, repeat=3)], None),
    ],
)
def test_whatever_the_rule_publishes_is_intact(entry: FrozenVerdict) -> None:
    assert is_intact(with_digest(entry)), faults(with_digest(entry))
    assert not is_intact(entry), "without a digest it was never frozen"
    file = encode_frozen(FrozenTool(tool="anvil", personas={"builder": with_digest(entry)}))
    assert json.loads(file)["personas"]["builder"]["digest"].startswith("b2:")
