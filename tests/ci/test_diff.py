"""`panel diff`: what differs between two snapshots in inputs, verdicts and the model."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from panel.ci.changes import InputFile, PairChange, ship_words
from panel.ci.context import PLAIN
from panel.ci.diff import leans, record
from panel.cli.output import DiffFormat
from panel.cli.report import Report
from panel.frozen.canaries import CANARIES
from panel.frozen.files import FOLDER
from panel.frozen.verdicts import FrozenVerdict
from tests.support.faces import always, voting
from tests.support.frozen_diffs import LATER, answer, canaries, difference, published, sure
from tests.support.frozen_verdicts import freeze
from tests.support.git_repository import commit, repository
from tests.support.mock_endpoint import Answer, MockEndpoint
from tests.support.runs import run
from tests.support.space import Panel, Space, edit

PAIR = ("anvil", "builder")
OLD = published(answer(take="Before."))
SURE = sure("Before.")


def anew(*verdicts: str | None, over: FrozenVerdict | None = OLD, **more: Any) -> FrozenVerdict:
    """Return what is published after these answers to a new description, in this order."""
    answers = [
        answer(word, f"After, {n}.", n, **({"tool": "t2"} | more))  # type: ignore[arg-type]
        for n, word in enumerate(verdicts, 1)
    ]
    return published(*answers, over=over)


def change(after: FrozenVerdict | None, before: FrozenVerdict | None = OLD) -> PairChange | None:
    """Return the only change between two states of one pair."""
    found = difference({PAIR: before} if before else {}, {PAIR: after} if after else {}).changes
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(
    ("before", "after", "kind", "certainty"),
    [
        (None, OLD, "new", "1 of 1 ship"),
        (OLD, None, "gone", "no votes"),
        (SURE, anew(*["skip"] * 4, over=SURE), "flipped", "0 of 4 ship"),
        (OLD, anew(*["skip"] * 4), "settled", "0 of 4 ship"),
        (SURE, anew(*["skip"] * 3, over=SURE), "leaning", "0 of 3 ship"),
        # Frozen apart: no file has seen the other's answers.
        (OLD, anew("skip", over=None), "leaning", "0 of 1 ship"),
        (SURE, anew(*["skip"] * 3, over=None), "leaning", "0 of 3 ship"),
        (SURE, anew(*["skip"] * 4, over=None), "flipped", "0 of 4 ship"),
        (OLD, anew("skip"), "leaning", "0 of 1 ship"),
        (OLD, anew("skip", "skip", "ship"), "leaning", "1 of 3 ship"),
        (OLD, anew("ship"), "rewritten", "1 of 1 ship"),
        (OLD, anew(None), "leaning", "no votes"),
        (OLD, anew("skip", "ship"), "rewritten", "1 of 2 ship"),
        (anew(None, over=None), anew("skip", over=anew(None, over=None)), "leaning", "0 of 1 ship"),
        (anew(None, over=None), anew(*["skip"] * 4, over=None), "settled", "0 of 4 ship"),
    ],
)
def test_what_became_of_a_pair(
    before: FrozenVerdict | None, after: FrozenVerdict | None, kind: str, certainty: str
) -> None:
    found = change(after, before)
    assert found is not None
    assert (found.kind, found.certainty) == (kind, certainty)
    assert (found.tool, found.persona) == PAIR


def test_what_is_the_same_on_both_sides_is_no_change() -> None:
    found = difference({PAIR: OLD}, {PAIR: OLD})
    assert (found.tools, found.reasons, found.abstained) == ([], {}, [])
    more = change(published(answer(take="Before."), answer(take="Again.", repeat=2)))
    assert more is not None and more.kind == "rewritten", "the newest take of the majority is shown"


def test_a_verdict_that_was_contested_before_is_said_once_and_not_for_ever() -> None:
    contested = anew("skip")
    assert leans(contested) and change(contested, contested) is None
    more = change(anew("skip", "skip"), contested)
    assert more and more.kind == "leaning"


MODELS: dict[str, dict[str, Any]] = {
    "description changed": {"tool": "t2"},
    "persona changed": {"persona": "p2"},
    "template changed": {"templates": "m2"},
    "settings changed": {"sampling": "s2"},
    "model changed": {"model": "lab/mock-2"},
    "asked again": {"asked_at": LATER},
}


@pytest.mark.parametrize(("cause", "wording"), MODELS.items())
def test_the_cause_is_said_as_the_plan_says_it(cause: str, wording: dict[str, Any]) -> None:
    after = published(answer("ship", "After.", **wording), over=OLD)
    found = difference({PAIR: OLD}, {PAIR: after})
    assert [(pair.kind, pair.cause) for pair in found.changes] == [("rewritten", cause)]
    assert found.reasons == {cause: 1}


def test_the_description_is_named_first_where_several_inputs_changed() -> None:
    after = published(answer(tool="t2", persona="p2", take="After."))
    assert difference({PAIR: OLD}, {PAIR: after}).reasons == {"description changed": 1}


def test_another_model_is_the_cause_whatever_else_changed() -> None:
    after = published(answer(model="lab/mock-2", tool="t2", take="After."))
    assert difference({PAIR: OLD}, {PAIR: after}).reasons == {"model changed": 1}


def test_more_repeats_of_the_same_wording_were_asked_again() -> None:
    after = published(answer(take="Before."), answer("ship", "More.", repeat=2))
    assert difference({PAIR: OLD}, {PAIR: after}).reasons == {"asked again": 1}
    missing = published(answer(repeat=2, take="Before."))
    assert difference({PAIR: OLD}, {PAIR: missing}).reasons == {"asked again": 1}


def test_what_is_new_or_gone_has_no_cause() -> None:
    found = difference({PAIR: OLD}, {("bellows", "builder"): anew("ship")})
    assert [(pair.kind, pair.cause) for pair in found.changes] == [("gone", None), ("new", None)]
    assert found.reasons == {}


def test_a_pair_that_was_asked_anew_and_only_abstained_is_shown() -> None:
    found = difference({PAIR: OLD}, {PAIR: anew(None, None)})
    [pair] = found.changes
    assert (pair.kind, pair.cause, pair.certainty) == (
        "leaning",
        "description changed",
        "no votes",
    )
    assert pair.takes() == [("before, ship", "Before.")]
    assert found.abstained == [PAIR]


def test_abstentions_that_were_there_before_are_not_new() -> None:
    partly = published(answer(), answer(None, repeat=2))
    assert difference({PAIR: partly}, {PAIR: partly}).abstained == []
    assert difference({}, {PAIR: partly}).abstained == [PAIR]
    more = published(answer(), answer(None, repeat=2), answer(None, repeat=3))
    assert difference({PAIR: partly}, {PAIR: more}).abstained == [PAIR]


def test_the_takes_shown_are_those_that_tell_the_change() -> None:
    flipped = change(anew(*["skip"] * 4, over=SURE), SURE)
    leaning, apart = change(anew("skip")), change(anew("skip", over=None))
    rewritten, new = change(anew("ship")), change(OLD, None)
    assert flipped and leaning and apart and rewritten and new
    assert flipped.takes() == [("before, ship", "Before."), ("after, skip", "After, 4.")]
    assert leaning.takes() == [("before, ship", "Before."), ("answered now, skip", "After, 1.")]
    assert apart.takes() == [("before, ship", "Before."), ("after, skip", "After, 1.")]
    assert rewritten.takes() == [("before, ship", "Before."), ("after, ship", "After, 1.")]
    assert new.takes() == [("after, ship", "Before.")]


def test_a_tool_is_shown_with_its_panel_before_and_after() -> None:
    keys = [("anvil", persona) for persona in ("builder", "skeptic", "futurist")]
    after = dict.fromkeys(keys, OLD) | {keys[1]: anew(*["skip"] * 4)}
    [tool] = difference(dict.fromkeys(keys, OLD), after).tools
    assert tool.before and tool.after and tool.before.interval and tool.after.interval
    assert (tool.before.ship_percent, tool.before.ships, tool.before.n) == (100.0, 3, 3)
    assert (tool.after.ships, tool.after.n) == (2, 6)
    assert tool.after.ship_percent == pytest.approx(200 / 3), "personas weigh alike"
    assert [pair.persona for pair in tool.pairs] == ["skeptic"]


def test_changes_come_by_tool_and_in_the_panels_order() -> None:
    keys = [(tool, who) for tool in ("bellows", "anvil") for who in ("skeptic", "builder")]
    found = difference({}, dict.fromkeys(keys, OLD))
    assert [(pair.tool, pair.persona) for pair in found.changes] == [
        ("anvil", "skeptic"),
        ("anvil", "builder"),
        ("bellows", "skeptic"),
        ("bellows", "builder"),
    ]


def test_the_record_is_plain_json_with_the_three_parts_apart() -> None:
    keys = [PAIR, ("anvil", "skeptic")]
    found = difference(
        dict.fromkeys(keys, SURE),
        {keys[0]: anew(*["skip"] * 4, over=SURE), keys[1]: SURE},
        head=canaries(*[(1, 1, 0, 1)] * 6),
    )
    told = json.loads(json.dumps(record(found)))
    assert list(told) == ["base", "head", "inputs", "verdicts", "abstained", "model"]
    assert told["inputs"] == {"files": [], "reasons": {"description changed": 1}, "renames": []}
    [tool] = told["verdicts"]
    assert tool["before"] == {
        "demo": False,
        "ship_percent": 100.0,
        "ships": 8,
        "n": 8,
        "abstains": 0,
        "interval": tool["before"]["interval"],
        "undecided": False,
        "split": False,
    }
    [pair] = tool["personas"]
    assert (pair["kind"], pair["cause"]) == ("flipped", "description changed")
    assert pair["before"]["take"] == "Before." and pair["after"]["n"] == 4
    assert told["model"]["moved"] is True
    assert told["model"]["canaries"][0] == {
        "tool": "canary-00", "ships": 4, "n": 4, "ships_again": 0, "n_again": 4, "differ": 4,
        "demo": False,
    }  # fmt: skip


# Whole: real files, git, the mock endpoint, the command line


@pytest.fixture
def versioned(mocked: Space, mock: MockEndpoint) -> Space:
    """Make a repository of frozen verdicts, all ship, with six canaries in panel.toml."""
    for n in range(6):
        mocked.tool(f"canary-{n}")
    names = ", ".join(f'"canary-{n}"' for n in range(6))
    mocked.point_at(mock, f"[ci]\ncanaries = [{names}]\nrepeats = 4\n")
    mock.face = always("ship")
    run(mocked)
    run(mocked, tools=["anvil"], repeats=4)
    freeze(mocked)
    repository(mocked.root)
    return mocked


def reword(root: Path) -> None:
    edit(root / "tools/anvil.md", "reads JSON", "eats JSON")


def diff(panel: Panel, space: Space, *words: str) -> dict[str, Any]:
    done = panel("diff", *words, "--format", "json", cwd=space.root)
    assert done.code == 0, done.err
    told: dict[str, Any] = json.loads(done.out)
    return told


@pytest.mark.slow
def test_nothing_changed_is_nothing_told(versioned: Space, panel: Panel) -> None:
    told = diff(panel, versioned, "HEAD")
    assert (told["verdicts"], told["inputs"], told["failures"]) == (
        [],
        {"files": [], "reasons": {}, "renames": []},
        [],
    )
    done = panel("diff", "HEAD", cwd=versioned.root)
    assert "nothing differs" in done.out and "none differs" in done.out


def test_no_name_begins_a_line_of_its_own_in_the_text_form(tmp_path: Path) -> None:
    """A CI runner takes a line that begins with two colons for a command."""
    bad = "x\n::error::owned\r\v::notice::owned\u2028::debug::owned"
    after = {("anvil", bad): anew("skip", served=(bad, bad))}
    found = difference({("anvil", bad): OLD}, after)
    found = replace(found, head=bad, files=[InputFile(f"tools/{bad}.md", 1, 0)])
    assert found.drift.served
    Report(found, [], PLAIN).write(DiffFormat.TEXT, tmp_path / "told")
    told = (tmp_path / "told").read_text(encoding="utf-8")
    assert told.count("::error::owned") == 5
    assert not [line for line in told.splitlines() if line.lstrip().startswith("::")]


@pytest.mark.slow
def test_input_files_come_with_the_lines_that_differ(versioned: Space, panel: Panel) -> None:
    file = versioned.root / "tools/anvil.md"
    reword(versioned.root)
    file.write_text(file.read_text() + "One more line.\nAnd another.\n")
    (versioned.root / "personas/skeptic.md").write_text(
        (versioned.root / "personas/skeptic.md").read_text() + "\nBe brief.\n"
    )
    (versioned.root / "README").write_text("not an input\n")
    (versioned.root / FOLDER / "anvil.json").unlink()
    told = diff(panel, versioned, "HEAD")
    assert told["inputs"]["files"] == [
        {"file": "personas/skeptic.md", "added": 2, "removed": 0},
        {"file": "tools/anvil.md", "added": 3, "removed": 1},
    ]
    commit(versioned.root)
    assert diff(panel, versioned, "HEAD")["inputs"]["files"] == []
    assert diff(panel, versioned, "HEAD~1", "HEAD")["inputs"]["files"] == told["inputs"]["files"]
    back = diff(panel, versioned, "HEAD", "HEAD~1")["inputs"]["files"]
    assert [(row["added"], row["removed"]) for row in back] == [(0, 2), (1, 3)]


@pytest.mark.slow
def test_a_tool_that_git_does_not_track_yet_is_an_input_that_differs(
    versioned: Space, panel: Panel
) -> None:
    lines = len(versioned.tool("crucible").read_text().splitlines())
    row = {"file": "tools/crucible.md", "added": lines, "removed": 0}
    assert diff(panel, versioned, "HEAD")["inputs"]["files"] == [row]
    done = panel("diff", "HEAD", cwd=versioned.root)
    assert f"  tools/crucible.md: +{lines} -0" in done.out
    assert "  nothing differs" not in done.out


def test_a_percentage_that_is_not_that_of_the_votes_says_why() -> None:
    after = dict.fromkeys([("anvil", who) for who in ("builder", "skeptic", "futurist")], OLD)
    before = after | {("anvil", "builder"): anew(*["skip"] * 4)}
    [tool] = difference(before, after).tools
    assert ship_words(tool.before).startswith("67 % (2 of 6 answers, every persona alike, ")
    assert ship_words(tool.after).startswith("100 % (3 of 3, ")
    assert ship_words(None) == "—"


@pytest.mark.slow
def test_a_changed_tool_that_the_panel_now_skips_has_flipped(
    versioned: Space, mock: MockEndpoint, panel: Panel
) -> None:
    reword(versioned.root)
    mock.face = voting(lambda _system, user: "skip" if "eats JSON" in user else "ship")
    run(versioned, changed=True)
    freeze(versioned)
    told = diff(panel, versioned, "HEAD")
    assert told["inputs"]["reasons"] == {"description changed": 4}
    [tool] = told["verdicts"]
    assert tool["tool"] == "anvil"
    assert {each["kind"] for each in tool["personas"]} == {"flipped"}
    assert (tool["before"]["ship_percent"], tool["after"]["ship_percent"]) == (100.0, 0.0)
    assert told["model"]["moved"] is False
    assert "0 of 24 answers, on 0 of 6 canaries" in told["model"]["sentence"]


@pytest.mark.slow
def test_a_model_that_moved_is_told_as_such_beside_the_flips(
    versioned: Space, mock: MockEndpoint, panel: Panel
) -> None:
    reword(versioned.root)
    mock.face = always("skip")
    run(versioned, changed=True)
    freeze(versioned)
    assert len([*(versioned.root / FOLDER / CANARIES).iterdir()]) == 1
    told = diff(panel, versioned, "HEAD")
    assert {tool["tool"] for tool in told["verdicts"]} == {"anvil"}, "canaries keep their verdicts"
    assert told["model"]["moved"] is True
    assert told["model"]["sentence"].startswith("The model moved: 24 of 24 answers, on 6 of 6")
    commit(versioned.root)
    assert diff(panel, versioned, "HEAD")["model"]["moved"] is None, "told once"


@pytest.mark.slow
def test_a_server_that_serves_another_model_is_told_from_the_answers_themselves(
    versioned: Space, mock: MockEndpoint, panel: Panel
) -> None:
    def moved(index: int, body: dict[str, Any]) -> Answer | None:
        plain = always("ship")(index, body)
        assert plain and isinstance(plain.body, dict)
        return Answer(body=plain.body | {"model": "mock-1-0613", "system_fingerprint": "fp_new"})

    reword(versioned.root)
    mock.face = moved
    run(versioned, changed=True)
    freeze(versioned)
    told = diff(panel, versioned, "HEAD")["model"]
    assert told["served"] == [["mock-1"], ["mock-1", "mock-1-0613"]]
    assert told["configured"] == [["fp_mock"], ["fp_mock", "fp_new"]]
    assert "names another model" in told["sentence"]


@pytest.mark.slow
def test_two_runs_are_compared_without_git_or_frozen_verdicts(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = always("ship")
    first = run(mocked, repeats=4).run_id
    reword(mocked.root)
    mock.face = always("skip")
    second = run(mocked, repeats=4).run_id
    assert first and second
    told = diff(panel, mocked, first, second)
    assert (told["base"], told["head"]) == (first, second)
    assert told["inputs"] == {"files": [], "reasons": {"description changed": 4}, "renames": []}
    assert {pair["kind"] for tool in told["verdicts"] for pair in tool["personas"]} == {"flipped"}


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize("form", ["runs", "a run and now", "folders", "revisions"])
def test_a_panel_that_is_asked_again_flips_nothing_by_noise_whatever_is_compared(
    mocked: Space, mock: MockEndpoint, panel: Panel, tmp_path: Path, form: str
) -> None:
    """Nothing has changed, and the second time every persona says the other word."""
    mock.face = always("ship")
    first = run(mocked).run_id
    repository(mocked.root)
    freeze(mocked)
    commit(mocked.root, "once")
    shutil.copytree(mocked.root / FOLDER, tmp_path / "once")
    mock.face = always("skip")
    if form in ("runs", "a run and now"):
        second = run(mocked, again=True).run_id
        sides = [first, second] if form == "runs" else [first]
    else:  # frozen from a store of its own, that has not seen the first answers
        shutil.rmtree(mocked.root / "runs")
        shutil.rmtree(mocked.root / FOLDER)
        run(mocked)
        freeze(mocked)
        commit(mocked.root, "again")
        folders = [str(tmp_path / "once"), str(mocked.root / FOLDER)]
        sides = folders if form == "folders" else ["HEAD~1", "HEAD"]
    words = ("diff", *sides, "--fail-on", "flip", "--format", "json")
    done = panel(*map(str, words), cwd=mocked.root)
    assert done.code == 0, done.err
    kinds = {p["kind"] for tool in json.loads(done.out)["verdicts"] for p in tool["personas"]}
    assert kinds <= {"leaning"}


@pytest.mark.slow
def test_the_text_says_all_three_parts(versioned: Space, mock: MockEndpoint, panel: Panel) -> None:
    reword(versioned.root)
    mock.face = always("skip")
    run(versioned, changed=True, repeats=1)
    freeze(versioned)
    done = panel("diff", "HEAD", cwd=versioned.root)
    assert done.code == 0 and done.err == ""
    lines = done.out.splitlines()
    assert lines[0] == "HEAD → now"
    assert "  4 × description changed" in lines
    assert "  tools/anvil.md: +1 -1" in lines
    assert any(
        line.startswith("  anvil: panel ship 100 % (16 of 16, 81–100 %) → 0 %") for line in lines
    )
    assert "    builder: ship kept, contested  leaning (0 of 1 ship, description changed)" in lines
    assert any(line.startswith("      before, ship: ") for line in lines)
    assert any(line.startswith("      answered now, skip: ") for line in lines)
    assert any(line.startswith("  The model moved: ") for line in lines)


HOSTILE = "\x1b[2J\x1b]0;owned\x07 nice \u202egnp.exe \x9b31m <b>bold</b>"


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("form", ["text", "json", "markdown", "junit"])
def test_escape_sequences_in_takes_and_names_are_harmless_in_every_form(
    versioned: Space, mock: MockEndpoint, panel: Panel, form: str
) -> None:
    file = versioned.root / FOLDER / "anvil.json"
    text = file.read_text()
    fields = json.loads(text)
    builder = fields["personas"]["builder"]
    builder["take"] = HOSTILE
    builder["answers"][0]["returned_model"] = HOSTILE
    file.write_text(json.dumps(fields))
    done = panel("diff", "HEAD", "--format", form, "--fail-on", "abstain", cwd=versioned.root)
    assert done.code == 0 and "nice" in done.out
    seen = done.out + done.err
    assert not any(
        (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or c == "\u202e" for c in seen
    ), repr(seen)
