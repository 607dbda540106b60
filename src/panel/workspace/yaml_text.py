"""Writes values as YAML that people read, quoted wherever some reader of YAML would misread it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import yaml

from panel.text import HIDDEN

WIDEST = 100  # columns of a list or mapping on one line; a longer one gets a line for each entry
_STEP = 2  # columns by which each level is indented
# Text that some version of YAML takes for something else than text, beside what PyYAML does.
_WORD = re.compile(r"(y|n|yes|no|on|off|true|false|null|~|[-+]?\.inf|\.nan|=|<<)", re.I)
_NUMBER = re.compile(r"[-+.]*[0-9][0-9a-f_.,:exozt+\- ]*", re.I)
_PLAIN_START = re.compile(r"[^\s\-?:,\[\]{}#&*!|>'\"%@`]")
_NOT_PLAIN = re.compile(r":(\s|\Z)|\s#|\s\Z|\t")
_ESCAPED = re.compile(f"{HIDDEN.pattern}|[\ufffe\uffff]")  # the reader's limits, and what is unseen


def one_line(value: Any, in_flow: bool = False) -> str:
    """Return a value as YAML on one line; lists and mappings in brackets.

    Text is plain where every reader takes it for this text, else in double quotes. Dates stand as
    2026-01-31. Raises ValueError for a lone surrogate, which YAML cannot hold.
    """
    if isinstance(value, Mapping):
        pairs = (
            f"{one_line(str(key), True)}: {one_line(each, True)}" for key, each in value.items()
        )
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(one_line(each, True) for each in value) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | date):
        return str(value)
    text = str(value)
    return text if _is_plain(text, in_flow) else quoted(text)


def quoted(text: str) -> str:
    """Return text in double quotes, what is hidden or no YAML written as escapes."""
    if surrogate := re.search("[\ud800-\udfff]", text):
        raise ValueError(
            f"holds a lone surrogate (U+{ord(surrogate[0]):04X}), which YAML cannot hold"
        )
    return _ESCAPED.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_plain(text: str, in_flow: bool) -> bool:
    if not _PLAIN_START.match(text) or _NOT_PLAIN.search(text) or _ESCAPED.search(text):
        return False
    if "\n" in text or text.startswith("...") or (in_flow and re.search(r"[,\[\]{}:?]", text)):
        return False
    if _WORD.fullmatch(text) or _NUMBER.fullmatch(text):
        return False
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(text[0], [])
    return not any(pattern.match(text) for _tag, pattern in resolvers)


def after_key(value: Any, column: int) -> tuple[str, list[str]]:
    """Return what follows ``key:`` on its line, and the lines below it, of a key at a column.

    Text of several lines is a block below the key; so are mappings, and lists that are long or
    hold mappings.
    """
    indent = " " * (column + _STEP)
    if isinstance(value, str) and _is_block(value):
        mark = "|" if value.endswith("\n") else "|-"
        lines = value.removesuffix("\n").split("\n")
        return mark, [indent + line if line else "" for line in lines]
    if isinstance(value, Mapping) and value:
        return "", _entries(value, column + _STEP)
    if isinstance(value, list | tuple) and value:
        written = one_line(value)
        short = column + len(written) <= WIDEST
        if not short or any(isinstance(each, Mapping | list | tuple) for each in value):
            return "", [line for each in value for line in item(each, column + _STEP)]
        return written, []
    return one_line(value), []


def entry(key: str, value: Any, column: int) -> list[str]:
    """Return the lines of ``key: value`` at a column."""
    head, below = after_key(value, column)
    return [f"{' ' * column}{one_line(str(key))}: {head}".rstrip(" "), *below]


def _entries(value: Mapping[str, Any], column: int) -> list[str]:
    return [line for key, each in value.items() for line in entry(key, each, column)]


def item(value: Any, column: int) -> list[str]:
    """Return the lines of one entry of a list, ``- value``, at a column."""
    if isinstance(value, Mapping) and value:
        lines = _entries(value, column + _STEP)
        return [f"{' ' * column}- {lines[0][column + _STEP :]}", *lines[1:]]
    return [f"{' ' * column}- {one_line(value)}"]


def _is_block(text: str) -> bool:
    """Whether text is as readable as a block of lines, and comes back from one unchanged."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and bool(lines[-1])
        and not lines[0][:1].isspace()
        and lines[0] != ""
        and not any(line != line.rstrip() for line in lines)
        and not _ESCAPED.search(text)
    )
