"""The order in which cells are asked, so that a server reads as little as possible twice.

A server of language models keeps what it has worked out for the beginning of a prompt, up to the
first token that differs. The parts of a prompt stand in one order: the rules that all personas
share, one persona, the tool. So neighbours share most where
the persona stays the same. Such an order would leave no tool with its whole panel before the last
persona's turn, which is why the tools are cut into blocks: as many as cost no more than LOSS of
the prompts. Where descriptions are so long that nothing else weighs anything, a block is one tool.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from panel.text import counted
from panel.workspace.personas import Persona
from panel.workspace.prompts import Prompts
from panel.workspace.tools import Tool

LOSS = 0.01  # of all that is sent: what whole panels before the end may cost

Place = tuple[int, int, int]  # where a cell belongs: its tool's and persona's place, its repeat


@dataclass(frozen=True, slots=True)
class Sizes:
    """The parts of the prompts, in characters.

    rules: what all personas' system messages begin with alike. personas: the rest of each
    one's. tools: each tool's question.
    """

    rules: int
    personas: Sequence[int]
    tools: Sequence[int]


@dataclass(frozen=True, slots=True)
class Order:
    """Cells in asking order: block by block, persona by persona, tool by tool, repeat by repeat.

    block: how many tools are asked of the whole panel before the next ones.
    """

    sizes: Sizes
    repeats: Sequence[int]
    block: int

    def blocks(self) -> Iterator[range]:
        """Return which tools are asked of the whole panel before the next ones."""
        tools = range(len(self.sizes.tools))
        return (tools[start : start + self.block] for start in tools[:: self.block])

    def __iter__(self) -> Iterator[Place]:
        for tools in self.blocks():
            for persona in range(len(self.sizes.personas)):
                yield from ((tool, persona, repeat) for tool in tools for repeat in self.repeats)

    def shared(self, before: Place, place: Place) -> int:
        """Return how many characters of a cell's prompt begin the prompt before it, too."""
        sizes, (tool, persona, _repeat) = self.sizes, place
        same = sizes.rules
        if persona == before[1]:
            same += sizes.personas[persona] + (sizes.tools[tool] if tool == before[0] else 0)
        return same

    def length(self, place: Place) -> int:
        """Return the characters of a cell's prompt."""
        sizes, (tool, persona, _repeat) = self.sizes, place
        return sizes.rules + sizes.personas[persona] + sizes.tools[tool]

    def cached_share(
        self, places: Iterable[Place] | None = None, kept: Callable[[int], float] = float
    ) -> float:
        """Return the share of the prompts, from 0 to 1, that repeats the one just before.

        places: the cells to ask, in their order; None for all. kept: how many of so many shared
        characters a server keeps. It is what a server with one cache saves, to the token.
        """
        asked = [*(self if places is None else places)]
        total = sum(self.length(place) for place in asked)
        again = sum(kept(self.shared(*both)) for both in pairwise(asked))
        return again / total if total else 0.0

    @property
    def first(self) -> str:
        """What stays the same from cell to cell: "persona" or "tool"."""
        return "tool" if self.block == 1 < len(self.sizes.tools) else "persona"

    def record(self, places: Sequence[Place]) -> dict[str, Any]:
        """Return the order of the cells to ask as plain JSON types; shares are from 0 to 1."""
        by_tool = sorted(places)
        by_persona = sorted(by_tool, key=lambda place: place[1])
        return {
            "first": self.first,
            "block": self.block,
            "cached_share": round(self.cached_share(places), 4),
            "tool_first_share": round(self.cached_share(by_tool), 4),
            "persona_first_share": round(self.cached_share(by_persona), 4),
        }

    def sentence(self, places: Sequence[Place]) -> str:
        """Say which order it is, and why, of the cells to ask."""
        tools, known = len(self.sizes.tools), self.record(places)
        say = f"{_percent(known['cached_share'])} of what is sent repeats the prompt before"
        say += ", which a cache can serve"
        if len(self.sizes.personas) < 2 or tools < 2:
            return f"Order: {say}."
        if self.first == "tool":
            by_persona = _percent(known["persona_first_share"])
            return f"Order: tool by tool: {say} (persona by persona: no more than {by_persona})."
        blocks = f" in blocks of {counted(self.block, 'tool')}" if self.block < tools else ""
        by_tool = _percent(known["tool_first_share"])
        return f"Order: persona by persona{blocks}: {say} (tool by tool: {by_tool})."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def arrange(sizes: Sizes, repeats: Sequence[int]) -> Order:
    """Return the order for these prompts: the smallest blocks that cost no more than LOSS.

    What one more block costs is that every persona is read once more.
    """
    tools, personas = len(sizes.tools), len(sizes.personas)
    order = Order(sizes, repeats, max(1, tools))
    if not tools or not personas or not repeats:
        return order
    extra = sum(sizes.personas) if personas > 1 else 0  # a single persona never changes
    prompts = personas * (tools * sizes.rules + sum(sizes.tools))
    total = len(repeats) * (prompts + tools * sum(sizes.personas))
    blocks = min(tools, 1 + int(LOSS * total / extra)) if extra else tools
    return replace(order, block=math.ceil(tools / blocks))


def measured(prompts: Prompts, tools: Sequence[Tool], personas: Sequence[Persona]) -> Sizes:
    """Measure the parts of the prompts; raises WorkspaceError where a template fails."""
    systems = [prompts.system_text(persona) for persona in personas]
    rules = shared_beginning(systems)
    # What a template adds to the descriptions is much the same for all tools.
    around = [max(0, len(prompts.review_text(t)) - len(t.description)) for t in tools[:1]]
    return Sizes(
        rules,
        [len(system) - rules for system in systems],
        [around[0] + len(tool.description) for tool in tools],
    )


def shared_beginning(texts: Sequence[str]) -> int:
    """Return how many characters all of these texts begin with alike."""
    first, last = min(texts, default=""), max(texts, default="")
    pairs = enumerate(zip(first, last, strict=False))
    return next((place for place, (one, other) in pairs if one != other), len(first))


def billed_as_cached(characters: int, chars_per_token: float) -> float:
    """Return how many of so many shared characters a hosted service bills as cached.

    OpenAI's rule: 1,024 tokens or more, in steps of 128 (platform.openai.com/docs/guides/
    prompt-caching). Mistral's steps are of 64, DeepSeek's too, without a least number.
    """
    tokens = int(characters / chars_per_token)
    return (tokens - tokens % 128) * chars_per_token if tokens >= 1024 else 0.0
