"""Suspects what is said in the first person as a fact: the writer has only read a page.

``claims.py`` lists what is surely a claim of own use. Here it is the other way round: what is no
judgement, no reading, no supposition and no denial is suspected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from panel.checks.findings import Span
from panel.checks.sentences import Sentences
from panel.checks.words import listed, wanted, words_in

_PERSONS = frozenset(listed("i we my our ours mine me us myself ourselves desk newsroom office"))
# What a reader of a page does: none of it is use.
_READING = frozenset(
    listed(
        "thought believed doubted expected wanted hoped assumed judged weighed counted read looked "
        "searched learned noted asked questioned wondered missed preferred liked disliked needed "
        "trusted distrusted accepted credited granted decided concluded suspected guessed reckoned "
        "supposed inferred imagined compared considered marked called named cited quoted agreed "
        "allowed argued objected began started turned voted shipped skipped passed changed landed "
        "arrived ended settled refused declined dismissed ignored overlooked discounted demanded "
        "heard said wrote knew took gave came went stood had was were did found saw made felt"
    )
)
# Past forms of what is done with a tool, which no rule of spelling tells.
_DONE = frozenset(
    listed(
        "left put ran built fed sent got kept held broke set cut drove bought paid threw sold "
        "drew brought lent hid lost let spent"
    )
)
_SUBJECT = wanted("i we", r"\b(?P<who>I|[Ww]e)\b (?P<rest>[^.;:!?()]{1,60})", flags=re.X)
_DESK = wanted(
    "this",
    r"\bthis\s+(?:desk|newsroom|office|column|reviewer|author)\s+(?P<rest>[^.;:!?()]{1,60})",
)
_WORD = re.compile(r"[\w'’-]+")
_SKIPPED = re.compile(
    r"(?:\w+ly|have|had|has|since|then|also|only|now|once|already|just|both|all)$"
)
_UNREAL = re.compile(
    r"""
    \b(?: would|could|might|may|must|should|shall|will|can|cannot|if|unless|until|whether|before
      |never|not|nobody|nothing|no|nor|neither|without|imagine|suppose|say|wish|were\ to )\b
    | n[’']t\b | [’'](?:d|ll)\b
    """,
    re.I | re.X,
)
_MODAL = re.compile(
    r"\b(?:would|could|might|may|must|should|shall|will|can)\b|[’'](?:d|ll)\b", re.I
)
NEAR = 35  # characters after a verb in which stands what it is done to
# What a deed is done to, or its direction, where it is reading and weighing.
_PAGE = re.compile(
    r"""
    \s(?: to | out\ of | through | it\ in\ the | aside | back )\s
    | \b(?: pages?|descriptions?|copy|claims?|prices?|numbers|figures|sums?|reasons?|arguments?
      |words?|text|sentences?|paragraphs?|money|weight|doubts?|questions?|verdict|bars? )\b
    """,
    re.X,
)
# What a reviewer has of its own without having used anything.
_JUDGED = r"""
    (?: verdicts?|views?|minds?|readings?|judge?ments?|opinions?|doubts?|objections?|questions?
      |answers?|evidence|bars?|bets?|guess(?:es)?|cases?|points?|arguments?|concerns?|worr(?:y|ies)
      |votes?|assent|approval|trust|confidence|attention|eyes?|taste|sides?|lists?|money|knowledge
      |impression|suspicions?|complaints?|reservations?|reasons?|reasoning|hesitation|conclusions?
      |assumptions?|criteri(?:a|on)|standards?|yardstick|test|line|part|sense|word|days?|time|age
      |era|book|terms|purposes?|decade|century|world|only|first|last|main|one|whole|general
      |experience\s+(?: with|of )\s+(?: vendor|such|pages ) )
"""
_POSSESSIVE = wanted("my our", rf"\b(?:my|our)\s+(?:own\s+)?(?!(?:own|{_JUDGED})\b)\w+")
_MINE = wanted("mine ours", r"\b(?:mine|ours)\b")
_A_MINE = re.compile(r"\b(?:an?|the|gold|coal|data|or)\s$", re.I)
_TO_US = wanted(
    "us",
    r"\b(?: (?<=\bleft\ )|(?<=\bgot\ )|(?<=\bgave\ )|(?<=\bcost\ )|(?<=\bsaved\ )"
    r"|(?<=\bdid\ for\ )|(?<=\bworked\ for\ )|(?<=\btook\ )|(?<=ed\ ) )us\b(?!\s+to\b)",
)
_STAY = wanted(
    "a an one two three four five six several",
    r"""
    \b(?: an?|one|two|three|four|five|six|several )\s+ (?: \w+\s+ )?
    (?: day|week|weekend|fortnight|month|quarter|afternoon|evening|hour )s?\s+
    (?: inside|in|on|with|behind|among )\s+ (?: it|its|the|this )\b
    """,
    needs="day days week weeks weekend weekends fortnight fortnights month months quarter quarters "
    "afternoon afternoons evening evenings hour hours",
)
_US = re.compile(r"\b(?:I|[Ww]e|me|us|my|our)\b")


def suspicions(text: str, sentences: Sentences) -> Iterator[Span]:
    """Yield the words that state, in the first person, what only a user of the tool would know."""
    if not words_in(text).any_of(_PERSONS):
        return
    for pattern in (_SUBJECT, _DESK):
        for match in pattern.finditer(text):
            end = _deed(match["rest"], lent=pattern is _SUBJECT)
            verb = match.start("rest") + end
            if end and not _PAGE.search(text, verb, min(verb + NEAR, match.end())):
                first, _last = sentences.clause(match.start())
                if not _UNREAL.search(text, first, verb):
                    yield match.start(), verb
    for pattern in (_POSSESSIVE, _MINE, _TO_US, _STAY):
        for match in pattern.finditer(text):
            first, last = sentences.around(match.start())
            before = text[first : match.start()]
            if before.count("“") > before.count("”") or before.count('"') % 2:
                continue  # somebody else is speaking
            if pattern is _MINE and _A_MINE.search(before):
                continue
            if pattern is _STAY and not _US.search(text, first, last):
                continue
            first, last = sentences.clause(match.start())
            if not _UNREAL.search(text, first, match.end()) and not _MODAL.search(
                text, match.end(), last
            ):
                yield match.span()


def _deed(rest: str, lent: bool) -> int:
    """Return where a verb of a deed in the past ends, if one follows the person; 0 if none does."""
    for word in _WORD.finditer(rest):
        said = word[0].lower()
        if said in ("was", "were", "been") and lent:
            after = _WORD.search(rest, word.end())
            given = after and after[0].lower() in ("lent", "given", "granted", "sold")
            return after.end() if after and given else 0
        if said in _READING or said.startswith(("'", "’")):
            return 0
        if said in _DONE or (said.endswith("ed") and len(said) > 4):
            return word.end()
        if not _SKIPPED.fullmatch(said):
            return 0
    return 0
