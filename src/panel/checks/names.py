"""Finds names that a take brings in from outside: products, companies, places, certificates."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from panel.checks.findings import Finding, Severity, Span, Spans, Subject, at
from panel.checks.scenario import Scenario
from panel.checks.sentences import Sentences
from panel.checks.source import OTHER_SCRIPT, ById, Source, bare, words_of
from panel.checks.vocabulary import AMBIGUOUS, FORMATS, PLAIN, STARTERS, WELL_KNOWN
from panel.checks.words import words_in
from panel.workspace.personas import Persona

SHORTEST = 3  # letters by which a longer name of the source is recognised
NUMBERS = 4  # that belong to a name
REACH = 20  # characters before a word that show a bullet

_DOTTED = re.compile(r"[A-Za-z]\w*\.(?:js|cpp|ai|io|dev|py|rs|net|com|org|app|sh)", re.I)
_UNIT = re.compile(r"[A-Za-z]{1,4}(?:/s)?")  # GB, MB/s
# 8x, 128K, 70B-class, mid-2027
_FIGURE = re.compile(r"\d[\d.,]*(?:[A-Za-z]{1,3})?(?:-\w+)?|(?:mid|early|late|pre|post)-\d+", re.I)
_SHORTENED = re.compile(r"(\w+)['’](?:m|ve|d|ll|re|s|t)", re.I)  # I'm, we've
_BULLET = re.compile(r"(?:^|\n)[^\S\n]*(?:[-*•]|\d+[.)])\s*$")
_BULLETS = ("-", "*", "•", ".", ")")  # what a bullet ends with
_SMALL = re.compile(r"(?<![\w.-])[a-z]\w{2,}+(?![\w.-])")  # words written small
# Endings of words that begin a sentence without being a name: Hosting, Accuracy, Nearly.
_COMMON = re.compile(
    r"\w+(?:ing|ed|ly|[ts]ion|ment|ness|ity|ance|ence|racy|vacy|ism|ship|ware|able|ible|ful|less"
    r"|ous|ive|ers|ies)"
)
# What makes a name of a word that is a common one, too, at the start of a sentence: Slack, Windows.
_NAME_AFTER_ALL = re.compile(
    r"""
    ['’]s\b
    | ,? \s+ (?: and\s+ | or\s+ )? [A-Z] | ,\s+which\b
    | \s+ (?: or\s+another|with\s+its )\b
    | \s+ (?: is|has|does|was|could|can|will|would|might|may|already|offers|charges|ships|sells
      |owns|itself|alone|users )\b
    """,
    re.X,
)
_NUMBERED = re.compile(r" v?(?:\d+(?:\.\d+)+|\d+(?:\.\d+)?[BbMK])\b")  # Falcon 180B
# What makes a name of an unknown capitalised word at the start of a sentence, if it follows.
_NAME_FOLLOWS = re.compile(
    r"""
    \s* \( (?: which|also|the|an?|Apache|MIT|\w+-licensed )       # Descript (which ...
    | ,\s+which\b
    | \s(?: and|or )\s+ [A-Z][\w.]+ \s+
      (?: are|were|come|do|have|offer|also )\b                    # Descript and Otter are ...
    | ,?\s+(?: charges|offers|ships|sells|owns|does\ so )\b       # Descript charges ...
    | \s+or\s+another\b
    | \s+(?: has|passed )\b
    """,
    re.X,
)
_PLACED = re.compile(r"\b(?:in|at|from|near|outside|around|across)\s+(?:the\s+)?$", re.I)
_JOINED = re.compile(r" v?\d+(?:\.\d+)*[A-Za-z]*(?![\w%])")  # the 3.1 of Llama 3.1


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the take's words.

    labels: words of the persona; small: those that it writes small.
    """

    source: Source
    scenario: Scenario
    labels: frozenset[str]
    small: frozenset[str]

    def plain(self, word: str) -> bool:
        """Whether a word, in small letters, is written small in the take or by the persona."""
        if word in self.small:
            return True
        text = self.scenario.sentences.text
        return word in text and word in _SMALL.findall(text)

    def holds(self, word: str) -> bool:
        """Whether a word is in the source or in the persona's labels, or names no product."""
        word = _bare(word)
        words = self.source.words
        if word in words or word in PLAIN or word in self.labels:
            return True
        stem = word.removesuffix("s")
        if stem in words or stem in PLAIN:
            return True
        # "Mac" where the source says macOS, "Postgres" where it says PostgreSQL
        if len(word) < SHORTEST or word not in self.source.folded:
            return False
        at = bisect_left(self.source.sorted_words, word)
        return any(known.startswith(word) for known in self.source.sorted_words[at : at + 1])

    def spelt_otherwise(self, text: str, span: Span) -> bool:
        """Whether the source may have a name in other letters: 東京 for Tokyo, Köln for Cologne."""
        if self.source.unlatin > OTHER_SCRIPT:
            return True
        if not (self.source.unlatin or self.source.foreign):
            return False
        before = text[max(0, span[0] - REACH) : span[0]]
        return bool(_PLACED.search(before)) and bare(text[slice(*span)]) not in WELL_KNOWN


_Name = tuple[Span, bool]  # where it stands, and whether it is that of a format


def check_names(
    subject: Subject, scenario: Scenario, source: Source, taken: Spans
) -> list[Finding]:
    """Find names that are not in the source; each is reported once per take.

    taken: spans that other checks report on.
    """
    text = subject.text
    sentences = scenario.sentences
    known = _Known(source, scenario, *_words_of(ById(subject.persona)))
    found: list[Finding] = []
    seen: set[str] = set()
    for span, formats in _runs(text, _unknown(text, sentences, known), taken):
        name = bare(text[span[0] : span[1]])
        if name in seen:
            continue
        seen.add(name)
        found.append(_finding(text, span, formats, known, sentences))
    return found


def _finding(text: str, span: Span, formats: bool, known: _Known, sentences: Sentences) -> Finding:
    severity: Severity = "warning"
    message = "a name that is not in the source: verify"
    if sentences.marked(span[0]):
        severity, message = "note", "a name from outside, marked as such"
    elif sentences.said_missing(span):
        severity, message = "note", "a name from outside, named as missing"
    elif formats:
        severity, message = "note", "a format or protocol that is not in the source"
    elif known.scenario.person(span):
        severity, message = "note", "the name of somebody who is made up"
    elif known.scenario.place(span):
        severity, message = "note", "a name of an imagined user's place or things"
    elif known.spelt_otherwise(text, span):
        severity, message = "note", "a name that the source may spell in another language"
    remedy = "Check what is said about it, or remove it, or mark it “[unverified]”."
    return at(text, span, "name-outside-source", severity, (message, remedy))


_bare = lru_cache(maxsize=8192)(bare)


@lru_cache(maxsize=64)
def _words_of(key: ById[Persona]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the words of a persona's name, motto and beats, which it may write with capitals.

    And those that its file writes without a capital: no names, most likely.
    """
    persona = key.thing
    named = [persona.name, persona.motto, *(beat.label for beat in persona.beats)]
    parts = [persona.voice, persona.ship_bar, persona.skip_bar, *persona.avoid]
    parts += [beat.ask for beat in persona.beats]
    return frozenset(words_of(" ".join(named))), frozenset(_SMALL.findall(" ".join(parts)))


def _unknown(text: str, sentences: Sentences, known: _Known) -> Iterator[_Name]:
    """Yield the words that are written as names are, and that the source does not have."""
    for start, end, word in words_in(text).capitals:
        if not _is_name(word) or known.holds(word):
            continue
        if _is_unit(word) and _after_number(text, start):
            continue
        last = start + len(word)
        if _initial(text, start, sentences) and not _is_name_first(
            word, text[last : end + 60], known
        ):
            continue
        if strangers := [part for part in _parts(word) if not known.holds(part)]:
            yield (start, last), all(_format(part.casefold()) for part in strangers)


@lru_cache(maxsize=8192)
def _parts(word: str) -> list[str]:
    """Return the parts of a compound that are written as names are, or else the whole."""
    if word.isalnum():
        return [word]
    return [part for part in re.split(r"[-/]", word) if any(map(str.isupper, part))] or [word]


@lru_cache(maxsize=8192)
def _is_unit(word: str) -> bool:
    return _UNIT.fullmatch(word) is not None


def _after_number(text: str, start: int) -> bool:
    return text[max(0, start - REACH) : start].rstrip()[-1:].isdigit()


def _format(word: str) -> bool:
    return word in FORMATS or word.rstrip("s") in FORMATS


def _initial(text: str, position: int, sentences: Sentences) -> bool:
    before = text[max(0, position - REACH) : position].rstrip(" ")
    return (
        sentences.begins(position)
        or before.endswith((":", "“", '"', "‘", "(", "—", "–", "/", "*", "\n", "…"))
        or (before.endswith(_BULLETS) and bool(_BULLET.search(before)))
    )


@lru_cache(maxsize=8192)
def _is_name(word: str) -> bool:
    """Whether a word is written as a name is, wherever it stands."""
    if _DOTTED.fullmatch(word):
        return True
    if _FIGURE.fullmatch(word) or all(len(part) < SHORTEST - 1 for part in re.split("[-/]", word)):
        return False  # a figure; a letter: plan B, A/B
    pair = _SHORTENED.fullmatch(word)
    if pair and pair[1].casefold() in STARTERS:  # I'm, we've
        return False
    return any(map(str.isupper, word))


def _is_name_first(word: str, after: str, known: _Known) -> bool:
    """Whether a name is still one at the start of a sentence, where every word has a capital."""
    if _DOTTED.fullmatch(word) or any(map(str.isupper, re.sub(r"-[A-Z]", "-", word[1:]))):
        return True
    small = word.casefold()
    if any(map(str.isdigit, small)):
        return True
    if small in AMBIGUOUS:
        return bool(_NAME_AFTER_ALL.match(after))
    if small in WELL_KNOWN:
        return True
    if small in STARTERS or _COMMON.fullmatch(small) or known.plain(small):
        return False
    if _NUMBERED.match(after) or _NAME_FOLLOWS.match(after):
        return True
    follows = re.match(r"\s+([A-Z][\w.+-]+)", after)
    return bool(follows and _is_name(follows[1]) and not known.holds(follows[1]))


def _runs(text: str, names: Iterable[_Name], taken: Spans) -> list[_Name]:
    """Join neighbouring names, and the numbers that follow one: "Llama 3.1 405B"."""
    runs: list[_Name] = []
    for own, known_format in names:
        if taken.touch(own):
            continue
        span = _with_numbers(text, own)
        if runs and text[runs[-1][0][1] : span[0]] == " ":
            runs[-1] = ((runs[-1][0][0], span[1]), runs[-1][1] and known_format)
        else:
            runs.append((span, known_format))
    return runs


def _with_numbers(text: str, span: Span) -> Span:
    end = span[1]
    for _number in range(NUMBERS if text[end : end + 1] == " " else 0):
        number = _JOINED.match(text, end)
        if number is None or re.match(r" (?:19|20)\d\d$", number[0]):
            break
        end = number.end()
    return span[0], end
