"""Vote ids follow from renames alone: one for each tool, the same under every name."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.cells.renames import Rename
from panel.cells.vote_ids import is_vote_id, vote_ids
from panel.workspace.tools import SLUG_CHARACTERS, is_slug

NONE = dict[str, tuple[str, ...]]()


def renames(text: str) -> list[Rename]:
    """Read renames such as "a>b b>c"."""
    pairs = (each.split(">") for each in text.split())
    return [Rename("tool", was, now) for was, now in pairs]


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ("", {"a": "a", "b": "b"}),
        ("a>b", {"b": "a"}),
        ("a>b b>c", {"c": "a"}),
        ("a>b b>a", {"a": "a"}),
        ("a>b", {"b": "a", "a": "a~b"}),
        ("a>b a>c", {"b": "a", "c": "a~b", "a": "a~c"}),
        ("a>b b>c a>b", {"c": "a", "b": "a~b", "a": "a~b~2"}),
        ("a>t b>a t>b", {"a": "b", "b": "a"}),
        ("a>b a>b", {"b": "a", "a": "a~b"}),
        ("a>b a>b b>c b>c", {"c": "a"}),
    ],
)
def test_an_id_is_the_first_slug_and_a_later_tool_of_that_slug_has_another(
    known: str, found: dict[str, str]
) -> None:
    assert vote_ids(found.keys(), renames(known), NONE) == found


@pytest.mark.parametrize(
    ("known", "formerly", "found"),
    [
        ("", {"b": ("a",)}, {"b": "a"}),
        ("", {"c": ("a", "b")}, {"c": "a"}),
        ("b>c", {"c": ("a", "b")}, {"c": "a"}),
        ("a>b b>c", {"c": ("a", "b")}, {"c": "a"}),
        ("", {"b": ("a",)}, {"a": "a", "b": "b"}),
        ("a>c", {"b": ("a",)}, {"b": "b", "c": "a"}),
        ("a>c", {"b": ("c",)}, {"b": "b"}),
        ("", {"b": ("a",), "c": ("a",)}, {"b": "a", "c": "c"}),
        ("", {"b": ("a",), "c": ("a",)}, {"c": "a"}),
        ("", {"b": ("../a",), "c": ("a~b",)}, {"b": "b", "c": "c"}),
        ("", {"b": ()}, {"b": "b"}),
    ],
)
def test_a_file_is_believed_only_about_a_slug_of_which_nothing_else_is_known(
    known: str, formerly: dict[str, tuple[str, ...]], found: dict[str, str]
) -> None:
    assert vote_ids(found.keys(), renames(known), formerly) == found


def test_the_rename_of_a_persona_is_none_of_a_tool() -> None:
    assert vote_ids(["b"], [Rename("persona", "a", "b")], NONE) == {"b": "b"}


STEP = st.tuples(
    st.sampled_from(["rename", "rename", "new", "remove"]),
    st.sampled_from("abcd"),
    st.sampled_from("abcd"),
    st.booleans(),
)


@settings(max_examples=1000, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_whatever_is_renamed_a_tool_keeps_its_id_and_no_other_ever_has_it(
    steps: list[tuple[str, str, str, bool]],
) -> None:
    """A tool that is brought back at its slug is the same; `gone` holds those that may be."""
    number = itertools.count()
    here, gone = {"a": next(number)}, dict[str, int]()
    known: list[Rename] = []
    owners = {"a": 0}
    for action, slug, other, twice in steps:
        if action == "new" and slug not in here:
            here[slug] = gone.pop(slug) if slug in gone else next(number)
        elif action == "remove" and slug in here:
            gone[slug] = here.pop(slug)
        elif action == "rename" and slug in here and other not in here and slug != other:
            touching = [each for each in known if {slug, other} & {each.was, each.now}]
            if touching[-1:] == [Rename("tool", slug, other)]:
                continue  # it would be the same rename, told twice
            here[other] = here.pop(slug)
            gone.pop(other, None)
            known += [Rename("tool", slug, other)] * (1 + twice)
        for each, vote_id in vote_ids(here.keys(), known, NONE).items():
            assert owners.setdefault(vote_id, here[each]) == here[each]
            assert is_vote_id(vote_id)


TEXT = st.one_of(st.sampled_from(["a", "b", "c", "a~b", "A", "", "x" * 99]), st.text(max_size=9))


@given(
    st.sets(st.sampled_from(["a", "b", "c", "d"])),
    st.lists(st.builds(Rename, of=st.just("tool"), was=TEXT, now=TEXT), max_size=12),
    st.dictionaries(TEXT, st.lists(TEXT, max_size=4)),
)
def test_no_journal_and_no_file_gives_two_tools_one_id(
    present: set[str], known: list[Rename], formerly: dict[str, list[str]]
) -> None:
    found = vote_ids(present, known, formerly)
    assert found.keys() == present and len(set(found.values())) == len(found)
    assert all(map(is_vote_id, found.values()))


def test_the_longest_slugs_have_an_id_and_what_is_longer_is_none() -> None:
    one, other = "x" * SLUG_CHARACTERS, "y" * SLUG_CHARACTERS
    assert is_slug(one)
    back_and_forth = [Rename("tool", one, other), Rename("tool", other, one)] * 30
    found = vote_ids([one, other], back_and_forth, NONE)
    assert found == {one: one, other: f"{other}~{one}~30"} and is_vote_id(found[other])
    for text in (
        f"{one}x",
        f"{one}~{other}~100000",
        f"{one}~{other}~{one}",
        "a~b~0",
        "a~",
        "~",
        "",
    ):
        assert not is_vote_id(text)
    assert not is_vote_id("a~b~2~3") and not is_vote_id("a/b") and not is_vote_id("a~B")
