"""Finds claims to have used the tool: a persona has only read a description.

The US Federal Trade Commission's rule on reviews (16 CFR 465, in force since 2024-10-21)
forbids reviews that misrepresent an experience, those written by a model included.
"""

from __future__ import annotations

import re

from panel.checks.findings import Finding, Span, Spans, at
from panel.checks.folding import folded
from panel.checks.sentences import Sentences
from panel.checks.source import Source
from panel.checks.words import wanted

_THING = r"""
    (?:
      it|this|that|them|both
      |the\s+(?:\w+[\s-]){0,2}?   # "the small local model"
       (?: tool|model|app|api|cli|binary|demo|version|edition|library|service|agent|plugin|extension
         |command|weights|editor|studio|server|package )
      |its\b
      |[A-Z][\w.-]+               # a name
    )
"""
_ADVERBS = r"""
    (?: \s+(?: personally|actually|already|just|then|also|only|really|recently|briefly|even|first
      |both|myself|ourselves|have|had|did|both|finally|quickly|happily|never\s+once ))*
"""
_DID = rf"""
    (?:
      tried (?! \s+to\s+(?:   # to read the page is no use of the tool
        find|see|locate|derive|read|look|square|reconcile|imagine|picture|think|list|name|come|make
        |weigh|guess|put|work\s+out ))
      |tested (?! \s+(?: the|its|each|every )\s+(?: claim|argument|thesis|description|page ))
      |used (?! \s+to\b ) (?! \s+(?: the|its )\s+(?: description|page|word|claim ))
      |installed|deployed|benchmarked|measured|integrated|migrated|timed|profiled|downloaded
      |uploaded|recorded|transcribed|cloned|onboarded|spun\s+up|set\s+(?:it|this)\s+up
      |played\s+(?:around\s+)?with|signed\s+up|hooked\s+(?:it|this)\s+up
      |(?: ran|pulled|fed|threw|built|switched|connected|hooked|wired|plugged|called|opened|pointed
         |gave|asked|swapped|put|evaluated|started|launched|compiled|queried|shipped )
       \s+ (?: \w+\s+at\s+ )?   # "threw a folder at it"
       {_THING}                 # these verbs are a claim only with an object
    )
"""
_FIRST = r"""
    \b(?: I|[Ww]e|I[’']ve|[Ww]e[’']ve
      |[Mm]y\s+(?: team|colleagues?|company )
      |[Oo]ur\s+(?: team|engineers?|company ))
"""
_TIMES = "a an one two three four five six seven eight ten several some"
_SPAN_OF_TIME = r"""
    (?:
      (?: an?|one|two|three|four|five|six|seven|eight|ten|\d+|several|a\s+few|a\s+couple\s+of
        |some )\s+
      (?: full\s+ | solid\s+ | good\s+ )?
      (?: minute|hour|day|week|weekend|month|quarter|year|evening|afternoon )s?
    )
"""

_CLAIMS = (
    # I tried it, we have tested, my team ran it
    wanted("i we my our", rf"{_FIRST} {_ADVERBS} \s+ {_DID}", flags=re.X),
    # I have been using it, we've been running this
    wanted(
        "i we",
        r"""
        \b(?: I|we )(?: [’']ve | \s+have | \s+had )(?: \s+\w+ly )?\s+been\s+
        (?: using|running|testing|trying|working\s+with|playing\s+with|relying\s+on )
        (?: \s+(?: it|this|the\s+\w+ ))?
    """,
    ),
    # we are running it in production
    wanted(
        "i we",
        r"""
        \b(?: I|we )(?: [’'](?:m|re) | \s+(?:am|are) )\s+
        (?: now\s+ | already\s+ | currently\s+ )?
        (?: using|running|testing|trying(?!\s+to) )\s+(?: it|this|the\s+\w+ )
    """,
    ),
    # I use it daily, we still run this in production
    wanted(
        "i we",
        r"""
        \b(?: I|[Ww]e )\s+ (?: now\s+ | already\s+ | still\s+ )?
        (?: use|run|deploy|rely\s+on|keep )\s+
        (?: it|this|[A-Z][\w.-]+ )\s+ (?: \w+\s+ )?
        (?: daily|every\s+day|every\s+week|in\s+production|at\s+work|for\s+(?:our|my)
          |on\s+(?:our|my)|open )
        """,
        flags=re.X,  # capitals matter: it asks for names
    ),
    # my team swears by
    wanted(
        "my",
        r"""
        \bmy\s+team\s+
        (?: uses|runs|relies\s+on|swears\s+by|waited|switched|adopted|loves|loved )
    """,
    ),
    # in my tests, in our experience
    wanted(
        "in from during across throughout",
        r"""
        \b(?: in|from|during|across|throughout )\s+(?: my|our )\s+
        (?: own\s+ | limited\s+ | early\s+ | informal\s+ | brief\s+ )?
        (?: tests?|testing|trials?|benchmarks?|experience|experiments?|hands-on|usage|use
          |evaluation\s+runs?|sessions?|deployment )\b
        (?! \s+with\s+(?: pages|copy|claims|vendors ))   # of vendors' pages, not of the tool
    """,
    ),
    # our benchmarks show, my own test runs
    wanted(
        "my our",
        r"""
        \b(?: my|our )\s+ (?: own\s+ )?
        (?: hands-on | test\s+runs? | benchmarks?\s+(?: show|gave|put )
          | tests\s+(?: show|gave|put|confirm )\w* )
    """,
    ),
    # we had it running
    wanted(
        "i we",
        r"""
        \b(?: I|we )\s+(?: had|got )\s+(?: it|this )\s+ (?: \w+\s+ )?
        (?: running|working|up|going|installed|deployed|set\s+up )\b
    """,
    ),
    # I checked it against our own books
    wanted(
        "i we",
        r"""
        \b(?: I|we )\s+(?: checked|compared|tried|verified|validated )\s+
        (?: it|this|them|its\s+\w+ )\s+
        (?: against|on|with )\s+(?: my|our )\b
    """,
    ),
    wanted("hands", r"\bhands-on\s+(?: with|time|testing|use )\b"),
    # after a week with it, a week of using it
    wanted(
        _TIMES,
        rf"""
        \b {_SPAN_OF_TIME} \s+
        (?: with | of\s+(?: use|using|testing|running|daily\s+use|working\s+with ) )\s+
        (?: it|this|the\s+\w+|[A-Z][\w.-]+ )?
        """,
        figures=True,
        flags=re.X,  # capitals matter: it asks for names
    ),
    # it took me ten minutes, saved us hours
    wanted(
        "took cost saved",
        rf"""
        \b(?: took|cost|saved )\s+(?: me|us )\s+
        (?: about\s+ | only\s+ | just\s+ | under\s+ )?
        (?: {_SPAN_OF_TIME} | hours|days|minutes )
    """,
    ),
    # worked for me, crashed on me
    wanted(
        "worked failed crashed broke froze stalled",
        r"\b(?: worked|failed|crashed|broke|froze|stalled )\s+(?: for|on )\s+(?: me|us )\b",
    ),
    # I found the output slow, I noticed its latency
    wanted(
        "i we",
        r"""
        \b(?: I|[Ww]e )\s+(?: found|noticed|saw|got|observed|experienced|encountered|hit )\s++
        (?: that\s++ )? (?: (?: the|its|an?|some )\s*+ )? (?: \w+\s++ )?
        (?: output|outputs|latency|interface|answers|results|responses?|completions?|transcripts?
          |installation|setup|crash\w*|bugs? )\b
        """,
        flags=re.X,  # capitals matter: it asks for names
    ),
    # on my laptop, on our codebase
    wanted(
        "on",
        r"""
        \bon\s+(?: my|our )\s+ (?: own\s+ )?
        (?: machine|laptop|desk|macbook|server|cluster|gpus?|phone|codebase|repo(?:sitory)?|data
          |files|documents|invoices )\b
    """,
    ),
)
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
_EMPTY_INSIDE = re.compile(
    r"\b(?: not | never(?!\s+once) | would | could )\b | n[’']t\b | [’']d\b", re.I | re.X
)
_NEEDS_DEED = len(_CLAIMS) - 1  # "on my laptop" is a claim only beside a verb of the past
_DEED = re.compile(r"\b(?:ran|worked|took|gave|was|were|held|did|felt|returned|\w{3,}ed)\b", re.I)

_REMEDY = (
    "Rewrite it from the description (“the page says ...”), or remove it: nobody here has "
    "used the tool."
)


def check_experience(text: str, sentences: Sentences, source: Source) -> list[Finding]:
    """Find claims to have used the tool; suppositions and denials do not count."""
    found: list[Finding] = []
    told = Spans()
    for number, claim in enumerate(_CLAIMS):
        for match in claim.finditer(text):
            span = (match.start(), match.start() + len(match[0].rstrip()))
            if _empty(text, span, sentences, source):
                continue
            start, end = sentences.clause(span[0])
            if number == _NEEDS_DEED and not _DEED.search(text, start, end):
                continue
            around = sentences.around(span[0])
            if told.touch(around):
                continue  # a sentence makes one such claim, in however many words
            says = ("a claim of own use, and nobody used the tool", _REMEDY)
            found.append(at(text, span, "first-person-use", "error", says))
            told.add(span)
    return found


def claims_use(phrase: str) -> bool:
    """Whether a phrase is itself such a claim ("I tried"), which this check reports."""
    return any(next(claim.finditer(phrase), None) for claim in _CLAIMS)


def _empty(text: str, span: Span, sentences: Sentences, source: Source) -> bool:
    """Whether the words deny or suppose the use, or are quoted from the description."""
    start, _end = sentences.around(span[0])
    if _EMPTY_INSIDE.search(text, *span) or _EMPTY_BEFORE.search(text[start : span[0]]):
        return True
    return folded(text[span[0] : span[1]]).text in source.folded
