"""Who is who under another name: by signs, and in line with how many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from panel.cells.renames import ALIKE, LONG, TELLING, Rename, Trace, recognise
from tests.support.counting import growth

WORDS = [f"word{n}" for n in range(26)]
TRACES = st.builds(
    Trace,
    fingerprints=st.frozensets(st.sampled_from("abcdef"), max_size=2),
    described=st.sampled_from(["d1", "d2", "d3", "d4"]),
    name=st.sampled_from(["", "anvil", "bellows", "crane"]),
    words=st.one_of(
        st.frozensets(st.sampled_from(WORDS), max_size=6),
        st.frozensets(st.sampled_from(WORDS), min_size=18),
    ),
)
MANY = st.dictionaries(st.sampled_from("abcdefghijklm"), TRACES, max_size=6)


def by_every_pair(new: dict[str, Trace], gone: dict[str, Trace]) -> list[Rename]:
    """Say it plainly: compare everything with everything, sign by sign."""
    signs: tuple[Callable[[Trace, Trace], bool], ...] = (
        lambda one, other: bool(one.fingerprints & other.fingerprints),
        lambda one, other: one.described == other.described and len(one.words) >= TELLING,
        lambda one, other: one.name == other.name and bool(one.name),
        lambda one, other: (
            len(one.words) >= LONG
            and len(one.words & other.words) >= ALIKE * len(one.words | other.words)
        ),
    )
    found, fresh, left = [], dict(new), dict(gone)
    for sign in signs:
        pairs = [(now, was) for now in fresh for was in left if sign(fresh[now], left[was])]
        news, olds = Counter(now for now, _ in pairs), Counter(was for _, was in pairs)
        found += [Rename("tool", was, now) for now, was in pairs if news[now] == olds[was] == 1]
        for now, was in pairs:
            fresh.pop(now, None)
            left.pop(was, None)
    return found


@given(MANY, MANY)
def test_what_is_recognised_is_what_comparing_everything_with_everything_finds(
    new: dict[str, Trace], gone: dict[str, Trace]
) -> None:
    assert recognise("tool", new, gone) == by_every_pair(new, gone)


def catalog(count: int, words_of_its_own: int) -> dict[str, Trace]:
    common = [f"common{n}" for n in range(40)]
    return {
        f"tool-{n}": Trace(
            words=frozenset([*common, *(f"own{n}-{k}" for k in range(words_of_its_own))]),
            described=f"{n} {words_of_its_own}",
        )
        for n in range(count)
    }


def test_twice_as_many_renames_take_twice_the_work() -> None:
    def recognising(count: int) -> Callable[[], list[Rename]]:
        gone = catalog(count, 12)
        new = {f"new-{name}": trace for name, trace in catalog(count, 13).items()}
        return lambda: recognise("tool", new, gone)

    assert len(recognising(50)()) == 50
    assert growth(recognising, 50) < 2.2
