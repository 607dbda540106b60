"""The patterns of the checks: quick on any text, and quick in the right places."""

from __future__ import annotations

import importlib
import pkgutil
import random
from collections.abc import Iterator

import pytest

import panel.checks
from panel.checks.words import Wanted
from tests.support.labelled_takes import HALVES, takes
from tests.support.patterns import held

PIECES = (
    *(
        "I ",
        "we ",
        "I've ",
        "My team ",
        "tried it ",
        "ran Tool ",
        "in our tests ",
        "on my laptop. ",
    ),
    *("a week with it ", "3 weeks of use ", "12 ", "3.5 ", "128,000 ", "1.2.3 ", "twenty-five "),
    *("two hundred and fifty ", "a third ", "third ", "third-party ", "a million ", "USD 5 "),
    *("31st May 2026 ", "Sept. 2026 ", "2026-05-31 ", "70B ", "8x22B ", "GPT-4 ", "5 % ", "x5 "),
    *("no ", "not ", "nothing like ", "SAML, ", "does not ", "say ", "missing ", "if ", "would "),
    *("still move ", "they'd ", "lacks ", "game-changer ", "win-wins ", "at the  end of the day "),
    *(
        "\u0130t ",
        "\u017fix ",
        "ONE ",
        "\u212ailo ",
        "one_two ",
        "\u2013 ",
        ". ",
        ", ",
        "\n\n",
        "USD5 ",
    ),
    *("took me five minutes ", "crashed for us ", "hands-on time ", "saved us an hour "),
)


def wanted() -> Iterator[tuple[str, Wanted]]:
    """Yield what the modules of checks/ look up by its words, in tuples, lists and dicts too."""
    for module in pkgutil.iter_modules(panel.checks.__path__):
        for name, value in vars(importlib.import_module(f"panel.checks.{module.name}")).items():
            yield from held(f"{module.name}.{name}", value, Wanted)


def texts() -> list[str]:
    """Return the labelled takes, and many texts of odd pieces; none with a sign of money."""
    pick = random.Random(4)
    odd = ["".join(pick.choices(PIECES, k=12)) for _ in range(300)]
    real = [one.subject.text for half in HALVES for one in takes(half)]
    return [text.replace("$", "").replace("€", "") for text in (*real, *odd)]


@pytest.mark.parametrize(("name", "wanted"), [*wanted()])
def test_a_pattern_begins_with_the_words_it_is_looked_up_by_and_with_no_other(
    name: str, wanted: Wanted
) -> None:
    """Where its words stand, it finds what it would find anywhere."""
    for text in texts():
        found = [match.span() for match in wanted.finditer(text)]
        assert found == [match.span() for match in wanted.pattern.finditer(text)], (name, text)
