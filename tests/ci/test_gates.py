"""Gates: what in a diff stops a merge, if a team has chosen so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.ci.changes import Diff
from panel.ci.gates import NAMED, Failure, Gates, failures, parse_gates
from panel.ci.snapshots import Snapshot
from panel.errors import UsageError
from panel.frozen.verdicts import FrozenVerdict
from tests.support.faces import always, voting
from tests.support.frozen_diffs import answer, canaries, difference, flips, published, side, sure
from tests.support.frozen_verdicts import freeze
from tests.support.git_repository import commit, repository
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import run
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, surely_ship

Key = tuple[str, str]
OLD = published(answer())
SURE = sure()
SKIPPED = published(*(answer("skip", "No.", n, tool="t2") for n in range(1, 5)), over=SURE)
KEYS = [("anvil", "builder"), ("anvil", "skeptic"), ("bellows", "builder")]


@pytest.mark.parametrize(
    ("words", "gates"),
    [
        ([], Gates()),
        ([""], Gates()),
        (["flip"], Gates(frozenset({"flip"}))),
        (["flip", "drift"], Gates(frozenset({"flip", "drift"}))),
        (["flip, drift,,stale,"], Gates(frozenset({"flip", "drift", "stale"}))),
        ([",stale"], Gates(frozenset({"stale"}))),
        (["ship-below=50"], Gates(ship_below=50.0)),
        (["abstain,ship-below=33.5"], Gates(frozenset({"abstain"}), 33.5)),
        (["ship-below=100"], Gates(ship_below=100.0)),
    ],
)
def test_words_may_come_one_by_one_or_with_commas(words: list[str], gates: Gates) -> None:
    assert parse_gates(words) == gates


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("flips", "flip"),
        ("stael", "stale"),
        ("Drift", "drift"),
        ("abstention", "abstain"),
        ("flip=1", "flip"),
        ("shipbelow=40", "ship-below=PCT"),
        ("flip,stael", "stale"),
    ],
)
def test_nonsense_is_refused_with_the_nearest_word(word: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_gates([word])
    assert f"Did you mean {said!r}?" in str(refused.value)
    assert "is not known" in str(refused.value)


@pytest.mark.parametrize("value", ["", "0", "-5", "101", "many", "nan", "inf", "50%"])
def test_a_percentage_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="write a percentage above 0 and up to 100"):
        parse_gates([f"ship-below={value}"])


def shut(
    diff: Diff, after: dict[Key, FrozenVerdict] | None = None, **gates: float | bool
) -> list[Failure]:
    """Return why these gates are shut."""
    plain = frozenset(name for name, on in gates.items() if on is True)
    below = gates.get("below")
    head = side("now", after if after is not None else dict(diff.pairs))
    return failures(diff, head, Gates(plain, float(below) if below else None))


def test_no_gate_is_never_shut() -> None:
    assert shut(flips(KEYS)) == []


def test_flip_shuts_on_flips_and_names_them() -> None:
    [failure] = shut(
        difference(dict.fromkeys(KEYS, SURE), {**dict.fromkeys(KEYS, SURE), KEYS[1]: SKIPPED}),
        flip=True,
    )
    assert failure == Failure(
        "flip", "1 verdict flipped: anvil × skeptic (ship → skip).", frozenset({KEYS[1]})
    )


def test_flip_stays_open_for_what_is_new_gone_contested_or_in_other_words() -> None:
    before = dict.fromkeys(KEYS, OLD)
    after = {
        ("caliper", "builder"): OLD,
        KEYS[0]: published(answer("skip", tool="t2"), over=OLD),
        KEYS[1]: published(answer("ship", "Otherwise.", tool="t2"), over=OLD),
    }
    assert shut(difference(before, after), flip=True) == []


def test_flip_is_not_shut_by_a_base_of_one_answer_and_change_is() -> None:
    """One answer is wrong too often for its correction to be called a flip."""
    diff = difference(dict.fromkeys(KEYS, OLD), {**dict.fromkeys(KEYS, OLD), KEYS[1]: SKIPPED})
    assert shut(diff, flip=True) == []
    assert shut(diff, change=True) == [
        Failure("change", "1 verdict changed: anvil × skeptic (ship → skip).", frozenset({KEYS[1]}))
    ]


def test_change_shuts_on_what_was_published_on_few_answers_too() -> None:
    """As with 'panel freeze --accept', or where files were frozen apart."""
    accepted = published(answer("skip", tool="t2"))
    diff = difference(dict.fromkeys(KEYS, SURE), {**dict.fromkeys(KEYS, SURE), KEYS[1]: accepted})
    assert shut(diff, flip=True) == []
    [failure] = shut(diff, change=True)
    assert failure.pairs == {KEYS[1]}
    kept = published(answer("skip", tool="t2"), over=SURE)
    diff = difference(dict.fromkeys(KEYS, SURE), {**dict.fromkeys(KEYS, SURE), KEYS[1]: kept})
    assert shut(diff, change=True) == [], "ship stays published"


def test_a_sentence_names_a_few_and_counts_the_rest() -> None:
    keys = [(f"tool-{n:02}", "builder") for n in range(12)]
    [failure] = shut(flips(keys), flip=True)
    assert failure.sentence.startswith("12 verdicts flipped: tool-00 × builder (ship → skip), ")
    assert failure.sentence.endswith(f" and {12 - NAMED} more.")
    assert failure.sentence.count("×") == NAMED and len(failure.pairs) == 12


def test_abstain_shuts_on_new_abstentions_even_where_what_is_published_stays() -> None:
    before = dict.fromkeys(KEYS, OLD)
    after = before | {KEYS[2]: published(answer(None, tool="t2"), over=OLD)}
    [failure] = shut(difference(before, after), abstain=True)
    assert failure == Failure(
        "abstain", "1 persona abstained: bellows × builder.", frozenset({KEYS[2]})
    )
    added = before | {KEYS[2]: published(answer(), answer(None, repeat=2))}
    assert [each.gate for each in shut(difference(before, added), abstain=True)] == ["abstain"]


def test_abstain_stays_open_for_abstentions_of_before() -> None:
    partly = dict.fromkeys(KEYS, published(answer(), answer(None, repeat=2)))
    assert shut(difference(partly, partly), abstain=True) == []


def test_drift_shuts_on_canaries_that_moved_and_says_their_sentence() -> None:
    diff = difference({}, {}, head=canaries(*[(1, 1, 0, 1)] * 6))
    assert shut(diff, drift=True) == [Failure("drift", diff.drift.sentence)]
    assert diff.drift.sentence.startswith("The model moved")


def test_drift_stays_open_for_a_move_that_is_accepted() -> None:
    diff = difference({}, {}, head=canaries(*[(1, 1, 0, 1)] * 6, accepted=True))
    assert diff.drift.moved and shut(diff, drift=True) == []


def test_drift_shuts_on_a_server_that_names_another_model() -> None:
    after = {KEYS[0]: published(answer(take="After.", tool="t2", served=("mock-9", None)))}
    [failure] = shut(difference({KEYS[0]: OLD}, after), drift=True)
    assert "names another model" in failure.sentence


def test_drift_stays_open_for_another_configuration_of_the_same_model() -> None:
    after = {KEYS[0]: published(answer(take="After.", tool="t2", served=("mock-1", "fp_9")))}
    assert shut(difference({KEYS[0]: OLD}, after), drift=True) == []


@pytest.mark.parametrize("check", [None, [(1, 1, 0, 1), *[(1, 1, 1, 1)] * 4], [(1, 1, 1, 1)] * 12])
def test_drift_stays_open_where_canaries_do_not_say_so(
    check: list[tuple[int, int, int, int]] | None,
) -> None:
    diff = difference({}, {}, head=canaries(*check) if check else None)
    assert shut(diff, drift=True) == []


def test_drift_stays_open_for_another_model_that_was_asked_for() -> None:
    after = {KEYS[0]: published(answer(model="lab/other", take="x", served=("other", None)))}
    assert shut(difference({KEYS[0]: OLD}, after), drift=True) == []


def test_ship_below_shuts_on_tools_that_fall_below_with_their_interval() -> None:
    before = dict.fromkeys(KEYS, OLD)
    after = before | {KEYS[0]: SKIPPED}
    diff = difference(before, after)
    [failure] = shut(diff, below=60)
    assert failure.gate == "ship-below" and failure.pairs == {KEYS[0], KEYS[1]}
    assert failure.sentence.startswith(
        "anvil has a panel ship percentage of 50 % (1 of 5 answers, every persona alike, "
    )
    assert failure.sentence.endswith("below 60 %; it was at 100 %.")
    assert shut(diff, below=50) == [], "50 is not below 50"


def test_ship_below_leaves_alone_what_was_below_already_or_is_gone() -> None:
    before = dict.fromkeys(KEYS, SKIPPED)
    assert shut(difference(before, before), below=100) == []
    assert shut(difference(before, {}), {}, below=100) == []
    worse = {key: published(answer("skip", "Worse.", tool="t3")) for key in KEYS}
    assert shut(difference(before, worse), below=100) == [], "it differs, and was below"
    half = before | {KEYS[0]: SURE}
    assert shut(difference(half, before), below=50)[0].pairs == {KEYS[0], KEYS[1]}
    assert shut(difference(half, before), below=60) == [], "50 % was below 60 %, too"


def test_ship_below_shuts_on_a_new_tool_and_on_one_that_nobody_had_voted_on() -> None:
    after = {KEYS[2]: SKIPPED}
    [failure] = shut(difference({}, after), below=50)
    assert failure.sentence.endswith("below 50 %; it is new.")
    silent = {KEYS[2]: published(answer(None))}
    assert [each.gate for each in shut(difference(silent, after), below=50)] == ["ship-below"]
    assert shut(difference(after, silent), below=50) == [], "no votes are no percentage"


def test_ship_below_sees_a_fall_that_changes_no_verdict() -> None:
    before = {KEYS[2]: OLD}
    after = {KEYS[2]: published(answer(), answer("skip", repeat=2), over=OLD)}
    diff = difference(before, after)
    assert diff.changes == []
    assert [each.gate for each in shut(diff, below=60)] == ["ship-below"]


def test_several_gates_give_a_sentence_each_in_one_order() -> None:
    before = dict.fromkeys(KEYS, SURE)
    after = before | {KEYS[0]: SKIPPED, KEYS[2]: published(answer(None, tool="t2"), over=SURE)}
    diff = difference(before, after, head=canaries(*[(1, 1, 0, 1)] * 6))
    found = shut(diff, flip=True, drift=True, abstain=True, below=90)
    assert [each.gate for each in found] == ["flip", "drift", "abstain", "ship-below"]


def test_a_name_with_line_feeds_begins_no_line_of_its_own() -> None:
    """A runner treats a line that begins with two colons as a command."""
    keys = [("anvil", "a\n::error::owned"), ("b\n::set-output name=gate::0", "builder")]
    for failure in shut(flips(keys), flip=True, below=100):
        assert "\n" not in failure.sentence


def test_stale_needs_a_head_with_files() -> None:
    head = Snapshot("kept", {}, {})
    with pytest.raises(UsageError, match="'kept' has none"):
        failures(difference({}, {}), head, Gates(frozenset({"stale"})))


# Whole: the command and its exit codes


@pytest.fixture
def versioned(copied: Callable[[Make], Space], mock: MockEndpoint) -> Space:
    """Make a repository of frozen verdicts, all of them ship."""
    mock.face = always("ship")
    space = copied(surely_ship)
    repository(space.root)
    return space


def flip(space: Space, mock: MockEndpoint) -> None:
    edit(space.root / "tools/anvil.md", "reads JSON", "eats JSON")
    mock.face = always("skip")
    run(space, tools=["anvil"], repeats=4)
    freeze(space)


@pytest.mark.slow
@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 0),
        (("--fail-on", ""), 0),
        (("--fail-on", "flip"), 1),
        (("--fail-on=stale,drift,abstain"), 0),
        (("--fail-on", "stale", "--fail-on", "flip"), 1),
        (("--fail-on", "change"), 1),
        (("--fail-on", "ship-below=1"), 1),
        (("--fail-on", "flop"), 2),
        (("--fail-on", "ship-below=0"), 2),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_exit_code_says_whether_a_gate_is_shut(
    versioned: Space,
    mock: MockEndpoint,
    panel: Panel,
    words: tuple[str, ...] | str,
    code: int,
    form: str,
) -> None:
    flip(versioned, mock)
    given = (words,) if isinstance(words, str) else words
    done = panel("diff", "HEAD", "--format", form, *given, cwd=versioned.root)
    assert done.code == code, done.err
    if code == 1:
        assert "anvil" in done.err and (": 4 verdicts " in done.err or "0 %" in done.err)
    if code == 2:
        assert done.out == "" and "--fail-on" in done.err
    elif form == "json":
        assert bool(json.loads(done.out)["failures"]) == (code == 1)


@pytest.mark.slow
def test_stale_is_about_the_whole_head_and_says_why(versioned: Space, panel: Panel) -> None:
    assert panel("diff", "HEAD", "--fail-on", "stale", cwd=versioned.root).code == 0
    edit(versioned.root / "tools/bellows.md", "reads JSON", "eats JSON")
    commit(versioned.root)
    done = panel("diff", "HEAD", "--fail-on", "stale", cwd=versioned.root)
    assert done.code == 1
    assert done.err.startswith(
        "stale: 4 verdicts on file do not hold: bellows × builder (description changed), "
    )
    done = panel("diff", "HEAD~1", "HEAD~1", "--fail-on", "stale", cwd=versioned.root)
    assert done.code == 0, "that revision's verdicts are to that revision's files"
    done = panel("diff", "HEAD~1", "HEAD", "--fail-on", "stale", cwd=versioned.root)
    assert done.code == 1


def test_one_stale_verdict_is_told_in_the_singular(versioned: Space, panel: Panel) -> None:
    file = versioned.root / "verdicts/anvil.json"
    fields = json.loads(file.read_text())
    del fields["personas"]["builder"]
    file.write_text(json.dumps(fields))
    done = panel("diff", "HEAD", "--fail-on", "stale", cwd=versioned.root)
    assert done.err == "stale: 1 verdict on file does not hold: anvil × builder (new).\n"


def test_stale_of_two_folders_cannot_be_told(versioned: Space, panel: Panel) -> None:
    done = panel("diff", "HEAD", "verdicts", "--fail-on", "stale", cwd=versioned.root)
    assert done.code == 2 and "needs the files that people write" in done.err


def test_an_edit_on_which_the_panel_abstains_shuts_abstain(
    versioned: Space, mock: MockEndpoint, panel: Panel
) -> None:
    edit(versioned.root / "tools/anvil.md", "reads JSON", "eats JSON")
    mock.face = voting(lambda _system, _user: None)
    run(versioned, changed=True)
    freeze(versioned)
    done = panel("diff", "HEAD", "--fail-on", "abstain", cwd=versioned.root)
    assert done.code == 1
    assert done.err.startswith("abstain: 4 personas abstained: anvil × builder, ")


@pytest.mark.slow
def test_the_report_is_written_whole_before_the_exit(
    versioned: Space, mock: MockEndpoint, panel: Panel, tmp_path: Path
) -> None:
    flip(versioned, mock)
    file = tmp_path / "report.md"
    words = ("diff", "HEAD", "--format", "markdown", "-o", file, "--fail-on", "flip")
    assert panel(*words, cwd=versioned.root).code == 1
    assert "4 verdicts flipped" in file.read_text()
