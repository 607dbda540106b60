"""What an experiment came to: its arms, and the comparisons that were registered for it."""

from __future__ import annotations

from dataclasses import dataclass

from panel.errors import UsageError
from panel.research.experiments import Standing, standing
from panel.research.frame import Frame, Source, read_frame
from panel.research.paired import Comparison, compare, family
from panel.research.rates import Estimate, tool_rate
from panel.research.realised import Unrealised, caveat, unrealised_arms
from panel.store.connection import Connection
from panel.store.registrations import ArmConditions, arm_conditions
from panel.workspace.experiments import Comparison as Registered
from panel.workspace.experiments import Experiment


@dataclass(frozen=True, slots=True)
class ArmOutcome:
    """An arm: under which conditions it was asked, and its ship rate as a sample of tools.

    votes: ships and skips; abstains, errors: of its cells. unrealised: why it is no answer to the
    question; empty where its factors came about.
    """

    conditions: ArmConditions
    tools: int
    votes: int
    abstains: int
    errors: int
    rate: Estimate
    unrealised: tuple[str, ...]

    @property
    def unanswered(self) -> int:
        """Cells without any outcome yet."""
        return self.conditions.enrolled - self.conditions.answered


@dataclass(frozen=True, slots=True)
class ComparisonOutcome:
    """A registered comparison. found: None where it is refused, and ``why``.

    sentence: what is shown, or why nothing is.
    """

    registered: Registered
    found: Comparison | None
    why: str | None
    sentence: str

    @property
    def adjusted(self) -> float | None:
        """The p-value that decides, by Holm over the registered comparisons."""
        return self.found.holm.p if self.found and self.found.holm else None


@dataclass(frozen=True, slots=True)
class ExperimentOutcome:
    """Everything an experiment's report says."""

    experiment: Experiment
    standing: Standing
    arms: tuple[ArmOutcome, ...]
    comparisons: tuple[ComparisonOutcome, ...]


def experiment_outcome(connection: Connection, experiment: Experiment) -> ExperimentOutcome:
    """Sum up an experiment; raises UsageError where nothing of it is registered."""
    conditions = arm_conditions(connection, experiment.name)
    if not conditions:
        raise UsageError(
            f"the experiment {experiment.name!r} has not been run: "
            f"'panel experiment run {experiment.name}'."
        )
    frames = {
        each.arm: read_frame(connection, Source("experiment", experiment.name, each.arm))
        for each in conditions
    }
    compared = [(each.a, each.b) for each in experiment.plan.compare]
    wrong = unrealised_arms(connection, experiment.name, compared or None)
    return ExperimentOutcome(
        experiment,
        standing(connection, experiment),
        tuple(_arm(each, frames[each.arm], wrong.get(each.arm, ())) for each in conditions),
        _comparisons(experiment, frames, wrong),
    )


def _arm(conditions: ArmConditions, frame: Frame, wrong: tuple[str, ...]) -> ArmOutcome:
    means = frame.tool_means()
    return ArmOutcome(
        conditions,
        len(means),
        frame.votes,
        sum(row.abstains for row in frame.rows),
        sum(row.errors for row in frame.rows),
        tool_rate([*means.values()], what="the rate of an arm"),
        wrong,
    )


def _comparisons(
    experiment: Experiment, frames: dict[str, Frame], wrong: Unrealised
) -> tuple[ComparisonOutcome, ...]:
    made: list[tuple[Registered, Comparison | None, str | None]] = []
    waiting: list[float | None] = []
    for each in experiment.plan.compare:
        missing = [name for name in (each.a, each.b) if name not in frames or not frames[name].rows]
        if missing:
            waiting.append(each.margin)
            made.append((each, None, f"{missing[0]} has not been asked"))
            continue
        try:
            found = compare(frames[each.a], frames[each.b], each.margin, each.expect)
        except UsageError as error:
            made.append((each, None, str(error)))
        else:
            made.append((each, found, None))
    decided = iter(family([found for _each, found, _why in made if found is not None], waiting))
    return tuple(
        ComparisonOutcome(
            each,
            found and (own := next(decided)),
            why,
            (own.sentence if found else f"{each.b} − {each.a} is not compared: {why}")
            + caveat(wrong, (each.a, each.b)),
        )
        for each, found, why in made
    )
