"""Reads a chat completion: the reply's text, why it ended, and what it used."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from panel.endpoint.bodies import read_text
from panel.endpoint.event_stream import NOTHING
from panel.endpoint.quoted import is_quoted
from panel.endpoint.usage import TokenUsage, read_usage
from panel.text import clean_text
from panel.workspace.personas import Persona
from panel.workspace.prompts import Messages
from panel.workspace.text_calls import TOOL, are_divided
from panel.workspace.verdict import Choices, UnparsableReply, Verdict, parse

Ending = Literal["whole", "truncated", "filtered", "slipped", "broken_off"]
LONGEST_REASON = 200  # characters of a finish reason that are looked at
# Words in finish reasons, which every server and gateway spells in its own way. The first
# of these that is said counts.
_FILTER = (
    r"filter|safety|recit|block|prohibit|spii|refus|sensitive|moderat|guardrail|toxic|policy|armor"
    r"|violat|flagged"
)
_CUT = r"length|max.*(token|output)|(?<!rate_)(?<!rate)limit|context|truncat|incomplete"
_SLIPPED = r"malformed|(invalid|unexpected)_(tool|function)"  # the model's call is none (Gemini)
_GIVEN_UP = (  # in the middle, and still with status 200
    r"error|abort|(^|_)load(_|$)|fail|cancel|time_?out|interrupt|insufficient|rate_?limit"
    r"|unavailable|overload|disconnect"
)
_ENDINGS: tuple[tuple[Ending, str], ...] = (
    ("filtered", _FILTER),
    ("truncated", _CUT),
    ("slipped", _SLIPPED),
    ("broken_off", _GIVEN_UP),
)


def _ending(choice: dict[str, Any]) -> Ending:
    """Return how a reply ended.

    A gateway may say "stop" or "error", and its provider's word, which says more, beside it.
    """
    reasons = (choice.get(name) for name in ("finish_reason", "native_finish_reason"))
    said = [re.sub(r"[\W_]+", "_", str(r or "")[:LONGEST_REASON]).lower() for r in reasons]
    return next(
        (ending for ending, words in _ENDINGS if any(re.search(words, each) for each in said)),
        "whole",
    )


@dataclass(frozen=True, slots=True)
class Reply:
    """One completion, read: text (may be ""), refusal, finish reason, usage, identity.

    ending: what the finish reason means. place: where the text was. Text from "reasoning" is
    degraded: the server put its answer where the model's thoughts belong, so it may be thoughts
    instead of an answer.
    """

    text: str
    refusal: str | None
    finish_reason: str | None
    usage: TokenUsage
    model: str | None
    system_fingerprint: str | None
    ending: Ending = "whole"
    place: Literal["content", "tool", "reasoning"] = "content"

    @property
    def degraded(self) -> bool:
        """Whether the text was found only in a reasoning field."""
        return self.place == "reasoning"

    def at_its_cap(self) -> Reply:
        """Return the reply as one that ran into its cap: some servers say "stop" there, too."""
        return replace(self, ending="truncated") if self.ending == "whole" else self

    @property
    def abstention(self) -> tuple[str, str | None] | None:
        """Return the reason and the words of a reply that declines to answer; else None."""
        if self.refusal:
            return "refusal", self.refusal
        return ("filtered", None) if self.ending == "filtered" else None

    def verdict(self, persona: Persona, choices: Choices | None, question: Messages) -> Verdict:
        """Return the verdict in the text; raises UnparsableReply with the reasons.

        choices: what its fields may say, None for a model that writes them. question: what was
        asked, whose text may hold a verdict of its own: to quote that is to give none. What a
        server cut short while the model was still thinking is a draft, and no verdict. A field for
        thoughts holds one only where it holds nothing else.
        """
        whole = self.ending == "whole"
        if self.degraded and not whole:
            raise UnparsableReply(["the reply was cut short before the thought had ended"])
        verdict = parse(self.text, persona, whole, choices, alone=self.degraded)
        if is_quoted(verdict, persona, choices, question):
            raise UnparsableReply(["the JSON object is quoted from the text that was shown"])
        return verdict


def read_reply(completion: dict[str, Any]) -> Reply:
    """Read a chat completion of any server: plain content, lists of parts, tool arguments.

    A call of the verdict's tool counts before the content, a call of another where the content
    holds no verdict, and reasoning fields only where there is nothing else.
    """
    choice = completion["choices"][0]
    message = choice["message"]
    text, place = _found(message)
    refusal = message.get("refusal")
    if not isinstance(refusal, str):
        refusal = _parts(refusal, "refusal") or _parts(message.get("content"), "refusal")
    usage = read_usage(completion.get("usage"), completion.get("timings"))
    if usage.completion_tokens == 0 and text.strip():
        usage = replace(usage, completion_tokens=None)  # a field that was filled, and no count
    return Reply(
        text=clean_text(text),
        refusal=None if NOTHING.fullmatch(refusal) else clean_text(refusal),
        finish_reason=_word(choice.get("finish_reason")),
        usage=usage,
        model=_word(completion.get("model")),
        system_fingerprint=_word(completion.get("system_fingerprint")),
        ending=_ending(choice),
        place=place,
    )


def _found(message: dict[str, Any]) -> tuple[str, Literal["content", "tool", "reasoning"]]:
    text = _once_encoded(_content(message.get("content")))
    own, other = _calls(message)
    if own or (other and '"verdict"' not in text):
        return own or other, "tool"
    if text.strip():
        return text, "content"
    if isinstance(parsed := message.get("parsed"), dict):
        return json.dumps(parsed), "content"
    thought = _thought(message)
    return (thought, "reasoning") if thought else (text, "content")


_CALLS = ("function_call", "tool_calls")
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks")


def _content(content: Any) -> str:
    """Return the text of a content: text, JSON that the server has parsed, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict) and isinstance(content.get("parts"), list):  # Gemini
        content = content["parts"]
    parts = content if isinstance(content, list) else [content]
    if all(isinstance(part, str) for part in parts):
        return "".join(parts)
    parsed = [part for part in parts if isinstance(part, dict) and part and _is_parsed(part)]
    return json.dumps(parsed[-1]) if parsed else _parts(parts, "text", "output_text")


def _parts(parts: Any, *types: str) -> str:
    """Return the text of a list's parts of these types, joined, without those marked as thought."""
    return "".join(
        _part_text(part)
        for part in (parts if isinstance(parts, list) else ())
        if isinstance(part, dict) and part.get("type", "text") in types
    )


def _is_parsed(part: dict[str, Any]) -> bool:
    return "verdict" in part or not _PART & part.keys()


_PART = {"type", "text", "thought", "refusal"}  # a part of a content has one of these


def _part_text(part: dict[str, Any]) -> str:
    if part.get("thought"):
        return ""
    for name in ("text", "content", "refusal"):
        value = part.get(name)
        if isinstance(value, dict):  # as the Assistants API writes it
            value = value.get("value")
        if isinstance(value, str):
            return value
    return ""


def _thought(message: dict[str, Any]) -> str:
    """Return the text of the first field that holds thoughts, whatever its form."""
    for name in _THOUGHTS:
        value = message.get(name)
        texts = [
            part.get("text") or part.get("thinking") if isinstance(part, dict) else part
            for part in (value if isinstance(value, list) else [value])
        ]
        if text := "".join(text for text in texts if isinstance(text, str)).strip():
            return text
    return ""


def _calls(message: dict[str, Any]) -> tuple[str, str]:
    """Return the arguments of the last call that gives a verdict, and of the last other one.

    Of calls that give different verdicts, all, as a list.
    """
    own, other = [""], ""
    for function in _functions(message):
        arguments = _arguments(function)
        if '"' in arguments and "verdict" in str(function.get("name") or TOOL).lower():
            own.append(arguments)
        elif arguments.strip():
            other = arguments
    return f"[{', '.join(own[1:])}]" if are_divided(map(read_text, own)) else own[-1], other


def _functions(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the called functions: from their fields, and from the parts of the content."""
    parts = message.get("content")
    for calls in (parts if isinstance(parts, list) else None, *map(message.get, _CALLS)):
        for call in calls if isinstance(calls, list) else [calls]:
            if isinstance(call, dict):
                yield call["function"] if isinstance(call.get("function"), dict) else call


def _arguments(function: dict[str, Any]) -> str:
    """Return a call's arguments as JSON text: some servers send the object itself."""
    for name in ("arguments", "parameters", "input"):
        value = function.get(name)
        if isinstance(value, dict | list):
            return json.dumps(value)
        if isinstance(value, str) and value.strip():
            return _once_encoded(value)
    return ""


def _once_encoded(text: str) -> str:
    """Take a text out of the JSON strings that it stands in as a whole."""
    while text.lstrip().startswith('"') and isinstance(inner := read_text(text), str):
        text = inner
    return text


def _word(value: Any) -> str | None:
    return clean_text(value)[:500] if isinstance(value, str) else None
