"""Cuts the keys in use out of what a server answers, however it has written or divided them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from typing import Any

from panel.endpoint.bodies import decoded, read_parts, read_text
from panel.endpoint.masking import MASK
from panel.endpoint.responses import RawResponse

SECRET_LENGTH = 8  # shorter keys ("ollama", "EMPTY") are words, not secrets
NESTED = 4  # times that a text may be JSON inside a text of JSON

# What local servers are given for a key ("anything", "lm-studio", "not-needed") is a word, too,
# and stands in many a reply.
_WORD = re.compile(r"(?=.{1,19}\Z)(?:[A-Za-z][a-z]*|[A-Z]+)(?:[-_ ](?:[A-Za-z][a-z]*|[A-Z]+))*")
_CODED = re.compile(r"\\u00|%[0-9A-Fa-f]{2}|&#")


class OwnKeys:
    """The secrets of one endpoint, which its server may repeat.

    A header's may have a scheme before it ("Bearer ..."), and come back without.
    """

    def __init__(self, secrets: Iterable[str | None]) -> None:
        texts = set[str]()
        for secret in filter(None, secrets):
            bare = secret.rpartition(" ")[2]
            if len(bare) >= SECRET_LENGTH:
                texts |= {secret, bare}
        self._all = _Pattern(texts)
        self._in_replies = _Pattern({text for text in texts if not _WORD.fullmatch(text)})

    def cut(self, text: str) -> str:
        """Return a server's own words without the secrets."""
        return self._all.cut(text)

    def without(self, answer: RawResponse) -> RawResponse:
        """Return an answer whose body is without the secrets; a key that is a word may be said."""
        pattern = self._all if answer.completion() is None else self._in_replies
        body = pattern.cut_body(answer.body)
        return answer if body is answer.body else answer.with_body(body)

    def without_in_line(self, raw: bytes) -> bytes:
        """Return one line of a file of replies without the secrets."""
        return self._in_replies.cut_body(raw)


class _Pattern:
    """Finds secrets in a text: plain, in base64, in JSON, in an address, in HTML."""

    def __init__(self, texts: set[str]) -> None:
        texts = texts | {base64.b64encode(text.encode()).decode() for text in texts}
        ways = ("".join(map(_written, text)) for text in sorted(texts, key=len, reverse=True))
        self._pattern = re.compile("|".join(ways))
        # The pattern is slow. One of these, or what is coded, is in every text that has a secret.
        self._marks = {max(re.split(r"[^A-Za-z0-9]", text), key=len) for text in texts}

    def cut(self, text: str) -> str:
        if any(mark in text for mark in self._marks) or (self._marks and _CODED.search(text)):
            return self._pattern.sub(MASK, text)
        return text

    def cut_body(self, body: bytes) -> bytes:
        """Cut the secrets out of a body, those too that come in pieces; it is UTF-8 then."""
        if not self._marks or not body:
            return body
        text = decoded(body)
        cut = self.cut(text)
        found = cut != text
        body = cut.encode() if found else body
        value, events = read_parts(body)
        value = value if events is None else events
        if not isinstance(value, dict | list) or not self._cut_pieces(value, found):
            return body
        written = [each if isinstance(each, str) else json.dumps(each) for each in events or ()]
        lines = "".join(f"data: {line}\n\n" for line in written)
        return (lines or json.dumps(value)).encode()

    def _cut_pieces(self, value: Any, found: bool = False, depth: int = 0) -> bool:
        """Cut the secrets out of a JSON value; returns whether it is another one by that.

        found: one was cut out of its text before.

        The texts of one name, whatever the places of their objects in lists, are one text to those
        who put them together. Where it holds a secret all of it goes to the first place, and the
        tokens with their probabilities are left out: they would spell it again.
        """
        texts: dict[tuple[Any, ...], list[tuple[Any, Any]]] = {}
        holders: list[dict[str, Any]] = []
        todo: list[tuple[Any, tuple[Any, ...]]] = [(value, ())]
        for holder, path in todo:  # which grows
            if isinstance(holder, dict) and "logprobs" in holder:
                holders.append(holder)
            named = isinstance(holder, dict)
            for name, inner in holder.items() if named else enumerate(holder):
                where = (*path, name) if named else path
                if isinstance(inner, str):
                    texts.setdefault(where, []).append((holder, name))
                elif isinstance(inner, dict | list) and name != "logprobs":
                    todo.append((inner, where))
        changed = False
        for places in texts.values():
            changed |= self._cut_joined(places, depth)
        for holder in holders if changed or found else ():
            del holder["logprobs"]
            changed = True
        return changed

    def _cut_joined(self, places: list[tuple[Any, Any]], depth: int) -> bool:
        found = False
        for holder, name in places if depth < NESTED else ():
            text = holder[name]
            if text.lstrip()[:1] in ("{", "["):  # an envelope's, or a call's arguments
                inner = read_text(text)
                if isinstance(inner, dict | list) and self._cut_pieces(inner, depth=depth + 1):
                    holder[name], found = json.dumps(inner), True
        joined = "".join(holder[name] for holder, name in places)
        cut = self.cut(joined)
        if cut == joined:
            return found
        for number, (holder, name) in enumerate(places):
            holder[name] = cut if number == 0 else ""
        return True


def _written(letter: str) -> str:
    """Return a pattern of a letter that may have been escaped, and what escaped it, again."""
    code = f"{ord(letter):x}"
    plain = re.escape(letter) if letter.isalnum() else rf"\\{{0,8}}{re.escape(letter)}"
    coded = rf"\\{{1,8}}u00{code}|%(?:25){{0,4}}{code}|&#x0{{0,4}}{code};|&#0{{0,4}}{ord(letter)};"
    named = html.escape(letter, quote=True)
    return rf"(?:{plain}|(?i:{coded}){'' if named == letter else f'|{re.escape(named)}'})"
