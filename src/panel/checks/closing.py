"""Compares the verdict that a take's last sentences state with the real one."""

from __future__ import annotations

from panel.checks.findings import Finding, Severity, Span, Subject, at
from panel.checks.sentences import Sentences
from panel.checks.stands import Side, Stand, stands_in
from panel.checks.words import lowered

REACH = 1000  # characters of a sentence, a whole take, that are read
LAST = 3  # sentences at the end that are searched for a verdict
# One of these is in every sentence that states a verdict.
_TELLING = (
    *("ship", "skip", "walk", "pass", "decline", "worth", "leave", "sign", "buy", "adopt", "take"),
    *("install", "put", "recommend", "pay", "back", "bet", "approve", "build", "depend", "rely"),
    *(
        "budget",
        "hand",
        "fund",
        "use",
        "run",
        "say",
        "spend",
        "turn",
        "stay",
        "look",
        "move",
        "give",
    ),
)


def closing_verdict(text: str) -> Side | None:
    """Return the verdict that the last sentences state, or imply; None where they do neither.

    "Ship" in another sense ("ships with weights") and mere suppositions do not count. What is
    stated comes before what is implied ("a price would move me to ship": a skip so far), and
    the last statement decides.
    """
    found = _decisive(_stands(Sentences(text)))
    return found[-1][0].side if found else None


def _stands(sentences: Sentences) -> list[tuple[Stand, Span]]:
    """Return the stands of the last sentences, in order, each with its sentence."""
    found: list[tuple[Stand, Span]] = []
    for start, end in sentences.spans[-LAST:]:
        sentence = sentences.text[max(start, end - REACH) : end]
        small = lowered(sentence)
        if any(word in small for word in _TELLING):
            found += [(stand, (start, end)) for stand in stands_in(sentence)]
    return found


def _decisive(found: list[tuple[Stand, Span]]) -> list[tuple[Stand, Span]]:
    """Return the stands of the strongest kind: in plain words, in other verbs, implied."""
    kinds = ("says", True), ("says", False), ("turns", True), ("supposes", True)
    for kind in kinds:
        if chosen := [each for each in found if (each[0].how, each[0].plain) == kind]:
            return chosen
    return []


def check_closing(subject: Subject, sentences: Sentences) -> list[Finding]:
    """Find a take whose last sentences contradict its verdict. They need not state one."""
    found = _decisive(_stands(sentences))
    if not found:
        return []
    stand, (start, _end) = found[-1]
    both = len({each.side for each, _sentence in found}) > 1
    if stand.side == subject.verdict or stand.how == "supposes" or (both and not stand.last_word):
        return []
    severity: Severity = "error" if stand.how == "says" else "warning"
    ends = "ends on" if stand.how == "says" else "names what would change its mind, as one of a"
    says = (
        f"the take {ends} {stand.side}, but its verdict is {subject.verdict}",
        "Read the take again: correct the ending, reject it, or ask again.",
    )
    span = sentences.around(start)
    return [at(subject.text, span, "verdict-contradicted", severity, says)]
