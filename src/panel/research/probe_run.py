"""Runs a probe: its arms are asked as an experiment, and its answers are decided on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from panel.cells.cells import Cell, Target
from panel.cells.plan import Estimate, estimate
from panel.engines.base import RunBudget
from panel.frozen.thaw import opened_thawed
from panel.hashing import content_hash, text_hash
from panel.research.arms import Arm, Protocol
from panel.research.asking import AskedArms, Asking, ask_arms
from panel.research.frame import Frame, Source, frame_of, load_frame
from panel.research.probe_arms import Roles, Setup
from panel.research.probe_findings import Finding
from panel.research.probes import Probe
from panel.research.realised import Unrealised, caveat, unrealised_arms
from panel.runs.run import ProgressReporter
from panel.store.ingest import opened
from panel.store.queries import experience
from panel.text import counted
from panel.workspace.loading import WorkspaceFiles


@dataclass(frozen=True, slots=True)
class PreparedProbe:
    """A probe at a size, with its arms. experiment: the name under which the store has it."""

    probe: Probe
    setup: Setup
    roles: Roles
    experiment: str
    text: str

    @property
    def arms(self) -> list[Arm]:
        """All arms, in order."""
        return [arm for arms in self.roles.values() for arm in arms]

    @property
    def cells(self) -> list[Cell]:
        """Every cell of every arm."""
        return [cell for arm in self.arms for cell in arm.target.lay_out(arm.repeats)]


def prepare_probe(probe: Probe, setup: Setup) -> PreparedProbe:
    """Build the arms of a probe.

    The experiment is named by everything that is asked: a panel that has changed since, or
    another size, is another experiment, and never mixes its votes with older ones.
    """
    roles = probe.arms(setup)
    asked = {
        arm.name: [arm.repeats, sorted(arm.target.wordings().items())]
        for arms in roles.values()
        for arm in arms
    }
    text = json.dumps(
        {
            "probe": probe.name,
            "question": probe.asks,
            "goal": probe.goal,
            "threshold": probe.threshold,
            "tools": len(setup.tools),
            "repeats": setup.repeats,
            "material": setup.material.digest,
            "asked": content_hash(asked),
        },
        indent=2,
    )
    return PreparedProbe(probe, setup, roles, f"probe-{probe.name}-{text_hash(text)[:8]}", text)


def size_in_money(workspace: WorkspaceFiles, target: Target, cells: Iterable[Cell]) -> Estimate:
    """Return what asking all these cells takes, whatever of them is answered already."""
    with opened_thawed(workspace.root) as connection:
        return estimate(list(cells), target.endpoint, experience(connection, target.model))


def ask_probe(
    workspace: WorkspaceFiles,
    prepared: PreparedProbe,
    seed: int,
    reporter: ProgressReporter,
    budget: RunBudget,
) -> AskedArms:
    """Ask what is not yet answered; raises what ``panel run`` raises."""
    probe = prepared.probe
    compared = content_hash([probe.goal, probe.threshold])
    protocol = Protocol(prepared.experiment, probe.asks, prepared.text, compared, seed)
    return ask_arms(workspace, protocol, prepared.arms, Asking(reporter, budget))


def read_probe(workspace: WorkspaceFiles, prepared: PreparedProbe) -> Finding:
    """Decide on the stored answers; raises UsageError where an arm has none.

    Nothing is decided by arms that were asked otherwise than each other. A seed that the server
    does not take is no such thing: it draws anew all the same.
    """
    frames: dict[str, Frame] = {}
    with opened(workspace.runs) as connection:
        for role, arms in prepared.roles.items():
            rows = [
                row
                for arm in arms
                for row in load_frame(
                    connection, Source("experiment", prepared.experiment, arm.name)
                ).rows
            ]
            frames[role] = frame_of(f"{prepared.experiment}/{role}", rows)
        wrong = unrealised_arms(connection, prepared.experiment)
    finding = prepared.probe.decide(frames, prepared.probe.threshold)
    if wrong:
        finding = _undecided(finding, wrong)
    unvoted = sum(row.abstains + row.errors for frame in frames.values() for row in frame.rows)
    if not unvoted:
        return finding
    note = f"{counted(unvoted, 'cell')} abstained or ended in an error; they are no votes."
    return replace(finding, notes=(*finding.notes, note))


def _undecided(finding: Finding, wrong: Unrealised) -> Finding:
    """Return a finding that decides nothing, since arms were not asked as they should be."""
    why = f"Nothing is decided.{caveat(wrong, wrong)}"
    return replace(
        finding,
        decision=replace(finding.decision, verdict="not shown", why=why),
        beside={
            label: replace(each, verdict="not shown", why=why)
            for label, each in finding.beside.items()
        },
        unrealised=wrong,
    )
