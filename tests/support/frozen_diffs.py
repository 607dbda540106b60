"""What the tests of differences share: frozen verdicts and sides made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from panel.cells.answers import Answer, Inputs
from panel.ci.diff import Diff, compare
from panel.ci.snapshots import Snapshot
from panel.frozen.files import CanaryCheck, CanaryCount, FrozenTool
from panel.frozen.publish import publish
from panel.frozen.verdicts import FrozenVerdict
from panel.hashing import content_hash

Key = tuple[str, str]
WORDING = {"tool": "t1", "persona": "p1", "templates": "m1", "sampling": "s1"}  # digests
LONG_AGO, LATER = "2026-01-02T03:04:05Z", "2026-11-24T09:30:00Z"


def answer(
    verdict: Literal["ship", "skip"] | None = "ship",
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


def side(
    name: str, verdicts: dict[Key, FrozenVerdict], canaries: CanaryCheck | None = None
) -> Snapshot:
    """Return a side of these verdicts."""
    tools: dict[str, dict[str, FrozenVerdict]] = {}
    for (tool, persona), verdict in verdicts.items():
        tools.setdefault(tool, {})[persona] = verdict
    frozen = {tool: FrozenTool(tool=tool, personas=personas) for tool, personas in tools.items()}
    return Snapshot(name, frozen, canaries)


def canaries(*votes: tuple[int, int, int, int], asked_at: str = LATER) -> CanaryCheck:
    """Return a check of canaries, each (ships, n, ships again, n again)."""
    names = ("ships", "n", "ships_again", "n_again")
    rows = [dict(zip(names, row, strict=True)) for row in votes]
    counts = tuple(CanaryCount(tool=f"canary-{n:02}", **row) for n, row in enumerate(rows))
    return CanaryCheck(model_identity="lab/mock-1", asked_at=asked_at, canaries=counts)


def difference(
    before: dict[Key, FrozenVerdict], after: dict[Key, FrozenVerdict], **checks: Any
) -> Diff:
    """Compare two sets of verdicts; ``checks``: canaries of the base and of the head."""
    base = side("main", before, checks.get("base"))
    return compare(Path(), base, side("now", after, checks.get("head")))


SKIPS = tuple(answer("skip", f"Skip number {n}.", n, tool="t2") for n in range(1, 5))


def flips(
    keys: list[Key], take: str = "It does one thing.", after: str = "It does too much."
) -> Diff:
    """Return a difference in which every one of these pairs flips from ship to skip."""
    old = sure(take)
    new = published(*(answer("skip", after, n, tool="t2") for n in range(1, 5)), over=old)
    return difference(dict.fromkeys(keys, old), dict.fromkeys(keys, new))
