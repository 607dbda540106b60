"""The section of a report on the comparisons that were registered for its experiment."""

from __future__ import annotations

from collections.abc import Iterator

from panel.research import charts
from panel.research.figures import Figure, ends
from panel.research.outcome import ComparisonOutcome, ExperimentOutcome
from panel.store import figures as queries


def comparisons_section(outcome: ExperimentOutcome) -> Figure | None:
    """Return the figure of all registered comparisons; None where none was registered."""
    if not outcome.comparisons:
        return None
    made = [(_name(each), each.found) for each in outcome.comparisons if each.found]
    drawn = [
        {"label": name, "value": found.shift.points, **ends(found.shift.interval)}
        for name, found in made
    ]
    spans = [found.shift.interval for _name, found in made if found.shift.interval]
    points = [abs(found.shift.points) for _name, found in made]
    reach = max([10.0, *points, *(abs(end) for span in spans for end in (span.low, span.high))])
    return Figure(
        key="comparisons",
        title="The registered comparisons",
        finding=" ".join(_said(outcome)),
        estimates="The difference of two arms’ ship percentages on the tools that both have, in "
        "points: the mean over tools, tools being the sample.",
        n="; ".join(f"{name}: {len(found.tools):,} tools" for name, found in made)
        or "no comparison could be made",
        method="A sign-flip permutation test over tools decides; the interval is Student’s t over "
        "tools. The last p is adjusted over all registered comparisons (Holm 1979).",
        left_out="Tools without a vote of the same persona on both sides; abstentions and errors: "
        + ("; ".join(f"{name}: {len(found.left_out):,} tools" for name, found in made) or "all")
        + ".",
        columns=(
            ("Comparison", "text"),
            ("Difference, points", "points"),
            ("95 % interval", "span"),
            ("Tools", "count"),
            ("p", "number"),
            ("p, adjusted", "number"),
            ("Why not", "text"),
        ),
        rows=tuple(_row(each) for each in outcome.comparisons),
        sql=queries.arms_sql(outcome.experiment.name),
        chart=charts.whiskers(drawn, "difference, points", (-reach, reach)) if drawn else None,
        legend="Diamond: the difference in points. Band: its 95 % interval.",
    )


def _name(each: ComparisonOutcome) -> str:
    return f"{each.registered.b} − {each.registered.a}"


def _said(outcome: ExperimentOutcome) -> Iterator[str]:
    yield from outcome.headline
    for each in outcome.comparisons:
        yield each.sentence


def _row(each: ComparisonOutcome) -> tuple[object, ...]:
    found = each.found
    if found is None:
        return (_name(each), None, None, None, None, None, each.why)
    shift = found.shift
    many = len(found.tools)
    return (_name(each), shift.points, shift.interval, many, found.p, each.adjusted, None)
