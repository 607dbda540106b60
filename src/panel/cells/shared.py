"""What the cells of a target share: hashed and written as canonical JSON once for all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from panel.hashing import canonical_json, content_hash
from panel.workspace.endpoints import Endpoint
from panel.workspace.personas import Persona
from panel.workspace.presets import EXTRACTIVE
from panel.workspace.prompts import Message, Prompts, template_digest
from panel.workspace.tools import Tool


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


@dataclass(frozen=True, slots=True)
class Sampled:
    """The request fields of a repeat: as they are, hashed, and as canonical JSON."""

    fields: dict[str, Any]
    digest: str
    written: str


@dataclass(frozen=True, slots=True)
class Written:
    """Messages as canonical JSON, each written once."""

    _known: dict[Message, str] = field(default_factory=dict)

    def written(self, message: Message) -> str:
        """Return a message as canonical JSON."""
        if message not in self._known:
            self._known[message] = canonical_json(message)
        return self._known[message]


@dataclass(frozen=True, slots=True)
class Shared(Written):
    """What all cells of a target share; the messages that come before the question among it.

    identity: the model as canonical JSON. profile: as ``Inputs`` has it.
    """

    templates: str = field(kw_only=True)
    samplings: dict[int, Sampled] = field(kw_only=True)
    identity: str = field(kw_only=True)
    profile: Literal["extractive"] | None = field(kw_only=True)

    @classmethod
    def of(
        cls, prompts: Prompts, endpoint: Endpoint, identity: str, counted: Iterable[int]
    ) -> Shared:
        """Return it for these repeats."""
        profile = EXTRACTIVE if endpoint.demo else None
        samplings: dict[int, Sampled] = {}
        for repeat in (1, *counted):
            fields = request_sampling(endpoint, repeat)
            digest = content_hash([fields, endpoint.demo, prompts.panel])
            samplings[repeat] = Sampled(fields, digest, canonical_json(fields))
        return cls(
            templates=template_digest(prompts),
            samplings=samplings,
            identity=identity,
            profile=profile,
        )


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A persona with what its cells share. schema: of a model that writes, as canonical JSON."""

    persona: Persona
    digest: str
    schema: str


@dataclass(frozen=True, slots=True)
class Reviewed(Written):
    """A tool, the hash of its review, and the questions about it."""

    tool: Tool = field(kw_only=True)
    digest: str = field(kw_only=True)
