"""Claims of own use are found; suppositions, denials and other firsts are not."""

from __future__ import annotations

import pytest

from tests.support.check_subjects import found


@pytest.mark.parametrize(
    "text",
    [
        "I noticed a pause when I ran it on our repo.",
        "In my hands the tool kept its promise.",
        "We put it through its paces for a day.",
        "After a weekend with it the flags made sense.",
        "My team's trial showed fewer alarms.",
        "Having used it since May, I trust the output.",
        "I spent a weekend with it.",
        "Our pilot showed a drop in tickets.",
        "During our pilot it never failed.",
        "I kicked the tyres for an hour.",
        "I gave it a spin on a Go project.",
        "I took it for a spin.",
        "We rolled it out to two teams.",
        "On our own repo it flagged nine defects.",
        "My first run returned an empty file.",
        "We saw a third fewer tickets once it was live.",
        "As a daily user of Kiln I miss an undo.",
        "It has been running in our CI since June.",
        "When we switched, the noise stopped.",
        "From using it I can say that the queue holds.",
        "My copy crashed twice.",
        "In practice I found it slow.",
        "In day-to-day use here it holds up.",
        "My own run gave 36%.",
        "We have it in production.",
        "Our engineers trialled it.",
        "I put it to work on a ledger.",
        "My experience with it was smooth.",
        "It handled our invoices without a slip.",
        "I have run Kiln in production for a year.",
        "My colleagues used it on a thesis.",
        "Running it on our repo took four minutes.",
        "I watched it sort a thousand letters.",
        "It felt fast on my phone.",
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
        "I would run it before each commit.",
        "Nobody can test it from here.",
        "I have not used it.",
        "A trial would show it.",
        "Our trial would need a key.",
        "I would put it through its paces first.",
        "A weekend with it would settle the matter.",
        "I count what an afternoon with it would look like.",
        "If I ran it on our repo, the noise would show.",
        "My team would want a trial.",
        "In my hands it would sit unused.",
        "In my book that is a skip.",
        "I spent a while with the description.",
        "I ran through the claims twice.",
        "I took the figure at its word.",
        "When I read the page I found no price.",
        "On our own terms it is fair.",
        "My first question is the licence.",
        "I gave it the benefit of the doubt.",
        "I put it in the same class as a linter.",
        "We are told that pilots took a day.",
        "The pilot it describes lasted a week.",
        "Their engineers tried it on a thousand letters.",
        "A user's first run may fail.",
        "I have used such claims as a test before.",
        "I saw no figure for latency.",
        "My experience with vendor pages says otherwise.",
        "It could handle our invoices.",
        "I found its answer to lock-in convincing.",
        "I cannot run it, so I argue from the text.",
        "I would want to see it on our repo.",
        "Running it on our repo would take minutes.",
        "I hold it against the page.",
        "We read that it took a day to install.",
        "Whoever ran it on a ledger would see.",
        "I looked at it from the buyer's side.",
        "I put the price beside the claim.",
        "I tried to picture the failure.",
        "I have seen such figures before.",
        "My view of it is dim.",
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


@pytest.mark.parametrize(
    "text",
    [
        "In the account I was lent, no query opens.",
        "It went to a staging branch, which we left running.",
        "The review my colleagues screened with it took a week.",
        "This desk served the weights, and the invoice was for hardware.",
        "A fortnight inside the Workspace leaves me where I began.",
        "It has caught a bad reference in a manuscript of mine.",
        "Ours arrived late and left us nothing to connect.",
        "The machine on my desk already finishes such lines.",
        "An interview recorded in my kitchen came back worse.",
        "The bill fell, as it did for us.",
    ],
)
def test_a_fact_in_the_first_person_is_suspected(text: str) -> None:
    assert len(found(text, "first-person-use")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "My team would need a week, and my doubts remain.",
        "I was shown no figure, and I counted three claims.",
        "We read pages, and my verdict rests on this one.",
        "A mail says “my heating is off”, and it is sorted.",
        "A gold mine it is not; the page leaves us to guess.",
        "If our invoices went there, nobody would know.",
    ],
)
def test_reading_judging_and_supposing_are_not_suspected(text: str) -> None:
    assert found(text, "first-person-use") == []
