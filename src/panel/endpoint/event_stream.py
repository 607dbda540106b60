"""Reads an event stream as the one completion that its chunks add up to.

Requests ask for no stream, but some servers and gateways send one all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

ENDED = "the event stream ended before its reply did"
DONE = "[DONE]"
BEGUN = "reply_begun"  # the field of a stream's error that says so
MOST_LINES = 500_000  # of a stream; a token has two
_LINE_END = re.compile(r"\r\n|\n|\r")
_COPIED = ("id", "created", "model", "system_fingerprint", "usage")
_CHOICE = ("finish_reason", "native_finish_reason")
# What some servers write where there is nothing to say, once or in every chunk.
NOTHING = re.compile(r"(?>\W*(?:(?:none|null|nil|undefined|n\W?a|false)\W*)*)", re.I)
Event = dict[str, Any]
Pieces = dict[str, list[Any]]  # of each field of a message, in the order of the chunks


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

    read: reads a text as JSON. Lines that are JSON without a field are events, too. What lies
    behind MOST_LINES is not read.
    """
    name, data = "", list[str]()
    for line in (*_LINE_END.split(text.lstrip("\ufeff"), MOST_LINES)[:MOST_LINES], ""):
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
    lines = [line.strip() for line in data if line.strip()]
    each = [(line, read(line) if "{" in line else None) for line in lines]
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
    pieces: Pieces = {}
    whole: Event = {}
    text, done = "", False
    for event in events:
        if event == DONE:
            done = not text
        elif isinstance(event, str):
            text = text or event
        elif event.get("error") or event.get("object") == "error":
            if not _finished(choice):
                return _broken_off(body, event, pieces)
        else:
            body |= {name: event[name] for name in _COPIED if event.get(name) is not None}
            for part in _choices(event):
                text = ""
                choice |= {name: part[name] for name in _CHOICE if _says(part.get(name))}
                _add_logprobs(choice, part.get("logprobs"))
                if isinstance(part.get("delta"), dict):
                    for name, value in part["delta"].items():
                        pieces.setdefault(name, []).append(value)
                elif isinstance(part.get("message"), dict):
                    whole = part["message"]
    pieces.pop("role", None)
    message = {name: _together(name, listed) for name, listed in pieces.items()}
    message = message if any(message.values()) else whole or message
    if not _finished(choice) and not (done and any(message.values())):
        error = {"error": {"message": f"{ENDED}: {text}" if text else ENDED}}
        return _broken_off(body, error, message)
    return {**body, "choices": [{"index": 0, "message": message, **choice}]}


def _broken_off(body: Event, error: Event, said: Event) -> Event:
    """Return an error with what came before it: what was counted, and whether a reply had begun."""
    begun = any(value for name, value in said.items() if name != "role")
    return {**body, **error, BEGUN: begun}


def _says(value: Any) -> bool:
    return value is not None and not (isinstance(value, str) and NOTHING.fullmatch(value))


def _finished(choice: Event) -> bool:
    return any(choice.get(name) for name in _CHOICE)


def _choices(event: Event) -> Iterator[Event]:
    choices = event.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("index", 0) in (0, None):
            yield choice


def _add_logprobs(choice: Event, logprobs: Any) -> None:
    """Add a chunk's lists of probabilities to those of the chunks before."""
    for name, listed in logprobs.items() if isinstance(logprobs, dict) else ():
        if isinstance(listed, list):
            choice.setdefault("logprobs", {}).setdefault(name, []).extend(listed)


def _together(name: str, pieces: list[Any]) -> Any:
    """Put a field together from its pieces, each of which may have any type."""
    if name == "tool_calls":
        return _calls(pieces)
    if name == "function_call":
        return _function(pieces)
    if not any(isinstance(piece, dict | list) for piece in pieces):
        return _text(pieces)
    said = [piece for piece in pieces if _text([piece]) or isinstance(piece, dict | list)]
    return said[0] if len(said) == 1 else [part for piece in said for part in _as_parts(piece)]


def _text(pieces: list[Any]) -> str:
    """Join pieces of text. A number among them is a token of digits that came without quotes."""
    return "".join(
        piece if isinstance(piece, str) else str(piece)
        for piece in pieces
        if isinstance(piece, str | int | float) and not isinstance(piece, bool)
    )


def _as_parts(piece: Any) -> list[Any]:
    if isinstance(piece, list):
        return piece
    return [piece if isinstance(piece, dict) else {"type": "text", "text": _text([piece])}]


def _calls(pieces: list[Any]) -> list[Event]:
    """Put calls together. An index says of which a piece is, or else an id, which may be new.

    A piece with neither belongs to the call of the one before, if it comes alone.
    """
    calls: dict[int, list[Any]] = {}
    known: dict[str, int] = {}
    last = most = -1
    for piece in pieces:
        listed = piece if isinstance(piece, list) else [piece]
        for place, call in enumerate(listed):
            if not isinstance(call, dict):
                continue
            index, id_ = call.get("index"), call.get("id")
            if isinstance(index, int):
                last = index
            elif isinstance(id_, str) and id_:
                last = known.get(id_, most + 1)
            elif len(listed) > 1 or last < 0:
                last = place
            if isinstance(id_, str):
                known.setdefault(id_, last)
            most = max(most, last)
            calls.setdefault(last, []).append(call.get("function", call))
    return [{"type": "function", "function": _function(each)} for each in calls.values()]


def _function(pieces: list[Any]) -> Event:
    """Put a call's function together: its name comes whole, its arguments in pieces or as JSON."""
    said = [piece for piece in pieces if isinstance(piece, dict)]
    names = [piece["name"] for piece in said if piece.get("name")]
    arguments = [piece.get("arguments") for piece in said]
    read = [each for each in arguments if isinstance(each, dict | list)]
    function = {"arguments": read[-1] if read else _text(arguments)} if said else {}
    return {"name": names[-1], **function} if names else function
