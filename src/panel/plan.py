"""The plan: which cells there are, what each would show the model, and why it is pending."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from panel.catalog import Tool
from panel.hashing import content_hash
from panel.personas import Persona
from panel.prompts import Messages, Prompts, template_digest
from panel.settings import Endpoint
from panel.verdict import EMBEDDED_LENGTHS, schema_for

# Cells are asked persona by persona within blocks of this many tools: an endpoint then
# meets the same long prefix (rules + persona) many times in a row, and an interrupted run
# still leaves whole panels behind.
BLOCK = 64
CHARACTERS_PER_TOKEN = 4  # rough, English prose; only for sizes shown before anything is asked

Reason = Literal[
    "new",
    "description changed",
    "persona changed",
    "template changed",
    "settings changed",
    "previous error",
    "unfinished",
]
REASONS: tuple[Reason, ...] = (
    "new",
    "description changed",
    "persona changed",
    "template changed",
    "settings changed",
    "previous error",
    "unfinished",
)


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
    """Content hashes of what goes into a cell, kept to tell what has changed."""

    tool: str
    persona: str
    templates: str
    sampling: str


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
    def prompt_tokens(self) -> int:
        """A rough size of the prompt, in tokens."""
        return sum(len(content) for _role, content in self.messages) // CHARACTERS_PER_TOKEN


CellKey = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Known:
    """What the store holds on a cell key: the latest fingerprint, its outcome and inputs.

    settled: every fingerprint of this key that ended as a verdict or an abstention.
    outcome: verdict, abstain, error, or None when it was begun and never ended.
    """

    fingerprint: str
    outcome: str | None
    inputs: Inputs
    settled: frozenset[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do: ``pending`` cells with reasons, in asking order, and the rest.

    reused: cells whose answer is in the store. adopted: those among them whose answer is
    not the latest one (a text was changed back), to be made the latest again.
    """

    pending: list[tuple[Cell, Reason]]
    reused: int
    adopted: list[Cell]

    @property
    def cells(self) -> int:
        """All cells of the selection."""
        return len(self.pending) + self.reused

    def reasons(self) -> dict[str, int]:
        """Count the pending cells by reason, in the order of REASONS."""
        counted = Counter(reason for _cell, reason in self.pending)
        return {reason: counted[reason] for reason in REASONS if counted[reason]}

    @property
    def prompt_tokens(self) -> int:
        """A rough size of all pending prompts, in tokens."""
        return sum(cell.prompt_tokens for cell, _reason in self.pending)


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
) -> list[Cell]:
    """Return all cells of a selection in asking order. Touches neither network nor store."""
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
    samplings = {repeat: request_sampling(endpoint, repeat) for repeat in range(1, repeats + 1)}
    sampled = {r: content_hash([s, lengths is not None]) for r, s in samplings.items()}
    identity = [model.endpoint, model.model, model.digest]
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
                    messages := prompts.messages(persona, tool, repeat, endpoint.profile),
                    schema,
                    sampling,
                    Inputs(tool_digest, persona_digest, wording, sampled[repeat]),
                    content_hash([messages, schema, identity, sampling, repeat]),
                )
                for repeat, sampling in samplings.items()
                for tool, tool_digest in block
            ]
            # Equal beginnings one after another; what differs only in the last message stays put.
            order = {
                prefix: n for n, prefix in enumerate(dict.fromkeys(c.messages[:-1] for c in asked))
            }
            cells += sorted(asked, key=lambda cell: order[cell.messages[:-1]])
    return cells


def make_plan(cells: Iterable[Cell], known: Mapping[CellKey, Known]) -> Plan:
    """Split cells into pending (with the reason) and reused."""
    pending: list[tuple[Cell, Reason]] = []
    adopted: list[Cell] = []
    reused = 0
    for cell in cells:
        stored = known.get(cell.key)
        if stored is not None and cell.fingerprint in stored.settled:
            reused += 1
            if stored.fingerprint != cell.fingerprint:
                adopted.append(cell)
        else:
            pending.append((cell, _reason(cell, stored)))
    return Plan(pending, reused, adopted)


def _reason(cell: Cell, stored: Known | None) -> Reason:
    if stored is None:
        return "new"
    if stored.fingerprint == cell.fingerprint:
        return "previous error" if stored.outcome == "error" else "unfinished"
    was, now = stored.inputs, cell.inputs
    if was.tool != now.tool:
        return "description changed"
    if was.persona != now.persona:
        return "persona changed"
    if was.templates != now.templates:
        return "template changed"
    return "settings changed"
