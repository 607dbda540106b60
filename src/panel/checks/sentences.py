"""Splits a take into sentences and clauses, and tells which suppose, deny or look ahead."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable

from panel.checks.findings import Span

REACH = 300  # characters to each side that are looked at, so that no odd text costs minutes

_SENTENCE_END = re.compile(
    r"""
    [.!?…]+ [\"'”’)\]]*        # the mark, and quotes or brackets closed after it
    (?= \s+[^\sa-z] | \s*$ )   # then no small letter
    | \n{2,}                   # or an empty line
    """,
    re.X,
)
_ABBREVIATION = re.compile(r"\b(e\.g|i\.e|vs|etc|approx|no|dr|mr|ms|st|inc|ltd|cf)\.$", re.I)
_CLAUSE_END = re.compile(
    r"""
    [;:—–] | \s-\s                                                    # a mark or a dash
    | ,\s+ (?= (?: and|but|so|which|while|whereas|yet|though ) \b )   # a comma and its conjunction
    | , (?=\s)                                                        # any other comma
    """,
    re.X,
)

_PART_END = re.compile(r"[;—–]|:\s")
_HYPOTHETICAL = re.compile(
    r"""
    \b(
      if|unless|until|suppose|supposing|imagine     # conditions
      |would|could|might|should|(?-i:may)           # modals, but not the month of May
      |whether
      |(?: were\s+(?:I|we|it|they|the|this|there)   # "were it so"
         | had\s+(?:I|we|it|they) )\b               # "had they said so"
    )\b
    | \b(?: I|he|she|it|they|we )[’']d\b            # "I'd"
    """,
    re.I | re.X,
)
_IF_FIRST = re.compile(
    r"""
    \s* (?: and|but|so|even|only )? \s*   # "But if ..."
    ( if|suppose|imagine|were|had|unless )\b
    """,
    re.I | re.X,
)
_WOULD_MOVE = re.compile(
    r"""
    \b(?: would|could|might|can )\s+
    (?:\w+\s+){0,2}?   # "would still", "could at last"
    ( move|change|flip|turn|sway|persuade|convince|send|bring|win|undo|tip|push|earn|reverse
      |settle )\b
    """,
    re.I | re.X,
)
_BET = re.compile(r"\b(?:thesis|bets?|claim to test|predict\w*)\b", re.I)
_AHEAD = re.compile(
    r"""
    \b(?: by|before|until|through )\s+
    (?: the\s+(?:end|middle)\s+of\s+ | mid-? | late\s+ | early\s+ )?   # "by the end of"
    $                                                                  # right before the year
    """,
    re.I | re.X,
)
_SILENCE = re.compile(
    r"""
    \b(
      nothing|nowhere|silen(?:t|ce)|unstated|unnamed|missing|absent|absence|lacks?|lacking|omits?
      |leaves?\ out|left\ out
      |no\ (?: word|mention|sign|sort|kind|support|API|trace )|not\ a\ word
      |(?: never|does\ not|doesn[’']t|do\ not|nor\ does\ it|without )\s+   # "does not mention"
       (?:\w+\s+)?
       (?: say\w*|state\w*|mention\w*|name|names|list\w*|support\w*|claim\w*|describ\w*|offer\w* )
      |(?: is|are )\ not\ (?:\w+\ )?                                       # "is not stated"
       (?: stated|mentioned|named|listed|supported|described|offered|claimed )
    )\b
    """,
    re.I | re.X,
)
_NO_BEFORE = re.compile(
    r"""
    \b(?: no|not|nor|without|neither|never|nothing\ like )\s+
    (?: an?\s+ | any\s+ | even\s+ )?
    (?: [\w.+-]+ (?: ,\s* | \s+(?:or|nor)\s+(?:an?\s+)? ) ){0,3}   # "no SAML, SCIM or <here>"
    $
    """,
    re.I | re.X,
)
_MARKED = re.compile(r"outside (?:knowledge|the source)|to (?:be )?verif(?:y|ied)|unverified", re.I)


class Sentences:
    """The sentences of a text, found once. spans: (start, end) of each, in order.

    ends: places where a sentence ends in any case, as with a beat that has no full stop.
    """

    def __init__(self, text: str, ends: Iterable[int] = ()) -> None:
        self.text = text
        self.spans: list[Span] = []
        found = {
            end.end()
            for end in _SENTENCE_END.finditer(text)
            if not _ABBREVIATION.search(text, max(0, end.start() - 8), end.start() + 1)
        }
        start = 0
        for end in sorted(found.union(ends)):
            self._add(start, end)
            start = end
        self._add(start, len(text))
        self._starts = [span[0] for span in self.spans]

    def _add(self, start: int, end: int) -> None:
        part = self.text[start:end]
        start += len(part) - len(part.lstrip())
        end -= len(part) - len(part.rstrip())
        if start < end:
            self.spans.append((start, end))

    def around(self, position: int) -> Span:
        """Return the sentence around a position; of a very long one, the part around it."""
        start, end = 0, len(self.text)
        if self.spans:
            start, end = self.spans[max(0, bisect_right(self._starts, position) - 1)]
        if end - start <= 2 * REACH:
            return start, end
        return max(start, position - REACH), max(min(end, position + REACH), start)

    def begins(self, position: int) -> bool:
        """Whether a sentence begins here, quotation marks and brackets aside."""
        if not self.spans:
            return True
        start, _end = self.spans[max(0, bisect_right(self._starts, position) - 1)]
        return position - start < 9 and not self.text[start:position].strip(" \"'“‘(*_-")

    def clause(self, position: int) -> Span:
        """Return the clause around a position: the piece between marks like , ; : —."""
        start, end = self.around(position)
        for mark in _CLAUSE_END.finditer(self.text, start, end):
            if mark.end() <= position:
                start = mark.end()
            elif mark.start() > position:
                return (start, mark.start())
        return (start, end)

    def supposed(self, position: int) -> bool:
        """Whether a position lies in a supposition rather than a statement of fact."""
        start, end = self.around(position)
        for mark in _PART_END.finditer(self.text, start, end):
            if mark.end() <= position:
                start = mark.end()
            elif mark.start() > position:
                end = mark.start()
                break
        part = self.text[start:end]
        if _IF_FIRST.match(part) or _WOULD_MOVE.search(part):
            return True
        first, last = self.clause(position)
        return bool(_HYPOTHETICAL.search(self.text[first:last]))

    def foretold(self, position: int) -> bool:
        """Whether the sentence is a bet on the future."""
        start, end = self.around(position)
        if _AHEAD.search(self.text[start:position]):
            return True
        return bool(_BET.search(self.text, start, end))

    def said_missing(self, span: Span) -> bool:
        """Whether the clause says that the words of a span are missing from the description."""
        start, end = self.clause(span[0])
        if _SILENCE.search(self.text, start, end):
            return True
        first, _last = self.around(span[0])
        return bool(_NO_BEFORE.search(self.text[first : span[0]][-80:]))

    def marked(self, position: int) -> bool:
        """Whether the sentence marks itself as outside knowledge, to verify."""
        start, end = self.around(position)
        return bool(_MARKED.search(self.text, start, end))
