"""What a mock endpoint says: verdicts that are steered by the question or by a list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.mock_endpoint import Answer, completion, filled

Face = Callable[[int, dict[str, Any]], Answer | None]


def voting(word: Callable[[str, str], str | None]) -> Face:
    """Return a face whose verdicts are steered; ``word(system, user)``: None is a refusal."""

    def face(_index: int, body: dict[str, Any]) -> Answer:
        system, user = (body["messages"][at]["content"] for at in (0, -1))
        said = word(system, user)
        if said is None:
            return Answer(body=completion(None, refusal="No."))
        fields = filled(body["response_format"]["json_schema"]["schema"], user)
        return Answer(body=completion(json.dumps(fields | {"verdict": said})))

    return face


def always(word: str | None) -> Face:
    """Return a face that says one word to everything."""
    return voting(lambda _system, _user: word)


def in_turn(*votes: str) -> Face:
    """Answer with these verdicts in turn."""
    turns: Iterator[str] = iter(votes)

    def face(_index: int, body: dict[str, Any]) -> Answer:
        schema = body["response_format"]["json_schema"]["schema"]
        vote = next(turns)
        if vote == "refuse":
            return Answer(body=completion(None, refusal="No."))
        return Answer(body=completion(json.dumps({**filled(schema, "x"), "verdict": vote})))

    return face
