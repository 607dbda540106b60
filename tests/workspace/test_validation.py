"""Fields against their model: what is wrong, where, and the nearest valid word."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from panel.errors import WorkspaceError
from panel.workspace.documents import no_lines, yaml_lines
from panel.workspace.validation import MOST_NAMED, did_you_mean, nearest, validate

FILE = Path("here.yaml")


class Price(BaseModel):
    model_config = ConfigDict(extra="forbid")
    entry: str
    plans: dict[str, int] = {}


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=5)
    price: Price | None = None


def problems(fields: dict[str, object], source: str = "") -> list[str]:
    lines = yaml_lines(source) if source else no_lines
    with pytest.raises(WorkspaceError) as caught:
        validate(Thing, fields, FILE, lines)
    return [str(problem) for problem in caught.value.problems]


def test_valid_fields_become_the_model() -> None:
    thing = validate(Thing, {"name": "x", "price": {"entry": "Free"}}, FILE, no_lines)
    assert thing.price is not None and thing.price.entry == "Free"


def test_all_problems_come_at_once_each_with_its_line() -> None:
    source = "zzz: x\nprice:\n  zzz: Free\n"
    found = problems({"zzz": "x", "price": {"zzz": "Free"}}, source)
    assert sorted(found) == sorted(
        [
            "here.yaml:1: name: is missing. Add 'name'.",
            "here.yaml:1: zzz: unknown key 'zzz'. Valid here: name, price.",
            "here.yaml:2: price.entry: is missing. Add 'entry'.",
            "here.yaml:3: price.zzz: unknown key 'zzz'. Valid here: entry, plans.",
        ]
    )


def test_a_misspelt_key_is_one_problem_and_the_right_one_is_not_missing_besides() -> None:
    source = "nmae: x\nprice:\n  Entry: Free\n"
    assert sorted(problems({"nmae": "x", "price": {"Entry": "Free"}}, source)) == [
        "here.yaml:1: nmae: unknown key 'nmae'. Did you mean 'name'?",
        "here.yaml:3: price.Entry: unknown key 'Entry'. Did you mean 'entry'?",
    ]


def test_a_length_is_said_in_words() -> None:
    assert "is empty" in problems({"name": ""})[0]
    assert "more than 5 characters" in problems({"name": "abcdefg"})[0]


def test_text_in_the_place_of_a_table_is_not_repeated() -> None:
    """It may be a secret gone astray."""
    (found,) = problems({"name": "x", "price": "sk-secret"})
    assert "sk-secret" not in found


def test_a_long_list_of_valid_words_is_cut_and_says_so() -> None:
    words = [f"word-{number:03}" for number in range(MOST_NAMED + 4)]
    assert did_you_mean("zzz", words).endswith("word-015 and 4 more.")


def test_case_is_no_difference() -> None:
    assert nearest("FERROWISP", ["ferrowisp", "fennmark"]) == "ferrowisp"


def test_a_near_word_is_offered_and_else_all_of_them() -> None:
    assert nearest("taglin", ["name", "tagline"]) == "tagline"
    assert did_you_mean("taglin", ["name", "tagline"]) == "Did you mean 'tagline'?"
    assert did_you_mean("ministral-3b", ["ministral-3-3b", "ministral-3-8b"]).endswith("3-3b'?")
    assert did_you_mean("zzz", ["b", "a"]) == "Valid here: a, b."
    assert did_you_mean("zzz", []) == "Remove it."
