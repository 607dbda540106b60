"""Experiments: what ``experiments/<name>.toml`` may hold, and how it is read."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from panel.errors import Problem, UsageError, WorkspaceError
from panel.hashing import content_hash
from panel.workspace.documents import Lines
from panel.workspace.endpoint_settings import Sampling
from panel.workspace.fields import Strict
from panel.workspace.plain_files import refuse_astray, refuse_outside
from panel.workspace.settings_file import read_toml
from panel.workspace.validation import did_you_mean, validate
from panel.workspace.verdict import HOUSE_FORM, Form

FOLDER = "experiments"
NAME = r"[a-z0-9][a-z0-9_-]{0,39}"
NEXT = "next"  # a model that has still to appear


def _overlay(text: str) -> str:
    path = Path(text)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("is not a folder below experiments/. Write a path such as rubric/prompts.")
    return path.as_posix()


Overlay = Annotated[str, AfterValidator(_overlay)]


class ArmSettings(Strict):
    """One ``[arms.<name>]`` table: what the arm has of its own; all the rest is the house panel's.

    prompts, personas, tools: folders below ``experiments/`` that hold only the files that differ.
    model: "next" for one that has still to appear: the arm is registered and not asked.
    """

    prompts: Overlay | None = None
    personas: Overlay | None = None
    tools: Overlay | None = None
    endpoint: str | None = Field(default=None, min_length=1)
    model: str | None = Field(default=None, min_length=1)
    form: Form = HOUSE_FORM
    sampling: Sampling = Sampling()

    @property
    def waiting(self) -> bool:
        """Whether its model has still to appear."""
        return self.model == NEXT

    @property
    def sampled(self) -> frozenset[str]:
        """The names of the sampling fields that it sets itself, as requests have them."""
        own = self.sampling.model_dump(exclude_none=True)
        return frozenset([*own.pop("extra", {}), *own])

    def overlays(self) -> dict[str, str]:
        """Return its folders by the part of the workspace that they are laid over."""
        named = {"prompts": self.prompts, "personas": self.personas, "tools": self.tools}
        return {part: folder for part, folder in named.items() if folder is not None}


class Comparison(Strict):
    """One ``[[compare]]`` table: what is to be compared, written down before the first answer.

    The difference is that of b minus a. margin: in percentage points; differences below it count
    as none. expect: the direction that the question predicts for b.
    """

    a: str
    b: str
    margin: float | None = Field(default=None, gt=0, le=100)
    expect: Literal["more", "fewer"] | None = None


class Chosen(Strict):
    """The ``[select]`` table: what of the catalog and the panel is asked; all when empty."""

    tools: tuple[str, ...] = ()
    personas: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class ExperimentFile(Strict):
    """What ``experiments/<name>.toml`` holds. seed: of the asking order. repeats: of every cell."""

    question: Annotated[str, Field(min_length=1, max_length=500)]
    repeats: int = Field(default=1, ge=1, le=1000)
    seed: int = Field(default=1, ge=0, lt=2**63)
    select: Chosen = Chosen()
    arms: Annotated[dict[str, ArmSettings], Field(min_length=1, max_length=50)]
    compare: tuple[Comparison, ...] = ()

    @model_validator(mode="after")
    def _named(self) -> Self:
        for name in self.arms:
            if not re.fullmatch(NAME, name):
                raise ValueError(
                    f"arms: {name!r} is no name of an arm. Use a-z, 0-9, hyphens and _, at most 40 "
                    "characters."
                )
        return self

    def comparisons(self) -> str:
        """Return the hash of what is to be compared, and by which margins."""
        return content_hash([self.question, [each.model_dump() for each in self.compare]])


class Experiment(BaseModel):
    """An experiment of a workspace. text: its file, letter by letter."""

    model_config = ConfigDict(frozen=True)

    name: str
    file: Path
    text: str
    plan: ExperimentFile


def load_experiment(root: Path, name: str) -> Experiment:
    """Read ``experiments/<name>.toml``.

    Raises UsageError where there is none, WorkspaceError with what is wrong in it.
    """
    refuse_astray(root, root / FOLDER)
    file = root / FOLDER / f"{name}.toml"
    if not re.fullmatch(NAME, name) or not file.is_file():
        found = [each.stem for each in sorted((root / FOLDER).glob("*.toml"))]
        raise UsageError(
            f"there is no experiment {name!r} in {FOLDER}/. {did_you_mean(name, found)}"
            if found
            else f"there is no experiment {name!r}: write {FOLDER}/NAME.toml."
        )
    refuse_outside(root / FOLDER, file)
    source, fields, lines = read_toml(file)
    plan = validate(ExperimentFile, fields, file, lines)
    if problems := _wrong_pairs(plan, file, lines):
        raise WorkspaceError(problems)
    return Experiment(name=name, file=file, text=source, plan=plan)


def _wrong_pairs(plan: ExperimentFile, file: Path, lines: Lines) -> list[Problem]:
    """Return what is wrong with the arms that are named in comparisons."""
    problems = []
    pairs: set[frozenset[str]] = set()
    for at, each in enumerate(plan.compare):
        for side, name in (("a", each.a), ("b", each.b)):
            if name not in plan.arms:
                line, field = lines(("compare", at, side)), f"compare.{at}.{side}"
                message, remedy = f"there is no arm {name!r}", did_you_mean(name, plan.arms)
                problems.append(Problem(file, line, field, message, remedy))
        line, field, pair = lines(("compare", at)), f"compare.{at}", frozenset((each.a, each.b))
        if each.a == each.b:
            message = f"{each.a!r} is compared with itself"
            problems.append(Problem(file, line, field, message, "Name two arms."))
        elif pair in pairs:
            message = f"{each.a!r} and {each.b!r} are compared twice"
            remedy = "Remove one of the two; a table may have a margin and expect."
            problems.append(Problem(file, line, field, message, remedy))
        pairs.add(pair)
    return problems


def plan_of(text: str) -> ExperimentFile | None:
    """Read the text of an experiment's file, as it was registered; None for another text."""
    try:
        return ExperimentFile.model_validate(tomllib.loads(text))
    except ValueError:  # of TOML, and of pydantic
        return None


def load_experiments(root: Path) -> list[Experiment]:
    """Read every experiment of a workspace; raises WorkspaceError with all that is wrong."""
    problems, found = [], []
    refuse_astray(root, root / FOLDER)
    for file in sorted((root / FOLDER).glob("*.toml")):
        try:
            found.append(load_experiment(root, file.stem))
        except UsageError as error:
            raise WorkspaceError.single(
                file, None, "", str(error), "Rename it: a-z, 0-9, hyphens and _."
            ) from None
        except WorkspaceError as error:
            problems += error.problems
    if problems:
        raise WorkspaceError(problems)
    return found
