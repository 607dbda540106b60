"""Paths of the site: safe, short and never shared, whatever things are called."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from panel.site.addresses import (
    href,
    listing_path,
    listing_slugs,
    numbered_path,
    pair_slugs,
    root_of,
)
from panel.site.output import is_inside
from panel.workspace.tools import slugify

NAMES = st.text(max_size=40) | st.sampled_from(["C", "C++", "c", "C#", "..", "/", "con", "工具"])
SLUGS = st.text(min_size=1, max_size=30).map(slugify)


@given(st.lists(NAMES, max_size=12))
def test_every_name_has_a_safe_slug_of_its_own(names: list[str]) -> None:
    slugs = listing_slugs(names)
    assert slugs.keys() == set(names) and len(set(slugs.values())) == len(slugs)
    for slug in slugs.values():
        assert slug and len(f"{slug}.html".encode()) <= 255 and is_inside(f"tags/{slug}.html")
        assert "/" not in slug and not slug.startswith(".")


@given(st.lists(NAMES, max_size=12))
def test_what_a_name_gets_depends_on_no_order(names: list[str]) -> None:
    assert listing_slugs(names) == listing_slugs(reversed(names))


def test_of_names_that_share_a_slug_the_one_that_reads_like_it_keeps_it() -> None:
    slugs = listing_slugs(["C", "C++", "C#", "Data"])
    assert slugs["C"] == "c" and slugs["Data"] == "data"
    assert slugs["C++"].startswith("c-") and slugs["C++"] != slugs["C#"]


def test_a_name_that_imitates_another_ones_hash_does_not_take_its_place() -> None:
    imitated = listing_slugs(["C", "C++"])["C++"]
    slugs = listing_slugs(["C", "C++", imitated])
    assert len(set(slugs.values())) == 3 and slugs[imitated] == imitated


@given(st.lists(st.tuples(SLUGS, SLUGS), max_size=12))
def test_every_pair_has_a_short_name_of_its_own(pairs: list[tuple[str, str]]) -> None:
    slugs = pair_slugs(pairs)
    assert slugs.keys() == set(pairs) and len(set(slugs.values())) == len(slugs)
    assert all(len(f"{slug}.html".encode()) <= 255 for slug in slugs.values())


def test_pairs_that_read_alike_are_told_apart() -> None:
    slugs = pair_slugs([("a-vs-b", "c"), ("a", "b-vs-c"), ("x", "y")])
    assert len(set(slugs.values())) == 3 and slugs["x", "y"] == "x-vs-y"


def test_long_slugs_make_a_name_a_file_system_takes() -> None:
    [name] = pair_slugs([("工" * 66, "具" * 66)]).values()
    assert len(name.encode()) <= 200


def test_addresses_are_encoded_and_relative() -> None:
    assert href("tools/工 具.html") == "tools/%E5%B7%A5%20%E5%85%B7.html"
    assert root_of("index.html") == "" and root_of("a/b/2.html") == "../../"
    assert listing_path("tags", "x", 2) == "tags/x/2.html"
    assert numbered_path("tools.html", 1) == "tools.html"
    assert numbered_path("tools.html", 3) == "tools-3.html"
