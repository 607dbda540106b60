"""A comparison of two sets of votes, in the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from panel.cli.output import Format, percent, print_rows, say
from panel.research.canaries import Split
from panel.research.flips import Noise
from panel.research.paired import Comparison, ToolPair
from panel.research.shifts import Adjusted, Shift
from panel.stats import Interval, Tally, ends
from panel.text import counted

TOLD = 10  # flipped tools whose takes are printed
SHOWN = 40  # tools in the table; of more, only those that flipped or moved
LEAN = "the cells of a tool are not independent"
Takes = Mapping[tuple[str, str, str], str]  # by tool, persona and verdict


def _points(value: float) -> str:
    return f"{round(value, 1) + 0.0:+.1f}"  # no -0.0


def _p(value: float | None) -> str:
    if value is None:
        return "not estimable"
    return f"{value:.4f}" if value >= 0.0001 else "< 0.0001"


def _said(value: float | None) -> str:
    shown = _p(value)
    return f"p {shown}" if value is None or shown.startswith("<") else f"p = {shown}"


def _by_holm(holm: Adjusted | None) -> str:
    if holm is None or holm.of == 1:
        return ""
    return f"; by Holm over {counted(holm.of, 'comparison')} {_said(holm.p)}"


def _span(interval: Interval | None) -> str:
    return f"{_points(interval.low)} to {_points(interval.high)}" if interval else "not estimable"


def _shift(part: Shift) -> str:
    return f"{_points(part.points)} points, 95 % interval {_span(part.interval)}"


def print_comparison(found: Comparison, noise: Noise | None) -> None:
    """Print the difference, what decides, what describes, and the tools."""
    cells = sum(len(tool.cells) for tool in found.tools)
    say(
        f"A {found.a}, B {found.b}: {counted(len(found.tools), 'tool')} in common, "
        f"{counted(cells, 'cell')}."
    )
    for tool, why in found.left_out.items():
        say(f"Left out: {tool}, {why}.")
    if found.cells_left_out:
        say(f"Left out: {counted(found.cells_left_out, 'cell')} where only one side voted.")
    kind = f"one-sided ({found.expect})" if found.expect else "two-sided"
    rows = [
        ("Difference", f"{_shift(found.shift)} (t over tools, n = {found.shift.n})"),
        (
            "Decides",
            f"sign-flip test over tools, exact, {kind}: {_said(found.p)}{_by_holm(found.holm)}",
        ),
    ]
    if same := found.equivalence:
        tested = f"TOST {_said(same.p)}{_by_holm(same.holm)}"
        said = f"{tested}, 90 % interval {_span(same.interval)}"
        rows.append((f"Within ±{same.margin:g}", said))
    test = found.cells
    counts = f"{test.to_ship} to ship, {test.to_skip} to skip, {_said(test.p)}"
    over = f"{test.n:,} of {counted(cells, 'cell')}{_tied(test.tied)}"
    rows += [
        ("Descriptive", f"McNemar over {over}: {counts}; {LEAN}"),
        ("Flips", _flips(found, noise)),
    ]
    for name, said in rows:
        say(f"{name:<12} {said}")
    say("")
    moved = [tool for tool in found.tools if tool.flipped or tool.q <= 0.05]
    shown = found.tools if len(found.tools) <= SHOWN else moved
    print_rows(
        ["tool", "A", "B", "points", "p", "BH q", "flipped"],
        [
            (
                *(t.tool, percent(t.a), percent(t.b), _points(t.points)),
                *(_p(t.p), _p(t.q), "yes" if t.flipped else ""),
            )
            for t in shown
        ],
        Format.TABLE,
    )
    if len(shown) < len(found.tools):
        say(
            f"{counted(len(found.tools) - len(shown), 'more tool')} neither flipped nor moved (BH "
            "q > 0.05)."
        )
    say("")


def _tied(many: int) -> str:
    return f" ({many:,} left out, tied on a side)" if many else ""


def _flips(found: Comparison, noise: Noise | None) -> str:
    tied = sum(tool.tied for tool in found.tools)
    said = (
        f"{len(found.flips)} of "
        f"{counted(len(found.tools) - tied, 'panel majority', 'panel majorities')}{_tied(tied)}"
    )
    if noise is None:
        return f"{said}; expected from noise alone: not estimable with one repeat"
    low, high = noise.tools_range.low, noise.tools_range.high
    # Of all of them: which majorities are tied is drawn anew, too.
    return (
        f"{said}; noise alone makes {noise.tools:.1f} of {len(found.tools):,} "
        f"(95 % {low:.0f} to {high:.0f}), "
        f"by the repeats of {' and '.join(noise.of)}"
    )


def print_split(parts: Split | None, why: str | None) -> None:
    """Print whose change it is, or why that is not estimable."""
    if parts is None:
        say(f"Whose change is it? Not estimable: {why}" if why else "")
        return
    n = len(parts.canaries)
    say(
        f"Whose change is it? {counted(n, 'tool is', 'tools are')} unchanged, "
        f"{counted(parts.changed.n, 'is', 'are')} changed."
    )
    say(f"  unchanged tools show too (the model): {_shift(parts.model)}")
    say(f"  changed tools: {_shift(parts.changed)}")
    say(f"  the rest (the change itself): {_shift(parts.rest)}")
    say(f"  {parts.sentence}")


def print_flips(found: Comparison, takes: Sequence[Takes], names: Mapping[str, str]) -> None:
    """Print the tools whose majority flipped, with a take of each side. names: of personas."""
    for tool in found.flips[:TOLD]:
        say("")
        say(f"{tool.tool}: {percent(tool.a)} → {percent(tool.b)}")
        for each in _changed(tool, takes):
            for side in ("a", "b"):
                say(f"  {names[each['persona']]}, {side.upper()}: {each[side]['verdict'].upper()}")
                say(f"    {each[side]['take']}")
    if len(found.flips) > TOLD:
        say("")
        say(
            f"{counted(len(found.flips) - TOLD, 'more tool')} flipped: --json has the takes of all."
        )
    say("")


def _changed(tool: ToolPair, takes: Sequence[Takes]) -> list[dict[str, Any]]:
    """Return the personas whose majority changed on a tool, with a take of each side."""
    return [
        {"persona": persona}
        | {
            side: {"verdict": word, "take": told.get((tool.tool, persona, word))}
            for side, word, told in zip(
                ("a", "b"), (one.majority, other.majority), takes, strict=True
            )
            if word
        }
        for persona, (one, other) in tool.cells.items()
        if one.majority and other.majority and one.majority != other.majority
    ]


def _part(part: Shift) -> dict[str, Any]:
    return {"n": part.n, "points": part.points, "interval": ends(part.interval)}


def _counts(votes: Tally) -> dict[str, int]:
    return {"ships": votes.ships, "n": votes.n}


def record(
    found: Comparison,
    noise: Noise | None,
    parts: Split | None,
    why: str | None,
    takes: Sequence[Takes],
) -> dict[str, Any]:
    """Return a comparison as plain JSON types."""
    same, test = found.equivalence, found.cells
    return {
        "a": found.a,
        "b": found.b,
        "sentence": found.sentence,
        "n_tools": len(found.tools),
        "left_out": dict(found.left_out),
        "cells_left_out": found.cells_left_out,
        "difference": _part(found.shift)
        | {"unit": "points, B minus A", "method": "Student's t over tools, n - 1 df"},
        "decision": {
            "method": "sign-flip permutation over tools, exact",
            "expect": found.expect,
            "p": found.p,
            "p_two_sided": found.test.p,
            "p_holm": found.holm and found.holm.p,
            "comparisons": found.holm.of if found.holm else 1,
            "shown": found.shown,
        },
        "equivalence": same
        and {
            "method": "two one-sided t tests over tools",
            "margin": same.margin,
            "p": same.p,
            "p_holm": same.holm and same.holm.p,
            "comparisons": same.holm.of if same.holm else 1,
            "interval_90": ends(same.interval),
            "shown": same.shown,
        },
        "descriptive": {
            "method": "McNemar exact over tool × persona majorities; cells are not independent",
            "n": test.n,
            "tied": test.tied,
            "to_ship": test.to_ship,
            "to_skip": test.to_skip,
            "p": test.p,
        },
        "flips": len(found.flips),
        "flips_of": sum(not tool.tied for tool in found.tools),
        "flips_from_noise": noise
        and {
            "tools": noise.tools,
            "tools_range": ends(noise.tools_range),
            "cells": noise.cells,
            "cells_range": ends(noise.cells_range),
            "of": list(noise.of),
        },
        "whose_change": parts
        and {
            "canaries": list(parts.canaries),
            "model": _part(parts.model),
            "changed": _part(parts.changed),
            "rest": _part(parts.rest),
            "sentence": parts.sentence,
        },
        "whose_change_not_estimable": why,
        "tools": [
            {
                "tool": tool.tool,
                "a_percent": tool.a,
                "b_percent": tool.b,
                "points": tool.points,
                "p": tool.p,
                "q": tool.q,
                "flipped": tool.flipped,
                "personas": {
                    who: {"a": _counts(one), "b": _counts(other)}
                    for who, (one, other) in tool.cells.items()
                },
                "changed": _changed(tool, takes) if tool.flipped else [],
            }
            for tool in found.tools
        ],
    }
