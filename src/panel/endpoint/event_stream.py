"""Reads an event stream as the one completion that its chunks add up to.

Requests ask for no stream, but some servers and gateways send one all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

ENDED = "the event stream ended before its reply did"
DONE = "[DONE]"
_LINE_END = re.compile(r"\r\n|\n|\r")
_COPIED = ("id", "created", "model", "system_fingerprint", "usage")
_CHOICE = ("finish_reason", "native_finish_reason")
Event = dict[str, Any]


def looks_like_events(text: str) -> bool:
    """Whether a text is an event stream: its lines name fields, as no JSON does."""
    first = re.match(r"[\ufeff\u200b\s]*(:|(data|event|id|retry)\s*:)", text)
    return first is not None and re.search(r"^data\s*:", text, re.M) is not None


def is_chunk(value: Any) -> bool:
    """Whether a JSON value is one chunk of a stream and no whole completion."""
    choices = value.get("choices") if isinstance(value, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return (
        isinstance(first, dict) and isinstance(first.get("delta"), dict) and "message" not in first
    )


def events_of(text: str, read: Callable[[str], Any]) -> Iterator[Event | str]:
    """Yield the objects of a stream's events, up to DONE; other text as it is.

    read: reads a text as JSON. Lines that are JSON without a field are events, too.
    """
    name, data = "", list[str]()
    for line in (*_LINE_END.split(text.lstrip("\ufeff")), ""):
        field, _, value = line.partition(":")
        if line.lstrip().startswith("{"):
            data.append(line)
        elif field == "data":
            data.append(value.removeprefix(" "))
        elif field == "event":
            name = value.strip()
        elif not line.strip() and data:
            for event in _objects(data, read):
                yield event if event == DONE or name != "error" else _as_error(event)
                if event == DONE:
                    return
            name, data = "", []


def _objects(data: list[str], read: Callable[[str], Any]) -> Iterator[Event | str]:
    """Yield the objects of one event, its text, or DONE.

    Its lines are one text, but some servers forget the blank line between two events.
    """
    each = [(line.strip(), read(line)) for line in data if line.strip()]
    whole = read("\n".join(data)) if each and each[0][1] is None else None
    if isinstance(whole, dict):
        each = [("", whole)]
    for line, value in each:
        if isinstance(value, dict):
            yield value
        else:
            yield DONE if line.strip("[]").upper() == "DONE" else line


def _as_error(event: Event | str) -> Event:
    if isinstance(event, str):
        return {"error": {"message": event}}
    return event if "error" in event else {"error": event}


def joined(events: Iterable[Event | str]) -> Event:
    """Return the completion that the chunks add up to, or the error that is among them.

    A reply ends with a finish reason, or with DONE; one without has been cut off, which is an
    error as well. What is said after its finish is none. A text that is no JSON may be an error's
    or a mere sign of life, such as "ping": then the reply goes on after it.
    """
    body: Event = {}
    choice: Event = {}
    message: Event = {}
    whole: Event = {}
    text, done = "", False
    for event in events:
        if event == DONE:
            done = not text
        elif isinstance(event, str):
            text = text or event
        elif event.get("error") or event.get("object") == "error":
            if not _finished(choice):
                return event
        else:
            body |= {name: event[name] for name in _COPIED if event.get(name) is not None}
            for part in _choices(event):
                text = ""
                choice |= {name: part[name] for name in _CHOICE if part.get(name) is not None}
                _add_logprobs(choice, part.get("logprobs"))
                if isinstance(part.get("delta"), dict):
                    _add(message, part["delta"])
                elif isinstance(part.get("message"), dict):
                    whole = part["message"]
    if "tool_calls" in message:
        message["tool_calls"] = list(message["tool_calls"].values())
    message = message or whole
    if not _finished(choice) and not (done and any(message.values())):
        return {"error": {"message": f"{ENDED}: {text}" if text else ENDED}}
    return {**body, "choices": [{"index": 0, "message": message, **choice}]}


def _finished(choice: Event) -> bool:
    return any(choice.get(name) for name in _CHOICE)


def _choices(event: Event) -> Iterator[Event]:
    choices = event.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("index", 0) in (0, None):
            yield choice


def _add(message: Event, delta: Event) -> None:
    for name, value in delta.items():
        if name == "tool_calls":
            for place, call in enumerate(value if isinstance(value, list) else ()):
                if isinstance(call, dict):
                    _add_call(message.setdefault(name, {}), call, place)
        elif name == "function_call" and isinstance(value, dict):
            _add_function(message.setdefault(name, {}), value)
        elif name == "role" or value is None:
            continue
        elif isinstance(value, list) or isinstance(message.get(name), list):
            message[name] = _as_parts(message.get(name)) + _as_parts(value)
        elif isinstance(value, str):
            message[name] = f"{message.get(name, '')}{value}"
        else:
            message[name] = value


def _add_logprobs(choice: Event, logprobs: Any) -> None:
    """Add a chunk's lists of probabilities to those of the chunks before."""
    for name, listed in logprobs.items() if isinstance(logprobs, dict) else ():
        if isinstance(listed, list):
            choice.setdefault("logprobs", {}).setdefault(name, []).extend(listed)


def _as_parts(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [{"type": "text", "text": value}] if value else []


def _add_call(calls: dict[Any, Event], call: Event, place: int) -> None:
    """Add a piece of a call. Its index says of which; without one, a new id begins a new call."""
    index, id_ = call.get("index"), call.get("id")
    if not isinstance(index, int):
        same = [key for key, other in calls.items() if id_ and other.get("id") == id_]
        index = (same or [len(calls) if id_ else max(calls, default=place)])[0]
    known = calls.setdefault(index, {"type": "function", "function": {}})
    if id_:
        known["id"] = id_
    if isinstance(call.get("function"), dict):
        _add_function(known["function"], call["function"])


def _add_function(function: Event, piece: Event) -> None:
    """Add a piece of a call's function: its name comes whole, its arguments in pieces."""
    if piece.get("name"):
        function["name"] = piece["name"]
    arguments = piece.get("arguments")
    if isinstance(arguments, str):
        before = function.get("arguments")
        function["arguments"] = f"{before if isinstance(before, str) else ''}{arguments}"
    elif arguments is not None:
        function["arguments"] = arguments
