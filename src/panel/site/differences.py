"""The difference between two wordings, word by word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

CONTEXT = 24  # words that are shown on each side of a change
MOST_EXACT = 1500  # words up to which the difference is computed exactly


@dataclass(frozen=True, slots=True)
class WordChange:
    """A run of words that is in both wordings, only in the old, or only in the new."""

    kind: Literal["same", "gone", "new"]
    text: str


def word_changes(old: str, new: str) -> list[WordChange]:
    """Return the changes from one wording to another, word by word."""
    before, after = re.findall(r"\S+\s*|\s+", old), re.findall(r"\S+\s*|\s+", new)
    matcher = difflib.SequenceMatcher(
        None,
        [word.strip() for word in before],
        [word.strip() for word in after],
        autojunk=max(len(before), len(after)) > MOST_EXACT,
    )
    changes: list[WordChange] = []
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            changes.append(WordChange("same", "".join(after[k:m])))
            continue
        if i < j:
            # The new wording may end where the old one had a blank before its next word.
            apart = changes and changes[-1].kind == "same" and not changes[-1].text[-1:].isspace()
            changes.append(WordChange("gone", " " * bool(apart) + "".join(before[i:j])))
        if k < m:
            changes.append(WordChange("new", "".join(after[k:m])))
    return changes


def folded(changes: Sequence[WordChange], kept: int = CONTEXT) -> list[WordChange]:
    """Leave out the middle of long runs that are in both wordings; " […] " stands for it."""
    shown: list[WordChange] = []
    for number, change in enumerate(changes):
        words = re.findall(r"\S+\s*|^\s+", change.text)
        if change.kind != "same" or len(words) <= 3 * kept:
            shown.append(change)
            continue
        before = "".join(words[:kept]) if number else ""
        after = "".join(words[-kept:]) if number + 1 < len(changes) else ""
        shown.append(WordChange("same", f"{before}[…] {after}" if after else f"{before}[…]"))
    return shown
