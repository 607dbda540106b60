"""What the tests of differences share: frozen verdicts and sides made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panel.cells.answers import Answer, Inputs
from panel.ci.diff import Diff, compare
from panel.ci.snapshots import Snapshot
from panel.frozen.canaries import CanaryCheck
from panel.frozen.files import FrozenTool
from panel.frozen.publish import publish
from panel.frozen.verdicts import FrozenVerdict
from panel.hashing import content_hash
from panel.stats import ShipOrSkip

Key = tuple[str, str]
WORDING = {"tool": "t1", "persona": "p1", "templates": "m1", "sampling": "s1"}  # digests
LONG_AGO, LATER = "2026-01-02T03:04:05Z", "2026-11-24T09:30:00Z"


def answer(
    verdict: ShipOrSkip | None = "ship",
    take: str = "It does one thing.",
    repeat: int = 1,
    model: str = "lab/mock-1",
    served: tuple[str | None, str | None] = ("mock-1", "fp_mock"),
    asked_at: str = LONG_AGO,
    **wording: str,
) -> Answer:
    """Return one answer; ``verdict`` None is an abstention; ``wording`` changes its inputs."""
    inputs = WORDING | wording
    return Answer(
        repeat=repeat,
        fingerprint=content_hash([inputs, model, repeat]),
        attempt_id=f"attempt-{repeat}",
        endpoint=model.partition("/")[0],
        model=model.partition("/")[2],
        model_identity=model,
        outcome="verdict" if verdict else "abstain",
        reason=None if verdict else "refused",
        verdict=verdict,
        confidence=70 if verdict else None,
        output_mode="json_schema",
        asked_at=asked_at,
        returned_model=served[0],
        system_fingerprint=served[1],
        wording="b2:" + "/".join(f"{name} {text}" for name, text in sorted(inputs.items())),
        inputs=Inputs(**{f"{name}_digest": text for name, text in inputs.items()}),
        beats={"primitive": take} if verdict else {},
        evidence=("It reads JSON.",) if verdict else (),
    )


def published(*answers: Answer, over: FrozenVerdict | None = None) -> FrozenVerdict:
    """Return what freezing these answers publishes, over what was published before."""
    return publish(list(answers), over)


def sure(take: str = "It does one thing.") -> FrozenVerdict:
    """Return a ship that so many answers agree on that it is sure."""
    return published(*(answer(take=take, repeat=n) for n in range(1, 5)))


@dataclass(frozen=True)
class Asked:
    """Canaries asked again: the verdicts on record, which both sides hold, and the check."""

    record: dict[Key, FrozenVerdict]
    check: CanaryCheck


def side(name: str, verdicts: dict[Key, FrozenVerdict], *checks: CanaryCheck) -> Snapshot:
    """Return a side of these verdicts and checks of canaries."""
    tools: dict[str, dict[str, FrozenVerdict]] = {}
    for (tool, persona), verdict in verdicts.items():
        tools.setdefault(tool, {})[persona] = verdict
    # Unchecked: names that no file may hold are to do no harm in a report either.
    frozen = {
        tool: FrozenTool.model_construct(tool=tool, personas=personas)
        for tool, personas in tools.items()
    }
    return Snapshot(name, frozen, {check.run_id: check for check in checks})


PERSONAS = ("builder", "skeptic", "futurist", "business-analyst")


def canaries(
    *votes: tuple[int, int, int, int], run_id: str = "20261124T093000Z-000001", **fields: Any
) -> Asked:
    """Return canaries with (ships, n, ships again, n again) for each of four personas."""
    record: dict[Key, FrozenVerdict] = {}
    again: dict[str, dict[str, dict[str, ShipOrSkip]]] = {}
    for number, (ships, n, ships_again, n_again) in enumerate(votes):
        tool = f"canary-{number:02}"
        for persona in PERSONAS:
            cells = [
                answer(word(r <= ships), repeat=r, tool=tool, persona=persona)
                for r in range(1, max(n, n_again) + 1)
            ]
            if n:
                record[tool, persona] = published(*cells[:n])
            if n_again:
                again.setdefault(tool, {})[persona] = {
                    cell.fingerprint: word(r <= ships_again)
                    for r, cell in enumerate(cells[:n_again], 1)
                }
    fields = {"model_identity": "lab/mock-1", "asked_at": LATER} | fields
    return Asked(record, CanaryCheck(run_id=run_id, canaries=again, **fields))


def word(ships: bool) -> ShipOrSkip:
    """Return the word of a vote."""
    return "ship" if ships else "skip"


def difference(
    before: dict[Key, FrozenVerdict],
    after: dict[Key, FrozenVerdict],
    base: Asked | None = None,
    head: Asked | None = None,
    earlier: Sequence[Asked] = (),
) -> Diff:
    """Compare two sets of verdicts; base, head: the canaries asked again on either side.

    earlier: canaries whose checks both sides hold.
    """
    record = (base.record if base else {}) | (head.record if head else {})
    sides = (("main", before, base), ("now", after, head))
    known = [each.check for each in earlier]
    old, new = (
        side(name, verdicts | record, *known, *([asked.check] if asked else []))
        for name, verdicts, asked in sides
    )
    return compare(Path(), old, new)


SKIPS = tuple(answer("skip", f"Skip number {n}.", n, tool="t2") for n in range(1, 5))


def flips(
    keys: list[Key], take: str = "It does one thing.", after: str = "It does too much."
) -> Diff:
    """Return a difference in which every one of these pairs flips from ship to skip."""
    old = sure(take)
    new = published(*(answer("skip", after, n, tool="t2") for n in range(1, 5)), over=old)
    return difference(dict.fromkeys(keys, old), dict.fromkeys(keys, new))
