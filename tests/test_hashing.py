"""Equal values have equal hashes, on any machine and in any year."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.hashing import canonical_json, content_hash, list_hash, text_hash

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def test_a_hash_names_its_method_and_never_changes() -> None:
    assert content_hash({"b": [1, None], "a": "é"}) == "b2:d76dff578d92e51130e57f3ca4fabb6c"
    assert text_hash("") == "cae66941d9efbd404e4d88758ea67670"


@pytest.mark.slow
@given(st.dictionaries(st.text(), values))
def test_the_order_of_keys_does_not_matter(mapping: dict[str, object]) -> None:
    assert content_hash(dict(reversed(mapping.items()))) == content_hash(mapping)


@given(values)
def test_canonical_text_is_json_without_spaces(value: object) -> None:
    assert json.loads(canonical_json(value)) == value
    assert canonical_json(json.loads(canonical_json(value))) == canonical_json(value)


@given(st.text(), st.text())
def test_different_texts_have_different_hashes(one: str, other: str) -> None:
    assert (text_hash(one) == text_hash(other)) == (one == other)


def test_lone_surrogates_can_be_hashed() -> None:
    assert text_hash("\ud800") != text_hash("\ud801")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": {1, 2}}, b"bytes"])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        content_hash(value)


@given(st.lists(values))
def test_a_list_hashes_alike_when_its_items_are_written_already(items: list[object]) -> None:
    assert list_hash(map(canonical_json, items)) == content_hash(items)
