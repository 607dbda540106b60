"""Splits a take into sentences and clauses, and tells which suppose, deny or look ahead."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache

from panel.checks.findings import Span
from panel.checks.words import Wanted, wanted, words_in
from panel.text import sentence_ends

NEAR = 80  # characters before a name that are searched for a denial of it
REACH = 300  # characters to each side that are looked at, so that no odd text costs minutes

_EMPTY_LINE = re.compile(r"\n{2,}")
_CLAUSE_END = re.compile(  # begins with a mark, which is looked for quickly
    r"""
    [;:—–,-] (?:
      (?<= [;:—–] )
      | (?<= , ) (?: \s+ (?= (?: and|but|so|which|while|whereas|yet|though ) \b )   # conjunction
        | (?=\s) )
      | (?<= \s- ) \s                                                             # a dash
    )
    """,
    re.X,
)

_PART_ENDS = ";:—–"  # a colon only before a blank
_HYPOTHETICAL = wanted(
    "if unless until suppose supposing imagine would could might should may whether were had",
    r"""
    \b(
      if|unless|until|suppose|supposing|imagine     # conditions
      |would|could|might|should|(?-i:may)           # modals, but not the month of May
      |whether
      |(?: were\s+(?:I|we|it|they|the|this|there)   # "were it so"
         | had\s+(?:I|we|it|they) )\b               # "had they said so"
    )\b
    """,
)
_SHORT_WOULD = wanted(
    "i he she it they we",
    r"\b(?: I|he|she|it|they|we )[’']d\b",
    needs="d",  # "I'd"
)
_IF_FIRST = re.compile(
    r"""
    \s*+ (?: (?: and|but|so|even|only )\s*+ )?   # "But if ..."
    ( if|suppose|imagine|were|had|unless )\b
    """,
    re.I | re.X,
)
_WOULD_MOVE = wanted(
    "would could might can",
    r"""
    \b(?: would|could|might|can )\s+
    (?:\w+\s+){0,2}?   # "would still", "could at last"
    ( move|change|flip|turn|sway|persuade|convince|send|bring|win|undo|tip|push|earn|reverse
      |settle )\b
    """,
    needs="move change flip turn sway persuade convince send bring win undo tip push earn reverse "
    "settle",
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
_SILENCE = wanted(
    "nothing nowhere silent silence unstated unnamed missing absent absence lack lacks lacking "
    "omit omits leave leaves left no not never does doesn do nor without is are",
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
)
_NO_BEFORE = wanted(
    "no not nor without neither never nothing",
    r"""
    \b(?: no|not|nor|without|neither|never|nothing\ like )\s+
    (?: an?\s+ | any\s+ | even\s+ )?
    (?: [\w.+-]+ (?: ,\s* | \s+(?:or|nor)\s+(?:an?\s+)? ) ){0,3}   # "no SAML, SCIM or <here>"
    $
    """,
)
_NONE_OF = re.compile(  # "SAML, SCIM, the page commits to none of them": a list, and no more
    r"(?:,\s[\w.+-]+){0,4},\s(?:the|its)\s\w+\s\w+\s(?:to\s)?(?:none|neither)\sof\s(?:them|these|those)\b"
)
_NONE = frozenset(("none", "neither"))
_MARKED = re.compile(r"outside (?:knowledge|the source)|to (?:be )?verif(?:y|ied)|unverified", re.I)
_MARKS = ("outside ", "verif")  # one of these is in each of them


@lru_cache(maxsize=4)
def _ends_in(text: str) -> frozenset[int]:
    """Return where the marks and empty lines of a text end a sentence."""
    found = {*sentence_ends(text)}
    if "\n\n" in text:
        found.update(line.end() for line in _EMPTY_LINE.finditer(text))
    return frozenset(found)


def _piece(around: Span, marks: list[Span], position: int) -> Span:
    """Return the piece of a sentence around a position, between such marks."""
    start, end = around
    for first, last in marks:
        if last <= position:
            start = last
        elif first > position:
            return (start, first)
    return (start, end)


class Sentences:
    """The sentences of a text, found once. spans: (start, end) of each, in order.

    ends: places where a sentence ends in any case, as with a beat that has no full stop.
    """

    def __init__(self, text: str, ends: Iterable[int] = ()) -> None:
        self.text = text
        self.spans: list[Span] = []
        start = 0
        for end in sorted(_ends_in(text).union(ends, (len(text),))):
            self._add(start, end)
            start = end
        self._words = words_in(text)
        self.lower = self._words.lower  # the text in small letters
        self._starts = [span[0] for span in self.spans]
        self._none = self._words.any_of(_NONE)
        self._may_mark = any(mark in self.lower for mark in _MARKS)
        self._around: dict[int, Span] = {}
        # What is known of a sentence or clause, which holds for every place in it.
        self._marked: dict[Span, Span | None] = {}
        self._silent: dict[Span, bool] = {}
        self._supposed: dict[Span, bool] = {}
        self._begun: dict[Span, bool] = {}
        self._clauses: dict[Span, list[Span]] = {}  # where they end
        self._parts: dict[Span, list[Span]] = {}

    def ending_at(self, ends: Sequence[int]) -> Sentences:
        """Return the sentences of the text that end at these places, too; mostly the same ones."""
        return (
            self
            if {end for _start, end in self.spans}.issuperset(ends)
            else Sentences(self.text, ends)
        )

    def _add(self, start: int, end: int) -> None:
        text = self.text
        while start < end and text[start].isspace():
            start += 1
        while start < end and text[end - 1].isspace():
            end -= 1
        if start < end:
            self.spans.append((start, end))

    def around(self, position: int) -> Span:
        """Return the sentence around a position; of a very long one, the part around it."""
        found = self._around.get(position)
        if found is None:
            found = self._around[position] = self._look_around(position)
        return found

    def _look_around(self, position: int) -> Span:
        start, end = 0, len(self.text)
        if self.spans:
            start, end = self.spans[max(0, bisect_right(self._starts, position) - 1)]
        if end - start <= 2 * REACH:
            return start, end
        block = position // REACH * REACH  # the same part for neighbours, so that it is known
        return max(start, block - REACH), max(min(end, block + 2 * REACH), start)

    def first(self, wanted: Wanted, span: Span) -> int | None:
        """Return where the first match of a pattern within a span ends; None if there is none."""
        return self._words.first(wanted, *span)

    def begins(self, position: int) -> bool:
        """Whether a sentence begins here, quotation marks and brackets aside."""
        if not self.spans:
            return True
        start, _end = self.spans[max(0, bisect_right(self._starts, position) - 1)]
        return position - start < 9 and not self.text[start:position].strip(" \"'“‘(*_-")

    def clause(self, position: int) -> Span:
        """Return the clause around a position: the piece between marks like , ; : —."""
        around = self.around(position)
        return _piece(around, self._marks(around), position)

    def _marks(self, around: Span) -> list[Span]:
        """Return the marks of a sentence that end its clauses."""
        if (marks := self._clauses.get(around)) is None:
            marks = [mark.span() for mark in _CLAUSE_END.finditer(self.text, *around)]
            self._clauses[around] = marks
        return marks

    def _part(self, position: int) -> Span:
        """Return the piece between those marks that do more than a comma."""
        around = self.around(position)
        if (parts := self._parts.get(around)) is None:
            text, end = self.text, around[1]
            marks = [first for first, _last in self._marks(around) if text[first] in _PART_ENDS]
            parts = [
                (first, first + 1 + (text[first] == ":"))
                for first in marks
                if text[first] != ":" or text[first + 1 : min(first + 2, end)].isspace()
            ]
            self._parts[around] = parts
        return _piece(around, parts, position)

    def supposed(self, position: int) -> bool:
        """Whether a position lies in a supposition rather than a statement of fact."""
        if (part := self._part(position)) not in self._begun:
            begun = _IF_FIRST.match(self.text, *part)
            self._begun[part] = bool(begun) or self._words.match(_WOULD_MOVE, *part)
        if (clause := self.clause(position)) not in self._supposed:
            match = self._words.match
            self._supposed[clause] = match(_HYPOTHETICAL, *clause) or match(_SHORT_WOULD, *clause)
        return self._begun[part] or self._supposed[clause]

    def foretold(self, position: int) -> bool:
        """Whether the sentence is a bet on the future."""
        start, end = self.around(position)
        if _AHEAD.search(self.text[start:position]):
            return True
        return bool(_BET.search(self.text, start, end))

    def said_missing(self, span: Span) -> bool:
        """Whether the clause says that the words of a span are missing from the description."""
        if (clause := self.clause(span[0])) not in self._silent:
            self._silent[clause] = self._words.match(_SILENCE, *clause)
        if self._silent[clause]:
            return True
        first, last = self.around(span[0])
        if self._none and _NONE_OF.match(self.text, span[1], last):
            return True
        return self._words.match(_NO_BEFORE, max(first, span[0] - NEAR), span[0])

    def marked(self, position: int) -> bool:
        """Whether the sentence marks this as outside knowledge, as by “[unverified]”.

        A mark in brackets is about what stands before it, and about the rest of its clause.
        """
        if not self._may_mark:
            return False
        if (around := self.around(position)) not in self._marked:
            marks = [mark.span() for mark in _MARKED.finditer(self.text, *around)]
            self._marked[around] = marks[-1] if marks else None
        mark = self._marked[around]
        if mark is None or position < mark[1] or self.text[mark[1] : mark[1] + 1] != ")":
            return mark is not None
        return self.clause(position)[0] <= mark[1]
