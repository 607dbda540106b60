"""A quote that says the opposite of its source is an altered one, however alike the letters are."""

from __future__ import annotations

import pytest

from panel.checks import check_take
from tests.support.check_subjects import a_take, a_tool


@pytest.mark.parametrize(
    ("stated", "quote"),
    [
        ("It is for non-commercial enjoyment alone.", "It is for commercial enjoyment alone"),
        ("It is for non-commercial enjoyment alone.", "commercial enjoyment alone"),
        ("The plan has unlimited seats for all.", "The plan has limited seats for all"),
        ("Its answers are rarely inaccurate on prose.", "answers are rarely accurate on prose"),
        ("The default is a harmless answer.", "The default is a harmful answer"),
        ("It treats typical letters as noise.", "It treats atypical letters as noise"),
        ("Every customer is opted in by default.", "Every customer is opted out by default"),
    ],
)
def test_a_word_that_is_turned_into_its_opposite_makes_a_quote_an_altered_one(
    stated: str, quote: str
) -> None:
    take = a_take(
        "A ship.", tool=a_tool("Kiln", f"Kiln sorts letters. {stated}"), evidence=(quote,)
    )
    found = {(one.check, one.severity) for one in check_take(take, []) if "evidence" in one.check}
    assert found == {("evidence-altered", "error")}
