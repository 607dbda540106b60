"""Drift: whether the model itself has moved, from canaries and from what the server calls it.

The simulations at the end are what docs/ci.md prints: of panels whose noise is known, how often a
model that has not moved is said to have, and how often one that has is seen. Run with -s to see
the figures.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from panel.cells.answers import Answer
from panel.ci.agreement import MOVED_BELOW, PairVotes, judge
from panel.ci.drift import Drift, find_drift, judge_check
from panel.frozen.canaries import CanaryCheck
from panel.frozen.files import FrozenVerdict
from panel.stats import ShipOrSkip, Tally
from tests.support.frozen_diffs import (
    LONG_AGO,
    PERSONAS,
    Asked,
    Key,
    answer,
    canaries,
    difference,
    published,
    side,
    word,
)
from tests.support.space import ROOT

PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
PAIR = ("anvil", "builder")
OLD = published(answer(take="Before."))
AFTERWARDS = "2026-11-25T09:30:00Z"


def drift(asked: Asked, base: Asked | None = None) -> Drift:
    """Return the drift that is found after these canaries, asked on the head."""
    return difference({PAIR: OLD}, {PAIR: OLD}, base=base, head=asked).drift


# What the canaries say


def test_canaries_that_all_turn_say_that_the_model_moved_and_not_the_tools() -> None:
    found = drift(canaries(*[(1, 1, 0, 1)] * 6))
    assert found.moved is True and found.shut and found.p is not None and found.p < 0.001
    assert found.sentence == (
        "The model moved: 24 of 24 answers, on 6 of 6 canaries, differ from the record; its noise "
        "explains up to 11 (p < 0.001)."
    )


def test_canaries_that_stand_are_no_sign_of_a_move() -> None:
    found = drift(canaries(*[(1, 1, 1, 1)] * 12))
    assert found.p == pytest.approx(1)
    assert (found.moved, found.shut) == (False, False)
    assert found.sentence == (
        "No sign that the model has moved: 0 of 48 answers, on 0 of 12 canaries, differ from the "
        "record; its noise explains up to 19 (p = 1.000)."
    )


def test_canaries_that_are_all_inverted_are_as_plain_a_move_as_those_that_turn_one_way() -> None:
    inverted = drift(canaries(*[(1, 1, 0, 1)] * 6, *[(0, 1, 1, 1)] * 6))
    one_way = drift(canaries(*[(1, 1, 0, 1)] * 12))
    assert inverted.moved is one_way.moved is True and inverted.p == one_way.p


def test_a_noisy_record_explains_more_than_one_that_agrees() -> None:
    """Of five answers on record all agree, or one is against: then as many differ again."""
    steady = drift(canaries(*[(5, 5, 0, 1)] * 3, *[(5, 5, 1, 1)] * 9))
    noisy = drift(canaries(*[(4, 5, 0, 1)] * 3, *[(4, 5, 1, 1)] * 9))
    assert (steady.moved, noisy.moved) == (True, False)


def test_several_answers_of_one_tool_count_for_less_than_as_many_of_several_tools() -> None:
    one = judge([votes(f"t{n // 4}", (5, 5), (int(n >= 12), 1)) for n in range(48)])
    apart = judge([votes(f"t{n % 12}", (5, 5), (int(n >= 12), 1)) for n in range(48)])
    assert one.differ == apart.differ == 12 and one.p == apart.p, "12 tools with 4 answers each"
    few = judge([votes(f"t{n // 16}", (5, 5), (int(n >= 12), 1)) for n in range(48)])
    assert few.p is not None and apart.p is not None and few.p > apart.p


def test_repeats_without_a_majority_are_left_out_and_shown() -> None:
    found = drift(canaries(*[(1, 2, 0, 1)] * 2, *[(1, 1, 1, 1)] * 12))
    assert "0 of 48 answers, on 0 of 14 canaries" in found.sentence
    assert found.canaries and (found.canaries[0].ships, found.canaries[0].n) == (4, 8)


def test_so_few_answers_that_half_of_them_may_be_noise_cannot_tell() -> None:
    found = drift(canaries(*[(1, 1, 0, 1)] * 2, *[(1, 1, 1, 1)] * 3))
    assert (found.moved, found.shut) == (None, False)
    assert found.sentence == (
        "It is not known whether the model has moved: 8 of 20 answers, on 2 of 5 canaries, differ "
        "from the record; its noise explains up to 10 (p = 0.181): too few can tell."
    )
    assert drift(canaries(*[(1, 1, 0, 1)] * 5)).moved is True, "what no noise explains is told"
    assert drift(canaries(*[(5, 5, 5, 5)] * 2)).moved is False, "a record of five tells more"


def test_canaries_without_votes_do_not_count() -> None:
    found = drift(canaries(*[(1, 1, 0, 0)] * 6, *[(0, 0, 1, 1)] * 6))
    assert found.moved is None and found.p is None and found.canaries == ()
    assert "no canary has answers on record" in found.sentence


def test_without_canaries_nothing_is_said_of_the_model() -> None:
    found = difference({PAIR: OLD}, {PAIR: OLD}).drift
    assert (found.moved, found.p, found.canaries) == (None, None, None)
    assert (
        found.sentence == "No canaries were asked, so it is not known whether the model has moved."
    )


def test_canaries_on_file_on_both_sides_were_not_asked_between_them() -> None:
    check = canaries(*[(1, 1, 0, 1)] * 6)
    same = drift(check, base=check)
    assert same.moved is None and same.canaries is None
    later = canaries(*[(1, 1, 1, 1)] * 6, run_id="later", asked_at=AFTERWARDS)
    assert drift(later, base=check).moved is False, "the branch asked after main"
    assert drift(check, base=later).moved is True, "main has moved on since the branch asked"


def checked(asked: Asked, *more: CanaryCheck) -> Drift:
    """Return the drift of a head that holds these checks besides."""
    base = side("main", asked.record)
    head = side("now", asked.record, asked.check, *more)
    verdicts = asked.record.values()
    return find_drift(base, head, verdicts, verdicts)


@pytest.mark.parametrize("model", ["lab/mock-1", "other/model-9"])
@pytest.mark.parametrize("asked_at", [LONG_AGO, AFTERWARDS])
def test_no_other_run_of_canaries_hides_one_that_says_that_the_model_moved(
    model: str, asked_at: str
) -> None:
    moved = canaries(*[(1, 1, 0, 1)] * 6)
    quiet = canaries(
        *[(1, 1, 1, 1)] * 6, run_id="quiet", asked_at=asked_at, model_identity=model
    ).check
    assert checked(moved, quiet) == drift(moved)


def test_an_accepted_run_takes_earlier_ones_of_its_model_along_and_of_no_other() -> None:
    moved = canaries(*[(1, 1, 0, 1)] * 6)
    fields = {"asked_at": AFTERWARDS, "run_id": "accepted", "accepted": True}
    accepted = canaries(*[(1, 1, 0, 1)] * 6, **fields).check
    assert not checked(moved, accepted).shut
    assert checked(moved, accepted.model_copy(update={"model_identity": "other/model-9"})).shut


def test_what_a_run_of_canaries_can_tell_is_told_whatever_others_cannot() -> None:
    stands = canaries(*[(1, 1, 1, 1)] * 12)
    other = canaries((0, 0, 1, 1), run_id="other", asked_at=AFTERWARDS).check
    assert checked(stands, other).moved is False


def test_a_tool_that_was_deleted_since_changes_no_count_of_the_canaries_asked() -> None:
    asked = canaries(*[(1, 1, 1, 1)] * 12)
    before = {PAIR: OLD, ("gone", "builder"): published(answer(tool="gone"))}
    whole = difference(before, before, head=asked).drift
    assert difference(before, {PAIR: OLD}, head=asked).drift == whole
    left = {key: each for key, each in asked.record.items() if key[0] != "canary-00"}
    deleted = difference(asked.record, {}, head=replace(asked, record=left)).drift
    assert deleted.canaries == whole.canaries and deleted.sentence == whole.sentence


def test_a_canary_whose_wording_is_another_than_on_record_is_not_compared() -> None:
    asked = canaries(*[(1, 1, 0, 1)] * 8)
    reworded: dict[Key, FrozenVerdict] = {
        ("canary-00", persona): published(answer(tool="reworded", persona=persona))
        for persona in PERSONAS
    }
    found = difference({}, {}, head=replace(asked, record=asked.record | reworded)).drift
    assert found.canaries is not None
    assert [each.tool for each in found.canaries] == [f"canary-{n:02}" for n in range(1, 8)]


TURNED = [*[(1, 1, 0, 1)] * 3, *[(1, 1, 1, 1)] * 9]  # a quarter of the canaries
STEADY = [(1, 1, 1, 1)] * 12


def asked_daily(*checks: list[tuple[int, int, int, int]]) -> list[Asked]:
    """Return checks of the same canaries, asked on the days before LATER."""
    first = 24 - len(checks)
    return [
        canaries(*votes, run_id=f"run-{day}", asked_at=f"2026-11-{day}T09:30:00Z")
        for day, votes in enumerate(checks, first)
    ]


@pytest.mark.parametrize(
    ("before", "moved"),
    [([], False), ([STEADY] * 4, True), ([TURNED] * 4, False), ([[(1, 1, 0, 1)] * 12] * 4, False)],
    ids=["a single answer", "steady", "turned", "a model that had moved"],
)
def test_earlier_canaries_tell_how_noisy_the_panel_is_unless_they_had_moved(
    before: list[list[tuple[int, int, int, int]]], moved: bool
) -> None:
    """A quarter turns: noise explains that, until the canaries have stood four times."""
    found = difference({}, {}, head=canaries(*TURNED), earlier=asked_daily(*before)).drift
    assert found.moved is moved


# What is accepted


def accepted(asked: Asked, **fields: object) -> Asked:
    return replace(asked, check=asked.check.model_copy(update={"accepted": True, **fields}))


def test_a_move_that_is_accepted_is_told_and_shuts_nothing() -> None:
    found = drift(accepted(canaries(*[(1, 1, 0, 1)] * 6)))
    assert (found.moved, found.accepted, found.shut) == (True, True, False)
    assert found.sentence.endswith("These answers are accepted: later ones are compared with them.")


@pytest.mark.parametrize(("ships", "moved"), [(0, False), (1, True)])
def test_after_an_acceptance_canaries_are_compared_with_what_was_accepted(
    ships: int, moved: bool
) -> None:
    """Half of the canaries turned and were accepted; now they answer so again, or as before."""
    turned = accepted(canaries(*[(5, 5, 0, 1)] * 6, *[(5, 5, 1, 1)] * 6))
    again = canaries(
        *[(5, 5, ships, 1)] * 6, *[(5, 5, 1, 1)] * 6, run_id="later", asked_at=AFTERWARDS
    )
    found = drift(again, base=turned)
    assert (found.moved, found.shut) == (moved, moved)
    assert found.canaries is not None and found.canaries[0].n == 4, "what was accepted, alone"


def test_a_branch_that_asked_before_the_acceptance_is_compared_with_it_too() -> None:
    asked = canaries(*[(1, 1, 0, 1)] * 12)
    later = accepted(canaries(*[(1, 1, 0, 1)] * 12, run_id="later", asked_at=AFTERWARDS))
    assert drift(asked).moved is True
    assert drift(asked, base=later).moved is False


def test_answers_on_file_that_are_newer_than_the_acceptance_are_of_the_new_model_too() -> None:
    old = accepted(canaries(*[(1, 1, 0, 1)] * 12), asked_at=LONG_AGO.replace("03", "02"))
    again = canaries(*[(1, 1, 0, 1)] * 12, run_id="later", asked_at=AFTERWARDS)
    found = drift(again, base=old)
    assert found.canaries is not None and found.canaries[0].n == 8
    assert (found.canaries[0].ships, found.canaries[0].differ) == (4, 0), "a tie tells nothing"


def test_what_was_accepted_of_another_model_is_no_record() -> None:
    other = accepted(canaries(*[(1, 1, 0, 1)] * 12), model_identity="lab/mock-2")
    again = canaries(*[(1, 1, 1, 1)] * 12, run_id="later", asked_at=AFTERWARDS)
    assert drift(again, base=other).moved is False


# What the server calls itself


def test_a_server_that_names_another_model_is_told_and_shuts_the_gate() -> None:
    after = published(answer(take="After.", tool="t2", served=("mock-1-0613", "fp_9")))
    found = difference({PAIR: OLD}, {PAIR: after}).drift
    assert found.served == (["mock-1"], ["mock-1-0613"])
    assert found.sentence.endswith("The server names another model than before.")
    assert found.moved is None and found.shut, "a name is no vote"


def test_another_configuration_alone_is_told_and_shuts_nothing() -> None:
    after = published(answer(take="After.", tool="t2", served=("mock-1", "fp_9")))
    found = difference({PAIR: OLD}, {PAIR: after}).drift
    assert (found.served, found.configured) == (None, (["fp_mock"], ["fp_9"]))
    assert found.sentence.endswith(
        "The server names another configuration than before; alone that is no sign."
    )
    assert found.moved is None and not found.shut


def test_the_canaries_names_count_and_those_accepted_are_known() -> None:
    asked = canaries(*[(1, 1, 1, 1)] * 12, returned_models=("mock-9",))
    assert drift(asked).served == (["mock-1"], ["mock-1", "mock-9"]) and drift(asked).shut
    assert drift(accepted(asked)).served is None
    later = canaries(
        *[(1, 1, 1, 1)] * 12, run_id="later", asked_at=AFTERWARDS, returned_models=("mock-9",)
    )
    assert drift(later, base=accepted(asked)).served is None


def test_names_that_were_known_before_are_no_news() -> None:
    other = ("bellows", "builder")
    before = {PAIR: OLD, other: published(answer(served=("mock-2", None)))}
    after = before | {PAIR: published(answer(take="After.", tool="t2", served=("mock-2", None)))}
    assert difference(before, after).drift.served is None
    assert difference(before, {PAIR: OLD}).drift.served is None


def test_a_server_that_names_nothing_is_told_of_nothing() -> None:
    silent = published(answer(served=(None, None)))
    for before, after in ((OLD, silent), (silent, OLD), (silent, silent)):
        assert difference({PAIR: before}, {PAIR: after}).drift.served is None


def test_another_model_asked_is_an_input_and_no_drift() -> None:
    after = published(answer(take="After.", model="lab/mock-2", served=("mock-2", "fp_2")))
    found = difference({PAIR: OLD}, {PAIR: after}).drift
    assert found.models == (["lab/mock-1"], ["lab/mock-2"])
    assert found.served is None and "another model" not in found.sentence


# Power and false alarms, simulated: the figures of docs/ci.md

TRIALS = 250  # jobs of each kind; a share of 97 % is then known to within 2 points
Rates = Callable[[int], float]  # the share of ships that each persona gives a tool (number)


def votes(tool: str, record: tuple[int, int], again: tuple[int, int]) -> PairVotes:
    """Return the votes (ships, n) of one persona on a tool, on record and again."""
    return PairVotes(tool, *(Tally(ships, n - ships) for ships, n in (record, again)))


def even(differ: float) -> Rates:
    """Return rates of a panel of which two answers to any question differ so often."""
    minority = (1 - (1 - 2 * differ) ** 0.5) / 2  # 2p(1 - p) = differ
    return lambda tool: minority if tool % 2 else 1 - minority


def tossing(tool: int) -> float:
    """Return rates of a panel whose noise is all on every fourth tool: there each tosses a coin."""
    return 0.5 if tool % 4 == 3 else float(tool % 2 == 0)


NOISE: dict[str, Rates] = {
    "5 %": even(0.05),
    "13.6 %": even(0.136),
    "25 %": even(0.25),
    "33 %": even(0.33),
    "12.5 %, by a quarter of the tools": tossing,
}
MOVES: dict[str, Callable[[int], Sequence[int]]] = {  # number of tools → those that are inverted
    "none": lambda _tools: (),
    "a quarter": lambda tools: range(tools // 4),
    "half, one way": lambda tools: range(0, tools, 2),  # all that shipped
    "half, both ways": lambda tools: range(tools // 2),
    "all, inverted": range,
}


def job(draw: random.Random, record: int, rates: Rates, tools: int, moved: Sequence[int]) -> bool:
    """Ask every persona once more about every canary; whether the model is said to have moved."""

    def ask(rate: float, n: int) -> tuple[int, int]:
        return sum(draw.random() < rate for _ in range(n)), n

    pairs = []
    for tool in range(tools):
        rate = rates(tool)
        now = 1 - rate if tool in moved else rate
        pairs += [votes(f"t{tool}", ask(rate, record), ask(now, 1)) for _persona in PERSONAS]
    return judge(pairs).moved is True


def seen(tools: int, record: int, noise: str, move: str) -> float:
    """Return in how many of 100 jobs the model is said to have moved."""
    draw, moved = random.Random(f"{tools}, {record}, {noise}, {move}"), MOVES[move](tools)
    jobs = (job(draw, record, NOISE[noise], tools, moved) for _ in range(TRIALS))
    return 100 * sum(jobs) / TRIALS


TABLE = [(12, record, noise) for noise in NOISE for record in (1, 5)] + [
    (6, record, "13.6 %") for record in (1, 5)
]


@pytest.mark.slow
@pytest.mark.sample(3)
@pytest.mark.parametrize(("tools", "record", "noise"), TABLE)
def test_the_page_says_how_often_a_move_is_seen_and_how_often_a_false_one(
    tools: int, record: int, noise: str
) -> None:
    found = [seen(tools, record, noise, move) for move in MOVES]
    row = " | ".join([str(tools), str(record), noise, *(f"{share:.0f} %" for share in found)])
    print(f"\n| {row} |")
    assert f"| {row} |" in PAGE
    false, _quarter, *half = found
    assert false <= 5 or (noise == "33 %" and record == 1), "more noise than the prior expects"
    if tools == 12 or record > 1:
        assert min(half) >= 90, "a model that turns half of the canaries"


def test_the_page_names_the_bound_and_the_moves_of_the_simulation() -> None:
    assert f"p = {MOVED_BELOW}" in PAGE
    head = " | ".join(["canaries", "on record", "two answers differ", *MOVES])
    assert f"| {head} |" in PAGE


def a_check(day: int, draw: random.Random, rates: Rates, cells: dict[Key, Answer]) -> CanaryCheck:
    """Return what every cell answers on a day."""
    votes: dict[str, dict[str, dict[str, ShipOrSkip]]] = {}
    for number, ((tool, persona), cell) in enumerate(cells.items()):
        rate = rates(number // len(PERSONAS))
        votes.setdefault(tool, {})[persona] = {cell.fingerprint: word(draw.random() < rate)}
    return CanaryCheck(
        run_id=f"run-{day:02}",
        model_identity="lab/mock-1",
        asked_at=f"2026-11-{day:02}T09:30:00Z",
        canaries=votes,
    )


@pytest.mark.slow
def test_false_alarms_stay_rare_while_the_record_grows_by_the_canaries_that_agreed() -> None:
    """Twelve canaries on record once, asked on five days of a model that never moves."""
    draw, rates, alarms, jobs = random.Random(4), NOISE["25 %"], 0, 0
    for _ in range(40):
        cells = {
            (f"t{tool:02}", persona): answer(
                word(draw.random() < rates(tool)), tool=f"t{tool}", persona=persona
            )
            for tool in range(12)
            for persona in PERSONAS
        }
        frozen = side("main", {key: published(cell) for key, cell in cells.items()}).frozen
        checks: list[CanaryCheck] = []
        for day in range(1, 6):
            checks.append(a_check(day, draw, rates, cells))
            alarms += judge_check(checks[-1], checks, frozen).moved is True
            jobs += 1
    print(f"\n{alarms} false alarms in {jobs} jobs")
    assert alarms / jobs <= 0.05
