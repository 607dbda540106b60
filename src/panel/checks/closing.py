"""Reads the verdict that a take's last sentences state, and compares it with the real one."""

from __future__ import annotations

import re
from typing import Literal

from panel.checks.findings import Finding, Subject, at
from panel.checks.sentences import Sentences

Stand = Literal["ship", "skip"]
LAST = 3  # sentences at the end that are searched for a verdict

# "would move me to skip" implies that the take now stands on the other side
_TURN = re.compile(
    r"""
    \b(?: would|could|might|will|can|to )\s+ (?:\w+\s+){0,2}?   # "would still"
    (?: move|change|flip|turn|sway|persuade|convince|send|bring|win|tip|push|take|make|earn
      |reverse|get )\w*\b
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
    \b(?: if|unless|suppose|were\s+it|had\s+it|until )\b [^.;:,]* ,?   # "if it were open, "
    | \b(?: would|could|might )\s+ (?:\w+\s+){0,3}?                    # "would soon earn ..."
      (?: change|move|flip|turn|earn|make )\b [^.;:]*
    """,
    re.I | re.X,
)
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
    # no reason to skip, cannot ship on that
    re.compile(
        rf"\b(?: (?:no|little|every|good)\s+reason\s+to | cannot|can[’']t|won[’']t )\s+ {_NOUN}",
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
        (?: ^ | [.;!?]\s+ | ,\s+(?: so|and|hence|thus|but )\s+ )   # where a statement begins
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
      |(?: too\s+little|not\s+enough )\s+for
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


def closing_verdict(text: str) -> Stand | None:
    """Return the verdict that the last sentences state; None where they state none.

    "Ship" in another sense ("ships with weights") and suppositions ("would move me to
    skip") do not count. The last statement decides.
    """
    found = _closing(text)
    return found[0] if found else None


def _closing(text: str) -> tuple[Stand, int] | None:
    sentences = Sentences(text)
    for start, end in reversed(sentences.spans[-LAST:]):
        sentence = text[start:end]
        if stand := _stand(sentence):
            return stand, start
    return None


def _stand(sentence: str) -> Stand | None:
    turned = _FROM_TO.search(sentence) or _TURN.search(sentence)
    kept = _blank(_FROM_TO, sentence)
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
    return None


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
    found = _closing(subject.text)
    if found is None:
        spans = Sentences(subject.text).spans
        says = (
            "the take's end does not say whether it is a ship or a skip",
            f"Make the last sentence say that this is a {subject.verdict}.",
        )
        return [at(subject.text, spans[-1], "closing-unclear", "note", says)] if spans else []
    stand, start = found
    if stand == subject.verdict:
        return []
    span = Sentences(subject.text).around(start)
    says = (
        f"the take ends on {stand}, but its verdict is {subject.verdict}",
        "Read the take again: correct the ending, reject it, or ask again.",
    )
    return [at(subject.text, span, "verdict-contradicted", "error", says)]
