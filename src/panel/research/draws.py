"""Draws: a probability sample of the panel's questions, for people to answer themselves.

A person answers the question that the model was asked, by the same persona's bars and from the
same description, and does not see the panel's verdict: who has seen it agrees with it more.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from panel.cells.journal import JournalWriter, journal_line, new_run_id, utc_now
from panel.errors import UsageError
from panel.frozen.thaw import opened_thawed
from panel.scorecard import no_judgement
from panel.store.frames import HOUSE, demo_models
from panel.store.ingest import ingest
from panel.store.labels import Question, house_questions
from panel.text import shortened
from panel.workspace.loading import WorkspaceFiles

COLUMNS = (
    *("item", "label", "note", "persona", "weighs", "ship_bar", "skip_bar"),
    *("tool", "tagline", "category", "entry_price", "description", "probability"),
)
MOST_SHOWN = 32_000  # characters of a description: Excel cuts a cell at 32,767


@dataclass(frozen=True, slots=True)
class Draw:
    """A draw: its id, its rows as the sheet shows them, and what it was drawn from.

    probability: each question's chance to be drawn, 0 to 1, the same for all. population: the
    questions with a majority; tied: those without, which are left out. strata: (persona,
    verdict) → how many questions there are, and how many were drawn.
    """

    draw: str
    model_identity: str
    seed: int
    probability: float
    population: int
    tied: int
    strata: dict[tuple[str, str], tuple[int, int]]
    rows: list[tuple[Any, ...]]


def draw(workspace: WorkspaceFiles, count: int, seed: int, model: str | None = None) -> Draw:
    """Draw ``count`` questions (all, where there are fewer), and keep the draw in a journal.

    model: a model identity; None where the store holds one model's verdicts only, but for demo
    models, of which nothing is drawn. Raises UsageError where there is nothing to draw from,
    JournalError, StoreError.
    """
    with opened_thawed(workspace.root) as connection:
        demo = demo_models(connection, HOUSE)
        questions = _of_model(house_questions(connection), model, demo)
    frame = [each for each in questions if each.verdict is not None]
    if not frame:
        raise UsageError("no question has a majority verdict to be drawn. Ask: 'panel run'.")
    texts = _texts(workspace)
    rng = random.Random(seed)  # noqa: S311 - a draw that can be repeated
    drawn = systematic(frame, count, rng)
    rng.shuffle(drawn)  # or the order of the rows would tell the verdict
    writer = JournalWriter(workspace.runs, new_run_id())
    probability, now = len(drawn) / len(frame), utc_now()
    named = {f"{writer.run_id}-{number:04}": question for number, question in enumerate(drawn, 1)}
    rows = [_row(item, each, texts, probability) for item, each in named.items()]
    common = {
        "population": len(frame),
        "population_ships": sum(each.verdict == "ship" for each in frame),
        "probability": probability,
        "seed": seed,
        "drawn_at": now,
    }
    lines = [
        journal_line(
            "draw",
            {
                "item": item,
                "tool": each.tool,
                "persona": each.persona,
                "model_identity": each.model_identity,
                "wording": each.wording,
                "verdict": each.verdict,
                **common,
            },
        )
        for item, each in named.items()
    ]
    with writer:
        writer.append(b"".join(lines))
    ingest(workspace.runs)
    whole, some = _counted(frame), _counted(drawn)
    strata = {key: (many, some[key]) for key, many in sorted(whole.items())}
    tied = len(questions) - len(frame)
    return Draw(
        writer.run_id, frame[0].model_identity, seed, probability, len(frame), tied, strata, rows
    )


def _of_model(questions: list[Question], model: str | None, demo: list[str]) -> list[Question]:
    models = sorted({each.model_identity for each in questions} - {*demo})
    if model in demo or (demo and not models):
        raise UsageError(no_judgement([model] if model else demo))
    if model is None and len(models) > 1:
        raise UsageError(f"the store holds verdicts of {', '.join(models)}. Name one: --model.")
    if model is not None and model not in models:
        known = ", ".join(models) or "none"
        raise UsageError(f"the store holds no verdicts of {model!r}; it has those of: {known}.")
    wanted = models if model is None else [model]
    return [each for each in questions if each.model_identity in wanted]


def systematic(frame: Sequence[Question], count: int, rng: random.Random) -> list[Question]:
    """Draw by equal steps through the questions, sorted by verdict and persona, else by chance.

    Every question has the chance count / all, and of each stratum as many are drawn as its share,
    give or take one (Cochran 1977, Sampling techniques, chapter 8). One chance for all tells
    whoever reads the sheet nothing on the verdict.
    """
    keyed = sorted(
        ((str(each.verdict), each.persona, rng.random(), place), each)
        for place, each in enumerate(frame)
    )
    count = min(count, len(keyed))
    step, start = len(keyed) / count, rng.random()
    places = (min(int((start + number) * step), len(keyed) - 1) for number in range(count))
    return [keyed[place][1] for place in places]


def _counted(questions: Sequence[Question]) -> Counter[tuple[str, str]]:
    return Counter((each.persona, str(each.verdict)) for each in questions)


_Texts = Mapping[tuple[str, str], Mapping[str, Any]]


def _texts(workspace: WorkspaceFiles) -> _Texts:
    """Return what the files say, for verdicts of which the store knows no text (thawed ones)."""
    tools = {("tool", tool.slug): tool.record() for tool in workspace.tools}
    return tools | {("persona", persona.id): persona.record() for persona in workspace.personas}


def _row(item: str, question: Question, texts: _Texts, probability: float) -> tuple[Any, ...]:
    tool = question.tool_record or texts.get(("tool", question.tool))
    persona = question.persona_record or texts.get(("persona", question.persona))
    if tool is None or persona is None:
        raise UsageError(
            f"neither the store nor tools/ and personas/ hold the texts of {question.tool!r} × "
            f"{question.persona!r}. Put the files back."
        )
    shown = {
        "item": item,
        "persona": persona["name"],
        **{name: persona.get(name) or "" for name in ("weighs", "ship_bar", "skip_bar")},
        "tool": tool["name"],
        **{name: tool[name] for name in ("tagline", "category")},
        "entry_price": _prices(tool["pricing"]),
        "description": shortened(tool["description"], MOST_SHOWN),
        "probability": round(probability, 6),
    }
    return tuple(shown.get(name, "") for name in COLUMNS)


def _prices(pricing: Mapping[str, Any]) -> str:
    plans = [f"{plan['name']}, {plan['price']}" for plan in pricing.get("plans") or ()]
    return "; ".join([str(pricing["entry"]), *plans])
