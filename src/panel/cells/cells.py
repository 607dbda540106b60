"""Cells: one question to one model each, exactly what it will see, and the hash of just that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from panel.cells.answers import Inputs
from panel.cells.order import Order, Place, arrange, measured
from panel.cells.shared import Reviewed, Reviewer, Shared
from panel.errors import UsageError
from panel.hashing import canonical_json, content_hash, list_hash
from panel.workspace.endpoints import Endpoint
from panel.workspace.passages import choices
from panel.workspace.personas import Persona
from panel.workspace.prompts import Messages, Prompts
from panel.workspace.tools import Tool
from panel.workspace.verdict import Choices, schema_for

REPLY_SHOWN = 8000  # characters of an unreadable reply that its repair shows again


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Where answers come from: endpoint name, model, and the weights' digest where known."""

    endpoint: str
    model: str
    digest: str | None = None

    def __str__(self) -> str:
        digest = f"@{self.digest[:19]}" if self.digest else ""
        return f"{self.endpoint}/{self.model}{digest}"


Guidance = Mapping[tuple[str, str], str]  # tool, persona → an editor's note


NO_GUIDANCE: Guidance = {}


MOST_CELLS = 4_000_000  # of one plan; they take over a gigabyte
CellKey = tuple[str, str, int]
Question = tuple[str, str, str]  # tool, persona, fingerprint


@dataclass(frozen=True, slots=True)
class AskedCell:
    """One question to one model, as the journals hold it, which have no texts.

    fingerprint: ``b2:`` + hash over all that the model sees, the schema, the model and the repeat.
    wording: what the repeats of one question share, which is the fingerprint of the first of them.
    """

    tool: Tool
    persona: Persona
    model: ModelIdentity
    repeat: int
    fingerprint: str
    wording: str
    inputs: Inputs

    @property
    def choices(self) -> Choices | None:
        """What each field of the verdict may say; None where the model writes."""
        return choices(self.persona, self.tool) if self.inputs.profile else None

    @property
    def key(self) -> CellKey:
        """What the cell is about, whatever its wording: tool, persona, repeat."""
        return (self.tool.slug, self.persona.id, self.repeat)

    @property
    def pair(self) -> PairKey:
        """The tool × persona that the cell is about."""
        return (self.tool.slug, self.persona.id)

    @property
    def question(self) -> Question:
        """What an answer to it is found by: two tools may be described in the same words."""
        return (self.tool.slug, self.persona.id, self.fingerprint)


@dataclass(frozen=True, slots=True)
class Cell(AskedCell):
    """One question to one model: exactly what it will see, and the hash of just that.

    prompts: what its messages are made of, those of a repair among them; note: an editor's
    guidance. sampling: request fields besides messages and schema; prompt_characters: the size of
    the messages.
    """

    prompts: Prompts = field(compare=False, repr=False)
    note: str | None
    sampling: dict[str, Any]
    prompt_characters: int

    @property
    def messages(self) -> Messages:
        """What the model is shown, rendered anew: a plan of 100,000 cells keeps none of it."""
        return self.prompts.messages(self.persona, self.tool, self.note)

    @property
    def schema(self) -> dict[str, Any]:
        """The verdict's JSON Schema, made anew as the messages are."""
        return schema_for(self.persona, self.prompts.form, self.choices)


def identify(endpoint: Endpoint, digest: str | None) -> ModelIdentity:
    """Name the model behind an endpoint."""
    return ModelIdentity(endpoint.name, endpoint.model, digest)


PairKey = tuple[str, str]  # tool, persona


@dataclass(frozen=True, slots=True)
class Target:
    """What a command is about: whom it concerns, and what a cell depends on besides.

    tools, personas: those selected, in order. guidance: editors' notes by tool × persona, each
    in the question of its pair and in no other.
    """

    prompts: Prompts
    endpoint: Endpoint
    model: ModelIdentity
    tools: Sequence[Tool]
    personas: Sequence[Persona]
    guidance: Guidance = field(default_factory=dict)

    @property
    def pairs(self) -> list[tuple[Tool, Persona]]:
        """Every tool × persona, in the order of tools and panel."""
        return [(tool, persona) for tool in self.tools for persona in self.personas]

    def lay_out(self, repeats: int = 1, first: int = 1) -> list[Cell]:
        """Return all cells in asking order; the repeats begin with ``first``.

        Touches neither network nor store. Raises WorkspaceError where a template fails, UsageError
        for more than MOST_CELLS.
        """
        counted, many = range(first, first + repeats), len(self.pairs) * repeats
        if many > MOST_CELLS:  # a few kilobytes of files can ask for more than fits into memory
            raise UsageError(
                f"{len(self.pairs):,} pairs of a tool and a persona, {repeats:,} times each, are "
                f"{many:,} cells; the most is {MOST_CELLS:,}. Choose some with --tool, --category "
                "or --persona, or fewer repeats."
            )
        identity = canonical_json([self.model.endpoint, self.model.model, self.model.digest])
        shared = Shared.of(self.prompts, self.endpoint, identity, counted)
        reviewers = [self._reviewer(persona, shared) for persona in self.personas]
        cells: list[Cell] = []
        for tools in self.order(counted).blocks():
            block = [self._reviewed(self.tools[place]) for place in tools]
            for reviewer in reviewers:
                for each in block:
                    cells += self._cells(shared, reviewer, each, counted)
        return cells

    def order(self, repeats: Sequence[int]) -> Order:
        """Return the order in which these repeats of all cells are asked."""
        return arrange(measured(self.prompts, self.tools, self.personas), repeats)

    def places(self, cells: Iterable[Cell]) -> list[Place]:
        """Return where these cells stand among the tools and personas of the target."""
        tools = {tool.slug: place for place, tool in enumerate(self.tools)}
        personas = {persona.id: place for place, persona in enumerate(self.personas)}
        return [
            (tools[tool], personas[who], repeat) for tool, who, repeat in (c.key for c in cells)
        ]

    def _reviewer(self, persona: Persona, shared: Shared) -> Reviewer:
        schema = schema_for(persona, self.prompts.form)
        digest = content_hash([self.prompts.system_text(persona), schema])
        return Reviewer(persona, digest, canonical_json(schema))

    def _reviewed(self, tool: Tool) -> Reviewed:
        digest = content_hash(self.prompts.review_text(tool))
        return Reviewed(tool=tool, digest=digest)

    def _cells(
        self, shared: Shared, reviewer: Reviewer, reviewed: Reviewed, counted: range
    ) -> list[Cell]:
        """Return the repeats of one tool × persona."""
        prompts, persona, profile = self.prompts, reviewer.persona, shared.profile
        tool, pair = reviewed.tool, (reviewed.tool.slug, reviewer.persona.id)
        schema = reviewer.schema
        if profile is not None:
            schema = canonical_json(schema_for(persona, prompts.form, choices(persona, tool)))
        note = self.guidance.get(pair)
        guidance = None if note is None else content_hash(prompts.guidance_text(note))

        messages = prompts.messages(persona, tool, note)
        *before, last = messages
        written = ",".join([*map(shared.written, before), reviewed.written(last)])
        characters = sum([len(text) for _role, text in messages])

        def hashed(repeat: int) -> str:
            """Return the fingerprint of a repeat."""
            rest = f"{schema},{shared.identity},{shared.samplings[repeat].written},{repeat}"
            return list_hash([f"[{written}]", rest])

        wording = "" if 1 in counted else hashed(1)
        cells: list[Cell] = []
        for repeat in counted:
            fingerprint = hashed(repeat)
            wording = wording or fingerprint
            sampled = shared.samplings[repeat]
            inputs = Inputs(
                reviewed.digest,
                reviewer.digest,
                shared.templates,
                sampled.digest,
                guidance,
                profile,
            )
            cells.append(
                Cell(
                    tool, persona, self.model, repeat, fingerprint, wording, inputs,
                    prompts, note, sampled.fields, characters,
                )
            )  # fmt: skip
        return cells

    def lay_out_each(self, repeats: Mapping[str, int]) -> list[Cell]:
        """Return the cells in asking order, of each tool as many repeats as ``repeats`` says.

        repeats: by tool; a tool that is not in it has one.
        """
        groups: dict[int, list[Tool]] = {}
        for tool in self.tools:
            groups.setdefault(repeats.get(tool.slug, 1), []).append(tool)
        laid = (replace(self, tools=group).lay_out(many) for many, group in groups.items())
        return [cell for cells in laid for cell in cells]

    def wordings(self) -> dict[PairKey, str]:
        """Return the wording in which each tool × persona would be asked now."""
        return {(cell.tool.slug, cell.persona.id): cell.wording for cell in self.lay_out()}


def cells_by_pair(cells: Iterable[Cell]) -> dict[PairKey, dict[int, Cell]]:
    """Return cells by tool × persona, and there by repeat."""
    found: dict[PairKey, dict[int, Cell]] = {}
    for cell in cells:
        found.setdefault(cell.pair, {})[cell.repeat] = cell
    return found
