"""Cells: one question to one model each, exactly what it will see, and the hash of just that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Inputs:
    """Content hashes of what goes into a cell, kept to tell what has changed.

    guidance: of an editor's note to this tool × persona; None where there is none.
    """

    tool: str
    persona: str
    templates: str
    sampling: str
    guidance: str | None = None


Guidance = Mapping[tuple[str, str], str]  # tool, persona → an editor's note


NO_GUIDANCE: Guidance = {}


@dataclass(frozen=True, slots=True)
class Cell:
    """One question to one model: exactly what it will see, and the hash of just that.

    sampling: request fields besides messages and schema; schema: the verdict's JSON
    Schema; fingerprint: ``b2:`` + hash over all of it, the model and the repeat.
    """

    tool: Tool
    persona: Persona
    model: ModelIdentity
    repeat: int
    messages: Messages
    schema: dict[str, Any]
    sampling: dict[str, Any]
    inputs: Inputs
    fingerprint: str

    @property
    def key(self) -> CellKey:
        """What the cell is about, whatever its wording: tool, persona, repeat."""
        return (self.tool.slug, self.persona.id, self.repeat)

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


def lay_out(
    prompts: Prompts,
    tools: Sequence[Tool],
    personas: Sequence[Persona],
    endpoint: Endpoint,
    model: ModelIdentity,
    repeats: int,
    first: int = 1,
    guidance: Guidance = NO_GUIDANCE,
) -> list[Cell]:
    """Return all cells of a selection in asking order; the repeats begin with ``first``.

    guidance: editors' notes, each in the question of its tool × persona and in no other.
    Touches neither network nor store.
    """
    templates = template_digest(prompts)
    lengths = EMBEDDED_LENGTHS if endpoint.profile == "embedded" else None
    reviewers = [
        (
            persona,
            schema_for(persona, lengths),
            persona.digest(),
            # The worked examples are wording too, where they are shown.
            content_hash([templates, prompts.example_records(persona)]) if lengths else templates,
        )
        for persona in personas
    ]
    samplings = {
        repeat: request_sampling(endpoint, repeat) for repeat in range(first, first + repeats)
    }
    sampled = {r: content_hash([s, lengths is not None]) for r, s in samplings.items()}
    identity = [model.endpoint, model.model, model.digest]

    def guided(wording: str) -> str:
        return content_hash([wording, prompts.guidance_text("note")])

    cells = []
    for start in range(0, len(tools), BLOCK):
        block = [(tool, tool.digest()) for tool in tools[start : start + BLOCK]]
        for persona, schema, persona_digest, wording in reviewers:
            asked = [
                Cell(
                    tool,
                    persona,
                    model,
                    repeat,
                    messages := prompts.messages(persona, tool, repeat, endpoint.profile, note),
                    schema,
                    sampling,
                    Inputs(
                        tool_digest,
                        persona_digest,
                        wording if note is None else guided(wording),
                        sampled[repeat],
                        None if note is None else content_hash(note),
                    ),
                    content_hash([messages, schema, identity, sampling, repeat]),
                )
                for repeat, sampling in samplings.items()
                for tool, tool_digest in block
                for note in (guidance.get((tool.slug, persona.id)),)
            ]
            # Equal beginnings one after another; what differs only in the last message stays put.
            order = {
                prefix: n for n, prefix in enumerate(dict.fromkeys(c.messages[:-1] for c in asked))
            }
            cells += sorted(asked, key=lambda cell: order[cell.messages[:-1]])
    return cells


PairKey = tuple[str, str]  # tool, persona


@dataclass(frozen=True, slots=True)
class Asking:
    """What a cell depends on besides its tool and persona; guidance: editors' notes by pair."""

    prompts: Prompts
    endpoint: Endpoint
    model: ModelIdentity
    guidance: Guidance = field(default_factory=dict)

    def lay_out(self, tools: Sequence[Tool], personas: Sequence[Persona], many: int) -> list[Cell]:
        """Return the cells of these tools and personas, repeats 1 to ``many``."""
        return lay_out(
            self.prompts,
            tools,
            personas,
            self.endpoint,
            self.model,
            many,
            guidance=self.guidance,
        )


def cells_by_pair(
    asking: Asking, tools: Sequence[Tool], personas: Sequence[Persona], repeats: Mapping[str, int]
) -> dict[PairKey, dict[int, Cell]]:
    """Lay out the cells of each tool × persona, as many repeats as ``repeats`` says of its tool.

    A tool that is not in ``repeats`` has one.
    """
    groups: dict[int, list[Tool]] = {}
    for tool in tools:
        groups.setdefault(repeats.get(tool.slug, 1), []).append(tool)
    found: dict[PairKey, dict[int, Cell]] = {}
    for many, group in groups.items():
        for cell in asking.lay_out(group, personas, many):
            found.setdefault((cell.tool.slug, cell.persona.id), {})[cell.repeat] = cell
    return found
