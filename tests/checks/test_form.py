"""The form of a take: its beats and its length."""

from __future__ import annotations

import pytest

from panel.checks import check_take
from tests.support.check_subjects import BUILDER, a_take


@pytest.mark.parametrize(
    ("words", "severity"),
    [
        (90, None),
        (160, None),
        (89, "warning"),
        (161, "warning"),
        (44, "error"),
        (45, "warning"),
        (240, "warning"),
        (241, "error"),
    ],
)
def test_length_is_weighed_by_its_distance(words: int, severity: str | None) -> None:
    findings = check_take(a_take("word " * words), [])
    assert [one.severity for one in findings if one.check == "length"] == [severity][
        : bool(severity)
    ]


def test_a_missing_or_empty_beat_is_an_error_that_names_it() -> None:
    beats = {beat.id: "Text." for beat in BUILDER.beats} | {"dx_bet": " "}
    del beats["primitive"]
    findings = check_take(a_take("Text. Text.", beats=beats), [])
    missing = [one for one in findings if one.check == "beat-missing"]
    assert [one.quote for one in missing] == ["primitive", "dx_bet"]
    assert all(one.severity == "error" and one.span is None for one in missing)


def test_an_editors_words_have_no_beats_to_miss() -> None:
    findings = check_take(a_take("Text."), [])
    assert not any(one.check == "beat-missing" for one in findings)


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_take_is_one_error(text: str) -> None:
    (finding,) = check_take(a_take(text), [])
    assert (finding.check, finding.severity) == ("take-empty", "error")
