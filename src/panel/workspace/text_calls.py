"""Reads calls of a tool that a model wrote as text, where its server left them there.

``{"name": "give_verdict", "arguments": {...}}`` in ``<tool_call>``, ``[TOOL_CALLS]`` or a fence
(Hermes, Qwen, Llama, Mistral), and arguments as tags (Qwen3-Coder, GLM, MiniMax).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from panel.workspace.lenient_json import Repeating, decoder

_NAMES = ("name", "tool", "tool_name", "function", "function_name", "recipient_name", "action")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "tool_input", "action_input", "kwargs")
_WRAPPERS = ("function", "function_call", "tool_call", "tool_calls", *_ARGUMENTS)
# What a model calls its answer, and the name under which the schema itself has its fields.
_ANSWERS = ("properties", "response", "result", "output", "answer", "final", "json", "review")
_SCHEMA = {"type", "properties", "required", "additionalProperties", "title", "$schema"}
TOOL = "give_verdict"  # the function that a model is asked to call in the output mode "tool"
CALL = rf"(?<=\b{TOOL})\((?=\s*\w+ *=)"  # the bracket of a call with arguments by name
_DEPTH = 6  # of a call's own wrapping, JSON inside strings included
_TAGGED = re.compile(
    r"<parameter(?:=|\s+name=[\"']?)(\w+)[\"']?>([^<]*+(?>(?:<(?!/?parameter\b)[^<]*+)*))</parameter>"
    r"|<arg_key>\s*(\w+)\s*</arg_key>\s*<arg_value>([^<]*+(?>(?:<(?!/?arg_value\b)[^<]*+)*))</arg_value>"
)


def called_with(found: dict[str, Any], answer: str) -> dict[str, Any]:
    """Return the arguments of the call that an object is; the object itself where it is none.

    answer: a field that every answer has, and no call.
    """
    for _ in range(_DEPTH):
        inner = _arguments(found, answer)
        if inner is None:
            break
        found = inner
    return found


def plain_name(name: str) -> str:
    """Return a field's name in small letters alone: verdictConfidence, Verdict Confidence."""
    return re.sub(r"[\W_]+", "", name).lower()


def _arguments(found: dict[str, Any], answer: str) -> dict[str, Any] | None:
    if len(found) == 1:
        ((name, value),) = found.items()
        words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
        named = name in (TOOL, *_WRAPPERS) or (words and words <= {answer, *_ANSWERS})
        return _object(value) if named else None
    if answer in map(plain_name, found):
        return None
    if found.get("type") == "object" and found.keys() <= _SCHEMA:  # in the form of a schema
        return _object(found.get("properties"))
    if any(isinstance(found.get(name), str) for name in _NAMES):
        inside = (_object(found.get(name)) for name in _ARGUMENTS)
        return next((value for value in inside if value is not None), None)
    wrapped = (_object(found.get(name)) for name in ("function", "function_call", "tool_calls"))
    return next((value for value in wrapped if value is not None), None)


def _object(value: Any) -> dict[str, Any] | None:
    """Return an object, one written as text, or the last one of a list; else None.

    Nor is one of several meant that give different verdicts.
    """
    for _ in range(_DEPTH):
        if isinstance(value, str):
            try:
                value = decoder.decode(value)
            except (ValueError, RecursionError):
                return None
        elif isinstance(value, list) and value and not are_divided(value):
            value = value[-1]
    return value if isinstance(value, dict) else None


def are_divided(objects: Iterable[Any]) -> bool:
    """Whether objects that stand side by side give different verdicts."""
    said = (each.get("verdict") for each in objects if isinstance(each, dict))
    return len({plain_name(word) for word in said if isinstance(word, str)}) > 1


def tagged_arguments(text: str) -> dict[str, Any] | None:
    """Return the arguments that stand in tags; None where there are none.

    Lists and numbers are JSON; anything else is text, as it stands.
    """
    pairs = [(m[1] or m[3], (m[2] if m[1] else m[4]).strip()) for m in _TAGGED.finditer(text)]
    if not pairs:
        return None
    fields = {name: _value(value) for name, value in pairs}
    return fields if len(fields) == len(pairs) else Repeating(fields)


def _value(text: str) -> Any:
    if text[:1] in ("[", '"') or re.fullmatch(r"[\d.eE+-]+", text):
        try:
            return decoder.decode(text)
        except (ValueError, RecursionError):
            return text
    return text
