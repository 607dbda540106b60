"""The comparison page: two scorecards side by side, one self-contained HTML file.

The numbers come from ``panel.scorecard``. Descriptions and takes are untrusted: the
templates clean every string of control and bidirectional override characters and escape it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from panel.scorecard import Comparison, Take
from panel.site.facts import FactTable
from panel.site.formats import environment
from panel.site.wording import pair_in_words
from panel.text import day, utc


def render_comparison(
    comparison: Comparison,
    generated_at: datetime,
    version: str,
    facts: FactTable | None = None,
) -> str:
    """Return the page as one HTML5 document without scripts or external resources.

    A ``generated_at`` without a time zone is taken as UTC; ``version`` is the panel's. facts: what
    is known of the two tools.
    """
    takes = [line.take for pair in comparison.pairs() for line in pair if line.take]
    page = environment().get_template("comparison.html.j2")
    return page.render(
        comparison=comparison,
        rows=[(one, other, None) for one, other in comparison.pairs()],
        said=pair_in_words(comparison.left, comparison.right),
        difference=difference(comparison),
        facts=facts,
        generated=utc(generated_at),
        asked=_days(takes),
        output_modes=sorted({take.output_mode for take in takes if take.output_mode}),
        stale=any(take.stale for take in takes),
        version=version,
    )


def difference(comparison: Comparison) -> str:
    """Return one sentence on whether the two percentages differ."""
    left, right = comparison.left, comparison.right
    if comparison.demo:
        return (
            "A demo model picked the sentences and nothing was judged, so there is nothing to "
            "compare."
        )
    if comparison.difference is None:
        silent = [card.name for card in (left, right) if not card.result.n]
        return (
            f"There are no votes on the present description of {' or '.join(silent)} yet, so "
            "there is nothing to compare."
        )
    leads = (left.result.ship_percent or 0) >= (right.result.ship_percent or 0)
    ahead, behind = (left, right) if leads else (right, left)
    margin = comparison.difference if leads else comparison.difference.reversed
    points = f"{margin.low:+.0f} to {margin.high:+.0f} points".replace("-", "\N{MINUS SIGN}")
    if not comparison.difference_shown:
        return (
            f"By these votes the panel does not tell these two apart: {ahead.name} minus "
            f"{behind.name} is {points} (Newcombe\u2019s 95 % interval of the difference), "
            "which includes 0."
        )
    return (
        f"The panel prefers {ahead.name} to {behind.name}: the difference is {points} "
        "(Newcombe\u2019s 95 % interval)."
    )


def _days(takes: Iterable[Take]) -> list[str]:
    """Return the first and the last day on which takes were asked for; one if they are equal."""
    days = sorted({day(take.asked_at) for take in takes if take.asked_at})
    return days if len(days) < 2 else [days[0], days[-1]]
