"""Attribution and diversity of takes, on texts whose authors are planted."""

from __future__ import annotations

import random
from importlib.util import find_spec

import pytest

from panel.research.attribution import (
    FEWEST_TAKES,
    MOST_TAKES,
    attribute,
    logistic,
    sample_of_tools,
    why_no_attribution,
)
from panel.research.takes import Take, diversity, masked, similarities, stems, vendi
from tests.support.reference import EXACT, REFERENCE
from tests.support.sizes import size

numpy = pytest.importorskip("numpy")
pytestmark = pytest.mark.skipif(not find_spec("sklearn"), reason="scikit-learn is not installed")
WORDS = [a + b + c for a in "bdfgklmnprst" for b in "aeiou" for c in ("n", "st", "rk", "ll", "m")]
PERSONAS = ("builder", "futurist", "skeptic", "trader")


def take(tool: int, persona: str, share: float, many: int = 60) -> Take:
    """Return a take of which this share of words is of the persona's own, the rest anybody's."""
    rng = random.Random(f"{tool} {persona}")
    own = random.Random(persona).sample(WORDS, 30)
    text = " ".join(rng.choice(own if rng.random() < share else WORDS) for _ in range(many))
    return Take(f"tool-{tool:03}", persona, "m", text)


def takes(tools: int, share: float, many: int = 60) -> list[Take]:
    return [take(tool, persona, share, many) for tool in range(tools) for persona in PERSONAS]


# --- attribution ------------------------------------------------------------------------


@pytest.mark.slow
def test_personas_with_words_of_their_own_are_told_apart() -> None:
    found = attribute(takes(25, 0.4), permutations=99)
    assert found.n == 100 and found.accuracy > 0.9
    assert found.interval.low > 80 and found.p == pytest.approx(0.01)
    assert found.chance == 0.25
    assert sum(found.confusion[who][who] for who in PERSONAS) == found.correct
    assert [sum(row.values()) for row in found.confusion.values()] == [25] * 4


@pytest.mark.slow
def test_personas_that_write_alike_are_told_apart_as_often_as_by_chance() -> None:
    ps = [attribute(_shuffled(seed), permutations=39).p for seed in range(size(12, 60))]
    assert 0.2 < sum(ps) / len(ps) < 0.8, "p is spread over 0 to 1 where there is nothing"
    assert sum(p <= 0.05 for p in ps) <= len(ps) / 5


def _shuffled(seed: int) -> list[Take]:
    rng = random.Random(seed)
    return [
        Take(f"tool-{tool}", who, "m", " ".join(rng.choice(WORDS) for _ in range(30)))
        for tool in range(20)
        for who in PERSONAS
    ]


def test_words_of_the_tool_tell_nothing_since_it_is_split_by_tool() -> None:
    """Every take names its tool and its own number: only a split by tool gives chance."""
    rng = random.Random(1)
    told = [
        Take(f"t{tool}", who, "m", f"tool{tool} " * 20 + " ".join(rng.sample(WORDS, 20)))
        for tool in range(25)
        for who in PERSONAS
    ]
    assert attribute(told, permutations=19).accuracy < 0.45


def test_masked_takes_are_told_apart_by_what_the_prompt_does_not_dictate() -> None:
    dictated = stems(word for who in PERSONAS for word in random.Random(who).sample(WORDS, 30))

    def hide(text: str) -> str:
        return masked(text, dictated)

    told = takes(25, 0.5)
    assert attribute(told, permutations=19).accuracy > 0.95
    found = attribute(told, hide, permutations=39)
    assert found.accuracy < 0.7, "of their words only those that anybody uses are left"


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (takes(9, 0.5), "9 tools are fewer than 10"),
        (takes(19, 0.5), f"76 takes with words are fewer than {FEWEST_TAKES}"),
        ([take(tool, "builder", 0.5) for tool in range(90)], "only one persona"),
    ],
)
def test_what_is_too_little_is_refused_with_the_reason(found: list[Take], told: str) -> None:
    assert told in str(why_no_attribution(found))


def test_takes_of_which_the_mask_leaves_nothing_are_no_takes() -> None:
    assert why_no_attribution(takes(25, 0.5)) is None
    assert "0 takes with words" in str(why_no_attribution(takes(25, 0.5), lambda _text: " . "))


def test_the_fit_of_many_labellings_at_once_is_sklearns_of_each() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = numpy.random.default_rng(3)
    vectors, labels = rng.normal(size=(60, 30)) / 4, rng.integers(0, 3, (4, 60))
    weights = logistic(vectors @ vectors.T, labels, 3).reshape(60, 3, 4)
    for row in range(4):
        ours = (vectors.T @ weights[:, :, row]).T
        model = linear.LogisticRegression(fit_intercept=False, tol=1e-8, max_iter=1000)
        theirs = model.fit(vectors, labels[row]).coef_
        assert ours - ours.mean(0) == pytest.approx(theirs - theirs.mean(0), abs=2e-3)


def test_of_too_many_takes_whole_tools_are_drawn() -> None:
    many = [Take(f"t{tool}", who, "m", "x") for tool in range(400) for who in PERSONAS]
    drawn = sample_of_tools(many)
    assert len(drawn) == MOST_TAKES and len({each.tool for each in drawn}) == MOST_TAKES / 4
    assert sample_of_tools(many[:80]) == many[:80]


# --- diversity --------------------------------------------------------------------------


def test_vendi_equals_the_reference() -> None:
    known = REFERENCE["diversity"]
    assert vendi(known["vendi_kernel"]) == pytest.approx(known["vendi"], abs=EXACT)


def test_vendi_counts_items_that_differ() -> None:
    assert vendi(numpy.eye(7)) == pytest.approx(7)
    assert vendi(numpy.ones((7, 7))) == pytest.approx(1)
    alike = similarities(["one two three", "one two three", "four five six", "seven eight"])
    assert vendi(alike) == pytest.approx(2.828427)  # shares of 1/2, 1/4 and 1/4


def test_a_persona_that_repeats_itself_is_less_diverse_in_every_figure() -> None:
    told = [
        Take(each.tool, each.persona, "m", f"what kills this in twelve months is {each.text}")
        if each.persona == "skeptic"
        else each
        for each in takes(20, 0, many=30)
    ]
    found = diversity(told)
    assert not isinstance(found, str)
    worst = next(each for each in found if each.persona == "skeptic")
    for other in (each for each in found if each is not worst):
        assert (worst.n, worst.words) == (other.n, other.words) == (20, 30)
        assert worst.self_bleu > other.self_bleu and worst.compression > other.compression  # type: ignore[operator]
        assert worst.vendi < other.vendi and worst.distinct_2 < other.distinct_2  # type: ignore[operator]
        assert worst.repeated == pytest.approx(7 / 30) and other.repeated == 0
    assert (worst.opening, worst.opening_share) == ("what kills this in", 1)


def test_personas_are_compared_at_one_length_and_number() -> None:
    """One writes twice as long and twice as often, and is none the more repetitive for it."""
    short = [take(tool, "builder", 0, many=40) for tool in range(20)]
    long = [take(tool, "skeptic", 0, many=80) for tool in range(40)]
    found = diversity([*short, *long])
    assert not isinstance(found, str)
    assert {(each.n, each.words) for each in found} == {(20, 40)}
    assert [each.takes for each in found] == [20, 40]
    one, other = (each.compression for each in found)
    assert one == pytest.approx(other, rel=0.1)


def test_too_few_takes_say_whose_they_are() -> None:
    told = diversity([*takes(12, 0), *(take(tool, "late", 0) for tool in range(3))])
    assert told == "late has 3 takes of 60 words, fewer than 10"
