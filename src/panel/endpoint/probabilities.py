"""Finds the probability that a model gave to "ship" where it wrote its verdict.

Servers tell log probabilities token by token, and a verdict may begin inside a token, end inside
one, or be split over several. What counts is the text that each listed token would have made: a
token counts for the verdict that the text can only become. Servers differ in whether they tell
probabilities before or after a grammar has ruled tokens out, so what is told is divided by the
mass of both verdicts, and the mass is kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Source = Literal["logprobs", "decisions"]
TOP = 20  # alternatives asked for at each token: the most that hosted services give
LOGPROB_FIELDS = ("logprobs", "top_logprobs")
WORDS = ("ship", "skip")
UNSURE = 0.01  # of p_ship, that tokens which were not listed may at most move it by

_FIELD = re.compile(r"""verdict\\?["']?\s*+:\s*+\\?["']?\s*+(ship|skip)(?![a-z])""", re.I)
# What may stand between the name of the field and its value, or a beginning of it.
_LEAD = re.compile(r"""\\?["']?\s*+(:\s*+\\?["']?\s*+)?""")
# How some servers write a blank and a line break in a token, where they send no bytes.
_MARKS = str.maketrans({"Ġ": " ", "▁": " ", "Ċ": "\n"})


@dataclass(frozen=True, slots=True)
class ShipProbability:
    """The probability of "ship" among the two verdicts, 0 to 1, as the model gave it.

    mass: the probability of both verdicts together, before the division; near 1 where the
    server had ruled other words out. It is no frequency: nothing here says that the model is
    right as often as it claims.
    """

    p_ship: float
    mass: float
    source: Source

    def fields(self) -> dict[str, Any]:
        """Return it under the names of an attempt's fields."""
        return {"p_ship": self.p_ship, "p_ship_mass": self.mass, "p_ship_source": self.source}


@dataclass(frozen=True, slots=True)
class _Token:
    """One token of a reply as Latin-1 text of its bytes, and those that it was chosen among."""

    text: str
    probability: float
    others: tuple[tuple[str, float], ...]

    def listed(self) -> list[tuple[str, float]]:
        """Return each text once with its probability, the token itself first."""
        found = {self.text: self.probability}
        for text, probability in self.others:
            found.setdefault(text, probability)
        return list(found.items())


def ship_probability(completion: dict[str, Any], verdict: str) -> ShipProbability | None:
    """Return what a completion tells of its verdict, "ship" or "skip"; None where it does not.

    None, too, where its tokens hold no such verdict, or where tokens that were not listed could
    move the result by more than UNSURE: a server that tells the chosen token alone says nothing
    of the other verdict.
    """
    tokens, text = _read(completion)
    found = list(_FIELD.finditer(text))
    if not found or found[-1][1].lower() != verdict:
        return None
    return _normal(*_weighed(tokens, text[: found[-1].start() + len("verdict")], WORDS))


def mass_told(completion: dict[str, Any], field: str, words: Sequence[str]) -> float | None:
    """Return the probability of all ``words`` together as the value of a field of a reply.

    None where the reply's tokens do not hold the field, or come without those beside them.
    """
    tokens, text = _read(completion)
    start = text.rfind(f'"{field}"')
    if start < 0 or not any(len(token.others) > 1 for token in tokens):
        return None
    sums, _missing = _weighed(tokens, text[: start + 1 + len(field)], words)
    return min(sum(sums.values()), 1.0)


def _read(completion: dict[str, Any]) -> tuple[list[_Token], str]:
    logprobs = completion["choices"][0].get("logprobs")
    tokens = list(_tokens(logprobs)) if isinstance(logprobs, dict) else []
    return tokens, "".join(token.text for token in tokens)


def _weighed(
    tokens: list[_Token], key: str, words: Sequence[str]
) -> tuple[dict[str, float], float]:
    """Sum the probabilities of the tokens that decide between words; and the most left out.

    key: the text up to and with the field's name. A token after which several words are open
    decides nothing: the next one does, in its share. Other such tokens that were listed (another
    blank, say) are taken to go on as it does.
    """
    sums, reached, missing, before = dict.fromkeys(words, 0.0), 1.0, 0.0, ""
    for token in tokens:
        if len(before) + len(token.text) > len(key):
            listed = token.listed()
            open_still = 0.0
            for other, probability in listed:
                fitting = _leads_to(before + other, key, words)
                if len(fitting) == 1:
                    sums[fitting[0]] += reached * probability
                elif fitting:
                    open_still += probability
            missing += reached * _unlisted(listed)
            if len(_leads_to(before + token.text, key, words)) < 2:
                break
            reached *= min(open_still, 1.0)
        before += token.text
    return sums, missing


def _normal(sums: dict[str, float], missing: float) -> ShipProbability | None:
    mass = sum(sums.values())
    unseen = missing if min(sums.values()) == 0 else 0.0
    if not mass > 0 or unseen / (mass + unseen) > UNSURE:
        return None
    return ShipProbability(min(sums["ship"] / mass, 1.0), min(mass, 1.0), "logprobs")


def _unlisted(listed: list[tuple[str, float]]) -> float:
    """Return the most that a token which is not listed may have had."""
    rest = max(0.0, 1 - sum(probability for _text, probability in listed))
    return min(rest, *(probability for _text, probability in listed))


def _leads_to(text: str, key: str, words: Sequence[str]) -> list[str]:
    """Return the words that the value after ``key`` can still become, with this text."""
    if not text.startswith(key):
        return []
    lead = _LEAD.match(text, len(key))
    assert lead is not None  # it matches nothing, too
    rest = text[lead.end() :].lower()
    if rest and lead[1] is None:
        return []
    return [word for word in words if rest.startswith(word) or word.startswith(rest)]


def _tokens(logprobs: dict[str, Any]) -> Iterator[_Token]:
    """Yield the tokens of a reply, in the form of chat completions or of older completions."""
    content = logprobs.get("content")
    if isinstance(content, list):
        for item in content:
            if isinstance(item, dict):
                others = item.get("top_logprobs")
                listed = others if isinstance(others, list) else []
                pairs = tuple(_pair(other) for other in listed if isinstance(other, dict))
                yield _Token(*_pair(item), pairs)
        return
    rows = [logprobs.get(name) for name in ("tokens", "token_logprobs", "top_logprobs")]
    if isinstance(rows[0], list) and isinstance(rows[1], list):
        tops = rows[2] if isinstance(rows[2], list) else [None] * len(rows[0])
        for text, logprob, top in zip(rows[0], rows[1], tops, strict=False):
            pairs = tuple(
                (_text(other), _probability(value))
                for other, value in (top.items() if isinstance(top, dict) else ())
            )
            yield _Token(_text(text), _probability(logprob), pairs)


def _pair(item: dict[str, Any]) -> tuple[str, float]:
    spelt = item.get("bytes")
    if isinstance(spelt, list) and all(isinstance(n, int) and 0 <= n < 256 for n in spelt):
        return bytes(spelt).decode("latin-1"), _probability(item.get("logprob"))
    return _text(item.get("token")), _probability(item.get("logprob"))


def _text(token: Any) -> str:
    written = token.translate(_MARKS) if isinstance(token, str) else ""
    return written.encode("utf-8", "replace").decode("latin-1")


def _probability(logprob: Any) -> float:
    """Return a probability, 0 to 1; 0 for what is no log probability."""
    if isinstance(logprob, bool) or not isinstance(logprob, int | float) or math.isnan(logprob):
        return 0.0
    return math.exp(min(logprob, 0.0))
