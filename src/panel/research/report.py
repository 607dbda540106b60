"""What a report says: the figures of each arm, model and prompt of a source, and their origins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from panel.cells.cells import Target
from panel.endpoint.target import Chosen, resolve_target
from panel.errors import PanelError, UsageError
from panel.research import panel_figures, request_figures, vote_figures
from panel.research.comparison_figure import comparisons_section
from panel.research.factors import arm_factors, arms_figure
from panel.research.figures import Figure
from panel.research.frame import Frame, Source, frame_of, load_frame
from panel.research.outcome import experiment_outcome
from panel.research.panels import panel_statistics
from panel.research.realised import unrealised_arms
from panel.research.table import table_of
from panel.store import figures as queries
from panel.store.connection import Connection
from panel.store.figures import Condition, answers_sql, fetched
from panel.workspace.experiments import load_experiment
from panel.workspace.loading import WorkspaceFiles

REPEATS = 64  # a fixed seed makes a sampling of its own of each; so many are known again


@dataclass(frozen=True, slots=True)
class Origin:
    """Where answers come from: equal in all of this.

    sampling: in clear, of an arm as registered, else where panel.toml still says the same; None
    where only hashes are known. adapted: how requests differed from what was wanted.
    hashes: of the samplings; a fixed seed makes one of each repeat.
    first, last: when they were asked, UTC.
    """

    model: str
    returned_model: str | None
    endpoint: str
    output_mode: str
    prompt: str
    sampling: str | None
    hashes: str
    adapted: tuple[str, ...]
    answers: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Part:
    """The figures of one arm, model and prompt; they are never pooled.

    key: for addresses and names of files. factors: what its arm has in which the arms of the
    experiment differ, in words; "" outside an experiment. superseded: answers of the model to
    earlier wordings, which do not count; None where they are no matter. unrealised: why the arm is
    no answer to its question. demo: a demo model gave the answers, which judges nothing.
    """

    key: str
    arm: str
    model: str
    prompt: str
    factors: str
    origins: tuple[Origin, ...]
    superseded: int | None
    unrealised: tuple[str, ...]
    demo: bool
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A report on a source. experiment: the figures of an experiment as a whole."""

    source: str
    kind: str
    parts: tuple[Part, ...]
    experiment: tuple[Figure, ...] = ()

    @property
    def demo(self) -> bool:
        """Whether a demo model gave any of the answers."""
        return any(part.demo for part in self.parts)

    @property
    def figures(self) -> list[tuple[str, Figure]]:
        """Every figure by its key in the whole report."""
        found = [(f"{part.key}-{each.key}", each) for part in self.parts for each in part.figures]
        return [*((each.key, each) for each in self.experiment), *found]


def source_of(connection: Connection, text: str) -> Source:
    """Read which answers; the id of a run is that run. Raises UsageError as ``Source.parse``."""
    source = Source.parse(text)
    if source.kind == "experiment" and fetched(connection, queries.run_sql(text)):
        return Source("run", text)
    return source


def report_on(workspace: WorkspaceFiles, connection: Connection, source: Source) -> Report:
    """Collect a report; raises UsageError where the store holds no answers of the source."""
    frame = load_frame(connection, source)
    arms = arm_factors(connection, source.name) if source.kind == "experiment" else ()
    place = {each.arm: at for at, each in enumerate(arms)}
    rows = sorted(frame.rows, key=lambda row: (place.get(row.arm, 0), row.model, row.prompt))
    wrong = unrealised_arms(connection, source.name) if source.kind == "experiment" else {}
    words = {each.arm: each.words for each in arms}
    known = _Known(workspace)
    parts = []
    grouped = groupby(rows, key=lambda row: (row.arm, row.model, row.prompt))
    for number, (key, own) in enumerate(grouped, 1):
        of = Condition(source.kind, source.name, *key)
        part = _part(connection, of, frame_of(str(source), own), known, f"part{number}")
        parts.append(replace(part, factors=words.get(of.arm, ""), unrealised=wrong.get(of.arm, ())))
    whole = [arms_figure(source.name, arms, wrong)] if arms else []
    if arms and not source.arm:
        whole += _compared(workspace, connection, source.name)
    return Report(str(source), source.kind, tuple(parts), tuple(whole))


def _compared(workspace: WorkspaceFiles, connection: Connection, name: str) -> list[Figure]:
    """Return the registered comparisons of an experiment; none where its file is gone."""
    try:
        experiment = load_experiment(workspace.root, name)
    except UsageError:
        return []
    found = comparisons_section(experiment_outcome(workspace, connection, experiment))
    return [found] if found else []


def _part(connection: Connection, of: Condition, frame: Frame, known: _Known, key: str) -> Part:
    begin = answers_sql(of)

    def rows(sql: str) -> list[dict[str, Any]]:
        return fetched(connection, sql)

    [grid] = table_of(frame).grids()
    found = panel_statistics(grid)
    origins = tuple(
        known.origin(row) for row in rows(queries.origins_sql(begin, of.kind == "experiment"))
    )
    figures = [
        vote_figures.outcomes(rows(queries.outcomes_sql(begin)), begin),
        vote_figures.ship_percent(frame, begin),
        vote_figures.persona_map(frame, begin),
        panel_figures.agreement(found, begin),
        panel_figures.variance(found, begin),
        panel_figures.flips(found, begin),
        request_figures.reliability(rows(queries.stated_sql(begin)), begin),
    ]
    demo = bool(frame.demo_models)
    if demo:
        figures = [_marked(each) for each in figures]
    figures += [
        request_figures.latency(rows(queries.latency_sql(begin)), begin),
        request_figures.tokens(rows(queries.tokens_sql(begin)), begin),
        request_figures.cost(rows(queries.cost_sql(begin)), begin),
    ]
    superseded = None
    if of.kind in ("house", "model"):
        [row] = rows(queries.superseded_sql(of.model))
        superseded = row["answers"]
    return Part(key, of.arm, of.model, of.prompt, "", origins, superseded, (), demo, tuple(figures))


def _marked(figure: Figure) -> Figure:
    """Return a figure with the word demo in what may be quoted of it alone."""
    return replace(figure, title=f"{figure.title} (demo)", finding=f"Demo. {figure.finding}")


class _Known:
    """What panel.toml says now of endpoints, to read stored hashes of a sampling in clear."""

    def __init__(self, workspace: WorkspaceFiles) -> None:
        self.workspace = workspace
        self.samplings: dict[str, dict[str, str]] = {}

    def origin(self, row: Mapping[str, Any]) -> Origin:
        """Make an origin of a row of the store."""
        name = row["endpoint"]
        if name not in self.samplings:
            self.samplings[name] = {}
            target = self._target(name)
            for cell in target.lay_out(REPEATS) if target else ():
                self.samplings[name][cell.inputs.sampling_digest] = _in_words(cell.sampling)
        hashes = row["samplings"]
        known = [self.samplings[name].get(each) for each in hashes]
        return Origin(
            row["model_identity"],
            row["returned_model"],
            name,
            row["output_mode"],
            row["templates_digest"],
            row["sampling"] or _together(known),
            ", ".join(hashes[:3]) + (f" and {len(hashes) - 3:,} more" if len(hashes) > 3 else ""),
            tuple(row["adapted"] or ()),
            row["answers"],
            row["first"],
            row["last"],
        )

    def _target(self, endpoint: str) -> Target | None:
        """Return an endpoint's smallest target; None where panel.toml has it no more."""
        try:
            target = resolve_target(self.workspace, Chosen(endpoint=endpoint))
        except PanelError:
            return None
        return replace(target, tools=target.tools[:1], personas=target.personas[:1])


def _together(known: list[str | None]) -> str | None:
    """Join what several hashes stand for; None where one of them is not known."""
    found = {each for each in known if each is not None}
    return None if None in known else "; ".join(sorted(found))


def _in_words(sampling: Mapping[str, Any]) -> str:
    """Return what a request said of its sampling. The seeds of repeats are one sampling."""
    said = {
        name: "moves on with the repeat" if "seed" in name else value
        for name, value in sampling.items()
    }
    return ", ".join(f"{name} {value}" for name, value in sorted(said.items())) or "none sent"
