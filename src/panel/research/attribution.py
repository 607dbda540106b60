"""Attribution: how often a classifier that learned from other tools names a take's author."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from panel.research.extras import needed
from panel.research.takes import Take
from panel.stats.diversity import words
from panel.stats.votes import Interval, wilson
from panel.text import counted

FEWEST_TAKES = 80  # below, even nine in ten right leaves an interval that reaches below 80 %
FEWEST_TOOLS = 10  # two for each fold
FOLDS = 5
MOST_TAKES = 800  # that are learned from; more cost minutes and tell little more
PERMUTATIONS = 199  # the smallest p is then 0.005
PENALTY = 1.0  # sklearn's C
STEPS, CLOSE = 100, 1e-3  # of a fit: no label changes any more


@dataclass(frozen=True, slots=True)
class Attribution:
    """How often a classifier, trained on other tools, names the persona of a take.

    correct of n takes. chance: the accuracy of naming the commonest persona always. interval: 95 %
    (Wilson), in percent. p: the share of permutations of the labels within each tool, itself
    among them, that reach this accuracy. confusion: persona → persona named → takes.
    """

    n: int
    correct: int
    chance: float
    interval: Interval
    p: float
    permutations: int
    confusion: dict[str, dict[str, int]]

    @property
    def accuracy(self) -> float:
        """The share of takes that are named rightly, 0 to 1."""
        return self.correct / self.n


def why_no_attribution(takes: Sequence[Take], change: Callable[[str], str] = str) -> str | None:
    """Say why takes, once changed, cannot be attributed; None where they can."""
    personas, tools = {take.persona for take in takes}, {take.tool for take in takes}
    if len(personas) < 2:
        return "there is only one persona, so there is nobody to take it for"
    if len(tools) < FEWEST_TOOLS:
        return (
            f"{counted(len(tools), 'tool is', 'tools are')} fewer than "
            f"{FEWEST_TOOLS}, and it is split by tool"
        )
    left = sum(bool(words(change(take.text))) for take in takes)
    if left < FEWEST_TAKES:
        return (
            f"{counted(left, 'take with words is', 'takes with words are')} fewer than "
            f"{FEWEST_TAKES}"
        )
    return None


def attribute(
    takes: Sequence[Take],
    change: Callable[[str], str] = str,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Attribution:
    """Attribute takes to personas: tf-idf and logistic regression, trained on other tools.

    Words alone and in pairs, and three to five characters in a row inside of words. change: what
    is done to a text first, as taking the dictated words out. Tools are parted into five folds,
    so that no word of a tool tells its takes. Raises UsageError where sklearn is missing.
    """
    numpy = needed("numpy")
    personas = sorted({take.persona for take in takes})
    who = numpy.array([personas.index(take.persona) for take in takes])
    tools = numpy.array([take.tool for take in takes])
    rng, labels = numpy.random.default_rng(seed), numpy.tile(who, (permutations + 1, 1))
    for place in (numpy.flatnonzero(tools == tool) for tool in numpy.unique(tools)):
        labels[1:, place] = rng.permuted(labels[1:, place], axis=1)
    named = _named([change(take.text) for take in takes], tools, labels, len(personas))
    right = (named == labels).sum(axis=1)
    confusion = {
        one: {other: int(((who == i) & (named[0] == j)).sum()) for j, other in enumerate(personas)}
        for i, one in enumerate(personas)
    }
    correct = int(right[0])
    interval = wilson(correct, len(takes))
    assert interval is not None  # there are takes
    p = float((right >= correct).sum() / (permutations + 1))
    chance = float(numpy.bincount(who).max() / len(takes))
    return Attribution(len(takes), correct, chance, interval, p, permutations, confusion)


def _named(texts: list[str], tools: Any, labels: Any, many: int) -> Any:
    """Return, for each row of labels, what each text is taken for when the others teach it."""
    numpy, selection = needed("numpy"), needed("sklearn.model_selection")
    extraction, pipeline = needed("sklearn.feature_extraction.text"), needed("sklearn.pipeline")
    named = numpy.empty_like(labels)
    for learned, held in selection.GroupKFold(FOLDS).split(texts, groups=tools):
        vectors = pipeline.make_union(
            extraction.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
            extraction.TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True),
        )
        known = vectors.fit_transform([texts[place] for place in learned])
        asked = vectors.transform([texts[place] for place in held])
        taught = logistic((known @ known.T).toarray(), labels[:, learned], many)
        scores = (asked @ known.T).toarray() @ taught
        named[:, held] = scores.reshape(len(held), many, -1).argmax(axis=1).T
    return named


def logistic(kernel: Any, labels: Any, many: int, c: float = PENALTY) -> Any:
    """Fit many logistic regressions to the same texts at once, one for each row of labels.

    Multinomial, with the squared penalty of sklearn's ``C=c`` and no intercept. kernel: the
    products of the texts' vectors, which is all of them that matters to it. Returns the weights of
    the texts, a column for each label of each row; the label's place comes first. By Böhning
    (1992), Multinomial logistic regression algorithm, Annals of the Institute of Statistical
    Mathematics 44:197-200: Newton's steps with one bound for all second derivatives, so that one
    inverse serves every row.
    """
    numpy = needed("numpy")
    n = len(kernel)
    kernel = kernel.astype(numpy.float32)
    step = numpy.linalg.inv(c / 2 * kernel + numpy.eye(n, dtype=numpy.float32))
    wanted = labels.T[:, None, :] == numpy.arange(many)[None, :, None]
    weights = numpy.zeros((n, many * len(labels)), dtype=numpy.float32)
    for _step in range(STEPS):
        scores = (kernel @ weights).reshape(wanted.shape)
        shares = numpy.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        slope = c * (shares - wanted).reshape(n, -1) + weights
        weights -= step @ slope
        if numpy.abs(slope).max() < CLOSE:
            break
    return weights


def sample_of_tools(takes: Sequence[Take], seed: int = 0) -> list[Take]:
    """Return all takes on tools drawn by chance, as many as can be learned from."""
    if len(takes) <= MOST_TAKES:
        return list(takes)
    by_tool = defaultdict(list)
    for take in takes:
        by_tool[take.tool].append(take)
    names = sorted(by_tool)
    random.Random(seed).shuffle(names)  # noqa: S311 - a draw that can be repeated
    kept: list[Take] = []
    for name in names:
        if len(kept) + len(by_tool[name]) <= MOST_TAKES:
            kept += by_tool[name]
    return kept
