"""The ways to ask for structured output: their order, their requests, what is remembered."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.endpoint.output_modes import (
    NEEDED,
    OUTPUT_MODES,
    OutputMode,
    RequestProfile,
    optional_fields,
    plain_fields,
)
from panel.workspace.endpoints import Endpoint

ENDPOINT = Endpoint("mock", None, "http://localhost:9/v1", "mock-1")
MESSAGES = (("system", "Rules."), ("user", "Question."))
SCHEMA = {"type": "object", "properties": {"take": {"type": "string"}}}


def request(
    shape: RequestProfile, output_mode: OutputMode, endpoint: Endpoint = ENDPOINT, **fields: Any
) -> Any:
    return shape.request(endpoint, MESSAGES, SCHEMA, fields, output_mode)


def form(shape: RequestProfile, output_mode: OutputMode) -> Any:
    body = request(shape, output_mode)
    return {name: body[name] for name in body.keys() - {"model", "messages", "stream"}}


def test_no_field_is_written_over_by_another() -> None:
    shape = RequestProfile(renamed={"trace": "messages", "label": "model"})
    body = request(shape, "json_schema", trace=["Ship it."], label="cheap", max_tokens=5)
    assert (body["model"], body["max_tokens"]) == ("mock-1", 5)
    assert [part["content"] for part in body["messages"]] == ["Rules.", "Question."]


# --- the way down ---


@pytest.mark.parametrize("native", [None, "TGI", "vLLM", "llama.cpp"])
def test_the_way_down_leaves_out_a_form_that_the_server_has_not(native: str | None) -> None:
    shape = RequestProfile(native=native)
    seen: list[str] = [shape.output_mode]
    while shape.output_mode != "prompted":
        shape.output_mode = shape.weaker_mode("no")
        seen.append(shape.output_mode)
    assert seen == [
        output_mode for output_mode in OUTPUT_MODES if output_mode != "native" or native
    ]
    assert shape.weaker_mode() == "prompted"


@pytest.mark.parametrize(
    ("said", "native"),
    [
        ("Failed to parse: response_format: missing field `value` at line 1", "TGI"),
        ("response_format type must be one of 'text' or 'json_object'", "llama.cpp"),
        ("json_schema is not supported", None),
    ],
)
def test_a_refusal_may_tell_which_form_a_server_has(said: str, native: str | None) -> None:
    shape = RequestProfile()
    assert shape.weaker_mode(said) == ("native" if native else "tool")
    assert shape.native == native


def test_a_cell_may_ask_in_a_weaker_mode_by_itself() -> None:
    shape = RequestProfile()
    assert shape.weaker_mode(below="tool") == "json_object"
    assert shape.output_mode == "json_schema"


# --- the requests ---


def test_every_output_mode_asks_in_its_own_way() -> None:
    shape = RequestProfile()
    named = {"name": "verdict", "strict": True, "schema": SCHEMA}
    assert form(shape, "json_schema") == {
        "response_format": {"type": "json_schema", "json_schema": named}
    }
    assert form(shape, "json_object") == {"response_format": {"type": "json_object"}}
    assert form(shape, "prompted") == {}
    tool = form(shape, "tool")
    assert tool["tool_choice"] == "required"  # the string: several servers refuse the object
    [offered] = tool["tools"]
    assert (offered["type"], offered["function"]["parameters"]) == ("function", SCHEMA)
    assert tool.keys() == {"tools", "tool_choice"}


@pytest.mark.parametrize(
    ("native", "wanted"),
    [
        ("TGI", {"response_format": {"type": "json", "value": SCHEMA}}),
        ("vLLM", {"structured_outputs": {"json": SCHEMA}}),
        ("llama.cpp", {"response_format": {"type": "json_object", "schema": SCHEMA}}),
    ],
)
def test_the_native_form_is_that_of_the_server(native: str, wanted: dict[str, Any]) -> None:
    assert form(RequestProfile(native=native), "native") == wanted


def test_a_request_carries_model_messages_and_fields() -> None:
    body = request(RequestProfile(), "prompted", temperature=0.7, max_tokens=10)
    assert body == {
        "model": "mock-1",
        "messages": [
            {"role": "system", "content": "Rules."},
            {"role": "user", "content": "Question."},
        ],
        "stream": False,
        "temperature": 0.7,
        "max_tokens": 10,
    }


def test_openrouter_is_told_to_choose_only_who_knows_the_form() -> None:
    router = replace(ENDPOINT, preset="openrouter")
    for output_mode in OUTPUT_MODES[:-1]:
        body = request(
            RequestProfile(native="vLLM"), output_mode, router, provider={"order": ["a"]}
        )
        assert body["provider"] == {"order": ["a"], "require_parameters": True}
    assert "provider" not in request(RequestProfile(), "prompted", router)
    assert "provider" not in request(RequestProfile(), "json_schema")


def test_the_settings_own_provider_table_is_left_as_it_is() -> None:
    """Or a request would differ from what its fingerprint was made of."""
    own = {"order": ["a"]}
    request(RequestProfile(), "tool", replace(ENDPOINT, preset="openrouter"), provider=own)
    assert own == {"order": ["a"]}


@pytest.mark.parametrize("output_mode", OUTPUT_MODES)
def test_what_a_request_cannot_do_without_is_not_optional(output_mode: OutputMode) -> None:
    for native in ("TGI", "vLLM", "llama.cpp"):
        body = request(RequestProfile(native=native), output_mode, temperature=1, min_p=0.1)
        assert optional_fields(body) == {"temperature", "min_p", "stream"}


def test_no_stream_is_asked_for_unless_the_settings_do() -> None:
    """Some gateways stream where nothing is said; the fingerprint knows nothing of it."""
    assert request(RequestProfile(), "prompted")["stream"] is False
    assert request(RequestProfile(), "prompted", stream=True)["stream"] is True
    assert "stream" not in request(RequestProfile(without={"stream"}), "prompted")


# --- what is learned ---


def test_a_refused_field_gets_its_other_name_then_goes() -> None:
    shape = RequestProfile()
    shape.drop("max_tokens")
    assert request(shape, "prompted", max_tokens=9)["max_completion_tokens"] == 9
    assert shape.adapted() == ("max_tokens sent as max_completion_tokens",)
    shape.drop("max_completion_tokens")
    body = request(shape, "prompted", max_tokens=9, temperature=1)
    assert body.keys() == {"model", "messages", "stream", "temperature"}
    assert (shape.without, shape.renamed) == ({"max_tokens"}, {})
    assert shape.adapted() == ("without max_tokens",)


@pytest.mark.parametrize(
    ("field", "other"),
    [("seed", "random_seed"), ("max_completion_tokens", "max_tokens")],
)
def test_other_names_are_tried_in_both_directions(field: str, other: str) -> None:
    shape = RequestProfile()
    shape.drop(field)
    body = request(shape, "prompted", **{field: 5})
    assert body[other] == 5 and field not in body


def test_a_field_without_another_name_goes_at_once() -> None:
    shape = RequestProfile()
    shape.drop("temperature")
    shape.drop("temperature")
    assert shape.without == {"temperature"}
    assert "temperature" not in request(shape, "prompted", temperature=1)


def test_dropping_comes_to_an_end() -> None:
    """Whatever a server refuses of what it is sent, in the end nothing is left to refuse."""
    shape, fields = RequestProfile(), {"max_tokens": 1, "seed": 2, "temperature": 3, "min_p": 4}
    for _ in range(2 * len(fields)):
        left = sorted(optional_fields(request(shape, "prompted", **fields)))
        if not left:
            break
        shape.drop(left[0])
    assert not optional_fields(request(shape, "prompted", **fields))


def test_a_merged_system_message_heads_the_first_question() -> None:
    shape = RequestProfile(merge_system=True)
    examples = (("user", "Example?"), ("assistant", "{}"))
    plain = (("system", "Rules."), ("user", "Question."))
    assert shape.shown(plain) == (("user", "Rules.\n\nQuestion."),)
    assert shape.shown((plain[0], *examples, plain[1])) == (
        ("user", "Rules.\n\nExample?"),
        ("assistant", "{}"),
        ("user", "Question."),
    )
    assert shape.shown((plain[0],)) == (("user", "Rules."),)
    assert shape.shown((plain[0], ("assistant", "x"))) == (
        ("user", "Rules."),
        ("assistant", "x"),
    )
    assert shape.shown(()) == ()
    assert shape.shown(shape.shown(plain)) == shape.shown(plain)
    assert shape.adapted() == ("system merged into user",)
    assert RequestProfile().shown(plain) is plain


Names = st.text(max_size=12).filter(lambda name: name not in NEEDED)
Shapes = st.builds(
    RequestProfile,
    output_mode=st.sampled_from(OUTPUT_MODES),
    native=st.sampled_from([None, "TGI", "vLLM", "llama.cpp"]),
    without=st.sets(Names, max_size=4),
    renamed=st.sampled_from([{}, {"max_tokens": "max_completion_tokens"}, {"seed": "random_seed"}]),
    merge_system=st.booleans(),
)


@given(Shapes)
def test_what_was_learned_survives_being_written_down(shape: RequestProfile) -> None:
    assert RequestProfile.of(json.loads(json.dumps(shape.record()))) == shape


def test_a_native_form_that_is_not_known_any_more_is_forgotten() -> None:
    assert RequestProfile.of({**RequestProfile().record(), "native": "Gone"}).native is None


@pytest.mark.parametrize(
    "record",
    [
        {},
        [],
        None,
        {**RequestProfile().record(), "output_mode": "ladder"},
        {**RequestProfile().record(), "without": 3},
        {**RequestProfile().record(), "renamed": []},
        {**RequestProfile().record(), "native": []},
    ],
)
def test_what_is_no_record_is_refused(record: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        RequestProfile.of(record)


@pytest.mark.parametrize("longer", [False, True])
def test_a_reply_that_was_too_short_gets_twice_the_room(longer: bool) -> None:
    class Asked:
        sampling = {"max_tokens": 100, "temperature": 1}  # noqa: RUF012

    cell: Any = Asked()
    assert plain_fields(cell, ENDPOINT, longer)["max_tokens"] == (200 if longer else 100)
    assert Asked.sampling["max_tokens"] == 100
    assert plain_fields(cell, replace(ENDPOINT, max_tokens_field="x"), longer) == Asked.sampling
