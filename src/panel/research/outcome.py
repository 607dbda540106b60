"""What an experiment came to: its arms, and the comparisons that were registered for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from panel.errors import UsageError
from panel.research.experiments import Standing, standing
from panel.research.frame import Frame, Source, read_frame
from panel.research.paired import Comparison, compare
from panel.research.rates import Estimate, tool_rate
from panel.research.realised import Unrealised, caveat, unrealised_arms
from panel.stats.paired import holm
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

    adjusted: the p-value that decides, adjusted by Holm (1979) over all registered comparisons
    that were made; that of a single one is its own. sentence: what is shown, and what of it is no
    answer to the question, since an arm did not come about.
    """

    registered: Registered
    found: Comparison | None
    why: str | None
    adjusted: float | None
    sentence: str


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
        each.arm: replace(
            read_frame(connection, Source("experiment", experiment.name, each.arm)), source=each.arm
        )
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
    for each in experiment.plan.compare:
        waiting = [name for name in (each.a, each.b) if name not in frames or not frames[name].rows]
        if waiting:
            made.append((each, None, f"{waiting[0]} has not been asked"))
            continue
        try:
            found = compare(frames[each.a], frames[each.b], each.margin, each.expect)
        except UsageError as error:
            made.append((each, None, str(error)))
        else:
            made.append((each, found, None))
    adjusted = iter(holm([found.p for _each, found, _why in made if found is not None]))
    return tuple(
        ComparisonOutcome(
            each,
            found,
            why,
            None if found is None else next(adjusted),
            (found.sentence if found else f"{each.b} − {each.a} is not compared: {why}")
            + caveat(wrong, (each.a, each.b)),
        )
        for each, found, why in made
    )
