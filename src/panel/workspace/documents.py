"""Reads YAML and front matter that people write; finds the lines of fields.

The only place that knows YAML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from panel.errors import WorkspaceError
from panel.text import composed, counted
from panel.workspace.mistakes import shown
from panel.workspace.plain_files import read_text

FieldPath = tuple[str | int, ...]
Lines = Callable[[FieldPath], int | None]

FENCE = "---"
DEEPEST = 1000  # levels of YAML; libyaml overruns its stack somewhere below 100,000
MOST_VALUES = 2_000_000  # in one file of YAML, counting what aliases stand for
MOST_WRITTEN = 500_000  # in one, not counting that; each takes half a kilobyte and some time
LONGEST_FRONT_MATTER = 200_000  # characters; YAML takes a second for a million of them

# What an author writes stays as written: `1.10`, `12:30`, `no` and `2026-01-31` stay text, which
# a date field can still read. YAML 1.1 would make 1.1, 750, false and a date of them.
_Loader: Any = type("_Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0].rpartition(":")[2] in ("null", "merge")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_INT = re.compile(r"-?(0|[1-9][0-9]{0,17})$")
LARGEST_INT = 10**18  # from here on a number is read as text
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-0123456789"))
_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "null", "int", "merge", "seq", "map")}


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: ``fields`` (the mapping), ``body`` (text after the front matter).

    ``lines`` finds the 1-based line of a field path, None when there is none.
    """

    file: Path
    fields: dict[str, Any]
    body: str
    lines: Lines

    def with_body(self, name: str) -> dict[str, Any]:
        """Return the fields, and the body as one of this name; raises WorkspaceError for two."""
        if name in self.fields:
            said, remedy = "must not be in the front matter", "Write it below the closing '---'."
            raise WorkspaceError.single(self.file, self.lines((name,)), name, said, remedy)
        return {**self.fields, name: self.body}


def no_lines(_path: FieldPath) -> int | None:
    """Find no line: for formats whose fields are not located (JSON)."""
    return None


def twice(names: Iterable[str]) -> str | None:
    """Return the first name that has been there before; None where each is there once."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def read_front_matter(file: Path) -> Document:
    """Read a file of ``---``, YAML, ``---`` and a body; raises WorkspaceError."""
    return front_matter_of(read_text(file), file)


def front_matter_of(text: str, file: Path) -> Document:
    """Return what the text of such a file says; raises WorkspaceError."""
    if not text.startswith(FENCE + "\n"):
        remedy = "Begin the file with a line '---', YAML fields, and another line '---'."
        raise WorkspaceError.single(file, 1, "", "does not begin with front matter", remedy)
    end = text.find("\n" + FENCE + "\n", len(FENCE))
    if end < 0 and text.endswith("\n" + FENCE):
        end = len(text) - len(FENCE) - 1
    if end < 0:
        raise WorkspaceError.single(
            file, 1, "", "the front matter never ends", "Add a closing line '---'."
        )
    source = text[len(FENCE) + 1 : end + 1]
    if len(source) > LONGEST_FRONT_MATTER:
        message = (
            f"the front matter has {counted(len(source), 'character')}; the limit is "
            f"{LONGEST_FRONT_MATTER:,}"
        )
        remedy = "Move text below the closing '---'."
        raise WorkspaceError.single(file, 2, "", message, remedy)
    body = text[end + len(FENCE) + 2 :].strip("\n")
    fields = parse_yaml(source, file, first_line=2)
    if fields is None:  # nothing but the two lines, and perhaps comments
        fields = {}
    if not isinstance(fields, dict):
        raise WorkspaceError.single(
            file, 2, "", "the front matter is not a mapping", "Write 'key: value' lines."
        )
    return Document(file, fields, body, yaml_lines(source, first_line=2))


def parse_yaml(source: str, file: Path, first_line: int = 1) -> Any:
    """Parse YAML and refuse repeated keys; raises WorkspaceError with the line."""
    try:
        if len(source) > DEEPEST:  # each level takes a character
            _refuse_size(source)
        loader = _Loader(source)
        # The nodes are checked before anything is built from them, because PyYAML
        # silently keeps the last of two equal keys.
        node = loader.get_single_node()
        if node is None:
            return None
        _refuse_repeats(node, file, first_line)
        _refuse_bombs(node)
        value = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = first_line + mark.line if mark else None
        message = f"is not valid YAML: {error.problem or error.context}"
        remedy = "Quote text that holds ': ' or begins with a special character."
        raise WorkspaceError.single(file, line, "", message, remedy) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise WorkspaceError.single(
            file, None, "", f"is not valid YAML: {reason_of(error)}", "Write it more plainly."
        ) from None
    return value


def reason_of(error: Exception) -> str:
    """Return what a parser says, on one line; Python's own limits in plain words."""
    if isinstance(error, RecursionError):
        return "it nests too deeply"
    if "set_int_max_str_digits" in str(error):
        return "a number has too many digits"
    return str(error).splitlines()[0]


def _refuse_size(source: str) -> None:
    depth = 0
    for number, event in enumerate(yaml.parse(source, Loader=_Loader)):
        if number > MOST_WRITTEN:
            raise ValueError(f"it has more than {MOST_WRITTEN:,} values")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"it nests deeper than {DEEPEST} levels")


def _refuse_bombs(root: yaml.Node) -> None:
    """Count values as if aliases were written out; raises ValueError for too many, or a circle.

    A long text counts as many of them.
    """
    counts: dict[int, int] = {}

    def count(node: yaml.Node) -> int:
        if isinstance(node, yaml.ScalarNode):
            return 1 + len(node.value) // 100
        if id(node) not in counts:
            counts[id(node)] = MOST_VALUES  # an alias inside its own node adds this
            children: Iterable[Any] = node.value
            if isinstance(node, yaml.MappingNode):
                children = (child for pair in node.value for child in pair)
            counts[id(node)] = 1 + sum(count(child) for child in children)
        return counts[id(node)]

    if count(root) > MOST_VALUES:
        raise ValueError(f"its aliases stand for more than {MOST_VALUES:,} values")


def _refuse_repeats(root: yaml.Node, file: Path, first_line: int) -> None:
    waiting, visited = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in visited:  # an alias; following it again could take forever
            continue
        visited.add(id(node))
        whole = not node.tag.endswith(":int") or bool(_INT.match(str(node.value)))
        if node.tag not in _TAGS or not whole:  # others make objects, or long calculations
            line, tag = first_line + node.start_mark.line, shown(node.tag)
            raise WorkspaceError.single(
                file, line, "", f"has the tag {tag}, which is not read", "Remove the tag."
            )
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, child in node.value:
                waiting.append(key)
                if not isinstance(key, yaml.ScalarNode):
                    line = first_line + key.start_mark.line
                    raise WorkspaceError.single(
                        file, line, "", "a key is not a word", "Write 'key: value'."
                    )
                if composed(key.value) in keys:
                    line = first_line + key.start_mark.line
                    raise WorkspaceError.single(
                        file, line, str(key.value), "appears twice", "Keep one of them."
                    )
                keys.add(composed(key.value))
                waiting.append(child)


def yaml_tree(source: str) -> yaml.Node | None:
    """Return the nodes of YAML with their places, of a source that parse_yaml has read."""
    node: yaml.Node | None = yaml.compose(source, Loader=_Loader)
    return node


def yaml_lines(source: str, first_line: int = 1) -> Lines:
    """Return a finder from field path to line; it parses the YAML once, when first asked."""
    composed: list[yaml.Node | None] = []

    def find(path: FieldPath) -> int | None:
        if not composed:
            composed.append(yaml_tree(source))
        node: Any = composed[0]
        if node is None:
            return None
        line: int = node.start_mark.line
        for part in path:
            if isinstance(node, yaml.MappingNode):
                pairs = [pair for pair in node.value if pair[0].value == part]
                if not pairs:
                    break
                line, node = pairs[0][0].start_mark.line, pairs[0][1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                if part >= len(node.value):
                    break
                node = node.value[part]
                line = node.start_mark.line
            else:
                break
        return first_line + line

    return find


def json_lines(source: str) -> Lines:
    """Return a finder from field path to line for JSON, which all but a few texts of is YAML.

    It finds none in those, nor in text that nests as deep as YAML cannot be read.
    """
    find = yaml_lines(source)

    def found(path: FieldPath) -> int | None:
        try:
            if len(source) > DEEPEST:
                _refuse_size(source)
            return find(path)
        except (yaml.YAMLError, ValueError, RecursionError):
            return None

    return found
