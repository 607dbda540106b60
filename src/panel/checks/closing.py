"""Reads the verdict that a take's last sentences state, and compares it with the real one."""

from __future__ import annotations

import re
from typing import Literal

from panel.checks.findings import Finding, Subject, at
from panel.checks.sentences import Sentences
from panel.checks.words import lowered

Stand = Literal["ship", "skip"]
REACH = 1000  # characters of a sentence, a whole take, that are read
LAST = 3  # sentences at the end that are searched for a verdict

# "would move me to skip" implies that the take now stands on the other side
_TURN = re.compile(
    r"""
    (?: \b(?: would|could|might|will|can )\s+ (?:\w+\s+){0,2}?   # "would still"
        (?: move|change|flip|turn|sway|persuade|convince|send|bring|win|tip|push|take|make|earn
          |reverse|get|start )\w*\b
      | \bto\s+ (?: move|change|flip|turn|sway|persuade|convince|send|bring|tip|push|make )\s+
        (?: me|us|it|this|my\s+\w+ )\b )                         # "enough to move me"
    [^.;:]{0,40}? \b(?P<to> ship|skip )\b                       # "move me to skip"
    | \b(?: from | keeps?\s+(?:me|it|this)\s+from )\s+ (?:a\s+)?
      (?P<off> ship|skip )\b (?!\s+to\b)                        # "keeps me from a ship"
    """,
    re.I | re.X,
)
_FROM_TO = re.compile(
    r"\b from\s+(?:an?\s+)? (?P<off> ship|skip ) \s+to\s+(?:an?\s+)? (?P<to> ship|skip ) \b",
    re.I | re.X,
)
_SUPPOSED = re.compile(
    r"""
    \b(?: if|unless|suppose|were\s+it|had\s+it|until|before )\b [^.;:,]* ,?   # "if it were open, "
    | \b(?: would|could|might )\s+ (?:\w+\s+){0,3}?                    # "would soon earn ..."
      (?: change|move|flip|turn|earn|make )\b [^.;:]*
    """,
    re.I | re.X,
)
# Where a supposition ends: "..., but today it is a ship".
_PART = re.compile(
    r"""
    [;:—–]
    | ,\s+ (?= (?: but|yet|though|so|still|and\s+so|and\s+even\s+so|as\s+it|today|for\s+now )\b )
    """,
    re.I | re.X,
)
_CONDITION = re.compile(
    r"""
    (?<! \beven\s )
    \b(?: if (?! \s+(?: only|not|\w+ly|pressed|forced|asked|I\s+(?: must|had\s+to|were\s+to ) )\b )
      |unless|suppose|provided|were\s+(?: it|the|this|its|there )|had\s+(?: it|the|this|its ) )\b
    """,
    re.I | re.X,
)
# "a named customer would be enough for a ship", "a ship would need a price"
_WOULD = re.compile(
    r"""
    (?: \b(?: would|could|might )\b | (?<=\w)[’']d\b )
    (?: (?! \b(?: means|makes|is|are|was|has|earns|forces|leaves|becomes )\b ) [^.;:,] ){0,80}?
    \b(?: an?|the|my|to|into|for|towards?|me|it|this|us|of|on|at )\s+ (?P<word> ship|skip )\b
    (?= \s*[.,;:!?)—–] | \s*$
      | \s+(?: it|this|for|on|because|from|needs?|today|now|as|and|even|if|when|is )\b )
    | \b(?: an?|the )\s+ (?P<noun> ship|skip )\s+ (?: (?:it|this)\s+ )?
      (?: would|could|might|needs|requires )\b [^.;:,]*
    """,
    re.I | re.X,
)
_I_WOULD = re.compile(
    r"""
    \b(?: I|we )(?: \s+(?: would|could|might ) | [’']d )
    (?: \s+\w+ ){0,2}? \s+ (?P<word> ship|skip )\b
    """,
    re.I | re.X,
)
# Who says so now, in the politest form: "I would call it a ship", "this would be a skip"
_SPEAKER = re.compile(
    r"\b(?: I|we )\b,? (?: \s+(?: still|also|now|too|myself|therefore|for\s+one|\w+ly ),? )* \s* $",
    re.I | re.X,
)
_IT_WOULD_BE = re.compile(r"\b(?: this|that|it ) \s* $", re.I | re.X)
_NOUN = r"""
    (?P<word> ship|skip )\b
    # "ship with weights" and the like: another verb
    (?! \s+(?: with|in|under|as|to|weights|code|features|it\s+with|logs? ))
"""
_SPOKEN = (
    # a ship, the skip, earns a ship, stand at skip, verdict: ship
    re.compile(
        rf"""
        \b(?: an?|the|my|clear|cautious|narrow|reluctant|firm|qualified
          |stays?|remains?|still
          |verdict\s*(?:is|:)?
          |on|at|on\s+the\s+side\s+of|for
          |is|say|says|call
          |therefore|hence|so|thus
          |becomes?|it )\s+
        {_NOUN}
        (?! \s+(?: date|log|step ))   # "the ship date"
        """,
        re.I | re.X,
    ),
    # "... — ship", "so: a skip"
    re.compile(rf"(?: [:—–] | \bso: ) \s* (?: an?\s+ | the\s+ )? {_NOUN}", re.I | re.X),
    # no reason to skip, wrong to skip, cannot ship on that
    re.compile(
        rf"""
        \b(?: (?:no|little|every|good)\s+reason\s+to
          |(?: wrong|unfair|foolish|rash|a\s+(?:mistake|shame|pity) )\s+to
          |cannot|can[’']t|won[’']t )\s+ {_NOUN}
        """,
        re.I | re.X,
    ),
    # enough to ship, too little here to ship
    re.compile(
        rf"\b(?: enough|too\s+little )\s+ (?: \w+\s+ ){{0,2}} to\s+ {_NOUN}"
        r" (?= \s*[.,;:!—–] | \s*$ | \s+(?:it|this|on)\b )",
        re.I | re.X,
    ),
    # I would ship it, I will skip, we ship, I still skip, I'd skip
    re.compile(
        rf"""
        \bI
        (?: \s+(?: would|will|do|can|must|should|still|therefore|have\s+to|choose\s+to )
          | [’'](?: d|ll ) )*
        (?: \s+(?: still|rather|gladly|happily|therefore|not|never|hardly|also ))*
        \s+ {_NOUN}
        """,
        re.I | re.X,
    ),
    # Ship. Skip for now; Shipping because; ships, narrowly
    re.compile(
        r"""
        (?: ^\s* | [.;!?]\s+ | ,\s+(?: so|and|hence|thus|but )\s+ )   # where a statement begins
        (?: still,?\s+ | so,?\s+ | verdict:\s* )?
        (?: an?\s+ )?
        (?P<word> ship|skip )(?: s|ping )?\b
        (?= \s*[.,;:!—–]                                           # where it ends, or goes on
          | \s+(?: because|for|on|until|it\b|this|today|now|narrowly|as\b|the\b|when|since|only
            |at )
          | \s*$ )
        """,
        re.I | re.X,
    ),
    # it therefore ships, narrowly
    re.compile(
        r"""
        \b(?: it|this|that|which|and|so\s+it|tool|hence )\s+
        (?: therefore\s+ | just\s+ | narrowly\s+ | still\s+ )?
        (?P<word> ship|skip )s\b
        (?= \s*[.,;:!—–] | \s*$ | \s+(?: because|on\s+the|narrowly|for\s+me ))
        """,
        re.I | re.X,
    ),
)
# what turns a verdict that follows into the other one: "no reason to <skip>"
_TURNED = re.compile(
    r"""
    \b(?:
      not|never|no|cannot|can[’']t|won[’']t|wouldn[’']t|don[’']t|isn[’']t|hardly   # negations
      |short\s+of|far\s+from|stops?\s+short\s+of                                  # distance
      |not\s+enough\s+for|too\s+little
      |(?: wrong|unfair|foolish|rash|mistake|shame|pity )\s+to
      |away\s+from|than|nor|instead\s+of|rather\s+than|out\s+of                   # alternatives
      |keeps?\s+(?:me|it|this)\s+from
      |neither|without|no\s+reason\s+to|hard\s+to|against
    )\s+
    (?:\w+\s+){0,3}? $
    """,
    re.I | re.X,
)
_WALKED = re.compile(
    r"""
    \b(?:
      walk(?:ing)?\s+away
      | I\s+(?: would\s+ | will\s+ | ’d\s+ | 'd\s+ )? (?: pass\b | decline )
      | not\s+worth\s+(?:an|the|my)\s+\w+
      | leave\s+it\s+(?:alone|be)
    )
    """,
    re.I | re.X,
)
# One of these is in every sentence that states a verdict.
_TELLING = ("ship", "skip", "walk", "pass", "decline", "worth", "leave")


def closing_verdict(text: str) -> Stand | None:
    """Return the verdict that the last sentences state; None where they state none.

    "Ship" in another sense ("ships with weights") and suppositions ("would move me to
    skip") do not count. The last statement decides.
    """
    found = _closing(Sentences(text))
    return found[0] if found else None


def _closing(sentences: Sentences) -> tuple[Stand, int] | None:
    for start, end in reversed(sentences.spans[-LAST:]):
        sentence = sentences.text[max(start, end - REACH) : end]
        if any(word in lowered(sentence) for word in _TELLING) and (stand := _stand(sentence)):
            return stand, start
    return None


def _stand(sentence: str) -> Stand | None:
    supposed, kept = _suppositions(sentence)
    turned = _FROM_TO.search(kept) or _TURN.search(kept)
    kept = _blank(_FROM_TO, kept)
    kept = _blank(_TURN, kept)
    kept = _blank(_SUPPOSED, kept)
    stands: list[tuple[int, Stand]] = []
    for pattern in _SPOKEN:
        for match in pattern.finditer(kept):
            place = match.start("word")
            stands.append((place, _read(match["word"], kept[:place])))
    stands += [(match.start(), "skip") for match in _WALKED.finditer(kept)]
    if stands:
        return max(stands)[1]
    if turned:
        off = turned["off"]
        if off and turned.re is _TURN:  # "keeps me from a ship"
            return _other(off.lower())
        return _read(off, "") if off else _other(turned["to"].lower())
    return supposed


def _suppositions(sentence: str) -> tuple[Stand | None, str]:
    """Return the stand that suppositions imply, and the sentence with them blanked out.

    What would bring a ship says that this is none yet: "a price would be enough for a ship".
    """
    implied: Stand | None = None
    start = 0
    for end in [*(mark.start() for mark in _PART.finditer(sentence)), len(sentence)]:
        part = sentence[start:end]
        condition = _CONDITION.search(part)
        for match in [*_WOULD.finditer(part), *(_I_WOULD.finditer(part) if condition else ())]:
            if not condition and _spoken(part[: match.start()], match[0]):
                continue
            word = match["word"] or match["noun"]
            denied = condition and re.search(r"\b(?:not|never)\b", match[0], re.I)
            implied = _read(word, "") if denied else _other(word.lower())
            place = start + match.start()
            blank = " " * len(match[0])
            sentence = sentence[:place] + blank + sentence[place + len(blank) :]
        start = end
    return implied, sentence


def _spoken(before: str, words: str) -> bool:
    """Whether "would" is a polite form of the speaker's own verdict."""
    be = re.match(r"\S+\s+(?:\w+\s+)?be\b", words)
    return bool(_SPEAKER.search(before) or (be and _IT_WOULD_BE.search(before)))


def _blank(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: " " * len(match[0]), text)


def _read(word: str, before: str) -> Stand:
    stand: Stand = "ship" if word.lower() == "ship" else "skip"
    return _other(stand) if _TURNED.search(before) else stand


def _other(stand: str) -> Stand:
    return "skip" if stand == "ship" else "ship"


def check_closing(subject: Subject) -> list[Finding]:
    """Find a take whose last sentences contradict its verdict, or state none."""
    if not subject.text.strip():
        return []
    sentences = Sentences(subject.text)
    found = _closing(sentences)
    if found is None:
        spans = sentences.spans
        says = (
            "the take's end does not say whether it is a ship or a skip",
            f"Make the last sentence say that this is a {subject.verdict}.",
        )
        return [at(subject.text, spans[-1], "closing-unclear", "note", says)] if spans else []
    stand, start = found
    if stand == subject.verdict:
        return []
    span = sentences.around(start)
    says = (
        f"the take ends on {stand}, but its verdict is {subject.verdict}",
        "Read the take again: correct the ending, reject it, or ask again.",
    )
    return [at(subject.text, span, "verdict-contradicted", "error", says)]
