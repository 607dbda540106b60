"""Asks ``/v1/decisions`` how probable "ship" is, given what a model saw and the take it wrote.

The endpoint reads one conversation and answers a question of two choices with their probabilities;
it writes no text. Servers take three forms of the same request:

roles    OpenAI's Decisions API: the messages keep their roles
text     the same with one text as input (vLLM 0.33 knows no role but the user's)
options  SGLang's own fields under the same path, which Modular's MAX has as well

A server that refuses one form is asked in the next, once: the form that it takes is remembered.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from panel.endpoint import fault_words as words
from panel.endpoint.client import Client
from panel.endpoint.faults import DECISIONS_REFUSED, NO_DECISIONS, Fault, classify_fault
from panel.endpoint.probabilities import UNSURE, WORDS, ShipProbability
from panel.endpoint.responses import RawResponse
from panel.endpoint.servers import patiently
from panel.workspace.endpoints import Endpoint
from panel.workspace.prompts import Messages

DecisionForm = Literal["roles", "text", "options"]
FORMS: tuple[DecisionForm, ...] = ("roles", "text", "options")
FIRST: dict[str, DecisionForm] = {"vLLM": "text", "SGLang": "options"}  # by the server's name
NAME = "verdict"
QUESTION = (
    "A reviewer was shown these messages and wrote the review that ends them. Which verdict on "
    "the tool goes with that review, by the reviewer's own rules?"
)
_REFUSED = (400, 415, 422)  # to a request whose fields a server does not know


def decision_request(form: DecisionForm, model: str, messages: Messages, take: str) -> Any:
    """Return the body that asks for the verdict, given the messages as sent and the take."""
    shown = (*messages, ("assistant", take))
    if form == "options":
        options = [{"name": word} for word in WORDS]
        asked: dict[str, Any] = {"id": NAME, "question": QUESTION, "options": options}
    else:
        choices = [{"value": word} for word in WORDS]
        asked = {"name": NAME, "instructions": QUESTION, "choices": choices}
    roles = [{"role": role, "content": content} for role, content in shown]
    return {
        "model": model,
        "input": roles if form == "roles" else _as_text(shown),
        "questions": [{"type": "choice", **asked}],
    }


def _as_text(messages: Messages) -> str:
    return "\n\n".join(f"[{role}]\n{content}" for role, content in messages)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision says. told: None where it says nothing; why is in reason and detail."""

    told: ShipProbability | None
    reason: str | None = None
    detail: str | None = None


def read_decision(body: Mapping[str, Any]) -> Decision:
    """Read the probability of "ship" from a decision, in any of the forms.

    Both words must have a number from 0 to 1, and together at most 1 but for rounding. Others
    than these two are left out, as where tokens tell it: p_ship is the share of "ship" in both.
    """
    answer = _answer(body.get("answers"))
    if answer is None:
        return _unreadable("it answers no question named 'verdict'")
    if answer.get("type") == "refusal":
        return Decision(None, "refused", "the server declines to answer the question")
    found: dict[str, float] = {}
    for name, value in _pairs(answer.get("probabilities")):
        if name not in WORDS:
            continue
        if name in found:
            return _unreadable(f"it tells a probability of {name!r} twice")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            return _unreadable(f"the probability of {name!r} is {str(value)[:40]!r}")
        found[name] = float(value)
    if missing := [word for word in WORDS if word not in found]:
        return _unreadable(f"it tells no probability of {missing[0]!r}")
    mass = sum(found.values())
    if not 0 < mass <= 1 + UNSURE:
        return _unreadable(f"the probabilities of both words add up to {mass:g}")
    p_ship = found["ship"] / mass
    return Decision(ShipProbability(p_ship, min(mass, 1.0) * _labels(answer), "decisions"))


def _unreadable(why: str) -> Decision:
    return Decision(None, "unreadable", f"the decision cannot be read: {why}")


def _answer(answers: Any) -> Mapping[str, Any] | None:
    """Return the answer to the one question: by its name or id, or as the only one unnamed."""
    if isinstance(answers, dict):
        answers = [{"name": name, **each} for name, each in answers.items() if _is(each)]
    listed = [each for each in answers if _is(each)] if isinstance(answers, list) else []
    named = [each for each in listed if each.get("name", each.get("id")) == NAME]
    unnamed = [each for each in listed if each.get("name", each.get("id")) is None]
    found = named or unnamed
    return found[0] if len(found) == 1 else None


def _is(value: Any) -> bool:
    return isinstance(value, dict)


def _pairs(told: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(told, dict):
        yield from told.items()
    for each in told if isinstance(told, list) else ():
        if isinstance(each, dict):
            name = each.get("value", each.get("name"))
            yield (name if isinstance(name, str) else None), each.get("probability")


def _labels(answer: Mapping[str, Any]) -> float:
    """Return what the model gave to all answers together, where a server tells it; else 1."""
    mass = answer.get("label_mass")
    told = isinstance(mass, int | float) and not isinstance(mass, bool) and math.isfinite(mass)
    return min(max(float(mass), 0.0), 1.0) if told and mass is not None else 1.0


class FormSearch:
    """Finds the form of request that a server takes, from its answers.

    known: the form that it took before. server: its name, which says where to begin. form: the
    one to ask in now. settled: whether it is known that the server takes it.
    """

    def __init__(self, known: DecisionForm | None = None, server: str = "") -> None:
        self.form: DecisionForm = known or FIRST.get(server, FORMS[0])
        self.settled = False
        self._known = known
        self._left = [form for form in FORMS if form != self.form]
        self._said = ""

    def judge(self, answer: RawResponse, asked: DecisionForm) -> Fault | None:
        """Return what is wrong with an answer, None for a decision; its form is learned.

        asked: the form of its request. A fault "degrade" asks for the same question in the form
        that is next now. NO_DECISIONS and DECISIONS_REFUSED say that there is nothing to ask,
        however often.
        """
        status = answer.status or 0
        if 200 <= status < 300 and answer.decision() is not None:
            self.form, self.settled = asked, True
            return None
        fault = classify_fault(answer, constrained=False)
        if fault is None:
            return Fault("stop", NO_DECISIONS, "it answers with a chat completion")
        if self.settled:
            return replace(fault, action="record") if fault.action == "degrade" else fault
        if fault.action == "stop" and fault.label in ("not_found", "not_an_api"):
            missing = re.search(words.MODEL, " ".join(map(str, answer.error_text())), re.I | re.S)
            label = DECISIONS_REFUSED if status == 501 else NO_DECISIONS
            return fault if missing else replace(fault, label=label)
        if status in _REFUSED and (fault.action == "degrade" or fault.label == f"http_{status}"):
            return self._refused(fault, asked)
        return fault

    def _refused(self, fault: Fault, asked: DecisionForm) -> Fault:
        self._said = self._said or fault.detail
        if asked != self.form:  # another request has learned it meanwhile
            return replace(fault, action="degrade", label="form_refused")
        if self._left:
            self.form = self._left.pop(0)
            return replace(fault, action="degrade", label="form_refused")
        if self._known is not None:  # the server takes it: what is wrong is this question's
            self.form, self.settled = self._known, True
            return replace(fault, action="record")
        return Fault("stop", DECISIONS_REFUSED, self._said)


_LOOK: Messages = (("user", "Is a hammer that has no head worth shipping? Answer in a word."),)


async def look(
    client: Client, endpoint: Endpoint, server: str
) -> tuple[DecisionForm | None, Fault | None]:
    """Ask one short question, in as many forms as needed; return the form taken, or what failed."""
    search = FormSearch(None, server)
    while True:
        form = search.form
        body = decision_request(form, endpoint.model, _LOOK, "It has no head.")
        fault = search.judge(await patiently(partial(client.decide, body)), form)
        if fault is None:
            return search.form, None
        if fault.action != "degrade":
            return None, fault
