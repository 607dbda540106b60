"""What probes ask about: fictional tools with one planted flaw each, and what is changed in them.

The files are the workspace's own ``probes/``, or those shipped with the program.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field

from panel.errors import PanelError, UsageError, WorkspaceError
from panel.hashing import content_hash
from panel.workspace.documents import parse_yaml, yaml_lines
from panel.workspace.fields import Line, Strict, Text
from panel.workspace.plain_files import read_text, refuse_astray
from panel.workspace.scaffold import shipped
from panel.workspace.tools import Pricing, Tool, slugify
from panel.workspace.validation import validate

FOLDER = "probes"
SEVERITIES = 4  # 0 has no flaw, 3 the worst
PRICE = "See the description"
Position = Literal["start", "middle", "end"]
POSITIONS: tuple[Position, ...] = ("start", "middle", "end")
T = TypeVar("T")


def _with_slots(text: str) -> str:
    for slot in ("{name}", "{flaw}"):
        if text.count(slot) != 1:
            raise ValueError(f"needs {slot} exactly once. Write it where it belongs.")
    return text


class ProbeTool(Strict):
    """A fictional tool. flaw: the persona whose kind of flaw it has, in four severities.

    text: the description, with {name} and {flaw} once each; severities: what {flaw} becomes.
    """

    name: Line
    flaw: Line
    style: Literal["plain", "lively"]
    category: Line
    tagline: Line
    text: Annotated[Text, AfterValidator(_with_slots)]
    severities: Annotated[tuple[Text, ...], Field(min_length=SEVERITIES, max_length=SEVERITIES)]

    def tool(self, text: str, name: str | None = None) -> Tool:
        """Return the tool as one under review. name: shown in place of its own.

        The slug stays, so that arms can be compared tool by tool.
        """
        shown = name or self.name
        return Tool(
            slug=f"probe-{slugify(self.name)}",
            name=shown,
            tagline=self.tagline,
            category=self.category,
            description=text.replace("{name}", shown),
            pricing=Pricing(entry=PRICE),
        )

    def at(self, severity: int, insert: str = "", where: Position = "end") -> str:
        """Return the description at a severity, {name} still in it; insert: added to it."""
        return self.saying(self.severities[severity], insert, where)

    def saying(self, flaw: str, insert: str = "", where: Position = "end") -> str:
        """Return the description with a sentence in place of {flaw}."""
        if insert and where == "middle":
            flaw, insert = f"{insert} {flaw}", ""
        text = self.text.replace("{flaw}", flaw)
        if not insert:
            return text
        return f"{insert} {text}" if where == "start" else f"{text} {insert}"


class Brands(Strict):
    """Names of makers: famous, invented, and no words at all."""

    famous: Annotated[tuple[Line, ...], Field(min_length=1)]
    unknown: Annotated[tuple[Line, ...], Field(min_length=1)]
    nonce: Annotated[tuple[Line, ...], Field(min_length=1)]


class PlantedFact(Strict):
    """Two sentences that differ in one fact. direction: of the persona's ship rate, from → to."""

    id: Line
    persona: Line
    direction: Literal["down", "up"]
    source: Annotated[Text, Field(alias="from")]
    to: Text


class Edits(Strict):
    """What probes change. sealed: the hash of what stands in sealed.yaml."""

    sealed: Line
    brands: Brands
    hype: Annotated[tuple[Text, ...], Field(min_length=1)]
    facts: Annotated[tuple[PlantedFact, ...], Field(min_length=1)]
    payloads: Annotated[dict[Line, tuple[Text, ...]], Field(min_length=1)]
    look_alikes: Annotated[tuple[Text, ...], Field(min_length=1)]


class _Reworded(Strict):
    wordings: dict[Line, tuple[Text, ...]]


class _Listed(Strict):
    tools: tuple[ProbeTool, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """All of it. tools: by turns of each kind of flaw, so that any first n are a fair mix.

    paraphrases: by name of the tool, other wordings of its description at severity 0.
    digest: the hash of everything that is used. root: the workspace. sealed: with that part.
    """

    tools: tuple[ProbeTool, ...]
    edits: Edits
    paraphrases: dict[str, tuple[str, ...]]
    digest: str
    root: Path
    sealed: bool

    def unsealed(self) -> Material:
        """Return the material with the sealed part; itself where that is in it or cannot be had."""
        try:
            return self if self.sealed else load_material(self.root, sealed=True)
        except PanelError:
            return self


def load_material(root: Path, sealed: bool = False) -> Material:
    """Read the material of a workspace. sealed: with the part that is kept from whoever tunes.

    Raises WorkspaceError for what is wrong in a file, UsageError for a sealed part that is not
    what was sealed.
    """
    for part in (FOLDER, f"{FOLDER}/tools"):
        refuse_astray(root, root / part)
    folder = root / FOLDER if (root / FOLDER).is_dir() else shipped() / FOLDER
    edits = validate(Edits, *_read(folder / "edits.yaml"))
    files = sorted((folder / "tools").glob("*.yaml"))
    if not files:
        raise UsageError(f"{folder / 'tools'} holds no .yaml file, so there is nothing to ask.")
    listed = {file.stem: _tools(file, file.stem) for file in files}
    if sealed:
        for persona, more in _sealed(folder / "sealed.yaml", edits.sealed).items():
            listed[persona] = [*listed.get(persona, ()), *more]
    fields, file, lines = _read(folder / "paraphrases.yaml")
    reworded = validate(
        _Reworded, {"wordings": fields}, file, lambda path: lines(path[1:])
    ).wordings
    tools = tuple(by_turns(listed.values()))
    digest = content_hash(
        [[each.model_dump(mode="json") for each in (*tools, edits)], dict(reworded)]
    )
    return Material(tools, edits, dict(reworded), digest, root, sealed)


def by_turns(groups: Iterable[Sequence[T]]) -> list[T]:
    """Return the first of each group, then the second of each, and so on."""
    return [each for row in zip_longest(*groups) for each in row if each is not None]


def sealed_hash(file: Path) -> str:
    """Return the hash of what stands in a sealed file, whatever its line ends and comments."""
    return content_hash(_read(file)[0])


def _sealed(file: Path, expected: str) -> dict[str, list[ProbeTool]]:
    if sealed_hash(file) != expected:
        raise UsageError(
            f"{file} is not what was sealed: its hash is {sealed_hash(file)!r}, and edits.yaml "
            f"keeps {expected!r}. Restore the file; a sealed part that is edited proves nothing."
        )
    fields, _file, lines = _read(file)
    return {
        persona: _checked(listed, file, persona, lambda path, p=persona: lines((p, *path)))
        for persona, listed in fields.items()
    }


def _tools(file: Path, persona: str) -> list[ProbeTool]:
    fields, _file, lines = _read(file)
    return _checked(fields, file, persona, lines)


def _checked(listed: Any, file: Path, persona: str, lines: Any) -> list[ProbeTool]:
    if not isinstance(listed, list):
        raise WorkspaceError.single(file, 1, "", "is not a list of tools", "Begin each with '- '.")
    each = [{**one, "flaw": persona} if isinstance(one, dict) else one for one in listed]
    found = validate(_Listed, {"tools": each}, file, lambda path: lines(path[1:]))
    return list(found.tools)


def _read(file: Path) -> tuple[Any, Path, Any]:
    source = read_text(file)
    return parse_yaml(source, file), file, yaml_lines(source)
