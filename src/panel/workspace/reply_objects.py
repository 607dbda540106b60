"""Finds the JSON object that is a reply's answer: the last one that stands free of the thoughts."""

from __future__ import annotations

import json
import re
from typing import Any

from panel.workspace.lenient_json import decoder, lenient_object
from panel.workspace.text_calls import CALL, are_divided, called_with, tagged_arguments
from panel.workspace.thoughts import Mark, next_mark, opens_as_thought, thought_end

REPLY_LIMIT = 262_144  # characters of a reply that are searched for JSON, from its end
JSON_STARTS = 2000  # braces at which an object is tried, so that no reply costs minutes
JSON_READ = 4 * REPLY_LIMIT  # characters read in tries that failed


class NoObject(ValueError):  # noqa: N818 - it names the reply, not the fault
    """A reply without an object that is surely the model's own answer; says why."""


def last_object(reply: str, whole: bool = True, alone: bool = False) -> dict[str, Any]:
    """Return the last object outside the thoughts, or a call's arguments in tags.

    Raises NoObject with the reason where there is neither.

    It must stand free. Inside or before an object that cannot be read (cut off, a quote not
    escaped), it may be the vendor's and the unreadable one the model's own. In a reply that is
    not ``whole`` it must also end the answer: what follows may take it back. So it must in one
    that opens with a thought's heading. ``alone``: no words may stand before it either.
    """
    scan = _Scan(reply, whole)
    scan.run()
    if scan.last is None:
        if (tagged := tagged_arguments(scan.gap)) is None:
            raise NoObject("the reply holds no JSON object")
        if alone and _has_words(scan.gap.partition("<")[0]):
            raise NoObject(_MAYBE_DRAFT)
        return tagged
    # A surplus brace at its end is a slip; "{so}" is a word in braces.
    after = _WORD_IN_BRACES.sub("", scan.gap).lstrip("} \t\r\n")
    if scan.depth or "{" in after or "}" in after:
        raise NoObject("the JSON object stands inside or before one that cannot be read")
    if not whole and _has_words(after):
        raise NoObject("the reply was cut short in words that may take its object back")
    if scan.divided:
        raise NoObject("the reply lists two verdicts, and takes back neither")
    if scan.headed and (not whole or _has_words(after)):
        raise NoObject("the reply opens with a thought, and does not end with its object")
    if alone and (scan.began or _has_words(after)):
        raise NoObject(_MAYBE_DRAFT)
    return scan.last


_MAYBE_DRAFT = "there is only a thought, and words beside its object: it may be a draft"
_WORD_IN_BRACES = re.compile(r"\{[^{}:]*\}")


def _has_words(text: str) -> bool:
    """Whether a text has words besides tags and code fences."""
    return re.search(r"\w", re.sub(r"<[^<>\s]{1,40}>|```\w*", "", text)) is not None


class _Scan:
    """A way through a reply, object by object, past the thoughts.

    last: the object found last. depth: the braces open before it. gap: the answer's text since
    then. began: whether words of the answer stand before that object. headed: whether the reply
    opens with the heading of a thought that has not ended. divided: whether objects of
    its list give different verdicts.
    """

    def __init__(self, reply: str, whole: bool) -> None:
        # A model may write blanks without end after its answer; one tells that a number has ended.
        reply = reply[: len(reply.rstrip()) + 1]
        before, self.text = reply[:-REPLY_LIMIT], reply[-REPLY_LIMIT:]
        self.whole = whole
        self.last: dict[str, Any] | None = None
        self.divided = False
        self.gap, self.began, self.headed = "", bool(before), opens_as_thought(reply)
        self.depth = max(0, before.count("{") - before.count("}"))
        # Where an answer begins at once, an end of a thought in it is a word in its text.
        self._own = re.match(r"\W*(json\W*)?\{", reply) is not None
        self._tries, self._unread = JSON_STARTS, JSON_READ
        first = next_mark(before, 0)
        if first and first.opens and not before[: first.start].strip():
            self._end_of(first, reply)

    def run(self) -> None:
        """Go to the end; raises NoObject for a thought without end or a maze of braces."""
        text, position, seen = self.text, 0, 0  # seen: up to where the gap has been collected
        mark, brace = next_mark(text, 0), _next_start(text, 0)
        while True:
            if mark is not None and mark.start < position:
                mark = next_mark(text, position)
            if 0 <= brace < position:
                brace = _next_start(text, position)
            if mark is not None and (brace < 0 or mark.start < brace):
                self.gap += text[seen : mark.start]
                position = seen = self._end_of(mark, text) if mark.opens else self._restart(mark)
            elif brace < 0:
                self.gap += text[seen:]
                return
            elif (end := self._read(brace, seen)) is not None:
                position = seen = end
            elif text[brace] == "(":
                raise NoObject("the call of the tool cannot be read")  # its texts may hold objects
            else:
                position = brace + 1

    def _end_of(self, mark: Mark, text: str) -> int:
        end = thought_end(text, mark, self.whole)
        if end is not None and self.whole and _object_over(text, mark.end, end):
            return mark.end  # the end stands in a string of an answer that begins at once
        if end is None and text[mark.end :].strip():
            raise NoObject("the thought never ends")
        self.headed = False
        return len(text) if end is None else end

    def _restart(self, mark: Mark) -> int:
        """Forget all before the end of a thought that nothing opened: it was the thought."""
        self.depth = _left_open(self.gap, self.depth) if self._own else 0
        self.last, self.gap, self.began, self.headed = None, "", False, False
        self.divided = False
        return mark.end

    def _read(self, brace: int, seen: int) -> int | None:
        """Read the object at a brace; returns its end, None where none can be read."""
        if not self._tries or self._unread < 0:
            raise NoObject("the reply opens more objects than it closes")
        self._tries -= 1
        try:
            value, end = decoder.raw_decode(self.text, brace)
        except json.JSONDecodeError as error:
            self._unread -= error.pos - brace
            value, end = lenient_object(self.text, brace, self.whole)
        except RecursionError:
            self._unread -= JSON_READ // 100  # a hundred such nestings are enough
            return None
        if value is None:
            self._unread -= end - brace
            return None
        before = self.gap + self.text[seen:brace]
        self.depth = _left_open(before, self.depth)
        self.began = self.began or self.last is not None or _has_words(before)
        divided = self.divided or _are_divided(self.last, value)
        self.divided = before.strip() == "," and divided
        self.last, self.gap = value, ""
        return end


def _are_divided(last: dict[str, Any] | None, value: dict[str, Any]) -> bool:
    return are_divided(called_with(each, "verdict") for each in (last or {}, value))


_START = re.compile(rf"\{{|{CALL}")  # of an object, or of the arguments of a call in words


def _next_start(text: str, position: int) -> int:
    found = _START.search(text, position)
    return found.start() if found else -1


_AT_ONCE = re.compile(r"\s*(?:```\w*\s*)?(?=\{)")


def _object_over(text: str, start: int, place: int) -> bool:
    """Whether an object begins right at ``start`` and goes on beyond a later place."""
    begins = _AT_ONCE.match(text, start)
    if begins is None or begins.end() >= place:
        return False
    try:
        return decoder.raw_decode(text, begins.end())[1] > place
    except (json.JSONDecodeError, RecursionError):
        return False


def _left_open(before: str, depth: int) -> int:
    """Count the braces that are open before an object, without those right before its own."""
    for brace in re.findall("[{}]", before.rstrip("{ \t\r\n")):
        depth = depth + 1 if brace == "{" else max(0, depth - 1)
    return depth
