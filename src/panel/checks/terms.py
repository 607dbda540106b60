"""Checks claims of openness and of what one may do, where no licence is named."""

from __future__ import annotations

import re
from dataclasses import dataclass

from panel.checks.findings import Finding, Severity, Span, Spans, at
from panel.checks.mentions import FAMILIES
from panel.checks.sentences import Sentences
from panel.checks.source import Source
from panel.checks.words import Wanted, wanted, words_in

_CLOSED_TO_TRADE = frozenset({"CC BY-NC", "CC BY-NC-SA", "CC BY-NC-ND"})
_OPEN = (
    FAMILIES - _CLOSED_TO_TRADE - {"CC BY-ND", "BUSL", "SSPL", "Elastic", "OpenRAIL", "Community"}
)
_DENIED = re.compile(
    r"""
    \b(?:
      not(?: \ an? | \ the | \ under | \ just | \ merely )?
      |no|nor|never|isn[’']t|rather\ than|instead\ of|unlike
      |without(?: \ an? )?
      |neither
      |than(?: \ an? | \ the )?
      |lacks?\ an?
    )\s+
    (?: [\w'’-]+\s+ ){0,2}? $   # up to two words before the licence
    """,
    re.I | re.X,
)
# To be allowed is no supposition: "anyone may fork it".
_ALLOWED = re.compile(
    r"\b(?:anyone|anybody|everyone|everybody|you|one|users?|teams?|developers?|strangers|it|they|code"
    r"|weights)\ may\ (?:\w+\ )?(?:fork|use|copy|modify|sell|run|build|host|redistribute|be)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class _Term:
    """A claim: what it says, how it is written, and what in a source bears it out.

    The group "it" of the pattern, where there is one, is the place of the finding. families:
    whether an open licence bears it out as well.
    """

    claim: str
    pattern: Wanted
    borne_out: re.Pattern[str]
    families: bool = True


_TRADE = "commercial commercially noncommercial"
_TRADE_ALLOWED = r"""
    \b(?:
      commercial\ (?: use|work|projects?|resale )\ (?: is|are )\ (?: allowed|permitted|free|fine )
      | (?: as|so )\ (?: is|are )\ commercial\ (?: use|work|projects?|resale )
      | (?: allows?|permits?|free\ for|fit\ for|covers?|permitting|allowing )\ commercial\ use
      | (?: may|can )\ be\ used\ commercially
      | commercially\ usable
    )\b
"""
_TRADE_BARRED = r"""
    \b(?:
      (?: forbids?|bars?|excludes?|prohibits?|no|rules?\ out )\ commercial\ use
      | commercial\ use\ is\ (?:
          excluded|forbidden|barred|prohibited|not\ (?: allowed|permitted ) )
      | non-?commercial(?:\ use)?\ only
    )\b
"""
_BARS = re.compile(_TRADE_BARRED + r"| \bnon-?commercial\b", re.I | re.X)
_NEVER = re.compile("(?!)")
_ALLOWS = _Term(
    "commercial use allowed",
    wanted(
        "commercial commercially as so allow allows permit permits free fit cover covers "
        "permitting allowing may can",
        _TRADE_ALLOWED,
        needs=_TRADE,
    ),
    _NEVER,
)
_EXCLUDES = _Term(
    "commercial use excluded",
    wanted(
        "forbid forbids bar bars exclude excludes prohibit prohibits no rule rules commercial non "
        "noncommercial",
        _TRADE_BARRED,
        needs=_TRADE,
    ),
    _NEVER,
    families=False,
)
_TERMS = (
    _ALLOWS,
    _EXCLUDES,
    _Term(
        "the tool open source",
        wanted(
            "is are being stay stays remain remains its fully entirely completely as this open",
            r"""
        \b(?: is|are|being|stays?|remains?|its|fully|entirely|completely|as|this )\s+ (?: an?\s+ )?
        (?P<it> open[\s-]sourced? )\b
        (?! \s+(?: rival|alternative|competitor|clone|communit|ecosystem|project|model|world
          |equivalent ))   # said of something else
        | \bits\ (?P<its> open[\s-]source )\ \w
        | \b(?P<part> open[\s-]source )\ (?: engine|core|client|runtime|parser|server|backend|base
          |foundation|kernel|library|libraries|component|stack|model )\b
            """,
            needs="source sourced",
        ),
        re.compile(r"\bopen[\s-]source", re.I),
    ),
    _Term(
        "the weights open",
        wanted(
            "the its their these those whose both published open such it model "
            "tool this engine come comes ship ships released offered built on uses "
            "runs wraps around behind inside",
            r"""
        \b(?: the|its|their|these|those|whose|both|published )\ (?:\w+\ )?
        (?P<it> weights\ (?: are|being|stay|remain|come )\ (?: \w+ly\ )?
            (?: open|public|published|free|available|downloadable )\b
          | weights\ (?: can|may )\ be\ (?: downloaded|fetched|fine-tuned|inspected|hosted|run )\b )
        | (?: ^ | (?<=[.!?]\ ) | \b(?: its|the|these|their|such )\ )
        (?P<weights> open\ weights )\b (?! \ (?: rival|release|competitor|model|alternative ) )
        | \b(?: it|model|tool|this|engine )\ (?: is|stays|remains )\ (?: an?\ )?
        (?P<model> open-weights? )\b
        | \b(?: comes?|ships?|released|offered|published|built|model|engine )\ (?: with|on|under )\s
        (?P<with> open\ weights )\b
        | \b(?: on|uses|runs|wraps|around|behind|inside )\ an?\ (?P<on> open[\ -]weights? )\ model\b
            """,
            needs="weight weights",
        ),
        re.compile(
            r"open[\s-]weights?\b|\bweights\b[^.]{0,60}\b(?:open|publi|download|fetch|includ|availab|releas"
            r"|free)|\b(?:open|publish|download|includ|fetch|releas|get)\w*\b[^.]{0,60}\bweights\b",
            re.I,
        ),
    ),
    _Term(
        "its licence open or permissive",
        wanted(
            "permissive permissively openly liberally freely is on under has have "
            "with carries by of licence license copyleft",
            r"""
        \b(?: permissive(?:ly)?|openly|liberally|freely )[\ -]licen[sc]ed?\b
        | \b(?: is|on|under|has|have|with|carries|by|of )\ an?\ (?: \w+\ )?
          (?: permissive|copyleft|open|liberal|free )\ (?: licen[sc]e|project )\b
        | \blicen[sc]e\ (?: is|stays )\ (?: \w+ly\ )? (?: permissive|open|liberal|generous|free )\b
        | \bcopyleft\ (?: project|code|licen[sc]e )\b
            """,
            needs="licence licensed license licenced copyleft project",
        ),
        re.compile(r"\b(?:permissive|copyleft|openly licen|open[\s-]source|open licen)", re.I),
    ),
    _Term(
        "its source public",
        wanted(
            "the its whose all source in into anyone anybody you user users team "
            "teams developer developers one strangers open",
            r"""
        \b(?: the|its|whose|all )\ (?P<it> (?: source(?:\ code)?|code )\ (?: is|stays|sits|lives )
          \ (?: \w+ly\ )? (?: public|open|available|published|visible|on\ GitHub|in\ the\ open ) )\b
        | \bsource[\ -]available\b | \b(?: in|into )\ the\ public\ domain\b
        | \b(?: anyone|anybody|you|users?|teams?|developers?|one|strangers )\ (?: can|may )
          \ fork\ (?: it|the\ \w+ )\b
        | \bopen-sourced\b
            """,
            needs="source sourced code domain fork",
        ),
        re.compile(
            r"\bopen[\s-]source|\bsource[\s-]available|public domain|\bon github\b"
            r"|\b(?:the|a|public|in our) repository\b"
            r"|\bsource\b[^.]{0,40}\b(?:public|open|availab|publish)"
            r"|\bcode (?:is|can be) (?:\w+ly )?(?:public|open|availab|publish|read|fetch|download)"
            r"|code that produced|so is the code",
            re.I,
        ),
    ),
    _Term(
        "it royalty-free",
        wanted(
            "royalty without no",
            r"\broyalty-free\b | \b(?: without|no )\ royalt(?:y|ies)\b",
            needs="royalty royalties",
        ),
        re.compile(r"royalt", re.I),
        families=False,
    ),
    _Term(
        "a commercial licence included",
        wanted(
            "come comes has offers includes with sells",
            r"""
        \b(?: comes\ with|has|offers|includes|with|sells )\ (?P<it> an?\ (?: \w+\ )?
          commercial\ licen[sc]e )\b
            """,
            needs="commercial",
        ),
        re.compile(r"\bcommercial\b", re.I),
        families=False,
    ),
)


def unclaimed(text: str, span: Span, sentences: Sentences) -> bool:
    """Whether the words around a licence or a term deny or suppose it."""
    start, end = sentences.around(span[0])
    if _DENIED.search(text[start : span[0]]) or sentences.said_missing(span):
        return True
    return sentences.supposed(span[0]) and not _ALLOWED.search(text, start, end)


def check_terms(text: str, sentences: Sentences, source: Source) -> list[Finding]:
    """Find claims about openness and commercial use that the source does not support."""
    words = words_in(text)
    told_of = [
        (term, [*term.pattern.finditer(text)]) for term in _TERMS if words.starts(term.pattern)
    ]
    if not any(matches for _term, matches in told_of):
        return []
    families = {mention.family for mention in source.licences}
    opened = bool(families & _OPEN)
    found, told = list[Finding](), Spans()
    for term, matches in told_of:
        if not matches:
            continue
        wrong = not (term.families and opened)
        severity: Severity = "warning"
        if term in (_ALLOWS, _EXCLUDES):
            barred = bool(families & _CLOSED_TO_TRADE or source.has(_BARS))
            allowed = opened or bool(source.has(_ALLOWS.pattern.pattern))
            wrong = not allowed if term is _ALLOWS else allowed and not barred
            severity = "error" if barred or term is _EXCLUDES else "warning"
        for match in matches if wrong else ():
            span = match.span(match.lastgroup or 0)
            if told.touch(span) or unclaimed(text, span, sentences):
                continue
            if source.has(term.borne_out):
                break
            told.add(span)
            says = (
                f"the source does not call {term.claim}",
                "Check the terms, and say what they say.",
            )
            found.append(at(text, span, "licence-outside-source", severity, says))
    return found
