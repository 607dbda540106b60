"""Votes on a tool that is renamed: whose they are, by the lines of the file alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.cells.renames import SlugChange
from panel.errors import UsageError
from panel.readers.community import Votes
from panel.readers.community.names import Names
from panel.readers.community.secret import Secret

AT = "2026-11-24T12:00:00.000000"
FIRST, SECOND, THIRD = "1" * 32, "2" * 32, "3" * 32


def change(was: str, now: str, minute: int | None = None) -> SlugChange:
    """Make a change of slug, at a minute of the day or known by a file alone."""
    return SlugChange(was, now, "" if minute is None else f"2026-11-24T12:{minute:02}:00.000000")


def cast(votes: Votes, visitor: str, tool: str, vote: str = "ship") -> bool:
    return votes.record(visitor, tool, vote, AT)


def counts(root: Path) -> dict[str, tuple[int, int]]:
    """Count as a program does that is started now."""
    return Votes(root).counts()


def test_votes_go_on_under_each_new_name_of_a_tool(tmp_path: Path) -> None:
    votes = Votes(tmp_path)
    cast(votes, FIRST, "a")
    votes.follow([change("a", "b", 1)], AT)
    cast(votes, SECOND, "b", "skip")
    votes.follow([change("a", "b", 1), change("b", "c", 2)], AT)
    cast(votes, THIRD, "c")
    assert votes.counts() == counts(tmp_path) == {"c": (2, 1)}
    assert [votes.tally(name).n for name in "abc"] == [3, 3, 3]


def test_a_vote_on_an_old_name_is_one_on_the_tool(tmp_path: Path) -> None:
    votes = Votes(tmp_path)
    cast(votes, FIRST, "a")
    votes.follow([change("a", "b", 1)], AT)
    assert votes.voted(FIRST, "b") and not cast(votes, FIRST, "b")
    assert cast(votes, FIRST, "a", "skip")
    assert counts(tmp_path) == {"b": (0, 1)}


def test_who_voted_on_both_names_has_the_newest_vote_alone(tmp_path: Path) -> None:
    votes = Votes(tmp_path)
    cast(votes, FIRST, "a", "ship")
    cast(votes, FIRST, "b", "skip")
    cast(votes, SECOND, "b", "ship")
    cast(votes, SECOND, "a", "skip")
    cast(votes, THIRD, "a", "ship")
    cast(votes, THIRD, "b", "ship")
    votes.follow([change("a", "b", 1)], AT)
    assert votes.counts() == counts(tmp_path) == {"b": (1, 2)}
    assert not cast(votes, SECOND, "b", "skip") and cast(votes, FIRST, "b", "ship")
    assert counts(tmp_path) == {"b": (2, 1)}


def test_a_name_that_comes_back_brings_the_votes_back(tmp_path: Path) -> None:
    votes, changes = Votes(tmp_path), [change("a", "b", 1)]
    cast(votes, FIRST, "a")
    votes.follow(changes, AT)
    cast(votes, FIRST, "b", "skip")
    changes.append(change("b", "a", 2))
    votes.follow(changes, AT)
    votes.begin(["a"], AT)
    cast(votes, SECOND, "a")
    assert counts(tmp_path) == {"a": (1, 1)}
    changes.append(change("a", "b", 3))
    votes.follow(changes, AT)
    assert counts(tmp_path) == {"b": (1, 1)}


def test_another_tool_of_an_old_name_begins_without_votes(tmp_path: Path) -> None:
    votes, changes = Votes(tmp_path), [change("a", "b", 1)]
    cast(votes, FIRST, "a")
    votes.follow(changes, AT)
    votes.begin(["a", "b"], AT)
    cast(votes, FIRST, "a", "skip")
    assert votes.counts() == counts(tmp_path) == {"a": (0, 1), "b": (1, 0)}
    changes.append(change("a", "c", 2))
    votes.follow(changes, AT)
    votes.follow([change("a", "b")], AT)
    assert votes.counts() == counts(tmp_path) == {"b": (1, 0), "c": (0, 1)}


def test_a_name_that_has_had_two_tools_is_not_given_away_by_a_file_of_verdicts(
    tmp_path: Path,
) -> None:
    votes = Votes(tmp_path)
    votes.follow([change("a", "b", 1)], AT)
    votes.begin(["a"], AT)
    cast(votes, FIRST, "a")
    votes.follow([change("a", "c")], AT)
    assert counts(tmp_path) == {"a": (1, 0)}


def test_a_rename_that_is_heard_of_late_is_about_the_tool_of_that_time(tmp_path: Path) -> None:
    votes = Votes(tmp_path)
    cast(votes, FIRST, "a")
    votes.follow([change("a", "b")], "2026-11-24T12:05:00.000000")
    votes.begin(["a"], "2026-11-24T12:10:00.000000")
    cast(votes, SECOND, "a")
    votes.follow([change("a", "b", 1)], "2026-11-24T12:20:00.000000")
    assert counts(tmp_path) == {"a": (1, 0), "b": (1, 0)}


def test_votes_of_two_tools_that_were_joined_stay_joined_under_every_name(tmp_path: Path) -> None:
    votes = Votes(tmp_path)
    for visitor, tool in ((FIRST, "q"), (SECOND, "a")):
        cast(votes, visitor, tool)
    votes.follow([change("q", "b", 1), change("a", "b", 2)], AT)
    cast(votes, THIRD, "q")
    assert counts(tmp_path) == {"b": (3, 0)}
    assert votes.bounded_as("q") == votes.bounded_as("b") == ("a", "q")


def test_what_is_followed_already_writes_nothing(tmp_path: Path) -> None:
    votes, file = Votes(tmp_path), tmp_path / "community/votes.jsonl"
    votes.follow([], AT)
    votes.begin(["a"], AT)
    votes.foresee([change("a", "b", 1)], AT)
    assert not file.exists()
    known = [change("a", "b", 1), change("x", "b")]
    Votes(tmp_path).follow(known, AT)
    Votes(tmp_path).begin(["a", "b"], AT)
    before = file.read_bytes()
    Votes(tmp_path).follow(known, AT)
    Votes(tmp_path).begin(["a", "b"], AT)
    assert file.read_bytes() == before and before.count(b"\n") == 3


def test_names_that_are_no_slugs_are_not_written(tmp_path: Path) -> None:
    odd = ["", "../a", "A", "a b", "a/1", "a\n", "a" * 5000]
    changes = [change(name, "b", 1) for name in odd] + [change("a", name) for name in odd]
    Votes(tmp_path).follow([*changes, change("a", "a", 2)], AT)
    assert not (tmp_path / "community").exists()


def test_damaged_lines_of_renames_count_for_nothing(tmp_path: Path) -> None:
    file = tmp_path / "community/votes.jsonl"
    file.parent.mkdir()
    fine = {"kind": "rename", "change": {"was": "a", "now": "b", "at": ""}, "at": AT}
    lines = [
        {"kind": "vote", "visitor": FIRST, "tool": "a", "vote": "ship", "at": AT},
        fine | {"change": {"was": "a", "now": "c"}},
        fine | {"change": ["a", "c", ""]},
        {"kind": "begin", "at": AT},
        fine,
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    votes = Votes(tmp_path)
    assert votes.counts() == {"b": (1, 0)} and votes.damaged == 3


def test_an_old_name_is_not_imported_for_the_tool_that_has_it_next(tmp_path: Path) -> None:
    votes, file = Votes(tmp_path), tmp_path / "votes.csv"
    file.write_text("tool,ships,skips\na,3,1\n")
    votes.follow([change("a", "b", 1)], AT)
    with pytest.raises(UsageError, match=r"'a' has been the name of 'b'.*Publish"):
        votes.import_csv(file, {"a", "b"}, Secret(b"k" * 64), AT)
    votes.begin(["a"], AT)
    assert votes.import_csv(file, {"a", "b"}, Secret(b"k" * 64), AT)
    assert counts(tmp_path) == {"a": (3, 1)}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("rename"), st.sampled_from("abcd"), st.sampled_from("abcd")),
        st.tuples(st.just("told"), st.sampled_from("abcd"), st.sampled_from("abcd")),
        st.tuples(st.just("begin"), st.sampled_from("abcd"), st.just("")),
    ),
    max_size=30,
)


@settings(max_examples=300)
@given(STEPS)
def test_whatever_is_renamed_no_two_tools_have_one_name_and_every_name_leads_to_one(
    steps: list[tuple[str, str, str]],
) -> None:
    names = Names()
    for number, (kind, one, other) in enumerate(steps):
        at = f"2026-11-24T12:00:00.{number:06}"
        if kind == "begin":
            names.begin(one, at)
        elif one != other:
            names.rename(SlugChange(one, other, at if kind == "rename" else ""), at)
        for slug in "abcd":
            present = names.slug(names.tool(slug))
            assert names.tool(present) == names.tool(slug)
