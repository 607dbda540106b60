"""Drift: what is known of the model itself between two snapshots, beside all that people changed.

Canaries are tools that nobody edits. If more of their answers differ from the record than its own
noise explains, the model has moved.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from panel.cells.cells import ModelIdentity, PairKey
from panel.ci.agreement import Agreement, CanaryCount, PairVotes, judge
from panel.ci.snapshots import NOW, Snapshot, from_store
from panel.frozen.canaries import CanaryCheck, in_order, latest, read_canaries
from panel.frozen.files import FOLDER, Frozen
from panel.frozen.verdicts import FrozenVerdict
from panel.stats import ShipOrSkip, Tally, tally
from panel.store.ingest import opened
from panel.text import counted
from panel.workspace.loading import WorkspaceFiles

Each = TypeVar("Each")
Names = tuple[list[str], list[str]]  # before, after


@dataclass(frozen=True, slots=True)
class Drift:
    """What is known of the model itself between two snapshots.

    moved: whether the canaries say so; None if they cannot tell. p: see Agreement. canaries:
    their votes, None where none were asked. accepted: whether their answers are the record from
    now on. models, served, configured: (before, after), only where they differ: the identities
    of the models asked, and what the server called its model and its configuration.
    """

    moved: bool | None
    sentence: str
    p: float | None = None
    canaries: tuple[CanaryCount, ...] | None = None
    models: Names | None = None
    served: Names | None = None
    configured: Names | None = None
    accepted: bool = False

    @property
    def shut(self) -> bool:
        """Whether the gate ``drift`` is shut: another model than before, and not accepted.

        Another configuration alone shuts nothing: servers change it for reasons of their own.
        """
        return bool(self.moved or self.served) and not self.accepted


def find_drift(
    base: Snapshot,
    head: Snapshot,
    before: Collection[FrozenVerdict],
    after: Collection[FrozenVerdict],
) -> Drift:
    """Compare the canaries and the models' names of two snapshots with these verdicts.

    Every check counts that the head has and the base has not: what is told is the latest that
    shuts the gate; else the latest that can tell. What they are compared with is the base's, and
    what the head accepts.
    """
    accepted = {run_id: check for run_id, check in head.canaries.items() if check.accepted}
    record = {**base.canaries, **accepted}.values()
    models = _differing(_names(before, "model_identity"), _names(after, "model_identity"))

    def drift_of(asked: CanaryCheck | None) -> Drift:
        drift = judge_check(asked, record, base.frozen)
        if models is not None:
            return replace(drift, models=models)
        return _named(drift, (before, after), asked, record)

    found = [drift_of(asked) for asked in _asked_since(base, head)] or [drift_of(None)]
    return max(found, key=lambda drift: (drift.shut, drift.moved is not None))


def _asked_since(base: Snapshot, head: Snapshot) -> list[CanaryCheck]:
    """Return the checks that the base has not, the latest first.

    Where the head accepts one, those of its model that are older are settled with it.
    """
    found: list[CanaryCheck] = []
    for check in in_order(head.canaries.values()):
        known = base.canaries.get(check.run_id)
        if check.accepted and not (known and known.accepted):
            found = [each for each in found if each.model_identity != check.model_identity]
        if known is None:
            found.append(check)
    return found[::-1]


def latest_drift(workspace: WorkspaceFiles, model: ModelIdentity, run_id: str | None) -> Drift:
    """Say what the canaries of a run tell, against the store's answers and the checks on file."""
    with opened(workspace.runs) as connection:
        stored = from_store(connection, NOW, str(model), {})
    checks = {**stored.canaries, **read_canaries(workspace.root / FOLDER)}
    asked = checks.get(run_id or "")
    drift = judge_check(asked, checks.values(), stored.frozen)
    before = [each for tool in stored.frozen.values() for each in tool.personas.values()]
    return _named(drift, (before, ()), asked, checks.values())


def _named(
    drift: Drift,
    verdicts: tuple[Collection[FrozenVerdict], Collection[FrozenVerdict]],
    asked: CanaryCheck | None,
    checks: Collection[CanaryCheck],
) -> Drift:
    """Add what the server called its model and configuration in verdicts before and after."""
    accepted = latest(
        check
        for check in checks
        if check.accepted and (asked is None or check.model_identity == asked.model_identity)
    )
    before, after = verdicts
    served, configured = (
        _differing(
            _names(before, name) | _told(accepted, f"{name}s"),
            _names(after, name) | _told(asked, f"{name}s"),
        )
        for name in ("returned_model", "system_fingerprint")
    )
    sentence = drift.sentence
    if served:
        sentence += " The server names another model than before."
    elif configured:
        sentence += " The server names another configuration than before; alone that is no sign."
    return replace(drift, sentence=sentence, served=served, configured=configured)


def judge_check(
    asked: CanaryCheck | None, checks: Collection[CanaryCheck], frozen: Frozen
) -> Drift:
    """Say what a check tells of the model; checks: all that are known, this one among them."""
    if asked is None:
        return Drift(None, _said(None))
    found = judge(votes_of(asked, frozen, _earlier(asked, checks, frozen)))
    sentence = _said(found)
    if asked.accepted:
        sentence += " These answers are accepted: later ones are compared with them."
    return Drift(found.moved, sentence, found.p, found.canaries, accepted=asked.accepted)


def _earlier(
    asked: CanaryCheck, checks: Collection[CanaryCheck], frozen: Frozen
) -> list[CanaryCheck]:
    """Return the checks that are part of the record of ``asked``, in order.

    Those of the same model, from the last accepted one on, that did not say that it had moved:
    each tells more of the panel's noise.
    """
    record: list[CanaryCheck] = []
    for check in in_order(checks):
        if check.run_id == asked.run_id or check.model_identity != asked.model_identity:
            continue
        if check.accepted:
            record = [check]
        elif not judge(votes_of(check, frozen, record)).moved:
            record.append(check)
    return record


def votes_of(
    check: CanaryCheck, frozen: Frozen, earlier: Sequence[CanaryCheck] = ()
) -> list[PairVotes]:
    """Return the votes of a check beside those on record of the same wording.

    The record is the answers in ``frozen`` and those of the checks in ``earlier``. Where the first
    of these is accepted, the answers in ``frozen`` that are older than it are of another model,
    and left out. So is a pair without a record. A tool or persona that had another name then is
    known by its question.
    """
    since = earlier[0].asked_at if earlier and earlier[0].accepted else ""
    filed = {
        (slug, persona): {answer.fingerprint: answer for answer in verdict.answers}
        for slug, file in frozen.items()
        for persona, verdict in file.personas.items()
    }
    before, asked = [_by_pair(each) for each in earlier], _by_pair(check)
    found = []
    for pair in asked:
        answers = _on_record(pair, asked, filed).values()
        demo = any(answer.demo for answer in answers)
        record = [answer.verdict for answer in answers if answer.asked_at > since]
        for votes in before:
            record += _on_record(pair, asked, votes).values()
        if any(record):
            found.append(PairVotes(pair[0], _votes(record, demo), _votes(asked[pair].values())))
    return found


def _by_pair(check: CanaryCheck) -> Mapping[PairKey, Mapping[str, ShipOrSkip]]:
    return {
        (tool, persona): votes
        for tool, personas in check.canaries.items()
        for persona, votes in personas.items()
    }


def _on_record(
    pair: PairKey,
    asked: Mapping[PairKey, Mapping[str, ShipOrSkip]],
    record: Mapping[PairKey, Mapping[str, Each]],
) -> Mapping[str, Each]:
    """Return what is on record of a canary's present wording, by fingerprint; empty without any."""
    prints = asked[pair].keys()
    if pair in record:
        named = record[pair]
        return named if named.keys() & prints else {}
    # Under another name then: the one with the question that is no other canary's.
    others = [each for other, each in record.items() if other not in asked and each.keys() & prints]
    return others[0] if len(others) == 1 else {}


def _votes(words: Iterable[str | None], demo: bool = False) -> Tally:
    return tally((("verdict", word) for word in words if word), demo)


def _said(found: Agreement | None) -> str:
    if found is None:
        return "No canaries were asked, so it is not known whether the model has moved."
    if found.p is None:
        return (
            "It is not known whether the model has moved: no canary has answers on record to "
            "compare with."
        )
    turned = sum(bool(each.differ) for each in found.canaries)
    many = (
        f"{found.differ:,} of {counted(found.compared, 'answer')}, on {turned} of "
        f"{counted(len(found.canaries), 'canary', 'canaries')}, differ from the record"
    )
    p = "p < 0.001" if found.p < 0.001 else f"p = {found.p:.3f}"
    noise = f"its noise explains up to {found.expected:,} ({p})"
    if found.moved:
        return f"The model moved: {many}; {noise}."
    if found.moved is None:
        return f"It is not known whether the model has moved: {many}; {noise}: too few can tell."
    return f"No sign that the model has moved: {many}; {noise}."


def _differing(before: set[str], after: set[str]) -> Names | None:
    """Return both if ``after`` has a name that ``before`` lacks."""
    if not before or after <= before:
        return None
    return sorted(before), sorted(after)


def _names(verdicts: Collection[FrozenVerdict], field: str) -> set[str]:
    """Return the names in a field of the answers, without those who have none."""
    names = {getattr(answer, field) for verdict in verdicts for answer in verdict.answers}
    return names - {None, ""}


def _told(check: CanaryCheck | None, field: str) -> set[str]:
    return set(getattr(check, field)) if check else set()
