"""Experiments: the arms that ``experiments/<name>.toml`` describes, and what they cannot show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import combinations

from panel.cells.cells import NO_GUIDANCE, Guidance
from panel.endpoint.choice import asking
from panel.endpoint.target import Chosen, resolve_target
from panel.errors import Problem, WorkspaceError
from panel.frozen.reading import read_from_store
from panel.research.arms import Arm, Plan, Protocol, plan_arms
from panel.research.paired import FEWEST
from panel.store.connection import Connection
from panel.store.decisions import guidance_notes
from panel.text import counted
from panel.workspace.endpoints import configured_endpoints
from panel.workspace.experiments import FOLDER, ArmSettings, Experiment, load_experiments
from panel.workspace.loading import WorkspaceFiles, check_rendering
from panel.workspace.overlays import overlaid
from panel.workspace.toml_lines import toml_lines
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
    if _any_unnamed(experiment):
        workspace = read_from_store(workspace, Chosen(), connection)
    with ExitStack() as stack:
        yield [
            stack.enter_context(_arm(workspace, experiment, name, notes))
            for name, settings in experiment.plan.arms.items()
            if not settings.waiting
        ]


def asking_arms(
    workspace: WorkspaceFiles, experiment: Experiment, no_detect: bool = False
) -> WorkspaceFiles:
    """Return the workspace with an endpoint for the arms that name none; raises as ``asking``."""
    return asking(workspace, no_detect=no_detect) if _any_unnamed(experiment) else workspace


def _any_unnamed(experiment: Experiment) -> bool:
    arms = experiment.plan.arms.values()
    return any(arm.endpoint is None and not arm.waiting for arm in arms)


def laid_out(workspace: WorkspaceFiles, experiment: Experiment, connection: Connection) -> Plan:
    """Lay out an experiment as its files are now; raises as ``opened_arms``."""
    with opened_arms(workspace, experiment, connection) as arms:
        return plan_arms(connection, protocol_of(experiment), arms)


def alike(laid_out: Plan) -> dict[str, str]:
    """Return the arms that ask the very questions of an earlier one, and of which."""
    asked: dict[str, set[tuple[str, str, str]]] = {arm.name: set() for arm in laid_out.arms}
    for each in laid_out.enrolled:
        asked[each.arm].add(each.cell.question)
    found: dict[str, str] = {}
    for name, other in combinations(asked, 2):
        if asked[name] == asked[other]:
            found.setdefault(other, name)
    return found


def refuse_alike(experiment: Experiment, laid_out: Plan) -> None:
    """Raise WorkspaceError where two arms are compared that ask the very same questions."""
    same = alike(laid_out)
    lines = toml_lines(experiment.text)
    problems = [
        Problem(
            experiment.file,
            lines(("compare", at)),
            f"compare.{at}",
            f"{each.a!r} and {each.b!r} ask the very same questions, so that nothing can differ",
            "Give one of them something of its own, or do not compare them.",
        )
        for at, each in enumerate(experiment.plan.compare)
        if same.get(each.a, each.a) == same.get(each.b, each.b)
    ]
    if problems:
        raise WorkspaceError(problems)


def undecidable(experiment: Experiment, laid_out: Plan) -> list[str]:
    """Say which comparisons can show nothing, whatever the answers: they have too few tools."""
    tools = {arm.name: {tool.slug for tool in arm.target.tools} for arm in laid_out.arms}
    found = []
    for each in experiment.plan.compare:
        if each.a in tools and each.b in tools:
            many = len(tools[each.a] & tools[each.b])
            if many < FEWEST:
                found.append(
                    f"{each.b} − {each.a} cannot be decided: {counted(many, 'tool')} in common, "
                    f"and a comparison takes {FEWEST}. Choose more tools before the first answer."
                )
    return found


def check_experiments(workspace: WorkspaceFiles) -> int:
    """Read every experiment, lay its overlays and render them; return how many there are.

    Raises WorkspaceError, UsageError for an unknown name in one.
    """
    found = load_experiments(workspace.root)
    if not configured_endpoints(workspace.settings):  # which model it will be does not matter here
        workspace = replace(workspace, settings=workspace.settings.completed("local", "any"))
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
