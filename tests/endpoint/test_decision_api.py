"""What an answer of /v1/decisions tells, in any server's form; nothing is told where it is odd."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.endpoint.decision_api import (
    FORMS,
    Decision,
    DecisionForm,
    FormSearch,
    decision_request,
    read_decision,
)
from panel.endpoint.faults import DECISIONS_REFUSED, NO_DECISIONS
from panel.endpoint.probabilities import ShipProbability
from panel.endpoint.responses import RawResponse
from tests.support.decision_servers import openai, sglang, text_of, vllm
from tests.support.mock_endpoint import Answer, completion

MESSAGES = (("system", "You are the Skeptic."), ("user", "Review Anvil."))
Pairs = list[tuple[Any, Any]]


def as_list(pairs: Pairs, **more: Any) -> dict[str, Any]:
    """Return a decision as OpenAI writes it."""
    told = [{"value": name, "probability": value} for name, value in pairs]
    return {"answers": [{"type": "choice", "name": "verdict", "probabilities": told, **more}]}


def as_map(pairs: Pairs, **more: Any) -> dict[str, Any]:
    """Return a decision as SGLang writes it."""
    return {"answers": {"verdict": {"type": "choice", "probabilities": dict(pairs), **more}}}


def through_json(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body as the client reads it from the bytes of an answer."""
    read = RawResponse(0, 200, body=json.dumps(body).encode()).decision()
    assert read is not None
    return read


def told(body: dict[str, Any]) -> ShipProbability:
    found = read_decision(through_json(body)).told
    assert found is not None
    return found


probability = st.floats(0, 1)
forms = st.sampled_from((as_list, as_map))


@given(probability, probability, st.lists(st.text(max_size=9), max_size=3, unique=True), forms)
def test_p_ship_is_the_share_of_ship_in_what_both_words_have(
    ship: float, mass: float, others: list[str], form: Any
) -> None:
    both = [("ship", ship * mass), ("skip", (1 - ship) * mass)]
    extra = [(name, 0.1) for name in others if name not in ("ship", "skip")]
    found = read_decision(through_json(form([*extra, *both])))
    if both[0][1] + both[1][1] == 0:
        assert (found.told, found.reason) == (None, "unreadable")
        return
    assert found.told is not None
    assert 0 <= found.told.p_ship <= 1 and 0 < found.told.mass <= 1
    assert found.told.mass == pytest.approx(mass)
    if mass > 1e-300:
        assert found.told.p_ship == pytest.approx(ship, abs=1e-9)
    assert found.told.source == "decisions"


NO_NUMBER = st.sampled_from(
    [None, True, False, "0.7", "70%", "", [], {}, [0.7], {"p": 0.7}, float("nan"), float("inf")]
)


@given(NO_NUMBER | st.floats(max_value=-1e-9) | st.floats(min_value=1.0001), forms, st.booleans())
def test_what_is_no_number_from_0_to_1_is_not_read(value: Any, form: Any, first: bool) -> None:
    pairs = [("ship", value), ("skip", 0.5)] if first else [("skip", 0.5), ("ship", value)]
    found = read_decision(through_json(form(pairs)))
    assert (found.told, found.reason) == (None, "unreadable")
    assert found.detail is not None and "'ship'" in found.detail


@given(st.sampled_from(("ship", "skip")), probability, forms)
def test_one_word_alone_says_nothing_of_the_other(word: str, value: float, form: Any) -> None:
    found = read_decision(through_json(form([(word, value), ("maybe", 0.2)])))
    other = "skip" if word == "ship" else "ship"
    assert found == Decision(
        None, "unreadable", f"the decision cannot be read: it tells no probability of '{other}'"
    )


@given(st.floats(0.51, 1), st.floats(0.51, 1), forms)
def test_probabilities_that_add_up_to_more_than_1_are_none(
    ship: float, skip: float, form: Any
) -> None:
    found = read_decision(through_json(form([("ship", ship), ("skip", skip)])))
    if ship + skip > 1.01:
        assert found.told is None and "add up to" in str(found.detail)
    else:  # rounding
        assert found.told is not None and found.told.mass == 1.0


def test_a_word_told_twice_is_not_read() -> None:
    found = read_decision(as_list([("ship", 0.5), ("ship", 0.2), ("skip", 0.3)]))
    assert found.reason == "unreadable" and "twice" in str(found.detail)


@pytest.mark.parametrize("answers", [[{"type": "refusal", "name": "verdict"}], [
    {"type": "refusal", "name": None}], {"verdict": {"type": "refusal"}}])  # fmt: skip
def test_a_refusal_is_no_probability(answers: Any) -> None:
    found = read_decision({"answers": answers})
    assert (found.told, found.reason) == (None, "refused")


@pytest.mark.parametrize(
    "answers", [[], {}, [None], [7], [{"name": "other"}], [{}, {}], {"other": {}}, {"verdict": 1}]
)
def test_an_answer_to_no_such_question_is_not_read(answers: Any) -> None:
    assert read_decision({"answers": answers}).reason == "unreadable"


def test_the_answer_is_found_by_its_name_among_others() -> None:
    body = as_list([("ship", 0.9), ("skip", 0.1)])
    other = as_list([("ship", 0.2), ("skip", 0.8)], name="another")
    body["answers"] = [*other["answers"], *body["answers"]]
    assert told(body).p_ship == 0.9
    unnamed = as_list([("ship", 0.3), ("skip", 0.7)], name=None)
    assert told(unnamed).p_ship == 0.3


@given(st.floats(0, 1) | st.sampled_from((None, "x", True, -1, 2, float("nan"))))
def test_the_mass_that_a_server_tells_of_its_labels_is_kept(mass: Any) -> None:
    found = told(as_map([("ship", 0.25), ("skip", 0.75)], label_mass=mass))
    number = isinstance(mass, int | float) and not isinstance(mass, bool) and math.isfinite(mass)
    assert found.p_ship == 0.25
    assert found.mass == (min(max(mass, 0), 1) if number else 1.0)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(-1, 2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("verdict", "type", "name", "probabilities", "value", "ship", "skip")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_nothing_that_a_server_may_write_breaks_the_reading(answers: Any) -> None:
    found = read_decision({"answers": answers})
    assert (found.told is None) == (found.reason is not None)
    assert found.told is None or 0 <= found.told.p_ship <= 1


@pytest.mark.parametrize("wrap", [lambda b: [b], lambda b: {"data": b}, json.dumps])
def test_a_decision_is_found_in_the_envelopes_of_gateways(wrap: Any) -> None:
    body = as_list([("ship", 0.5), ("skip", 0.5)])
    answer = RawResponse(0, 200, body=json.dumps(wrap(body)).encode())
    assert answer.decision() is not None
    assert RawResponse(0, 200, body=json.dumps(completion("x")).encode()).decision() is None


# --- the request ---


@pytest.mark.parametrize("form", FORMS)
def test_every_form_shows_the_messages_as_they_were_sent_and_then_the_take(
    form: DecisionForm,
) -> None:
    body = decision_request(form, "m", MESSAGES, "It has no price.")
    shown = text_of(body)
    places = [shown.index(text) for _role, text in (*MESSAGES, ("", "It has no price."))]
    assert places == sorted(places) and body["model"] == "m"
    [question] = body["questions"]
    assert question["type"] == "choice" and len(body["questions"]) == 1
    if form == "roles":
        assert [each["role"] for each in body["input"]] == ["system", "user", "assistant"]


def search(decide: Any, server: str = "", known: DecisionForm | None = None) -> FormSearch:
    """Ask a server until it takes a form, or is given up."""
    found = FormSearch(known, server)
    for _ in range(4):
        form = found.form
        body = decision_request(form, "m", MESSAGES, "Take.")
        fault = found.judge(raw(decide(0, body)), form)
        if fault is None or fault.action != "degrade":
            return found
    raise AssertionError("it goes on asking")


def raw(answer: Answer) -> RawResponse:
    assert isinstance(answer.body, dict | str)
    text = json.dumps(answer.body) if isinstance(answer.body, dict) else answer.body
    return RawResponse(0, answer.status, body=text.encode())


@pytest.mark.parametrize("server", ["", "vLLM", "SGLang", "OpenAI"])
@pytest.mark.parametrize(
    ("decide", "form"), [(openai, "roles"), (vllm, "text"), (sglang, "options")]
)
def test_the_form_that_a_server_takes_is_found_wherever_the_search_begins(
    decide: Any, form: str, server: str
) -> None:
    found = search(decide(lambda _body: 0.5), server)
    wanted = "text" if (decide, server) == (openai, "vLLM") else form  # it takes both
    assert found.settled and found.form == wanted


@pytest.mark.parametrize(
    ("status", "body", "label"),
    [
        (404, {"detail": "Not Found"}, NO_DECISIONS),
        (405, {"detail": "Method Not Allowed"}, NO_DECISIONS),
        (404, "<html><h1>404</h1></html>", NO_DECISIONS),
        (200, {"error": "Unexpected endpoint or method. (POST /v1/decisions)"}, NO_DECISIONS),
        (200, completion("I would ship it."), NO_DECISIONS),
        (501, {"error": {"message": "no read strategy for this model"}}, DECISIONS_REFUSED),
        (404, {"error": {"message": "The model `m` does not exist"}}, "not_found"),
        (401, {"error": {"message": "bad key"}}, "key_refused"),
    ],
)
def test_what_is_not_there_is_told_by_the_first_answer(status: int, body: Any, label: str) -> None:
    fault = FormSearch().judge(raw(Answer(status, body)), "roles")
    assert fault is not None and (fault.action, fault.label) == ("stop", label)


def test_a_server_that_refuses_every_form_is_quoted_with_its_first_reason() -> None:
    reason = "the answer label 'A' is not one distinct token, so this model is not served here"
    found = FormSearch(server="SGLang")
    answers = [raw(Answer(400, {"message": reason})), *[raw(Answer(422, {"message": "what?"}))] * 2]
    faults = [found.judge(answer, found.form) for answer in answers]
    assert [fault and fault.action for fault in faults] == ["degrade", "degrade", "stop"]
    assert faults[-1] is not None and faults[-1].label == DECISIONS_REFUSED
    assert reason in faults[-1].sentence() and "panel doctor" in faults[-1].sentence()


def test_once_a_form_is_taken_a_refusal_is_of_one_take_alone() -> None:
    found = search(openai(lambda _body: 0.5))
    fault = found.judge(raw(Answer(400, {"message": "odd input"})), found.form)
    assert fault is not None and fault.action == "record"
    remembered = FormSearch("text")
    bad = raw(Answer(400, {"message": "odd input"}))
    actions = [fault.action for _ in range(3) if (fault := remembered.judge(bad, remembered.form))]
    assert actions == ["degrade", "degrade", "record"] and remembered.form == "text"


def test_requests_that_were_under_way_in_one_form_skip_no_other() -> None:
    found, refusal = FormSearch(), raw(Answer(400, {"message": "what?"}))
    for _ in range(3):
        fault = found.judge(refusal, "roles")
        assert fault is not None and (fault.action, found.form) == ("degrade", "text")
    late = raw(Answer(body=as_list([("ship", 0.5), ("skip", 0.5)])))
    assert found.judge(late, "options") is None and found.form == "options"
