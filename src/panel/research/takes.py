"""The takes as texts: which they are, what the prompt dictates of them, and how alike they are."""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from panel.errors import UsageError
from panel.research.extras import needed
from panel.research.frame import FORMS, Source
from panel.scorecard import no_judgement
from panel.stats.diversity import (
    commonest_opening,
    compression_ratio,
    distinct,
    repeated_phrases,
    self_bleu,
    words,
)
from panel.store.connection import Connection
from panel.store.frames import demo_models, persona_records, takes_of
from panel.text import counted

FEWEST_TEXTS = 10  # of a persona, to say how alike they are
SHORT = 0.05  # share of the takes that may be too short for the matched length
_ENDINGS = ("ing", "ed", "es", "s")  # the longest first


@dataclass(frozen=True, slots=True)
class Take:
    """One take: of the first repeat with a verdict of its tool × persona × model."""

    tool: str
    persona: str
    model: str
    text: str


def load_takes(connection: Connection, source: Source) -> list[Take]:
    """Return the takes of a source, without those of demo models: their words are the vendor's.

    Raises UsageError where the store holds none.
    """
    rows = takes_of(connection, source.place)
    if not rows and (demo := demo_models(connection, source.place)):
        raise UsageError(no_judgement(demo))
    if not rows:
        raise UsageError(f"the store holds no takes of {str(source)!r}. Write {FORMS}.")
    return [Take(*row) for row in rows]


def scaffold(connection: Connection, personas: Iterable[str]) -> frozenset[str]:
    """Return the words that the prompt dictates to these personas, cut to their stems.

    Their names, the labels and asks of their beats, what they weigh and their bars, of every
    version of their files that the journals hold.
    """
    found: list[str] = []
    for record in persona_records(connection, sorted(personas)):
        said = json.loads(record)
        beats = [beat[name] for beat in said["beats"] for name in ("label", "ask")]
        texts = [said["name"], *beats]
        texts += [said.get(name) or "" for name in ("weighs", "ship_bar", "skip_bar")]
        found += texts
    return stems(found)


def stems(texts: Iterable[str]) -> frozenset[str]:
    """Return the words of texts, cut to what their forms share."""
    return frozenset(_stem(word) for text in texts for word in words(text))


def masked(text: str, dictated: frozenset[str]) -> str:
    """Return a take without the dictated words, in any of their forms."""
    return re.sub(
        r"\w++(?:['’]\w++)?",
        lambda found: "" if _stem(found[0].casefold()) in dictated else found[0],
        text,
    )


def _stem(word: str) -> str:
    """Return what the forms of an English word share: ship of ships, shipped and shipping."""
    word = word.partition("'")[0].partition("’")[0]
    ending = next(
        (each for each in _ENDINGS if word.endswith(each) and len(word) - len(each) >= 3), ""
    )
    word = word.removesuffix(ending).removesuffix("e")
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


@dataclass(frozen=True, slots=True)
class Diversity:
    """How alike the takes of one persona are, at matched number and length.

    takes: of the persona; n of them are compared, each cut to ``words`` words. vendi: as how many
    wholly different takes they count. repeated, opening_share: shares from 0 to 1. What
    is not estimable is None.
    """

    persona: str
    takes: int
    n: int
    words: int
    compression: float | None
    self_bleu: float | None
    distinct_1: float | None
    distinct_2: float | None
    vendi: float
    repeated: float | None
    opening: str | None
    opening_share: float | None


def diversity(takes: Sequence[Take], seed: int = 0) -> list[Diversity] | str:
    """Return how alike the takes of each persona are; or why that cannot be said.

    All are cut to the length that 95 % of all takes have, shorter ones are left out, and of each
    persona as many are drawn as the one with the fewest has: else the figures would compare
    lengths and numbers.
    """
    split: dict[str, list[list[str]]] = defaultdict(list)
    for take in takes:
        split[take.persona].append(take.text.split())
    lengths = sorted(len(each) for texts in split.values() for each in texts)
    length = max(1, lengths[int(SHORT * len(lengths))])
    long = {
        persona: [" ".join(each[:length]) for each in texts if len(each) >= length]
        for persona, texts in split.items()
    }
    few, n = min((len(texts), persona) for persona, texts in long.items())[::-1]
    if n < FEWEST_TEXTS:
        return f"{few} has {counted(n, 'take')} of {length} words, fewer than {FEWEST_TEXTS}"
    rng = random.Random(seed)  # noqa: S311 - a draw that can be repeated
    return [
        _diversity(persona, len(split[persona]), rng.sample(texts, n), length)
        for persona, texts in sorted(long.items())
    ]


def _diversity(persona: str, takes: int, texts: list[str], length: int) -> Diversity:
    opening, share = commonest_opening(texts) or (None, None)
    return Diversity(
        persona,
        takes,
        len(texts),
        length,
        compression_ratio(texts),
        self_bleu(texts),
        distinct(texts, 1),
        distinct(texts, 2),
        vendi(similarities(texts)),
        repeated_phrases(texts),
        opening,
        share,
    )


def similarities(texts: Sequence[str]) -> Any:
    """Return the cosines of texts by the tf-idf of their words and pairs of words."""
    extraction = needed("sklearn.feature_extraction.text")
    weighed = extraction.TfidfVectorizer(ngram_range=(1, 2), analyzer="word", tokenizer=words)
    weighed.token_pattern = None
    vectors = weighed.fit_transform(texts)
    return (vectors @ vectors.T).toarray()


def vendi(kernel: Any) -> float:
    """Return as how many wholly different items those of a similarity matrix count.

    Friedman and Dieng (2023), The Vendi score, TMLR: the exponential of the entropy of the
    eigenvalues of kernel / n, whose diagonal is 1. From 1 (all the same) to n.
    """
    numpy = needed("numpy")
    values = numpy.linalg.eigvalsh(numpy.asarray(kernel, dtype=float) / len(kernel))
    values = values[values > 1e-12]
    return float(numpy.exp(-(values * numpy.log(values)).sum()))
