"""What an experiment came to: its arms, and the comparisons that were registered for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from panel.errors import PanelError, UsageError
from panel.research.design import present_design
from panel.research.experiments import laid_out
from panel.research.frame import Frame, Source, read_frame
from panel.research.paired import Comparison, compare, family
from panel.research.panels import DEMO_WHY
from panel.research.rates import Estimate, tool_rate
from panel.research.realised import caveat, unrealised_arms
from panel.research.standing import Standing, standing
from panel.store.connection import Connection
from panel.store.registrations import ArmConditions, Registration, arm_conditions, registrations
from panel.text import counted
from panel.workspace.experiments import Comparison as Registered
from panel.workspace.experiments import Experiment
from panel.workspace.loading import WorkspaceFiles


@dataclass(frozen=True, slots=True)
class ArmOutcome:
    """An arm: under which conditions it was asked, and its ship rate as a sample of tools.

    votes: ships and skips; abstains, errors: of its cells. unrealised: why it is no answer to the
    question; empty where its factors came about. demo: a demo model gave its votes, of which no
    rate is made.
    """

    conditions: ArmConditions
    tools: int
    votes: int
    abstains: int
    errors: int
    rate: Estimate
    unrealised: tuple[str, ...]
    demo: bool

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
    """Everything an experiment's report says.

    incomplete: that cells have still to be asked, so that nothing is decided; "" where none has.
    """

    experiment: Experiment
    standing: Standing
    arms: tuple[ArmOutcome, ...]
    comparisons: tuple[ComparisonOutcome, ...]
    incomplete: str

    @property
    def confirmatory(self) -> bool:
        """Whether its comparisons confirm something: all is asked, of what was registered blind."""
        return self.standing.confirmatory and not self.incomplete

    @property
    def headline(self) -> list[str]:
        """What has to be known of it before any number."""
        found = self.standing
        kind = "Confirmatory" if found.confirmatory else "Exploratory"
        said = [self.incomplete] if self.incomplete else []
        said.append(f"{'Interim look' if self.incomplete else kind}. {found.why}")
        said += [f"Changed on {each.sentence}" for each in found.changes]
        if found.unregistered:
            said.append(
                f"Changed since, and not asked yet: {'; '.join(found.unregistered)}. The numbers "
                f"are of what was registered; 'panel experiment run {self.experiment.name}' asks "
                "the rest."
            )
        return said


def experiment_outcome(
    workspace: WorkspaceFiles, connection: Connection, experiment: Experiment
) -> ExperimentOutcome:
    """Sum up an experiment; raises UsageError where nothing of it is registered."""
    conditions = arm_conditions(connection, experiment.name)
    if not conditions and all(each.waiting for each in experiment.plan.arms.values()):
        raise UsageError(
            f"every arm of {experiment.name!r} waits for its model. Name a model in place of "
            f"\"next\", then 'panel experiment run {experiment.name}'."
        )
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
    arms = [_arm(each, frames[each.arm], wrong.get(each.arm, ())) for each in conditions]
    incomplete = _incomplete(experiment.name, arms)
    known = registrations(connection, experiment.name)
    made = _Comparisons(
        {each.conditions.arm: each for each in arms},
        frames,
        {name: arm.questions for name, arm in known[-1].arms.items()},
        incomplete,
    )
    stands, compared_now = _standing(workspace, connection, experiment, known), made.of(experiment)
    if not stands.confirmatory and not incomplete:  # each of them may be quoted alone
        compared_now = tuple(
            replace(each, sentence=f"Explored, not confirmed: {each.sentence}")
            for each in compared_now
        )
    return ExperimentOutcome(experiment, stands, tuple(arms), compared_now, incomplete)


def _standing(
    workspace: WorkspaceFiles,
    connection: Connection,
    experiment: Experiment,
    known: Sequence[Registration],
) -> Standing:
    try:
        now = present_design(experiment.plan, laid_out(workspace, experiment, connection))
    except PanelError as error:  # what was registered and answered is there all the same
        found = standing(known, experiment.plan)
        return replace(found, unregistered=(f"its files cannot be read now ({error})",))
    return standing(known, experiment.plan, now)


def _arm(conditions: ArmConditions, frame: Frame, wrong: tuple[str, ...]) -> ArmOutcome:
    demo = bool(frame.demo_models)
    rate = tool_rate([*frame.tool_means().values()], what="the rate of an arm")
    return ArmOutcome(
        conditions,
        len({row.tool for row in frame.rows if row.n}),
        frame.votes,
        sum(row.abstains for row in frame.rows),
        sum(row.errors for row in frame.rows),
        replace(rate, why=DEMO_WHY) if demo else rate,
        wrong,
        demo,
    )


def _incomplete(name: str, arms: Sequence[ArmOutcome]) -> str:
    left = sum(arm.unanswered for arm in arms)
    if not left:
        return ""
    cells = sum(arm.conditions.enrolled for arm in arms)
    return (
        f"Incomplete: {left:,} of {counted(cells, 'cell')} {'is' if left == 1 else 'are'} not "
        f"asked yet, and nothing is decided before they are: 'panel experiment run {name}'."
    )


class _Comparisons:
    """Makes the comparisons of an experiment, and decides those that are an answer."""

    def __init__(
        self,
        arms: Mapping[str, ArmOutcome],
        frames: Mapping[str, Frame],
        questions: Mapping[str, str],
        incomplete: str,
    ) -> None:
        self._arms, self._frames, self._questions = arms, frames, questions
        self._incomplete = incomplete

    def of(self, experiment: Experiment) -> tuple[ComparisonOutcome, ...]:
        """Return the outcome of each comparison of the file, decided together."""
        plan = experiment.plan
        made = [(each, *self._made(experiment, each)) for each in plan.compare]
        wanted = [
            found
            for _each, found, _why, _final in made
            if found is not None and not found.undecided
        ]
        to_come = [each.margin for each, found, _why, final in made if found is None and not final]
        decided = iter(family(wanted, to_come))
        outcomes = []
        for each, found, why, _final in made:
            own = next(decided) if found is not None and not found.undecided else found
            if own is not None and self._incomplete and not own.undecided:
                own = own.left_undecided(self._incomplete)
            said = own.sentence if own else f"{each.b} − {each.a} is not compared: {why}"
            outcomes.append(ComparisonOutcome(each, own, why, said))
        return tuple(outcomes)

    def _made(
        self, experiment: Experiment, each: Registered
    ) -> tuple[Comparison | None, str | None, bool]:
        """Compare two arms: what was found, or why nothing, and whether that is the last word."""
        for name in (each.a, each.b):
            if why := self._no_votes(experiment, name):
                return None, why, False
        if self._questions[each.a] == self._questions[each.b]:
            return None, "both ask the very same questions, so that nothing can differ", True
        try:
            found = compare(self._frames[each.a], self._frames[each.b], each.margin, each.expect)
        except UsageError as error:
            return None, str(error), not self._incomplete
        wrong = {arm: self._arms[arm].unrealised for arm in (each.a, each.b)}
        if why := caveat(wrong, wrong):
            found = found.left_undecided(why.strip())
        return found, None, True

    def _no_votes(self, experiment: Experiment, name: str) -> str | None:
        if name not in self._arms:
            return f"{name} has not been asked"
        arm = self._arms[name]
        if arm.votes:
            return None
        again = f"'panel experiment run {experiment.name}'"
        if not arm.conditions.answered:
            return f"{name} has not been asked: {again}"
        if arm.unanswered:
            return (
                f"{name} has no vote yet: {arm.unanswered:,} of its cells are to be asked: {again}"
            )
        if arm.errors:
            return (
                f"{name} has no vote: {arm.errors:,} of its cells ended in an error. Again: {again}"
            )
        return f"{name} has no vote: all of its cells abstained"
