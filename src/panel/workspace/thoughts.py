"""Where a model's thoughts begin and end in its reply, in the marks that model families use.

A tag or a bracket whose name holds "think", "thought" or "reason" is one, whatever else it holds:
``<think>`` (DeepSeek, Qwen), ``[THINK]`` (Magistral), ``◁think▷`` (Kimi), ``<seed:think>``,
``<longcat_think>``, ``<|begin_of_thought|>``, ``<|START_THINKING|>`` (Cohere). Others have names
of their own: ``<|inner_prefix|>`` (Apertus), the channels of gpt-oss (harmony) and Gemma, and the
headings of Granite. A server that knows its model cuts them out; many do not.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_STEM = r"(?:think|thought|reason)"
_SIDE = r"(?:begin|start|end|stop)"
_NAME = (  # BEGIN OF THOUGHT, longcat_think, reasoning_start, think_51bce0c7
    rf"(?:{_SIDE}[ -](?:of[ -])?)?[\w:.-]{{0,40}}?{_STEM}[\w:.-]{{0,60}}(?:[ -]{_SIDE})?"
)
_MARKS = re.compile(
    rf"""
    (?<!`)                                              # `<think>` in prose is a mention
    (?: (?:(?:<|&lt;)[|｜]?|[◁‹⟨]) (?P<slash>/)?          # <think> </think> <|think|> ◁/think▷
        (?P<tag>{_NAME}
        | (?:[\w.]{{1,20}}:)?(?:reflect(?:ion)?|analysis|scratch_?pad|(?:inner_)?monologue|cot)
        | inner_(?:prefix|suffix))
        (?:\s[^<>]{{0,200}}?)? [|｜]?(?:[>▷›⟩]|&gt;)
      | <(?P<holder>[a-z]\w{{0,20}})\s[^<>]{{0,200}}?     # <details type="reasoning">
        \b(?:type|class|kind|role)\s*=\s*["']?[\w\s.-]{{0,40}}?{_STEM}[^<>]{{0,200}}>
      | \[(?P<bracket_slash>/)?(?P<bracket>{_NAME})\](?!\()
      | <(?:unused|ctrl)9(?P<high>[45])>                 # MedGemma, Gemini
      | \[unused1(?P<low>[67])\]                         # Pangu
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
    "&lt;",
    "◁",
    "‹",
    "⟨",
    "[unused",
    "assistantfinal",
    "assistantcommentary",
)
_SIGNS = (*_SIGNS, " my thought process", " my response")
_IN_BRACKETS = re.compile(rf"\[/?[\w:. -]{{0,60}}{_STEM}")
# The first line of a reply that is a thought: "thought", "Thinking Process:".
_HEADING = re.compile(
    rf"[^\w{{}}\[\]<>\"'`]{{0,20}}(?:[\w'’]+[ ]){{0,5}}?"
    rf"\w*{_STEM}\w*(?:[ ][\w'’]+){{0,8}}[*_ ]*(?::|\n)",
    re.I,
)
_CHANNEL_ENDS = re.compile(
    r"<\|(?:end|return|call)\|>|<channel\|>"
    r"|(?=<\|start\|>|<\|channel\|?>|assistant(?:final|commentary))"
)
_NO_THOUGHTS = ("final", "commentary")  # channels: the answer, and a call of a tool
_ENDS = re.compile(r"(?:^|[\W_])(?:end|stop|suffix)(?:[\W_]|$)", re.I)


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
    if any(sign in small for sign in _SIGNS) or small.lstrip().startswith("analysis"):
        return True
    return _IN_BRACKETS.search(small) is not None


def _read(found: re.Match[str]) -> tuple[str, bool]:
    if tag := found["tag"]:
        return _family(tag), not (found["slash"] or _ENDS.search(tag))
    if bracket := found["bracket"]:
        return f"[{_family(bracket)}]", not (found["bracket_slash"] or _ENDS.search(bracket))
    if holder := found["holder"]:
        return f"<{holder.lower()}>", True
    if number := found["high"] or found["low"]:
        return "numbered", number in "46"
    if channel := found["channel"]:
        return "channel", channel.lower() not in _NO_THOUGHTS
    if heading := found["heading"]:
        return "heading", heading.lower() != "response"
    return "channel", False


def _family(name: str) -> str:
    """Return what the names of an opening and of its end have in common."""
    small = name.lower()
    stem = re.search(_STEM, small)
    return stem[0] if stem else re.sub("_(?:prefix|suffix)$", "", small)


def opens_as_thought(reply: str) -> bool:
    """Whether the first line of a reply is the heading of a thought."""
    return _HEADING.match(reply[:1000].lstrip()[:200]) is not None


def thought_end(text: str, opening: Mark, whole: bool) -> int | None:
    """Return where the thought that a mark opens has ended; None where it never does.

    Thoughts within thoughts are passed over. Where they do not add up, since a thought spoke of
    such marks, the last fitting one ends it; but in a reply that is not ``whole`` none does.
    """
    if opening.name == "channel" or opening.name.startswith("<"):
        ends = _CHANNEL_ENDS if opening.name == "channel" else _end_tag(opening.name)
        found = ends.search(text, opening.end)
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


def _end_tag(name: str) -> re.Pattern[str]:
    return re.compile(f"</{name[1:-1]}>", re.I)
