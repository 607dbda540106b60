"""The probability of "ship": found in whatever tokens a reply comes in, and asked for politely."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.endpoint.probabilities import ShipProbability, mass_told, ship_probability
from tests.support.mock_endpoint import Answer, MockEndpoint, completion, reply_for
from tests.support.runs import rows, run
from tests.support.space import Panel, Space, edit
from tests.support.told_probabilities import FORMS, Said, Top, chat_form, older_form, told

REPLY = (
    '{"evidence": ["“verdict”: skip"], "bet": "Bréf.", "verdict": "%s", "verdict_confidence": 71}'
)


def answer(tokens: list[Said], form: Any = chat_form, text: str | None = None) -> dict[str, Any]:
    body = completion("".join(each.text for each in tokens) if text is None else text)
    body["choices"][0]["logprobs"] = form(tokens)
    return body


def found(tokens: list[Said], verdict: str = "ship", form: Any = chat_form) -> ShipProbability:
    told = ship_probability(answer(tokens, form), verdict)
    assert told is not None
    return told


def at_value(*steps: Top) -> list[Said]:
    """Return a reply whose last tokens were chosen among these, the first of each taken."""
    tokens = [Said('{"verdict": "', 1.0, [('{"verdict": "', 1.0)])]
    return [*tokens, *(Said(*top[0], top) for top in steps), Said('"}', 1.0, [('"}', 1.0)])]


@given(
    st.sampled_from(("ship", "skip")),
    st.sets(st.integers(1, len(REPLY))),
    st.floats(0.001, 0.999),
    st.floats(0.05, 1.0),
    st.sampled_from(sorted(FORMS)),
)
def test_any_split_of_a_reply_into_tokens_gives_the_same_probability(
    verdict: str, cuts: set[int], ship: float, mass: float, form: str
) -> None:
    told_ship = found(told(REPLY % verdict, sorted(cuts), ship, mass), verdict, FORMS[form])
    assert told_ship.p_ship == pytest.approx(ship, abs=1e-9)
    assert told_ship.mass == pytest.approx(mass, abs=1e-9)
    assert told_ship.source == "logprobs"


def test_tokens_that_begin_a_word_count_for_it() -> None:
    tokens = at_value([("ship", 0.5), ("sh", 0.1), ("sk", 0.1), ("skip", 0.2), ("sh ip", 0.1)])
    told_ship = found(tokens)
    assert (told_ship.p_ship, told_ship.mass) == pytest.approx((0.6 / 0.9, 0.9))


def test_a_token_that_leaves_both_words_open_passes_its_share_on() -> None:
    tokens = at_value([("s", 0.6), ("ship", 0.3), ("skip", 0.1)], [("kip", 0.75), ("hip", 0.25)])
    told_ship = found(tokens, "skip")
    assert told_ship.p_ship == pytest.approx(0.3 + 0.6 * 0.25)
    assert told_ship.mass == pytest.approx(1.0)


def test_a_word_listed_together_with_its_quote_counts() -> None:
    first = Said('{"verdict":', 1.0, [('{"verdict":', 1.0)])
    quote = Said(' "', 0.7, [(' "', 0.7), (' "skip', 0.2), ('"ship', 0.1)])
    word = Said("ship", 0.9, [("ship", 0.9), ("skip", 0.1)])
    told_ship = found([first, quote, word, Said('"}', 1.0, [('"}', 1.0)])])
    assert told_ship.p_ship == pytest.approx(0.1 + 0.7 * 0.9)


def test_arguments_inside_a_json_string_are_read_as_well() -> None:
    text = json.dumps({"name": "give_verdict", "arguments": REPLY % "skip"})
    place = text.rindex("skip\\") + 1
    pieces = (text[:place], text[place], text[place + 1 :])
    tokens = [Said(piece, 1.0, [(piece, 1.0)]) for piece in pieces]
    tokens[1] = Said("k", 0.8, [("k", 0.8), ("h", 0.2)])
    assert found(tokens, "skip").p_ship == pytest.approx(0.2)


def test_the_last_verdict_of_a_reply_counts_and_only_if_it_is_the_one_that_was_read() -> None:
    draft = told(REPLY % "skip", range(200), 0.1)
    final = told(REPLY % "ship", range(200), 0.9)
    assert found([*draft, *final]).p_ship == pytest.approx(0.9)
    assert ship_probability(answer([*final, *draft]), "ship") is None


def test_a_word_that_is_not_listed_has_almost_nothing() -> None:
    tokens = at_value([("ship", 0.96), ("so", 0.036), ("x", 0.001)])
    assert found(tokens).p_ship == 1.0


@pytest.mark.parametrize(
    "tokens",
    [
        at_value([("ship", 0.7)]),
        at_value([("ship", 0.7), ("sold", 0.1)]),
        [Said("I would ship it.", 1.0, [("I would ship it.", 1.0)])],
        [],
    ],
    ids=["the chosen token alone", "the other word may have a tenth", "no field", "nothing"],
)
def test_what_the_listed_tokens_cannot_tell_is_not_told(tokens: list[Said]) -> None:
    assert ship_probability(answer(tokens), "ship") is None


@pytest.mark.parametrize(
    "logprobs",
    [
        None, [], "none", {}, {"content": None}, {"content": [None, 3, {}]}, {"content": [{}]},
        {"content": [{"token": 7, "logprob": "x", "bytes": [999], "top_logprobs": {"a": 1}}]},
        {"tokens": ["a"], "token_logprobs": [None], "top_logprobs": [7]},
        {"tokens": ["a"], "token_logprobs": None}, {"content": [{"token": "a", "logprob": 1e999}]},
    ],
)  # fmt: skip
def test_lists_of_another_form_tell_nothing_and_break_nothing(logprobs: Any) -> None:
    body = completion(REPLY % "ship")
    body["choices"][0]["logprobs"] = logprobs
    assert ship_probability(body, "ship") is None
    assert mass_told(body, "verdict", ("ship", "skip")) is None


# --- over a socket ---


def telling(ship: float = 0.8, form: Any = chat_form, **choice: Any) -> Any:
    """Answer as a server that tells probabilities where it is asked for them."""

    def face(_index: int, body: dict[str, Any]) -> Answer:
        made = reply_for(body)
        text = made["choices"][0]["message"]["content"]
        if body.get("logprobs") is True and '"verdict"' in text:
            made["choices"][0]["logprobs"] = form(told(text, range(0, len(text), 3), ship))
        elif body.get("logprobs") is True:
            value = [Said(piece, 1.0, [(piece, 1.0)]) for piece in (text[:-4], text[-4:-2], '"}')]
            value[1] = Said(text[-4:-2], 0.6, [("k7", 0.6), ("q9", 0.4)])
            made["choices"][0]["logprobs"] = form(value)
        made["choices"][0] |= choice
        return Answer(body=made)

    return face


def asked_for(mock: MockEndpoint) -> set[Any]:
    chats = (each["body"] for each in mock.requests if each["path"].endswith("/completions"))
    return {(body.get("logprobs"), body.get("top_logprobs")) for body in chats}


TOLD = "SELECT DISTINCT round(p_ship, 6), round(p_ship_mass, 6), p_ship_source FROM verdicts"


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("form", [chat_form, older_form])
def test_what_doctor_has_seen_is_asked_for_and_stored_beside_each_verdict(
    mocked: Space, mock: MockEndpoint, panel: Panel, form: Any
) -> None:
    mock.face = telling(0.8, form)
    run(mocked)
    assert asked_for(mock) == {(None, None)} and rows(mocked, TOLD) == [(None, None, None)]
    before = rows(mocked, "SELECT DISTINCT fingerprint FROM verdicts ORDER BY ALL")
    seen = panel("doctor", "--json", cwd=mocked.root)
    assert json.loads(seen.out)["logprobs"] == "after the mask"
    mock.requests.clear()
    assert run(mocked).asked == 0, "the question is the same: nothing is asked again"
    assert run(mocked, repeats=2).asked > 0
    assert asked_for(mock) == {(True, 20)}
    assert (0.8, 1.0, "logprobs") in rows(mocked, TOLD)
    after = rows(mocked, "SELECT DISTINCT fingerprint FROM verdicts ORDER BY ALL")
    assert set(before) < set(after)


@pytest.mark.slow
def test_the_setting_stands_over_what_was_seen(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = telling()
    edit(mocked.root / "panel.toml", "[endpoints.mock]\n", "[endpoints.mock]\nlogprobs = true\n")
    run(mocked)
    assert asked_for(mock) == {(True, 20)}
    edit(mocked.root / "panel.toml", "logprobs = true", "logprobs = false")
    mock.requests.clear()
    assert json.loads(panel("doctor", "--json", cwd=mocked.root).out)["logprobs"] == "not told"
    run(mocked, repeats=2)
    assert asked_for(mock) == {(None, None)}


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "error",
    [
        {"message": "This model does not support the 'logprobs' parameter.", "param": "logprobs"},
        {"message": "top_logprobs must be less than or equal to 5", "param": "top_logprobs"},
        {"message": "body.top_logprobs: Input should be less than or equal to 5"},
        {"message": "logprobs: unknown field"},
    ],
)
def test_a_server_that_refuses_them_loses_nothing_and_is_not_asked_again(
    mocked: Space, mock: MockEndpoint, panel: Panel, error: dict[str, str]
) -> None:
    def face(_index: int, body: dict[str, Any]) -> Answer | None:
        return Answer(400, {"error": error}) if {"logprobs", "top_logprobs"} & {*body} else None

    mock.face = face
    edit(mocked.root / "panel.toml", "[endpoints.mock]\n", "[endpoints.mock]\nlogprobs = true\n")
    summary = run(mocked)
    assert (summary.errors, summary.abstains, summary.verdicts) == (0, 0, summary.asked)
    refused = [each for each in mock.requests if each["body"] and "logprobs" in each["body"]]
    assert len(refused) == 1
    assert rows(mocked, "SELECT DISTINCT adapted FROM verdicts") == [
        (["without logprobs", "without top_logprobs"],)
    ]
    mock.requests.clear()
    run(mocked, repeats=2)
    assert asked_for(mock) == {(None, None)}, "it is remembered"
    seen = json.loads(panel("doctor", "--json", cwd=mocked.root).out)
    assert (seen["logprobs"], seen["fault"]) == ("refused", None)


def test_a_server_that_ignores_them_loses_nothing(mocked: Space, mock: MockEndpoint) -> None:
    edit(mocked.root / "panel.toml", "[endpoints.mock]\n", "[endpoints.mock]\nlogprobs = true\n")
    summary = run(mocked)
    assert summary.verdicts == summary.asked > 0
    assert rows(mocked, TOLD) == [(None, None, None)]


def test_a_stream_that_comes_unasked_keeps_its_probabilities(
    mocked: Space, mock: MockEndpoint
) -> None:
    edit(mocked.root / "panel.toml", "[endpoints.mock]\n", "[endpoints.mock]\nlogprobs = true\n")

    def face(_index: int, body: dict[str, Any]) -> Answer:
        text = reply_for(body)["choices"][0]["message"]["content"]
        chunks = [
            {"delta": {"content": each.text}, "logprobs": chat_form([each])}
            for each in told(text, range(0, len(text), 40), 0.25)
        ]
        chunks.append({"delta": {}, "finish_reason": "stop"})
        events = [json.dumps({"choices": [{"index": 0} | chunk]}) for chunk in chunks]
        return Answer(body="".join(f"data: {each}\n\n" for each in events) + "data: [DONE]\n\n")

    mock.face = face
    run(mocked)
    assert rows(mocked, TOLD) == [(0.25, 1.0, "logprobs")]
