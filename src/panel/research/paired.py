"""Two sets of votes on the same tools: what differs, by how much, and whether that is shown.

Differences are B minus A, in points of ship percentage. Tools are what is drawn; the personas of a
panel are fixed, and each weighs the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Literal

from panel.errors import UsageError
from panel.research.frame import Frame
from panel.research.shifts import ALPHA, Adjusted, Equivalence, Shift, equivalence, p_values, shift
from panel.stats import Tally
from panel.stats.paired import (
    SignFlip,
    benjamini_hochberg,
    holm,
    mcnemar,
    sign_flip,
    stratified_exact,
)
from panel.text import counted

FEWEST = 6  # tools: with five the smallest two-sided p of the sign-flip test is 2/32
Expect = Literal["more", "fewer"]
Cells = Mapping[str, tuple[Tally, Tally]]  # by persona: the votes of A and of B


@dataclass(frozen=True, slots=True)
class CellTest:
    """McNemar's exact test over tool × persona majorities.

    to_skip, to_ship: cells whose majority changed. n: cells with a majority on both sides; tied:
    the others, where a side has as many ships as skips.
    Descriptive: the cells of one tool lean on each other, and the test takes them for independent.
    """

    n: int
    tied: int
    to_skip: int
    to_ship: int
    p: float


@dataclass(frozen=True, slots=True)
class ToolPair:
    """One tool on both sides. a, b: ship percentages over the personas that voted on both.

    p: the exact test with personas as strata; q: the same, adjusted over the tools by
    Benjamini and Hochberg.
    """

    tool: str
    cells: Cells
    a: float
    b: float
    p: float
    q: float

    @property
    def points(self) -> float:
        """B minus A."""
        return self.b - self.a

    @property
    def tied(self) -> bool:
        """Whether the panel has no majority on a side."""
        return 50 in (self.a, self.b)

    @property
    def flipped(self) -> bool:
        """Whether the panel's majority is another one. On a tie there is none."""
        return (self.a - 50) * (self.b - 50) < 0


@dataclass(frozen=True)
class Comparison:
    """Two sets of votes on the tools that both have.

    left_out: tools without a comparable vote, and why. cells_left_out: tool × persona of the tools
    in common where only one side voted. test: sign flips over the tools' differences. holm: the
    p-value that decides in a family of comparisons; None for one of its own. undecided: why it
    decides nothing; "" where it does.
    """

    a: str
    b: str
    tools: tuple[ToolPair, ...]
    left_out: Mapping[str, str]
    cells_left_out: int
    shift: Shift
    test: SignFlip
    expect: Expect | None
    equivalence: Equivalence | None
    holm: Adjusted | None = None
    undecided: str = ""

    @property
    def p(self) -> float:
        """The p-value of sign flips, one-sided where something is expected."""
        if self.expect is None:
            return self.test.p
        return self.test.more if self.expect == "more" else self.test.less

    @property
    def shown(self) -> bool:
        """Whether the difference (the expected one) is shown: p <= 0.05, by Holm in a family."""
        return not self.undecided and (self.holm.p if self.holm else self.p) <= ALPHA

    def left_undecided(self, why: str) -> Comparison:
        """Return the same numbers as no decision. why: one sentence."""
        same = self.equivalence and replace(self.equivalence, decides=False)
        return replace(self, undecided=why, equivalence=same)

    @cached_property
    def cells(self) -> CellTest:
        """The votes by tool × persona."""
        majorities = [
            (a.majority, b.majority) for tool in self.tools for a, b in tool.cells.values()
        ]
        decided = [pair for pair in majorities if None not in pair]
        to_skip, to_ship = decided.count(("ship", "skip")), decided.count(("skip", "ship"))
        tied = len(majorities) - len(decided)
        return CellTest(len(decided), tied, to_skip, to_ship, mcnemar(to_skip, to_ship))

    @property
    def flips(self) -> tuple[ToolPair, ...]:
        """The tools whose majority is another one."""
        return tuple(tool for tool in self.tools if tool.flipped)

    @property
    def sentence(self) -> str:
        """What is shown and what is not, in words that claim no more."""
        word = {"more": "more often", "fewer": "less often"}.get(
            self.expect or "", "more often" if self.shift.points > 0 else "less often"
        )
        if self.undecided:
            return f"Not decided: whether {self.b} and {self.a} differ. {self.undecided}"
        if self.shown:
            said = f"Shown: {self.b} ships {word} than {self.a}"
        elif self.expect:
            said = f"Not shown: that {self.b} ships {word} than {self.a}"
        else:
            said = f"Not shown: that {self.b} and {self.a} differ"
        side = ", one-sided" if self.expect else ""
        said += f" (sign-flip {p_values(self.p, self.holm)}{side})."
        if self.equivalence:
            return f"{said} {self.equivalence.sentence}"
        if not self.shown:
            how = "margin in its [[compare]] table" if self.holm else "--margin POINTS"
            said += f" That is no sign that they are the same: {how} tests that."
        return said


def family(found: Sequence[Comparison], to_come: Sequence[float | None] = ()) -> list[Comparison]:
    """Let the comparisons of one plan be decided together, in the order given.

    Their p-values are adjusted by Holm (1979), those of the differences and those of the margins
    apart: two families, each with 5 % of wrong alarms. to_come: the margins of comparisons that are
    planned and have no votes yet; they count as not shown, so that what is shown now stays shown.
    """
    differ = holm([*(each.p for each in found), *[1.0] * len(to_come)])
    same = [each.equivalence for each in found]
    tests = [each.p for each in same if each is not None and each.p is not None]
    tests += [1.0 for margin in to_come if margin is not None]
    bounded = iter(holm(tests))
    return [
        replace(
            each,
            holm=Adjusted(differ[at], len(differ)),
            equivalence=each.equivalence
            and replace(
                each.equivalence,
                holm=None if each.equivalence.p is None else Adjusted(next(bounded), len(tests)),
            ),
        )
        for at, each in enumerate(found)
    ]


def compare(
    a: Frame, b: Frame, margin: float | None = None, expect: Expect | None = None
) -> Comparison:
    """Compare the votes of two frames, tool by tool.

    margin: in points; asks whether the mean difference is inside it. expect: test one side alone,
    that B ships more (or fewer). Raises UsageError for fewer than six tools in common,
    for a margin that is not above 0, and for a demo model's votes.
    """
    if margin is not None and not 0 < margin <= 100:
        raise UsageError(f"the margin {margin!r} is not between 0 and 100 points.")
    for frame in (a, b):
        frame.refuse_demo()
    sides = _by_tool(a), _by_tool(b)
    common = {
        tool: {
            persona: (one[persona], other[persona]) for persona in sorted(one.keys() & other.keys())
        }
        for tool in sorted(sides[0].keys() & sides[1].keys())
        for one, other in [(sides[0][tool], sides[1][tool])]
        if one.keys() & other.keys()
    }
    left_out = {
        tool: _why(tool, a.source, b.source, sides)
        for tool in sorted({*a.tools, *b.tools} - common.keys())
    }
    if len(common) < FEWEST:
        raise UsageError(_too_few(a, b, len(common)))
    differences = {tool: _difference(cells) for tool, cells in common.items()}
    points = [100 * each for each in differences.values()]
    apart = sum(len(sides[0][tool].keys() ^ sides[1][tool].keys()) for tool in common)
    return Comparison(
        a.source,
        b.source,
        _tools(common),
        left_out,
        apart,
        shift(points),
        sign_flip(list(differences.values())),
        expect,
        None if margin is None else equivalence(points, margin),
    )


def _by_tool(frame: Frame) -> dict[str, dict[str, Tally]]:
    """Return the votes of each persona on each tool, of those that voted."""
    voted = {
        tool: {persona: votes for persona, votes in by.items() if votes.n}
        for tool, by in frame.tallies.items()
    }
    return {tool: by for tool, by in voted.items() if by}


def _tools(common: Mapping[str, Cells]) -> tuple[ToolPair, ...]:
    exact = [
        stratified_exact(*([(votes.ships, votes.n) for votes in side] for side in sides))
        for sides in (tuple(zip(*cells.values(), strict=True)) for cells in common.values())
    ]
    return tuple(
        ToolPair(tool, cells, _percent(cells, 0), _percent(cells, 1), p, q)
        for (tool, cells), p, q in zip(
            common.items(), exact, benjamini_hochberg(exact), strict=True
        )
    )


def _percent(cells: Cells, side: int) -> float:
    return float(100 * _share(cells, side))


def _share(cells: Cells, side: int) -> Fraction:
    votes = [pair[side] for pair in cells.values()]
    return sum((Fraction(each.ships, each.n) for each in votes), Fraction()) / len(votes)


def _difference(cells: Cells) -> float:
    """Return B minus A as a share. A fraction until the end, so that equal ones are equal."""
    return float(_share(cells, 1) - _share(cells, 0))


def _why(tool: str, a: str, b: str, sides: tuple[Mapping[str, object], ...]) -> str:
    missing = [name for name, side in zip((a, b), sides, strict=True) if tool not in side]
    return f"no vote in {' and '.join(missing)}" if missing else "no persona voted on both sides"


def _too_few(a: Frame, b: Frame, n: int) -> str:
    said = f"{a.source!r} and {b.source!r} have votes on {counted(n, 'tool')} in common, "
    said += f"and a comparison takes {FEWEST}"
    if n:
        said += f": with {n} the smallest two-sided p of the sign-flip test is 2/{2**n}"
        said += f" = {2 / 2**n:.3g}, so that nothing could be shown"
    if open_ones := [each for each in (a, b) if each.unasked]:
        names = sorted({each.experiment for each in open_ones})
        left = sum(each.unasked for each in open_ones)
        ask = " and ".join(f"'panel experiment run {name}'" for name in names)
        be = "is" if left == 1 else "are"
        return f"{said}. {left:,} of their cells {be} still to be asked: {ask}."
    return f"{said}. Ask more tools; more repeats do not help."
