"""Asks an endpoint one question, to learn what it enforces, refuses and reports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from panel.endpoint.client import Client
from panel.endpoint.decision_api import look
from panel.endpoint.faults import DECISIONS_REFUSED, NO_DECISIONS, classify_fault
from panel.endpoint.output_modes import OutputMode, RequestProfile, native_form, optional_fields
from panel.endpoint.probabilities import LOGPROB_FIELDS, mass_told
from panel.endpoint.prompt_counts import PromptCounts
from panel.endpoint.replies import read_reply
from panel.endpoint.responses import RawResponse
from panel.endpoint.servers import Server, identify, patiently
from panel.workspace.endpoints import Endpoint

Enforced = Literal["enforced", "not enforced", "refused", "unknown"]
Logprobs = Literal["told", "before the mask", "after the mask", "not told", "refused", "unknown"]
Decisions = Literal["there", "not there", "refused", "unknown"]
FieldOrder = Literal["schema", "alphabetical"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found. fault: why the endpoint cannot be used, None when it can.

    structured_output: enforced; not enforced (the schema was ignored); refused (an error); unknown
    (no model to ask). output_mode: the strictest that the server takes. place: where the server
    puts its JSON. order: whether fields come as in the schema or alphabetically. system_role:
    whether it takes a system message. logprobs: whether it tells the probabilities of tokens and,
    where it enforces a schema, whether before or after that rules tokens out; not told (no list of
    them, or not asked for), refused (an error), unknown (no answer). decisions: whether
    /v1/decisions answers about an existing take; not there, refused for this model, or unknown;
    decisions_said: what it said where it does not. usage: the token counts it reports. miscounted:
    whether it counted fewer tokens than the question has. adapted: how requests must differ from
    the settings. seconds: the time of the last answer.
    """

    server: str
    version: str | None
    models: list[str]
    context: int | None
    structured_output: Enforced
    output_mode: OutputMode | None
    place: str | None
    order: FieldOrder | None
    system_role: bool | None
    logprobs: Logprobs
    decisions: Decisions
    decisions_said: str | None
    usage: list[str]
    miscounted: bool
    adapted: list[str]
    fault: str | None
    seconds: float


# The question asks for a word that the schema forbids: only a server that really holds the
# model to the schema answers with one of the two allowed ones. The schema's order is not the
# alphabet's, since some servers sort the fields.
_CANARY = {
    "type": "object",
    "properties": {
        "zone": {"type": "string", "enum": ["k7", "q9"]},
        "answer": {"type": "string", "enum": ["k7", "q9"]},
    },
    "required": ["zone", "answer"],
    "additionalProperties": False,
}
_MESSAGES = (
    ("system", "You answer with one JSON object."),
    ("user", 'Reply with the JSON object {"zone": "banana", "answer": "banana"}.'),
)
_ALLOWED = ("k7", "q9")
_MASKED = 0.99  # from this mass of the allowed words on, the schema had ruled the others out
_REQUESTS = 12  # at most: five output modes, a few fields, the system role


@dataclass(frozen=True, slots=True)
class _Canary:
    """What the answer to the canary question shows; the defaults are for no answer."""

    enforced: Enforced = "unknown"
    place: str | None = None
    order: FieldOrder | None = None
    logprobs: Logprobs = "unknown"
    usage: tuple[str, ...] = ()
    miscounted: bool = False


async def diagnose(client: Client, endpoint: Endpoint) -> tuple[Diagnosis, RequestProfile]:
    """Ask for the model list, then the canary question, until the server takes a request.

    Returns what was found, and how requests must be made. Never raises for what a server does.
    """
    server = await identify(client, endpoint)
    profile = RequestProfile(native=native_form(server.name))
    if server.fault is not None or not endpoint.model:
        return _diagnosis(server, profile, None, server.fault), profile
    mode_refused = False
    profile.logprobs = endpoint.logprobs is not False
    for _request in range(_REQUESTS):
        fields = {"temperature": 0, endpoint.max_tokens_field: 64}
        messages = profile.shown(_MESSAGES)
        body = profile.request(endpoint, messages, _CANARY, fields, profile.output_mode)
        answer = await patiently(partial(client.complete, body))
        sent = optional_fields(body)
        fault = classify_fault(answer, profile.output_mode != "prompted", sent)
        if fault is None or fault.action != "degrade":
            break
        if fault.field is not None:
            profile.drop(fault.field)
        elif fault.label == "system_refused" and not profile.merge_system:
            profile.merge_system = True
        else:
            mode_refused, profile.output_mode = True, profile.weaker_mode(fault.detail)
    if fault is not None:
        profile.logprobs = False
        return _diagnosis(server, profile, None, fault.sentence()), profile
    found = _diagnosis(server, profile, answer, None, mode_refused)
    found = await _with_decisions(client, endpoint, found, profile)
    profile.logprobs = found.logprobs not in ("not told", "refused", "unknown")
    return found, profile


async def _with_decisions(
    client: Client, endpoint: Endpoint, found: Diagnosis, profile: RequestProfile
) -> Diagnosis:
    """Ask /v1/decisions one short question; keep in the profile how it is asked."""
    form, fault = await look(client, endpoint, found.server)
    profile.decisions = form or ""
    if fault is None:
        return replace(found, decisions="there")
    seen = _DECISIONS.get(fault.label, "unknown")
    return replace(found, decisions=seen, decisions_said=fault.said)


_DECISIONS: dict[str, Decisions] = {NO_DECISIONS: "not there", DECISIONS_REFUSED: "refused"}


def _diagnosis(
    server: Server,
    profile: RequestProfile,
    answer: RawResponse | None,
    fault: str | None,
    mode_refused: bool = False,
) -> Diagnosis:
    completion = answer.completion() if answer is not None else None
    canary = _Canary()
    if completion is not None:
        canary = _read_canary(completion, mode_refused)
        if profile.without & {*LOGPROB_FIELDS}:
            canary = replace(canary, logprobs="refused")
    return Diagnosis(
        server=server.name,
        version=server.version,
        models=server.models,
        context=server.context,
        structured_output=canary.enforced,
        output_mode=profile.output_mode if completion is not None else None,
        place=canary.place,
        order=canary.order,
        system_role=not profile.merge_system if completion is not None else None,
        logprobs=canary.logprobs,
        decisions="unknown",
        decisions_said=None,
        usage=list(canary.usage),
        miscounted=canary.miscounted,
        adapted=list(profile.adapted()),
        fault=fault,
        seconds=answer.seconds if answer is not None else server.seconds,
    )


def _read_canary(completion: dict[str, Any], mode_refused: bool) -> _Canary:
    reply = read_reply(completion)
    zone, other = reply.text.find('"zone"'), reply.text.find('"answer"')
    order: FieldOrder | None = None
    if zone >= 0 and other >= 0:
        order = "schema" if zone < other else "alphabetical"
    held = any(f'"{word}"' in reply.text for word in _ALLOWED)
    mass = mass_told(completion, "answer", _ALLOWED)
    logprobs: Logprobs = "not told" if mass is None else "told"
    if mass is not None and held and not mode_refused:
        logprobs = "after the mask" if mass >= _MASKED else "before the mask"
    usage = completion.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    prompts = PromptCounts()
    prompts.judge(_MESSAGES, reply.usage)
    return _Canary(
        enforced="refused" if mode_refused else "enforced" if held else "not enforced",
        place=reply.place,
        order=order,
        logprobs=logprobs,
        usage=tuple(sorted(name for name in counts if counts[name] is not None)),
        miscounted=prompts.unbelieved > 0,
    )
