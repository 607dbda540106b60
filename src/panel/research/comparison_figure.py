"""The section of a report on the comparisons that were registered for its experiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from panel.research import charts
from panel.research.figures import Column, Figure, ends
from panel.research.outcome import ComparisonOutcome, ExperimentOutcome
from panel.research.paired import Comparison
from panel.store import figures as queries
from panel.text import counted

COLUMNS: tuple[Column, ...] = (
    ("Comparison", "text"),
    ("Difference, points", "shift"),
    ("95 % interval", "shift_span"),
    ("Tools", "count"),
    ("p", "p"),
    ("p, adjusted", "p"),
    ("Margin, ± points", "points"),
    ("90 % interval", "shift_span"),
    ("p, unchanged", "p"),
    ("that, adjusted", "p"),
    ("Not decided, since", "text"),
)
UNDECIDED = "Question mark: not decided. "
BOUNDED = (
    "Line: its 90 % interval. Field around 0: the margin; “unchanged” takes a line that keeps to "
    "it."
)


def comparisons_section(outcome: ExperimentOutcome) -> Figure | None:
    """Return the figure of all registered comparisons; None where none was registered."""
    if not outcome.comparisons:
        return None
    made = [(_name(each), each.found) for each in outcome.comparisons if each.found]
    drawn = [_drawn(each, each.found) for each in outcome.comparisons if each.found]
    far = [abs(row[name] or 0) for row in drawn for name in ("value", "low", "high", "margin")]
    reach = max([10.0, *far])
    return Figure(
        key="comparisons",
        title="The registered comparisons",
        finding=" ".join(outcome.headline),
        more=tuple(each.sentence for each in outcome.comparisons),
        estimates="The difference of two arms’ ship percentages on the tools that both have, in "
        "points: the mean over tools, tools being the sample.",
        n="; ".join(f"{name}: {counted(len(found.tools), 'tool')}" for name, found in made)
        or "no comparison could be made",
        method="A sign-flip permutation test over tools (p); the 95 % interval is Student’s t over "
        "tools. “p, unchanged” is of two one-sided t tests (Schuirmann 1987) that the difference "
        "lies within the margin, as the 90 % interval then does. Of several comparisons the "
        "adjusted p decides (Holm 1979), of differences and of margins apart; no interval is "
        "adjusted.",
        left_out="Abstentions and errors; tools without a vote of the same persona on both sides: "
        f"{_left_out(made)}.",
        columns=COLUMNS,
        rows=tuple(_row(each) for each in outcome.comparisons),
        sql=queries.arms_sql(outcome.experiment.name),
        chart=charts.whiskers(drawn, "difference, points", (-reach, reach)) if drawn else None,
        legend="Diamond: the difference in points. Band: its 95 % interval. "
        f"{UNDECIDED if any(found.undecided for _name, found in made) else ''}"
        + (BOUNDED if any(row["margin"] for row in drawn) else ""),
    )


def _left_out(made: Sequence[tuple[str, Comparison]]) -> str:
    many = [(name, len(found.left_out)) for name, found in made if found.left_out]
    return "; ".join(f"{name}: {counted(n, 'tool')}" for name, n in many) or "none"


def _name(each: ComparisonOutcome) -> str:
    return f"{each.registered.b} − {each.registered.a}"


def _drawn(each: ComparisonOutcome, found: Comparison) -> dict[str, Any]:
    same = found.equivalence
    inner = ends(same.interval if same else None)
    return {
        "label": f"{_name(each)}{' ?' if found.undecided else ''}",
        "value": found.shift.points,
        **ends(found.shift.interval),
        "margin": same.margin if same else None,
        "inner_low": inner["low"],
        "inner_high": inner["high"],
    }


def _row(each: ComparisonOutcome) -> tuple[object, ...]:
    found, margin = each.found, each.registered.margin
    if found is None:
        return (_name(each), *[None] * 5, margin, None, None, None, each.why)
    shift, same = found.shift, found.equivalence
    tested = (same.interval, same.p, same.holm and same.holm.p) if same else (None, None, None)
    decided = (len(found.tools), found.p, each.adjusted)
    why = found.undecided or None
    return (_name(each), shift.points, shift.interval, *decided, margin, *tested, why)
