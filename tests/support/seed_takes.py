"""Eight takes on the two tools of the seed page, written for tests in words of their own.

TAKES: (tool slug, persona id) → what a model would have returned. Every quote stands word
for word in the tool's description, and no take claims use. One fault is planted on purpose:
the skeptic's take on the Mistral model says that Command R+ is Apache-2.0 licensed, which is
false (its weights are under CC-BY-NC) and which the description does not say.
"""

from __future__ import annotations

from typing import Any

MISTRAL, CODESTRAL = "mistral-8x22b-instruct-v2", "codestral-2-0"
PLANTED = "Command R+, which carries the same Apache 2.0 licence"


def _take(verdict: str, confidence: int, evidence: list[str], **beats: str) -> dict[str, Any]:
    return {"verdict": verdict, "confidence": confidence, "beats": beats, "evidence": evidence}


TAKES: dict[tuple[str, str], dict[str, Any]] = {
    (MISTRAL, "builder"): _take(
        "ship",
        82,
        ["about 39B are active in any one forward pass", "its licence is Apache 2.0"],
        primitive=(
            "A file of weights goes in, text comes out: this is a sparse mixture of experts with "
            "141B parameters, of which some 39B do the work for each token."
        ),
        dx_bet=(
            "Nothing is wrapped around it. The complexity sits in serving the weights, which is "
            "where a team that wants control would rather have it than inside somebody's portal."
        ),
        first_ten_minutes=(
            "The way in is a download from Hugging Face with no form to fill in; what the text "
            "leaves out is any command, so the first minutes depend on a runtime one already has."
        ),
        deciding_detail=(
            "What settles it is the plain Apache 2.0 text rather than a licence of the vendor's "
            "own making: it can be forked, tuned and put to work. That earns a ship."
        ),
    ),
    (MISTRAL, "skeptic"): _take(
        "ship",
        68,
        ["its licence is Apache 2.0", "with no royalty to pay and no additional"],
        field_and_rivals=(
            "It belongs with the large open-weight models. The obvious alternative is "
            f"{PLANTED} but sits a class below it, so the terms alone do not set it apart."
        ),
        breaking_scenario=(
            "A small team with one graphics card is let down first: every one of the 141B "
            "parameters has to be held somewhere, however few of them are active at a time."
        ),
        twelve_month_threat=(
            "The likeliest end is the maker's own next checkpoint, since scores that are only "
            "said to be strong, without a figure, give nobody a reason to stay with this one."
        ),
        mind_changer=(
            "I stand at ship because the licence is a fact that anyone can check. A clause that "
            "limits commercial use, found in the repository, would move me to skip."
        ),
    ),
    (MISTRAL, "futurist"): _take(
        "ship",
        74,
        ["can fetch the weights from", "Commercial use is allowed"],
        thesis=(
            "The bet is that by the end of 2028 most companies that adapt a large model will "
            "start from weights they may keep, and not from an address they may only call."
        ),
        second_order=(
            "If it comes good, the habit of asking a vendor's lawyer before tuning a model goes "
            "away, and small firms with rare material gain more than large ones with budgets."
        ),
        timing=(
            "It rides on the falling price of memory per gigabyte. At 39B active parameters it is "
            "roughly on time: a rented machine can run it, a laptop cannot yet."
        ),
        dependency=(
            "Hardware has to go on getting cheaper, which the maker does not control; if it stops, "
            "141B stays a matter for data centres. The openness makes it a ship all the same."
        ),
    ),
    (MISTRAL, "business-analyst"): _take(
        "ship",
        61,
        ["Entry is free", "free of charge"],
        buyer=(
            "The signature comes from whoever runs infrastructure and has been told by the legal "
            "department that models under bespoke terms are out; the line is compute they pay for."
        ),
        pricing_logic=(
            "The stated price is nothing: entry is free and no royalty follows, so the cost to the "
            "buyer is machines and people, which do grow with the use that is made of it."
        ),
        moat=(
            "Weights under a permissive licence are no moat for the maker. For the buyer that is "
            "the point: what has been tuned on top stays theirs whoever overtakes the vendor."
        ),
        ten_times_cheaper=(
            "If usage cost a tenth, the right to run and change it in-house would still be worth "
            "having, while a metered rival would lose its margin. On those terms it is a ship."
        ),
    ),
    (CODESTRAL, "builder"): _take(
        "ship",
        84,
        ["fill-in-the-middle", "Function calling is native to the model"],
        primitive=(
            "Code before and after the cursor goes in, the missing middle comes out: a 32B model "
            "for one hundred languages, with calls to functions as part of what it was taught."
        ),
        dx_bet=(
            "The maker left the complexity to the editor plugin and the runtime, and offers a "
            "model instead of a product. For people who wire tools together that is right."
        ),
        first_ten_minutes=(
            "Two doors are described, the API on La Plateforme and Ollama on one's own machine, "
            "so the first request needs no conversation with anyone. It survives those minutes."
        ),
        deciding_detail=(
            "Naming a local runtime beside the hosted one is the decision that counts: the same "
            "model serves both, and nothing has to be rewritten to move. That is a ship."
        ),
    ),
    (CODESTRAL, "skeptic"): _take(
        "ship",
        57,
        ["context window of up to 128K", "covers 100 programming languages"],
        field_and_rivals=(
            "It is a coding model with open weights, set by its own text against GPT-4o and Claude "
            "Sonnet, both proprietary, which makes weights that one can hold the real difference."
        ),
        breaking_scenario=(
            "A team that feeds a whole repository into the 128K window finds out that a limit on "
            "length is no promise about what is remembered at the far end of it."
        ),
        twelve_month_threat=(
            "One cause would do: a general open model that completes code as well, because then "
            "nobody keeps a second set of 32B weights around for the editor alone."
        ),
        mind_changer=(
            "Ship, narrowly, on facts that can be checked in an afternoon, such as size, window "
            "and local use. A published count showing weak completion in common languages would "
            "turn me."
        ),
    ),
    (CODESTRAL, "futurist"): _take(
        "ship",
        71,
        ["on one's own machine with Ollama", "There are two ways to use it"],
        thesis=(
            "By 2028, it bets, most code in regulated firms will be completed by models that run "
            "inside the building, since 32B parameters already fit on one good workstation."
        ),
        second_order=(
            "Power then moves from whoever owns the address to whoever owns the runtime and the "
            "editor, and sending source code to a stranger becomes something one must justify."
        ),
        timing=(
            "The trend is memory on ordinary desks, which has grown every year. With one machine "
            "enough and plugins waiting, the timing is on time, a little behind the early ones."
        ),
        dependency=(
            "Editors must keep their plugin points open, which is not in the maker's hands; if "
            "they close, local models lose their seat. They are open today, so it is a ship."
        ),
    ),
    (CODESTRAL, "business-analyst"): _take(
        "ship",
        63,
        ["through the API on La Plateforme", "a cloud setup or a self-hosted one"],
        buyer=(
            "A head of engineering in a regulated firm signs, from the line for developer tools, "
            "and pays so that completion may be used at all where code must not leave."
        ),
        pricing_logic=(
            "Entry is free and a paid route exists beside it, the hosted API; the text gives no "
            "unit or figure for that, so the buyer cannot yet work out the second year."
        ),
        moat=(
            "The weights are no protection. A habit is: plugins configured against one model and "
            "approved by a security officer are seldom taken out for a small gain."
        ),
        ten_times_cheaper=(
            "At a tenth of the price hosting earns little, and what is left is the permission "
            "to run it inside. That is still paid for, in machines, and it is a ship."
        ),
    ),
}
