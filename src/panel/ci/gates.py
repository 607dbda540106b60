"""Gates: what in a diff stops a merge, if a team has chosen so. One sentence for each reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from panel.ci.diff import Diff, PairChange, panel_result
from panel.ci.snapshots import Snapshot
from panel.errors import UsageError
from panel.frozen.check import frozen_status
from panel.frozen.staleness import StaleEntry
from panel.workspace.loading import load_workspace
from panel.workspace.validation import did_you_mean

PLAIN = ("flip", "stale", "drift", "abstain")
SHIP_BELOW = "ship-below"
NAMED = 5  # pairs named in one sentence


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates a team has chosen.

    plain: any of flip, stale, drift, abstain. ship_below: a percentage; None if not chosen.
    """

    plain: frozenset[str] = frozenset()
    ship_below: float | None = None

    def besides(self, other: Gates) -> Gates:
        """Return these gates without those that ``other`` has too."""
        below = self.ship_below if other.ship_below is None else None
        return Gates(self.plain - other.plain, below)


@dataclass(frozen=True, slots=True)
class Failure:
    """One reason why a gate is shut. pairs: the (tool, persona) it is about, if any."""

    gate: str
    sentence: str
    pairs: frozenset[tuple[str, str]] = frozenset()


def parse_gates(words: Sequence[str]) -> Gates:
    """Read the words of ``--fail-on``, each with or without commas; raises UsageError."""
    plain, below = set(), None
    for word in (part.strip() for given in words for part in given.split(",")):
        name, _, value = word.partition("=")
        if word in PLAIN:
            plain.add(word)
        elif name == SHIP_BELOW:
            try:
                below = float(value)
            except ValueError:
                below = -1.0
            if not 0 < below <= 100:
                raise UsageError(
                    f"--fail-on {word}: write a percentage above 0 and up to 100, "
                    f"as {SHIP_BELOW}=50."
                )
        elif word:
            hint = did_you_mean(name, [*PLAIN, f"{SHIP_BELOW}=PCT"])
            raise UsageError(f"--fail-on {word!r} is not known. {hint}")
    return Gates(frozenset(plain), below)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom ``stale`` is about: as this endpoint and model would be asked.

    found: what does not hold of the head, where that has been looked for already.
    """

    endpoint: str | None = None
    model: str | None = None
    found: Sequence[StaleEntry] | None = None


ANYONE = Asked()


def failures(diff: Diff, head: Snapshot, gates: Gates, asked: Asked = ANYONE) -> list[Failure]:
    """Return the reasons why gates are shut, in the order of the gates.

    ``flip`` and ``ship-below`` look at tools that differ, ``abstain`` at abstentions that the
    base does not have, ``stale`` at the whole head.
    Raises UsageError for ``stale`` if the head is a folder or a run, which has no tools of its own.
    """
    found: list[Failure] = []
    if "flip" in gates.plain and (flips := diff.of_kind("flipped")):
        words = _named([f"{p.tool} × {p.persona} ({_flip(p)})" for p in flips])
        found.append(
            Failure("flip", f"{_many(len(flips), 'verdict')} flipped: {words}.", _keys(flips))
        )
    if "stale" in gates.plain:
        found += _stale(head, asked)
    if "drift" in gates.plain and (diff.drift.moved or diff.drift.served):
        found.append(Failure("drift", diff.drift.sentence))
    if "abstain" in gates.plain and (silent := diff.abstained):
        words = _named([f"{tool} × {persona}" for tool, persona in silent])
        sentence = f"{_many(len(silent), 'persona')} abstained: {words}."
        found.append(Failure("abstain", sentence, frozenset(silent)))
    if gates.ship_below is not None:
        found += _below(diff, head, gates.ship_below)
    return found


def _flip(pair: PairChange) -> str:
    before = pair.before.verdict if pair.before else None
    after = pair.after.verdict if pair.after else None
    return f"{before or 'none'} → {after or 'none'}"


def _keys(pairs: list[PairChange]) -> frozenset[tuple[str, str]]:
    return frozenset((pair.tool, pair.persona) for pair in pairs)


def _stale(head: Snapshot, asked: Asked) -> list[Failure]:
    if head.root is None:
        raise UsageError(
            f"--fail-on stale needs the files that people write, and {head.name!r} has none. "
            "Compare with a git revision, or with the workspace as it is."
        )
    found = asked.found
    if found is None:
        workspace = load_workspace(head.root)
        found = frozen_status(workspace, asked.endpoint, asked.model, head.frozen).found
    if not found:
        return []
    words = _named(
        [
            f"{each.tool} × {each.persona} ({each.reason})" if each.persona else each.tool
            for each in found
        ]
    )
    keys = frozenset((each.tool, each.persona) for each in found if each.persona)
    sentence = f"{_many(len(found), 'verdict')} on file does not hold: {words}."
    if len(found) > 1:
        sentence = sentence.replace("does not", "do not")
    return [Failure("stale", sentence, keys)]


def _below(diff: Diff, head: Snapshot, percent: float) -> list[Failure]:
    found = []
    for tool in diff.tools:
        file = head.frozen.get(tool.tool)
        result = panel_result(file.personas.values()) if file else None
        if result and result.ship_percent is not None and result.ship_percent < percent:
            low, high = (result.interval.low, result.interval.high) if result.interval else (0, 100)
            sentence = (
                f"{_named([tool.tool])} has a panel ship percentage of {result.ship_percent:.0f} % "
                f"({result.ships} of {result.n}, 95 % interval {low:.0f}–{high:.0f} %), "
                f"below {percent:g} %."
            )
            keys = (
                frozenset((tool.tool, persona) for persona in file.personas)
                if file
                else frozenset()
            )
            found.append(Failure(SHIP_BELOW, sentence, keys))
    return found


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("s" if count != 1 else "")


def _named(words: list[str]) -> str:
    """Name a few, on one line: a line feed in a name could start a command to the CI runner."""
    more = f" and {len(words) - NAMED:,} more" if len(words) > NAMED else ""
    return ", ".join(" ".join(word.split()) for word in words[:NAMED]) + more
