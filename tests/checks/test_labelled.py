"""How well the checks do on takes labelled by hand: floors that may only be raised.

The figures stand in docs/checks.md; ``python -m tests.support.labelled_takes --misses``
prints them.
"""

from __future__ import annotations

import pytest

from tests.support.labelled_takes import HALVES, measure, takes


def test_the_set_is_as_large_as_promised() -> None:
    assert sum(len(takes(half)) for half in HALVES) >= 40
    assert sum(len(one.labels) for half in HALVES for one in takes(half)) >= 100


@pytest.mark.parametrize("half", HALVES)
def test_labels_stand_where_they_say(half: str) -> None:
    for take in takes(half):
        assert "[[" not in take.subject.text and "]]" not in take.subject.text
        assert 90 <= len(take.subject.text.split()) <= 160, take.subject.text[:60]
        for label in take.labels:
            assert label.span is None or take.subject.text[slice(*label.span)].strip()


@pytest.mark.parametrize(
    ("half", "precision", "recall"),
    [("development", 0.95, 0.95), ("held-out", 0.92, 0.85), ("fresh", 0.95, 0.9)],
)
def test_precision_and_recall_keep_their_floors(half: str, precision: float, recall: float) -> None:
    figures = measure(half).all
    assert figures.precision >= precision, measure(half).misses
    assert figures.recall >= recall, measure(half).misses


@pytest.mark.parametrize("half", HALVES)
def test_errors_are_nearly_always_right(half: str) -> None:
    errors = measure(half).errors
    assert errors.findings >= 3 and errors.precision >= 0.9, measure(half).misses


@pytest.mark.parametrize(("name", "warnings"), [("recorded", 0), ("second/recorded", 1)])
def test_a_capable_models_takes_as_they_came_have_no_errors(name: str, warnings: int) -> None:
    measured = measure(name)
    assert measured.errors.findings == 0, measured.misses
    assert measured.warnings.findings <= warnings, measured.misses


@pytest.mark.parametrize("name", ["planted", "second/planted"])
def test_faults_that_others_planted_are_found_and_little_else(name: str) -> None:
    measured = measure(name)
    assert measured.errors.precision >= 0.95, measured.misses
    assert measured.warnings.precision >= 0.9, measured.misses
    assert measured.all.labels == 60 and measured.all.recall >= 0.85, measured.misses


@pytest.mark.parametrize("half", HALVES)
def test_notes_do_not_drown_the_reader(half: str) -> None:
    assert measure(half).notes <= 2 * measure(half).takes


def test_the_planted_false_licence_claim_is_an_error() -> None:
    """The skeptic's aside on Command R+ names a licence that the description holds, too."""
    first = takes("development")[0]
    (label,) = [one for one in first.labels if one.check == "licence-about-another"]
    assert first.subject.text[slice(*label.span)] == "Apache 2.0"
    assert "Apache 2.0" in first.subject.tool.description
    assert not [miss for miss in measure("development").misses if "licence" in miss]
