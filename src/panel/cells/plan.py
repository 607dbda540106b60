"""The plan: which cells there are, what each would show the model, and why it is pending."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from panel.cells.answers import Inputs
from panel.cells.cells import REPLY_SHOWN, Cell, CellKey, Question
from panel.workspace.endpoint_settings import Prices
from panel.workspace.endpoints import CHARACTERS_PER_TOKEN, Endpoint

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
class Asked:
    """What the house panel was last asked on a cell key, and what it was made of.

    outcome: verdict, abstain, error, or None when it was begun and never ended.
    """

    fingerprint: str
    outcome: str | None
    inputs: Inputs


@dataclass(frozen=True, slots=True)
class Known:
    """What the store holds on a cell key.

    asked: None where only experiments have asked it. settled: every fingerprint of this key that
    ended as a verdict or an abstention, in experiments, too.
    """

    asked: Asked | None
    settled: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do: ``pending`` cells with reasons, in asking order, and the rest.

    reused: cells whose answer is in the store. adopted: those among them whose answer is
    not the latest one (a text was changed back), to be made the latest again. left: cells
    that are not asked now: only errors or abstentions are to be asked again, or only what
    differs from a revision. waiting: cells whose question waits in a batch.
    """

    pending: list[tuple[Cell, Reason]]
    reused: int
    adopted: list[Cell]
    left: int = 0
    waiting: int = 0

    @property
    def cells(self) -> int:
        """All cells of the selection."""
        return len(self.pending) + self.reused + self.left + self.waiting

    def without(self, waiting: Container[Question]) -> Plan:
        """Return the plan with those of its pending cells left out that wait in a batch."""
        pending = [each for each in self.pending if each[0].question not in waiting]
        held = len(self.pending) - len(pending)
        return replace(self, pending=pending, waiting=self.waiting + held)

    def planned_anew(self, new: Plan) -> Plan:
        """Return the plan with another one of its pending cells in their place."""
        return Plan(
            new.pending,
            self.reused + new.reused,
            self.adopted + new.adopted,
            self.left + new.left,
            self.waiting + new.waiting,
        )

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
    turned away are not among them; whether one bills for those is its own affair. batch_cost_usd,
    worst_batch_cost_usd: the same, asked by way of the endpoint's batch API.
    """

    calls: int
    prompt_tokens: int
    completion_tokens: int | None
    cost_usd: float | None
    worst_calls: int
    worst_tokens: int | None
    worst_cost_usd: float | None
    batch_cost_usd: float | None
    worst_batch_cost_usd: float | None


def estimate(
    cells: Collection[Cell], endpoint: Endpoint, seen: Experience, perhaps: Collection[Cell] = ()
) -> Estimate:
    """Work out the size of asking these cells. perhaps: cells that may be asked besides."""
    if perhaps:
        worst = estimate([*cells, *perhaps], endpoint, seen)
        names = ("worst_calls", "worst_tokens", "worst_cost_usd", "worst_batch_cost_usd")
        changed = {name: getattr(worst, name) for name in names}
        return replace(estimate(cells, endpoint, seen), **changed)
    calls, cap, batch = len(cells), endpoint.sampling.max_tokens, endpoint.batch_prices
    prompt = round(sum(cell.prompt_characters for cell in cells) / seen.chars_per_token)
    mean = seen.completion_tokens if seen.completion_tokens is not None else cap
    completion = None if mean is None else round(calls * mean)
    worst_prompt = 3 * prompt + calls * round(2 * REPLY_SHOWN / seen.chars_per_token)
    worst_completion = None if cap is None else 5 * cap * calls

    def cost(prompts: int, completions: int | None, prices: Prices | None) -> float | None:
        if prices is None or completions is None:
            return None
        return (prompts * prices.prompt + completions * prices.completion) / 1_000_000

    return Estimate(
        calls=calls,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost_usd=cost(prompt, completion, endpoint.prices),
        worst_calls=3 * calls,
        worst_tokens=None if worst_completion is None else worst_prompt + worst_completion,
        worst_cost_usd=cost(worst_prompt, worst_completion, endpoint.prices),
        batch_cost_usd=cost(prompt, completion, batch),
        worst_batch_cost_usd=cost(worst_prompt, worst_completion, batch),
    )


def cost_if_cached(size: Estimate, endpoint: Endpoint, share: float) -> float | None:
    """Return the US dollars where a cache serves this share of the prompts, from 0 to 1.

    None where the price of cached tokens, or the cost at all, is not known.
    """
    prices = endpoint.prices
    if size.cost_usd is None or prices is None or prices.cached is None:
        return None
    return size.cost_usd - share * size.prompt_tokens * (prices.prompt - prices.cached) / 1_000_000


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
        asked = stored.asked if stored is not None else None
        settled = stored is not None and cell.fingerprint in stored.settled
        same = asked is not None and asked.fingerprint == cell.fingerprint
        if again and not (same and asked is not None and asked.outcome in again):
            reused, left = reused + settled, left + (not settled)
        elif again and asked is not None and asked.outcome == "abstain":
            pending.append((cell, "previous abstention"))
        elif settled:
            reused += 1
            if not same:
                adopted.append(cell)
        elif forced:
            pending.append((cell, "forced"))
        else:
            pending.append((cell, _reason(cell, asked, cell.key in elsewhere)))
    return Plan(pending, reused, adopted, left)


def _reason(cell: Cell, asked: Asked | None, elsewhere: bool) -> Reason:
    if asked is None:
        return "model changed" if elsewhere else "new"
    if asked.fingerprint == cell.fingerprint:
        return "previous error" if asked.outcome == "error" else "unfinished"
    return changed_input(asked.inputs, cell.inputs)


def changed_input(was: Inputs, now: Inputs) -> Reason:
    """Say which input tells two wordings of a cell apart; the first of several.

    Templates and settings come first: they change how a tool and a persona are shown.
    """
    if was.templates_digest != now.templates_digest:
        return "template changed"
    if was.sampling_digest != now.sampling_digest:
        return "settings changed"
    if was.tool_digest != now.tool_digest:
        return "description changed"
    if was.persona_digest != now.persona_digest:
        return "persona changed"
    if was.guidance_digest != now.guidance_digest:
        return "guidance changed"
    return "settings changed"
