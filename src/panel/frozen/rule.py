"""The publish rule: when new answers overturn a published verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from panel.stats import SURE, Tally, ships_probability


@dataclass(frozen=True, slots=True)
class PublishOutcome:
    """What to publish of a persona on a tool.

    verdict: None where there is nothing to publish. contested: the votes do not settle it.
    certainty: P(the majority is what most of the votes say); None without votes or majority.
    """

    verdict: Literal["ship", "skip"] | None
    contested: bool
    certainty: float | None


def is_sure(verdict: Literal["ship", "skip"] | None, votes: Tally) -> bool:
    """Whether votes leave at most 5 % of doubt that most answers would be this verdict."""
    outcome = publish_rule(None, votes)
    return verdict is not None and outcome.verdict == verdict and _enough(outcome.certainty)


def _enough(certainty: float | None) -> bool:
    return certainty is not None and certainty >= SURE


def votes_missing(votes: Tally, of: Literal["ship", "skip"] | None = None) -> int:
    """Return how many more votes would make one side sure if all of them were for it.

    of: that side; by default the one that leads, or either one on a tie. 0 where it is sure.
    """
    side = of or votes.majority or "ship"
    count, n, more = votes.ships if side == "ship" else votes.skips, votes.n, 0
    while n + more == 0 or ships_probability(count + more, n + more) < SURE:
        more += 1
    return more


def more_to_ask(votes: Tally, asked: int, most: int) -> int:
    """Return how many more answers to ask for: as many as could make one side sure.

    asked: how many answers there are, abstentions among them; most: the bound. 0 where one side
    is sure, and at the bound.
    """
    return max(0, min(votes_missing(votes), most - asked))


def publish_rule(published: Literal["ship", "skip"] | None, votes: Tally) -> PublishOutcome:
    """Say what to publish after new votes: what is published stands until it is overturned.

    A published verdict changes only if P(the majority is the other) >= 0.95: with a uniform
    prior that takes 4 of 4, 5 of 5, 6 of 7 ... and never a single answer. A first verdict is
    the majority; on a tie it is ship or skip as the first vote was, which the caller knows.
    """
    majority = votes.majority
    certainty = None
    if majority is not None:
        for_majority = votes.ships if majority == "ship" else votes.skips
        certainty = ships_probability(for_majority, votes.n)
    sure = _enough(certainty)
    split = bool(votes.ships and votes.skips)
    if published is None:
        return PublishOutcome(majority, split and not sure, certainty)
    if majority is None or majority == published:
        return PublishOutcome(published, not sure and (split or not votes.n), certainty)
    return PublishOutcome(majority if sure else published, not sure, certainty)
