"""Vote ids: under what a tool's readers' votes are kept, whatever the tool is called.

They follow from the renames of a workspace alone, so a rename moves no vote. A tool that was never
renamed has its first slug as its id.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from panel.cells.renames import Rename
from panel.workspace.tools import SLUG_CHARACTERS, is_slug

MARK = "~"  # in no slug
LONGEST = 2 * SLUG_CHARACTERS + 8
_NUMBER = re.compile(r"[1-9][0-9]{0,4}")


def vote_ids(
    present: Collection[str], renames: Iterable[Rename], formerly: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Return the vote id of each tool; no two of them have the same.

    present: the tools' slugs. renames: those that the journals know, oldest first. formerly: the
    slugs that a file says its tool had before, oldest first. Of these the first counts, unless a
    tool has it now, the journals know it, or an earlier file names it: the file may be wrong.
    """
    ids = _by_journals(renames)
    taken = {*present, *ids}
    for slug, (first, *_later) in ((slug, was) for slug, was in formerly.items() if was):
        if slug in present and first not in taken and is_slug(first):
            ids[slug] = first
            taken.add(first)
    return {slug: ids.get(slug, slug) for slug in present}


def _by_journals(renames: Iterable[Rename]) -> dict[str, str]:
    """Return the id of each slug of a rename, and for one that is free the next tool's there.

    Where two commands see a rename at once, both write it down: it is one.
    """
    ids: dict[str, str] = {}
    last: dict[str, Rename] = {}
    given = Counter[str]()
    for rename in renames:
        was, now = rename.was, rename.now
        if rename.of != "tool" or was == now or not (is_slug(was) and is_slug(now)):
            continue
        if last.get(was) == last.get(now) == rename:
            continue
        later = f"{was}{MARK}{now}"
        given[later] += 1
        ids[now] = ids.get(was, was)
        ids[was] = later if given[later] == 1 else f"{later}{MARK}{given[later]}"
        last[was] = last[now] = rename
    return ids


def is_vote_id(text: str) -> bool:
    """Whether a text can be a tool's vote id."""
    if len(text) > LONGEST:
        return False
    first, *more = text.split(MARK)
    numbered = len(more) == 2 and _NUMBER.fullmatch(more[1]) is not None
    return is_slug(first) and (not more or (is_slug(more[0]) and (len(more) == 1 or numbered)))
