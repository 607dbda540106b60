"""Finds worn phrases: hype that says nothing, and what the persona was told never to write."""

from __future__ import annotations

import re
from functools import lru_cache

from panel.checks.experience import claims_use
from panel.checks.findings import Finding, Severity, Spans, Subject, at
from panel.checks.folding import folded
from panel.checks.source import Source
from panel.checks.vocabulary import STARTERS
from panel.checks.words import Wanted, words_in

BANNED = (
    "paradigm shift", "game-changer", "game-changing", "revolutionary", "revolutionize",
    "revolutionise", "groundbreaking", "cutting-edge", "state-of-the-art solution",
    "best-in-class", "world-class", "next-level", "next-generation", "at the end of the day",
    "only time will tell", "time will tell", "the future of work", "democratize", "democratise",
    "supercharge", "unlock the power", "unleash", "harness the power", "seamless",
    "seamlessly integrates", "robust and scalable", "delve into", "in today's fast-paced",
    "ever-evolving landscape", "rapidly evolving landscape", "a testament to", "win-win",
    "low-hanging fruit", "move the needle", "move fast and break things", "silver bullet",
    "synergy", "disruptive", "disrupts the", "the devil is in the details", "double-edged sword",
    "it goes without saying", "needless to say", "elevate your", "holistic approach",
    "one-stop shop", "must-have", "no-brainer", "the elephant in the room", "red queen business",
    "planting a flag", "compounding moat", "a breath of fresh air",
)  # fmt: skip
_QUOTED = re.compile(r"[\"“‘'«] ( [^\"“”‘’'«»]{3,80} ) [\"”’'»]", re.X)
_OPENED = re.compile(r"[\"“‘«'] [^\"“”‘’«»]{0,60} $", re.X)  # a quotation begun and not ended
_CLOSED = re.compile(r"[^\"“”‘«]{0,60} [\"”’»']", re.X)  # the end of one
_ENDINGS = ("s", "ly", "d", "ed")
NEAR = 64  # characters to each side that show whether words are quoted
LONGEST = 8  # words; a longer `avoid` entry is an instruction, not a phrase


@lru_cache(maxsize=512)
def _worn(phrases: tuple[str, ...]) -> list[Wanted | re.Pattern[str]]:
    """Build a pattern of the phrases that begin with the same word, for each such word."""
    groups: dict[str, list[list[str]]] = {}
    for phrase in sorted(set(phrases), key=len, reverse=True):
        if words := re.findall(r"[^\s-]+", folded(phrase).text):
            first = re.match(r"\w*", words[0])
            assert first is not None
            groups.setdefault(first[0], []).append(words)
    return [_beginning(first, group) for first, group in groups.items()]


def _beginning(first: str, group: list[list[str]]) -> Wanted | re.Pattern[str]:
    """Build one pattern of phrases: blanks or hyphens between words, common endings."""
    built = "|".join(r"[\s-]+".join(map(_word, words)) for words in group)
    pattern = re.compile(rf"(?<!\w)(?:{built})(?:{'|'.join(_ENDINGS)})?(?!\w)", re.I)
    if not first.isascii() or first in ("", *_ENDINGS):
        return pattern
    parts = (re.findall(r"\w+", " ".join(words)) for words in group)
    telling = {max(each, key=lambda word: (word not in STARTERS, len(word))) for each in parts}
    return Wanted(pattern, _forms({first}), _forms(telling))


def _forms(words: set[str]) -> frozenset[str]:
    return frozenset(word + ending for word in words for ending in ("", *_ENDINGS))


def _word(word: str) -> str:
    return re.escape(word).replace("'", "['’]")


@lru_cache(maxsize=256)
def avoided(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Return the phrases of a persona's ``avoid`` list.

    Of an entry with quotation marks, the quoted parts count. An entry without is a phrase
    itself, unless it is longer than eight words. Claims of own use have their own check.
    """
    phrases: list[str] = []
    for entry in entries:
        quoted = _QUOTED.findall(entry)
        if quoted:
            phrases += quoted
        elif len(entry.split()) <= LONGEST:
            phrases.append(entry)
    return tuple(phrase for phrase in phrases if not claims_use(phrase))


def check_wording(subject: Subject, source: Source) -> list[Finding]:
    """Find worn phrases; those quoted from the description are only a note."""
    found: list[Finding] = []
    told = Spans()
    own = _worn(avoided(subject.persona.avoid))
    lists = [(own, f"the {subject.persona.name} was told never to write this")]
    lists.append((_worn(BANNED), "a worn phrase that tells the reader nothing"))
    for patterns, message in lists:
        for match in _matches(patterns, subject.text):
            if told.touch(match.span()):
                continue
            told.add(match.span())
            quoted = _in_quotes(subject.text, match) and folded(match[0]).text in source.folded
            severity: Severity = "note" if quoted else "warning"
            says = (message, "Say the same thing plainly, or leave it out.")
            found.append(at(subject.text, match.span(), "banned-phrase", severity, says))
    return found


def _matches(patterns: list[Wanted | re.Pattern[str]], text: str) -> list[re.Match[str]]:
    """Return the matches of patterns, in the order of the text."""
    tried: list[Wanted | re.Pattern[str]] = [one for one in patterns if isinstance(one, re.Pattern)]
    tried += words_in(text).which([one for one in patterns if isinstance(one, Wanted)])
    found = [match for pattern in tried for match in pattern.finditer(text)]
    return sorted(found, key=re.Match.start)


def _in_quotes(text: str, match: re.Match[str]) -> bool:
    start, end = match.span()
    before, after = text[max(0, start - NEAR) : start], text[end : end + NEAR]
    return bool(_OPENED.search(before) and _CLOSED.match(after))
