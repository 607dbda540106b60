"""Patterns of claims to have used a tool."""

from __future__ import annotations

import re

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
      |used (?! \s+(?: to|such|similar|words?|these|those|comparable )\b )
        (?! \s+(?: the|its )\s+(?: description|page|word|claim ))
      |installed|deployed|benchmarked|measured|integrated|migrated|timed|profiled|downloaded
      |uploaded|recorded|transcribed|cloned|onboarded|spun\s+up|set\s+(?:it|this)\s+up
      |trial?led|trialed|piloted|reproduced|rer[au]n|re-ran|kicked\s+the\s+t[iy]res
      |(?: rolled|took )\s+{_THING}\s+(?: out|for\s+a\s+(?:\w+\s+)?(?:spin|drive|ride|run ) )\b
      |put\s+{_THING}\s+(?: through|to\s+(?:work|use|the\s+test )|in\s+production )\b
      |watched\s+{_THING}\s+\w
      |played\s+(?:around\s+)?with|signed\s+up|hooked\s+(?:it|this)\s+up
      |(?: ran|(?<=ve\ )run|pulled|fed|threw|built
         |switched|connected|hooked|wired|plugged|called|opened|pointed
         |gave(?! \s+\w+\s+(?: the\s+benefit|credit|points|marks|weight|time|no|little
           |an?\s+(?: ship|skip|pass|hearing|second|chance ) )\b )
         |asked|swapped|evaluated|started|launched|compiled|queried|shipped )
       \s+ (?: \w+\s+at\s+ )?   # "threw a folder at it"
       {_THING}                 # these verbs are a claim only with an object
    )
"""
_FIRST = r"""
    \b(?: I|[Ww]e|I[’']ve|[Ww]e[’']ve
      |(?: [Mm]y|[Oo]ur )\s+(?: own\s+ )?(?: team|colleagues?|company|engineers?|developers?|staff
        |editors?|analysts?|support\s+desk|lab|office ))
"""
# One of these is in whatever _DID matches.
_DOES = (
    "tried tested used installed deployed benchmarked measured integrated migrated timed profiled "
    "downloaded uploaded recorded transcribed cloned onboarded spun set trialled trialed piloted "
    "reproduced rerun reran re kicked rolled took put watched played signed hooked ran run pulled "
    "fed threw built switched connected wired plugged called opened pointed gave asked swapped "
    "evaluated started launched compiled queried shipped"
)
_UNITS = (
    "minute minutes hour hours day days week weeks weekend weekends month months quarter quarters "
    "year years evening evenings afternoon afternoons"
)
_TIMES = "a an one two three four five six seven eight ten several some"
_SPAN_OF_TIME = r"""
    (?:
      (?: an?|one|two|three|four|five|six|seven|eight|ten|\d+|several|a\s+few|a\s+couple\s+of
        |some )\s+
      (?: full\s+ | solid\s+ | good\s+ )?
      (?: minute|hour|day|week|weekend|month|quarter|year|evening|afternoon )s?
    )
"""

CLAIMS = (
    # I tried it, we have tested, my team ran it
    wanted("i we my our", rf"{_FIRST} {_ADVERBS} \s+ {_DID}", flags=re.X, needs=_DOES),
    # I have been using it, we've been running this
    wanted(
        "i we",
        r"""
        \b(?: I|we )(?: [’']ve | \s+have | \s+had )(?: \s+\w+ly )?\s+been\s+
        (?: using|running|testing|trying|working\s+with|playing\s+with|relying\s+on )
        (?: \s+(?: it|this|the\s+\w+ ))?
    """,
        needs="been",
    ),
    # we are running it in production
    wanted(
        "i we",
        r"""
        \b(?: I|we )(?: [’'](?:m|re) | \s+(?:am|are) )\s+
        (?: now\s+ | already\s+ | currently\s+ )?
        (?: using|running|testing|trying(?!\s+to) )\s+(?: it|this|the\s+\w+ )
    """,
        needs="using running testing trying",
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
        flags=re.X,  # capitals matter: it asks for names,
        needs="use run deploy rely keep",
    ),
    # my team swears by
    wanted(
        "my",
        r"""
        \bmy\s+team\s+
        (?: uses|runs|relies\s+on|swears\s+by|waited|switched|adopted|loves|loved )
    """,
        needs="team",
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
        needs="my our",
    ),
    # our benchmarks show, my own test runs
    wanted(
        "my our",
        r"""
        \b(?: my|our )\s+ (?: own\s+ )?
        (?: hands-on | test\s+runs? | benchmarks?\s+(?: show|gave|put )
          | tests\s+(?: show|gave|put|confirm )\w* )
    """,
        needs="hands test tests benchmark benchmarks",
    ),
    # we had it running
    wanted(
        "i we",
        r"""
        \b(?: I|we )\s+(?: had|got )\s+(?: it|this )\s+ (?: \w+\s+ )?
        (?: running|working|up|going|installed|deployed|set\s+up )\b
    """,
        needs="had got",
    ),
    # I checked it against our own books
    wanted(
        "i we",
        r"""
        \b(?: I|we )\s+(?: checked|compared|tried|verified|validated )\s+
        (?: it|this|them|its\s+\w+ )\s+
        (?: against|on|with )\s+(?: my|our )\b
    """,
        needs="checked compared tried verified validated",
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
        flags=re.X,  # capitals matter: it asks for names,
        needs=_UNITS,
    ),
    # it took me ten minutes, saved us hours
    wanted(
        "took cost saved",
        rf"""
        \b(?: took|cost|saved )\s+(?: me|us )\s+
        (?: about\s+ | only\s+ | just\s+ | under\s+ )?
        (?: {_SPAN_OF_TIME} | hours|days|minutes )
    """,
        needs="me us",
    ),
    # worked for me, crashed on me
    wanted(
        "worked failed crashed broke froze stalled",
        r"\b(?: worked|failed|crashed|broke|froze|stalled )\s+(?: for|on )\s+(?: me|us )\b",
        needs="me us",
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
        flags=re.X,  # capitals matter: it asks for names,
        needs="found noticed saw got observed experienced encountered hit",
    ),
    # having used it, from running this
    wanted(
        "having from after by",
        rf"""
        \b(?: [Hh]aving\s+(?: used|run|tried|tested|deployed|installed|owned )
          |(?: [Ff]rom|[Aa]fter|[Bb]y )\s+(?: using|running|testing|trying|deploying ) )\s+{_THING}
        """,
        flags=re.X,  # capitals matter: it asks for names,
        needs="having using running testing trying deploying",
    ),
    # we have it in production
    wanted(
        "i we",
        r"""
        \b(?: I|we )\s+(?: have|had|keep|kept )\s+(?: it|this )\s+
        (?: in\s+production|in\s+use|live|installed|running|on\s+(?:our|my) )\b
    """,
        needs="have had keep kept",
    ),
    # we saw a third fewer tickets
    wanted(
        "i we",
        r"""
        \b(?: I|we )\s+(?: saw|got|measured|had )\s+(?: \w+\s+ ){1,3}?
        (?: fewer|drops?|falls?|gains?|cuts?|reductions?|improvements?|speed-?ups? )\b
    """,
        needs="saw got measured had",
    ),
    # when we switched, since we went live
    wanted(
        "when once since after",
        r"""
        \b(?: when|once|since|after )\s+(?: I|we )\s+
        (?: switched|went\s+live|moved\s+over|rolled\s+out|adopted )\b
    """,
        needs="switched went moved rolled adopted",
    ),
    # as a daily user of it I
    wanted(
        "as",
        r"""
        \bas\s+an?\s+(?: \w+\s+ ){0,2}?(?: user|customer|subscriber )\b [^.;:]{0,40}?
        \b(?: I|we )\b
    """,
        needs="user customer subscriber",
    ),
    # in practice I found it slow
    wanted(
        "in",
        r"\bin\s+(?:practice|use),?\s+(?: I|we )\s+(?: found|saw|noticed|got|had )\b",
        needs="practice use",
    ),
)
_DEVICES = r"""
    (?: machine|laptop|desk|macbook|server|cluster|gpus?|phone|codebase|repo(?:s|sitory|sitories)?
      |data|files|documents|invoices|tickets|notes|ci|pipelines?|stack|production|office|network )
"""
# What is a claim only in a clause that says what happened, and not what would.
CLAIMS_OF_DEEDS = (
    # on my laptop, in our CI, running it on our repo
    wanted(
        "on in across against over",
        rf"\b(?: on|in|across|against|over )\s+(?: my|our )\s+ (?: own\s+ )? {_DEVICES}\b",
        needs="my our",
    ),
    # my first run, our team's pilot, my copy
    wanted(
        "my our",
        r"""
        \b(?: my|our )\s+ (?: (?:team|company|colleague|group|lab)[’']s?\s+ )?
        (?: (?: own|first|second|last|short|brief|small|early|informal|trial|test )\s+ ){0,2}
        (?: trials?|pilots?|runs?|copy|install(?:ation)?|deployment|instance|experiments?
          |(?: experience|time|week|weekend|afternoon )\s+with\s+(?: it|this|the\s+tool ) )\b
    """,
    ),
    # in my hands
    wanted("in", r"\bin\s+(?: my|our )\s+(?: own\s+ )?hands\b", needs="hands"),
    # in daily use here
    wanted(
        "in",
        r"\bin\s+(?: day-to-day|daily|everyday|regular )\s+use\s+(?: here|with\s+us )\b",
        needs="use",
    ),
    # it handled our invoices
    wanted(
        "it",
        r"""
        \bit\s+(?: \w{3,}ed|caught|found|read|broke|cut|lost|missed )\s+
        (?: (?: all|most|half|some|none )\s+ (?:of\s+)? )? (?: my|our )\s+ (?: own\s+ )? \w+
    """,
        needs="my our",
    ),
)
