"""Counted votes as columns of numbers, and one panel's votes as a grid: for a million of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from panel.errors import UsageError
from panel.research.extras import needed
from panel.research.frame import Frame, Source, no_votes
from panel.store.connection import Connection
from panel.store.frames import COLUMNS, counts_of
from panel.workspace.validation import did_you_mean

KEYS, COUNTS = COLUMNS[:5], COLUMNS[5:]
Array = Any  # a numpy array; numpy is imported by what is called, not by this module


@dataclass(frozen=True)
class VoteTable:
    """Counted votes: a row for each question, as in a Frame.

    names: of each key (tool, persona, model, prompt, arm) the values, sorted. codes: of each key
    the place of every row's value among them. counts: ships, skips, abstains and errors of rows.
    """

    source: str
    names: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, Array]
    counts: Mapping[str, Array]

    @property
    def votes(self) -> int:
        """All votes: ships and skips."""
        return int(self.counts["ships"].sum() + self.counts["skips"].sum())

    def of_models(self, wanted: Iterable[str]) -> VoteTable:
        """Return the rows of some models alone: identities, or the model's name in them.

        Raises UsageError for one that has no row.
        """
        np, models = needed("numpy"), self.names["model"]
        kept: list[int] = []
        for name in wanted:
            found = [place for place, model in enumerate(models) if _is_called(model, name)]
            if not found:
                near = did_you_mean(name, models)
                raise UsageError(f"{self.source} has no answers of a model {name!r}. {near}")
            kept += found
        return self._only(np.isin(self.codes["model"], kept))

    def _only(self, rows: Array) -> VoteTable:
        return VoteTable(
            self.source,
            self.names,
            {key: codes[rows] for key, codes in self.codes.items()},
            {name: counts[rows] for name, counts in self.counts.items()},
        )

    def grids(self) -> Iterator[Grid]:
        """Yield the votes of each arm, model and prompt by itself, in this order."""
        np = needed("numpy")
        keys = ("arm", "model", "prompt")
        sizes = tuple(len(self.names[key]) for key in keys)
        conditions = np.ravel_multi_index([self.codes[key] for key in keys], sizes)
        for condition in np.unique(conditions):
            rows = self._only(conditions == condition)
            arm, model, prompt = map(int, np.unravel_index(condition, sizes))
            tools, tool = np.unique(rows.codes["tool"], return_inverse=True)
            personas, persona = np.unique(rows.codes["persona"], return_inverse=True)
            sums = {}
            for name, counts in rows.counts.items():
                sums[name] = np.zeros((len(tools), len(personas)), np.int64)
                np.add.at(sums[name], (tool, persona), counts)
            yield Grid(
                self.names["arm"][arm],
                self.names["model"][model],
                self.names["prompt"][prompt],
                tuple(self.names["tool"][place] for place in tools),
                tuple(self.names["persona"][place] for place in personas),
                sums["ships"],
                sums["ships"] + sums["skips"],
                int(sums["abstains"].sum()),
                int(sums["errors"].sum()),
                bool(sums["demos"].any()),
            )


@dataclass(frozen=True)
class Grid:
    """The votes of one panel with one model and prompt: arrays of [tool, persona].

    ships: of votes (ships and skips). abstains, errors: all of them; neither is a vote. demo: a
    demo model's are among them, so that no share of ships is made of them.
    """

    arm: str
    model: str
    prompt: str
    tools: tuple[str, ...]
    personas: tuple[str, ...]
    ships: Array
    votes: Array
    abstains: int
    errors: int
    demo: bool = False

    @property
    def shares(self) -> Array:
        """The ship share of each cell, 0 to 1; nan where nobody voted."""
        np = needed("numpy")
        shares = np.full(self.votes.shape, np.nan)
        return np.divide(self.ships, self.votes, out=shares, where=self.votes > 0)

    @property
    def tool_means(self) -> Array:
        """Each tool's ship share: the mean of its personas', of equal weight; nan without votes."""
        np = needed("numpy")
        voted = self.votes > 0
        many = voted.sum(axis=1)
        means = np.full(len(many), np.nan)
        shares = np.where(voted, self.shares, 0).sum(axis=1)
        return np.divide(shares, many, out=means, where=many > 0)


def load_table(connection: Connection, source: Source) -> VoteTable:
    """Count the votes of a source; raises UsageError where the store holds none."""
    needed("numpy")
    columns = counts_of(connection, source.place).fetchnumpy()
    if not len(columns["tool"]):
        raise no_votes(connection, source)
    return _table(str(source), columns)


def table_of(frame: Frame) -> VoteTable:
    """Return a frame as columns."""
    np = needed("numpy")
    columns: dict[str, Any] = {name: [getattr(row, name) for row in frame.rows] for name in COLUMNS}
    columns |= {name: np.array(columns[name], np.int64) for name in COUNTS}
    return _table(frame.source, columns)


def _table(source: str, columns: Mapping[str, Any]) -> VoteTable:
    coded = {key: _codes(columns[key]) for key in KEYS}
    return VoteTable(
        source,
        {key: names for key, (names, _codes) in coded.items()},
        {key: codes for key, (_names, codes) in coded.items()},
        {name: columns[name] for name in COUNTS},
    )


def _codes(values: Sequence[str]) -> tuple[tuple[str, ...], Array]:
    """Return the different values, sorted, and the place of each value among them."""
    np = needed("numpy")
    names = tuple(sorted(set(values)))
    places = {name: place for place, name in enumerate(names)}
    return names, np.fromiter(map(places.__getitem__, values), np.int64, len(values))


def _is_called(identity: str, name: str) -> bool:
    """Whether a model's identity, or the model in it, is called so: endpoint/model@digest."""
    model = identity.partition("/")[2]
    return name in (identity, model) or model.startswith(f"{name}@")
