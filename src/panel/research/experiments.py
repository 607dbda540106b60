"""Experiments: the arms that ``experiments/<name>.toml`` describes, and whether they came about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from panel.cells.cells import NO_GUIDANCE, Guidance
from panel.endpoint.target import Chosen, resolve_target
from panel.errors import Problem, WorkspaceError
from panel.research.arms import Arm, Protocol
from panel.store.connection import Connection
from panel.store.decisions import guidance_notes
from panel.store.registrations import Registration, registrations
from panel.workspace.experiments import FOLDER, ArmSettings, Experiment, load_experiments
from panel.workspace.loading import WorkspaceFiles, check_rendering
from panel.workspace.overlays import overlaid
from panel.workspace.verdict import HOUSE_FORM


def protocol_of(experiment: Experiment) -> Protocol:
    """Return what is registered of an experiment besides its arms."""
    plan = experiment.plan
    return Protocol(experiment.name, plan.question, experiment.text, plan.comparisons(), plan.seed)


@contextmanager
def opened_arms(
    workspace: WorkspaceFiles, experiment: Experiment, connection: Connection
) -> Iterator[list[Arm]]:
    """Make the arms of an experiment, but for those whose model has still to appear.

    Their files stay together until the context ends. Raises WorkspaceError for what is wrong in
    an overlay, UsageError for an unknown name.
    """
    notes = guidance_notes(connection)
    with ExitStack() as stack:
        yield [
            stack.enter_context(_arm(workspace, experiment, name, notes))
            for name, settings in experiment.plan.arms.items()
            if not settings.waiting
        ]


def check_experiments(workspace: WorkspaceFiles) -> int:
    """Read every experiment, lay its overlays and render them; return how many there are.

    Raises WorkspaceError, UsageError for an unknown name in one.
    """
    found = load_experiments(workspace.root)
    for experiment in found:
        for name in experiment.plan.arms:
            with _arm(workspace, experiment, name, NO_GUIDANCE) as arm:
                target = arm.target
                laid = replace(workspace, tools=[*target.tools], personas=[*target.personas])
                check_rendering(replace(laid, prompts=target.prompts))
    return len(found)


def waiting_arms(experiment: Experiment) -> list[str]:
    """Return the arms that are registered and wait for a model."""
    return [name for name, settings in experiment.plan.arms.items() if settings.waiting]


@contextmanager
def _arm(
    workspace: WorkspaceFiles, experiment: Experiment, name: str, notes: Guidance
) -> Iterator[Arm]:
    settings, chosen = experiment.plan.arms[name], experiment.plan.select
    folder = workspace.root / FOLDER
    with overlaid(workspace, folder, settings.overlays()) as files:
        names = Chosen(
            chosen.tools, chosen.personas, chosen.categories, settings.endpoint, settings.model
        )
        target = resolve_target(files, names, notes)
        sampling = settings.sampling.over(target.endpoint.sampling)
        prompts = target.prompts.in_form(settings.form)
        target = replace(
            target, endpoint=replace(target.endpoint, sampling=sampling), prompts=prompts
        )
        if settings.form != HOUSE_FORM:
            _refuse_unshown(experiment, name, settings, Arm(name, target))
        yield Arm(name, target, experiment.plan.repeats)


def _refuse_unshown(experiment: Experiment, name: str, settings: ArmSettings, arm: Arm) -> None:
    """Raise WorkspaceError where the template does not show the form: nothing would differ."""
    prompts = arm.target.prompts
    for field in ("labels", "verdict_field"):
        if getattr(settings.form, field) == getattr(HOUSE_FORM, field):
            continue
        back = settings.form.model_copy(update={field: getattr(HOUSE_FORM, field)})
        plain = prompts.in_form(back)
        persona = arm.target.personas[0]
        if plain.system_text(persona) == prompts.system_text(persona):
            raise WorkspaceError(
                [
                    Problem(
                        experiment.file,
                        None,
                        f"arms.{name}.form.{field}",
                        f"changes nothing: prompts/system.md.j2 does not use panel.{field}",
                        f"Use it there, as the template that 'panel init' writes does, or leave "
                        f"{field} out.",
                    )
                ]
            )


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether an experiment's report confirms what was registered, or only explores.

    confirmatory: the comparisons are those that were registered before the first answer. why: one
    sentence. versions: how many times its arms or texts were registered anew.
    """

    confirmatory: bool
    why: str
    versions: int


def standing(connection: Connection, experiment: Experiment) -> Standing:
    """Say whether the present comparisons were registered before the first answer."""
    known = registrations(connection, experiment.name)
    if not known:
        return Standing(False, "Nothing of it is registered yet.", 0)
    return _standing(known, experiment.plan.comparisons())


def _standing(known: Sequence[Registration], comparisons: str) -> Standing:
    mine = next((each for each in known if each.comparisons == comparisons), None)
    first = known[-1].first_answer_at
    if mine is None:
        return Standing(False, "Its comparisons differ from those that are registered.", len(known))
    if first is None:
        return Standing(
            False, "It has asked nothing: all answers were there before it.", len(known)
        )
    if mine.registered_at > first:
        return Standing(
            False,
            f"Its comparisons were registered on {mine.registered_at[:16]}Z, after the first "
            f"answer on {first[:16]}Z.",
            len(known),
        )
    return Standing(
        True,
        f"Its comparisons were registered on {mine.registered_at[:16]}Z, before the first answer.",
        len(known),
    )
