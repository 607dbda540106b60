"""A run of known votes, times, tokens and prices: what the tests of the report stand on."""

from __future__ import annotations

import json
import zlib
from typing import Any

from tests.support.journals import Line, changed, renamed_run
from tests.support.mock_endpoint import Answer, MockEndpoint, completion, filled, usage_of
from tests.support.runs import run
from tests.support.space import Space

RUN = "20261124-063000-aaaa"
REPEATS = 3


def _drawn(*of: object) -> int:
    """Return a number from 0 to 99 that is always the same for the same things."""
    return zlib.crc32(repr(of).encode()) % 100


def _voting(space: Space) -> Any:
    """Return a face whose votes lean by persona and tool, with a refusal now and then."""

    def face(_index: int, body: dict[str, Any]) -> Answer:
        system, user = (body["messages"][at]["content"] for at in (0, -1))
        tool = max((name for name in space.tools if f"{name} reads" in user), key=len)
        chance = _drawn(tool) * 0.9
        key = (tool, zlib.crc32(system.encode()) % 4, body.get("seed"))
        said = _drawn(*key)
        if said == 7:
            return Answer(body=completion(None, refusal="No.", usage=usage_of(user, "No.")))
        fields = filled(body["response_format"]["json_schema"]["schema"], user)
        fields |= {
            "verdict": "ship" if said < chance else "skip",
            "verdict_confidence": 50 + _drawn("sure", *key) // 2,
        }
        text = json.dumps(fields)
        return Answer(body=completion(text, usage=usage_of(user, text)))

    return face


def report_space(space: Space, mock: MockEndpoint) -> None:
    """Ask ten tools three times; the journal then has times, tokens and prices of its own."""
    for number in range(8):
        space.tool(f"tool-{number}")
    space.point_at(mock, "sampling = { seed = 1, temperature = 0.7 }\n")
    mock.face = _voting(space)
    done = run(space, repeats=REPEATS)
    assert done.errors == 0 and done.abstains > 0
    [journal] = space.journals
    changed(journal, lambda lines: [_fixed(line) for line in lines])
    renamed_run(journal.parent, RUN)
    (space.root / "runs" / "panel.duckdb").unlink()  # it has read the journal as it was


def _fixed(line: Line) -> Line:
    key = (line.get("tool"), line.get("persona"), line.get("repeat"), line.get("ordinal"))
    fixed: Line = {
        "seconds": 0.5 + _drawn("seconds", *key) / 25,
        "prompt_tokens": 900 + _drawn("prompt", *key),
        "completion_tokens": 200 + _drawn("completion", *key),
        "cost_usd": 0.001 + _drawn("cost", *key) / 100_000,
        "started_at": "2026-11-24T06:30:00.000Z",
        "finished_at": f"2026-11-24T06:{30 + _drawn('at', *key) % 20}:00.000Z",
    }
    return line | {name: value for name, value in fixed.items() if name in line}
