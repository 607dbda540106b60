"""Cells: one question to one model each, exactly what it will see, and the hash of just that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from panel.cells.answers import Inputs
from panel.hashing import content_hash
from panel.workspace.endpoints import Endpoint
from panel.workspace.personas import Persona
from panel.workspace.prompts import Messages, Prompts, template_digest
from panel.workspace.tools import Tool
from panel.workspace.verdict import EMBEDDED_LENGTHS, schema_for

# Cells are asked persona by persona within blocks of this many tools: an endpoint then
# meets the same long prefix (rules + persona) many times in a row, and an interrupted run
# still leaves whole panels behind.
BLOCK = 64


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


@dataclass(frozen=True, slots=True)
class Cell:
    """One question to one model: exactly what it will see, and the hash of just that.

    prompts: what its messages are made of, those of a repair among them. sampling: request fields
    besides messages and schema; schema: the verdict's JSON Schema; fingerprint: ``b2:`` + hash
    over all of it, the model and the repeat. wording: what the repeats of one question share,
    which is the fingerprint of the first of them.
    """

    tool: Tool
    persona: Persona
    model: ModelIdentity
    repeat: int
    prompts: Prompts = field(compare=False, repr=False)
    messages: Messages
    schema: dict[str, Any]
    sampling: dict[str, Any]
    inputs: Inputs
    fingerprint: str
    wording: str

    @property
    def key(self) -> CellKey:
        """What the cell is about, whatever its wording: tool, persona, repeat."""
        return (self.tool.slug, self.persona.id, self.repeat)

    @property
    def pair(self) -> PairKey:
        """The tool × persona that the cell is about."""
        return (self.tool.slug, self.persona.id)

    @property
    def prompt_characters(self) -> int:
        """The size of the prompt, in characters."""
        return sum(len(content) for _role, content in self.messages)


CellKey = tuple[str, str, int]


def identify(endpoint: Endpoint, digest: str | None) -> ModelIdentity:
    """Name the model behind an endpoint."""
    return ModelIdentity(endpoint.name, endpoint.model, digest)


def request_sampling(endpoint: Endpoint, repeat: int) -> dict[str, Any]:
    """Return the request fields that shape an answer, under the endpoint's names for them.

    A fixed seed moves on with the repeat, or every repeat would be the same answer.
    """
    sampling = endpoint.sampling
    fields: dict[str, Any] = dict(sampling.extra)
    if sampling.temperature is not None:
        fields["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        fields["top_p"] = sampling.top_p
    if sampling.max_tokens is not None:
        fields[endpoint.max_tokens_field] = sampling.max_tokens
    if sampling.seed is not None:
        fields[endpoint.seed_field] = sampling.seed + repeat - 1
    return fields


def _sampling(endpoint: Endpoint, repeat: int, panel: dict[str, str]) -> _Sampled:
    fields = request_sampling(endpoint, repeat)
    return fields, content_hash([fields, endpoint.profile == "embedded", panel])


_Sampled = tuple[dict[str, Any], str]  # request fields and their hash
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

        Touches neither network nor store. Raises WorkspaceError where a template fails.
        """
        endpoint, counted = self.endpoint, range(first, first + repeats)
        samplings = {
            repeat: _sampling(endpoint, repeat, self.prompts.panel) for repeat in (1, *counted)
        }
        templates = template_digest(self.prompts)
        reviewers = [self._reviewer(persona, templates) for persona in self.personas]
        cells: list[Cell] = []
        for start in range(0, len(self.tools), BLOCK):
            block = self.tools[start : start + BLOCK]
            for reviewer in reviewers:
                wordings: dict[str, str] = {}
                asked = [
                    self._cell(reviewer, tool, repeat, samplings, wordings)
                    for repeat in counted
                    for tool in block
                ]
                # Equal beginnings follow one another; what differs only in the last message
                # stays where it is.
                begins = dict.fromkeys(cell.messages[:-1] for cell in asked)
                order = {beginning: place for place, beginning in enumerate(begins)}
                cells += sorted(asked, key=lambda cell: order[cell.messages[:-1]])
        return cells

    def _reviewer(self, persona: Persona, templates: str) -> _Reviewer:
        embedded = self.endpoint.profile == "embedded"
        schema = schema_for(persona, EMBEDDED_LENGTHS if embedded else None, self.prompts.form)
        shown: list[Any] = [self.prompts.system_text(persona), schema]
        if embedded:  # where the worked examples are shown; each persona has its own
            shown.append(self.prompts.example_records(persona))
        return _Reviewer(persona, content_hash(shown), schema, templates)

    def _cell(
        self,
        reviewer: _Reviewer,
        tool: Tool,
        repeat: int,
        samplings: Mapping[int, _Sampled],
        wordings: dict[str, str],
    ) -> Cell:
        """Make a cell. wordings: by tool, of those laid out before; the cell's is put there."""
        persona, schema = reviewer.persona, reviewer.schema
        note = self.guidance.get((tool.slug, persona.id))
        identity = [self.model.endpoint, self.model.model, self.model.digest]

        def shown(repeat: int) -> tuple[Messages, str]:
            messages = self.prompts.messages(persona, tool, repeat, self.endpoint.profile, note)
            fields = samplings[repeat][0]
            return messages, content_hash([messages, schema, identity, fields, repeat])

        messages, fingerprint = shown(repeat)
        if tool.slug not in wordings:
            wordings[tool.slug] = fingerprint if repeat == 1 else shown(1)[1]
        sampling, sampling_digest = samplings[repeat]
        inputs = Inputs(
            content_hash(self.prompts.review_text(tool)),
            reviewer.digest,
            reviewer.templates,
            sampling_digest,
            None if note is None else content_hash(self.prompts.guidance_text(note)),
        )
        return Cell(
            tool, persona, self.model, repeat, self.prompts, messages, schema, sampling, inputs,
            fingerprint, wordings[tool.slug],
        )  # fmt: skip

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


@dataclass(frozen=True, slots=True)
class _Reviewer:
    """A persona with what all its cells share: its hash, its schema, the wording's hash."""

    persona: Persona
    digest: str
    schema: dict[str, Any]
    templates: str
