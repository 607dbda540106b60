"""Whether an experiment confirms what was registered, or explores what could be chosen by looking.

A comparison was made blind if, when its design was registered, one of its sides had no answer yet
that the other does not share: there was no difference to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from panel.research.design import Design, comparisons_changed, differences, registered_design
from panel.store.registrations import Registration
from panel.text import counted
from panel.workspace.experiments import ExperimentFile

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """What a later version changed. at: when it was registered, UTC, ISO 8601.

    answers: how many cells of the version before had an answer by then.
    """

    at: str
    answers: int
    what: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The change in one line."""
        when = f"after {counted(self.answers, 'answer')} to its cells until then"
        when = when if self.answers else "before any answer"
        return f"{self.at}, {when}: {'; '.join(self.what)}."


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether an experiment's report confirms what was registered, or only explores.

    confirmatory: every comparison was made blind. why: one sentence. versions: how many times it
    was registered, by whatever change of its files. changes: of comparisons, arms and cells.
    unregistered: what the present files change, which no run has registered yet.
    """

    confirmatory: bool
    why: str
    versions: int
    changes: tuple[Change, ...] = ()
    unregistered: tuple[str, ...] = ()


def standing(
    known: Sequence[Registration], plan: ExperimentFile, present: Design | None = None
) -> Standing:
    """Say whether the present comparisons, and the cells they are of, were registered blind.

    known: all versions, the first first. plan: the present file. present: what the present files
    come to; None where that is not known.
    """
    if not known:
        return Standing(False, "Nothing of it is registered yet.", 0)
    latest = registered_design(known[-1])
    unblind = _unblind(known, plan)
    return Standing(
        not unblind,
        unblind or _blind(known, plan),
        len(known),
        tuple(_changes(known)),
        tuple(differences(latest, present)) if present else (),
    )


def _changes(known: Sequence[Registration]) -> Iterator[Change]:
    for old, new in pairwise(known):
        if what := differences(registered_design(old), registered_design(new)):
            answers = sum(group.until_next for group in old.groups)
            yield Change(_time(new.registered_at), answers, tuple(what))


def _unblind(known: Sequence[Registration], plan: ExperimentFile) -> str | None:
    """Say why the comparisons could have been chosen by looking at answers; None where not."""
    if not plan.compare:
        return "It registers no comparison, so that there is nothing to confirm."
    place = _compared_since(known, plan)
    if place is None:
        what = "; ".join(comparisons_changed(registered_design(known[-1]).plan, plan))
        return f"Its comparisons differ from those that are registered{what and f': {what}'}."
    first = known[place].registered_at
    pairs = {pair for each in known[: place + 1] for pair in _pairs(registered_design(each).plan)}
    if place and any(_seen(known[: place + 1], pair, first) for pair in pairs):
        return _changed(known, place, "Its comparisons were changed")
    forced = _in_force(known)
    if known[forced].comparisons != plan.comparisons():
        return (
            f"Its comparisons were registered on {_time(first)}, but others, of "
            f"{_time(known[forced].registered_at)}, were in force when the answers came."
        )
    for each in plan.compare:
        since = _asked_since(known, (each.a, each.b))
        at = known[since].registered_at
        if not _seen(known[: since + 1], (each.a, each.b), at):
            continue
        name = f"{each.b} − {each.a}"
        if since:
            return _changed(known, since, f"{name} was changed")
        return (
            f"Both sides of {name} had answers of their own before it was registered on "
            f"{_time(at)}."
        )
    return None


def _in_force(known: Sequence[Registration]) -> int:
    """Return the place of the last version before any comparison had answers on both sides.

    Of several sets of comparisons that were registered blind, only the last one was meant.
    """
    pairs = {pair for each in known for pair in _pairs(registered_design(each).plan)}
    return max(
        (
            at
            for at, each in enumerate(known)
            if not any(_seen(known, pair, each.registered_at) for pair in pairs)
        ),
        default=0,
    )


def _changed(known: Sequence[Registration], place: int, what: str) -> str:
    old, new = known[place - 1], known[place]
    change = "; ".join(differences(registered_design(old), registered_design(new)))
    first = min(_answered(known))
    return (
        f"{what} on {_time(new.registered_at)}, after the first answer on {_time(first)}"
        f"{change and f': {change}'}."
    )


def _blind(known: Sequence[Registration], plan: ExperimentFile) -> str:
    """Say when the present design was registered, and which answers there were."""
    places = [_compared_since(known, plan) or 0]
    places += [_asked_since(known, (each.a, each.b)) for each in plan.compare]
    last = known[max(places)]
    said = f"Its comparisons, arms and cells were registered on {_time(last.registered_at)}"
    before = sum(group.before for group in last.groups)
    if not before:
        return f"{said}, before the first answer."
    by_arm = {
        arm: sum(group.before for group in last.groups if arm in group.arms) for arm in last.arms
    }
    arms = ", ".join(f"{arm} {many:,}" for arm, many in by_arm.items() if many)
    return (
        f"{said}, when {before:,} of {counted(sum(group.cells for group in last.groups), 'cell')} "
        f"had an answer ({arms}), but of no comparison both sides."
    )


def _compared_since(known: Sequence[Registration], plan: ExperimentFile) -> int | None:
    """Return the place of the first version with these comparisons."""
    wanted = plan.comparisons()
    return next((at for at, each in enumerate(known) if each.comparisons == wanted), None)


def _asked_since(known: Sequence[Registration], pair: Pair) -> int:
    """Return the place of the first version whose cells of a pair are those of the latest."""

    def cells(version: Registration) -> list[str | None]:
        return [version.arms[arm].questions if arm in version.arms else None for arm in pair]

    now = cells(known[-1])
    return next(at for at, each in enumerate(known) if cells(each) == now)


def _pairs(plan: ExperimentFile | None) -> Iterable[Pair]:
    """Return the arms that a plan compares; without comparisons anybody may compare all."""
    if plan is None:
        return ()
    named = [(each.a, each.b) for each in plan.compare]
    return named or [(a, b) for a in plan.arms for b in plan.arms if a < b]


def _seen(versions: Sequence[Registration], pair: Pair, at: datetime) -> bool:
    """Whether both sides of a pair had answers of their own by a time, in any of the versions."""
    return any(
        all(
            any(
                one in group.arms
                and other not in group.arms
                and group.first_at is not None
                and group.first_at < at
                for group in each.groups
            )
            for one, other in (pair, pair[::-1])
        )
        for each in versions
    )


def _answered(known: Sequence[Registration]) -> Iterator[datetime]:
    for each in known:
        for group in each.groups:
            if group.first_at is not None:
                yield group.first_at


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M}Z"
