"""Finds claims to have used the tool: a persona has only read a description.

The US Federal Trade Commission's rule on reviews (16 CFR 465, in force since 2024-10-21)
forbids reviews that misrepresent an experience, those written by a model included.
"""

from __future__ import annotations

import re

from panel.checks.claims import CLAIMS, CLAIMS_OF_DEEDS
from panel.checks.findings import Finding, Span, Spans, at
from panel.checks.folding import folded
from panel.checks.sentences import Sentences
from panel.checks.source import Source
from panel.checks.suspicions import suspicions
from panel.checks.words import words_in

_CLAIMS = (*CLAIMS, *CLAIMS_OF_DEEDS)
# before the words: a supposition, a wish or a denial in the same clause
_EMPTY_BEFORE = re.compile(
    r"""
    \b(?:
      if|when(?= \s+(?:I|we)\s+(?:can|could) )
      |before|until|unless|had|would|could|can|should|must|might|may|will|to|whether
      |cannot|never|not|nobody|suppose|imagine|wish|were|nor|no
    )\b [^.;:!?]{0,40} $
    | [’']d\s* $                      # "I'd"
    | n[’']t\s+ [^.;:!?]{0,30} $      # "haven't"
    """,
    re.I | re.X,
)
_EMPTY_AFTER = re.compile(r"\s+(?:would|could|might|will)\b", re.I)  # "an afternoon with it would"
_EMPTY_INSIDE = re.compile(
    r"\b(?: not | never(?!\s+once) | would | could )\b | n[’']t\b | [’']d\b", re.I | re.X
)
_DEED = re.compile(
    r"\b(?:ran|worked|took|gave|was|were|held|holds|did|felt|kept|made|saw|caught|went|came|lost|broke"
    r"|froze|found|read|cut|has\s+been|have\s+been|\w{3,}ed)\b",
    re.I,
)
_NO_DEED = re.compile(r"\b(?:would|could|might|may|will|must|should|needs?)\b|[’']d\b", re.I)

_REMEDY = (
    "Rewrite it from the description (“the page says ...”), or remove it: nobody here has "
    "used the tool."
)


def check_experience(text: str, sentences: Sentences, source: Source) -> list[Finding]:
    """Find claims to have used the tool; suppositions and denials do not count."""
    found: list[Finding] = []
    told = Spans()
    for claim in words_in(text).which(_CLAIMS):
        for match in claim.finditer(text):
            span = (match.start(), match.start() + len(match[0].rstrip()))
            if _empty(text, span, sentences, source):
                continue
            start, end = sentences.clause(span[0])
            if claim in CLAIMS_OF_DEEDS and (
                _NO_DEED.search(text, start, end) or not _DEED.search(text, start, end)
            ):
                continue
            around = sentences.around(span[0])
            if told.touch(around):
                continue  # a sentence makes one such claim, in however many words
            says = ("a claim of own use, and nobody used the tool", _REMEDY)
            found.append(at(text, span, "first-person-use", "error", says))
            told.add(span)
    for span in suspicions(text, sentences):
        if (
            told.touch(sentences.around(span[0]))
            or folded(text[slice(*span)]).text in source.folded
        ):
            continue
        says = ("said as by somebody who used the tool, and nobody did", _REMEDY)
        found.append(at(text, span, "first-person-use", "warning", says))
        told.add(span)
    return found


def claims_use(phrase: str) -> bool:
    """Whether a phrase is itself such a claim ("I tried"), which this check reports."""
    return any(next(claim.finditer(phrase), None) for claim in words_in(phrase).which(_CLAIMS))


def _empty(text: str, span: Span, sentences: Sentences, source: Source) -> bool:
    """Whether the words deny or suppose the use, or are quoted from the description."""
    start, _end = sentences.around(span[0])
    if (
        _EMPTY_INSIDE.search(text, *span)
        or _EMPTY_AFTER.match(text, span[1])
        or _EMPTY_BEFORE.search(text[start : span[0]])
    ):
        return True
    return folded(text[span[0] : span[1]]).text in source.folded
