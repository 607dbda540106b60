"""Claims of own use are found; suppositions, denials and other firsts are not."""

from __future__ import annotations

import pytest

from tests.support.check_subjects import found


@pytest.mark.parametrize(
    "text",
    [
        "I tried it on a small file and it held.",
        "We tested the binary for an afternoon.",
        "I've used Anvilo since March.",
        "I personally ran it against my notes.",
        "When I fed it a scanned report, it stopped.",
        "In my tests it kept up.",
        "In our experience such parsers fail.",
        "From my own testing, rows go missing.",
        "After a week with it, the flags make sense.",
        "After two months of using it, the flags make sense.",
        "I have been running it since spring.",
        "We're using it at the office.",
        "I use it daily and would miss it.",
        "It took me ten minutes to get the first row.",
        "It saved us hours.",
        "It crashed on me twice.",
        "My team switched to it in a day.",
        "I found the output hard to read.",
        "My hands-on hour ended in an error.",
        "It ran without a hitch on my laptop.",
        "We deployed this in a day.",
        "I installed the CLI and was done.",
        "I actually tried the demo.",
        "We had it running before lunch.",
        "I checked it against our own books.",
    ],
)
def test_a_claim_of_own_use_is_an_error(text: str) -> None:
    claims = found(text, "first-person-use")
    assert claims and all(claim.severity == "error" for claim in claims)


@pytest.mark.parametrize(
    "text",
    [
        "I would ship this, and my bar is high.",
        "I have not tried it; I read the page.",
        "I never ran the binary.",
        "We haven't tested any of it.",
        "If I tried it on a ledger, it would stop at six pages.",
        "Before I used it at work I would want the terms.",
        "I tried to find a price and there is none.",
        "I used to think that formats do not matter.",
        "Nobody here has used the tool.",
        "It would take me ten minutes to read the page.",
        "The page gives me no reason to doubt it.",
        "It would run on my laptop, by the stated memory.",
        "I read the table twice and found no method.",
        "A user who tried it would lose a day.",
        "They tested it on 1,200 pages.",
        "I can call this from a script.",
        "We are told that it needs 4 GB.",
        "I weigh the claim as it stands.",
        "Had I run it, I could say more.",
        "I ran out of reasons to object.",
        "I tested the claim against the page and found no gap.",
        "The customer's own tests would show it.",
        "To use it I would need an account.",
        "I checked it against the page.",
        "We had it explained on the page.",
    ],
)
def test_a_look_alike_is_no_claim(text: str) -> None:
    assert found(text, "first-person-use") == []


def test_words_quoted_from_the_description_are_not_the_personas() -> None:
    from tests.support.check_subjects import a_tool

    tool = a_tool(description="Users write: we tested the binary for a year and kept it.")
    text = "The page quotes “we tested the binary for a year” as praise."
    assert found(text, "first-person-use", tool) == []
