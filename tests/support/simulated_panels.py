"""Simulated panels with a known truth: the generator of ``REFERENCE["simulated_truth"]``.

    logit p[tool, arm, persona] = q[tool] + bias[persona] + u[tool, persona]
                                  + shift[arm] + w[tool, arm]
    q ~ N(0, 1.2), u ~ N(0, 0.7), w ~ N(0, 0.5), ships ~ Binomial(repeats, p)

Numbers are standard deviations in logits. All catalogs are drawn at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from panel.research.frame import Frame, VoteCount, frame_of

TOOL, CELL, ARM = 1.2, 0.7, 0.5
BIAS = (0.3, -1.2, 1.5, 0.0)
SEED = 20261126
PERSONAS = ("builder", "skeptic", "futurist", "business")


@dataclass(frozen=True, slots=True)
class Design:
    """What is asked: so many tools, each persona so often on each.

    shifts: of each arm, in logits. arm_by_tool: how much tools differ in their reaction to an
    arm (the standard deviation of w); 0 where both arms meet the same tools with one shift.
    """

    tools: int
    repeats: int
    shifts: tuple[float, ...] = (0.0,)
    arm_by_tool: float = ARM
    bias: tuple[float, ...] = BIAS


@dataclass(frozen=True, slots=True)
class Panels:
    """Drawn catalogs. p and ships: arrays of [catalog, tool, arm, persona]."""

    design: Design
    p: Any
    ships: Any

    @property
    def tool_means(self) -> Any:
        """The ship share of each [catalog, tool, arm], 0 to 1; personas weigh the same."""
        return self.ships.mean(axis=3) / self.design.repeats


def simulate(design: Design, catalogs: int, seed: int = SEED) -> Panels:
    """Draw so many catalogs; the same for the same seed."""
    draw = np.random.default_rng(seed)
    bias, shifts = np.array(design.bias), np.array(design.shifts)
    shape = (catalogs, design.tools, len(shifts), len(bias))
    logit = draw.normal(0, TOOL, (catalogs, design.tools, 1, 1)) + bias
    logit = logit + draw.normal(0, CELL, (catalogs, design.tools, 1, len(bias)))
    logit = logit + shifts[:, None] + draw.normal(0, design.arm_by_tool, (*shape[:3], 1))
    p = 1 / (1 + np.exp(-logit))
    return Panels(design, p, draw.binomial(design.repeats, p))


def frame_of_panel(panels: Panels, catalog: int = 0) -> Frame:
    """Return one catalog as counted votes. With one arm it has no name, as in the house."""
    one, repeats = panels.ships[catalog], panels.design.repeats
    return frame_of(
        "simulated",
        (
            VoteCount(
                f"tool-{tool:05}",
                PERSONAS[persona] if persona < len(PERSONAS) else f"persona-{persona}",
                "mock/one",
                "p1",
                "" if one.shape[1] == 1 else "ab"[arm] if arm < 2 else f"arm-{arm}",
                int(ships),
                repeats - int(ships),
            )
            for (tool, arm, persona), ships in np.ndenumerate(one)
        ),
    )
