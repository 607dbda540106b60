"""Finds words in quotation marks that the source does not have: nobody said them.

The evidence of a verdict has a check of its own; this one reads the take itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from panel.checks.evidence import FoundQuote, find_quote
from panel.checks.findings import Finding, Severity, Span, Spans, Subject
from panel.checks.scenario import Scenario
from panel.checks.sentences import Sentences
from panel.checks.shown import shown_source
from panel.workspace.reading import quoted
from panel.workspace.tools import Tool

FEWEST = 4  # words; fewer are a term or irony more often than a quotation
FEWEST_SIGNS = 8  # letters of a script without blanks, each of which is read as a word
NEAR = 100  # characters to each side that are searched for who is said to have said it

_MARKS = ('"', "“", "„", "«", "»", "「", "『", "‘", " '")
_QUOTED = re.compile(
    r"""
      “ (?P<curly> [^“”]++ ) ”
    | „ (?P<low> [^„“”]++ ) [“”]
    | « (?P<angled> [^«»]++ ) »
    | » (?P<inward> [^«»]++ ) «
    | 「 (?P<corner> [^「」]++ ) 」
    | 『 (?P<double_corner> [^『』]++ ) 』
    | (?<!\w) " (?=\S) (?P<straight> [^"]++ ) (?<=\S) " (?!\w)
    | (?<!\w) ‘ (?P<single> (?> (?: [^‘’] | ’(?=\w) )+ ) ) ’
    | (?<!\w) ' (?=[^\W\d]) (?P<straight_single> (?> (?: [^'\n] | '(?=\w) ){12,400} ) ) '
    """,
    re.X,
)
_FLAGS = re.I | re.X
_ADDED = re.compile(r"\[[^\[\]]{0,80}\]")  # "[the tool]", which a quoter puts in
_LETTER = re.compile(r"\S")
# Whose words these are said to be, of which \x01 is the tool's name, and the words by which that
# is said; German and French, too.
_SOURCE = r"""
    (?: \b(?: descriptions?|vendors?|makers?|pages?|company|websites?|sites?|readme|documentation
      |docs|pitch|copy|taglines?|listing|announcement|blurb|publisher|brochure
      |Anbieter|Hersteller|Beschreibung|Seite|Webseite|éditeur|fournisseur|fabricant )
      (?: ['’]s )? \b | \x01 )
"""
_SAID = r"""
    (?: (?: say|state|claim|call|promise|advertise|boast|declare|assert|insist|announce|maintain
      |describe|assure|warn|admit|concede|note|add|list|mention|quote|put|read|tell|write )s
      | promises|said|stated|claimed|called|promised|advertised|boasted|declared|announced|described
      |assured|told|wrote
      |sagt|schreibt|behauptet|verspricht|nennt|wirbt|dit|écrit|affirme|promet|annonce|prétend )\b
"""
_SAYS = rf"\b (?: {_SAID} | (?: say|state|claim|call|promise|describe|write|put )\b )"
# Before a quotation, and behind it.
_ATTRIBUTED = re.compile(
    rf"""
    (?: {_SOURCE} [^,;:.!?]{{0,40}}? {_SAYS}
      | \b(?:it|they)\s (?: \w+\s )? {_SAID}
      | \bthey\s (?: \w+ly\s )? {_SAYS}
      | \b {_SAID} [^,;:.!?]{{0,20}}? {_SOURCE}
      | \b(?: its|their|(?: vendor|maker|page|description|company )['’]s )\s+ (?: \w+\s+ )?
        (?: words?|claims?|promises?|lines?|sentences?|slogan|statement|motto|assurance|boast )\b
    ) [^,;:.!?]{{0,40}} [,:]? \s* $
    | \b(?: according\s+to|in\s+the\s+words\s+of|laut|selon|d['’]après )\s
      [^,;:.!?]{{0,20}}? {_SOURCE} [^;.!?]{{0,60}} $
    | {_SOURCE} \s* [:(] \s* $
    """,
    _FLAGS,
)
_ATTRIBUTED_AFTER = re.compile(
    rf"""
    [\s,–—-]* (?: (?:as|so)\s )? (?: (?: the|its|their|der|die|le|la|our )\s | l['’] )?
    (?: {_SOURCE} [^,;:.!?]{{0,20}}? {_SAYS} | \b(?:it|they)\s {_SAID}
      | \b {_SAID} [^,;:.!?]{{0,20}}? {_SOURCE}
      | \b(?: according\s+to|laut|selon )\s [^,;:.!?]{{0,20}}? {_SOURCE} )
    """,
    _FLAGS,
)
# What somebody else writes, or what is typed in: "a seven-word mail, “...”", "ask it “...”".
_MADE_UP = re.compile(
    r"""
    (?: \b(?: an?|one|another|some|each )\s (?: [\w-]+\s ){0,3}
        (?: e?-?mail|message|note|ticket|question|query|prompt|sentence|phrase|comment|command
          |request|caller|reply|text|clause|line|title|headline|search|post )
        (?: \s+(?: like|such\s+as|saying|that\s+says ) )?
      | \b(?: ask|type|enter|search|search\ for|prompt|tell|write|paste|send )(?: \s(?: it|in ))?
    ) [\s,:]* $
    """,
    _FLAGS,
)


def check_quotations(subject: Subject, taken: Spans) -> list[Finding]:
    """Find quotations of four words or more that stand nowhere in what the persona was shown.

    An error where they are said to be the vendor's or the page's, else a warning; a note where
    the sentence supposes them, misses them or marks them. taken: code, which quotes nobody.
    """
    if subject.picked or not any(map(subject.text.__contains__, _MARKS)):
        return []
    spans = [span for span in _quotations(subject.text) if not taken.touch((span[0] - 1, span[0]))]
    looked_up = [(span, _look_up(subject, span)) for span in spans]
    wrong = [(span, found) for span, found in looked_up if found is None or found.altered]
    if not wrong:
        return []
    scenario = Scenario(_without_words(subject, spans))
    return [
        _finding(subject, span, found, _severity(subject.tool, span, scenario))
        for span, found in wrong
    ]


def _quotations(text: str) -> Iterator[Span]:
    """Yield the places of what stands in quotation marks and is long enough to be a quotation."""
    for match in _QUOTED.finditer(text):
        kind = match.lastgroup
        assert kind is not None
        words = quoted(match[kind])[-1]
        blanks = len(match[kind].split()) - 1
        if len(words) >= FEWEST_SIGNS or (len(words) >= FEWEST and blanks >= FEWEST - 1):
            yield match.span(kind)


def _look_up(subject: Subject, span: Span) -> FoundQuote | None:
    return find_quote(_ADDED.sub("…", subject.text[slice(*span)]), subject.tool)


def _without_words(subject: Subject, spans: list[Span]) -> Sentences:
    """Return the take's sentences without what is quoted in them, whose words judge nothing.

    The last sign of a quotation stays, since a sentence may end there.
    """
    text, pieces, end = subject.text, list[str](), 0
    for start, last in spans:
        pieces += [text[end:start], _LETTER.sub("x", text[start : last - 1])]
        end = last - 1
    return Sentences("".join([*pieces, text[end:]]), [end for _start, end in subject.parts()])


def _severity(tool: Tool, span: Span, scenario: Scenario) -> Severity:
    sentences = scenario.sentences
    text, (first, last) = sentences.text, sentences.around(span[0])
    before, after = text[max(first, span[0] - NEAR) : span[0] - 1], text[span[1] + 1 : last][:NEAR]
    led = first + len(text[first : span[0] - 1].rstrip(" :,-–—\n"))
    for place in {span[0], max(first, led - 1)}:
        if sentences.supposed(place) or sentences.said_missing((place, place + 1)):
            return "note"
    if sentences.marked(span[0]):
        return "note"
    named = _named(tool.name)
    if _ATTRIBUTED.search(named.sub("\x01", before)) or _ATTRIBUTED_AFTER.match(
        named.sub("\x01", after)
    ):
        return "error"
    asked = text[span[1] - 1] in "?？"  # somebody's question, and no claim
    return "note" if asked or _MADE_UP.search(before) or scenario.opened(span[0]) else "warning"


@lru_cache(maxsize=256)
def _named(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.I)


def _finding(subject: Subject, span: Span, found: FoundQuote | None, severity: Severity) -> Finding:
    quote = subject.text[slice(*span)].strip()
    start = subject.text.index(quote, span[0])
    span = start, start + len(quote)
    if found is None:
        message = "these words are quoted, and stand nowhere in what the reviewer was shown"
        remedy = "Quote the source word for word, or say it without quotation marks."
        return Finding("quote-outside-source", severity, span, quote, message, remedy)
    source = shown_source(subject.tool)
    stands = " ".join(source.text[slice(*found.span)].split())
    message = f"the source says it differently: “{stands}”"
    remedy = "Quote the source word for word."
    place = source.description.cut(found.span)
    return Finding("quote-outside-source", severity, span, quote, message, remedy, place)
