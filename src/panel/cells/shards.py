"""Shards: the cells of a selection in n parts, so that n machines can ask them.

A cell belongs to the shard that the hash of its tool's slug and its persona's id says. That does
not depend on the order of the catalog, on what else is in it, on the machine, or on what was
answered before. All repeats of a pair are in one shard: they share their whole prompt, which an
endpoint's cache then has, and whether a pair needs more repeats is decided by all its answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from panel.cells.cells import PairKey
from panel.errors import UsageError
from panel.hashing import canonical_json, text_hash

MOST = 100_000  # shards


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``of`` parts; ``number`` counts from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the shard that "2/8" names; raises UsageError."""
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text, re.ASCII)
        if found is None:
            raise UsageError(f"--shard {text!r} is no shard. Write the second of eight as 2/8.")
        number, of = int(found[1]), int(found[2])
        if not 1 <= of <= MOST:
            raise UsageError(f"--shard {text!r}: there can be 1 to {MOST:,} shards, not {of:,}.")
        if not 1 <= number <= of:
            raise UsageError(
                f"--shard {text!r}: the shards are numbered from 1/{of} to {of}/{of}. Let the "
                "scheduler count from 1."
            )
        return cls(number, of)

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def holds(self, pair: PairKey) -> bool:
        """Whether the cells of a tool × persona belong to this shard."""
        return int(text_hash(canonical_json([*pair])), 16) % self.of == self.number - 1
