"""The figures of a report on known votes: what they say they stand on is what they stand on."""

from __future__ import annotations

import re

import pytest

from panel.research import panel_figures, vote_figures
from panel.research.figures import Figure
from panel.research.frame import Frame, VoteCount, frame_of
from panel.research.page import cell
from panel.research.panels import panel_statistics
from panel.research.table import table_of
from panel.stats import Interval, effective_votes

pytest.importorskip("vl_convert")
# A tool a row, a persona a column: ships of four repeats; "." that it abstained.
ROWS = ["4440", "4441", "4000", "4230", "4013", "4442", "2223", "4100", "4440", "4003", "...."]
ROWS += ["4444", "4000"] * 3


def frame(rows: list[str]) -> Frame:
    """Return the votes of four personas, each on each tool four times."""
    return frame_of(
        "house",
        (
            VoteCount(f"tool-{at:02}", name, "mock/mock-1", "b2:1", "", *counts)
            for at, row in enumerate(rows)
            for name, said in zip(("builder", "seer", "miser", "scout"), row, strict=True)
            for counts in [(0, 0, 4) if said == "." else (int(said), 4 - int(said), 0)]
        ),
    )


def agreement(rows: list[str]) -> Figure:
    [grid] = table_of(frame(rows)).grids()
    return panel_figures.agreement(panel_statistics(grid), "")


def test_the_n_of_agreement_is_that_of_its_method_and_ties_are_counted() -> None:
    found = agreement(ROWS)
    majorities = [[said for said in row if said not in ".2"] for row in ROWS]
    paired = [each for each in majorities if len(each) > 1]
    assert [len(each) for each in majorities].count(1) == 1  # of the seventh tool
    assert found.n == (
        f"{sum(map(len, paired))} majorities on {len(paired)} tools with two or more; 1 more, "
        "which is the only one on its tool, counts in the share of ship and in what AC1 and kappa "
        "take for chance"
    )
    assert f"among all {sum(map(len, majorities))} majorities" in found.finding
    ties = sum(row.count("2") for row in ROWS)
    assert f"{ties} ties of personas’ own answers are no majority; an odd" in found.left_out


def test_effective_votes_can_be_made_again_from_what_is_said_of_them() -> None:
    [row] = [row for row in agreement(ROWS).rows if row[0] == "Effective votes"]
    [grid] = table_of(frame(ROWS)).grids()
    figures = panel_statistics(grid).agreement
    said = re.search(r"k = (\d) personas, rho = ([\d.]+), the mean phi", figures.effective.method)
    assert said and int(said[1]) == 3
    assert row[1] == pytest.approx(effective_votes(3, float(said[2])), abs=2e-3)
    assert [each.persona for each in figures.uncounted] == ["builder"]
    assert "builder adds no vote of its own" in agreement(ROWS).finding
    assert "(15 ship, 0 skip, 1 tied)" in agreement(ROWS).finding


def test_an_odd_number_of_repeats_has_no_ties() -> None:
    odd = [row.replace("2", "1") for row in ROWS]
    assert agreement(odd).left_out.endswith("No persona’s own answers to a tool are tied.")


def test_figures_of_votes_stand_on_the_tools_that_have_votes() -> None:
    votes = frame(ROWS)
    percent, found = vote_figures.ship_percent(votes, ""), vote_figures.persona_map(votes, "")
    assert percent.n == found.n == "256 votes on 16 tools by 4 personas"
    assert "Of 16 tools with a vote" in percent.finding
    assert "of the 15 tools on which two personas or more have a majority" in found.finding
    assert "16 abstentions and 0 errors" in found.left_out
    assert "about asking this panel again" in percent.method


def test_a_column_shows_its_numbers_to_the_same_digits() -> None:
    spans = [Interval(-9.3026, 6.3617), Interval(-30.5, -11.5), Interval(-0.04, 12)]
    assert [cell(span, "shift_span") for span in spans] == [
        "−9.3 to +6.4",
        "−30.5 to −11.5",
        "0.0 to +12.0",
    ]
    assert [cell(value, "p") for value in (0.0002, 0.001, 0.0449, 1.0)] == [
        "< 0.001",
        "0.001",
        "0.045",
        "1.000",
    ]
    assert [cell(value, "mean") for value in (99.4, 1642.0)] == ["99.4", "1,642.0"]
    assert [cell(value, "number") for value in (0.5, 123.0, -0.0001)] == [
        "0.500",
        "123.000",
        "0.000",
    ]


def test_columns_without_a_value_are_not_shown() -> None:
    shown = agreement(ROWS)
    names = [shown.columns[at][0] for at in shown.filled]
    assert names == ["Figure", "Value", "95 % interval", "n", "of"]
    few = agreement(ROWS[:6])
    assert few.columns[few.filled[-1]][0] == "Not estimable, since"
