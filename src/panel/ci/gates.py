"""Gates: what in a diff stops a merge, if a team has chosen so. One sentence for each reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from panel.ci.changes import Diff, PairChange, ship_words
from panel.ci.snapshots import Snapshot
from panel.errors import UsageError
from panel.frozen.check import frozen_status
from panel.frozen.staleness import StaleEntry
from panel.text import counted
from panel.workspace.loading import load_workspace
from panel.workspace.validation import did_you_mean

PLAIN = ("flip", "change", "decision", "stale", "drift", "abstain")
SHIP_BELOW = "ship-below"
NAMED = 5  # pairs named in one sentence


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates a team has chosen.

    plain: any of PLAIN. ship_below: a percentage; None if not chosen.
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

    ``flip`` and ``change`` look at verdicts that differ, ``decision`` at what editors decided,
    ``ship-below`` at tools that were not below before, ``abstain`` at abstentions that the base
    does not have, ``stale`` at the whole head. Raises UsageError for ``stale`` if the head is a
    folder or a run, which has no tools of its own.
    """
    found: list[Failure] = []
    turned = (
        ("flip", "flipped", diff.of_kind("flipped")),
        ("change", "changed", [pair for pair in diff.changes if pair.changed]),
    )
    for gate, verb, pairs in turned:
        if gate in gates.plain and pairs:
            words = _named([f"{p.tool} × {p.persona} ({_flip(p)})" for p in pairs])
            sentence = f"{counted(len(pairs), 'verdict')} {verb}: {words}."
            found.append(Failure(gate, sentence, _keys(pairs)))
    decided = [pair for pair in diff.changes if any(pair.decisions)]
    if "decision" in gates.plain and decided:
        words = _named([f"{p.tool} × {p.persona} ({p.decided})" for p in decided])
        sentence = f"{counted(len(decided), 'verdict')} decided on by editors: {words}."
        found.append(Failure("decision", sentence, _keys(decided)))
    if "stale" in gates.plain:
        found += _stale(head, asked)
    if "drift" in gates.plain and diff.drift.shut:
        found.append(Failure("drift", diff.drift.sentence))
    if "abstain" in gates.plain and (silent := diff.abstained):
        words = _named([f"{tool} × {persona}" for tool, persona in silent])
        sentence = f"{counted(len(silent), 'persona')} abstained: {words}."
        found.append(Failure("abstain", sentence, frozenset(silent)))
    if gates.ship_below is not None:
        found += _below(diff, gates.ship_below)
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
    sentence = f"{counted(len(found), 'verdict')} on file does not hold: {words}."
    if len(found) > 1:
        sentence = sentence.replace("does not", "do not")
    return [Failure("stale", sentence, keys)]


def _below(diff: Diff, percent: float) -> list[Failure]:
    """Return the tools that are below now and were not before: above, new, or without votes."""
    found = []
    pairs: dict[str, list[tuple[str, str]]] = {}
    for key in diff.pairs:
        pairs.setdefault(key[0], []).append(key)
    for slug, (before, after) in diff.panels.items():
        was = before.ship_percent if before else None
        now = after.ship_percent if after else None
        if after is None or now is None or now >= percent or (was is not None and was < percent):
            continue
        fell = "is new" if was is None else f"was at {was:.0f} %"
        sentence = (
            f"{_named([slug])} has a panel ship percentage of {ship_words(after)}, "
            f"below {percent:g} %; it {fell}."
        )
        found.append(Failure(SHIP_BELOW, sentence, frozenset(pairs.get(slug, ()))))
    return found


def _named(words: list[str]) -> str:
    """Name a few, on one line: a line feed in a name could start a command to the CI runner."""
    more = f" and {len(words) - NAMED:,} more" if len(words) > NAMED else ""
    return ", ".join(" ".join(word.split()) for word in words[:NAMED]) + more
