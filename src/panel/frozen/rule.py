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
    sure = certainty is not None and certainty >= SURE
    split = bool(votes.ships and votes.skips)
    if published is None:
        return PublishOutcome(majority, split and not sure, certainty)
    if majority is None or majority == published:
        return PublishOutcome(published, not sure and (split or not votes.n), certainty)
    return PublishOutcome(majority if sure else published, not sure, certainty)
