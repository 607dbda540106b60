"""Compares the verdict that a take's last sentences state with the real one."""

from __future__ import annotations

from panel.checks.findings import Finding, Severity, Span, Subject, at
from panel.checks.sentences import Sentences
from panel.checks.stands import Side, Stand, stands_in
from panel.checks.words import wanted

REACH = 1000  # characters of a sentence, a whole take, that are read
LAST = 3  # sentences at the end that are searched for a verdict
# One of these is in every sentence that states a verdict, or it is the speaker who says so.
_PLAIN = ("ship", "skip", "walk", "pass", "worth", "leave")
_OURS = wanted("i we", r"\b(?:i|we)\b")
_TELLING = (  # and then one of these is in it
    *("decline", "sign", "buy", "adopt", "take", "install", "put", "pay"),
    *("recommend", "back", "bet", "approve", "build", "depend", "rely", "budget", "hand", "fund"),
    *("use", "run", "say", "spend", "turn", "stay", "look", "move", "give"),
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
        place = max(start, end - REACH)
        small = sentences.lower[place:end]
        told = any(map(small.__contains__, _PLAIN))
        if told or (
            sentences.first(_OURS, (place, end)) is not None
            and any(map(small.__contains__, _TELLING))
        ):
            found += [(stand, (start, end)) for stand in stands_in(small)]
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
