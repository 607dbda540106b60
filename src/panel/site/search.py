"""The index of the search: a file of names, and a file of the takes' words.

The script loads the names once a reader turns to the search, and the words after them. Both fold
words alike (``words_of``); the script has the same rule.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

from panel.site import addresses
from panel.site.addresses import href
from panel.site.index import SiteIndex, published_path, published_takes
from panel.site.publication import PublishedTool
from panel.site.render import OutputFile
from panel.text import clean, normal, shortened

NOTE = 90  # characters of a note in the index of names
SHORTEST, LONGEST = 3, 24  # characters of a take's word in the index
COMMON, FEW = 0.25, 20  # the share of the tools that a word may be of, once there are so many
MOST_BYTES = 1_000_000  # of the takes' words: the most common go first

_WORD = re.compile(r"[^\W_]+")


def output_files(index: SiteIndex) -> Iterator[OutputFile]:
    """Yield both files of the index."""
    yield OutputFile(addresses.SEARCH, lambda: names(index))
    yield OutputFile(addresses.SEARCH_WORDS, lambda: words(index))


def names(index: SiteIndex) -> bytes:
    """Return [name, address, note, more words] of tools, categories, tags and reviewers, as JSON.

    Tools come first, by name; ``words`` counts them in this order.
    """
    rows = [_row(published) for published in index.by_name]
    rows += [[clean(each.name), href(each.path), "Category", ""] for each in index.categories]
    rows += [[clean(each.name), href(each.path), "Tag", ""] for each in index.tags]
    rows += [
        [clean(each.name), href(addresses.persona_path(each.id)), "Reviewer", clean(each.motto)]
        for each in index.publication.personas
    ]
    return _json(rows)


def _row(published: PublishedTool) -> list[str]:
    tool = published.tool
    more = clean(" ".join((tool.category, *tool.tags)))
    return [clean(tool.name), href(published_path(published)), shortened(tool.tagline, NOTE), more]


def words(index: SiteIndex) -> bytes:
    """Return word → which tools' takes have it, as JSON: the first's place, then the steps on.

    The most common words are left out, until the file has at most MOST_BYTES.
    """
    found: dict[str, list[int]] = {}
    for place, published in enumerate(index.by_name):
        said = " ".join(take.take for take in published_takes(published))
        for word in {word for word in words_of(said) if SHORTEST <= len(word) <= LONGEST}:
            found.setdefault(word, []).append(place)
    many = len(index.by_name)
    most = many if many < FEW else int(many * COMMON)
    kept: dict[str, list[int]] = {}
    size = 2
    for word, places in sorted(found.items(), key=lambda pair: (len(pair[1]), pair[0])):
        steps = [places[0], *(after - before for before, after in pairwise(places))]
        size += len(_json({word: steps})) - 1
        if len(places) > most or size > MOST_BYTES:
            break
        kept[word] = steps
    return _json(dict(sorted(kept.items())))


def words_of(text: str) -> Iterable[str]:
    """Return the words of a text, without accents and case."""
    plain = normal("NFKD", clean(text))
    bare = "".join(each for each in plain if unicodedata.category(each)[0] != "M")
    return _WORD.findall(bare.lower())


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
