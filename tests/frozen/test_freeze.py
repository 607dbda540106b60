"""`panel freeze`: what is published, what is kept, and how a merge is resolved."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from panel.errors import WorkspaceError
from panel.frozen.files import FOLDER, read_frozen
from panel.workspace.loading import load_workspace
from tests.support.editors import do
from tests.support.faces import always, voting
from tests.support.frozen_verdicts import freeze, on_file, status, texts
from tests.support.git_repository import commit, git, repository
from tests.support.mock_endpoint import Answer, MockEndpoint
from tests.support.results import thaw
from tests.support.runs import pending, rows, run
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, all_ship


@pytest.fixture
def published(copied: Callable[[Make], Space], mock: MockEndpoint) -> Space:
    """Make a workspace with every verdict published as ship, from one answer each."""
    mock.face = always("ship")
    return copied(all_ship)


def reword(space: Space, old: str = "reads JSON", new: str = "eats JSON") -> None:
    edit(space.root / "tools/anvil.md", old, new)


@pytest.mark.slow
def test_a_first_freeze_publishes_the_answers_take_in_the_panels_order(
    published: Space, panel: Panel
) -> None:
    file = read_frozen(published.root / FOLDER)["anvil"]
    workspace = load_workspace(published.root)
    assert list(file.personas) == [persona.id for persona in workspace.personas]
    stored = rows(published, "SELECT take, confidence, fingerprint, output_mode FROM verdicts "
                  "WHERE tool = 'anvil' AND persona = 'builder'")  # fmt: skip
    builder = on_file(published)
    answer = builder.answers[0]
    assert stored == [(builder.take, builder.confidence, builder.fingerprint, answer.output_mode)]
    assert (builder.verdict, builder.ships, builder.n, builder.contested) == ("ship", 1, 1, False)
    assert (builder.state, builder.kept, answer.model_identity) == ("draft", None, "mock/mock-1")
    beats = [beat.id for beat in workspace.personas[0].beats]
    assert list(answer.beats) == beats
    assert status(published) == []


def test_freezing_again_changes_nothing(published: Space) -> None:
    before = texts(published)
    inodes = [file.stat().st_mtime_ns for file in (published.root / FOLDER).iterdir()]
    done = freeze(published)
    assert (done.written, done.unchanged, done.kept, done.unasked) == ([], 2, [], 0)
    assert texts(published) == before
    assert [f.stat().st_mtime_ns for f in (published.root / FOLDER).iterdir()] == inodes


def test_one_answer_of_another_mind_keeps_the_published_verdict_as_contested(
    published: Space, mock: MockEndpoint
) -> None:
    before = on_file(published)
    reword(published)
    mock.face = always("skip")
    assert run(published).asked == 4
    done = freeze(published)
    assert [(k.tool, k.published, k.ships, k.n) for k in done.kept] == [("anvil", "ship", 0, 1)] * 4
    now = on_file(published)
    assert (now.verdict, now.ships, now.n, now.contested) == ("ship", 0, 1, True)
    assert now.kept == before.answers[0]
    assert (now.take, now.confidence, now.fingerprint) == (
        before.take,
        before.confidence,
        before.fingerprint,
    )
    assert [answer.verdict for answer in now.answers] == ["skip"]
    assert done.written == ["anvil.json"] and status(published) == []
    frozen = texts(published)
    again = freeze(published)
    assert again.written == [] and texts(published) == frozen
    assert len(again.kept) == 4, "said each time, for as long as it is so"


def test_one_answer_of_the_same_mind_takes_the_place_of_the_old_one(published: Space) -> None:
    reword(published)
    run(published)
    freeze(published)
    now = on_file(published)
    assert (now.verdict, now.n, now.contested, now.kept) == ("ship", 1, False, None)
    assert now.fingerprint == now.answers[0].fingerprint


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("repeats", "skips", "verdict"),
    [
        (3, 3, "ship"),
        (4, 4, "skip"),
        (4, 3, "ship"),
        (5, 5, "skip"),
        (7, 6, "skip"),
        (7, 5, "ship"),
    ],
)
def test_a_published_verdict_falls_to_enough_answers_and_to_no_fewer(
    published: Space, mock: MockEndpoint, repeats: int, skips: int, verdict: str
) -> None:
    reword(published)
    edit(published.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    mock.asked = 0
    mock.face = lambda index, body: always("skip" if index < skips else "ship")(index, body)
    selection = {"tools": ["anvil"], "personas": ["builder"]}
    assert run(published, repeats=repeats, **selection).asked == repeats
    done = freeze(published)
    now = on_file(published)
    assert (now.ships, now.n) == (repeats - skips, repeats)
    assert (now.verdict, now.contested) == (verdict, verdict == "ship")
    shown = next(a for a in (*now.answers, now.kept) if a and a.fingerprint == now.fingerprint)
    assert shown.verdict == now.verdict and shown.take == now.take, "the take is of the verdict"
    assert (now.kept is not None) == (verdict == "ship" and skips == repeats)
    assert freeze(published).written == [], "and so it stays"
    assert done.unasked == 3


def test_votes_against_what_is_published_are_named_whether_or_not_its_wording_stands(
    published: Space, mock: MockEndpoint
) -> None:
    """2 of 3 say skip, of the very wording of which the first answer said ship."""
    mock.face = always("skip")
    run(published, repeats=3, tools=["anvil"], personas=["builder"])
    done = freeze(published)
    assert (on_file(published).verdict, on_file(published).contested) == ("ship", True)
    assert [(k.tool, k.persona, k.published, k.ships, k.n) for k in done.kept] == [
        ("anvil", "builder", "ship", 1, 3)
    ]


@pytest.mark.slow
def test_accept_publishes_what_was_answered_last(published: Space, mock: MockEndpoint) -> None:
    reword(published)
    mock.face = always("skip")
    run(published)
    freeze(published)
    done = freeze(published, accept=True)
    now = on_file(published)
    assert (now.verdict, now.kept, now.contested) == ("skip", None, False)
    assert done.kept == [] and done.written == ["anvil.json"]
    assert freeze(published).written == []
    assert on_file(published).verdict == "skip"


@pytest.mark.slow
def test_accept_of_some_leaves_the_others_as_they_are(published: Space, mock: MockEndpoint) -> None:
    reword(published)
    mock.face = always("skip")
    run(published)
    freeze(published)
    freeze(published, accept=True, personas=["builder"])
    assert on_file(published).verdict == "skip"
    assert on_file(published, persona="skeptic").verdict == "ship"


@pytest.mark.slow
def test_abstentions_do_not_overturn_and_mark_the_verdict_contested(
    published: Space, mock: MockEndpoint
) -> None:
    reword(published)
    mock.face = always(None)
    run(published, repeats=5)
    done = freeze(published)
    now = on_file(published)
    assert (now.verdict, now.ships, now.n, now.contested) == ("ship", 0, 0, True)
    assert now.kept is not None and {a.outcome for a in now.answers} == {"abstain"}
    assert done.kept == [], "nobody spoke against it"
    assert freeze(published).written == []


@pytest.mark.slow
def test_where_nobody_ever_voted_there_is_no_verdict_and_no_take(
    mocked: Space, mock: MockEndpoint
) -> None:
    mock.face = always(None)
    run(mocked)
    freeze(mocked)
    now = on_file(mocked)
    assert (now.verdict, now.confidence, now.take, now.fingerprint) == (None, None, "", None)
    mock.face = always("skip")
    run(mocked, retry=frozenset(["abstain"]))
    freeze(mocked)
    assert (on_file(mocked).verdict, on_file(mocked).contested) == ("skip", False)


def test_on_a_tie_the_first_answer_speaks_and_freezing_again_agrees(
    mocked: Space, mock: MockEndpoint
) -> None:
    mocked.point_at(mock)
    edit(mocked.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    mock.face = lambda index, body: always("skip" if index % 2 == 0 else "ship")(index, body)
    run(mocked, repeats=2, tools=["anvil"], personas=["builder"])
    freeze(mocked)
    now = on_file(mocked)
    assert (now.ships, now.n, now.contested) == (1, 2, True)
    assert now.verdict == now.answers[0].verdict
    assert freeze(mocked).written == []


def test_a_stale_pair_stays_as_it_is_and_is_counted(published: Space) -> None:
    before = texts(published)
    reword(published)
    done = freeze(published)
    assert (done.written, done.unasked, done.outdated) == ([], 4, 4)
    assert texts(published) == before
    assert {each.status for each in status(published)} == {"stale"}


def test_a_stale_pair_stays_beside_others_that_are_written(published: Space) -> None:
    before = on_file(published, persona="skeptic")
    reword(published)
    run(published, personas=["builder"])
    done = freeze(published)
    assert (done.written, done.unasked) == (["anvil.json"], 3)
    assert on_file(published, persona="skeptic") == before
    assert {each.persona for each in status(published)} == {
        "skeptic",
        "futurist",
        "business-analyst",
    }


@pytest.mark.slow
def test_a_selection_writes_what_it_names_and_leaves_the_rest(asked: Space) -> None:
    assert freeze(asked, tools=["anvil"], personas=["skeptic"]).written == ["anvil.json"]
    assert list(read_frozen(asked.root / FOLDER)["anvil"].personas) == ["skeptic"]
    assert freeze(asked, tools=["anvil"], personas=["builder"]).written == ["anvil.json"]
    assert list(read_frozen(asked.root / FOLDER)["anvil"].personas) == ["builder", "skeptic"]
    assert freeze(asked).written == ["anvil.json", "bellows.json"]


def test_an_error_is_never_frozen(mocked: Space, mock: MockEndpoint) -> None:
    mock.face = lambda _index, _body: Answer(413, "too large")
    run(mocked)
    done = freeze(mocked)
    assert (done.written, done.unasked, done.outdated) == ([], 8, 0)
    assert texts(mocked) == {}


def test_what_was_never_asked_is_told_apart_from_what_answers_earlier_words(
    published: Space, panel: Panel
) -> None:
    reword(published)
    published.tool("cordage")
    told = panel("freeze", cwd=published.root).err
    assert "4 questions have no answer yet; 4 verdicts answer earlier words than the f" in told


@pytest.mark.slow
def test_fewer_repeats_later_keep_those_on_file(published: Space) -> None:
    run(published, repeats=3)
    freeze(published)
    assert on_file(published).n == 3
    run(published, repeats=1)
    assert freeze(published).written == [] and on_file(published).n == 3


@pytest.mark.slow
def test_answers_that_somebody_else_froze_survive_a_freeze_out_of_ones_own_store(
    published: Space, tmp_path: Path
) -> None:
    theirs = clone(published, tmp_path / "theirs")
    run(theirs, repeats=3)
    freeze(theirs)
    for name, text in texts(theirs).items():
        (published.root / FOLDER / name).write_bytes(text)
    assert freeze(published).written == [] and on_file(published).n == 3


def test_a_tool_that_is_gone_is_named_and_only_prune_removes_it(published: Space) -> None:
    (published.root / "tools/anvil.md").unlink()
    done = freeze(published)
    assert (done.orphaned, done.pruned) == (["anvil"], [])
    assert "anvil.json" in texts(published)
    done = freeze(published, prune=True)
    assert (done.orphaned, done.pruned) == ([], ["anvil"])
    assert sorted(texts(published)) == ["bellows.json"]
    assert freeze(published, prune=True).pruned == [] and status(published) == []


def test_prune_takes_off_the_verdicts_of_personas_no_longer_on_the_panel(
    published: Space,
) -> None:
    panelists = '[panel]\npersonas = ["builder", "futurist", "business-analyst"]\n'
    edit(published.root / "panel.toml", "[panel]\n", panelists)
    assert freeze(published).orphaned == ["anvil × skeptic", "bellows × skeptic"]
    done = freeze(published, prune=True)
    assert done.pruned == ["anvil × skeptic", "bellows × skeptic"]
    assert "skeptic" not in read_frozen(published.root / FOLDER)["anvil"].personas
    assert status(published) == []


def test_prune_of_one_tools_selection_leaves_no_half_written_file(published: Space) -> None:
    """The tool is not selected, its orphaned persona is removed all the same."""
    panelists = '[panel]\npersonas = ["builder", "futurist", "business-analyst"]\n'
    edit(published.root / "panel.toml", "[panel]\n", panelists)
    freeze(published, prune=True, tools=["anvil"])
    assert list(read_frozen(published.root / FOLDER)["bellows"].personas) == [
        "builder",
        "futurist",
        "business-analyst",
    ]


def test_a_pruned_tool_that_comes_back_is_not_asked_again(published: Space) -> None:
    file = published.root / "tools/anvil.md"
    text, before = file.read_text(), texts(published)
    file.unlink()
    freeze(published, prune=True)
    file.write_text(text)
    assert pending(published) == []
    assert freeze(published).written == ["anvil.json"]
    assert texts(published) == before


def test_prune_leaves_what_is_no_frozen_verdict(published: Space) -> None:
    folder = published.root / FOLDER
    (folder / "README.md").write_text("Do not edit.\n")
    (folder / ".gitattributes").write_text("*.json linguist-generated\n")
    before = texts(published)
    freeze(published, prune=True)
    assert texts(published) == before


def test_a_take_that_changes_is_one_file_and_little_of_it(
    published: Space, mock: MockEndpoint
) -> None:
    repository(published.root)
    source = (published.root / "personas/skeptic.md").read_text()
    (published.root / "personas/skeptic.md").write_text(source + "\nBe terse.\n")
    mock.face = voting(lambda _system, _user: "ship")
    run(published, tools=["anvil"])
    freeze(published)
    changed = git(published.root, "diff", "--numstat", "--", FOLDER).split()
    assert changed[2::3] == ["verdicts/anvil.json"]
    assert int(changed[0]) == int(changed[1]) <= 9, "fingerprints, hashes, a time"


@pytest.mark.slow
def test_the_command_says_what_became_of_every_file(
    published: Space, mock: MockEndpoint, panel: Panel
) -> None:
    reword(published)
    mock.face = always("skip")
    run(published)
    done = panel("freeze", cwd=published.root)
    assert done.code == 0
    assert "verdicts/: 1 file written, 1 as they were." in done.out
    assert "anvil × builder: ship stays published; 1 of 1 say skip" in " ".join(done.out.split())
    assert "--accept" in done.err
    told = json.loads(panel("freeze", "--json", cwd=published.root).out)
    assert (told["written"], told["unchanged"], len(told["kept"])) == ([], 2, 4)
    assert panel("check", "--frozen", cwd=published.root).code == 0


def test_check_says_what_is_stale_missing_and_orphaned_and_exits_1(
    published: Space, panel: Panel
) -> None:
    reword(published)
    published.tool("crucible")
    (published.root / "tools/bellows.md").unlink()
    done = panel("check", "--frozen", cwd=published.root)
    assert done.code == 1
    assert "stale: anvil × builder: description changed" in done.out
    assert "missing: crucible × skeptic: new" in done.out
    assert "orphaned: bellows: the tool is gone" in done.out
    assert "panel freeze --prune" in done.err and "panel run --changed" in done.err
    told = json.loads(panel("check", "--frozen", "--json", cwd=published.root).out)
    assert (told["holds"], told["pairs"], len(told["found"])) == (False, 8, 9)


# -- merges ----------------------------------------------------------------------------------

Side = Callable[[Path], None]


def anvil_eats(root: Path) -> None:
    edit(root / "tools/anvil.md", "reads JSON", "eats JSON")


def anvil_writes(root: Path) -> None:
    edit(root / "tools/anvil.md", "writes Parquet", "writes Avro")


def anvil_is_gpl(root: Path) -> None:
    edit(root / "tools/anvil.md", "MIT licence", "GPL licence")


def terse_builder(root: Path) -> None:
    file = root / "personas/builder.md"
    file.write_text(file.read_text() + "\nBe terse.\n")


def clone(space: Space, to: Path, *, with_store: bool = True) -> Space:
    """Copy a workspace, or clone it fresh: its files alone."""
    shutil.copytree(space.root, to)
    if not with_store:
        shutil.rmtree(to / "runs")
    return Space(to)


def diverge(space: Space, ours: Side, theirs: Side, tmp_path: Path) -> tuple[Space, Space]:
    """Let two people edit, ask and freeze a clone each, and merge theirs into ours.

    Returns both; each is at the merge, with verdicts/ in conflict.
    """
    repository(space.root)
    mine, yours = clone(space, tmp_path / "mine"), clone(space, tmp_path / "yours")
    for who, change, branch in ((mine, ours, "ours"), (yours, theirs, "theirs")):
        git(who.root, "switch", "-qc", branch)
        change(who.root)
        run(who)
        freeze(who)
        commit(who.root, branch)
    git(mine.root, "fetch", "-q", str(yours.root), "theirs:theirs")
    git(yours.root, "fetch", "-q", str(mine.root), "ours:ours")
    for who, other in ((mine, "theirs"), (yours, "ours")):
        git(who.root, "merge", "-q", other, check=False)
    return mine, yours


def settle(space: Space, branch: str, tools: str | None = None) -> None:
    """Take the files of verdicts/ that are in conflict from one branch, and tools/ of one."""
    for file in in_conflict(space):
        if file.startswith(FOLDER):
            git(space.root, "checkout", branch, "--", file)
    if tools is not None:
        git(space.root, "checkout", tools, "--", "tools")


def in_conflict(space: Space) -> list[str]:
    return git(space.root, "diff", "--name-only", "--diff-filter=U").splitlines()


@pytest.mark.slow
def test_a_file_in_conflict_is_refused_by_every_command_that_reads_it(
    published: Space, panel: Panel, tmp_path: Path
) -> None:
    mine, _yours = diverge(published, anvil_eats, terse_builder, tmp_path)
    assert in_conflict(mine) == ["verdicts/anvil.json"]
    for words in (("check", "--frozen"), ("freeze",), ("thaw",), ("run", "--changed")):
        done = panel(*words, cwd=mine.root)
        assert done.code == 2, words
        assert "anvil.json:" in done.err + done.out and "marks of a merge" in done.err + done.out
    with pytest.raises(WorkspaceError, match="panel freeze"):
        freeze(mine)


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("taken", ["ours", "theirs"])
@pytest.mark.parametrize("store", ["mine", "yours"])
def test_a_tool_and_a_persona_edited_apart_leave_their_one_cell_to_ask(
    published: Space, mock: MockEndpoint, tmp_path: Path, store: str, taken: str
) -> None:
    mine, yours = diverge(published, anvil_eats, terse_builder, tmp_path)
    space = mine if store == "mine" else yours
    settle(space, taken)
    freeze(space)
    wanting = {(each.tool, each.persona, each.status) for each in status(space)}
    assert ("anvil", "builder", "stale") in wanting
    if store == "mine" or taken == "ours":
        # The answers to the other three lie in the store, or in the file that was taken.
        assert wanting == {("anvil", "builder", "stale")}
    else:
        assert {tool for tool, *_ in wanting} == {"anvil"} and len(wanting) == 4
    asked = mock.asked
    assert run(space, changed=True).asked == len(wanting)
    assert mock.asked == asked + len(wanting)
    freeze(space)
    assert status(space) == []


def test_either_side_gives_the_same_files_where_every_cell_is_answered(
    published: Space, tmp_path: Path
) -> None:
    """The same tool reworded twice; the merge takes our wording."""
    mine, yours = diverge(published, anvil_eats, anvil_writes, tmp_path)
    assert "verdicts/anvil.json" in in_conflict(mine)
    found = {}
    for name, space in (("mine", mine), ("yours", yours)):
        for taken in ("ours", "theirs"):
            copy = clone(space, tmp_path / f"{name}-{taken}")
            settle(copy, taken, tools="ours")
            freeze(copy)
            found[name, taken] = texts(copy)
            wanted = 0 if name == "mine" or taken == "ours" else 4
            assert len(status(copy)) == wanted, (name, taken)
    assert found["mine", "ours"] == found["mine", "theirs"] == found["yours", "ours"]
    fresh = clone(mine, tmp_path / "fresh", with_store=False)
    settle(fresh, "ours", tools="ours")
    freeze(fresh)
    assert texts(fresh) == found["mine", "ours"] and status(fresh) == []


@pytest.mark.slow
def test_the_other_side_of_a_fresh_clone_is_told_exactly_what_to_ask(
    published: Space, tmp_path: Path
) -> None:
    mine, _yours = diverge(published, anvil_eats, anvil_writes, tmp_path)
    fresh = clone(mine, tmp_path / "fresh", with_store=False)
    settle(fresh, "theirs", tools="ours")
    before = texts(fresh)
    done = freeze(fresh)
    assert (done.written, done.unasked) == ([], 4) and texts(fresh) == before
    assert [(each.tool, each.status, each.reason) for each in status(fresh)] == [
        ("anvil", "stale", "description changed")
    ] * 4
    assert run(fresh, changed=True).asked == 4
    freeze(fresh)
    assert status(fresh) == []


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("taken", ["ours", "theirs"])
def test_of_two_answers_to_one_cell_every_store_freezes_the_one_that_was_taken(
    published: Space, mock: MockEndpoint, tmp_path: Path, taken: str
) -> None:
    """Both sides made the same edit and asked it apart; a file that holds is not rewritten."""
    words = iter(["First", "Second"])
    repository(published.root)
    sides = {name: clone(published, tmp_path / name) for name in ("ours", "theirs")}
    for name, space in sides.items():
        anvil_eats(space.root)
        said = next(words)

        def face(index: int, body: dict[str, Any], said: str = said) -> Answer:
            answer = always("ship")(index, body) or Answer()
            message = answer.body["choices"][0]["message"]  # type: ignore[index]
            beats = json.loads(message["content"])
            beats |= {k: f"{said} {v}" for k, v in beats.items() if isinstance(v, str)}
            message["content"] = json.dumps(beats | {"verdict": "ship"})
            return answer

        mock.face = face
        run(space)
        freeze(space)
        assert on_file(space).take.startswith(said), name
    chosen = texts(sides[taken])
    assert texts(sides["ours"]) != texts(sides["theirs"])
    fresh = clone(sides["ours"], tmp_path / "fresh", with_store=False)
    found = {}
    for name, space in {**sides, "fresh": fresh}.items():
        for file, text in chosen.items():
            (space.root / FOLDER / file).write_bytes(text)
        freeze(space)
        assert status(space) == []
        found[name] = texts(space) == chosen
    assert found == {"ours": True, "theirs": True, "fresh": True}


def overturned(space: Space, mock: MockEndpoint, tmp_path: Path) -> Space:
    """Merge our four skips, which overturned the verdict, and their one ship of other words."""
    repository(space.root)
    mine, yours = clone(space, tmp_path / "mine"), clone(space, tmp_path / "yours")
    git(yours.root, "switch", "-qc", "theirs")
    anvil_writes(yours.root)
    run(yours)
    freeze(yours)
    commit(yours.root)
    git(mine.root, "switch", "-qc", "ours")
    anvil_eats(mine.root)
    mock.face = always("skip")
    run(mine, repeats=4)
    freeze(mine)
    commit(mine.root)
    assert on_file(mine).verdict == "skip" and on_file(yours).verdict == "ship"
    git(mine.root, "fetch", "-q", str(yours.root), "theirs:theirs")
    git(mine.root, "merge", "-q", "theirs", check=False)
    return mine


@pytest.mark.slow
def test_answers_that_overturn_do_so_whichever_side_is_taken(
    published: Space, mock: MockEndpoint, tmp_path: Path
) -> None:
    mine, found = overturned(published, mock, tmp_path), []
    for taken in ("ours", "theirs"):
        copy = clone(mine, tmp_path / f"took-{taken}")
        settle(copy, taken, tools="ours")
        freeze(copy)
        assert status(copy) == []
        found.append(texts(copy))
    assert found[0] == found[1]


@pytest.mark.slow
def test_answers_that_do_not_overturn_leave_published_what_the_side_taken_had_published(
    published: Space, mock: MockEndpoint, tmp_path: Path
) -> None:
    """The one thing that the side taken decides: the words are theirs, with one ship."""
    mine, found = overturned(published, mock, tmp_path), {}
    settle(mine, "theirs", tools="theirs")
    thaw(mine.root)
    for taken in ("ours", "theirs"):
        copy = clone(mine, tmp_path / f"took-{taken}")
        git(copy.root, "checkout", taken, "--", FOLDER)
        freeze(copy)
        assert status(copy) == []
        found[taken] = on_file(copy)
    assert (found["ours"].verdict, found["ours"].contested) == ("skip", True)
    assert (found["theirs"].verdict, found["theirs"].contested) == ("ship", False)
    assert found["ours"].answers == found["theirs"].answers


# -- what the command says -------------------------------------------------------------------


@pytest.mark.slow
def test_the_hint_asks_so_often_that_the_kept_verdicts_could_be_overturned(
    published: Space, mock: MockEndpoint, panel: Panel
) -> None:
    """Five repeats were no more than there were already, and of everything of the tool."""
    anvil_eats(published.root)
    edit(published.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    said = iter(["skip", "ship", "skip", "skip", "skip", *["skip"] * 20])
    mock.face = voting(
        lambda system, user: (
            next(said) if "You are the Builder" in system and "eats JSON" in user else "ship"
        )
    )
    run(published, changed=True, repeats=5)
    err = panel("freeze", cwd=published.root).err
    hint = "panel run --repeats 7 --tool anvil --persona builder"
    assert f"'{hint}'" in err
    assert panel(*hint.split()[1:], cwd=published.root).code == 0
    done = panel("freeze", cwd=published.root)
    assert "stays published" not in done.out and on_file(published).verdict == "skip"


def test_the_hint_asks_the_model_that_was_frozen(
    published: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = always("skip")
    assert panel("run", "--model", "mock-2", "--tool", "anvil", cwd=published.root).code == 0
    err = panel("freeze", "--model", "mock-2", "--tool", "anvil", cwd=published.root).err
    assert "'panel run --repeats 4 --model mock-2 --tool anvil --persona " in err


@pytest.mark.slow
def test_a_checkout_with_other_line_ends_holds_reads_the_same_and_is_not_rewritten(
    published: Space, panel: Panel
) -> None:
    """As Git for Windows makes it, with core.autocrlf."""
    repository(published.root)
    git(published.root, "config", "core.autocrlf", "true")
    for part in ("panel.toml", "personas", "prompts", "tools", FOLDER):
        top = published.root / part
        for file in [top] if top.is_file() else sorted(top.rglob("*.*")):
            text = file.read_bytes().replace(b"\r\n", b"\n")
            file.write_bytes(text.replace(b"\n", b"\r\n"))
    assert status(published) == [] and pending(published, changed=True, since="main") == []
    before = texts(published)
    assert freeze(published).written == [] and texts(published) == before
    done = panel("diff", "main", "--fail-on", "flip,stale,change", cwd=published.root)
    assert done.code == 0 and "nothing differs" in done.out and "none differs" in done.out
    anvil_eats(published.root)
    run(published, changed=True)
    assert freeze(published).written == ["anvil.json"]
    shown = git(published.root, "diff", "--numstat", "--", FOLDER).split()
    assert shown[2::3] == ["verdicts/anvil.json"]


@pytest.mark.slow
def test_frozen_drafts_are_said_to_be_drafts(asked: Space, panel: Panel) -> None:
    """Where no editor has approved a take, the command says what is on file and what to do."""
    done = panel("freeze", cwd=asked.root)
    assert done.code == 0
    assert "No take is approved: " in done.err and "'panel desk'" in done.err
    told = json.loads(panel("freeze", "--json", cwd=asked.root).out)
    assert told["approved"] == 0 and told["drafts"] > 0
    do(asked, "approve", note="Read.")
    again = panel("freeze", cwd=asked.root).err
    assert (
        f"On file: 1 approved take, and {told['drafts'] - 1} drafts that 'panel publish'" in again
    )
