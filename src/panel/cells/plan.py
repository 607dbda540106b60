"""The plan: which cells there are, what each would show the model, and why it is pending."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from panel.hashing import content_hash
from panel.workspace.personas import Persona
from panel.workspace.prompts import Messages, Prompts, template_digest
from panel.workspace.settings import CHARACTERS_PER_TOKEN, Endpoint
from panel.workspace.tools import Tool
from panel.workspace.verdict import EMBEDDED_LENGTHS, schema_for

# Cells are asked persona by persona within blocks of this many tools: an endpoint then
# meets the same long prefix (rules + persona) many times in a row, and an interrupted run
# still leaves whole panels behind.
BLOCK = 64
REPLY_SHOWN = 8000  # characters of an unreadable reply that its repair shows again

Reason = Literal[
    "new",
    "description changed",
    "persona changed",
    "guidance changed",
    "template changed",
    "settings changed",
    "model changed",
    "previous error",
    "previous abstention",
    "unfinished",
    "forced",
]
REASONS: tuple[Reason, ...] = get_args(Reason)


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
    not the latest one (a text was changed back), to be made the latest again. left: cells
    that are not asked now, since only errors or abstentions are to be asked again.
    """

    pending: list[tuple[Cell, Reason]]
    reused: int
    adopted: list[Cell]
    left: int = 0

    @property
    def cells(self) -> int:
        """All cells of the selection."""
        return len(self.pending) + self.reused + self.left

    def reasons(self) -> dict[str, int]:
        """Count the pending cells by reason, in the order of REASONS."""
        counted = Counter(reason for _cell, reason in self.pending)
        return {reason: counted[reason] for reason in REASONS if counted[reason]}


@dataclass(frozen=True, slots=True)
class Experience:
    """What a model's earlier answers say about the size of the next ones.

    chars_per_token: characters of a prompt to one of its tokens; completion_tokens: the
    mean of its replies, None where there are none yet.
    """

    chars_per_token: float = CHARACTERS_PER_TOKEN
    completion_tokens: float | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What asking the pending cells will take; None where it cannot be known.

    The worst case is that of every reply running into its cap, then, with the cap doubled,
    being unreadable, and being repaired: three paid requests a cell. Tries that the server
    turned away are not among them; whether one bills for those is its own affair.
    """

    calls: int
    prompt_tokens: int
    completion_tokens: int | None
    cost_usd: float | None
    worst_calls: int
    worst_tokens: int | None
    worst_cost_usd: float | None


def estimate(cells: Collection[Cell], endpoint: Endpoint, seen: Experience) -> Estimate:
    """Work out the size of asking these cells."""
    calls, cap, prices = len(cells), endpoint.sampling.max_tokens, endpoint.prices
    prompt = round(sum(cell.prompt_characters for cell in cells) / seen.chars_per_token)
    mean = seen.completion_tokens if seen.completion_tokens is not None else cap
    completion = None if mean is None else round(calls * mean)
    worst_prompt = 3 * prompt + calls * round(2 * REPLY_SHOWN / seen.chars_per_token)
    worst_completion = None if cap is None else 5 * cap * calls

    def cost(prompts: int, completions: int | None) -> float | None:
        if prices is None or completions is None:
            return None
        return (prompts * prices.prompt + completions * prices.completion) / 1_000_000

    return Estimate(
        calls=calls,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost_usd=cost(prompt, completion),
        worst_calls=3 * calls,
        worst_tokens=None if worst_completion is None else worst_prompt + worst_completion,
        worst_cost_usd=cost(worst_prompt, worst_completion),
    )


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


def make_plan(
    cells: Iterable[Cell],
    known: Mapping[CellKey, Known],
    elsewhere: Container[CellKey] = (),
    again: Container[str] = (),
    forced: bool = False,
) -> Plan:
    """Split cells into pending (with the reason) and reused.

    elsewhere: keys that another model of the same endpoint has answered. again: outcomes
    ("error", "abstain") of which alone the cells are to be asked. forced: new repeats.
    """
    pending: list[tuple[Cell, Reason]] = []
    adopted: list[Cell] = []
    reused = left = 0
    for cell in cells:
        stored = known.get(cell.key)
        same = stored is not None and stored.fingerprint == cell.fingerprint
        if again and not (same and stored is not None and stored.outcome in again):
            settled = stored is not None and cell.fingerprint in stored.settled
            reused, left = reused + settled, left + (not settled)
        elif again and stored is not None and stored.outcome == "abstain":
            pending.append((cell, "previous abstention"))
        elif stored is not None and cell.fingerprint in stored.settled:
            reused += 1
            if not same:
                adopted.append(cell)
        elif forced:
            pending.append((cell, "forced"))
        else:
            pending.append((cell, _reason(cell, stored, cell.key in elsewhere)))
    return Plan(pending, reused, adopted, left)


def _reason(cell: Cell, stored: Known | None, elsewhere: bool) -> Reason:
    if stored is None:
        return "model changed" if elsewhere else "new"
    if stored.fingerprint == cell.fingerprint:
        return "previous error" if stored.outcome == "error" else "unfinished"
    return changed_input(stored.inputs, cell.inputs)


def changed_input(was: Inputs, now: Inputs) -> Reason:
    """Say which input tells two wordings of a cell apart; the first of several."""
    if was.tool != now.tool:
        return "description changed"
    if was.persona != now.persona:
        return "persona changed"
    if was.guidance != now.guidance:
        return "guidance changed"
    if was.templates != now.templates:
        return "template changed"
    return "settings changed"
