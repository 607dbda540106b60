"""The lock of a model: two runs that ask it at once would pay for the same cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from panel.cells.cells import ModelIdentity
from panel.cells.shards import Shard
from panel.errors import StoreBusyError
from panel.hashing import text_hash
from panel.workspace.scaffold import make_runs

DOOR_SECONDS = 30.0  # whoever holds the door needs milliseconds


@contextmanager
def run_lock(runs: Path, model: ModelIdentity, shard: Shard | None = None) -> Iterator[None]:
    """Let one run at a time ask a model, or one run for each shard of the same number of shards.

    Each run holds a lock file of its own, which goes with the process, however that ends. Who
    comes looks at those of the others, one at a time. Raises StoreBusyError.
    """
    make_runs(runs)
    name = f".asking-{text_hash(str(model))[:12]}"
    own = _lock(runs / f"{name}-{_part(shard)}")
    try:
        with _lock(runs / name).acquire(timeout=DOOR_SECONDS):
            for file in sorted(runs.glob(f"{name}-*")):
                _refuse_if_held(file, model, shard)
            own.acquire(blocking=False)
    except Timeout:
        raise StoreBusyError(
            f"other runs of this workspace hold {runs / name}. Try again in a moment."
        ) from None
    try:
        yield
    finally:
        own.release()


def _lock(file: Path) -> FileLock:
    return FileLock(file, fallback_to_soft=False)


def _part(shard: Shard | None) -> str:
    return "whole" if shard is None else f"{shard.number}-of-{shard.of}"


def _shard(part: str) -> Shard | None:
    """Return the shard whose lock file ends so; None for that of a whole run."""
    found = re.fullmatch(r"(\d+)-of-(\d+)", part)
    return Shard(int(found[1]), int(found[2])) if found else None


def _refuse_if_held(file: Path, model: ModelIdentity, shard: Shard | None) -> None:
    """Raise StoreBusyError if a run that shares cells with one of this shard holds the file."""
    other = _shard(file.name.split("-", 2)[-1])
    if shard and other and other.of == shard.of and other != shard:
        return
    try:
        with _lock(file).acquire(blocking=False):
            return
    except Timeout:
        pass
    who = f"a run with --shard {other}" if other else "another run"
    advice = "Wait for it to end, or ask another model"
    if other and (shard is None or other.of != shard.of):
        advice = f"Wait for it to end, or ask another shard of the same {other.of:,}"
    raise StoreBusyError(
        f"{who} is asking {model} in this workspace. {advice}: two would pay for the same cells."
    )
