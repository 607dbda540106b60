"""Changes one field of YAML in place: the lines of all others stay byte for byte as they are."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml

from panel.errors import UsageError
from panel.text import composed
from panel.workspace.documents import LARGEST_INT, yaml_tree
from panel.workspace.yaml_text import after_key, entry, item, one_line

Keys = tuple[str, ...]  # ("pricing", "verified")
_BREAK = r"(?:\r\n|[\r\n\x85\u2028\u2029])"  # what YAML takes for the end of a line
_REST = re.compile(r"([ \t]*)((?:#[^\r\n\x85\u2028\u2029]*)?)" + _BREAK)


def as_read(value: Any) -> Any:
    """Return a value as reading its YAML gives it."""
    if isinstance(value, Mapping):
        return {str(key): as_read(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_read(each) for each in value]
    if isinstance(value, bool | float | date):
        return one_line(value)
    return str(value) if isinstance(value, int) and abs(value) >= LARGEST_INT else value


def named(fields: Mapping[Any, Any], key: str) -> Any:
    """Return the key that stands in the fields under this name, or the name itself."""
    return next((each for each in fields if composed(str(each)) == composed(key)), key)


def apply(fields: dict[str, Any], path: Keys, value: Any) -> None:
    """Change fields as they are read, as their text is to be changed.

    Raises UsageError where a path leads into something else than a mapping.
    """
    key = named(fields, path[0])
    if len(path) > 1:
        inner = fields.get(key)
        if inner is not None and not isinstance(inner, dict):
            raise UsageError(
                f"{path[0]!r} is not a table of fields, so it can have no {path[1]!r}. "
                "Write its fields below it."
            )
        inner = {} if inner is None else inner
        apply(inner, path[1:], value)
        value = inner or None
    if value is None:
        fields.pop(key, None)
    else:
        fields[key] = value


@dataclass(frozen=True, slots=True)
class Source:
    """The YAML of front matter, and what ends its lines."""

    text: str
    ending: str

    def changed(self, fields: dict[str, Any], path: Keys, value: Any) -> str:
        """Return the YAML with one field changed. fields: as they are read from it now."""
        if "*" in self.text and any(isinstance(e, yaml.AliasEvent) for e in yaml.parse(self.text)):
            raise ValueError("holds aliases: a change in one place is one in several")
        root = yaml_tree(self.text)
        if not isinstance(root, yaml.MappingNode):
            return self.text + self._lines(entry(path[0], _grown(path[1:], value), 0))
        if root.flow_style:
            start, end = root.start_mark.index, root.end_mark.index
            return self.text[:start] + self._in_flow(root, path, value) + self.text[end:]
        return self._in_block(root, fields, path, value)

    def _in_block(
        self, node: yaml.MappingNode, fields: dict[str, Any], path: Keys, value: Any
    ) -> str:
        text, column = self.text, node.value[0][0].start_mark.column
        found = next((p for p in node.value if composed(p[0].value) == composed(path[0])), None)
        if found is None:
            end = self._line_end(self._end(node))
            added = self._lines(entry(path[0], _grown(path[1:], value), column))
            return text[:end] + added + text[end:]
        key, child = found
        there = fields[named(fields, path[0])]
        if len(path) > 1 and isinstance(child, yaml.MappingNode):
            if not _is_last(there, path[1:], value):
                if not child.flow_style:
                    return self._in_block(child, there, path[1:], value)
                return self._replaced(key, child, self._in_flow(child, path[1:], value), [])
            value = None
        value = _grown(path[1:], value)
        if value is None:
            start, end = key.start_mark.index - column, self._line_end(self._end(child))
            return text[:start] + text[end:]
        if isinstance(child, yaml.SequenceNode) and child.value and isinstance(value, list | tuple):
            if child.flow_style:
                return self._replaced(key, child, self._flow_items(child, there, value), [])
            if value:
                return self._items(child, there, value)
        return self._replaced(key, child, *after_key(value, column))

    def _in_flow(self, node: yaml.MappingNode, path: Keys, value: Any) -> str:
        """Return a mapping in brackets with one field changed."""
        pieces, found = list[str](), False
        for key, child in node.value:
            name = self.text[key.start_mark.index : key.end_mark.index]
            if composed(key.value) != composed(path[0]):
                end = max(key.end_mark.index, child.end_mark.index)
                pieces.append(self.text[key.start_mark.index : end])
                continue
            found = True
            if len(path) > 1 and isinstance(child, yaml.MappingNode):
                inner = self._in_flow(child, path[1:], value)
                pieces += [f"{name}: {inner}"] if inner != "{}" else []
            elif value is not None:
                pieces.append(f"{name}: {one_line(_grown(path[1:], value), True)}")
        if not found and value is not None:
            pieces.append(f"{one_line(path[0], True)}: {one_line(_grown(path[1:], value), True)}")
        return "{" + ", ".join(pieces) + "}"

    def _flow_items(self, node: yaml.SequenceNode, old: list[Any], new: Any) -> str:
        written = [self.text[each.start_mark.index : each.end_mark.index] for each in node.value]
        kept = _Kept(old, written)
        return "[" + ", ".join(kept.take(each) or one_line(each, True) for each in new) + "]"

    def _items(self, node: yaml.SequenceNode, old: list[Any], new: Any) -> str:
        """Return the YAML with a list of lines changed; what stays in it keeps its lines."""
        column = node.start_mark.column
        start = place = node.start_mark.index - column
        written = []
        for each in node.value:
            begin, place = place, self._line_end(self._end(each))
            written.append(self.text[begin:place])
        kept = _Kept(old, written)
        lines = (kept.take(each) or self._lines(item(each, column)) for each in new)
        return self.text[:start] + "".join(lines) + self.text[place:]

    def _replaced(self, key: Any, child: Any, head: str, below: list[str]) -> str:
        """Return the YAML with another value of a key; a comment at the end of its line stays."""
        text = self.text
        colon = re.compile(r"[ \t]*:").match(text, key.end_mark.index)
        if colon is None:
            raise ValueError("a key stands in another way than before its colon")
        start, after = child.start_mark.index, colon.end()
        is_text = isinstance(child, yaml.ScalarNode)
        if is_text and child.style in ("|", ">"):
            header = re.compile(r"[|>][-+0-9]*").search(text, start)
            comment = _REST.match(text, header.end() if header else start)
        else:
            inline = is_text or child.flow_style
            comment = _REST.match(text, child.end_mark.index if inline else after)
        gap = text[after:start] if re.fullmatch(r"[ \t]+", text[after:start]) else " "
        line = text[:after] + (gap + head if head else "")
        if comment and comment[2]:
            line += (comment[1] or " ") + comment[2]
        return line + self._lines(["", *below]) + text[self._line_end(self._end(child)) :]

    def _end(self, node: yaml.Node) -> int:
        """Return where the text of a value ends, without comments and empty lines after it."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end(last[1] if isinstance(node, yaml.MappingNode) else last)
        end: int = node.end_mark.index
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            end = len(self.text[:end].rstrip())
        return end

    def _line_end(self, place: int) -> int:
        """Return where the line after that of a place begins."""
        found = re.compile(_BREAK).search(self.text, place)
        return found.end() if found else len(self.text)

    def _lines(self, lines: list[str]) -> str:
        return "".join(line + self.ending for line in lines)


class _Kept:
    """The source of a list's entries, each taken once by its value."""

    def __init__(self, values: list[Any], written: list[str]) -> None:
        self._left = list(zip(values, written, strict=True))

    def take(self, value: Any) -> str | None:
        """Return the source of an entry with this value that is left; None where none is."""
        wanted = as_read(value)
        for place, (there, written) in enumerate(self._left):
            if there == wanted:
                del self._left[place]
                return written
        return None


def _grown(path: Keys, value: Any) -> Any:
    """Return the mappings that a value stands in below a key; None for no value."""
    for key in reversed(path) if value is not None else ():
        value = {key: value}
    return value


def _is_last(fields: dict[str, Any], path: Keys, value: Any) -> bool:
    """Whether a removal leaves nothing of a group."""
    if value is not None:
        return False
    left = copy.deepcopy(fields)
    apply(left, path, None)
    return not left
