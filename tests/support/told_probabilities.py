"""Completions that tell the probabilities of their tokens, as servers of several kinds do."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Top = list[tuple[str, float]]  # text → probability


@dataclass(frozen=True, slots=True)
class Said:
    """One token of a reply, its probability, and those it was chosen among, itself included."""

    text: str
    probability: float
    among: Top


def split_at(text: str, cuts: Sequence[int]) -> list[str]:
    """Cut a text at these places."""
    places = sorted({0, *cuts, len(text)})
    return [text[a:b] for a, b in pairwise(places)]


def told(text: str, cuts: Sequence[int], ship: float, mass: float = 1.0) -> list[Said]:
    """Split a reply into tokens; where its verdict decides itself, both words are listed.

    ship: the probability of "ship" among the two words. mass: what both have together; the rest
    goes to a word that is no verdict.
    """
    [value] = list(re.finditer(r'"verdict":\s*"(ship|skip)', text))[-1:]
    decides = value.start(1) + 1  # the letter in which the two words differ
    tokens, start = [], 0
    for piece in split_at(text, cuts):
        end = start + len(piece)
        among = [(piece, 1.0)]
        if start <= decides < end:
            at = decides - start
            spelt = {"ship": "h", "skip": "k"}
            among = [
                (piece[:at] + spelt[word] + piece[at + 1 :], part * mass)
                for word, part in (("ship", ship), ("skip", 1 - ship))
            ]
            if mass < 1:
                among.append((piece[:at] + "o" + piece[at + 1 :], 1 - mass))
        tokens.append(Said(piece, dict(among)[piece], among))
        start = end
    return tokens


def _log(probability: float) -> float:
    return math.log(probability) if probability > 0 else -9999.0


def chat_form(tokens: Sequence[Said], with_bytes: bool = True) -> dict[str, Any]:
    """Return the logprobs of a chat completion."""

    def item(text: str, probability: float) -> dict[str, Any]:
        spelt = {"bytes": list(text.encode())} if with_bytes else {}
        return {"token": text, "logprob": _log(probability), **spelt}

    return {
        "content": [
            item(each.text, each.probability)
            | {"top_logprobs": [item(*pair) for pair in each.among]}
            for each in tokens
        ]
    }


def marked_form(tokens: Sequence[Said]) -> dict[str, Any]:
    """Return the logprobs of a server that writes blanks as its tokenizer does, and no bytes."""
    marked = [
        Said(_marked(each.text), each.probability, [(_marked(t), p) for t, p in each.among])
        for each in tokens
    ]
    return chat_form(marked, with_bytes=False)


def _marked(text: str) -> str:
    return text.replace(" ", "Ġ").replace("\n", "Ċ")


def older_form(tokens: Sequence[Said]) -> dict[str, Any]:
    """Return the logprobs of an older text completion."""
    return {
        "tokens": [each.text for each in tokens],
        "token_logprobs": [_log(each.probability) for each in tokens],
        "top_logprobs": [{text: _log(p) for text, p in each.among} for each in tokens],
    }


FORMS: dict[str, Callable[[Sequence[Said]], dict[str, Any]]] = {
    "chat": chat_form,
    "marked": marked_form,
    "older": older_form,
}
