"""What the arms of an experiment differ in: settings in clear, texts by their folder and hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from panel.research.figures import Column, Figure
from panel.research.realised import Unrealised
from panel.store import figures as queries
from panel.store.connection import Connection
from panel.store.figures import fetched
from panel.store.registrations import registered_text
from panel.text import counted
from panel.workspace.experiments import ExperimentFile, plan_of

HOUSE = "the house’s"
_SETTINGS = {
    "endpoint": "endpoint",
    "model": "model",
    "labels": "labels",
    "verdict_field": "verdict field",
    "temperature": "temperature",
    "top_p": "top p",
    "max_tokens": "max tokens",
    "seed": "seed",
    "extra": "other sampling",
    "repeats": "repeats",
    "tools": "number of tools",
    "personas": "number of personas",
}
_FOLDERS = {"prompts": "prompts", "personas": "personas", "tools": "descriptions"}
_TEXTS = {
    "prompts_hash": "rules as rendered",
    "personas_hash": "personas as written",
    "tools_hash": "descriptions as rendered",
}


@dataclass(frozen=True, slots=True)
class ArmFactors:
    """An arm and its factors, those alone in which the arms of its experiment differ.

    clear: by name, in words. texts: hashes of what is shown. cells: enrolled; answered: of them.
    """

    arm: str
    clear: Mapping[str, str]
    texts: Mapping[str, str]
    cells: int
    answered: int

    @property
    def words(self) -> str:
        """The factors in clear; the hashes where nothing else differs; "" for equal arms."""
        return ", ".join(f"{name} {value}" for name, value in (self.clear or self.texts).items())


def arm_factors(connection: Connection, experiment: str) -> tuple[ArmFactors, ...]:
    """Return what the arms of an experiment's latest version differ in, in the file's order.

    Empty where none is registered.
    """
    rows = fetched(connection, queries.factors_sql(experiment))
    plan = plan_of(registered_text(connection, experiment) or "")
    clear = [_clear(row, plan) for row in rows]
    texts = [{name: row[column][3:11] for column, name in _TEXTS.items()} for row in rows]
    return tuple(
        ArmFactors(row["arm"], mine, hashed, row["cells"], row["answered"])
        for row, mine, hashed in zip(rows, _differing(clear), _differing(texts), strict=True)
    )


def _clear(row: Mapping[str, Any], plan: ExperimentFile | None) -> dict[str, str]:
    found = {name: _word(row[column]) for column, name in _SETTINGS.items()}
    if plan is None or row["arm"] not in plan.arms:
        return found
    folders = plan.arms[row["arm"]].overlays()
    return found | {name: folders.get(part, HOUSE) for part, name in _FOLDERS.items()}


def _word(value: Any) -> str:
    if value is None:
        return "the server’s"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _differing(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    names = [name for name in (rows[0] if rows else ()) if len({row.get(name) for row in rows}) > 1]
    return [{name: row[name] for name in names} for row in rows]


def arms_figure(experiment: str, arms: tuple[ArmFactors, ...], wrong: Unrealised) -> Figure:
    """Return the table of an experiment's arms. wrong: arms that did not come about, and why."""
    clear, texts = [*arms[0].clear], [*arms[0].texts]
    cells, answered = sum(arm.cells for arm in arms), sum(arm.answered for arm in arms)
    names: tuple[Column, ...] = tuple((name.capitalize(), "text") for name in clear + texts)
    last: tuple[Column, ...] = (("Not realised", "text"),) if wrong else ()
    return Figure(
        key="arms",
        title="What the arms differ in",
        finding=_said(arms, cells, answered),
        estimates="The factors as they were registered; nothing is estimated.",
        n=f"{answered:,} of {counted(cells, 'cell')} answered, in {counted(len(arms), 'arm')}",
        method="Each factor in which two arms differ, in clear; texts by their folder below "
        f"experiments/ ({HOUSE}: no folder of the arm’s own) and by the hash of what is shown. The "
        "rules as rendered hold the labels, the order of the fields and the personas’ texts, too.",
        left_out="Factors that are the same in all arms, and arms that wait for their model.",
        columns=(("Arm", "text"), *names, ("Cells", "count"), ("Answered", "count"), *last),
        rows=tuple(
            (
                *(arm.arm, *arm.clear.values(), *arm.texts.values(), arm.cells, arm.answered),
                *(["; ".join(wrong.get(arm.arm, ()))] if wrong else []),
            )
            for arm in arms
        ),
        sql=queries.factors_sql(experiment),
    )


def _said(arms: tuple[ArmFactors, ...], cells: int, answered: int) -> str:
    names = [*(arms[0].clear or arms[0].texts)]
    said = f"The arms differ in {', '.join(names)}." if names else "The arms are all the same."
    if len(arms) == 1:
        said = "There is one arm."
    if answered < cells:
        left = cells - answered
        said += (
            f" An interim look: {left:,} of {counted(cells, 'cell')} "
            f"{'is' if left == 1 else 'are'} not asked yet."
        )
    return said
