"""Noise before alarm: what the publish rule makes of panels whose flip rates are known.

A panel's cells are asked once or a few times, frozen, and wholly asked again though nothing has
changed. "5 % background flips" is read both ways: each answer is the minority's with p = .05,
or two answers to one question differ with p = .05, 2p(1 - p) = .05. Run with -s for the figures.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from itertools import product
from math import comb, sqrt

import pytest

from panel.frozen.rule import is_sure, more_to_ask, publish_rule
from panel.stats import ShipOrSkip, Tally, tally
from tests.support.sizes import size
from tests.support.space import ROOT

TOOLS, PERSONAS, REPEATS = 100, 4, (1, 3, 5, 7)
TRIALS = size(10, 50)  # regenerations of the whole panel, 400 decisions each
WRONG = 0.05
DIFFER = (1 - sqrt(1 - 2 * 0.05)) / 2  # 2p(1 - p) = .05

Draw = Callable[[float, int], Tally]


def drawing(seed: int) -> Draw:
    """Return a source of votes: ``draw(rate, n)`` asks n times what ships at that rate."""
    source = random.Random(seed)

    def draw(rate: float, n: int) -> Tally:
        words = ("ship" if source.random() < rate else "skip" for _ in range(n))
        return tally(("verdict", word) for word in words)

    return draw


def first_published(votes: Tally) -> ShipOrSkip:
    """Publish a first verdict: the majority, or on a tie what either side said."""
    return publish_rule(None, votes).verdict or "ship"


def false_changes(seed: int, wrong: float, first: int, again: int) -> Counter[str]:
    """Regenerate an unchanged panel; count the changes published, and those that are false.

    changed: of all; away: from the verdict that the panel's majority truly holds.
    """
    draw, found = drawing(seed), Counter[str]()
    for _ in range(TRIALS):
        for tool, _persona in product(range(TOOLS), range(PERSONAS)):
            true: ShipOrSkip = "ship" if tool % 2 else "skip"
            rate = 1 - wrong if true == "ship" else wrong
            published = first_published(draw(rate, first))
            decision = publish_rule(published, draw(rate, again))
            found["cells"] += 1
            found["changed"] += decision.verdict != published
            found["away"] += decision.verdict != published == true
            found["contested"] += decision.contested
    return found


@pytest.mark.parametrize("repeats", REPEATS)
@pytest.mark.parametrize("wrong", [WRONG, DIFFER], ids=["each is wrong", "two differ"])
def test_a_full_regeneration_of_what_has_not_changed_publishes_at_most_1_percent_changes(
    wrong: float, repeats: int
) -> None:
    found = false_changes(4, wrong, repeats, repeats)
    share = 100 * found["changed"] / found["cells"]
    print(
        f"\np = {wrong:.4f}, {repeats} repeats: {share:.3f} % of {found['cells']:,} published a "
        f"change, {100 * found['away'] / found['cells']:.3f} % away from the truth; "
        f"{100 * found['contested'] / found['cells']:.2f} % contested"
    )
    assert found["cells"] == TOOLS * PERSONAS * TRIALS
    assert share <= 1


@pytest.mark.parametrize("repeats", REPEATS)
def test_no_true_verdict_is_published_away_however_the_first_was_asked(repeats: int) -> None:
    """One answer on file, and 1, 3, 5 or 7 anew: what CI does after a first plain run."""
    found = false_changes(5, WRONG, 1, repeats)
    print(
        f"\n1 on file, {repeats} anew: {100 * found['changed'] / found['cells']:.2f} % changed, "
        f"{100 * found['away'] / found['cells']:.3f} % away from the truth"
    )
    assert found["away"] / found["cells"] <= 0.01


def test_without_the_rule_the_same_panel_publishes_ten_times_as_much() -> None:
    """Or the bound above would say nothing of the rule."""
    draw, changed, cells = drawing(6), 0, size(4000, 20_000)
    for _ in range(cells):
        changed += draw(1 - WRONG, 1).majority != draw(1 - WRONG, 1).majority
    print(f"\nwithout the rule, 1 repeat: {100 * changed / cells:.2f} % changed")
    assert changed / cells == pytest.approx(2 * WRONG * (1 - WRONG), abs=0.01)
    assert changed / cells > 0.05


@pytest.mark.parametrize(("before", "after"), [(0.9, 0.1), (0.1, 0.9)])
def test_a_true_reversal_is_published_with_7_repeats_in_80_percent_of_trials(
    before: float, after: float
) -> None:
    draw, trials, published = drawing(7), size(2000, 10_000), 0
    for _ in range(trials):
        was = first_published(draw(before, 7))
        now = publish_rule(was, draw(after, 7)).verdict
        published += (was, now) == (("ship", "skip") if before > after else ("skip", "ship"))
    print(f"\n{before} to {after}, 7 repeats: published in {100 * published / trials:.1f} %")
    assert published / trials >= 0.8


@pytest.mark.parametrize("repeats", REPEATS)
def test_what_the_simulation_finds_is_what_the_binomial_says(repeats: int) -> None:
    """The rate at which a reversal is published, worked out from the table of the rule."""
    overturning = {1: None, 3: None, 5: 5, 7: 6}[repeats]  # votes it takes
    exact = sum(
        comb(repeats, k) * 0.9**k * 0.1 ** (repeats - k)
        for k in range(overturning or repeats + 1, repeats + 1)
    )
    draw, trials = drawing(8), 4000
    share = sum(publish_rule("ship", draw(0.1, repeats)).verdict == "skip" for _ in range(trials))
    print(f"\n{repeats} repeats: a reversal is published in {100 * share / trials:.1f} %")
    assert share / trials == pytest.approx(exact, abs=0.03)


Policy = tuple[int, int]  # repeats at first, and at most


def asked(rate: float, policy: Policy, source: random.Random) -> tuple[Tally, int]:
    """Ask a pair that ships at this rate as the policy does; return the votes and the calls."""
    votes, calls, many = Tally(), 0, policy[0]
    while many:
        for _ in range(many):
            votes = votes.plus("verdict", "ship" if source.random() < rate else "skip")
        calls += many
        many = more_to_ask(votes, calls, policy[1])
    return votes, calls


def turned(before: Tally, after: Tally) -> str | None:
    """Return what the diff of a pair says that was published on these votes, and is on those."""
    was = first_published(before)
    now = publish_rule(was, after).verdict
    if now == was:
        return None
    return "flipped" if is_sure(was, before) else "settled"


def shares(
    policy: Policy, before: float, after: float, base: Policy | None = None
) -> tuple[dict[str | None, float], float]:
    """Return the shares of what becomes of pairs whose rate changes, and the calls for one.

    base: how the verdict on file was asked for; as now, if None.
    """
    source, trials, calls, found = random.Random(10), size(3000, 20_000), 0, Counter[str | None]()
    for _ in range(trials):
        old, _calls = asked(before, base or policy, source)
        new, many = asked(after, policy, source)
        calls += many
        found[turned(old, new)] += 1
    return {kind: found[kind] / trials for kind in ("flipped", "settled", None)}, calls / trials


CI = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| (\d+) \| (\d+|–) \| ([\d.]+) \| (\d+) \| (\d+) \| (\d+) % \| (\d+) % \|$", re.MULTILINE
)


@pytest.mark.parametrize("row", ROW.findall(CI), ids=lambda row: "-".join(row[:2]))
def test_calls_false_changes_and_power_are_what_the_page_says(row: tuple[str, ...]) -> None:
    policy = (int(row[0]), int(row[0] if row[1] == "–" else row[1]))
    same, calls = shares(policy, 0.95, 0.95)
    assert calls == pytest.approx(float(row[2]), abs=0.1)
    assert 400 * same["flipped"] == pytest.approx(float(row[3]), abs=0.5)
    single, _calls = shares(policy, 0.95, 0.95, base=(1, 1))
    assert single["flipped"] == 0, "one answer is never sure, so nothing of it can flip"
    assert 400 * single["settled"] == pytest.approx(float(row[4]), abs=4)
    for wrong, percent in ((0.05, row[5]), (0.1, row[6])):
        reversal, _calls = shares(policy, 1 - wrong, wrong)
        assert 100 * reversal["flipped"] == pytest.approx(float(percent), abs=3)


def test_the_page_has_a_row_for_single_answers_a_fixed_number_and_two_bounds() -> None:
    assert [row[:2] for row in ROW.findall(CI)] == [
        ("1", "–"), ("5", "–"), ("4", "7"), ("4", "12")
    ]  # fmt: skip


def test_a_panel_that_is_truly_divided_is_asked_to_the_bound_as_the_page_says() -> None:
    told = re.search(r"is asked ([\d.]+) times up to a bound of 12, and flips in (\d+) %", CI)
    assert told
    found, calls = shares((4, 12), 0.5, 0.5)
    assert calls == pytest.approx(float(told[1]), abs=0.2)
    assert 100 * found["flipped"] == pytest.approx(float(told[2]), abs=1.5)


def test_the_same_seed_gives_the_same_figures() -> None:
    assert false_changes(9, WRONG, 1, 3) == false_changes(9, WRONG, 1, 3)
