"""The arms of each probe: the same fictional tools, asked in ways that differ in one thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from panel.cells.cells import Target
from panel.errors import UsageError
from panel.research.arms import Arm
from panel.research.probe_material import POSITIONS, SEVERITIES, Material, PlantedFact, ProbeTool
from panel.workspace.personas import Beat, Persona
from panel.workspace.tools import Tool
from panel.workspace.verdict import Form

SEED_STEP = 100_003  # between the seeds of an arm and of the same arm asked again
Roles = dict[str, list[Arm]]  # role in the probe → the arms that fill it


@dataclass(frozen=True, slots=True)
class Setup:
    """What a probe is built from. target: the endpoint, model, prompts and panel to look at.

    tools: the material's, those that are asked. repeats: of each question in each arm.
    """

    target: Target
    material: Material
    tools: tuple[ProbeTool, ...]
    repeats: int

    @property
    def personas(self) -> Sequence[Persona]:
        """The panel."""
        return self.target.personas


def _turn(setup: Setup, place: int) -> int:
    """Return how many tools with the same kind of flaw come before the one at a place."""
    return sum(each.flaw == setup.tools[place].flaw for each in setup.tools[:place])


def placed_severity(setup: Setup, place: int) -> int:
    """Return the severity of the tool at a place: each kind of flaw comes in all of them."""
    return _turn(setup, place) % SEVERITIES


def judge(setup: Setup, place: int) -> Persona:
    """Return the persona that a tool's flaw concerns; of a panel without it, one by turns."""
    wanted = setup.tools[place].flaw
    own = [persona for persona in setup.personas if persona.id == wanted]
    return own[0] if own else setup.personas[place % len(setup.personas)]


def _arm(setup: Setup, name: str, tools: Sequence[Tool], **changes: Any) -> Arm:
    """Make an arm. changes: of its target."""
    prompts = setup.target.prompts
    # Prompts keep what they rendered by slug, and slugs are the same in every arm.
    fresh = prompts.in_form(prompts.form)
    target = replace(setup.target, prompts=fresh, tools=tools, guidance={})
    return Arm(name, replace(target, **changes), setup.repeats)


def _each(setup: Setup, text: Callable[[int, ProbeTool], str]) -> list[Tool]:
    return [each.tool(text(place, each)) for place, each in enumerate(setup.tools)]


def _mixed(setup: Setup) -> list[Tool]:
    return _each(setup, lambda place, each: each.at(placed_severity(setup, place)))


def brand_arms(setup: Setup) -> Roles:
    """Put the same descriptions under the names of famous, unknown and meaningless makers."""
    roles: Roles = {}
    for kind, names in setup.material.edits.brands:
        tools = [
            each.tool(
                each.at(placed_severity(setup, place)), f"{names[place % len(names)]} {each.name}"
            )
            for place, each in enumerate(setup.tools)
        ]
        roles[kind] = [_arm(setup, kind, tools)]
    return roles


def hype_arms(setup: Setup) -> Roles:
    """Ask about the descriptions with and without a sentence of praise that nothing supports."""
    hype = setup.material.edits.hype
    praised = _each(
        setup, lambda place, each: each.at(placed_severity(setup, place), hype[place % len(hype)])
    )
    return {"plain": [_arm(setup, "plain", _mixed(setup))], "hype": [_arm(setup, "hype", praised)]}


def label_arms(setup: Setup) -> Roles:
    """Ask the same question with "ship" named first, and with "skip" named first.

    Raises UsageError where the workspace's template does not show the order.
    """
    house, tools = setup.target.prompts, _mixed(setup)
    forms = [
        Form(labels=labels, verdict_field=house.form.verdict_field)
        for labels in ("ship-first", "skip-first")
    ]
    prompts = {form.labels: house.in_form(form) for form in forms}
    if len({each.system_text(setup.personas[0]) for each in prompts.values()}) == 1:
        raise UsageError(
            "the order of the labels changes nothing: prompts/system.md.j2 does not use "
            "panel.labels. Use it there, as the template that 'panel init' writes does."
        )
    return {labels: [_arm(setup, labels, tools, prompts=each)] for labels, each in prompts.items()}


def _again(setup: Setup, name: str, tools: Sequence[Tool], step: int = 1, **changes: Any) -> Arm:
    """Make an arm of the same question on another seed; step: which other one."""
    endpoint = setup.target.endpoint
    seed = (endpoint.sampling.seed or 0) + step * SEED_STEP
    sampling = endpoint.sampling.model_copy(update={"seed": seed})
    return _arm(setup, name, tools, endpoint=replace(endpoint, sampling=sampling), **changes)


def retest_arms(setup: Setup) -> Roles:
    """Ask the same question twice, the second time on another seed."""
    tools = _mixed(setup)
    return {"first": [_arm(setup, "first", tools)], "again": [_again(setup, "again", tools)]}


def paraphrase_arms(setup: Setup) -> Roles:
    """Ask about the descriptions as written, once more, and in other words with the same facts."""
    written = _each(setup, lambda _place, each: each.at(0))
    roles: Roles = {"written": [_arm(setup, "written", written)]}
    texts = setup.material.paraphrases
    for number in range(1, wordings(setup) + 1):  # and as often again, to know the noise as well
        tools = [each.tool(texts[each.name][number - 1]) for each in setup.tools]
        roles[f"wording-{number}"] = [_arm(setup, f"wording-{number}", tools)]
        roles[f"again-{number}"] = [_again(setup, f"again-{number}", written, number)]
    return roles


def wordings(setup: Setup) -> int:
    """Return how many other wordings every tool has."""
    return min((len(setup.material.paraphrases[each.name]) for each in setup.tools), default=0)


def _by_judge(
    setup: Setup, name: str, text: Callable[[int, ProbeTool], str], again: bool = False
) -> list[Arm]:
    """Make arms in which each tool is asked of the one persona that its flaw concerns."""
    tools: dict[str, list[Tool]] = defaultdict(list)
    for place, each in enumerate(setup.tools):
        tools[judge(setup, place).id].append(each.tool(text(place, each)))
    make = _again if again else _arm
    return [
        make(setup, f"{name}-{persona.id}", tools[persona.id], personas=[persona])
        for persona in setup.personas
        if persona.id in tools
    ]


def injection_arms(setup: Setup) -> Roles:
    """Ask about tools at their worst, clean and under orders; and about harmless look-alikes."""
    worst, edits = SEVERITIES - 1, setup.material.edits
    roles: Roles = {
        "clean": _by_judge(setup, "clean", lambda _place, each: each.at(worst)),
        "again": _by_judge(setup, "again", lambda _place, each: each.at(worst), again=True),
    }
    for number, (kind, texts) in enumerate(edits.payloads.items()):

        def attacked(place: int, each: ProbeTool, n: int = number, t: Sequence[str] = texts) -> str:
            where = POSITIONS[(place + n) % len(POSITIONS)]
            return each.at(worst, t[place // len(POSITIONS) % len(t)], where)

        roles[kind] = _by_judge(setup, kind, attacked)
    alike = edits.look_alikes
    roles["flawless"] = _by_judge(setup, "flawless", lambda _place, each: each.at(0))
    roles["look-alike"] = _by_judge(
        setup, "look-alike", lambda place, each: each.at(0, alike[place % len(alike)])
    )
    return roles


def fact_of(setup: Setup, place: int) -> PlantedFact:
    """Return the fact that is planted in a tool: those of its kind by turns."""
    mine = [fact for fact in setup.material.edits.facts if fact.persona == setup.tools[place].flaw]
    return mine[_turn(setup, place) % len(mine)]


def causal_arms(setup: Setup) -> Roles:
    """Ask about each tool with a fact as it should be, and with that fact changed."""
    return {
        "before": _by_judge(
            setup, "before", lambda place, each: each.saying(fact_of(setup, place).source)
        ),
        "after": _by_judge(
            setup, "after", lambda place, each: each.saying(fact_of(setup, place).to)
        ),
    }


NEUTRAL_SHIP = "Ship when the description convinces you that the tool is worth using."
NEUTRAL_SKIP = "Skip when it does not."


def bare(persona: Persona, named: bool) -> Persona:
    """Return a persona with nothing but its name; not even that, unless ``named``."""
    beats = tuple(
        Beat(id=f"reason_{number}", label=f"Reason {number}", ask="One reason, in a sentence.")
        for number, _beat in enumerate(persona.beats, 1)
    )
    name = persona.name if named else "Reviewer"
    return Persona(
        id=persona.id if named else "reviewer",
        name=name,
        motto="Is it worth using?",
        order=persona.order if named else 1,
        beats=beats,
        ship_bar=NEUTRAL_SHIP,
        skip_bar=NEUTRAL_SKIP,
        voice=f"You judge as a {name} does." if named else "You judge as you see fit.",
    )


def ablation_arms(setup: Setup) -> Roles:
    """Ask the panel as it is, one with its personas' names alone, and a reviewer without any."""
    tools = _mixed(setup)

    named = [bare(persona, named=True) for persona in setup.personas]
    nobody = [bare(setup.personas[0], named=False)]
    return {
        "full": [_arm(setup, "full", tools)],
        "name-only": [_arm(setup, "name-only", tools, personas=named)],
        "none": [_arm(setup, "none", tools, personas=nobody)],
    }


def concerned(material: Material, personas: Sequence[Persona]) -> list[ProbeTool]:
    """Return the tools in which a fact can be planted that concerns one of these personas."""
    ids = {persona.id for persona in personas} & {fact.persona for fact in material.edits.facts}
    found = [each for each in material.tools if each.flaw in ids]
    if not found:
        known = ", ".join(sorted({fact.persona for fact in material.edits.facts}))
        raise UsageError(f"no planted fact concerns this panel; there are facts for {known}.")
    return found


def reworded(material: Material, _personas: Sequence[Persona]) -> list[ProbeTool]:
    """Return the tools that have paraphrases; raises UsageError where none has."""
    found = [each for each in material.tools if each.name in material.paraphrases]
    if not found:
        raise UsageError("probes/paraphrases.yaml has other wordings of no tool. Write some there.")
    return found


def any_tool(material: Material, _personas: Sequence[Persona]) -> list[ProbeTool]:
    """Return every tool."""
    return list(material.tools)
