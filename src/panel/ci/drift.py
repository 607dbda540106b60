"""Drift: what is known of the model itself between two snapshots, beside all that people changed.

Canaries are tools that nobody edits. If their answers move, the model has moved.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from panel.ci.snapshots import Snapshot
from panel.frozen.files import CanaryCheck
from panel.frozen.verdicts import FrozenVerdict
from panel.stats import sign_flip

MOVED_BELOW = 0.05  # below this p-value the canaries say that the model has moved
FEWEST_CANARIES = 6  # with fewer tools that differ, a sign-flip test never gives p < 0.05


@dataclass(frozen=True, slots=True)
class Drift:
    """What is known of the model itself between two snapshots.

    moved: whether the canaries say so; None if they cannot tell. p: p-value of the sign-flip
    test over canary tools; ships and n: their votes on record and when asked again.
    models, served: (before, after), only where they differ: the identities of the models asked,
    and the names that the server gave (returned model and system fingerprint).
    """

    moved: bool | None
    sentence: str
    p: float | None = None
    canaries: CanaryCheck | None = None
    models: tuple[list[str], list[str]] | None = None
    served: tuple[list[str], list[str]] | None = None


def find_drift(
    base: Snapshot,
    head: Snapshot,
    before: Collection[FrozenVerdict],
    after: Collection[FrozenVerdict],
) -> Drift:
    """Compare the canaries and the models' names of two snapshots with these verdicts."""
    asked = head.canaries if _asked_since(base.canaries, head.canaries) else None
    models = _differing(_models(before), _models(after))
    served = None if models else _differing(_served(before), _served(after))
    moved, sentence, p = _canaries(asked)
    if served is not None:
        sentence += " The server names another model or configuration than before."
    return Drift(moved, sentence, p, asked, models, served)


def _asked_since(base: CanaryCheck | None, head: CanaryCheck | None) -> bool:
    """Whether canaries were asked between the two. The head's may be older than the base's."""
    if base is None or head is None:
        return head is not None
    return head != base and head.asked_at >= base.asked_at


def _canaries(asked: CanaryCheck | None) -> tuple[bool | None, str, float | None]:
    if asked is None:
        return None, "No canaries were asked, so it is not known whether the model has moved.", None
    counted = [c for c in asked.canaries if c.n and c.n_again]
    differences = [c.ships_again / c.n_again - c.ships / c.n for c in counted]
    p, differ = sign_flip(differences), sum(bool(each) for each in differences)
    many = f"{differ} of {len(counted)} canaries answer differently from the record"
    if p is not None and p < MOVED_BELOW:
        return True, f"The model moved: {many} (sign-flip test, p = {p:.3f}).", p
    if len(counted) < FEWEST_CANARIES:
        few = f"fewer than {FEWEST_CANARIES} canaries cannot tell"
        return None, f"It is not known whether the model has moved: {many}; {few}.", p
    test = "" if p is None else f" (sign-flip test, p = {p:.3f})"
    return False, f"No sign that the model has moved: {many}{test}.", p


def _differing(before: set[str], after: set[str]) -> tuple[list[str], list[str]] | None:
    """Return both if ``after`` has a name that ``before`` lacks."""
    if not before or after <= before:
        return None
    return sorted(before), sorted(after)


def _models(verdicts: Collection[FrozenVerdict]) -> set[str]:
    return {answer.model_identity for verdict in verdicts for answer in verdict.answers}


def _served(verdicts: Collection[FrozenVerdict]) -> set[str]:
    return {
        " / ".join(filter(None, (answer.returned_model, answer.system_fingerprint)))
        for verdict in verdicts
        for answer in verdict.answers
        if answer.returned_model or answer.system_fingerprint
    }
