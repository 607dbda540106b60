"""Claims of own use: a persona has read a description and has used nothing.

The US Federal Trade Commission's rule on reviews (16 CFR 465, in force since 2024-10-21)
forbids reviews that misrepresent an experience, those written by a model included.
"""

from __future__ import annotations

import re

from panel.checks.findings import Finding, Span, at
from panel.checks.folding import folded
from panel.checks.sentences import Sentences
from panel.checks.source import Source

_THING = (
    r"(?:it|this|that|them|both|the\s+(?:\w+[\s-]){0,2}?(?:tool|model|app|api|cli|binary|demo|"
    r"version|edition|"
    r"library|service|agent|plugin|extension|command|weights|editor|studio|server|package)|its\b|"
    r"[A-Z][\w.-]+)"
)
_ADVERBS = (
    r"(?:\s+(?:personally|actually|already|just|then|also|only|really|recently|briefly|even|"
    r"first|both|"
    r"myself|ourselves|have|had|did|both|finally|quickly|happily|never\s+once))*"
)
_DID = (
    r"(?:tried(?!\s+to\s+(?:find|see|locate|derive|read|look|square|reconcile|imagine|picture|"
    r"think|"
    r"list|name|come|make|weigh|guess|put|work\s+out))|tested(?!\s+(?:the|its|each|every)\s+"
    r"(?:claim|argument|thesis|description|page))|used(?!\s+to\b)(?!\s+(?:the|"
    r"its)\s+(?:description|page|"
    r"word|claim))|installed|deployed|benchmarked|measured|integrated|migrated|timed|profiled|"
    r"downloaded|uploaded|recorded|transcribed|cloned|onboarded|"
    r"spun\s+up|set\s+(?:it|this)\s+up|played\s+(?:around\s+)?with|signed\s+up|hooked\s+(?:it|"
    r"this)\s+up|"
    rf"(?:ran|pulled|fed|threw|built|switched|connected|hooked|wired|plugged|called|opened|"
    rf"pointed|gave|"
    rf"asked|swapped|put|evaluated|started|launched|compiled|queried|"
    rf"shipped)\s+(?:\w+\s+at\s+)?{_THING})"
)
_FIRST = (
    r"\b(?:I|we|I[’']ve|we[’']ve|my\s+(?:team|colleagues?|company)|"
    r"our\s+(?:team|engineers?|company))"
)
_SPAN_OF_TIME = (
    r"(?:(?:an?|one|two|three|four|five|six|seven|eight|ten|\d+|several|a\s+few|a\s+couple\s+of|"
    r"some)\s+"
    r"(?:full\s+|solid\s+|good\s+)?(?:minute|hour|day|week|weekend|month|quarter|year|evening|"
    r"afternoon)s?)"
)


def _claim(pattern: str, exact: bool = False) -> re.Pattern[str]:
    return re.compile(pattern, 0 if exact else re.I)


_CLAIMS = (
    # I tried it, we have tested, my team ran it
    _claim(rf"{_FIRST}{_ADVERBS}\s+{_DID}", exact=True),
    # I have been using it, we've been running this
    _claim(r"\b(?:I|we)(?:[’']ve|\s+have|\s+had)(?:\s+\w+ly)?\s+been\s+(?:using|running|testing|"
           r"trying|"
           r"working\s+with|playing\s+with|relying\s+on)(?:\s+(?:it|this|the\s+\w+))?"),
    # we are running it in production, I use it daily
    _claim(r"\b(?:I|we)(?:[’'](?:m|re)|\s+(?:am|are))\s+(?:now\s+|already\s+|"
           r"currently\s+)?(?:using|running|"
           r"testing|trying(?!\s+to))\s+(?:it|this|the\s+\w+)"),
    _claim(r"\b(?:I|we)\s+(?:now\s+|already\s+|still\s+)?(?:use|run|deploy|rely\s+on|keep)\s+"
           r"(?:it|this|[A-Z][\w.-]+)\s+(?:\w+\s+)?(?:daily|every\s+day|every\s+week|"
           r"in\s+production|at\s+work|"
           r"for\s+(?:our|my)|on\s+(?:our|my)|open)", exact=True),
    _claim(r"\bmy\s+team\s+(?:uses|runs|relies\s+on|swears\s+by|waited|switched|adopted|loves|"
           r"loved)"),
    # in my tests, in our experience
    _claim(r"\b(?:in|from|during|across|throughout)\s+(?:my|our)\s+(?:own\s+|limited\s+|early\s+|"
           r"informal\s+|"
           r"brief\s+)?(?:tests?|testing|trials?|benchmarks?|experience|experiments?|hands-on|"
           r"usage|use|"
           r"evaluation\s+runs?|sessions?|deployment)\b(?!\s+with\s+(?:pages|copy|claims|"
           r"vendors))"),
    _claim(r"\b(?:my|our)\s+(?:own\s+)?(?:hands-on|test\s+runs?|benchmarks?\s+(?:show|gave|put)|"
           r"tests\s+"
           r"(?:show|gave|put|confirm)\w*)"),
    _claim(r"\bhands-on\s+(?:with|time|testing|use)\b"),
    # after a week with it, a week of using it
    _claim(rf"\b{_SPAN_OF_TIME}\s+(?:with|of\s+(?:use|using|testing|running|daily\s+use|"
           rf"working\s+with))\s+"
           rf"(?:it|this|the\s+\w+|[A-Z][\w.-]+)?", exact=True),
    # it took me ten minutes, saved us hours, worked for me, crashed on me
    _claim(rf"\b(?:took|cost|saved)\s+(?:me|us)\s+(?:about\s+|only\s+|just\s+|under\s+)?"
           rf"(?:{_SPAN_OF_TIME}|hours|days|minutes)"),
    _claim(r"\b(?:worked|failed|crashed|broke|froze|stalled)\s+(?:for|on)\s+(?:me|us)\b"),
    # I found the output slow, I noticed its latency
    _claim(r"\b(?:I|we)\s+(?:found|noticed|saw|got|observed|experienced|encountered|"
           r"hit)\s+(?:that\s+)?"
           r"(?:the|its|an?|some)?\s*(?:\w+\s+)?(?:output|outputs|latency|interface|answers|"
           r"results|responses?|"
           r"completions?|transcripts?|installation|setup|crash\w*|bugs?)\b", exact=True),
    _claim(r"\bon\s+(?:my|our)\s+(?:own\s+)?(?:machine|laptop|desk|macbook|server|cluster|gpus?|"
           r"phone|codebase|"
           r"repo(?:sitory)?|data|files|documents|invoices)\b"),
)  # fmt: skip
_EMPTY_BEFORE = re.compile(
    r"\b(?:if|when(?=\s+(?:I|we)\s+(?:can|could))|before|until|unless|had|would|could|can|should|"
    r"must|might|"
    r"may|will|to|whether|cannot|never|not|nobody|without|suppose|imagine|wish|were|nor|no)\b"
    r"[^.;:!?]{0,40}$|[’']d\s*$|n[’']t\s+[^.;:!?]{0,30}$",
    re.I,
)
_EMPTY_INSIDE = re.compile(r"\b(?:not|never(?!\s+once)|would|could)\b|n[’']t\b|[’']d\b", re.I)
_NEEDS_DEED = len(_CLAIMS) - 1  # "on my laptop" is a claim only beside a verb of the past
_DEED = re.compile(r"\b(?:ran|worked|took|gave|was|were|held|did|felt|returned|\w{3,}ed)\b", re.I)

_REMEDY = (
    "Rewrite it from the description (“the page says ...”), or remove it: nobody here has "
    "used the tool."
)


def check_experience(text: str, sentences: Sentences, source: Source) -> list[Finding]:
    """Find claims to have used the tool; suppositions and denials are none."""
    found: list[Finding] = []
    for number, pattern in enumerate(_CLAIMS):
        for match in pattern.finditer(text):
            span = (match.start(), match.start() + len(match[0].rstrip()))
            if _empty(text, span, sentences, source):
                continue
            start, end = sentences.clause(span[0])
            if number == _NEEDS_DEED and not _DEED.search(text, start, end):
                continue
            if any(one.span and one.span[0] < span[1] and span[0] < one.span[1] for one in found):
                continue
            says = ("a claim of own use, and nobody used the tool", _REMEDY)
            found.append(at(text, span, "first-person-use", "error", says))
    return found


def claims_use(phrase: str) -> bool:
    """Whether a phrase is itself such a claim ("I tried"): then this check speaks for it."""
    return any(pattern.search(phrase) for pattern in _CLAIMS)


def _empty(text: str, span: Span, sentences: Sentences, source: Source) -> bool:
    """Whether the words deny or suppose the use, or are quoted from the description."""
    start, _end = sentences.around(span[0])
    if _EMPTY_INSIDE.search(text, *span) or _EMPTY_BEFORE.search(text[start : span[0]]):
        return True
    return folded(text[span[0] : span[1]]).text in source.folded
