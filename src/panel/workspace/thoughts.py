"""Where a model's thoughts begin and end in its reply, in the marks that model families use.

``<think>`` (DeepSeek, Qwen), ``<thinking>``, ``<thought>``, ``[THINK]`` (Magistral), ``◁think▷``
(Kimi), ``<seed:think>``, ``<|begin_of_thought|>``, ``<|START_THINKING|>`` (Cohere),
``<|inner_prefix|>`` (Apertus), the channels of gpt-oss (harmony) and Gemma, and the headings of
Granite. A server that knows its model cuts them out; many do not.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_WORDS = r"think(?:ing)?|thoughts?|reason(?:ing)?|reflect(?:ion)?|analysis|scratch_?pad"
_MARKS = re.compile(
    rf"""
    (?<!`)                                              # `<think>` in prose is a mention
    (?: (?:<[|｜]?|◁) (?P<slash>/)?                      # <think> </think> <|think|> ◁/think▷
        (?:(?P<side>begin|start|end)_(?:of_)?)?         # <|begin_of_thought|> <|END_THINKING|>
        (?:[\w.]{{1,20}}:)?                             # <seed:think>
        (?P<tag>{_WORDS}|inner(?=_)|(?:inner_)?monologue|cot|chain_of_thought)
        (?P<fix>_prefix|_suffix)?                       # <|inner_prefix|> <|inner_suffix|>
        (?:\s[^<>]{{0,200}})? (?:[|｜]?>|▷)
      | \[(?P<bracket_slash>/)?(?P<bracket>think(?:ing)?|thoughts?|reasoning)\]
      | <unused9(?P<unused>[45])>                       # MedGemma
      | (?:<\|channel\|?>\s*                            # harmony, Gemma
        | \A\s*(?=\w+<\|message\|>|analysis(?-i:[A-Z{{]))  # harmony, its first marks cut out
        ) (?P<channel>analysis(?=(?-i:[A-Z{{]))|\w+)
      | (?P<leaked>assistant(?:final|commentary))(?=\W|json)  # harmony, its marks cut out
      | here(?:\ is|'s)\ my\ (?P<heading>thought\ process|response)\b:?  # Granite
    )
    """,
    re.I | re.X,
)
# Every mark has one of these in it, in small letters. Most replies have none, and looking for them
# takes a thirtieth of the time.
_SIGNS: tuple[str, ...] = (
    "<",
    "◁",
    "[think",
    "[/think",
    "[thought",
    "[/thought",
    "[reason",
    "[/reason",
)
_SIGNS = (*_SIGNS, "assistantfinal", "assistantcommentary", " my thought process", " my response")
_CHANNEL_ENDS = re.compile(
    r"<\|(?:end|return|call)\|>|<channel\|>"
    r"|(?=<\|start\|>|<\|channel\|?>|assistant(?:final|commentary))"
)
_NO_THOUGHTS = ("final", "commentary")  # channels: the answer, and a call of a tool
_STEMS = {"thinking": "think", "thoughts": "thought", "reasoning": "reason"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark in a text, from ``start`` to ``end``: it opens a thought of this name, or ends one."""

    name: str
    opens: bool
    start: int
    end: int


def next_mark(text: str, position: int) -> Mark | None:
    """Return the first mark from a position on; None where there is none."""
    return next(_marks(text, position), None)


def _marks(text: str, position: int) -> Iterator[Mark]:
    if not _may_hold_marks(text):
        return
    for found in _MARKS.finditer(text, position):
        name, opens = _read(found)
        yield Mark(name, opens, found.start(), found.end())


@functools.lru_cache(maxsize=1)  # a text is looked at from mark to mark, and may have very many
def _may_hold_marks(text: str) -> bool:
    small = text.lower()
    return any(sign in small for sign in _SIGNS) or small.lstrip().startswith("analysis")


def _read(found: re.Match[str]) -> tuple[str, bool]:
    if tag := found["tag"]:
        side = (found["side"] or "").lower()
        ends = found["slash"] or side == "end" or (found["fix"] or "").lower() == "_suffix"
        return _STEMS.get(tag.lower(), tag.lower()), not ends
    if bracket := found["bracket"]:
        return f"[{_STEMS.get(bracket.lower(), bracket.lower())}]", not found["bracket_slash"]
    if unused := found["unused"]:
        return "unused", unused == "4"
    if channel := found["channel"]:
        return "channel", channel.lower() not in _NO_THOUGHTS
    if heading := found["heading"]:
        return "heading", heading.lower() != "response"
    return "channel", False


def thought_end(text: str, opening: Mark, whole: bool) -> int | None:
    """Return where the thought that a mark opens has ended; None where it never does.

    Thoughts within thoughts are passed over. Where they do not add up, since a thought spoke of
    such marks, the last fitting one ends it; but in a reply that is not ``whole`` none does.
    """
    if opening.name == "channel":
        found = _CHANNEL_ENDS.search(text, opening.end)
        return found.end() if found else None
    inside, counts, fitting = [opening.name], Counter([opening.name]), None
    for mark in _marks(text, opening.end):
        if mark.opens:
            inside.append(mark.name)
            counts[mark.name] += 1
            continue
        if counts[mark.name] == 0 or mark.name == opening.name:
            fitting = mark.end  # or of another name than the one that opened it
        if counts[mark.name]:
            while (name := inside.pop()) != mark.name:
                counts[name] -= 1
            counts[mark.name] -= 1
        if not inside:
            return mark.end
    return fitting if whole else None
