"""Every mistake that a file's fields can hold is said in words that need no Python."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic_core.core_schema import ErrorType

from panel.errors import Problem, WorkspaceError
from panel.frozen.canaries import CanaryCheck
from panel.frozen.files import FrozenTool, parse_document
from panel.workspace.documents import no_lines
from panel.workspace.mistakes import in_words
from panel.workspace.personas import Persona
from panel.workspace.settings import Settings
from panel.workspace.tools import Tool
from panel.workspace.validation import validate
from tests.support.frozen_verdicts import freeze
from tests.support.sizes import LONG, size
from tests.support.space import Space

PRICING = {
    "entry": "Free",
    "plans": [{"name": "Pro", "price": "$5", "includes": "all"}],
    "verified": "2026-01-31",
}
TOOL = {
    "slug": "a",
    "name": "A",
    "tagline": "t",
    "category": "c",
    "description": "d",
    "url": "https://a.example",
    "links": {"docs": "https://a.example"},
    "tags": ["x"],
    "released": "2026-01-31",
    "pricing": PRICING,
}
PERSONA = {
    "id": "p",
    "name": "P",
    "motto": "m",
    "order": 1,
    "ship_bar": "s",
    "skip_bar": "s",
    "voice": "v",
    "avoid": ["x"],
    "beats": [{"id": "a", "label": "l", "ask": "a"}],
}
ENDPOINT = {
    "preset": "vllm",
    "base_url": "http://h",
    "model": "m",
    "api_key_env": "A_KEY",
    "concurrency": 1,
    "timeout_seconds": 1.5,
    "rpm": 1,
    "tpm": 1,
    "profile": "standard",
    "weights": "w.gguf",
    "context": 512,
    "threads": 1,
    "prices": {"prompt": 1, "completion": 1, "cached": 1},
}
SAMPLING = {"temperature": 1, "top_p": 1, "max_tokens": 16, "seed": 1, "extra": {}}
SETTINGS = {
    "panel": {"personas": ["p"], "endpoint": "vllm"},
    "sampling": SAMPLING,
    "limits": {"concurrency": 1, "timeout_seconds": 1, "attempts": 1, "rpm": 1, "tpm": 1},
    "ci": {"canaries": ["a"], "canary_cells": 1, "repeats": 1, "most_repeats": 1},
    "endpoints": {"own": {**ENDPOINT, "sampling": {**SAMPLING}}},
    "site": {
        "title": "t",
        "base_url": "https://h",
        "description": "d",
        "author": "a",
        "personas": ["p"],
        "newsletter": "n",
        "contact": "c",
        "pairs": [["a", "b"]],
        "all_pairs": True,
        "community": True,
        "max_pairs_per_category": 1,
        "stale_price_days": 1,
    },
}
CANARIES = {
    "format": 1,
    "run_id": "r",
    "model_identity": "m",
    "asked_at": "2026-01-31T00:00:00Z",
    "accepted": True,
    "returned_models": ["m"],
    "system_fingerprints": ["s"],
    "canaries": {"a": {"p": {"b2:1": "ship"}}},
}
FILES: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (Tool, TOOL),
    (Persona, PERSONA),
    (Settings, SETTINGS),
]
# What YAML, TOML, JSON, CSV and Parquet can hold in any place.
VALUES: list[Any] = [
    *("", "x", " ", "x" * 200_000, "\ud800", "a\nb", "12", "true", "2026-13-45"),
    *("2026-01-31T10:00:00", "http://[", "\0", "sk-secret"),
    *(0, -1, 2, 10**30, 0.5, -0.5, float("nan"), float("inf"), True, False, None),
    *([], [[]], ["", "", ""], [1] * 20, {}, {"x": 1}, {"": 1}, {5: "x"}, {"x": {"y": []}}),
    *(datetime(2026, 1, 31, 10, tzinfo=UTC), b"\xff"),
]
FOREIGN = re.compile(
    r"Input|input should|instance|dictionary|\bdict\b|\bstring|\bstr\b|\bint\b|\bbool|integer|float"
    r"|\btuple|validation|class\b|None|True|False|pydantic|keyword|[Vv]alue error|cannot be used"
    r"|Settings|Pricing|PricePlan|Sampling|Limits|Beat\b|Frozen|Canary|Answer|Inputs|\.\.",
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every value inside a record."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key)
            yield from places(item, (*path, key))


def spoilt(record: dict[str, Any], path: tuple[str | int, ...]) -> Iterator[dict[str, Any]]:
    """Yield the record with each wrong value in one place, with none, and with one too many."""
    for value in VALUES:
        made = copy.deepcopy(record)
        inside(made, path)[path[-1]] = value
        yield made
    less, more = copy.deepcopy(record), copy.deepcopy(record)
    del inside(less, path)[path[-1]]
    yield less
    above = inside(more, path)
    if isinstance(above, dict):
        above["zzz"] = 1
    yield more


def inside(record: Any, path: tuple[str | int, ...]) -> Any:
    for part in path[:-1]:
        record = record[part]
    return record


def problems(model: type[BaseModel], record: dict[str, Any]) -> list[Problem]:
    try:
        if model in (CanaryCheck, FrozenTool):  # as they are read
            text = json.dumps(record, default=str)
            parse_document(model, text, Path("here.json"))
        else:
            validate(model, record, Path("here.yaml"), no_lines)
    except WorkspaceError as error:
        return error.problems
    return []


@pytest.mark.parametrize(("model", "record"), FILES, ids=lambda one: getattr(one, "__name__", ""))
def test_any_wrong_value_in_any_field_is_told_in_plain_words(
    model: type[BaseModel], record: dict[str, Any]
) -> None:
    check_every_place(model, record)


@pytest.mark.slow
def test_a_frozen_verdict_edited_by_hand_is_told_in_plain_words(asked: Space) -> None:
    freeze(asked)
    record = json.loads((asked.root / "verdicts/anvil.json").read_text(encoding="utf-8"))
    record["personas"] = dict(list(record["personas"].items())[:1])
    (verdict,) = record["personas"].values()
    named = {"decision_id": "d", "action": "approve", "editor": "e", "note": "n", "text": "t"}
    answer = verdict["answers"][0]
    shared = ("verdict", "confidence", "fingerprint", "attempt_id", "model_identity", "repeat")
    when = {"decided_at": answer["asked_at"]}
    approved = {**named, **when, **{name: answer[name] for name in shared}}
    confirmed = {**approved, "decision_id": "c", "action": "confirm", "question": "b2:1"}
    confirmed |= {"follows": "d", "evidence": ["e"]}
    undone = {"decision_id": "u", "action": "undo", "editor": "e", **when}
    undone |= {"follows": "c", "undoes": "c"}
    verdict["decisions"] = size([confirmed, undone], [approved, confirmed, undone])
    if LONG:
        verdict["kept"] = answer
    record["formerly"] = ["crane"]
    check_every_place(FrozenTool, record)


def test_canaries_on_file_edited_by_hand_are_told_in_plain_words() -> None:
    check_every_place(CanaryCheck, CANARIES)


def check_every_place(model: type[BaseModel], record: dict[str, Any]) -> None:
    assert problems(model, record) == []
    told = 0
    for path in places(record):
        for wrong in spoilt(record, path):
            for problem in problems(model, wrong):
                told += 1
                said = problem.message + ". " + problem.remedy
                plain = re.sub(r"'[^']*'|\"[^\"]*\"", "", said)  # what the author wrote
                assert not FOREIGN.search(plain), (path, said)
                assert problem.message and problem.remedy.endswith((".", "?")), (path, said)
                assert len(said) < 400 and said.count("xxx") < 40, (path, said)
    assert told > 100


@pytest.mark.parametrize("kind", get_args(ErrorType))
def test_no_type_of_error_is_told_in_the_words_of_pydantic(kind: str) -> None:
    context = dict.fromkeys(("gt", "ge", "lt", "le", "multiple_of", "max_length", "min_length"), 3)
    said = "Value error, is wrong. Mend it."
    error = {"type": kind, "msg": said, "ctx": {**context, "expected": "'a' or 'b'"}, "input": 7}
    message, remedy = in_words(error)
    assert message and remedy.endswith(".")
    assert not FOREIGN.search(message.replace("cannot be used here", "")), message


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("pricing",), "sk-secret", "must be a table of fields, not text"),
        (("pricing", "plans"), "Pro", "must be a list, not 'Pro'"),
        (("released",), "soon", "must be a date, not 'soon'"),
        (("tags",), {"a": "b"}, "must be a list, not a table of fields"),
        (("tagline",), ["a"], "must be text, not a list"),
        (("tagline",), None, "must be text, not nothing"),
        (("links",), {"": "https://a.example"}, "its name is empty"),
    ],
)
def test_a_value_is_said_beside_what_it_must_be(
    place: tuple[str, ...], value: Any, says: str
) -> None:
    made = copy.deepcopy(TOOL)
    inside(made, place)[place[-1]] = value
    (problem,) = problems(Tool, made)
    assert problem.message == says


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("limits", "attempts"), 0, "must be at least 1, not 0. Write a larger number."),
        (("limits", "attempts"), 2.5, "must be a whole number, not 2.5."),
        (("sampling", "temperature"), 5, "must be at most 2, not 5. Write a smaller number."),
        (("site", "community"), "ja", "must be true or false, not 'ja'."),
        (("site", "pairs"), [["a"]], "has no entry 2. Add the missing entry."),
        (("site", "pairs"), [["a", "b", "c"]], "has more than 2 entries."),
        (("site", "title"), "a\nb", "holds a line break or a control character."),
        (("panel", "personas"), [], "is empty. Fill it in."),
        (("endpoints", "own", "profile"), "big", "must be 'standard' or 'extractive', not 'big'."),
        (("endpoints", "own", "prices"), "5", "not text. Its fields are prompt, completion,"),
    ],
)
def test_a_setting_is_told_with_its_bounds(place: tuple[str, ...], value: Any, says: str) -> None:
    made = copy.deepcopy(SETTINGS)
    inside(made, place)[place[-1]] = value
    (problem,) = problems(Settings, made)
    assert says in f"{problem.message}. {problem.remedy}"
