"""Checks licence claims: which licence a take names, for which product, and on what source.

A licence in the description covers the tool under review and nothing else: the same words
about another product are a claim from outside, however true they sound.
"""

from __future__ import annotations

import re

from panel.checks.findings import Finding, Severity, at
from panel.checks.mentions import Mention
from panel.checks.sentences import Sentences
from panel.checks.source import Source
from panel.checks.terms import check_terms, unclaimed
from panel.checks.vocabulary import STARTERS, WELL_KNOWN

NEAR = 120  # characters before a licence that are searched for its owner's name
MOST = 40  # licences checked in one text; no real take has so many
_VERB = r"""
    (?: is|are|was|were|has|have|carries|carry|uses?|comes?|ships?|sits?|stands?|remains?|stays?
      |went|goes|licen[sc]ed|released|published|offered|available|distributed )
"""
# Each part of a name is taken whole or not at all, so that no run of letters is gone through twice.
_DOTS = r"(?> (?: \.++\w++ )* )"
_NAME = rf"""
    (?: [A-Z]\w*+ {_DOTS} | [^\WA-Z]*+[A-Z]\w*+ | [a-z]++\.[a-z]++ )   # Falcon, macOS, llama.cpp
    (?> (?: [-+] [\w+]*+ (?> (?: \.++[\w+]++ )* ) ){{0,9}} ) \.*?
"""
_NAMES = rf"""
    {_NAME}
    (?: \s(?: {_NAME} | v?\d\w*+ {_DOTS} \.*? ) ){{0,5}}           # Llama 3.1 Instruct
"""
_SAID_OF = re.compile(
    rf"""
    (?P<name> {_NAMES} ) (?: ['’]s? )? \s*
    (?:
      \( [^()]{{0,40}}?                                             # Name (Apache
      | ,?\s(?: which|that|who )\s+ (?: itself\s+ )?
        {_VERB} \b [^,;:.()—]{{0,40}}?                              # Name, which is also Apache
      | (?: itself\s | too\s | also\s | already\s )*
        {_VERB} \b [^,;:()—]{{0,40}}?                               # Name is under an Apache
      | ,?\s (?: also\s | likewise\s | itself\s )?
        (?: under|with|at )\b [^,;:.()—]{{0,24}}?                   # Name, also under Apache
      | \s?[,—–-]\s?
        (?: also|likewise|too|itself|equally|now|again )\b [^,;:.()—]{{0,24}}?   # Name — also MIT
    ) $
    """,
    re.X,
)
# a pronoun or a plain noun between name and licence: the tool under review is meant
_OWN = re.compile(
    r"""
    \b(?: it|its|they|their|this|these
      |the\ (?: tool|model|maker|release|weights|engine|server|code|library|binary|vendor
        |licen[sc]e|project )
      |we|you|i )\b
    """,
    re.I | re.X,
)
_A_NAME = re.compile(rf"(?<![\w.+-]) {_NAMES}", re.X)
_POSSESSED = re.compile(
    rf"(?<![\w.+]) (?P<name> {_NAMES} ) ['’]s \s++ (?: own\s++ )? $ | \bits\s $", re.X
)
_PREFIXED = re.compile(
    rf"(?: -licen[sc]ed | \slicen[sc]ed )? \s (?P<name> {_NAMES} ) (?= [\s,.;:)] | $ )", re.X
)


def check_licences(
    text: str, mentions: list[Mention], sentences: Sentences, source: Source
) -> list[Finding]:
    """Find licence claims that the source does not make about the tool under review."""
    found: list[Finding] = []
    for mention in mentions[:MOST]:
        other = _whose(text, mention, sentences, source)
        if other:
            finding = _of_another(text, mention, other, source, sentences)
        else:
            finding = _of_the_tool(text, mention, source, sentences)
        if finding is not None:
            found.append(finding)
    return found + check_terms(text, sentences, source)


def _whose(text: str, mention: Mention, sentences: Sentences, source: Source) -> str:
    """Return the other product that a licence is attributed to; "" for the tool under review."""
    start, end = sentences.around(mention.span[0])
    start = max(start, mention.span[0] - NEAR)
    before = text[start : mention.span[0]]
    first_word = len(before) - len(before.lstrip("\"'“‘("))
    for match in (*_tails(before), *_POSSESSED.finditer(before)):
        name = match["name"]
        if not name or _OWN.search(before, match.end("name")):
            continue
        if match.start("name") == first_word and _plain_word(name, text, match.end("name") + start):
            continue
        if not _own_name(name, source):
            return name
    after = _PREFIXED.match(text[mention.span[1] : end])
    licensed = text[: mention.span[1]].endswith(("licensed", "licenced"))
    if after and (licensed or "licen" in after[0]) and not _own_name(after["name"], source):
        return after["name"]
    return ""


def _tails(before: str) -> list[re.Match[str]]:
    """Match names that lead up to a licence at the end of the text; the nearest name first."""
    found = []
    for named in reversed(list(_A_NAME.finditer(before))):
        match = _SAID_OF.match(before, named.start())
        if match:
            found.append(match)
    return found


def _plain_word(name: str, text: str, end: int) -> bool:
    """Whether a capital at the start of a sentence is only that ("Everything is ...")."""
    if not (name.isalpha() and name[1:].islower()) or name.casefold() in WELL_KNOWN:
        return False
    if name.casefold() in STARTERS:
        return True
    return not re.match(r"\s\(|,\s(?:which|that)\b", text[end:])


_SAID = re.compile(r"\b(?:the|its|their)\s$")  # "the MIT terms": the tool has them
_NAME_WORD = re.compile(r"[\w.+]+")
_NO_NAME = STARTERS | {"license", "licence", "weights", "terms", "code", "engine", "entry", "api"}


def _own_name(name: str, source: Source) -> bool:
    """Whether a name is the tool's own, part of it, or not a product's name at all."""
    own_words = source.name_words
    words = map(str.casefold, _NAME_WORD.findall(name))
    return all(word in own_words or word in _NO_NAME for word in words)


def _of_another(
    text: str, mention: Mention, other: str, source: Source, sentences: Sentences
) -> Finding | None:
    for known in source.licences:
        first, last = source.sentences.around(known.span[0])
        if mention.agrees(known) and other.casefold() in source.text[first:last].casefold():
            return None
    severity: Severity = "warning" if sentences.marked(mention.span[0]) else "error"
    says = (
        f"a licence attributed to {other}, which is not the tool under review",
        f"Look it up at {other}'s own page, or leave the licence out.",
    )
    return at(text, mention.span, "licence-about-another", severity, says)


def _of_the_tool(
    text: str, mention: Mention, source: Source, sentences: Sentences
) -> Finding | None:
    if any(mention.agrees(known) for known in source.licences):
        return None
    said = bool(source.licences and _SAID.search(text, 0, mention.span[0]))
    if not said and unclaimed(text, mention.span, sentences):
        says = (
            "a licence that the source does not name, here denied or supposed",
            "Read it again.",
        )
        return at(text, mention.span, "licence-outside-source", "note", says)
    stated = ", ".join(source.text[a:b] for a, b in (known.span for known in source.licences))
    message = f"the source says {stated}" if stated else "the source names no such licence"
    says = (message, "Correct the licence, or look it up and add it to the description.")
    severity: Severity = "warning" if sentences.marked(mention.span[0]) else "error"
    return at(text, mention.span, "licence-outside-source", severity, says)
