"""Reads where each mention of "ship" or "skip" in a sentence puts the speaker, if anywhere.

What is not understood takes no stand: a mention is read as one only in a known form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from panel.checks import stand_patterns as said

Side = Literal["ship", "skip"]
How = Literal["says", "turns", "supposes"]
_Read = tuple[Side, How] | None


@dataclass(frozen=True, slots=True)
class Stand:
    """What one mention says of the speaker's verdict.

    place: where it stands in the sentence. how: it says so, or what would turn it says the
    contrary ("would move me to ship"), or a supposition does. plain: in the words "ship" or
    "skip". last_word: it concludes.
    """

    place: int
    side: Side
    how: How = "says"
    plain: bool = True
    last_word: bool = False


_PLAIN = str.maketrans(dict.fromkeys('"“”«»*_`‘', " ") | {"’": "'"})
_OURS = ("i ", "i'", "we ", "we'", "n't")  # one of these is in each verb of the speaker's
_WALKS = ("walk", "not worth", "leave it", "a pass")  # one of these is in each that walks away


def stands_in(sentence: str) -> list[Stand]:
    """Return the stands that a sentence in small letters takes, in order."""
    text = " ".join(sentence.translate(_PLAIN).split())
    if text.endswith("?"):
        return []
    if text.count("ship") + text.count("skip") > 1:
        text = said.PAIR.sub(lambda pair: "." * len(pair[0]), text)
    found = [stand for start, end in _parts(text) for stand in _read(text, start, end)]
    return sorted(found, key=lambda stand: stand.place)


def _parts(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for mark in said.PART.finditer(text):
        if mark.start() > start:
            yield start, mark.start()
        start = mark.end()
    yield start, len(text)


def _read(text: str, start: int, end: int) -> Iterator[Stand]:
    part = text[start:end].strip()
    start += len(text[start:end]) - len(text[start:end].lstrip())
    opened = text[max(0, start - 2) : start].strip()[-1:] in (":", "—", "–", "-")
    if opened and said.CONDITION.search(text[:start].rsplit(";", 1)[-1].lstrip()):
        return  # "With a price on the page: ship"
    for match in said.MENTION.finditer(part) if "ship" in part or "skip" in part else ():
        read = _mention(part, match)
        if read is not None:
            last = bool(said.CONCLUDES.search(part) or said.BARE.fullmatch(part))
            yield Stand(start + match.start(), read[0], read[1], last_word=last)
    for match in said.OTHER_VERBS.finditer(part) if any(map(part.__contains__, _OURS)) else ():
        if not _open(part[: match.start()], part[match.end() :]):
            side: Side = "ship" if match["ship"] else "skip"
            yield Stand(start + match.start(), _other(side) if match["no"] else side, plain=False)
    for match in said.WALKED.finditer(part) if any(map(part.__contains__, _WALKS)) else ():
        if not said.SOFT.search(part[: match.start()]):
            yield Stand(start + match.start(), "skip", plain=False)


def _open(before: str, after: str) -> bool:
    """Whether the words around a statement make it depend on something."""
    return bool(
        said.CONDITION.search(before) or said.INSIDE.search(before) or said.IF_AFTER.search(after)
    )


def _other(side: Side) -> Side:
    return "skip" if side == "ship" else "ship"


def _mention(part: str, match: re.Match[str]) -> _Read:
    """Return the side that a mention puts the speaker on, and how."""
    before, after = part[: match.start()], part[match.end() :]
    side: Side = "ship" if match["word"] == "ship" else "skip"
    own = max(before.rfind(f" and {who}") for who in ("i ", "i'", "we "))
    if own >= 0 and not said.CONDITION.search(before):  # "..., which could grow, and I skip"
        before = before[own + len(" and ") :]
    if not _of_a_verdict(match["form"] or "", before, after) or said.TO_OTHER.match(after):
        return None
    if said.UNSURE.search(before) or said.STRONGER.search(before):
        return None
    if told := _argued(side, before, after):
        return told[0]
    away = bool(said.AWAY.search(before))
    denied = away or bool(said.NOT.search(before))
    here = _other(side) if denied else side
    if said.INSIDE.search(before) or said.TEMPTED.search(before):
        return None
    if not away and _needed(before, after):
        return here if denied else _other(side), "supposes"
    return _supposed(before, after, here, denied)


def _argued(side: Side, before: str, after: str) -> tuple[_Read] | None:
    """Read a case or a reason for a verdict, or one called unfair; None where there is none."""
    if said.WRONG_TO.search(before) or (
        said.TOO_MUCH.match(after) and not said.SOFT.search(before)
    ):
        return ((_other(side), "says"),)
    if said.CASE.search(before):
        if said.SOFT.search(before) or said.SOFT.search(after):
            return (None,)
        if said.CASE_FAILS.match(after) or said.AWAY.search(before) or said.NOT.search(before):
            return ((_other(side), "says"),)
        return ((side, "says"),) if said.CASE_HOLDS.match(after) else (None,)
    if not said.REASONS.search(before):
        return None
    if said.SOFT.search(before) or not (said.MY_REASON.search(before) or said.FEW.match(after)):
        return (None,)
    few = said.AWAY.search(before) or said.FEW.match(after) or said.NOT.search(before)
    return ((_other(side) if few else side, "says"),)


def _needed(before: str, after: str) -> bool:
    """Whether the words say what a verdict would take, so that it is not given."""
    if said.NEEDS.match(after) or said.WANTS.search(before):
        return True
    return bool(said.FOR_IT.search(before) and said.NEEDED.search(after))


def _supposed(before: str, after: str, here: Side, denied: bool) -> _Read:
    """Read a mention by what it depends on: nothing, a condition, or what cannot be told."""
    condition = bool(said.CONDITION.search(before))
    depends = condition or bool(said.IF_AFTER.search(after))
    if said.COUNTERFACTUAL.search(before):
        return _other(here), "supposes"
    change = said.CHANGES.search(before)
    if change:
        return _changed(before, change, (here, denied), depends)
    if said.POLITE.search(before) or said.IT_WOULD_BE.search(before):
        if depends:
            return None if " still " in before else (_other(here), "supposes")
        return None if said.SOFT.search(before) and said.MAYBE.match(before) else (here, "says")
    modal = next((m for m in reversed([*said.MODAL.finditer(before)])), None)
    finite = said.FINITE if modal and "," in before[modal.end() :] else said.MEANS
    if modal and not finite.search(before, modal.end()):
        if re.search(rf"{said.SELF} $", before[: modal.start()]) or depends:
            return (_other(here), "supposes") if depends else None
        if modal[0] in ("will", "can") or re.search(
            r"\b(?:this|that|it) $", before[: modal.start()] or " "
        ):
            return None
        if re.search(r"(?:would|could|might|may|'d) $", before):  # "others would ship it"
            return None
        return here if denied and not condition else _other(here), "supposes"
    return None if depends else (here, "says")


def _changed(before: str, change: re.Match[str], here: tuple[Side, bool], depends: bool) -> _Read:
    """Read what brings a verdict: "would move me to ship" says that it is none yet."""
    side, denied = here
    if re.search(r"\bs[hk]ip\b", change["what"]) or said.MODAL.search(before) or depends:
        return None if denied else (_other(side), "turns")
    return None if change["inf"] or said.INDEFINITE.search(before) else (side, "says")


def _of_a_verdict(form: str, before: str, after: str) -> bool:
    """Whether the word is the verdict, and no other ship or skip."""
    if form == "ped":
        return bool(re.search(r"\b(?:should|must|deserves to|ought to|to) (?:\w+ )?be $", before))
    if form == "s":
        plain = re.match(r"(?=$|[.,;:!?)])| (?:because|on the|narrowly|for me|today|now)\b", after)
        begins = not before.strip() or said.IT_SHIPS.search(before)
        return bool(begins and plain)
    if form == "ping":
        argued = said.CASE.search(before) and not said.ELSE.match(after)
        return bool(argued or (said.BEFORE_GERUND.search(before) and said.ENDS.match(after)))
    if said.BEFORE_VERB.search(before) and said.ENDS.match(after) and not said.ELSE.match(after):
        return True
    if not before.strip():
        return False
    noun = (
        said.BEFORE_NOUN.search(before) or said.CHANGES.search(before) or said.WANTS.search(before)
    )
    return bool(noun and said.ENDS.match(after)) and not said.ELSE.match(after)
