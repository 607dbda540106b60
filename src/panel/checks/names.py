"""Finds names that a take brings in from outside: products, companies, places, certificates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from panel.checks.findings import Finding, Severity, Span, Subject, at, overlap
from panel.checks.sentences import Sentences
from panel.checks.source import WORD, Source, bare, unpossessed, words_of
from panel.checks.vocabulary import FORMATS, PLAIN, STARTERS, WELL_KNOWN

_DOTTED = re.compile(r"[A-Za-z]\w*\.(?:js|cpp|ai|io|dev|py|rs|net|com|org|app|sh)", re.I)
_UNIT = re.compile(r"[A-Za-z]{1,4}(?:/s)?")  # GB, MB/s
_FIGURE = re.compile(r"\d[\d.,]*(?:[A-Za-z]{1,3})?(?:-\w+)?")  # 8x, 128K, 70B-class
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
_JOINED = re.compile(r" v?\d+(?:\.\d+)*[A-Za-z]*(?![\w%])")  # the 3.1 of Llama 3.1


@dataclass(frozen=True, slots=True)
class _Token:
    span: Span
    text: str
    unknown: bool
    known_format: bool


def check_names(
    subject: Subject, sentences: Sentences, source: Source, taken: list[Span]
) -> list[Finding]:
    """Find names that are not in the source; each is reported once per take.

    taken: spans that other checks report on.
    """
    text = subject.text
    persona = frozenset(words_of(f"{subject.persona.name} {subject.persona.motto}"))
    persona |= {word for beat in subject.persona.beats for word in words_of(beat.label)}
    tokens = [token for token in _tokens(text, sentences, source, persona) if token.unknown]
    found: list[Finding] = []
    seen: set[str] = set()
    for span, formats in _runs(text, tokens, taken):
        name = bare(text[span[0] : span[1]])
        if name in seen:
            continue
        seen.add(name)
        found.append(_finding(text, span, formats, sentences))
    return found


def _finding(text: str, span: Span, formats: bool, sentences: Sentences) -> Finding:
    severity: Severity = "warning"
    message = "a name that is not in the source: verify"
    if sentences.marked(span[0]):
        severity, message = "note", "a name from outside, marked as such"
    elif sentences.said_missing(span):
        severity, message = "note", "a name from outside, named as missing"
    elif formats:
        severity, message = "note", "a format or protocol that is not in the source"
    remedy = "Check what is said about it, or remove it, or mark it “outside knowledge, to verify”."
    return at(text, span, "name-outside-source", severity, (message, remedy))


def _tokens(
    text: str, sentences: Sentences, source: Source, persona: frozenset[str]
) -> Iterator[_Token]:
    for match in WORD.finditer(text):
        if match[0].islower() and "." not in match[0]:
            continue  # most words end here
        word = unpossessed(match[0])
        if _UNIT.fullmatch(word) and text[: match.start()].rstrip()[-1:].isdigit():
            continue
        initial = _initial(text, match.start(), sentences)
        if not _is_name(word, initial, text[match.end() :][:60]):
            continue
        folded_word = word.casefold()
        parts = [part for part in re.split(r"[-/]", word) if any(map(str.isupper, part))] or [word]
        strangers = [part for part in parts if not _known(part.casefold(), source, persona)]
        yield _Token(
            (match.start(), match.start() + len(word)),
            word,
            unknown=bool(strangers) and not _known(folded_word, source, persona),
            known_format=all(_format(part.casefold()) for part in strangers),
        )


def _format(word: str) -> bool:
    return word in FORMATS or word.rstrip("s") in FORMATS


def _initial(text: str, position: int, sentences: Sentences) -> bool:
    before = text[:position].rstrip(" ")
    return sentences.begins(position) or before.endswith((":", "“", '"', "‘", "(", "—", "/", "*"))


def _is_name(word: str, initial: bool, after: str) -> bool:
    if _DOTTED.fullmatch(word):
        return True
    if _FIGURE.fullmatch(word):
        return False
    first, rest = word[:1], word[1:]
    inner = re.sub(r"-[A-Z]", "-", rest) if initial else rest  # Open-Source
    if any(map(str.isupper, inner)) and not (word.isupper() and len(word) < 2):
        return True
    if not first.isupper():
        return False
    if not initial or any(map(str.isdigit, rest)):
        return True
    if word.casefold() in STARTERS:
        return False
    if word.casefold() in WELL_KNOWN:
        return True
    if _NUMBERED.match(after):
        return True
    follows = re.match(r"\s+([A-Z][\w.+-]*)", after)
    if follows and follows[1].casefold() not in (*PLAIN, *FORMATS):
        return True
    return bool(_NAME_FOLLOWS.match(after))


def _known(word: str, source: Source, persona: frozenset[str]) -> bool:
    word = bare(word)
    if word in source.words or word in PLAIN or word in persona:
        return True
    stem = word.removesuffix("s")
    if stem in source.words or stem in PLAIN:
        return True
    # "Mac" where the source says macOS, "Postgres" where it says PostgreSQL
    if len(word) < 3 or word not in source.folded:
        return False
    return any(known.startswith(word) for known in source.words)


def _runs(text: str, tokens: list[_Token], taken: list[Span]) -> Iterator[tuple[Span, bool]]:
    """Join neighbouring names, and the numbers that follow one: "Llama 3.1 405B"."""
    runs: list[tuple[Span, bool]] = []
    for token in tokens:
        if any(overlap(token.span, span) for span in taken):
            continue
        span = _with_numbers(text, token.span)
        if runs and text[runs[-1][0][1] : span[0]] == " ":
            runs[-1] = ((runs[-1][0][0], span[1]), runs[-1][1] and token.known_format)
        else:
            runs.append((span, token.known_format))
    yield from runs


def _with_numbers(text: str, span: Span) -> Span:
    end = span[1]
    while (number := _JOINED.match(text, end)) is not None:
        if re.match(r" (?:19|20)\d\d$", number[0]):
            break
        end = number.end()
    return span[0], end
