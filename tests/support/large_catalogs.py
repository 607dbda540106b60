"""Catalogs of many made-up tools, with takes and with frozen verdicts."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace

from panel.cells.answers import Answer
from panel.cells.cells import Cell, Target, identify
from panel.checks import Subject
from panel.frozen.files import FOLDER, FrozenTool, encode_frozen
from panel.frozen.integrity import with_digest
from panel.frozen.publish import publish
from panel.frozen.verdicts import FrozenVerdict
from panel.frozen.writing import write_changed
from panel.workspace.endpoints import resolve_endpoint
from panel.workspace.loading import load_workspace
from panel.workspace.tools import Pricing, Tool
from tests.support.check_subjects import PERSONAS
from tests.support.labelled_takes import takes, tools
from tests.support.space import Space

_WORD = r"\b[a-z]{4,}\b"  # of which none is a name


def many_takes(count: int) -> tuple[list[Tool], list[Subject]]:
    """Return so many made-up tools, and four takes on each, put together from the labelled ones."""
    pick = random.Random(1)
    models, texts = list(tools().values()), [one.subject for one in takes("development")]
    made: list[Tool] = []
    for number in range(count):
        model, name = models[number % len(models)], f"Tolwick{number}"
        text = re.sub(
            r"\d+", lambda found: str(int(found[0]) + pick.randrange(9)), model.description
        )
        text = text.replace(model.name, name)
        made.append(
            model.model_copy(update={"slug": name.lower(), "name": name, "description": text})
        )
    words = " ".join(subject.text for subject in texts).split()
    subjects = []
    for tool in made:
        for persona in PERSONAS.values():
            text = " ".join(pick.choices(words, k=60)) + " " + pick.choice(texts).text[:400]
            subjects.append(Subject(tool, persona, text, "ship"))
    return made, subjects


def written_takes(count: int) -> tuple[list[Tool], list[Subject]]:
    """Return so many made-up tools, and on each the takes that a model wrote on one of its kind.

    Names and figures are others in each, the same in a description and its takes; a word in seven
    is another one, so that no two takes are alike.
    """
    by_tool: dict[tuple[str, str], list[Subject]] = {}
    for part in ("recorded", "second/recorded"):
        for one in takes(part):
            by_tool.setdefault((part, one.subject.tool.slug), []).append(one.subject)
    every = list(by_tool.values())
    words = re.findall(_WORD, " ".join(one.text for some in every for one in some))
    made: list[Tool] = []
    subjects: list[Subject] = []
    for number in range(count):
        some, name, pick = every[number % len(every)], f"Tolwick{number}", random.Random(number)
        told = _about_another(some[0].tool.name, name, pick)
        changes = {
            "slug": name.lower(),
            "name": name,
            "description": told(some[0].tool.description),
        }
        made.append(some[0].tool.model_copy(update=changes))
        for one in some:
            beats = {beat: _reworded(told(text), words, pick) for beat, text in one.beats.items()}
            evidence, text = tuple(map(told, one.evidence)), " ".join(beats.values())
            subjects.append(replace(one, tool=made[-1], text=text, beats=beats, evidence=evidence))
    return made, subjects


def _about_another(was: str, name: str, pick: random.Random) -> Callable[[str], str]:
    """Return what puts another name and other figures into texts, the same ones in each."""
    figures: dict[str, str] = {}

    def another(found: re.Match[str]) -> str:
        return figures.setdefault(found[0], str(int(found[0]) + pick.randrange(9)))

    return lambda text: re.sub(r"\d+", another, text.replace(was, "\0")).replace("\0", name)


def _reworded(text: str, words: list[str], pick: random.Random) -> str:
    """Put another word in the place of one in seven."""
    return re.sub(_WORD, lambda word: word[0] if pick.randrange(7) else pick.choice(words), text)


def frozen_by_hand(space: Space, cells: list[Cell]) -> None:
    """Write verdicts/ as if each cell had been answered with a take of common length."""
    sentence = "It reads JSON lines and writes Parquet, and says nothing of its limits. "
    by_tool: dict[str, dict[str, FrozenVerdict]] = {}
    for cell in cells:
        answer = Answer(
            repeat=cell.repeat,
            fingerprint=cell.fingerprint,
            wording=cell.wording,
            attempt_id=f"attempt-{cell.repeat}",
            endpoint=cell.model.endpoint,
            model=cell.model.model,
            model_identity=str(cell.model),
            outcome="verdict",
            verdict="ship",
            confidence=70,
            output_mode="json_schema",
            asked_at="2026-11-24T09:30:00Z",
            inputs=cell.inputs,
            beats={beat.id: sentence * 3 for beat in cell.persona.beats},
            evidence=(sentence, sentence),
        )
        by_tool.setdefault(cell.tool.slug, {})[cell.persona.id] = with_digest(
            publish([answer], None)
        )
    files = {
        f"{slug}.json": encode_frozen(
            FrozenTool(tool=slug, personas=personas).named(slug, (), None)
        )
        for slug, personas in by_tool.items()
    }
    write_changed(space.root / FOLDER, files)


def frozen_catalog(space: Space, tools: int) -> None:
    """Make a workspace of so many tools, each frozen as if the four personas had answered."""
    space.settings(
        '[panel]\nendpoint = "mock"\n[endpoints.mock]\n'
        'base_url = "http://127.0.0.1:9/v1"\nmodel = "mock-1"\n'
    )
    words = "It reads JSON lines and writes Parquet, under the MIT licence. " * 15
    for number in range(tools - len(space.tools)):
        space.tool(f"tool-{number}", description=f"Tool {number}. {words}")
    workspace = load_workspace(space.root)
    endpoint = resolve_endpoint(workspace.settings, space.root)
    model = identify(endpoint, None)
    frozen_by_hand(
        space,
        Target(workspace.prompts, endpoint, model, workspace.tools, workspace.personas).lay_out(1),
    )


def many_tools(many: int) -> list[Tool]:
    """Return so many made-up tools."""
    words = "It reads JSON lines and writes Parquet, under the MIT licence. " * 30
    return [
        Tool(
            slug=f"tool-{n}",
            name=f"Tool {n}",
            tagline="Does one thing",
            category="Data",
            description=f"Tool {n}. {words}",
            pricing=Pricing(entry="Free"),
        )
        for n in range(many)
    ]
