"""Tells a verdict that a model gives from one that it only quotes out of the question."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from panel.workspace.lenient_json import decoder, lenient_object
from panel.workspace.personas import Persona
from panel.workspace.prompts import Messages
from panel.workspace.reply_objects import JSON_STARTS
from panel.workspace.verdict import Choices, UnparsableReply, Verdict, parse


def is_quoted(
    verdict: Verdict, persona: Persona, choices: Choices | None, question: Messages
) -> bool:
    """Whether a verdict stands in the question, as an object that says the same."""
    return any(
        each == verdict
        for role, text in question
        if role != "assistant" and "verdict" in text
        for each in _verdicts(text, persona, choices)
    )


def _verdicts(text: str, persona: Persona, choices: Choices | None) -> Iterator[Verdict]:
    for found in _objects(text):
        try:
            yield parse(json.dumps(found), persona, choices=choices)
        except UnparsableReply:
            continue


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the objects in a text, also those inside what cannot be read."""
    place = text.find("{")
    for _ in range(JSON_STARTS):
        if place < 0:
            return
        value: Any = None
        end = place + 1
        try:
            value, end = decoder.raw_decode(text, place)
        except json.JSONDecodeError:
            value, _read = lenient_object(text, place)
        except RecursionError:
            pass
        if isinstance(value, dict):
            yield value
        place = text.find("{", end)
