"""How alike texts are: compression, BLEU of each against the others, distinct n-grams, phrases.

No one figure is enough: they correlate little (Shaib et al., arXiv 2403.00553). Every one of them
grows or falls with the length of the texts and with their number, so compare only what is matched
in both (Shaib et al.; arXiv 2507.15092).
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

PHRASE = 5  # words of a phrase that is repeated
OPENING = 4  # words of an opening, as the check "worn-opening" counts them
ORDERS = 4  # BLEU's longest n-gram
_WORD = re.compile(r"\w++(?:['’]\w++)?")
# The default tokenizer of sacrebleu ("13a", of NIST's mteval-v13a.pl), step by step.
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_STEPS = (
    (re.compile(r"([{-~\[-` -&(-+:-@/])"), r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),  # unless a figure stands before
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),  # or behind
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
_Grams = Counter[tuple[str, ...]]


def words(text: str) -> list[str]:
    """Return the words of a text in small letters, without punctuation."""
    return [match[0] for match in _WORD.finditer(text.casefold())]


def compression_ratio(texts: Sequence[str]) -> float | None:
    """Return how many times shorter zlib (level 9) makes the texts; None without a text.

    The texts are joined by line feeds. Higher means more repetition.
    """
    raw = "\n".join(texts).encode("utf-8", "replace")
    return len(raw) / len(zlib.compress(raw, 9)) if raw else None


def distinct(texts: Iterable[str], n: int) -> float | None:
    """Return the share of different n-grams among all of the texts; None without any.

    Li et al. (2016), A diversity-promoting objective function, NAACL: words as spaces part them.
    """
    grams = Counter(chain.from_iterable(_ngrams(text.split(), n) for text in texts))
    return len(grams) / grams.total() if grams else None


def repeated_phrases(texts: Sequence[str], n: int = PHRASE) -> float | None:
    """Return the share of words that stand in a phrase of n words that another text has, too.

    None without a word.
    """
    split = [words(text) for text in texts]
    whole = sum(map(len, split))
    if not whole:
        return None
    held = Counter(chain.from_iterable(set(_ngrams(each, n)) for each in split))
    covered = 0
    for each in split:
        places = (start for start, gram in enumerate(_ngrams(each, n)) if held[gram] > 1)
        covered += len({start + step for start in places for step in range(n)})
    return covered / whole


def commonest_opening(texts: Sequence[str], n: int = OPENING) -> tuple[str, float] | None:
    """Return the n words that most texts begin with, and the share of the texts that do.

    None where no text has n words. Of equally common openings the first in the alphabet.
    """
    split = [words(text)[:n] for text in texts]
    openings = Counter(" ".join(each) for each in split if len(each) == n)
    if not openings:
        return None
    opening, many = min(openings.items(), key=lambda each: (-each[1], each[0]))
    return opening, many / len(texts)


def self_bleu(texts: Sequence[str]) -> float | None:
    """Return the mean BLEU of each text against all others, 0 to 100; None below two texts.

    Zhu et al. (2018), Texygen, SIGIR, with BLEU as ``sentence_bleu`` has it. Higher means more
    alike. The time grows in line with the number of texts.
    """
    if len(texts) < 2:
        return None
    split = [_tokens(text) for text in texts]
    grams = [_counted(tokens) for tokens in split]
    # Of each n-gram the two highest counts: a text is clipped by the best of the others.
    best: defaultdict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
    for counts in grams:
        for gram, many in counts.items():
            pair = best[gram]
            if many > pair[0]:
                pair[:] = many, pair[0]
            elif many > pair[1]:
                pair[1] = many
    lengths = Counter(map(len, split))
    scores = []
    for tokens, counts in zip(split, grams, strict=True):
        clipped = {
            gram: min(many, best[gram][1 if many == best[gram][0] else 0])
            for gram, many in counts.items()
        }
        others = lengths - Counter([len(tokens)])
        scores.append(_bleu(len(tokens), counts, clipped, others))
    return sum(scores) / len(scores)


def sentence_bleu(text: str, references: Sequence[str]) -> float:
    """Return the BLEU of one text against references, 0 to 100.

    Papineni et al. (2002), as sacrebleu (Post 2018) computes it for a sentence by default: its
    tokenizer 13a, exponential smoothing, effective order, the closest length of a reference.
    """
    tokens, others = _tokens(text), [_tokens(each) for each in references]
    counts, best = _counted(tokens), _Grams()
    for each in others:
        best |= _counted(each)
    return _bleu(len(tokens), counts, counts & best, Counter(map(len, others)))


def _bleu(
    length: int, counts: _Grams, clipped: dict[tuple[str, ...], int], others: Iterable[int]
) -> float:
    """Return BLEU of n-grams, and of how often each counts; others: the references' lengths."""
    correct, total = [0] * ORDERS, [0] * ORDERS
    for gram, many in counts.items():
        total[len(gram) - 1] += many
        correct[len(gram) - 1] += clipped.get(gram, 0)
    if not any(correct):
        return 0.0
    smooth, logs = 1.0, []
    for right, all_ in zip(correct, total, strict=True):
        if not all_:
            break
        if not right:
            smooth *= 2
        logs.append(math.log(100 * right / all_ if right else 100 / (smooth * all_)))
    closest = min(others, key=lambda each: (abs(each - length), each))
    brevity = math.exp(1 - closest / length) if length < closest else 1.0
    return brevity * math.exp(sum(logs) / len(logs))


def _tokens(text: str) -> list[str]:
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for written, meant in _ENTITIES:
        text = text.replace(written, meant)
    text = f" {text} "
    for pattern, spaced in _STEPS:
        text = pattern.sub(spaced, text)
    return text.split()


def _counted(tokens: Sequence[str]) -> _Grams:
    return Counter(chain.from_iterable(_ngrams(tokens, n) for n in range(1, ORDERS + 1)))


def _ngrams(tokens: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    return (tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1))
