"""JSON as models and servers write it, read without losing what it means, and without guessing."""

from __future__ import annotations

import ast
import json
import re
from typing import Any


class Repeating(dict[str, Any]):
    """An object that names a field twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    return mapping if len(mapping) == len(pairs) else Repeating(mapping)


def _number(digits: str) -> int | float:
    """Read a very long number as a float: its type is refused then, not its digits by Python."""
    return int(digits) if len(digits) < 20 else float(digits)


# Control characters inside strings are accepted: small models write line breaks there.
decoder = json.JSONDecoder(strict=False, object_pairs_hook=_unique, parse_int=_number)

_TOKEN = re.compile(
    r"""
      (?P<blank>\s+ | //[^\n"'{}\[\]]*(?=\n) | /\*[^"'{}\[\]*]*\*/)  # a comment holds no data
    | (?P<double>"[^"\\]*+(?>(?:\\.[^"\\]*+)*)")
    | (?P<single>'[^'\\]*+(?>(?:\\.[^'\\]*+)*)')
    | (?P<name>\w+)[ ]*=(?!=)                           # of a call: give_verdict(verdict="ship")
    | (?P<mark>[{}\[\]:,()])
    | (?P<word>-?\w[\w.+-]*)
    """,
    re.X | re.S,
)
_WORDS = {"True": "true", "False": "false", "None": "null"}
_DEPTH = 32  # of brackets in brackets
_NO_MORE = re.compile(r"[`\s]*\Z")


def lenient_object(text: str, start: int, whole: bool = True) -> tuple[dict[str, Any] | None, int]:
    """Read the object at a brace that is no strict JSON; returns it, and where reading ended.

    Read are trailing commas, comments, the quotes and words of Python, the arguments in words of a
    call at its bracket, and, in a ``whole`` text, one last brace that is missing. Everything
    else must be JSON: no quote, comma or value is ever put in. None where the text is not that.
    """
    made: list[str] = []
    open_: list[str] = []
    place = start
    while place < len(text) and (found := _TOKEN.match(text, place)) is not None:
        place = found.end()
        if found["blank"]:
            continue
        if (written := _strictly(found, text[start] == "(")) is None:
            return None, place
        if written in ("}", "]", ")"):
            if made[-1:] == [","]:
                made.pop()
            if not open_ or open_.pop() + written not in ("{}", "[]", "()"):
                return None, place
        elif written in ("{", "[", "("):
            if (written == "(" and made) or len(open_) > _DEPTH:
                return None, place
            open_.append(written)
        made.append({"(": "{", ")": "}"}.get(written, written))
        if not open_:
            return _object(made), place
    ended = made[-1][-1] in '"}])' or not text[-1].isalnum()  # 7 may be the beginning of 70
    if (
        open_ == ["{"]
        and whole
        and ended
        and made[-1] not in (",", ":")
        and _NO_MORE.match(text, place)
    ):
        return _object([*made, "}"]), len(text)
    return None, place


def _strictly(found: re.Match[str], called: bool) -> str | None:
    """Return a token as JSON writes it; None for one that has no place in it."""
    if found["single"]:
        try:
            return json.dumps(ast.literal_eval(found["single"].replace("\n", "\\n")))
        except (ValueError, SyntaxError):
            return None
    if found["name"]:
        return f"{json.dumps(found['name'])}:" if called else None
    if word := found["word"]:
        return _WORDS.get(word, word)
    return found["double"] or found["mark"]


def _object(made: list[str]) -> dict[str, Any] | None:
    try:
        value = decoder.decode(" ".join(made))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
