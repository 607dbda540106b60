"""Stored lines that nobody wrote so: named, left out, and nothing that reads on fails over them."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from panel.cells.journal import find_journals
from panel.desk.session import Desk
from panel.runs.reparse import reparse
from panel.store.ingest import rebuild
from panel.workspace.loading import load_workspace
from tests.support.editors import do
from tests.support.frozen_verdicts import freeze
from tests.support.journals import Line, plain_lines, sealed_anew
from tests.support.mock_endpoint import MockEndpoint
from tests.support.sizes import size
from tests.support.space import Panel, Space
from tests.support.templates import Templates, everything_asked

NUMBERS = itertools.count()


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


ODD = st.sampled_from(
    [
        *(None, "", 0, -1, 10**30, 1e308, float("nan"), True, [], {}, [None], {"a": None}),
        *("x", "b2:0", "2026-13-45", "9999-12-31T23:59:59Z", "\0", "\x1b[2J", "ship", "[]"),
        *(nested(5), nested(150), {"id": 1}, "x" * 501, [[]], {"": ""}, 0.5, "10000000", 2**63),
    ]
)


@st.composite
def oddly(draw: st.DrawFn, value: Any) -> Any:
    """Change a value of JSON, or a part of it: another type, another value, a part removed."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(value)))
        if draw(st.integers(0, 3)) == 0:
            return {key: item for key, item in value.items() if key != name}
        return value | {name: draw(oddly(value[name]))}
    if isinstance(value, list) and value and draw(st.booleans()):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], draw(oddly(value[place])), *value[place + 1 :]]
    return draw(ODD)


@st.composite
def odd_lines(draw: st.DrawFn, lines: list[Line]) -> list[Line]:
    """Change some fields of some lines."""
    made = [*lines]
    for place in draw(st.lists(st.integers(0, len(lines) - 1), min_size=1, max_size=4)):
        fields = sorted(made[place].keys() - {"kind", "format"})
        if not fields:
            continue
        name = draw(st.sampled_from(fields))
        if draw(st.integers(0, 5)) == 0:
            made[place] = {key: each for key, each in made[place].items() if key != name}
        else:
            made[place] = made[place] | {name: draw(oddly(made[place][name]))}
    return made


def decided_and_reparsed(space: Space, mock: MockEndpoint) -> None:
    """Ask everything; approve one take, ask for another again, read one reply as a later parser."""
    everything_asked(space, mock)
    do(space, "approve")
    do(space, "ask_again", ("bellows", "skeptic"), note="Look again.")
    names = ("attempt_id", "outcome", "verdict", "confidence", "take", "beats", "evidence", "reply")
    for file in space.journals:
        lines = plain_lines(file)
        first = next((line for line in lines if line["kind"] == "attempt"), None)
        if first:
            read = {"kind": "reparse", "format": 4, "read_at": "2026-11-24T09:00:00"}
            sealed_anew(file, [*lines, read | {name: first[name] for name in names}])


def read_by_all(space: Space) -> Iterator[str]:
    """Let everything read the journals that reads what is stored; yields what it was."""
    rebuild(space.root / "runs")
    yield "rebuild"
    reparse(load_workspace(space.root), None)
    yield "reparse"
    desk = Desk(space.root, "Ada")
    try:
        for entry in desk.snapshot().entries:
            desk.findings(entry)
    finally:
        desk.close()
    yield "desk"
    freeze(space)
    yield "freeze"


@pytest.mark.slow
@pytest.mark.timeout(size(300, 3600))
@settings(
    max_examples=size(4, 400),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_whatever_a_stored_line_holds_nothing_that_reads_it_fails(
    data: st.DataObject, templates: Templates, tmp_path: Path
) -> None:
    """Sealed as they are, so that no seal keeps them out: of another version, say."""
    space = templates.copy(decided_and_reparsed, tmp_path / str(next(NUMBERS)))
    for file in space.journals:
        sealed_anew(file, data.draw(odd_lines(plain_lines(file))))
    assert [*read_by_all(space)] == ["rebuild", "reparse", "desk", "freeze"]
    shutil.rmtree(space.root)


ATTEMPT: list[tuple[str, Any]] = [
    *(("beats", None), ("beats", {}), ("beats", "x"), ("beats", {"one": 1}), ("beats", [1])),
    *(("evidence", "quote"), ("evidence", [1]), ("fingerprint", ""), ("tool", ""), ("tool", None)),
    *(("repeat", 10**6), ("persona", 5), ("verdict", "perhaps"), ("confidence", "sure")),
    *(("finished_at", "yesterday"), ("prompt_tokens", 10**30), ("messages", nested(100))),
]


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize(("name", "value"), ATTEMPT)
def test_an_attempt_of_which_no_answer_can_be_made_is_named_and_left_out(
    asked: Space, panel: Panel, name: str, value: Any
) -> None:
    [journal] = [each.file for each in find_journals(asked.root / "runs")]
    lines = plain_lines(journal)
    place = next(n for n, line in enumerate(lines) if line["kind"] == "attempt")
    lines[place][name] = value
    sealed_anew(journal, lines)
    done = panel("rebuild", cwd=asked.root)
    assert (done.code, "Traceback" in done.err) == (0, False)
    assert f"{journal}:{place + 1}: has fields that fit no table" in done.err
    count = panel("sql", "--format", "json", "SELECT count(*) AS n FROM attempts", cwd=asked.root)
    assert json.loads(count.out) == [{"n": 7}]
    assert json.loads(panel("run", "--json", cwd=asked.root).out)["asked"] == 1
