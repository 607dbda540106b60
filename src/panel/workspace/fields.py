"""Kinds of field that people write, and what is asked of every file of theirs."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import zip_longest
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from panel.hashing import content_hash
from panel.text import MOST_MARKS, composed, few_marks
from panel.workspace.mistakes import shown


class Strict(BaseModel):
    """A part of a file: no unknown keys; neither infinity nor NaN, which JSON does not have."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Recorded(Strict):
    """What journals keep a record of, by its hash."""

    def record(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return self.model_dump(mode="json")

    def digest(self) -> str:
        """Return the content hash of everything that is written of it."""
        return self._digest

    @cached_property  # it cannot change, and every attempt's line has it
    def _digest(self) -> str:
        return content_hash(self.record())


def _clean(text: str) -> str:
    for position, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            kind = "NUL" if character == "\0" else "a lone surrogate"
            raise ValueError(
                f"holds {kind} (U+{ord(character):04X}) at character {position + 1}. "
                "Remove that character."
            )
    return text.strip()


def _quick_clean(text: str) -> str:
    # One encode finds the rare bad character; the slow walk then finds its place.
    if "\0" in text:
        return _clean(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        return _clean(text)
    return text.strip()


def _few_marks(text: str) -> str:
    if (safe := few_marks(text)) != text:
        place = next(at for at, (a, b) in enumerate(zip_longest(text, safe), 1) if a != b)
        raise ValueError(
            f"has a letter with more than {MOST_MARKS} combining marks (accents and the like), at "
            f"character {place}. Remove them."
        )
    return text


def _http_address(text: str) -> str:
    if not re.match(r"https?://[^\s/]", text):
        raise ValueError(f"{shown(text)} is not a web address. Begin it with https:// or http://.")
    return text


def _plain_number(value: Any) -> Any:
    """Turn numbers into text: in `name: 7` the author meant text, whatever YAML made of it."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _flag(value: Any) -> Any:
    """Read a flag as YAML's authors write it; in a file of a workspace every word is text."""
    if isinstance(value, str) and value.casefold() in ("true", "false", "yes", "no", ""):
        return value.casefold() in ("true", "yes")
    return value


LONGEST_ADDRESS = 2_000  # characters; browsers and mail programs take little more
Text = Annotated[
    str, BeforeValidator(_plain_number), AfterValidator(_quick_clean), AfterValidator(_few_marks)
]
Line = Annotated[Text, AfterValidator(composed), Field(min_length=1, max_length=500)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Address = Annotated[
    Text,
    AfterValidator(composed),
    Field(max_length=LONGEST_ADDRESS),
    AfterValidator(_http_address),
]
