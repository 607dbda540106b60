"""Whose change is it? What tools that nobody changed show is the model's; the rest is not."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from panel.errors import UsageError
from panel.research.paired import Comparison
from panel.research.shifts import Shift, shift
from panel.stats.intervals import t_interval
from panel.text import counted

FEWEST_CANARIES = 3  # fewer say too little of how much unchanged tools move


@dataclass(frozen=True, slots=True)
class Split:
    """A shift in two parts, in points of ship percentage, B minus A.

    model: the mean shift of the unchanged tools. changed: that of the others. rest: changed minus
    model, with its standard error and 95 % interval: Welch's, over tools; for a single changed
    tool, the prediction interval of one more unchanged tool. n of rest: the changed tools.
    """

    canaries: tuple[str, ...]
    model: Shift
    changed: Shift
    rest: Shift

    @property
    def sentence(self) -> str:
        """What is shown of either part."""
        return (
            f"A shift of the model is {_shown(self.model)}; "
            f"one by the change itself is {_shown(self.rest)}."
        )


def _shown(part: Shift) -> str:
    if part.interval is None:
        return "not estimable, since all tools moved by the same"
    return "not shown" if part.interval.holds(0) else "shown"


def split(found: Comparison, canaries: Collection[str]) -> Split | None:
    """Split the shift of the changed tools; None where no tool is changed, or none a canary.

    Student (1908) and Welch (1947), Biometrika 34:28-35: the two sets of tools are independent.
    Raises UsageError for a canary that is not among the tools in common, and for fewer than three.
    """
    missing = sorted(set(canaries) - {tool.tool for tool in found.tools})
    if missing:
        raise UsageError(
            f"the canary {missing[0]!r} is not among the tools that both sides voted on."
        )
    kept = tuple(tool.tool for tool in found.tools if tool.tool in canaries)
    unchanged = [tool.points for tool in found.tools if tool.tool in canaries]
    others = [tool.points for tool in found.tools if tool.tool not in canaries]
    if not unchanged or not others:
        return None
    if len(unchanged) < FEWEST_CANARIES:
        raise UsageError(
            f"{counted(len(unchanged), 'unchanged tool')} cannot say what the model did: it takes "
            f"{FEWEST_CANARIES}, and a dozen says more. Name tools with --canary."
        )
    model, changed = shift(unchanged), shift(others)
    return Split(kept, model, changed, _rest(model, changed))


def _rest(model: Shift, changed: Shift) -> Shift:
    n, points = model.n, changed.points - model.points
    of_model = (model.error or 0.0) ** 2
    if changed.error is None:  # one tool: it varies as the unchanged ones do
        error, freedom = math.sqrt(of_model * (1 + n)), float(n - 1)
    else:
        of_changed = changed.error**2
        error = math.sqrt(of_model + of_changed)
        parts = of_model**2 / (n - 1) + of_changed**2 / (changed.n - 1)
        freedom = error**4 / parts if parts else 1.0
    interval = t_interval(points, error, freedom).cut(-200, 200) if error else None
    return Shift(changed.n, points, interval, error)
