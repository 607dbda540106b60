"""Servers with ``/v1/decisions``, each as strict about its own form of request as the real one.

OpenAI's takes messages of any role or a text, vLLM's text alone, SGLang's has other fields and
answers by the question's id. All of them give the probability of every option.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.mock_endpoint import Answer

Body = dict[str, Any]
Probability = Callable[[Body], float]
Deciding = Callable[[int, Body], Answer]


def _bad(message: str, status: int = 400) -> Answer:
    return Answer(status, {"error": {"message": message, "type": "invalid_request_error"}})


def _unknown(given: Mapping[str, Any], known: set[str], where: str) -> str | None:
    """Say which field of an object is not known, as strict servers do, or which is missing."""
    extra, missing = sorted(given.keys() - known), sorted(known - given.keys())
    if extra:
        return f"{where}.{extra[0]}: Extra inputs are not permitted"
    return f"{where}.{missing[0]}: Field required" if missing else None


def _usage(body: Body) -> int:
    return len(json.dumps(body["input"])) // 4


def _choices(body: Body) -> str | None:
    """Check a request with OpenAI's fields; return what is wrong."""
    wrong = _unknown(body, {"model", "input", "questions"}, "body")
    for question in () if wrong else body["questions"]:
        wrong = wrong or _unknown(
            question, {"type", "name", "instructions", "choices"}, "questions.0"
        )
        for choice in question.get("choices", ()):
            wrong = wrong or _unknown(choice, {"value"}, "questions.0.choices")
    return wrong


def _answered(body: Body, ship: float) -> Answer:
    said = {"ship": ship, "skip": 1 - ship}
    answers = [
        {
            "type": "choice",
            "name": question.get("name"),
            "choice": max(said, key=lambda word: said[word]),
            "confidence": max(said.values()),
            "probabilities": [
                {"value": each["value"], "probability": said[each["value"]]}
                for each in question["choices"]
            ],
        }
        for question in body["questions"]
    ]
    usage = {
        "input_tokens": _usage(body),
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": _usage(body),
    }
    return Answer(body={"answers": answers, "model": body["model"], "usage": usage})


def openai(ship: Probability) -> Deciding:
    """Act as OpenAI: it takes messages with their roles, or a text."""

    def decide(_index: int, body: Body) -> Answer:
        wrong = _choices(body)
        roles = {"system", "developer", "user", "assistant"}
        for message in body["input"] if isinstance(body.get("input"), list) else ():
            wrong = wrong or _unknown(message, {"role", "content"}, "input")
            wrong = wrong or (None if message["role"] in roles else "input.role: not supported")
        return _bad(wrong) if wrong else _answered(body, ship(body))

    return decide


def vllm(ship: Probability) -> Deciding:
    """Act as vLLM 0.33: it takes a text, or messages of the user alone."""

    def decide(_index: int, body: Body) -> Answer:
        wrong = _choices(body)
        if isinstance(body.get("input"), list) and wrong is None:
            others = [each["role"] for each in body["input"] if each["role"] != "user"]
            wrong = f"input.0.role: Input should be 'user', not {others[0]!r}" if others else None
        return _bad(wrong) if wrong else _answered(body, ship(body))

    return decide


def sglang(ship: Probability, mass: float = 1.0) -> Deciding:
    """Act as SGLang 0.5.23: options by name, answers by id, and the mass of all labels."""

    def decide(_index: int, body: Body) -> Answer:
        wrong = _unknown(body, {"model", "input", "questions"}, "body")
        for question in () if wrong else body["questions"]:
            wrong = wrong or _unknown(
                question, {"id", "type", "question", "options"}, "questions.0"
            )
        if wrong:
            return Answer(400, {"object": "error", "message": wrong, "code": 400})
        p = ship(body)
        answer = {
            "type": "choice",
            "probabilities": {"ship": p, "skip": 1 - p},
            "label_mass": mass,
            "choice": "ship" if p > 0.5 else "skip",
        }
        return Answer(
            body={
                "object": "decisions",
                "model": body["model"],
                "prompt_format_version": 1,
                "answers": {question["id"]: answer for question in body["questions"]},
                "usage": {"prompt_tokens": _usage(body), "total_tokens": _usage(body)},
            }
        )

    return decide


def text_of(body: Body) -> str:
    """Return all that a request shows, whatever its form."""
    given = body["input"]
    return given if isinstance(given, str) else "\n".join(each["content"] for each in given)


SERVERS: dict[str, tuple[Callable[[Probability], Deciding], str]] = {
    "openai": (openai, "roles"),
    "vllm": (vllm, "text"),
    "sglang": (sglang, "options"),
}
